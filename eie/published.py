"""What the paper printed, from `data/published/`: one loader for every table and figure."""

from __future__ import annotations

from functools import cache

import pandas as pd

from eie._data import data_path


def load(name: str) -> pd.DataFrame:
    """One table or figure of the paper as a tidy frame, a number a row.

    Parameters
    ----------
    name : str
        A file of `data/published/` without its ending, such as `"table3"` or `"fig08"`.

    Returns
    -------
    pandas.DataFrame
        The file's columns; among them `unit`, `reading_error` (in the same unit; 0 for printed numbers) and `place`
        (where in the paper).

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    """
    return _read(name).copy()


@cache
def _read(name: str) -> pd.DataFrame:
    return pd.read_csv(data_path(f"published/{name}.csv"), comment="#")
