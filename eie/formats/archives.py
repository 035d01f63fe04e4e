"""Archives of NumPy arrays: a check before any array is made."""

from __future__ import annotations

import zipfile
from math import prod
from pathlib import Path
from typing import IO

import numpy as np

from eie.formats.errors import FormatError


def check_archive(path: Path, max_bytes: int) -> None:
    """Check that every array is as long as its header says and holds numbers, and that all fit the limit."""
    with zipfile.ZipFile(path) as archive:
        total = sum(entry.file_size for entry in archive.infolist())
        if total > max_bytes:
            raise FormatError(f"{path}: must unpack to at most {max_bytes} bytes, says {total}")
        for entry in archive.infolist():
            with archive.open(entry) as file:
                wanted = _npy_bytes(path, entry.filename, file)
            if wanted > entry.file_size:
                raise FormatError(
                    f"{path}: {entry.filename} at byte {entry.header_offset} says {wanted} bytes, has {entry.file_size}"
                )


def _npy_bytes(path: Path, name: str, file: IO[bytes]) -> int:
    """Compute the bytes of numbers that an array's header announces."""
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(file)
    if dtype.hasobject:
        raise FormatError(f"{path}: {name} holds Python objects, which could be made to run anything")
    return prod(map(int, shape)) * int(dtype.itemsize)
