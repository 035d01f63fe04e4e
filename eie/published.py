"""Printed numbers of the paper, from `data/published/`: one loader for every table and figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from eie._files import read_csv

if TYPE_CHECKING:
    import pandas as pd


def load(name: str) -> pd.DataFrame:
    """Read one table or figure of the paper as a tidy frame, one number per row.

    Among the columns are `unit`, `reading_error` (in the same unit; 0 for printed numbers) and `place` (in the paper).

    Parameters
    ----------
    name : str
        A file of `data/published/` without its ending, such as `"table3"` or `"fig08"`.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    """
    return _replaced.get(name, _read(name)).copy()


def row(name: str, **where: Any) -> pd.Series:
    """Read one row of a file of `data/published/`, by the values of some of its columns.

    Raises
    ------
    ValueError
        When no row or more than one is like that, or a column is not there.
    """
    table = load(name)
    for column, value in where.items():
        if column not in table:
            raise ValueError(f"{name} has no column {column!r}; it has {', '.join(table.columns)}")
        table = table[table[column] == value]
    if len(table) != 1:
        raise ValueError(f"{name} has {len(table)} rows with {where}, where one is wanted")
    return table.iloc[0]


def value(name: str, column: str = "value", **where: Any) -> float:
    """Read one number of a file of `data/published/`: a column of the row that `row` finds."""
    return float(row(name, **where)[column])


def half_digit(value: float) -> float:
    """Return half a unit of the last digit of a number as it is printed, such as 0.05 of 12.3 and 5 of 120.

    Zeros at the end of a whole number only fill.
    """
    text = f"{value:.12g}"
    if "." in text:
        return 0.5 * 10.0 ** -len(text.partition(".")[2])
    return 0.5 * 10.0 ** (len(text) - len(text.rstrip("0"))) if value else 0.5


_replaced: dict[str, pd.DataFrame] = {}


@contextmanager
def replaced(tables: Mapping[str, pd.DataFrame]) -> Iterator[None]:
    """Read these tables in place of the published ones, by name.

    What was computed from a table and kept has to be forgotten before and after, or it stays as it is.
    """
    _replaced.update(tables)
    try:
        yield
    finally:
        _replaced.clear()


@cache
def _read(name: str) -> pd.DataFrame:
    return read_csv(f"published/{name}.csv")
