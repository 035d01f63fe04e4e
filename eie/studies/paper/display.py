"""How a frame is shown on a page."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from eie.studies.plots.carry import with_data
from eie.writing.words import neat, printed, significant, with_minus

if TYPE_CHECKING:
    from IPython.display import Markdown
    from pandas.io.formats.style import Styler

NEAT = "neat"
"""Format of numbers of any size: three or four digits that matter, and a comma between thousands."""

THREE = "three digits"
"""Format of numbers of any size: three digits that matter, and a comma between thousands."""

Head = str | tuple[str, str]


def show(
    frame: pd.DataFrame,
    name: str,
    number: str = NEAT,
    columns: Mapping[str, str] | None = None,
    heads: Mapping[str, Head] | None = None,
) -> Styler | Markdown:
    """Show a frame as a table of a page, or say that there is nothing to show.

    A plain numbering of the rows is not shown. The files of the book carry the frame as it is.

    Parameters
    ----------
    frame : DataFrame
    name : str
        Name of the table within its page; makes its HTML the same in every build.
    number : str
        Format of numbers, such as `"{:.1f}"`, or `NEAT`, or `THREE`.
    columns : mapping of column to format, optional
        Formats of single columns.
    heads : mapping of column to head, optional
        The columns to show, in this order, and what they are called; two texts are a group and a head in it. All
        columns under their names if left out.
    """
    if frame.empty:
        from IPython.display import Markdown

        return Markdown("*There is nothing to show for these parameters.*")
    plain = frame.rename_axis(index=None, columns=None)
    plain.columns = [f"{column:g}" if isinstance(column, (int, float)) else column for column in plain.columns]
    formats = dict.fromkeys(plain.columns, number) | dict(columns or {})
    if heads:
        known = [column for column in heads if column in plain]
        plain, formats = plain[known], {column: formats[column] for column in known}
    plain, formats = _with_heads(plain, formats, heads or {})
    plain.index = plain.index.map(printed)
    shown = {column: partial(_shown, form) for column, form in formats.items()}
    style = plain.style.format(shown, na_rep="-").set_uuid(name)
    if isinstance(frame.index, pd.RangeIndex) and frame.index.name is None:
        style.hide(axis="index")
    if len(plain.columns) >= _MANY:
        style.set_table_attributes('class="wide"')  # smaller print, see the book's style sheet
    words = [column for column in plain if plain[column].map(lambda value: isinstance(value, str)).all()]
    style.set_table_styles(dict.fromkeys(words, _WORDS), overwrite=False)
    prose = [column for column in plain if _is_prose(plain[column])]
    if prose or max(len(str(label)) for label in plain.index) > _SHORT:  # names of rows take less room if broken
        style.set_table_styles(_BROKEN_NAMES, overwrite=False)
        style.set_table_styles(dict.fromkeys(prose, _PROSE), overwrite=False)
    return with_data(style, **{name: frame})


def _with_heads(
    plain: pd.DataFrame, formats: Mapping[str, str], heads: Mapping[str, Head]
) -> tuple[pd.DataFrame, dict[Any, str]]:
    """A frame under the heads of its columns, in groups if any has a group, and the formats by head."""
    named = [heads.get(column, str(column)) for column in plain.columns]
    plain = plain.copy()
    if any(isinstance(head, tuple) for head in named):
        pairs = [head if isinstance(head, tuple) else ("", head) for head in named]
        plain.columns = pd.MultiIndex.from_tuples([(printed(group), printed(head)) for group, head in pairs])
    else:
        plain.columns = pd.Index([printed(head) for head in named])
    return plain, dict(zip(plain.columns, formats.values(), strict=True))


_MANY = 8
"""Columns: a table with as many needs smaller print."""

_SHORT = 20
"""Letters: names of rows that are longer may be broken."""

_LONG = 40
"""Letters: text longer than this needs a column of some width."""

_BROKEN_NAMES: Any = [{"selector": "th.row_heading", "props": "white-space: normal; min-width: 9rem"}]

_WORDS: Any = [{"selector": "td", "props": "text-align: left"}]

_PROSE: Any = [{"selector": "td", "props": "text-align: left; min-width: 18rem"}]


def _is_prose(column: pd.Series) -> bool:
    return any(isinstance(value, str) and len(value) > _LONG for value in column)


def _shown(form: str, value: Any) -> str:
    """A number as text, without the sign of a zero that was rounded to; text as it is printed."""
    if isinstance(value, str):
        return str(printed(value))
    if form in (NEAT, THREE):
        return neat(value) if form == NEAT else significant(value)
    text = form.format(value)
    return form.format(0.0) if text.startswith("-") and not text.strip("-0.,") else with_minus(text)
