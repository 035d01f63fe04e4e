"""How a frame is shown on a page."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from eie._carry import carrying

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
    return carrying(plain.style.format(shown, na_rep="-").set_uuid(name), **{name: frame})


def _shown(form: str, value: Any) -> str:
    """A number as text, without the sign of a zero that was rounded to."""
    text = form.format(value)
    return form.format(0.0) if text.startswith("-") and not text.strip("-0.,") else text
