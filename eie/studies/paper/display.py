"""How a frame is shown on a page."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from math import floor, log10
from typing import TYPE_CHECKING, Any

import pandas as pd

from eie.studies.plots.carry import with_data

if TYPE_CHECKING:
    from IPython.display import Markdown
    from pandas.io.formats.style import Styler

NEAT = "neat"
"""Format of numbers of any size: three or four digits that matter, and a comma between thousands."""

THREE = "three digits"
"""Format of numbers of any size: three digits that matter, and a comma between thousands."""

UNITS = {"us": "µs", "uJ": "µJ", "mm2": "mm²", "um2": "µm²"}
"""Units as they are printed, by their spelling in names of columns, which can be typed on any keyboard."""

_UNIT = re.compile(rf"\b({'|'.join(UNITS)})\b")
_TIMES = re.compile(r"(?<=\d) x (?=\d)")

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


def printed(label: Any) -> Any:
    """Return a label with units and signs as they are printed; anything else stays as it is."""
    if not isinstance(label, str):
        return label
    return _TIMES.sub(" × ", _UNIT.sub(lambda found: UNITS[found[1]], label))


def significant(value: float, digits: int = 3) -> str:
    """Write a number to read: with a comma between thousands, and so many significant digits."""
    return f"{float(f'{value:.{digits}g}'):,g}" if abs(value) < 1e6 else f"{float(f'{value:.{digits}g}'):,.0f}"


def with_error(value: float, error: float, sign: str = "") -> str:
    """Write a number and its error bar with two digits of the error, such as "204.4 ± 8.8"; no error bar if it is 0."""
    if not error:
        return f"{'+' if sign and value > 0 else ''}{significant(value)}"
    decimals = max(0, 1 - floor(log10(error)))
    if error >= 100:  # and two digits of the error, before the point too
        step = 10 ** (floor(log10(error)) - 1)
        value, error = step * round(value / step), step * round(error / step)
    return f"{value:{sign},.{decimals}f} ± {error:,.{decimals}f}"


def neat(value: float) -> str:
    """Write a number of any size to read: whole numbers and large ones to the last, others with three digits."""
    size = abs(value)
    if value == round(value) or size >= 1000:
        return f"{value:,.0f}"
    if size < 0.1:
        return f"{value:.2g}"
    decimals = next(decimals for limit, decimals in ((100, 0), (10, 1), (1, 2), (0, 3)) if size >= limit)
    return f"{value:,.{decimals}f}"


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
    return form.format(0.0) if text.startswith("-") and not text.strip("-0.,") else text


def joined(names: Sequence[str]) -> str:
    """List names with commas, and "and" before the last."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
