"""Tensors of a checkpoint as training and quantisation left them, joined to the weights that a layer multiplies by.

Pruning keeps a mask beside the weight, normalisation a direction and a length, quantisation codes and scales. Each rule
here knows one such group by its names, and puts the weight in its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

CODES = ("int8", "uint8", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz")
"""Kinds of numbers that a scale beside them makes weights of."""


@dataclass(frozen=True, eq=False, slots=True)
class Tensor:
    """A tensor that has not been read yet.

    Its `kind` is that of its numbers where it is not plain floating point, its `note` says how it was joined, and its
    `fault` why it cannot be read.
    """

    shape: tuple[int, ...]
    is_float: bool
    read: Callable[[], Any]
    kind: str = ""
    note: str = ""
    fault: str = ""


Tensors = Mapping[str, Tensor]
Joined = tuple[str, Tensor, set[str]]
"""Name of a weight, the weight, and the names of the tensors that are in it beside the first."""

Rule = Callable[[str, Tensors], Joined | None]


def joined(tensors: Tensors) -> dict[str, Tensor]:
    """Join all groups of tensors to their weights, in the order of the file."""
    for rule in RULES:
        tensors = _applied(rule, tensors)
    return dict(tensors)


def _applied(rule: Rule, tensors: Tensors) -> Tensors:
    found = {name: made for name in tensors if (made := rule(name, tensors)) is not None}
    used = {name for _, _, names in found.values() for name in names}
    kept = ((name, found.get(name, (name, tensor))[:2]) for name, tensor in tensors.items() if name not in used)
    return {new: tensor for _, (new, tensor) in kept}


def _of_shape(name: str, tensors: Tensors, shape: tuple[int, ...]) -> Tensor | None:
    found = tensors.get(name)
    return found if found is not None and found.shape == shape else None


def _bitsandbytes(name: str, tensors: Tensors) -> Joined | None:
    """Name codes of 4 bits that bitsandbytes packed, which its own tables and quantised scales make weights of."""
    group = {each for each in tensors if each.startswith((f"{name}.absmax", f"{name}.quant_", f"{name}.nested_"))}
    if not group or tensors[name].kind != "uint8":
        return None
    fault = "4-bit codes of bitsandbytes, two per byte; save the network in another format, or before it is quantised"
    return name, replace(tensors[name], shape=(2 * prod(tensors[name].shape),), is_float=True, fault=fault), group


def _pruned(name: str, tensors: Tensors) -> Joined | None:
    """Multiply `weight_orig` by `weight_mask`, which PyTorch's own pruning keeps in place of the weight."""
    base = name.removesuffix("_orig")
    mask = _of_shape(f"{base}_mask", tensors, tensors[name].shape)
    if base == name or base in tensors or mask is None:
        return None
    return base, _masked(tensors[name], mask), {f"{base}_mask"}


_MASKS = ("mask", "_mask", "pruning_mask", "prune_mask", "sparsity_mask", "sparse_mask")
"""Names of a mask in the module of its weight, with or without the weight's own name before it."""


def _hand_masked(name: str, tensors: Tensors) -> Joined | None:
    """Multiply a weight by a mask of the same shape that its module keeps beside it."""
    module, dot, last = name.rpartition(".")
    if last not in ("weight", "kernel"):
        return None
    inside = [f"{module}{dot}{each}" for each in (*_MASKS, *(f"{last}_{mask}" for mask in _MASKS), "mask_weight")]
    beside = [f"{module}{dot}{each}.{last}" for each in ("mask", "masks")]
    whole = [f"{each}.{of}" for each in ("mask", "masks") for of in (name, module)]
    for each in (*inside, *beside, f"{name}.mask", *whole):
        mask = _of_shape(each, tensors, tensors[name].shape)
        if mask is not None:
            return name, _masked(tensors[name], mask), {each}
    return None


def _masked(weight: Tensor, mask: Tensor) -> Tensor:
    return replace(weight, read=lambda: np.where(dense(mask) != 0, dense(weight), 0))


def _weight_normed(name: str, tensors: Tensors) -> Joined | None:
    """Scale the direction `weight_v` to the length `weight_g`."""
    base = name.removesuffix("_v")
    length = tensors.get(f"{base}_g")
    return None if base == name or length is None else (base, _with_length(tensors[name], length), {f"{base}_g"})


def _with_length(direction: Tensor, length: Tensor) -> Tensor:
    def read() -> NDArray[np.float32]:
        v, g = (dense(part).astype(np.float32) for part in (direction, length))
        along = tuple(i for i in range(v.ndim) if g.ndim != v.ndim or g.shape[i] == 1)
        norm = np.sqrt(np.square(v, dtype=np.float64).sum(axis=along, keepdims=True))
        return np.asarray(v * (g.reshape(norm.shape) / norm), np.float32)

    return replace(direction, read=read, note="weight and its length (weight_norm) combined")


def _spectral(name: str, tensors: Tensors) -> Joined | None:
    """Divide `weight_orig` by the largest singular value that `weight_u` and `weight_v` estimate."""
    base = name.removesuffix("_orig")
    left = tensors.get(f"{base}_u")
    if base == name or left is None:
        return None
    right = tensors.get(f"{base}_v")
    return base, _divided(tensors[name], left, right), {f"{base}_u", f"{base}_v"}


def _divided(weight: Tensor, left: Tensor, right: Tensor | None) -> Tensor:
    def read() -> NDArray[np.float32]:
        w, u = dense(weight).astype(np.float32), dense(left).astype(np.float32)
        flat = np.moveaxis(w, 1, 0) if w.ndim > 1 and len(u) != len(w) else w
        flat = flat.reshape(len(u), -1)
        across = u @ flat
        v = dense(right) if right is not None else across / np.linalg.norm(across)
        return np.asarray(w / (across @ v), np.float32)

    return replace(weight, read=read, note="divided by its largest singular value (spectral_norm)")


def _parametrized(name: str, tensors: Tensors) -> Joined | None:
    """Join what `torch.nn.utils.parametrize` keeps in place of a weight."""
    match = re.fullmatch(r"(.*?)parametrizations\.(\w+)\.original([01]?)", name)
    if match is None or match[3] == "0":
        return None
    base, group = match[1] + match[2], name.removesuffix(match[3]).removesuffix("original")
    weight = tensors[name]
    if match[3] == "1":
        length = tensors.get(f"{group}original0")
        return None if length is None else (base, _with_length(weight, length), {f"{group}original0"})
    used = {each for each in tensors if each.startswith(group) and each != name}
    left, right = tensors.get(f"{group}0._u"), tensors.get(f"{group}0._v")
    mask = next((m for each in used if each.endswith("mask") and (m := _of_shape(each, tensors, weight.shape))), None)
    if left is not None:
        return base, _divided(weight, left, right), {f"{group}0._u", f"{group}0._v"}
    if mask is not None:
        return base, _masked(weight, mask), {each for each in used if each.endswith("mask")}
    note = "before its parametrization, such as a mask, which is not in the file: the weights may be sparser"
    return base, replace(weight, note=note), set()


_SCALES = (
    "weight_scale",
    "weight_scale_inv",
    "scale_weight",
    "weight.scale",
    "scale",
    "scales",
    "SCB",
    "weight_scales",
)


def _scaled(name: str, tensors: Tensors) -> Joined | None:
    """Multiply codes of 8 bits by the scale that stands beside them: one, one per output, or one per block."""
    module, dot, last = name.rpartition(".")
    codes = tensors[name]
    if last != "weight" or codes.kind not in CODES or codes.fault:
        return None
    for each in _SCALES:
        scale = tensors.get(f"{module}{dot}{each}")
        if scale is not None and scale.is_float and _fits(scale.shape, codes.shape):
            factor = 1 / 127 if each == "SCB" else 1.0
            zero = f"{module}{dot}{each.replace('scale', 'zero_point')}"
            used = {f"{module}{dot}{each}"} | ({zero} if zero in tensors else set())
            read = _scaling(codes, scale, tensors.get(zero), factor)
            return name, Tensor(codes.shape, True, read, note=f"codes of {codes.kind} times their scale"), used
    return None


def _fits(scale: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    sides = scale if len(scale) in (0, len(shape)) else (*scale, *(1,) * (len(shape) - len(scale)))
    repeats = len(sides) == len(shape) and all(1 <= a <= b for a, b in zip(sides, shape, strict=True))
    return prod(scale) == 1 or repeats


def _scaling(codes: Tensor, scale: Tensor, zero: Tensor | None, factor: float) -> Callable[[], NDArray[np.float32]]:
    def read() -> NDArray[np.float32]:
        q = dense(codes).astype(np.float32)
        if zero is not None:
            q = q - _spread(dense(zero), q.shape)
        return np.asarray(q * (_spread(dense(scale), q.shape) * np.float32(factor)), np.float32)

    return read


def _spread(scale: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Repeat scales so that they stand beside the codes that they are for."""
    values = np.asarray(scale, np.float32)
    if values.size == 1:
        return values.reshape(())
    values = values.reshape(*values.shape, *(1,) * (len(shape) - values.ndim))
    for axis, (have, want) in enumerate(zip(values.shape, shape, strict=True)):
        if have not in (1, want):
            values = np.repeat(values, -(-want // have), axis).take(range(want), axis)
    return values


_AWQ_ORDER = (0, 4, 1, 5, 2, 6, 3, 7)
"""Place of each of 8 outputs among the nibbles of a word of AWQ."""


def _gptq(name: str, tensors: Tensors) -> Joined | None:
    """Unpack words of 32 bits with codes of 2, 4 or 8 bits in groups of inputs, as GPTQ and AWQ write them."""
    module, dot, last = name.rpartition(".")
    words = tensors[name]
    others = {each: tensors.get(f"{module}{dot}{each}") for each in ("scales", "qzeros", "g_idx")}
    scales, zeros = others["scales"], others["qzeros"]
    if last != "qweight" or scales is None or len(words.shape) != 2 or len(scales.shape) != 2 or words.kind != "int32":
        return None
    used = {f"{module}{dot}{each}" for each, tensor in others.items() if tensor is not None}
    n_out = scales.shape[1]
    is_awq = words.shape[1] != n_out
    groups = others["g_idx"]
    bits = 32 * words.shape[1] // n_out if is_awq else 32 * words.shape[0] // (groups.shape[0] if groups else 1 << 30)
    form, base = "AWQ" if is_awq else "GPTQ", f"{module}{dot}weight"
    n_in = words.shape[0] if is_awq else groups.shape[0] if groups else words.shape[0] * 8
    if not groups and not is_awq:
        bits = 4
    whole = n_in * n_out * bits == 32 * prod(words.shape) and zeros is not None
    if bits not in (2, 4, 8) or not whole or (is_awq and bits != 4) or zeros is None or zeros.kind != "int32":
        why = f"codes of {bits} bits; those of 2, 4 and 8 are read" if bits == 3 else "width and groups do not fit"
        fault = f"{form}: packed codes that are not read here: {why}"
        return base, Tensor((n_out, n_in), True, words.read, fault=fault), used

    def read() -> NDArray[np.float32]:
        index = dense(groups) if groups else np.arange(n_in) // -(-n_in // scales.shape[0])
        q, z = _unpacked(dense(words), bits, is_awq, 1 if is_awq else 0), _unpacked(dense(zeros), bits, is_awq, 1)
        z = z + (0 if is_awq else 1)
        return np.asarray((dense(scales).astype(np.float32)[index] * (q - z[index])).T, np.float32)

    note = f"{form}, {bits}-bit codes in {scales.shape[0]} groups of inputs"
    return base, Tensor((n_out, n_in), True, read, note=note), used


def _compressed(name: str, tensors: Tensors) -> Joined | None:
    """Unpack words of 32 bits with codes of neighbouring inputs, as `pack-quantized` of compressed-tensors has them."""
    base = name.removesuffix("_packed")
    words, shape, scale = tensors[name], tensors.get(f"{base}_shape"), tensors.get(f"{base}_scale")
    if base == name or words.kind != "int32" or shape is None or scale is None or len(words.shape) != 2:
        return None
    used = {each for each in tensors if each.startswith((f"{base}_shape", f"{base}_scale", f"{base}_zero_point"))}
    n_out, n_in = (int(side) for side in dense(shape)) if shape.shape == (2,) else (0, 0)
    bits = next((bits for bits in (4, 8) if words.shape == (n_out, -(-n_in * bits // 32))), 0)
    if not bits or not _fits(scale.shape, (n_out, n_in)) or f"{base}_zero_point" in tensors:
        fault = "compressed-tensors: packed codes other than symmetric ones of 4 or 8 bits"
        return base, Tensor((n_out, n_in), True, words.read, fault=fault), used

    def read() -> NDArray[np.float32]:
        codes = _unpacked(dense(words), bits, False, 1)[:, :n_in] - (1 << (bits - 1))
        return np.asarray(codes * _spread(dense(scale), codes.shape), np.float32)

    return (
        base,
        Tensor((n_out, n_in), True, read, note=f"compressed-tensors, {bits}-bit codes times their scales"),
        used,
    )


def _hqq(name: str, tensors: Tensors) -> Joined | None:
    """Name the codes of HQQ, whose width and shape are not tensors."""
    module, dot, last = name.rpartition(".")
    if last != "W_q":
        return None
    used = {each for each in tensors if each.startswith(f"{module}{dot}meta.") or each == f"{module}{dot}bias"}
    fault = "packed codes of HQQ; save the network in another format, or before it is quantised"
    return name, replace(tensors[name], is_float=True, fault=fault), used


def _unpacked(words: NDArray[Any], bits: int, is_awq: bool, axis: int) -> NDArray[np.int64]:
    """Take the codes out of words, of which each holds neighbours along `axis`."""
    shifts = np.arange(0, 32, bits)
    if is_awq:
        shifts = shifts[list(_AWQ_ORDER)]
    parts = (words.astype(np.int64)[..., None] >> shifts) & ((1 << bits) - 1)
    sides = list(words.shape)
    sides[axis] *= len(shifts)
    return np.moveaxis(parts, -1, axis + 1).reshape(sides)


RULES: tuple[Rule, ...] = (
    *(_bitsandbytes, _pruned, _weight_normed, _spectral, _parametrized, _hand_masked),
    *(_scaled, _gptq, _compressed, _hqq),
)
"""In the order in which they are tried."""


def dense(tensor: Tensor) -> NDArray[Any]:
    """Read a tensor as an array, a sparse one too."""
    found = tensor.read()
    return np.asarray(found.toarray() if sp.issparse(found) else found)
