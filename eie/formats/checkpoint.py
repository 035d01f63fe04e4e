"""Named tensors, as a PyTorch state dict or a safetensors file holds them, as the layers they belong to.

A state dict does not say which module a tensor is from, so names and shapes must tell: `x.weight` of two dimensions is
a linear layer, of three or more a convolution, `x.weight_ih_l0` and `x.weight_hh_l0` together are a recurrent layer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie.formats.weights import (
    MAX_WEIGHTS,
    Unmapped,
    WeightFile,
    WeightLayer,
    as_float32,
    side_by_side,
    taps_then_channels,
)

_RECURRENT = re.compile(r"weight_ih(_l\d+(?:_reverse)?)?$")
_GATES = {4: "lstm", 3: "gru", 1: "rnn"}
_ONE_PRODUCT = "a checkpoint does not say how often it is used: one product is taken"


@dataclass(frozen=True, eq=False, slots=True)
class Tensor:
    """A tensor that has not been read yet."""

    shape: tuple[int, ...]
    is_float: bool
    read: Callable[[], NDArray[Any]]


def layers_of(path: Path, tensors: Mapping[str, Tensor]) -> WeightFile:
    """Sort tensors into layers that the machine runs and other parts."""
    tensors = _with_masks(tensors)
    own = [name for name in tensors if not _belongs_to_another(name, tensors)]
    return WeightFile.of(path, [_layer(name, tensors[name], tensors) for name in own])


def _with_masks(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Multiply `weight_orig` by `weight_mask`, which PyTorch's own pruning keeps in place of the weight."""
    found = dict(tensors)
    for name in tensors:
        base = name.removesuffix("_orig")
        mask = tensors.get(f"{base}_mask")
        if base != name and base not in tensors and mask is not None and mask.shape == tensors[name].shape:
            found[base] = _masked(found.pop(name), found.pop(f"{base}_mask"))
    return found


def _masked(weight: Tensor, mask: Tensor) -> Tensor:
    return Tensor(weight.shape, weight.is_float, lambda: np.where(mask.read() != 0, weight.read(), 0))


def _belongs_to_another(name: str, tensors: Mapping[str, Tensor]) -> bool:
    """Tell whether a tensor is the bias or the state's half of a layer that is listed under its weight."""
    weight = name.replace("bias", "weight").replace("_hh", "_ih")
    return weight != name and weight in tensors and len(tensors[weight].shape) >= 2


def _layer(name: str, tensor: Tensor, tensors: Mapping[str, Tensor]) -> WeightLayer | Unmapped:
    kind, why = _refusal(name, tensor, tensors)
    if why:
        return Unmapped(name, kind, why)
    if _RECURRENT.search(name):
        return _recurrent(name, tensor, tensors)
    label = name.removesuffix(".weight")
    bias = _bias(tensors.get(_bias_name(name)), tensor.shape[0])
    note = _ONE_PRODUCT if kind == "conv" else ""
    n_out, n_in = tensor.shape[0], prod(tensor.shape[1:])
    return WeightLayer(label, kind, n_out, n_in, lambda: as_float32(taps_then_channels(tensor.read())), bias, note=note)


def _refusal(name: str, tensor: Tensor, tensors: Mapping[str, Tensor]) -> tuple[str, str]:
    """Return the kind of a tensor, and the reason why the machine cannot run it, or an empty text."""
    shape = tensor.shape
    size = " x ".join(map(str, shape)) or "single number"
    if not tensor.is_float:
        return "buffer", f"{size}: not floating-point weights"
    if len(shape) < 2:
        return "vector", f"{size}: a scale or shift, such as a normalisation's, which folds into the layer before it"
    if "embed" in name.lower() or name.endswith(("wte.weight", "wpe.weight")):
        return "embedding", f"{size}: a row is looked up, nothing is multiplied"
    if 0 in shape or prod(shape) > MAX_WEIGHTS:
        return "weights", f"{size}: a layer must have 1..{MAX_WEIGHTS} weights"
    if len(shape) == 2:
        return "linear", ""
    # A network of grey pictures has one convolution with one input channel, a depthwise network has many.
    if _has_one_channel(tensor) and sum(map(_has_one_channel, tensors.values())) > 1:
        return "conv", f"{size}: one of several with one input channel: depthwise, a matrix for every channel"
    return "conv", ""


def _has_one_channel(tensor: Tensor) -> bool:
    return len(tensor.shape) > 2 and tensor.shape[1] == 1 < tensor.shape[0]


def _recurrent(name: str, tensor: Tensor, tensors: Mapping[str, Tensor]) -> WeightLayer | Unmapped:
    other = name.replace("weight_ih", "weight_hh")
    state = tensors.get(other)
    rows, hidden = tensor.shape[0], state.shape[-1] if state is not None else 0
    gates = _GATES.get(rows // hidden if hidden else 0)
    if state is None or state.shape != (rows, hidden) or gates is None or rows % hidden:
        return Unmapped(name, "recurrent", f"{other} must be there with 1, 3 or 4 times as many rows as columns")
    n_in = tensor.shape[1] + hidden
    if rows * n_in > MAX_WEIGHTS:
        return Unmapped(name, gates, f"{rows} x {n_in}: a layer must have 1..{MAX_WEIGHTS} weights")
    halves = [_bias(tensors.get(_bias_name(each)), rows) for each in (name, other)]
    biases = [half for half in halves if half is not None]
    return WeightLayer(
        name.replace("weight_ih", "").replace("._", ".").rstrip("."),
        gates,
        rows,
        n_in,
        lambda: side_by_side([tensor.read, state.read]),
        (lambda: as_float32(sum(half() for half in biases))) if biases else None,
        note="all gates on [x, h], one step; " + _ONE_PRODUCT,
    )


def _bias_name(weight: str) -> str:
    """Return `x.bias` for `x.weight`, `x.bias_ih_l0` for `x.weight_ih_l0`; empty for any other name."""
    before, found, after = weight.rpartition("weight")
    return f"{before}bias{after}" if found else ""


def _bias(tensor: Tensor | None, n_out: int) -> Callable[[], NDArray[np.float32]] | None:
    return (lambda: as_float32(tensor.read())) if tensor is not None and tensor.shape == (n_out,) else None
