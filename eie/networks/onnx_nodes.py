"""The nodes of an ONNX model, one after the other, for one batch.

The products of layers are done by whoever runs the model, all other nodes by ONNX's reference implementation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eie.formats.onnx import OpenModel
from eie.formats.onnx_functions import bodies
from eie.formats.onnx_graph import Graph, attribute
from eie.formats.weights import WeightLayer
from eie.networks.nd_windows import pool, positions
from eie.networks.recurrent import Cell

if TYPE_CHECKING:
    import onnx

Array = NDArray[Any]
Product = Callable[[str, Array, bool], Array]
"""From a layer's name and its vectors, one per row, to its outputs with its bias; false if not a further product."""

MAX_TURNS = 100_000
"""Turns of a loop."""

_LINEAR = (
    *("Gemm", "FusedGemm", "MatMul", "FusedMatMul", "TransposeMatMul"),
    *("QLinearMatMul", "DynamicQuantizeMatMul", "MatMulNBits"),
)
_CONV = ("Conv", "FusedConv", "QLinearConv")
_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "": lambda x: x,
    "Relu": lambda x: np.maximum(x, 0),
    "Tanh": np.tanh,
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
}


class Run:
    """One batch through a model."""

    def __init__(self, opened: OpenModel, product: Product, hosts: dict[int, Any]) -> None:
        self.opened, self.product, self.hosts = opened, product, hosts
        self.biased: set[str] = set()  # outputs of layers whose product has added the bias of the Add after them

    def graph(self, graph: Graph, values: dict[str, Any], outputs: Sequence[str]) -> None:
        """Compute all values of a graph; those that no later node reads are dropped."""
        last = {name: i for i, node in enumerate(graph.nodes) for name in _reads(node)}
        last |= dict.fromkeys(outputs, len(graph.nodes))
        made: set[str] = set()
        for i, node in enumerate(graph.nodes):
            if set(node.output) & graph.known.keys():
                continue
            found = self.node(graph, node, values)
            values.update((name, value) for name, value in zip(node.output, found, strict=False) if name)
            made.update(node.output)
            for name in [name for name in made if last.get(name, -1) <= i]:
                values.pop(name, None)
                made.discard(name)

    def value(self, graph: Graph, values: Mapping[str, Any], name: str) -> Any:
        """Look up a value, which may be a constant; None if it is left out."""
        if name in values or not name:
            return values.get(name)
        constant = graph.weights(name)
        if constant is None:
            raise ValueError(f"{graph.path}: the value {name} is not computed here, and cannot be used")
        return constant.dense()

    def node(self, graph: Graph, node: onnx.NodeProto, values: dict[str, Any]) -> Sequence[Any]:
        """Compute the outputs of one node."""
        layers = self.opened.layers.get(id(node))
        if layers and node.op_type in _LINEAR:
            return [self._linear(graph, node, values, layers)]
        if layers and node.op_type in _CONV:
            return [self._conv(graph, node, values, layers)]
        if layers and node.op_type in ("LSTM", "GRU", "RNN"):
            return self._recurrent(graph, node, values, layers)
        if layers or (node.op_type == "Scan" and bodies(node)):
            raise ValueError(f"{graph.path}: {node.op_type} {node.name} cannot be run here, only mapped")
        if node.op_type == "If":
            return self._branch(graph, node, values)
        if node.op_type == "Loop":
            return self._loop(graph, node, values)
        if node.op_type == "Add" and self.biased.intersection(node.input):
            return [values[next(name for name in node.input if name in self.biased)]]
        return self._host(graph, node, [self.value(graph, values, name) for name in node.input])

    def _products(self, layers: Sequence[WeightLayer], vectors: Array) -> Array:
        parts = [self.product(layer.name, vectors, True) for layer in layers]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def _linear(
        self, graph: Graph, node: onnx.NodeProto, values: dict[str, Any], layers: Sequence[WeightLayer]
    ) -> Array:
        coded = node.op_type == "QLinearMatMul"
        has_right = graph.weights(node.input[3 if coded else 1]) is not None
        x = self.value(graph, values, node.input[0 if has_right else 1])
        if coded:
            scale, zero = (self.value(graph, values, name) for name in node.input[1:3])
            x = _decoded(x, scale, zero, -1)
        if bool(attribute(node, "transA" if has_right else "transB", 0)) != (not has_right) and np.ndim(x) > 1:
            x = np.swapaxes(x, -1, -2)
        y = self._products(layers, np.reshape(x, (-1, x.shape[-1]))).reshape(*x.shape[:-1], -1)
        y = np.swapaxes(y, -1, -2) if not has_right and y.ndim > 1 else y
        if coded:
            return _encoded(y, *(self.value(graph, values, name) for name in node.input[6:8]))
        return self._after_linear(graph, node, values, layers, y, has_right)

    def _after_linear(
        self,
        graph: Graph,
        node: onnx.NodeProto,
        values: dict[str, Any],
        layers: Sequence[WeightLayer],
        y: Array,
        has_right: bool,
    ) -> Array:
        """Add what is not a bias of the layer, and apply a fused non-linearity."""
        place = {"Gemm": 2, "FusedGemm": 2, "DynamicQuantizeMatMul": 4, "MatMulNBits": 5}.get(node.op_type, 9)
        name = node.input[place] if place < len(node.input) else ""
        is_bias = layers[0].bias is not None
        if name and is_bias and not has_right and np.ndim(self.value(graph, values, name)) < 2:
            raise ValueError(f"{graph.path}: {node.name}: a bias per column of weights on the left cannot be run here")
        if name and (not is_bias or place > 2):
            y = y + attribute(node, "beta", 1.0) * self.value(graph, values, name)
        elif not name and is_bias:
            self.biased.add(node.output[0])
        return np.asarray(self._fused(graph, node, y), np.float32)

    def _fused(self, graph: Graph, node: onnx.NodeProto, y: Array) -> Array:
        kind = attribute(node, "activation", b"").decode()
        if kind == "LeakyRelu":
            return np.where(y < 0, y * attribute(node, "leaky_relu_alpha", 0.01), y)
        if kind not in _ACTIVATIONS:
            raise ValueError(f"{graph.path}: {node.name}: the fused activation {kind} cannot be run here")
        return _ACTIVATIONS[kind](y)

    def _conv(self, graph: Graph, node: onnx.NodeProto, values: dict[str, Any], layers: Sequence[WeightLayer]) -> Array:
        given = [self.value(graph, values, name) for i, name in enumerate(node.input) if i != 1 or "QL" in node.op_type]
        coded, x = node.op_type == "QLinearConv", given[0]
        weights = graph.weights(node.input[3 if coded else 1])
        assert weights is not None
        if coded:
            x = _decoded(x, given[1], given[2], 1)
        found = []
        for picture in x:  # one at a time, since its vectors take as much memory as many pictures
            vectors, sides = positions(
                picture,
                weights.shape[2:],
                strides=attribute(node, "strides", None),
                dilations=attribute(node, "dilations", None),
                pads=attribute(node, "pads", None),
                auto_pad=attribute(node, "auto_pad", b"NOTSET").decode(),
            )
            found.append(self._products(layers, vectors).T.reshape(-1, *sides))
        y = np.stack(found)
        across = (1, -1, *(1,) * (y.ndim - 2))
        if coded:
            bias = given[8] if len(given) > 8 else None
            y = y if bias is None else y + (bias * given[1] * given[4]).reshape(across)
            return _encoded(y, given[6], given[7])
        if layers[0].bias is None and len(given) > 1 and given[1] is not None:
            y = y + given[1].reshape(across)
        y = y + given[2] if node.op_type == "FusedConv" and len(given) > 2 else y
        return np.asarray(self._fused(graph, node, y), np.float32)

    def _recurrent(
        self, graph: Graph, node: onnx.NodeProto, values: dict[str, Any], layers: Sequence[WeightLayer]
    ) -> Sequence[Any]:
        names = [*node.input, *[""] * 8]
        given: list[Any] = [self.value(graph, values, name) for name in names[:8]]
        _check_recurrent(graph, node, given)
        by_steps = not attribute(node, "layout", 0)
        x = given[0] if by_steps else np.swapaxes(given[0], 0, 1)
        weights, hidden = graph.weights(node.input[1]), attribute(node, "hidden_size", 0)
        assert weights is not None
        n_directions = weights.shape[0]
        hidden = hidden or given[2].shape[2]
        starts = [state if state is None or by_steps else np.swapaxes(state, 0, 1) for state in (given[5], given[6])]
        direction = attribute(node, "direction", b"forward")
        found = []
        for d in range(n_directions):
            rows = len(layers) // n_directions
            own = layers[d * rows : (d + 1) * rows]
            cell = _cell(node, given[3], d)
            state, memory = (np.zeros((x.shape[1], hidden), np.float32) if s is None else s[d] for s in starts)
            backwards = d == 1 or direction == b"reverse"
            outputs, *last = cell.run(x[::-1] if backwards else x, self._gates(own), state, memory)
            found.append((outputs[::-1] if backwards else outputs, *last))
        outputs, state, memory = (
            np.stack(parts, axis=axis) for parts, axis in zip(zip(*found, strict=True), (1, 0, 0), strict=True)
        )
        if not by_steps:
            outputs, state, memory = outputs.transpose(2, 0, 1, 3), np.swapaxes(state, 0, 1), np.swapaxes(memory, 0, 1)
        return [outputs, state, memory]

    def _gates(self, layers: Sequence[WeightLayer]) -> Callable[[Array, bool], Array]:
        return lambda vectors, counts: np.concatenate(
            [self.product(layer.name, vectors, counts) for layer in layers], axis=1
        )

    def _branch(self, graph: Graph, node: onnx.NodeProto, values: dict[str, Any]) -> Sequence[Any]:
        taken = bool(np.ravel(self.value(graph, values, node.input[0]))[0])
        body = next(each.g for each in node.attribute if each.name == ("then_branch" if taken else "else_branch"))
        return self._body(body, values)

    def _body(self, body: onnx.GraphProto, values: Mapping[str, Any], **inputs: Any) -> list[Any]:
        inner = self.opened.inner[id(body)]
        names = [value.name for value in body.output]
        own = dict(values) | inputs
        self.graph(inner, own, names)
        return [self.value(inner, own, name) for name in names]

    def _loop(self, graph: Graph, node: onnx.NodeProto, values: dict[str, Any]) -> Sequence[Any]:
        body = next(each.g for each in node.attribute if each.name == "body")
        turns, going, *carried = (self.value(graph, values, name) for name in node.input)
        names = [value.name for value in body.input]
        scanned: list[list[Any]] = [[] for _ in range(len(body.output) - 1 - len(carried))]
        going, i = True if going is None else bool(np.ravel(going)[0]), 0
        while going and (turns is None or i < int(np.ravel(turns)[0])):
            if i >= MAX_TURNS:
                raise ValueError(f"{graph.path}: the loop {node.name} takes more than {MAX_TURNS} turns")
            given = dict(zip(names, [np.array(i, np.int64), np.array(going), *carried], strict=True))
            going, *found = self._body(body, values, **given)
            going, i = bool(np.ravel(going)[0]), i + 1
            carried = found[: len(carried)]
            for kept, one in zip(scanned, found[len(carried) :], strict=True):
                kept.append(one)
        return [*carried, *(np.stack(each) for each in scanned)]

    def _host(self, graph: Graph, node: onnx.NodeProto, inputs: Sequence[Any]) -> Sequence[Any]:
        """Compute a node without layers by ONNX's reference implementation; pools, for which it loops, with NumPy."""
        pooled = (
            pool(node, inputs[0])
            if node.op_type.endswith(("MaxPool", "AveragePool")) and len(node.output) == 1
            else None
        )
        if pooled is not None:
            return [pooled]
        try:
            return self._evaluator(node)(inputs)
        except Exception as error:
            domain = f"{node.domain}." if node.domain else ""
            raise ValueError(
                f"{graph.path}: {domain}{node.op_type} {node.name or node.output[0]} cannot be run here: {error}"
            ) from error

    def _evaluator(self, node: onnx.NodeProto) -> Callable[[Sequence[Any]], list[Any]]:
        from onnx.reference import ReferenceEvaluator

        if id(node) not in self.hosts:
            plain = type(node)()
            plain.CopyFrom(node)
            plain.domain = "" if node.domain in ("ai.onnx", "com.microsoft") else node.domain
            names = [f"i{i}" if name else "" for i, name in enumerate(node.input)]
            plain.input[:] = names
            plain.output[:] = [f"o{i}" if name else "" for i, name in enumerate(node.output)]
            self.hosts[id(node)] = node, names, ReferenceEvaluator(plain, opsets={"": self.opened.opset})
        _, names, evaluator = self.hosts[id(node)]
        return lambda inputs: list(
            evaluator.run(None, {name: value for name, value in zip(names, inputs, strict=True) if name})
        )


def _reads(node: onnx.NodeProto) -> Iterator[str]:
    """List the values that a node reads, and the nodes within it."""
    yield from node.input
    for body in bodies(node):
        yield from (value.name for value in body.output)
        for inner in body.node:
            yield from _reads(inner)


def _check_recurrent(graph: Graph, node: onnx.NodeProto, given: Sequence[Any]) -> None:
    """Refuse what is not computed here."""
    lengths, peepholes = given[4], given[7]
    usual = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}[node.op_type]
    stated = [each.decode() for each in attribute(node, "activations", [])]
    steps = given[0].shape[1 if attribute(node, "layout", 0) else 0]
    unusual = [usual[i % len(usual)] != kind for i, kind in enumerate(stated)]
    cut = lengths is not None and any(length != steps for length in np.ravel(lengths))
    what = {
        "other non-linearities": any(unusual),
        "peepholes": peepholes is not None and bool(np.any(peepholes)),
        "sequences of several lengths": cut,
        "clipping": attribute(node, "clip", 0) != 0,
        "coupled gates": attribute(node, "input_forget", 0) != 0,
    }
    for name, is_there in what.items():
        if is_there:
            raise ValueError(f"{graph.path}: {node.op_type} {node.name} with {name} cannot be run here")


def _cell(node: onnx.NodeProto, bias: Any, d: int) -> Cell:
    gates = {"LSTM": "iofc", "GRU": "zrn", "RNN": ""}[node.op_type]
    halves = None if bias is None else np.asarray(bias[d], np.float32).reshape(2, -1)
    return Cell(node.op_type.lower(), gates, halves, bool(attribute(node, "linear_before_reset", 0)))


def _decoded(codes: Array, scale: Array, zero: Any, axis: int) -> Array:
    """Turn codes into numbers."""
    shift = np.float32(0) if zero is None else _along(np.asarray(zero, np.float32), codes.ndim, axis)
    return (codes.astype(np.float32) - shift) * _along(np.asarray(scale, np.float32), codes.ndim, axis)


def _encoded(values: Array, scale: Array, zero: Array) -> Array:
    """Round numbers to codes."""
    limits = np.iinfo(zero.dtype)
    codes = np.rint(values / np.asarray(scale, np.float32)) + np.asarray(zero, np.float32)
    return np.clip(codes, limits.min, limits.max).astype(zero.dtype)


def _along(values: Array, n_axes: int, axis: int) -> Array:
    if values.size == 1:
        return values.reshape(())
    sides = [1] * n_axes
    sides[axis] = -1
    return values.reshape(sides)
