"""What is shown on a page carries the numbers behind it, so that the book can offer them as files."""

from __future__ import annotations

from typing import Any, TypeVar

import pandas as pd

MIME = "application/vnd.eie.data+json"
"""Under this name a notebook's output holds the tables behind it: texts of CSV, by name."""

T = TypeVar("T")


def with_data(shown: T, **tables: pd.DataFrame | pd.Series) -> T:
    """Let a figure or table, when a notebook displays it, bring along the numbers that it was made from.

    Parameters
    ----------
    shown : object
        Anything that a notebook displays; it is the same afterwards but for what it carries.
    **tables : DataFrame or Series
        By name. They are written with nine significant digits, and with their index where it has a name or words in it.
    """
    data = {name: _csv(table) for name, table in tables.items()}

    def bundle(include: object = None, exclude: object = None) -> dict[str, Any]:
        return {MIME: data}

    setattr(shown, "_repr_mimebundle_", bundle)  # noqa: B010  the name by which IPython asks
    return shown


def _csv(table: pd.DataFrame | pd.Series) -> str:
    index = table.index
    plain = isinstance(index, pd.RangeIndex) and index.name is None
    return table.to_csv(index=not plain, float_format="%.9g", lineterminator="\n")
