"""Checkpoints in the safetensors format: a header of at most 100 MB that its library checks, then plain numbers.

The library has no NumPy numbers for some kinds, such as 8-bit floating point, so the numbers are mapped here, from the
places that the checked header gives.
"""

from __future__ import annotations

import json
import struct
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie.formats.checkpoint import layers_of
from eie.formats.errors import FormatError, guarded, report_damage
from eie.formats.tensors import Tensor
from eie.formats.weights import WeightFile, check_file

MAX_BYTES = 2**37
"""Bytes of a file: 128 GiB. They are mapped, not read."""

MAX_INDEX_BYTES = 2**26
"""Bytes of an index of a checkpoint in several files."""

MAX_SHARDS = 10_000
"""Files of one checkpoint."""

_KINDS = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "BOOL": "bool",
    **{
        f"{letter}{bits}": f"{word}{bits}" for letter, word in (("I", "int"), ("U", "uint")) for bits in (8, 16, 32, 64)
    },
}
"""Kinds of numbers as the format and as NumPy with `ml_dtypes` name them."""

_PLAIN = ("float64", "float32", "float16", "bfloat16")


@guarded
def read(path: Path) -> WeightFile:
    """List the layers of a safetensors file; weights are read layer by layer, later.

    Raises
    ------
    FormatError
        When the file is missing, too large, truncated or damaged.
    """
    return layers_of(path, tensors_of(path))


def tensors_of(path: Path) -> dict[str, Tensor]:
    """Describe the tensors of a file, in its order, and how each is read."""
    from safetensors import safe_open

    check_file(path, MAX_BYTES)
    with report_damage(path, "is not a complete safetensors file"):
        with safe_open(path, framework="numpy"):
            pass  # checks the whole header
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(length))
        parts = {name: part for name, part in header.items() if name != "__metadata__"}
        return {name: _tensor(path, 8 + length, part) for name, part in parts.items()}


def _tensor(path: Path, start: int, part: dict[str, Any]) -> Tensor:
    shape, kind = tuple(part["shape"]), _KINDS.get(part["dtype"], "")
    if not kind:
        return Tensor(shape, True, tuple, part["dtype"], fault=f"{part['dtype']} numbers, which are not read here")
    is_float = kind.startswith(("float", "bfloat"))
    place = start + part["data_offsets"][0]
    return Tensor(shape, is_float, lambda: _values(path, kind, shape, place), "" if kind in _PLAIN else kind)


def _values(path: Path, kind: str, shape: tuple[int, ...], place: int) -> NDArray[Any]:
    """Map the numbers of one tensor; the mapping goes when they are used no more."""
    import ml_dtypes  # noqa: F401 - registers the small kinds of floating point with NumPy

    dtype = np.dtype(kind)
    if not prod(shape):
        return np.zeros(shape, dtype)
    with report_damage(path, "was changed while it was read"):
        return (
            np.asarray(np.memmap(path, np.uint8, "r", place, (prod(shape) * dtype.itemsize,)))
            .view(dtype)
            .reshape(shape)
        )


@guarded
def read_index(path: Path) -> WeightFile:
    """List the layers of a checkpoint in several files, which an index (`*.index.json`) names.

    Raises
    ------
    FormatError
        When the index or a file is missing, damaged or too large, or a file lies outside the index's folder.
    """
    check_file(path, MAX_INDEX_BYTES)
    with report_damage(path, "is not an index of tensors and their files"):
        places = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
        files = dict.fromkeys(str(name) for name in places.values())
    if len(files) > MAX_SHARDS:
        raise FormatError(f"{path}: must name at most {MAX_SHARDS} files, names {len(files)}")
    found: dict[str, Tensor] = {}
    for name in files:
        if Path(name).name != name or not name.endswith((".safetensors", ".bin")):
            raise FormatError(f"{path}: files must be .safetensors or .bin beside it, names {name[:80]!r}")
        found |= _shard(path.parent / name)
    missing = [name for name in places if name not in found]
    if missing:
        raise FormatError(f"{path}: {missing[0]} is in none of its files")
    return layers_of(path, found)


def _shard(path: Path) -> dict[str, Tensor]:
    from eie.formats import pytorch

    return tensors_of(path) if path.suffix == ".safetensors" else pytorch.tensors_of(path)
