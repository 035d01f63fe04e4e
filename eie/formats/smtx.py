"""Patterns of sparse matrices, `.smtx`: the format of the Deep Learning Matrix Collection.

A file is text: a line of rows, columns and entries, the offset of each row's entries and their end, and the column of
each entry, all counted from 0. Spaces and commas separate numbers. Rows are outputs; there are no values.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from eie.formats.errors import FormatError, guarded
from eie.formats.weights import WeightFile, WeightLayer, check_file, check_size

MAX_BYTES = 2**28
"""Bytes of a file: 256 MiB, seven times the largest of the collection."""

_SEPARATORS = b", \t\r\n"
_ALLOWED = b"0123456789" + _SEPARATORS
_SPACES = bytes.maketrans(_SEPARATORS, b" " * len(_SEPARATORS))
_DIGITS = 10
"""Digits of a number; more than any size or offset of a file that is not too large has."""


@guarded
def read(path: Path) -> WeightFile:
    """Read a matrix; each entry gets the weight 1.

    Raises
    ------
    FormatError
        When the file is missing, too large, truncated or damaged, or says that it has more entries than it holds.
    """
    check_file(path, MAX_BYTES)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FormatError(f"{path}: cannot be read: {error.strerror}") from error
    offsets, columns, n_in = parse(data, path)
    size = len(offsets) - 1, n_in
    values = np.ones(len(columns), np.float32)
    matrix: Any = sp.csr_array((values, columns, offsets), shape=size).tocsc()
    return WeightFile(path, (WeightLayer(path.stem, "matrix", *size, lambda: matrix),))


def parse(data: bytes, path: str | Path) -> tuple[NDArray[np.int32], NDArray[np.int32], int]:
    """Parse the content of a file.

    Parameters
    ----------
    data : bytes
    path : path
        Name of the file for messages.

    Returns
    -------
    int32 array of shape `(n_out + 1,)`
        Row i's entries are number `offsets[i]` to `offsets[i + 1]`.
    int32 array of shape `(n_entries,)`
        Column of each entry, rising within a row.
    int
        Columns of the matrix.

    Raises
    ------
    FormatError
        When it is not a complete file.
    """
    head, _, table = data.partition(b"\n")
    n_out, n_in, n_entries = _sizes(head, path)
    check_size(Path(path), "the matrix", n_out, n_in)
    numbers = _numbers(table, path)
    if len(numbers) != n_out + 1 + n_entries:
        after = f"{n_out + 1} offsets and {n_entries} columns after its first line"
        raise FormatError(f"{path}: must have {after}, has {len(numbers)} numbers")
    offsets = numbers[: n_out + 1]
    if offsets[0] != 0 or offsets[-1] != n_entries or (np.diff(offsets) < 0).any():
        raise FormatError(f"{path}: offsets must rise from 0 to {n_entries}")
    return offsets.astype(np.int32), _columns(numbers[n_out + 1 :], offsets, n_in, path), n_in


def _sizes(head: bytes, path: str | Path) -> list[int]:
    words = head.translate(_SPACES).split()
    if len(words) != 3 or not all(word.isdigit() and len(word) <= _DIGITS for word in words):
        raise FormatError(f"{path}: must begin with rows, columns and entries, begins with {head[:40]!r}")
    return [int(word) for word in words]


def _numbers(table: bytes, path: str | Path) -> NDArray[np.int64]:
    """Convert text to numbers; those of too many digits come out as the largest one."""
    if strange := table.translate(None, _ALLOWED)[:1]:
        raise FormatError(f"{path}: must hold whole numbers, spaces and commas, holds {strange!r}")
    text = table.translate(_SPACES).strip()
    return np.fromstring(text, np.int64, sep=" ") if text else np.empty(0, np.int64)


def _columns(numbers: NDArray[np.int64], offsets: NDArray[np.int64], n_in: int, path: str | Path) -> NDArray[np.int32]:
    """Check the columns, and sort those of each row unless they are sorted; none may occur twice."""
    if len(numbers) and not 0 <= numbers.min() <= numbers.max() < n_in:
        raise FormatError(f"{path}: columns must be in 0..{n_in - 1}, are {numbers.min()}..{numbers.max()}")
    columns = numbers.astype(np.int32)
    row_of = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    same_row = row_of[1:] == row_of[:-1]
    if (same_row & (columns[1:] <= columns[:-1])).any():
        columns = columns[np.lexsort((columns, row_of))]
        if (same_row & (columns[1:] == columns[:-1])).any():
            raise FormatError(f"{path}: no row may have two entries in one column")
    return columns
