"""Checkpoints in the safetensors format: a header of at most 100 MB that its library checks, then plain numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie.formats.checkpoint import Tensor, layers_of
from eie.formats.errors import report_damage
from eie.formats.weights import WeightFile, check_file

MAX_BYTES = 2**37
"""Bytes of a file: 128 GiB. They are mapped, not read."""

_FLOATS = ("F64", "F32", "F16", "BF16")


def read(path: Path) -> WeightFile:
    """List the layers of a safetensors file; weights are read layer by layer, later.

    Raises
    ------
    FormatError
        When the file is missing, too large, truncated or damaged.
    """
    from safetensors import safe_open

    check_file(path, MAX_BYTES)
    with report_damage(path, "is no whole safetensors file"), safe_open(path, framework="numpy") as file:
        tensors = {name: _tensor(path, name, file.get_slice(name)) for name in file.keys()}  # noqa: SIM118
    return layers_of(path, tensors)


def _tensor(path: Path, name: str, part: Any) -> Tensor:
    kind = part.get_dtype()
    return Tensor(tuple(part.get_shape()), kind in _FLOATS, lambda: _values(path, name))


def _values(path: Path, name: str) -> NDArray[Any]:
    import ml_dtypes  # noqa: F401 - registers bfloat16 with NumPy
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        return np.asarray(file.get_tensor(name))
