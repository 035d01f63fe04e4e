"""PyTorch's 2:4 tensors: of four weights in a row two are stored, and beside them which two (the GPU's own layout)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie.formats.tensors import Tensor

CUTLASS = "SparseSemiStructuredTensorCUTLASS"
CUSPARSELT = "SparseSemiStructuredTensorCUSPARSELT"

_PLACES_IN_A_WORD = {"float16": 16, "bfloat16": 16, "float32": 8, "int8": 32}
"""Weights of a row whose places one word beside them holds, by the kind of the weights."""


def tensor(kind: str, shape: tuple[int, ...], parts: Mapping[str, Any]) -> Tensor:
    """Describe a 2:4 tensor of class `kind` by the tensors it is stored as.

    Raises
    ------
    ValueError
        When they are not of the sizes that `shape` asks for.
    """
    if kind == CUSPARSELT:
        return Tensor(shape, True, tuple, fault="2:4 weights in cuSPARSELt's layout, which only its library can read")
    packed, places = parts["packed"], parts["meta"]
    if not isinstance(packed, Tensor) or not isinstance(places, Tensor) or len(shape) != 2:
        raise ValueError("a 2:4 tensor must have weights and their places")
    n_out, n_in = shape
    word = _PLACES_IN_A_WORD.get(packed.kind or str(np.asarray(packed.read()).dtype), 0)
    if not word or packed.shape != (n_out, n_in // 2) or places.shape != (n_out, n_in // word):
        raise ValueError(f"a 2:4 tensor of {shape} cannot be stored as {packed.shape} and {places.shape}")
    return Tensor(shape, True, lambda: _dense(packed, places), note="2:4 sparsity as PyTorch stores it")


def _dense(packed: Tensor, places: Tensor) -> NDArray[np.float32]:
    import torch
    from torch.sparse import _semi_structured_conversions as conversions

    stored = np.array(packed.read())
    exact = torch.from_numpy(stored if stored.dtype.name != "bfloat16" else stored.view(np.int16))
    weights = exact.view(torch.bfloat16) if stored.dtype.name == "bfloat16" else exact
    dense = conversions.sparse_semi_structured_to_dense_cutlass(weights, torch.from_numpy(np.array(places.read())))
    return np.asarray(dense.float())
