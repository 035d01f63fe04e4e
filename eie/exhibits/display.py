"""How a frame is shown on a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


def show(frame: pd.DataFrame, name: str, number: str, columns: dict[str, str] | None = None) -> Styler:
    """A frame as a table of a page.

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
    plain = frame.rename_axis(index=None, columns=None)
    plain.columns = [f"{column:g}" if isinstance(column, (int, float)) else column for column in plain.columns]
    formats = dict.fromkeys(plain.columns, number) | (columns or {})
    return plain.style.format(formats, na_rep="-").set_uuid(name)
