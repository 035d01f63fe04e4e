"""Constants of an ONNX graph: initializers, and what operators make of them before any input comes.

Each is known by its shape, and is computed by ONNX's reference implementation only when a layer is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from eie.formats.errors import report_damage
from eie.formats.weights import MAX_BLOCKS, MAX_WEIGHTS

if TYPE_CHECKING:
    import onnx

MAX_GROWTH = 64
"""Numbers of a result per number of what it is made from: a small file must not become a large array."""

MAX_SMALL = 2**20
"""Numbers of a result that may be made from fewer."""

_SAME = (
    *("Identity", "Cast", "CastLike", "QuantizeLinear", "DequantizeLinear", "Neg", "Abs", "Sqrt", "Reciprocal", "Exp"),
    *("Not", "Sign", "Floor", "Round", "Clip"),
)
_BY_NUMBER = ("Mul", "Add", "Sub", "Div", "Pow", "Where", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal")
_TRUTHS = ("Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal", "Not")
_MOVES = ("Transpose", "Slice", "Squeeze", "Unsqueeze", "Split", "Gather")
_SUMS = ("ReduceL1", "ReduceL2", "ReduceSum", "ReduceSumSquare", "ReduceMax")
_FOLDED = (*_SAME, *_BY_NUMBER, *_MOVES, *_SUMS, "Reshape", "Flatten", "Concat", "Expand", "Shape", "Constant")


@dataclass(frozen=True, eq=False, slots=True)
class Weights:
    """A constant that has not been read yet.

    Attributes
    ----------
    shape : tuple of int
    is_float : bool
        Whether its numbers are floating-point.
    read : callable
        Gives an array, or a SciPy matrix.
    leaves : frozenset of str
        Names of the initializers that it is made from.
    note : str
        How it was made, where that changes numbers.
    is_code : bool
        Whether its numbers are of 8 bits or fewer.
    """

    shape: tuple[int, ...]
    is_float: bool
    read: Callable[[], Any]
    leaves: frozenset[str]
    note: str = ""
    is_code: bool = False

    def dense(self) -> Any:
        """Read as an array."""
        found = self.read()
        return found.toarray() if sp.issparse(found) else found


def fold(
    path: Path, node: onnx.NodeProto, inputs: Sequence[Weights | None], opset: int, inferred: list[int | None] | None
) -> list[Weights]:
    """Describe the outputs of a node whose inputs are constants; none where it cannot be or need not be computed.

    Parameters
    ----------
    path : path
        File, for messages.
    node : NodeProto
    inputs : sequence of Weights
        None stands for an input that is left out.
    opset : int
        Version of the operators.
    inferred : list of int
        Shape that ONNX's inference gives the first output.
    """
    if node.op_type not in _FOLDED or not inputs or inputs[0] is None:
        return []
    given = [each for each in inputs if each is not None]
    try:
        shapes = _shapes(node, inputs, opset, inferred)
    except Exception:  # a damaged node, which its reader will name
        return []
    most = max(MAX_SMALL, MAX_GROWTH * max(prod(each.shape) for each in given))
    if any(prod(shape) > min(most, MAX_BLOCKS * MAX_WEIGHTS) for shape in shapes):
        return []
    leaves = frozenset[str]().union(*(each.leaves for each in given))
    note = "; ".join(dict.fromkeys(filter(None, [*(each.note for each in given), _note(node)])))
    is_float, is_code = _is_float(node, inputs), node.op_type == "QuantizeLinear"

    def output(i: int) -> Callable[[], Any]:
        return lambda: computed(path, node, [each and each.dense() for each in inputs], opset)[i]

    return [Weights(shape, is_float, output(i), leaves, note, is_code) for i, shape in enumerate(shapes)]


def _note(node: onnx.NodeProto) -> str:
    return "codes times their scale" if node.op_type == "DequantizeLinear" else ""


def _is_float(node: onnx.NodeProto, inputs: Sequence[Weights | None]) -> bool:
    kinds = [each is not None and each.is_float for each in inputs]
    match node.op_type:
        case "Cast":
            return next((is_float_kind(each.i) for each in node.attribute if each.name == "to"), False)
        case "DequantizeLinear":
            return True
        case "QuantizeLinear" | "Shape":
            return False
        case "CastLike" | "Where":
            return kinds[1]
    return kinds[0] and node.op_type not in _TRUTHS


def is_float_kind(data_type: int) -> bool:
    """Tell whether numbers of a kind of ONNX are floating-point, 8-bit ones too."""
    import onnx

    return onnx.TensorProto.DataType.Name(data_type).startswith(("FLOAT", "DOUBLE", "BFLOAT"))


def _shapes(
    node: onnx.NodeProto, inputs: Sequence[Weights | None], opset: int, inferred: list[int | None] | None
) -> list[tuple[int, ...]]:
    """Compute the shapes of a node's outputs without reading more than small inputs."""
    first = inputs[0]
    assert first is not None
    kind, shape = node.op_type, first.shape
    if kind in _SAME:
        return [shape]
    if kind in _BY_NUMBER:
        return [np.broadcast_shapes(*(each.shape for each in inputs if each is not None))]
    if kind == "Shape":
        return [(len(shape),)]
    if kind in _SUMS:
        return [tuple(side for side in inferred if side is not None)] if inferred and None not in inferred else []
    if kind == "Concat":
        axis = next(each.i for each in node.attribute if each.name == "axis") % len(shape)
        total = sum(each.shape[axis] for each in inputs if each is not None)
        return [(*shape[:axis], total, *shape[axis + 1 :])]
    if kind == "Flatten":
        axis = next((each.i for each in node.attribute if each.name == "axis"), 1)
        axis += len(shape) if axis < 0 else 0
        return [(prod(shape[:axis]), prod(shape[axis:]))]
    small: list[Any] = [each.dense() if each is not None and prod(each.shape) <= 1024 else None for each in inputs[1:]]
    if kind == "Reshape":
        sides = [shape[i] if side == 0 else int(side) for i, side in enumerate(small[0])]
        rest = prod(side for side in sides if side != -1)
        return [tuple(prod(shape) // rest if side == -1 else side for side in sides)]
    if kind == "Expand":
        return [np.broadcast_shapes(shape, tuple(map(int, small[0])))]
    # A table of two sides whose rows are looked up is an embedding, not made into anything.
    if kind == "Gather" and (len(shape) == 2 or inputs[1] is None or prod(inputs[1].shape) > 1):
        return []
    # These only move numbers: they do the same to an array that takes no memory.
    virtual = np.broadcast_to(np.float32(0), shape)
    return [each.shape for each in _evaluated(node, [virtual, *small], opset)]


def computed(path: Path, node: onnx.NodeProto, inputs: Sequence[Any], opset: int) -> list[Any]:
    """Compute the outputs of one node."""
    with report_damage(path, f"the constant {node.output[0]!r} cannot be computed"):
        return _evaluated(node, inputs, opset)


def _evaluated(node: onnx.NodeProto, inputs: Sequence[Any], opset: int) -> list[Any]:
    from onnx.reference import ReferenceEvaluator

    plain = type(node)()
    plain.CopyFrom(node)
    plain.domain = ""
    names = [f"i{i}" if value is not None else "" for i, value in enumerate(inputs)]
    plain.input[:], plain.output[:] = names, [f"o{i}" for i in range(len(node.output))]
    feeds = {name: value for name, value in zip(names, inputs, strict=True) if name}
    with np.errstate(all="ignore"):
        return list(ReferenceEvaluator(plain, opsets={"": opset}).run(None, feeds))


def scaled(codes: Weights, scale: Weights | None, zero: Weights | None, axis: int) -> Weights:
    """Multiply codes by their scale, of which there is one, or one along `axis`; none is taken as 1."""

    def read() -> Any:
        values = np.asarray(codes.dense(), np.float32)
        sides = [1] * values.ndim
        sides[axis] = -1
        shift, factor = (
            np.float32(absent) if part is None else np.asarray(part.dense(), np.float32).reshape(sides)
            for part, absent in ((zero, 0), (scale, 1))
        )
        return (values - shift) * factor

    leaves = frozenset[str]().union(*(part.leaves for part in (codes, scale, zero) if part is not None))
    note = "codes whose scale is applied to the outputs" if scale is None else "codes times their scale"
    return Weights(codes.shape, True, read, leaves, note)


def scaled_gates(codes: Weights, scale: Weights, zero: Weights | None) -> Weights:
    """Turn the codes of a quantised LSTM, directions x inputs x rows of gates, to directions x rows x inputs.

    Each direction has one scale, or one per row.
    """
    directions, n_in, rows = codes.shape

    def read() -> Any:
        values = np.asarray(codes.dense(), np.float32).swapaxes(1, 2)
        shift, factor = (
            np.float32(0) if part is None else np.asarray(part.dense(), np.float32).reshape(directions, -1, 1)
            for part in (zero, scale)
        )
        return (values - shift) * factor

    leaves = frozenset[str]().union(*(part.leaves for part in (codes, scale, zero) if part is not None))
    return Weights((directions, rows, n_in), True, read, leaves, "codes times their scale")


def blocks_of_bits(
    packed: Weights, scales: Weights, zeros: Weights | None, n_out: int, n_in: int, bits: int, block: int
) -> Weights:
    """Unpack the weights of MatMulNBits, outputs x inputs, low bits first."""

    def codes(part: Weights, n: int) -> Any:
        words = np.asarray(part.dense()).reshape(n_out, -1).view(np.uint8)
        fields = (words[..., None] >> np.arange(0, 8, bits, dtype=np.uint8)) & ((1 << bits) - 1)
        return fields.reshape(n_out, -1)[:, :n].astype(np.float32)

    def read() -> Any:
        n_blocks = -(-n_in // block)
        values = codes(packed, n_blocks * block)
        shift = codes(zeros, n_blocks) if zeros is not None else np.full((n_out, n_blocks), 1 << (bits - 1), np.float32)
        factor = np.asarray(scales.dense(), np.float32).reshape(n_out, n_blocks)
        return ((values - np.repeat(shift, block, 1)) * np.repeat(factor, block, 1))[:, :n_in]

    leaves = packed.leaves | scales.leaves | (zeros.leaves if zeros else frozenset())
    return Weights(
        (n_out, n_in), True, read, leaves, f"{bits}-bit codes in blocks of {block} inputs times their scales"
    )


def turned(weights: Weights) -> Weights:
    """Transpose a matrix."""
    return replace(weights, shape=weights.shape[::-1], read=lambda: weights.read().T)
