"""One sparse matrix as `scipy.sparse.save_npz` writes it."""

from __future__ import annotations

import zipfile
from math import prod
from pathlib import Path
from typing import IO

import numpy as np
import scipy.sparse as sp

from eie.formats.errors import FormatError, report_damage
from eie.formats.weights import WeightFile, WeightLayer, check_file, check_size

MAX_BYTES = 2**30
"""Bytes of a file, packed or unpacked: 1 GiB."""

_FORMATS = ("csc", "csr", "coo", "bsr")


def read(path: Path) -> WeightFile:
    """Read a sparse matrix that SciPy saved.

    Raises
    ------
    FormatError
        When the file is missing, too large once unpacked, damaged, or no sparse matrix of real numbers.
    """
    check_file(path, MAX_BYTES)
    with report_damage(path, "is no sparse matrix that SciPy saved"):
        check_archive(path, MAX_BYTES)
        matrix = sp.load_npz(path)
        if matrix.format not in _FORMATS:
            raise FormatError(f"{path}: must be in a format of {', '.join(_FORMATS)}, is {matrix.format}")
        check_size(path, path.stem, *matrix.shape)
        if hasattr(matrix, "check_format"):
            matrix.check_format(full_check=True)
        if matrix.dtype.kind not in "biuf":
            raise FormatError(f"{path}: must hold real numbers, has dtype {matrix.dtype}")
        columns = sp.csc_array(matrix, dtype=np.float32)
    n_out, n_in = columns.shape
    return WeightFile(path, (WeightLayer(path.name.split(".")[0], "matrix", n_out, n_in, lambda: columns),))


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
