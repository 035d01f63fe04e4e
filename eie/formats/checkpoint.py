"""Named tensors, as a PyTorch state dict or a safetensors file holds them, as the layers they belong to.

A state dict does not say which module a tensor is from, so names and shapes must tell: `x.weight` of two dimensions is
a linear layer, of three or more a convolution, `x.weight_ih_l0` and `x.weight_hh_l0` together are a recurrent layer. A
bias has one number per output, so its length tells which side of a matrix is the outputs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from eie.formats.reasons import parameter_reason, vector_reason
from eie.formats.tensors import CODES, Tensor, dense, joined
from eie.formats.weights import (
    MAX_BLOCKS,
    MAX_WEIGHTS,
    Unmapped,
    WeightFile,
    WeightLayer,
    as_float32,
    in_blocks,
    side_by_side,
    taps_then_channels,
)

__all__ = ["Tensor", "layers_of"]

_RECURRENT = re.compile(r"(?:.*[._])?weight_ih(_l\d+(?:_reverse)?)?$")
_GATES = {4: "lstm", 3: "gru", 1: "rnn"}
_ONE_PRODUCT = "a checkpoint does not say how often it is used, so one product is counted"
_EMBEDDING = re.compile(r"(\w*_)?(emb|embs|embd|embed|embedding|embeddings|embed_tokens|wte|wpe|shared|lookup)")
_GPT2 = re.compile(r"(.*\.)?(c_attn|c_proj|c_fc|q_attn)\.weight")


def layers_of(path: Path, tensors: Mapping[str, Tensor], others: Sequence[Unmapped] = ()) -> WeightFile:
    """Sort tensors into layers that the machine runs and other parts; `others` are parts found before."""
    found = _Checkpoint(joined(tensors), in_order=path.suffix != ".safetensors")
    return WeightFile.of(path, [*found.parts(), *others])


class _Checkpoint:
    """Tensors of one state dict, which tell about each other."""

    def __init__(self, tensors: Mapping[str, Tensor], in_order: bool) -> None:
        self.tensors = tensors
        self.convolutions = [name for name, tensor in tensors.items() if len(tensor.shape) > 2 and _is_weight(name)]
        self.n_of_one_channel = sum(map(self._has_one_channel, self.convolutions))
        # A network of grey pictures has one convolution with one input channel, and has it first.
        self.first = self.convolutions[0] if self.convolutions and (in_order or self.n_of_one_channel == 1) else ""
        self.turned = {name for name in tensors if self._bias_says_turned(name)}

    def parts(self) -> list[WeightLayer | Unmapped]:
        """Make a layer of every weight, or say why there is none."""
        return [part for name in self.tensors if not self._belongs_to_another(name) for part in self._parts_of(name)]

    def _belongs_to_another(self, name: str) -> bool:
        """Tell whether a tensor is the bias or the state's half of a layer that is listed under its weight."""
        bias = re.fullmatch(r"((?:.*[./_])?)bias((?:_ih|_hh)?(?:_l\d+)?(?:_reverse)?(?::0)?)", name)
        if bias is not None:
            owners = (self.tensors.get(f"{bias[1]}{each}{bias[2]}") for each in ("weight", "kernel"))
            shape, given = next((owner.shape for owner in owners if owner is not None), ()), self.tensors[name].shape
            return len(shape) >= 2 and (given in ((shape[0],), shape[1:2], shape[-1:]) or given == shape[1:])
        match = re.fullmatch(r"((?:.*[._])?)weight_hh(_l\d+(?:_reverse)?)?", name)
        return match is not None and f"{match[1]}weight_ih{match[2] or ''}" in self.tensors

    def _parts_of(self, name: str) -> Sequence[WeightLayer | Unmapped]:
        tensor = self.tensors[name]
        kind, why = self._refusal(name, tensor)
        if why:
            return [Unmapped(name, kind, why, prod(tensor.shape) if tensor.is_float else 0)]
        if _RECURRENT.match(name):
            return self._recurrent(name, tensor)
        return self._product(name, tensor, kind)

    def _product(self, name: str, tensor: Tensor, kind: str) -> list[WeightLayer]:
        is_kernel, turned = _last(name) == "kernel", name in self.turned
        n_out, n_in, read = _matrix(tensor, is_kernel, turned, self._bias_shape(name))
        notes = [tensor.note, _ONE_PRODUCT, _by_name(name)]
        if turned and not is_kernel:
            notes.append("stored as inputs x outputs, as its bias tells")
        if tensor.kind in CODES and not tensor.note:
            notes.append(f"{tensor.kind} as it is in the file, which has no scale for it")
        if kind == "linear" and not _is_weight(name):
            notes.append("taken as outputs x inputs, though its name does not say weight")
        if self._may_be_looked_up(name, tensor):
            notes.append("no bias: if this is an embedding, rows of it are looked up and nothing is multiplied")
        bias = _bias(self.tensors.get(_bias_name(name)), n_out)
        note = "; ".join(filter(None, notes))
        layer = WeightLayer(_label(name), kind, n_out, n_in, read, bias, note=note, counted=False)
        return in_blocks(layer, lambda rows: _converted(read()[rows]))

    def _refusal(self, name: str, tensor: Tensor) -> tuple[str, str]:
        """Return the kind of a tensor, and the reason why the machine cannot run it, or an empty text."""
        shape = tensor.shape
        size = " x ".join(map(str, shape)) or "single number"
        if tensor.fault:
            return "weights", f"{size}: {tensor.fault}"
        if not tensor.is_float and not (tensor.kind in CODES and len(shape) >= 2 and _is_weight(name)):
            return "buffer", f"{size}: {tensor.kind or 'whole'} numbers, not floating-point weights"
        if len(shape) < 2:
            return "vector", f"{size}: {vector_reason(name, self.tensors)}"
        if 0 in shape or prod(shape) > MAX_BLOCKS * MAX_WEIGHTS:
            return "weights", f"{size}: a layer must have 1..{MAX_BLOCKS * MAX_WEIGHTS} weights"
        if self._is_embedding(name):
            return "embedding", f"{size}: a row is looked up, nothing is multiplied"
        if why := parameter_reason(name, shape):
            return "parameter", f"{size}: {why}"
        return ("linear", "") if len(shape) == 2 else ("conv", self._convolution_refusal(name, size))

    def _convolution_refusal(self, name: str, size: str) -> str:
        if self._has_one_channel(name) and name != self.first:
            many = "one of several with one input channel" if self.n_of_one_channel > 1 else "one input channel"
            return f"{size}: {many}: depthwise, a matrix for every channel"
        if name in self.turned and _last(name) != "kernel":
            return f"{size}: a ConvTranspose, as its bias tells: not one product per output position"
        if re.search(r"(?i)conv_?transpose|transposed?_?conv|deconv|(^|[._])up_?conv", name):
            return f"{size}: a ConvTranspose by its name: not one product per output position"
        if re.search(r"(?i)(^|[._])(grp|grouped|group_?conv|g_?conv|dw|dw_?conv|depth_?wise)(_?\d*)[._]", name):
            return f"{size}: a grouped convolution by its name; a checkpoint does not say which groups it has"
        return ""

    def _has_one_channel(self, name: str) -> bool:
        shape = self.tensors[name].shape
        n_in, n_out = (shape[-2], shape[-1]) if _last(name) == "kernel" else (shape[1], shape[0])
        return n_in == 1 < n_out

    def _bias_shape(self, name: str) -> tuple[int, ...]:
        bias = self.tensors.get(_bias_name(name))
        return bias.shape if bias is not None else ()

    def _bias_says_turned(self, name: str) -> bool:
        """Tell whether the second side is the outputs: Conv1D of GPT-2, kernels of Flax and Keras, ConvTranspose."""
        shape, bias = self.tensors[name].shape, self._bias_shape(name)
        if len(shape) < 2 or not _is_weight(name) or _RECURRENT.match(name):
            return False
        if _last(name) == "kernel":
            return bias != shape[:1] or shape[0] == shape[-1]
        if shape[0] == shape[1] and len(shape) == 2 and _GPT2.fullmatch(name):
            # Nothing in a square matrix tells; its neighbours of the same module class do.
            family = [each for each in self.tensors if _GPT2.fullmatch(each) and len(self.tensors[each].shape) == 2]
            return any(self._bias_shape(each) == self.tensors[each].shape[1:] != shape[:1] for each in family)
        return bias == shape[1:2] and bias != shape[:1]

    def _is_embedding(self, name: str) -> bool:
        module, _, last = name.rpartition(".")
        named = _EMBEDDING.fullmatch(_last(module)) if last in ("weight", "kernel") else _EMBEDDING.fullmatch(last)
        return named is not None and len(self.tensors[name].shape) == 2 and not self._bias_shape(name)

    def _may_be_looked_up(self, name: str, tensor: Tensor) -> bool:
        tall = len(tensor.shape) == 2 and tensor.shape[0] >= 8 * tensor.shape[1]
        return tall and not self._bias_shape(name) and not re.search(r"head|output|decoder|classifier|fc", name)

    def _recurrent(self, name: str, tensor: Tensor) -> Sequence[WeightLayer | Unmapped]:
        other = name.replace("weight_ih", "weight_hh")
        state, projection = (self.tensors.get(each) for each in (other, name.replace("weight_ih", "weight_hr")))
        rows = tensor.shape[0]
        width = state.shape[-1] if state is not None else 0
        hidden = projection.shape[-1] if projection is not None and projection.shape[0] == width else width
        gates = _GATES.get(rows // hidden if hidden else 0)
        if state is None or state.shape != (rows, width) or gates is None or rows % hidden or not state.is_float:
            why = f"{other} must be there with 1, 3 or 4 times as many rows as columns"
            return [Unmapped(name, "recurrent", why, prod(tensor.shape))]
        n_in = tensor.shape[1] + width

        def read(some: slice = slice(None)) -> NDArray[np.float32]:
            return side_by_side([lambda: dense(tensor)[some], lambda: dense(state)[some]])

        halves = [_bias(self.tensors.get(_bias_name(each)), rows) for each in (name, other)]
        biases = [half for half in halves if half is not None]
        layer = WeightLayer(
            name.replace("weight_ih", "").replace("._", ".").rstrip("."),
            gates,
            rows,
            n_in,
            read,
            (lambda: as_float32(sum(half() for half in biases))) if biases else None,
            note="all gates on [x, h], one step; " + _ONE_PRODUCT,
            parts=((name, tensor.shape[1]), (other, width)),
            counted=False,
        )
        return in_blocks(layer, read)


def _matrix(tensor: Tensor, is_kernel: bool, turned: bool, bias: tuple[int, ...]) -> tuple[int, int, Callable[[], Any]]:
    """Find outputs and inputs of a weight, and how it becomes a matrix of them, of any type."""
    shape = tensor.shape
    if is_kernel and turned:
        # The last sides are outputs: one, or those of the bias where a layer has several heads.
        n_sides = len(bias) if len(bias) > 1 and shape[-len(bias) :] == bias else 1
        n_out = prod(shape[-n_sides:])
        return n_out, prod(shape) // n_out, lambda: dense(tensor).reshape(-1, n_out).T
    if turned:
        return shape[1], shape[0], lambda: tensor.read().T
    return shape[0], prod(shape[1:]), lambda: _untapped(tensor.read())


def _untapped(found: Any) -> Any:
    return sp.csr_array(found) if sp.issparse(found) else taps_then_channels(np.asarray(found))


def _converted(matrix: Any) -> Any:
    return sp.csc_array(matrix) if sp.issparse(matrix) else as_float32(matrix)


def _is_weight(name: str) -> bool:
    return re.search(r"(^|[./_])(weights?|kernel(:0)?|qweight|weight_ih\w*|weight_hr\w*|[wW]\d*)$", name) is not None


def _last(name: str) -> str:
    """Return the last part of a name, whose parts are joined with dots, or with slashes by Flax and Keras."""
    return re.split(r"[./]", name.removesuffix(":0"))[-1]


def _label(name: str) -> str:
    return re.sub(r"[./]kernel(:0)?$", "", name.removesuffix(".weight"))


def _by_name(name: str) -> str:
    return (
        "a factor of LoRA, which is added to the layer beside it"
        if re.search(r"(?i)lora_?(a|b|down|up)([._]|$)", name)
        else ""
    )


def _bias_name(weight: str) -> str:
    """Return `x.bias` for `x.weight`, `x.bias_ih_l0` for `x.weight_ih_l0`; empty for any other name."""
    before, found, after = weight.rpartition("kernel" if _last(weight) == "kernel" else "weight")
    return f"{before}bias{after}" if found else ""


def _bias(tensor: Tensor | None, n_out: int) -> Callable[[], NDArray[np.float32]] | None:
    if tensor is None or prod(tensor.shape) != n_out or not tensor.is_float:
        return None
    return lambda: as_float32(dense(tensor)).reshape(-1)
