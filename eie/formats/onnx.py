"""ONNX files as layers: Gemm, MatMul, Conv, LSTM, GRU and RNN nodes whose weights are in the file or beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eie.formats.errors import guarded, report_damage
from eie.formats.onnx_graph import MAX_BYTES, Graph, Initializer, attribute, check_structure, shapes_of
from eie.formats.weights import (
    MAX_WEIGHTS,
    Unmapped,
    WeightFile,
    WeightLayer,
    as_float32,
    check_file,
    side_by_side,
    taps_then_channels,
)

if TYPE_CHECKING:
    import onnx

_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
_RECURRENT_NOTES = {"LSTM": "", "GRU": "; the candidate's reset state is taken as one more input", "RNN": ""}
_FOLDS = ("BatchNormalization", "LayerNormalization", "InstanceNormalization", "GroupNormalization")
_INTEGER = ("QLinearConv", "QLinearMatMul", "MatMulInteger", "ConvInteger", "DequantizeLinear", "QGemm")
_BODIES = ("If", "Loop", "Scan")


@guarded
def read(path: Path) -> WeightFile:
    """List the layers of an ONNX file; weights are read layer by layer, later.

    Raises
    ------
    FormatError
        When the file is missing, too large, truncated or damaged, or its weights lie outside its folder.
    """
    check_structure(path, check_file(path, MAX_BYTES))
    import onnx

    with report_damage(path, "is no whole ONNX file"):
        model = onnx.load(path, load_external_data=False)
        graph = Graph(path, model.graph, shapes_of(model))
        found = [part for node in model.graph.node for part in _parts(graph, node)]
    file = WeightFile.of(path, found)
    return replace(file, layers=_with_own_names(file.layers))


def _with_own_names(layers: tuple[WeightLayer, ...]) -> tuple[WeightLayer, ...]:
    """Number layers of the same name: nodes need none, and several may use the same weights."""
    seen: dict[str, int] = {}
    named = []
    for layer in layers:
        seen[layer.name] = n = seen.get(layer.name, 0) + 1
        named.append(layer if n == 1 else replace(layer, name=f"{layer.name}#{n}"))
    return tuple(named)


def _parts(graph: Graph, node: onnx.NodeProto) -> Iterator[WeightLayer | Unmapped]:
    """Make layers of the weights of one node, or say why there are none."""
    make = {"Gemm": _gemm, "MatMul": _matmul, "Conv": _conv}.get(node.op_type)
    if make is not None:
        yield make(graph, node)
    elif node.op_type in _GATES:
        yield from _recurrent(graph, node)
    else:
        yield from _without_product(graph, node)


def _without_product(graph: Graph, node: onnx.NodeProto) -> Iterator[Unmapped]:
    """Report a node that holds weights, or hides them, but is no product of a matrix and a vector."""
    sizes = [w.shape for w in map(graph.weights, node.input) if w is not None and prod(w.shape) > 1]
    if node.op_type in _BODIES:
        yield _unmapped(node, "a body that runs under a condition or in a loop is not looked into")
    elif node.op_type in _INTEGER:
        yield _unmapped(node, "its weights are integers already; import the network as it was before")
    elif node.op_type in _FOLDS:
        yield _unmapped(node, "a scale and a shift, which fold into the layer before it")
    elif node.op_type == "Gather" and node.input and graph.weights(node.input[0]) and len(sizes[:1] and sizes[0]) > 1:
        yield _unmapped(node, f"{_by(sizes[0])}: an embedding, whose rows are looked up, nothing is multiplied")
    elif node.op_type in ("ConvTranspose", "Einsum") and sizes:
        yield _unmapped(node, f"{_by(sizes[0])}: not one product of a matrix and a vector per output position")


def _unmapped(node: onnx.NodeProto, why: str) -> Unmapped:
    return Unmapped(_name(node), node.op_type, why)


def _gemm(graph: Graph, node: onnx.NodeProto) -> WeightLayer | Unmapped:
    weights = graph.weights(node.input[1])
    if refusal := _refusal(node, weights, 2):
        return refusal
    assert weights is not None
    rows_are_outputs = bool(attribute(node, "transB", 0))
    alpha, beta = attribute(node, "alpha", 1.0), attribute(node, "beta", 1.0)
    bias = _bias(graph, node.input[2] if len(node.input) > 2 else "", weights.shape[not rows_are_outputs], beta)
    return _linear(graph, node, weights, rows_are_outputs, bias, 1, alpha)


def _matmul(graph: Graph, node: onnx.NodeProto) -> WeightLayer | Unmapped:
    first, second = (graph.weights(name) for name in node.input)
    weights = second or first
    if weights is None:
        return _unmapped(node, "both factors are computed while it runs, as in attention: there are no weights")
    if refusal := _refusal(node, weights, 2):
        return refusal
    sides = slice(1, -1) if second else slice(-1, None)
    vectors = graph.known(node.output[0], sides)
    bias = _added(graph, node.output[0], weights.shape[-1]) if second else None
    return _linear(graph, node, weights, not second, bias, vectors, 1.0)


def _linear(
    graph: Graph,
    node: onnx.NodeProto,
    weights: Initializer,
    rows_are_outputs: bool,
    bias: Callable[[], NDArray[np.float32]] | None,
    vectors: int | None,
    scale: float,
) -> WeightLayer:
    n_out, n_in = weights.shape if rows_are_outputs else weights.shape[::-1]

    def read() -> NDArray[np.float32]:
        matrix = weights.read() if rows_are_outputs else weights.read().T
        return as_float32(matrix if scale == 1 else matrix * np.float32(scale))

    return WeightLayer(_name(node), "linear", n_out, n_in, read, bias, *_counted(vectors, "rows of its input"))


def _conv(graph: Graph, node: onnx.NodeProto) -> WeightLayer | Unmapped:
    weights = graph.weights(node.input[1])
    if refusal := _refusal(node, weights, 3):
        return refusal
    assert weights is not None
    group, shape = attribute(node, "group", 1), weights.shape
    if group != 1:
        kind = "depthwise" if shape[1] == 1 else f"in {group} groups"
        return _unmapped(node, f"{_by(shape)}: {kind}, which has a matrix of its own for every group of channels")
    vectors = graph.known(node.output[0], slice(2, None))
    bias = _bias(graph, node.input[2] if len(node.input) > 2 else "", shape[0], 1.0)
    return WeightLayer(
        _name(node),
        "conv",
        shape[0],
        prod(shape[1:]),
        lambda: as_float32(taps_then_channels(weights.read())),
        bias,
        *_counted(vectors, "output positions"),
    )


def _recurrent(graph: Graph, node: onnx.NodeProto) -> Iterator[WeightLayer | Unmapped]:
    inputs, state = (graph.weights(name) for name in node.input[1:3])
    if refusal := _refusal(node, inputs, 3) or _refusal(node, state, 3):
        yield refusal
        return
    assert inputs is not None
    assert state is not None
    directions, rows, n_in = inputs.shape
    hidden = state.shape[2]
    if state.shape != (directions, rows, hidden) or rows != _GATES[node.op_type] * hidden or directions > 2:
        yield _unmapped(node, f"{_by(inputs.shape)} and {_by(state.shape)} do not fit each other")
        return
    steps = graph.known(node.input[0], slice(1, 2) if attribute(node, "layout", 0) else slice(0, 1))
    vectors, note = _counted(steps, "steps of its sequence")
    note = f"all gates on [x, h]{_RECURRENT_NOTES[node.op_type]}" + (note and f"; {note}")
    biases = graph.weights(node.input[3]) if len(node.input) > 3 and node.input[3] else None
    has_bias = biases is not None and biases.shape == (directions, 2 * rows)
    for d in range(directions):
        yield WeightLayer(
            _name(node) + ("", " backwards")[d],
            node.op_type.lower(),
            rows,
            n_in + hidden,
            _gates(inputs, state, d),
            _gate_bias(biases, d) if biases is not None and has_bias else None,
            vectors,
            note,
        )


def _gates(inputs: Initializer, state: Initializer, d: int) -> Callable[[], NDArray[np.float32]]:
    return lambda: side_by_side([lambda: inputs.read()[d], lambda: state.read()[d]])


def _gate_bias(biases: Initializer, d: int) -> Callable[[], NDArray[np.float32]]:
    """Read the sum of the two halves of the biases, the input's and the state's."""
    return lambda: as_float32(biases.read()[d].reshape(2, -1).sum(axis=0))


def _refusal(node: onnx.NodeProto, weights: Initializer | None, n_sides: int) -> Unmapped | None:
    """Say why a node's weights cannot be a layer; None if they can."""
    if weights is None:
        return _unmapped(node, "its weights are computed while it runs")
    shape = weights.shape
    if not weights.is_float:
        return _unmapped(node, f"{_by(shape)}: not floating-point weights")
    right = len(shape) == n_sides if node.op_type != "Conv" else len(shape) >= n_sides
    if not right or not 1 <= prod(shape) <= MAX_WEIGHTS or min(shape) < 1:
        return _unmapped(node, f"{_by(shape)}: must have {n_sides} sides and 1..{MAX_WEIGHTS} weights")
    return None


def _bias(graph: Graph, name: str, n_out: int, scale: float) -> Callable[[], NDArray[np.float32]] | None:
    weights = graph.weights(name) if name else None
    if weights is None or not weights.is_float or prod(weights.shape) != n_out:
        return None
    return lambda: as_float32(weights.read()).reshape(-1) * np.float32(scale)


def _added(graph: Graph, output: str, n_out: int) -> Callable[[], NDArray[np.float32]] | None:
    """Find the bias in an Add that follows a MatMul."""
    users = graph.users.get(output, [])
    if len(users) != 1 or users[0].op_type != "Add":
        return None
    other = [name for name in users[0].input if name != output]
    weights = graph.weights(other[0]) if other else None
    return _bias(graph, other[0], n_out, 1.0) if weights is not None and weights.shape[-1:] == (n_out,) else None


def _counted(vectors: int | None, what: str) -> tuple[int, str]:
    return (vectors, "") if vectors else (1, f"{what} unknown: one product is taken")


def _name(node: onnx.NodeProto) -> str:
    return node.name or next(iter(node.output), node.op_type)


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
