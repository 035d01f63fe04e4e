"""Matrix Market files, `.mtx` and `.mtx.gz`.

The format is a line of words, a line of sizes, and a table of numbers, which pandas reads. SciPy has a reader too, but
that of SciPy 1.17 reads past the end of a file whose last line is cut off, and may take the process with it.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from eie.formats.errors import FormatError, guarded, report_damage
from eie.formats.weights import WeightFile, WeightLayer, check_file, check_size

MAX_BYTES = 2**30
"""Bytes of a file: 1 GiB."""

MAX_ENTRIES = 2**26
"""Entries of a matrix: about 1 GB while it is read."""

MAX_LINE_BYTES = 4096
"""Bytes of a line before the table; a comment may be longer in no file that is none."""

MAX_COMMENTS = 10_000
"""Lines of comment."""

BYTES_PER_DIGIT = 64
"""Least average of a table. A file below it is mostly white space, which takes long to read and holds nothing."""

_SOME_BYTES = 2**22
"""Bytes that are read before `BYTES_PER_DIGIT` counts."""

_CHUNK = 2**18
"""Lines read at a time."""

_WIDTHS = {"real": 3, "double": 3, "integer": 3, "pattern": 2}


@guarded
def read(path: Path) -> WeightFile:
    """Read a matrix of real numbers, sparse (`coordinate`) or dense (`array`).

    Raises
    ------
    FormatError
        When the file is missing, too large, truncated or damaged, says that it has more entries than it could hold, or
        does not hold real numbers.
    """
    size = check_file(path, MAX_BYTES)
    opener: Any = gzip.open if path.suffix == ".gz" else open
    with report_damage(path, "is not a complete Matrix Market file"), opener(path, "rb") as file:
        matrix = _matrix(path, file, size)
    n_out, n_in = matrix.shape
    return WeightFile(path, (WeightLayer(path.name.split(".")[0], "matrix", n_out, n_in, lambda: matrix),))


def _matrix(path: Path, file: IO[bytes], size: int) -> Any:
    words = _line(path, file).lower().split()
    if len(words) != 5 or words[:2] != ["%%matrixmarket", "matrix"]:
        raise FormatError(f"{path}: must begin with %%MatrixMarket matrix and three words")
    layout, field, symmetry = words[2:]
    if field not in _WIDTHS or symmetry not in ("general", "symmetric", "skew-symmetric"):
        raise FormatError(f"{path}: must hold real numbers, general or symmetric, says {field} {symmetry}")
    if layout == "array" and field != "pattern":
        rows, columns = _sizes(path, file, 2)
        return _dense(path, file, rows, columns, size, symmetry)
    if layout != "coordinate":
        raise FormatError(f"{path}: must be coordinate, or array of numbers, says {' '.join(words[2:])}")
    return _sparse(path, file, size, _WIDTHS[field], symmetry)


def _sparse(path: Path, file: IO[bytes], size: int, width: int, symmetry: str) -> Any:
    n_rows, n_columns, n_entries = _sizes(path, file, 3)
    _check_entries(path, n_entries, size)
    place, values = np.empty((2, n_entries), np.int32), np.ones(n_entries, np.float32)
    at = 0
    for table in _tables(path, file, width, n_entries):
        part = slice(at, at + len(table))
        for side, most in enumerate((n_rows, n_columns)):
            index = table[:, side]
            if not ((index >= 1) & (index <= most) & (index == np.floor(index))).all():
                raise FormatError(f"{path}: rows and columns must be in 1..{n_rows} and 1..{n_columns}")
            place[side, part] = index - 1
        values[part] = table[:, 2] if width == 3 else 1
        at += len(table)
    matrix = sp.coo_array((values, (place[0], place[1])), shape=(n_rows, n_columns)).tocsc()
    if symmetry == "general":
        return matrix
    _check_square(path, n_rows, n_columns)
    mirrored = matrix.T - sp.diags_array(matrix.diagonal(), format="csc")
    return (matrix + mirrored if symmetry == "symmetric" else matrix - mirrored).tocsc()


def _dense(path: Path, file: IO[bytes], n_rows: int, n_columns: int, size: int, symmetry: str) -> NDArray[np.float32]:
    """Read a dense matrix column by column; of a symmetric one the file has the numbers on and below the diagonal."""
    if symmetry == "general":
        numbers = _numbers(path, file, n_rows * n_columns, size)
        return np.ascontiguousarray(numbers.reshape(n_columns, n_rows).T)
    _check_square(path, n_rows, n_columns)
    below = symmetry == "skew-symmetric"  # the diagonal of which is 0 and is not in the file
    _check_entries(path, n_rows * n_columns // 2, size)
    columns, rows = np.triu_indices(n_rows, int(below))
    found = np.zeros((n_rows, n_rows), np.float32)
    found[rows, columns] = _numbers(path, file, len(rows), size)
    return found - found.T if below else found + np.tril(found, -1).T


def _numbers(path: Path, file: IO[bytes], n_numbers: int, size: int) -> NDArray[np.float32]:
    _check_entries(path, n_numbers, size)
    return np.concatenate([table[:, 0] for table in _tables(path, file, 1, n_numbers)]).astype(np.float32)


def _check_square(path: Path, n_rows: int, n_columns: int) -> None:
    if n_rows != n_columns:
        raise FormatError(f"{path}: a symmetric matrix must be square, is {n_rows} x {n_columns}")


def _check_entries(path: Path, n_entries: int, size: int) -> None:
    # An entry takes at least a digit and the end of a line; gzip makes no more than 1,032 bytes of one.
    most = min(MAX_ENTRIES, size * (1032 if path.suffix == ".gz" else 1) // 2 + 1)
    if not 1 <= n_entries <= most:
        raise FormatError(f"{path}: a file of {size} bytes must have 1..{most} entries, says {n_entries}")


def _line(path: Path, file: IO[bytes]) -> str:
    """Read the next line, which must not be too long."""
    line = file.readline(MAX_LINE_BYTES)
    if not line.endswith(b"\n"):
        raise FormatError(f"{path}: must have lines of at most {MAX_LINE_BYTES} bytes before its table, and a table")
    return line.decode("utf-8", errors="replace")


def _sizes(path: Path, file: IO[bytes], n: int) -> list[int]:
    """Read the numbers of the first line that is not a comment."""
    for _ in range(MAX_COMMENTS):
        line = _line(path, file)
        if line.strip() and not line.startswith("%"):
            words = line.split()
            if len(words) != n or not all(word.isascii() and word.isdecimal() for word in words):
                raise FormatError(f"{path}: sizes must be {n} whole numbers, are {line.strip()[:80]!r}")
            check_size(path, "the matrix", int(words[0]), int(words[1]))
            return [int(word) for word in words]
    raise FormatError(f"{path}: must have at most {MAX_COMMENTS} lines of comment")


def _tables(path: Path, file: IO[bytes], width: int, n_lines: int) -> Iterator[NDArray[np.float64]]:
    """Read the table, some lines at a time; it must have exactly `n_lines` lines of `width` numbers."""
    import pandas as pd

    names = range(width + 1)  # a column too many, which must stay empty
    dtypes = dict.fromkeys(names, np.float64)
    seen = 0
    with pd.read_csv(
        _Bounded(path, file), sep=r"\s+", header=None, names=names, dtype=dtypes, chunksize=_CHUNK
    ) as parts:
        for part in parts:
            table = part.to_numpy()
            seen += len(table)
            wrong = ~np.isfinite(table[:, :width]).all(axis=1) | ~np.isnan(table[:, width])
            if seen > n_lines or wrong.any():
                line = seen - len(table) + int(np.argmax(wrong)) + 1 if wrong.any() else n_lines + 1
                raise FormatError(f"{path}: must have {n_lines} lines of {width} finite numbers, not so line {line}")
            yield table[:, :width]
    if seen != n_lines:
        raise FormatError(f"{path}: must have {n_lines} lines of {width} finite numbers, has {seen}")


class _Bounded:
    """A file that raises an error after so many bytes: a small compressed one may unpack to any size.

    So it does where digits are rare.
    """

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path, self.file, self.left, self.digits = path, file, MAX_BYTES, 0

    def read(self, n_bytes: int = -1) -> bytes:
        found = self.file.read(min(n_bytes, self.left + 1) if n_bytes >= 0 else self.left + 1)
        self.left -= len(found)
        if self.left < 0:
            raise FormatError(f"{self.path}: must unpack to at most {MAX_BYTES} bytes")
        self.digits += len(found) - len(found.translate(None, b"0123456789"))
        if MAX_BYTES - self.left > _SOME_BYTES + BYTES_PER_DIGIT * self.digits:
            raise FormatError(f"{self.path}: is mostly white space")
        return found

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.read(_CHUNK), b"")
