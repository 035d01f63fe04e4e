"""Binary files, read one array after the other; every read checks that the file has enough bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie.formats.errors import FormatError
from eie.formats.weights import check_file


class BinaryReader:
    """Bytes of a file and the place `at` up to which they are read. `max_bytes` bounds the file's size."""

    def __init__(self, path: str | Path, max_bytes: int) -> None:
        self.path, self.at = Path(path), 0
        check_file(self.path, max_bytes, 0)
        self.data = self.path.read_bytes()

    def error(self, offset: int, what: str) -> FormatError:
        """Make an error that names the file and the offset."""
        return FormatError(f"{self.path}: at byte {offset}: {what}")

    def skip(self, n_bytes: int, what: str) -> int:
        """Go past `n_bytes`, and return their start; raise a `FormatError` if the file has fewer."""
        start, left = self.at, len(self.data) - self.at
        if n_bytes > left:
            raise self.error(start, f"{what} needs {n_bytes} bytes, the file has {left} more")
        self.at += n_bytes
        return start

    def take(self, dtype: str, count: int, what: str) -> NDArray[Any]:
        """Read an array of shape `(count,)`."""
        return np.frombuffer(self.data, dtype, count, self.skip(count * np.dtype(dtype).itemsize, what))

    def check_end(self) -> None:
        """Raise a `FormatError` if bytes are left over."""
        if self.at != len(self.data):
            raise self.error(self.at, f"{len(self.data) - self.at} bytes are left over")
