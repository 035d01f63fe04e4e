"""ONNX files: Gemm, MatMul, Conv, LSTM, GRU and RNN nodes whose weights are in the file or beside it.

The file is read by ONNX's own library; before that its structure is measured, since a protobuf message takes up to
some fifty times its bytes in memory. Weights are not counted: they stay as they are.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eie.formats.errors import FormatError
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

MAX_BYTES = 2**31 - 1
"""Bytes of a file: protobuf can hold no more. Larger networks keep their weights beside it."""

MAX_BESIDE_BYTES = 2**40
"""Bytes of a file of weights beside it, which is mapped, not read."""

MAX_STRUCTURE_BYTES = 2**24
"""Bytes of a file that are no weights: nodes, names, shapes, small constants."""

MAX_FIELDS = 500_000
"""Nodes and initializers."""

MAX_VECTORS = 2**20
"""Positions of one layer."""

_SMALL = 1024
"""Initializers of no more numbers stay for shape inference: they may be shapes."""

_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
_RECURRENT_NOTES = {"LSTM": "", "GRU": "; the candidate's reset state is taken as one more input", "RNN": ""}
_FOLDS = ("BatchNormalization", "LayerNormalization", "InstanceNormalization", "GroupNormalization")
_INTEGER = ("QLinearConv", "QLinearMatMul", "MatMulInteger", "ConvInteger", "DequantizeLinear", "QGemm")
_BODIES = ("If", "Loop", "Scan")


def read(path: Path) -> WeightFile:
    """List the layers of an ONNX file; weights are read layer by layer, later.

    Raises
    ------
    FormatError
        When the file is missing, too large, truncated or damaged, or its weights lie outside its folder.
    """
    _check_structure(path, check_file(path, MAX_BYTES))
    import onnx

    try:
        model = onnx.load(path, load_external_data=False)
        graph = _Graph(path, model.graph, _shapes(model))
        found = [part for node in model.graph.node for part in _parts(graph, node)]
    except FormatError:
        raise
    except Exception as error:  # whatever a damaged file makes of protobuf and ONNX
        raise FormatError(f"{path}: is no whole ONNX file: {str(error).strip() or type(error).__name__}") from error
    layers = tuple(part for part in found if isinstance(part, WeightLayer))
    return WeightFile(path, _with_own_names(layers), tuple(part for part in found if isinstance(part, Unmapped)))


def _with_own_names(layers: tuple[WeightLayer, ...]) -> tuple[WeightLayer, ...]:
    """Nodes need no name, and several may use the same weights: a number tells them apart."""
    from dataclasses import replace

    seen: dict[str, int] = {}
    named = []
    for layer in layers:
        seen[layer.name] = n = seen.get(layer.name, 0) + 1
        named.append(layer if n == 1 else replace(layer, name=f"{layer.name}#{n}"))
    return tuple(named)


class _Graph:
    """A graph's initializers and shapes by name, and who uses what."""

    def __init__(self, path: Path, graph: onnx.GraphProto, shapes: dict[str, list[int | None]]) -> None:
        self.path, self.shapes = path, shapes
        self.tensors = {tensor.name: tensor for tensor in graph.initializer}
        self.flipped: set[str] = set()
        self.users: dict[str, list[Any]] = {}
        for node in graph.node:
            for name in node.input:
                self.users.setdefault(name, []).append(node)
            self._pass_on(node)

    def _pass_on(self, node: onnx.NodeProto) -> None:
        """A constant, or an initializer under another name, perhaps transposed."""
        if node.op_type == "Constant" and len(node.output) == 1:
            values = [attribute.t for attribute in node.attribute if attribute.name == "value"]
            self.tensors.update(dict.fromkeys(node.output, values[0]) if values else {})
        if node.op_type in ("Identity", "Transpose") and len(node.input) == 1 and node.input[0] in self.tensors:
            tensor = self.tensors[node.input[0]]
            turns = node.op_type == "Transpose" and len(tensor.dims) == 2 and _attribute(node, "perm", [1, 0]) == [1, 0]
            if turns or node.op_type == "Identity":
                self.tensors[node.output[0]] = tensor
                if turns != (node.input[0] in self.flipped):
                    self.flipped.add(node.output[0])

    def weights(self, name: str) -> _Weights | None:
        """An initializer of float numbers, or None when the name is something computed."""
        tensor = self.tensors.get(name)
        return _Weights(self.path, tensor, name in self.flipped) if tensor is not None else None

    def known(self, name: str, axes: slice) -> int | None:
        """Product of some of a value's sides, where all are known."""
        sides = self.shapes.get(name)
        if sides is None:
            return None
        found = [side for side in sides[axes] if side is not None]
        return prod(found) if len(found) == len(sides[axes]) and prod(found) <= MAX_VECTORS else None


@dataclass(frozen=True, eq=False, slots=True)
class _Weights:
    """An initializer, not read yet."""

    path: Path
    tensor: onnx.TensorProto
    flipped: bool

    @property
    def shape(self) -> tuple[int, ...]:
        sides = tuple(self.tensor.dims)
        return sides[::-1] if self.flipped else sides

    @property
    def is_float(self) -> bool:
        import onnx

        kinds = onnx.TensorProto
        return self.tensor.data_type in (kinds.FLOAT, kinds.DOUBLE, kinds.FLOAT16, kinds.BFLOAT16)

    def read(self) -> NDArray[Any]:
        """The numbers, as they are shaped."""
        import onnx

        outside = self.tensor.data_location == onnx.TensorProto.EXTERNAL
        array = _beside(self.path, self.tensor) if outside else _inside(self.path, self.tensor)
        return array.T if self.flipped else array


def _inside(path: Path, tensor: onnx.TensorProto) -> NDArray[Any]:
    from onnx import numpy_helper

    try:
        return numpy_helper.to_array(tensor)
    except Exception as error:  # numbers and shape that do not fit each other
        raise FormatError(f"{path}: initializer {tensor.name!r} is damaged: {error}") from error


def _beside(path: Path, tensor: onnx.TensorProto) -> NDArray[Any]:
    """Weights in a file of the same folder or below, mapped."""
    from onnx import helper

    place = {entry.key: entry.value for entry in tensor.external_data}
    what = f"{path}: initializer {tensor.name!r}"
    target = _own_file(path, what, place.get("location", ""))
    size = check_file(target, MAX_BESIDE_BYTES)
    dtype, shape = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type)), tuple(tensor.dims)
    offset, wanted = _whole(what, place.get("offset", "0")), prod(shape) * dtype.itemsize
    if _whole(what, place.get("length", str(wanted))) != wanted or offset + wanted > size:
        raise FormatError(
            f"{what} needs {wanted} bytes at byte {offset} of {target.name}, which has {size} "
            f"(stated length: {place.get('length', 'none')})"
        )
    return np.asarray(np.memmap(target, dtype, "r", offset, shape))


def _own_file(path: Path, what: str, location: str) -> Path:
    """A file of the network's own folder or below, links followed."""
    folder = path.parent.resolve()
    if location and "\0" not in location and not Path(location).is_absolute():
        target = (folder / location).resolve()
        if target.is_relative_to(folder):
            return target
    raise FormatError(f"{what} must have its weights in the file's own folder, names {location!r}")


def _whole(what: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise FormatError(f"{what} must give place and length as whole numbers, has {text[:40]!r}")
    return int(text)


def _parts(graph: _Graph, node: onnx.NodeProto) -> Iterator[WeightLayer | Unmapped]:
    """What one node has of weights."""
    make = {"Gemm": _gemm, "MatMul": _matmul, "Conv": _conv}.get(node.op_type)
    if make is not None:
        yield make(graph, node)
    elif node.op_type in _GATES:
        yield from _recurrent(graph, node)
    else:
        yield from _without_product(graph, node)


def _without_product(graph: _Graph, node: onnx.NodeProto) -> Iterator[Unmapped]:
    """A node that holds weights, or hides them, but is no product of a matrix and a vector."""
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
        yield _unmapped(node, f"{_by(sizes[0])}: not one product of a matrix and a vector an output position")


def _unmapped(node: onnx.NodeProto, why: str) -> Unmapped:
    return Unmapped(_name(node), node.op_type, why)


def _gemm(graph: _Graph, node: onnx.NodeProto) -> WeightLayer | Unmapped:
    weights = graph.weights(node.input[1])
    if refusal := _refusal(node, weights, 2):
        return refusal
    assert weights is not None
    rows_are_outputs = bool(_attribute(node, "transB", 0))
    alpha, beta = _attribute(node, "alpha", 1.0), _attribute(node, "beta", 1.0)
    bias = _bias(graph, node.input[2] if len(node.input) > 2 else "", weights.shape[not rows_are_outputs], beta)
    return _linear(graph, node, weights, rows_are_outputs, bias, 1, alpha)


def _matmul(graph: _Graph, node: onnx.NodeProto) -> WeightLayer | Unmapped:
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
    graph: _Graph,
    node: onnx.NodeProto,
    weights: _Weights,
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


def _conv(graph: _Graph, node: onnx.NodeProto) -> WeightLayer | Unmapped:
    weights = graph.weights(node.input[1])
    if refusal := _refusal(node, weights, 3):
        return refusal
    assert weights is not None
    group, shape = _attribute(node, "group", 1), weights.shape
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
        lambda: taps_then_channels(weights.read()),
        bias,
        *_counted(vectors, "output positions"),
    )


def _recurrent(graph: _Graph, node: onnx.NodeProto) -> Iterator[WeightLayer | Unmapped]:
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
    steps = graph.known(node.input[0], slice(1, 2) if _attribute(node, "layout", 0) else slice(0, 1))
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


def _gates(inputs: _Weights, state: _Weights, d: int) -> Callable[[], NDArray[np.float32]]:
    return lambda: side_by_side([lambda: inputs.read()[d], lambda: state.read()[d]])


def _gate_bias(biases: _Weights, d: int) -> Callable[[], NDArray[np.float32]]:
    """The input's and the state's half, added."""
    return lambda: as_float32(biases.read()[d].reshape(2, -1).sum(axis=0))


def _refusal(node: onnx.NodeProto, weights: _Weights | None, n_sides: int) -> Unmapped | None:
    """Why a node's weights cannot be a layer; None if they can."""
    if weights is None:
        return _unmapped(node, "its weights are computed while it runs")
    shape = weights.shape
    if not weights.is_float:
        return _unmapped(node, f"{_by(shape)}: not floating-point weights")
    right = len(shape) == n_sides if node.op_type != "Conv" else len(shape) >= n_sides
    if not right or not 1 <= prod(shape) <= MAX_WEIGHTS or min(shape) < 1:
        return _unmapped(node, f"{_by(shape)}: must have {n_sides} sides and 1..{MAX_WEIGHTS} weights")
    return None


def _bias(graph: _Graph, name: str, n_out: int, scale: float) -> Callable[[], NDArray[np.float32]] | None:
    weights = graph.weights(name) if name else None
    if weights is None or not weights.is_float or prod(weights.shape) != n_out:
        return None
    return lambda: as_float32(weights.read()).reshape(-1) * np.float32(scale)


def _added(graph: _Graph, output: str, n_out: int) -> Callable[[], NDArray[np.float32]] | None:
    """The bias that an Add after a MatMul brings."""
    users = graph.users.get(output, [])
    if len(users) != 1 or users[0].op_type != "Add":
        return None
    other = [name for name in users[0].input if name != output]
    weights = graph.weights(other[0]) if other else None
    return _bias(graph, other[0], n_out, 1.0) if weights is not None and weights.shape[-1:] == (n_out,) else None


def _counted(vectors: int | None, what: str) -> tuple[int, str]:
    return (vectors, "") if vectors else (1, f"{what} unknown: one product is taken")


def _attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    from onnx import helper

    return next((helper.get_attribute_value(each) for each in node.attribute if each.name == name), default)


def _name(node: onnx.NodeProto) -> str:
    return node.name or next(iter(node.output), node.op_type)


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _shapes(model: onnx.ModelProto) -> dict[str, list[int | None]]:
    """Sides of all values as far as ONNX can work them out, from the model without its weights."""
    import onnx

    light = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import, functions=model.functions)
    graph, given = light.graph, {value.name for value in model.graph.input}
    graph.name = model.graph.name
    graph.node.extend(model.graph.node)
    for kind in ("input", "output", "value_info"):
        getattr(graph, kind).extend(getattr(model.graph, kind))
    for tensor in model.graph.initializer:
        if prod(tensor.dims) <= _SMALL and tensor.data_location != onnx.TensorProto.EXTERNAL:
            graph.initializer.append(tensor)
        elif tensor.name not in given:
            graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    try:
        graph = onnx.shape_inference.infer_shapes(light).graph
    except Exception:  # a graph that ONNX cannot follow: what it says itself of shapes must do
        graph = model.graph
    values = [*graph.input, *graph.output, *graph.value_info]
    return {value.name: _sides(value) for value in values if value.type.tensor_type.HasField("shape")}


def _sides(value: onnx.ValueInfoProto) -> list[int | None]:
    sides = value.type.tensor_type.shape.dim
    return [side.dim_value if side.HasField("dim_value") and side.dim_value > 0 else None for side in sides]


_GRAPH, _INITIALIZER = 7, 5
"""Fields of ModelProto and GraphProto (onnx.proto)."""

_NUMBERS = (4, 9, 10)
"""Fields of TensorProto that take as many bytes in memory as in the file: float_data, raw_data, double_data."""


def _check_structure(path: Path, size: int) -> None:
    """Measure what is no weights, without making a single message of it."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        structure, n_fields = size, 0
        for number, begin, end in _fields(path, data, 0, size):
            if number != _GRAPH:
                continue
            for inner, start, stop in _fields(path, data, begin, end):
                n_fields += 1
                if n_fields > MAX_FIELDS:
                    raise FormatError(f"{path}: must have at most {MAX_FIELDS} nodes and initializers")
                if inner == _INITIALIZER:
                    parts = _fields(path, data, start, stop)
                    structure -= sum(b - a for part, a, b in parts if part in _NUMBERS)
    if structure > MAX_STRUCTURE_BYTES:
        raise FormatError(
            f"{path}: must have at most {MAX_STRUCTURE_BYTES} bytes beside its initializers' numbers, has {structure}"
        )


def _fields(path: Path, data: mmap.mmap, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number, begin and end of a message's fields that have a length (the others are skipped)."""
    n_fields = 0
    while at < end:
        start = at
        key, at = _varint(path, data, at, end)
        number, kind = key >> 3, key & 7
        length = {1: 8, 5: 4, 0: 0}.get(kind)
        if kind in (0, 2):
            value, at = _varint(path, data, at, end)
            length = value if kind == 2 else 0
        if length is None or at + length > end:
            raise FormatError(f"{path}: is no whole ONNX file: broken at byte {start}")
        n_fields += 1
        if n_fields > MAX_FIELDS:
            raise FormatError(f"{path}: must have at most {MAX_FIELDS} parts, has more at byte {start}")
        if kind == 2:
            yield number, at, at + length
        at += length


def _varint(path: Path, data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = data[at]
        value, at = value | (byte & 127) << shift, at + 1
        if byte < 128:
            return value, at
    raise FormatError(f"{path}: is no whole ONNX file: broken at byte {at}")
