"""How a frame is shown on a page."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from eie.studies.plots.carry import with_data

if TYPE_CHECKING:
    from IPython.display import Markdown
    from pandas.io.formats.style import Styler


def show(frame: pd.DataFrame, name: str, number: str, columns: dict[str, str] | None = None) -> Styler | Markdown:
    """A frame as a table of a page, or a word that there is nothing to show.

    Parameters
    ----------
    frame : DataFrame
    name : str
        Name of the table within its page; makes its HTML the same in every build.
    number : str
        Format of numbers, such as `"{:.1f}"`.
    columns : mapping of column to format, optional
        Formats of single columns.
    """
    if frame.empty:
        from IPython.display import Markdown

        return Markdown("*There is nothing to show for these parameters.*")
    plain = frame.rename_axis(index=None, columns=None)
    plain.columns = [f"{column:g}" if isinstance(column, (int, float)) else column for column in plain.columns]
    formats = dict.fromkeys(plain.columns, number) | (columns or {})
    shown = {column: partial(_shown, form) for column, form in formats.items()}
    style = plain.style.format(shown, na_rep="-").set_uuid(name)
    prose = [column for column in plain if _is_prose(plain[column])]
    if prose:  # which takes room that names of rows leave, if they may be broken
        style.set_table_styles([{"selector": "th.row_heading", "props": "white-space: normal; min-width: 9rem"}])
        style.set_table_styles(dict.fromkeys(prose, _PROSE), overwrite=False)
    return with_data(style, **{name: frame})


def significant(value: float, digits: int = 3) -> str:
    """Write a number to read: with a comma between thousands, and so many significant digits."""
    return f"{float(f'{value:.{digits}g}'):,g}" if abs(value) < 1e6 else f"{float(f'{value:.{digits}g}'):,.0f}"


_LONG = 40
"""Letters: text longer than this needs a column of some width."""

_PROSE: Any = [{"selector": "td", "props": "text-align: left; min-width: 18rem"}]


def _is_prose(column: pd.Series) -> bool:
    return any(isinstance(value, str) and len(value) > _LONG for value in column)


def _shown(form: str, value: Any) -> str:
    """A number as text, without the sign of a zero that was rounded to."""
    text = form.format(value)
    return form.format(0.0) if text.startswith("-") and not text.strip("-0.,") else text
