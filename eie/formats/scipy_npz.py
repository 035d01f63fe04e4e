"""NumPy's `.npz` and `.npy` as layers: one sparse matrix as `scipy.sparse.save_npz` writes it, or plain matrices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from eie.formats import arrays
from eie.formats.archives import check_archive
from eie.formats.checkpoint import layers_of
from eie.formats.errors import FormatError, guarded, report_damage
from eie.formats.tensors import Tensor
from eie.formats.weights import MAX_WEIGHTS, Unmapped, WeightFile, WeightLayer, as_float32, check_file, check_size

MAX_BYTES = 2**30
"""Bytes of a file, packed or unpacked: 1 GiB."""

_FORMATS = ("csc", "csr", "coo", "bsr", "dia")


@guarded
def read(path: Path) -> WeightFile:
    """Read a sparse matrix that SciPy saved, or each matrix of an archive of plain arrays by its name.

    Raises
    ------
    FormatError
        When the file is missing, too large once unpacked, damaged, or has no matrix of real numbers.
    """
    check_file(path, MAX_BYTES)
    with report_damage(path, "is not a sparse matrix that SciPy saved, and not an archive of plain arrays"):
        check_archive(path, MAX_BYTES)
        with np.load(path, allow_pickle=False) as archive:
            if "format" not in archive.files:
                return _plain(path, dict(archive))
        return _sparse(path, sp.load_npz(path))


@guarded
def read_array(path: Path) -> WeightFile:
    """Read one plain matrix from a `.npy` file, which is mapped.

    Raises
    ------
    FormatError
        When the file is missing, damaged, or holds anything but real numbers of two sides or more.
    """
    array = arrays.read(path)
    assert not isinstance(array, dict)
    return _plain(path, {path.stem: array})


def _plain(path: Path, found: dict[str, NDArray[Any]]) -> WeightFile:
    """List the layers of plain arrays; a lone array is named after its file."""
    if len(found) == 1:
        found = {path.name.split(".")[0]: array for array in found.values()}
    elif any(name.endswith(("weight", "kernel", "kernel:0")) for name in found):
        return layers_of(path, {name: _tensor(array) for name, array in found.items()})
    return WeightFile.of(path, [_part(name, array, len(found) == 1) for name, array in found.items()])


def _tensor(array: NDArray[Any]) -> Tensor:
    is_float = array.dtype.kind == "f"
    return Tensor(array.shape, is_float, lambda: array, "" if is_float else str(array.dtype))


def _part(name: str, array: NDArray[Any], alone: bool) -> WeightLayer | Unmapped:
    size = " x ".join(map(str, array.shape)) or "single number"
    if array.dtype.kind not in "biuf":
        return Unmapped(name, "array", f"{size}: {array.dtype} numbers, not real ones")
    n_numbers = array.size if array.dtype.kind == "f" else 0
    if array.ndim != 2 or not 1 <= array.size <= MAX_WEIGHTS:
        return Unmapped(name, "array", f"{size}: a matrix must have two sides and 1..{MAX_WEIGHTS} numbers", n_numbers)
    n_out, n_in = array.shape
    note = "" if alone else "taken as outputs x inputs: the file does not say"
    return WeightLayer(name, "matrix", n_out, n_in, lambda: as_float32(array), note=note)


def _sparse(path: Path, matrix: Any) -> WeightFile:
    if matrix.format not in _FORMATS:
        raise FormatError(f"{path}: must be in a format of {', '.join(_FORMATS)}, is {matrix.format}")
    if len(matrix.shape) != 2:
        raise FormatError(f"{path}: a matrix must be 2-D, has shape {matrix.shape}")
    check_size(path, path.stem, *matrix.shape)
    if hasattr(matrix, "check_format"):
        matrix.check_format(full_check=True)
        if (matrix.indptr[1:] < matrix.indptr[:-1]).any():  # which that check leaves out where the last pointer is 0
            raise FormatError(f"{path}: indptr must never fall, as it does at {_first_fall(matrix.indptr)}")
    if matrix.dtype.kind == "c":
        raise FormatError(f"{path}: must hold real numbers, has complex ones of dtype {matrix.dtype}")
    if matrix.dtype.kind not in "biuf":
        raise FormatError(f"{path}: must hold real numbers, has dtype {matrix.dtype}")
    columns = sp.csc_array(matrix, dtype=np.float32)
    columns.eliminate_zeros()
    n_out, n_in = columns.shape
    return WeightFile(path, (WeightLayer(path.name.split(".")[0], "matrix", n_out, n_in, lambda: columns),))


def _first_fall(pointers: NDArray[Any]) -> int:
    return int(np.argmax(pointers[1:] < pointers[:-1])) + 1
