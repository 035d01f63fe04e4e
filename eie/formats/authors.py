"""The dump of one encoded layer that the paper's authors published with their simulator.

A folder of little-endian files: `act.dat`, the inputs as float32; `arithm.dat`, the codebook, 16 float32 values; for
each PE p `ptr/ptr{p}.dat`, one uint32 pointer a column and an end; and `spm/spm{p}.dat`, pairs of uint32, code and
relative row index. The last column is the bias.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie._files import read_toml
from eie.datasets import catalogue
from eie.formats.errors import FormatError, guarded
from eie.interleaved import InterleavedCSC
from eie.machine import EIE_45NM, MAX_PE, Machine

MAX_FILE_BYTES = 64 * 2**20
"""No file of a dump may be larger: the authors' largest has 140 kB."""


@dataclass(frozen=True, eq=False, slots=True)
class AuthorsDump:
    """A layer in the form in which PEs store it, one input for it, and the paper's machine with as many PEs."""

    mem: InterleavedCSC
    activations: NDArray[np.float32]
    machine: Machine


@guarded
def read(folder: str | Path | None = None, n_out: int | None = None) -> AuthorsDump:
    """Read the layer and the input that the authors published with their simulator (the dump).

    Parameters
    ----------
    folder : path, optional
        Folder of the dump; found by `eie.datasets.catalogue` if left out.
    n_out : int, optional
        Rows of the layer, which the dump does not say; those of the authors' layer if left out.

    Raises
    ------
    FileNotFoundError
        When no folder is given and the dump is not available; the message says how to get it.
    FormatError
        When a file is missing, truncated, too long, or holds a value out of range.
    """
    folder = Path(folder) if folder is not None else catalogue.require("authors-layer")
    n_out = read_toml("authors_layer.toml")["layer"]["n_out"] if n_out is None else n_out
    n_pe = _count_pes(folder)
    machine = replace(EIE_45NM, n_pe=n_pe)
    activations = _read(folder / "act.dat", "<f4")
    codebook = _read(folder / "arithm.dat", "<f4", machine.codebook_size)
    _check_finite(folder / "arithm.dat", codebook)
    memories = [_read_memory(folder, p, len(activations) + 2) for p in range(n_pe)]
    _check_finite(folder / "act.dat", activations)
    try:
        mem = InterleavedCSC.from_memories(n_out, len(activations), machine, codebook, memories, has_bias=True)
    except ValueError as error:
        raise FormatError(f"{folder}: {error}") from error
    return AuthorsDump(mem, activations, machine)


def _count_pes(folder: Path) -> int:
    # The larger of the two counts, so that a file missing from one folder is named when it is read.
    n_pe = max(len(list((folder / kind).glob(f"{kind}*.dat"))) for kind in ("ptr", "spm"))
    if not 1 <= n_pe <= MAX_PE:
        raise FormatError(f"{folder}: must have 1..{MAX_PE} pointer files ptr/ptr0.dat, ptr1.dat .., found {n_pe}")
    return n_pe


def _read_memory(folder: Path, p: int, n_pointers: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    pointers = _read(folder / "ptr" / f"ptr{p}.dat", "<u4", n_pointers)
    pairs = _read(folder / "spm" / f"spm{p}.dat", "<u4", 2 * int(pointers[-1])).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1], pointers


def _read(path: Path, dtype: str, count: int | None = None) -> NDArray[Any]:
    """Read all numbers of a file; `count` of them if that is known."""
    if not path.is_file():
        raise FormatError(f"{path}: there is no such file")
    size, each = path.stat().st_size, np.dtype(dtype).itemsize
    if size > MAX_FILE_BYTES:
        raise FormatError(f"{path}: must have at most {MAX_FILE_BYTES} bytes, has {size}")
    if size == 0 and count != 0:
        raise FormatError(f"{path}: is empty")
    if size % each:
        raise FormatError(f"{path}: must hold whole numbers of {each} bytes, has {size} bytes")
    if count is not None and size != count * each:
        raise FormatError(f"{path}: must have {count * each} bytes, {count} numbers, has {size}")
    return np.fromfile(path, dtype)


def _check_finite(path: Path, values: NDArray[Any]) -> None:
    bad = ~np.isfinite(values)
    if bad.any():
        j = int(np.argmax(bad))
        raise FormatError(f"{path}: must hold finite numbers, has {values[j]} at byte {j * values.itemsize}")
