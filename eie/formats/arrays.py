"""NumPy's `.npy` and `.npz`: activations for one layer, or an array a layer by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie.formats.archives import check_archive
from eie.formats.errors import guarded, report_damage
from eie.formats.weights import check_file

MAX_BYTES = 2**32
"""Bytes of a `.npy` file, which is mapped, not read."""

MAX_UNPACKED_BYTES = 2**30
"""Bytes of a `.npz` file once unpacked."""


@guarded
def read(path: Path) -> NDArray[Any] | dict[str, NDArray[Any]]:
    """Read one array, or several by name.

    Raises
    ------
    FormatError
        When the file is missing, too large, truncated or damaged, or holds Python objects.
    ValueError
        When it ends neither in `.npy` nor in `.npz`.
    """
    if path.suffix not in (".npy", ".npz"):
        raise ValueError(f"activations must be in a .npy or .npz file, got {path}")
    check_file(path, MAX_BYTES)
    with report_damage(path, "is not a complete NumPy file of numbers"):
        if path.suffix == ".npy":
            return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
        check_archive(path, MAX_UNPACKED_BYTES)
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
