"""The layers of one node of an ONNX graph: products of a matrix, a kernel or the gates of a recurrent node."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from eie.formats.onnx_constants import Weights, blocks_of_bits, scaled, scaled_gates, turned
from eie.formats.onnx_graph import Graph, attribute
from eie.formats.onnx_rest import without_product
from eie.formats.weights import (
    MAX_BLOCKS,
    MAX_WEIGHTS,
    Unmapped,
    WeightLayer,
    as_float32,
    block_diagonal,
    in_blocks,
    side_by_side,
    taps_then_channels,
)

if TYPE_CHECKING:
    import onnx

Bias = Callable[[], NDArray[np.float32]] | None

_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1, "DynamicQuantizeLSTM": 4}
_RECURRENT_NOTES = {"GRU": "; the candidate's reset state is taken as one more input"}
_CODED = {
    **dict.fromkeys(("QLinearMatMul", "QLinearConv", "QGemm"), (3, 4, 5)),
    **dict.fromkeys(("MatMulInteger", "ConvInteger"), (1, None, 3)),
    "DynamicQuantizeMatMul": (1, 2, 3),
    "MatMulIntegerToFloat": (1, 3, 5),
}
"""Operators whose matrix is in codes, with the places of codes, scale and zero point among their inputs. Two have no
scale: what they give is multiplied by it later."""


def layers_of(graph: Graph, node: onnx.NodeProto) -> Iterator[WeightLayer | Unmapped]:
    """Make layers of the weights of one node, or say why there are none."""
    match node.op_type:
        case "Gemm" | "FusedGemm":
            yield from _gemm(graph, node)
        case "MatMul" | "FusedMatMul" | "TransposeMatMul" | "MatMulNBits":
            yield from _matmul(graph, node)
        case "QLinearMatMul" | "DynamicQuantizeMatMul" | "MatMulInteger" | "MatMulIntegerToFloat" | "QGemm":
            yield from _matmul(graph, node)
        case "Attention" if node.domain == "com.microsoft":
            yield from _matmul(graph, node)
        case "Conv" | "FusedConv" | "QLinearConv" | "ConvInteger":
            yield from _conv(graph, node)
        case "LSTM" | "GRU" | "RNN" | "DynamicQuantizeLSTM":
            yield from _recurrent(graph, node)
        case _:
            yield from without_product(graph, node)


def _unmapped(node: onnx.NodeProto, why: str) -> Unmapped:
    return Unmapped(name_of(node), node.op_type, why)


def _input(graph: Graph, node: onnx.NodeProto, place: int) -> Weights | None:
    """Look up one of a node's inputs; None where it is left out or computed."""
    return graph.weights(node.input[place]) if place < len(node.input) and node.input[place] else None


def _gemm(graph: Graph, node: onnx.NodeProto) -> Sequence[WeightLayer | Unmapped]:
    first, second = _input(graph, node, 0), _input(graph, node, 1)
    weights = second or first
    if weights is None:
        return [_computed(graph, node, "its weights are computed while it runs")]
    if refusal := _refusal(node, weights, 2):
        return [refusal]
    is_left = second is None
    # y = A B + C: rows of A are vectors, columns of B outputs. With the weights first it is the other way round.
    transposed = bool(attribute(node, "transA" if is_left else "transB", 0))
    matrix = weights if transposed != is_left else turned(weights)
    alpha, beta = attribute(node, "alpha", 1.0), attribute(node, "beta", 1.0)
    bias = _bias(_input(graph, node, 2), matrix.shape[0], beta)
    return _linear(graph, node, matrix, is_left, bias, alpha)


def _matmul(graph: Graph, node: onnx.NodeProto) -> Sequence[WeightLayer | Unmapped]:
    if node.op_type == "MatMulNBits":
        first, second = None, _of_bits(graph, node)
    elif node.op_type in _CODED:
        first, second = None, _of_codes(graph, node, 0 if attribute(node, "transB", 0) else -1)
    else:
        first, second = _input(graph, node, 0), _input(graph, node, 1)
    weights = second or first
    if weights is None:
        return [
            _computed(graph, node, "both factors are computed while it runs, as in attention: there are no weights")
        ]
    if refusal := _refusal(node, weights, 2):
        return [refusal]
    is_left = second is None
    transposed = bool(attribute(node, "transA" if is_left else "transB", 0)) or node.op_type == "MatMulNBits"
    matrix = weights if transposed != is_left else turned(weights)
    if node.op_type == "Attention":
        return _linear(graph, node, matrix, is_left, _bias(_input(graph, node, 2), matrix.shape[0], 1.0), 1.0)
    bias = None if is_left else added_bias(graph, node.output[0], matrix.shape[0])[0]
    return _linear(graph, node, matrix, is_left, bias, attribute(node, "alpha", 1.0))


def _of_codes(graph: Graph, node: onnx.NodeProto, axis: int) -> Weights | None:
    at_codes, at_scale, at_zero = _CODED[node.op_type]
    codes, zero = _input(graph, node, at_codes), _input(graph, node, at_zero)
    scale = None if at_scale is None else _input(graph, node, at_scale)
    return None if codes is None or (scale is None and at_scale is not None) else scaled(codes, scale, zero, axis)


def _of_bits(graph: Graph, node: onnx.NodeProto) -> Weights | None:
    packed, scales, zeros = (_input(graph, node, place) for place in (1, 2, 3))
    n_out, n_in = attribute(node, "N", 0), attribute(node, "K", 0)
    bits, block = attribute(node, "bits", 4), attribute(node, "block_size", 32)
    n_codes = prod(packed.shape) * 8 // bits if packed is not None and bits in (2, 4, 8) else 0
    if packed is None or scales is None or block < 1 or n_codes != n_out * -(-n_in // block) * block:
        return None
    return blocks_of_bits(packed, scales, zeros, n_out, n_in, bits, block)


def _linear(
    graph: Graph, node: onnx.NodeProto, matrix: Weights, is_left: bool, bias: Bias, scale: float
) -> list[WeightLayer]:
    """Make a layer of a matrix of outputs x inputs."""
    n_out, n_in = matrix.shape

    def read(rows: slice) -> object:
        found = matrix.read()
        found = sp.csc_array(sp.csr_array(found)[rows]) if sp.issparse(found) else as_float32(found[rows])
        return found if scale == 1 else found * np.float32(scale)

    source = node.input[0] if node.op_type == "Attention" else node.output[0]
    vectors = graph.columns(source) if is_left else graph.rows(source)
    count, note = _counted(vectors, "rows of its input")
    notes = "; ".join(filter(None, [note, matrix.note]))
    layer = WeightLayer(name_of(node), "linear", n_out, n_in, _unread, bias, count, notes, counted=not note)
    return in_blocks(layer, read)


def _conv(graph: Graph, node: onnx.NodeProto) -> list[WeightLayer | Unmapped]:
    coded = node.op_type in _CODED
    weights = _of_codes(graph, node, 0) if coded else _input(graph, node, 1)
    if weights is None:
        return [_computed(graph, node, "its weights are computed while it runs")]
    if refusal := _refusal(node, weights, 3):
        return [refusal]
    groups, shape = attribute(node, "group", 1), weights.shape
    if not 1 <= groups <= shape[0] or shape[0] % groups:
        return [_unmapped(node, f"{_by(shape)}: its outputs cannot be cut into {groups} groups")]
    # The bias of a convolution in codes is in units of two scales.
    bias = None if coded else _bias(_input(graph, node, 2), shape[0], 1.0)
    count, note = _counted(graph.positions(node.output[0]), "output positions")
    in_groups = f"in {groups} groups, a matrix for each, side by side" if groups > 1 else ""
    notes = "; ".join(filter(None, [note, weights.note, in_groups]))
    n_in = prod(shape[1:]) * groups
    layer = WeightLayer(
        name_of(node), "conv", shape[0], n_in, _unread, bias, count, notes, counted=not note, groups=groups
    )
    if groups > 1:
        return [replace(layer, read=lambda: block_diagonal(weights.dense(), groups))]
    return [*in_blocks(layer, lambda rows: as_float32(taps_then_channels(weights.dense()[rows])))]


def _recurrent(graph: Graph, node: onnx.NodeProto) -> Iterator[WeightLayer | Unmapped]:
    inputs, state = (_of_gates(graph, node, place) for place in (1, 2))
    if inputs is None or state is None:
        yield _computed(graph, node, "its weights are computed while it runs")
        return
    if refusal := _refusal(node, inputs, 3) or _refusal(node, state, 3):
        yield refusal
        return
    directions, rows, n_in = inputs.shape
    hidden = state.shape[2]
    if state.shape != (directions, rows, hidden) or rows != _GATES[node.op_type] * hidden or directions > 2:
        yield _unmapped(node, f"{_by(inputs.shape)} and {_by(state.shape)} do not fit each other")
        return
    vectors, note = _counted(graph.steps(node.input[0], 1 - attribute(node, "layout", 0)), "steps of its sequence")
    counted = not note
    note = f"all gates on [x, h]{_RECURRENT_NOTES.get(node.op_type, '')}" + (note and f"; {note}")
    biases = _input(graph, node, 3)
    has_bias = biases is not None and biases.shape == (directions, 2 * rows)
    for d in range(directions):
        name = name_of(node) + ("", " backwards")[d]
        bias = _gate_bias(biases, d) if biases is not None and has_bias else None
        parts = ((f"{name} W", n_in), (f"{name} R", hidden))
        kind = node.op_type.removeprefix("DynamicQuantize").lower()
        layer = WeightLayer(name, kind, rows, n_in + hidden, _unread, bias, vectors, note, parts, counted)
        yield from in_blocks(layer, _gates(inputs, state, d))


def _of_gates(graph: Graph, node: onnx.NodeProto, place: int) -> Weights | None:
    codes, scale, zero = (_input(graph, node, each) for each in (place, 2 * place + 6, 2 * place + 7))
    if node.op_type != "DynamicQuantizeLSTM" or codes is None or len(codes.shape) != 3:
        return codes
    return None if scale is None else scaled_gates(codes, scale, zero)


def _gates(inputs: Weights, state: Weights, d: int) -> Callable[[slice], NDArray[np.float32]]:
    return lambda rows: side_by_side([lambda: inputs.dense()[d][rows], lambda: state.dense()[d][rows]])


def _unread() -> None:
    """Stand for the reading of a layer until `in_blocks` has said what is read."""


def _gate_bias(biases: Weights, d: int) -> Callable[[], NDArray[np.float32]]:
    """Read the sum of the two halves of the biases, the input's and the state's."""
    return lambda: as_float32(biases.dense()[d].reshape(2, -1).sum(axis=0))


def _computed(graph: Graph, node: onnx.NodeProto, why: str) -> Unmapped:
    """Say why a node has no weights: they depend on the input, or are constants that could not be made here."""
    fixed = [name for name in node.input if name and name not in graph.computed and graph.weights(name) is None]
    makers = {name: each.op_type for each in graph.nodes for name in each.output}
    if not fixed:
        return _unmapped(node, why)
    maker = makers.get(fixed[0], "an operator outside")
    return _unmapped(node, f"{fixed[0]} is a constant that {maker} makes, which is not followed here")


def _refusal(node: onnx.NodeProto, weights: Weights, n_sides: int) -> Unmapped | None:
    """Say why a node's weights cannot be a layer; None if they can."""
    shape = weights.shape
    if not weights.is_float:
        return _unmapped(node, f"{_by(shape)}: not floating-point weights")
    right = len(shape) >= n_sides if n_sides == 3 and node.op_type not in _GATES else len(shape) == n_sides
    if not right or not 1 <= prod(shape) <= MAX_BLOCKS * MAX_WEIGHTS or min(shape) < 1:
        return _unmapped(node, f"{_by(shape)}: must have {n_sides} sides and 1..{MAX_BLOCKS * MAX_WEIGHTS} weights")
    return None


def _bias(weights: Weights | None, n_out: int, scale: float) -> Bias:
    if weights is None or not weights.is_float or prod(weights.shape) != n_out:
        return None
    return lambda: as_float32(weights.dense()).reshape(-1) * np.float32(scale)


def added_bias(graph: Graph, output: str, n_out: int) -> tuple[Bias, frozenset[str]]:
    """Find the bias in an Add that follows a MatMul, and the initializers that it is made from."""
    users = graph.users.get(output, [])
    if len(users) != 1 or users[0].op_type != "Add":
        return None, frozenset()
    other = [name for name in users[0].input if name != output]
    weights = graph.weights(other[0]) if other else None
    if weights is None or weights.shape[-1:] != (n_out,) or prod(weights.shape) != n_out:
        return None, frozenset()
    return _bias(weights, n_out, 1.0), weights.leaves


def _counted(vectors: int | None, what: str) -> tuple[int, str]:
    return (vectors, "") if vectors else (1, f"{what} unknown, so one product is counted")


def name_of(node: onnx.NodeProto) -> str:
    """Name a node in messages: its own name, or that of its first output or its operator."""
    return node.name or next(iter(node.output), node.op_type)


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
