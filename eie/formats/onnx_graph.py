"""What is in an ONNX file: its nodes, its initializers (in the file or beside it), and the shapes of its values.

The file is read by ONNX's own library; before that its structure is measured, since a protobuf message takes up to
some fifty times its bytes in memory. Weights are not counted: they stay as they are.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eie.formats.errors import FormatError, report_damage
from eie.formats.weights import check_file

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


class Graph:
    """Initializers and shapes of a graph by name, and the nodes that use each value."""

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
        """Note a constant, or an initializer that a node passes on under another name, perhaps transposed."""
        if node.op_type == "Constant" and len(node.output) == 1:
            values = [each.t for each in node.attribute if each.name == "value"]
            self.tensors.update(dict.fromkeys(node.output, values[0]) if values else {})
        if node.op_type in ("Identity", "Transpose") and len(node.input) == 1 and node.input[0] in self.tensors:
            tensor = self.tensors[node.input[0]]
            turns = node.op_type == "Transpose" and len(tensor.dims) == 2 and attribute(node, "perm", [1, 0]) == [1, 0]
            if turns or node.op_type == "Identity":
                self.tensors[node.output[0]] = tensor
                if turns != (node.input[0] in self.flipped):
                    self.flipped.add(node.output[0])

    def weights(self, name: str) -> Initializer | None:
        """Look up an initializer; None when the name is a computed value."""
        tensor = self.tensors.get(name)
        return Initializer(self.path, tensor, name in self.flipped) if tensor is not None else None

    def known(self, name: str, axes: slice) -> int | None:
        """Multiply some of a value's sides; None unless all are known."""
        sides = self.shapes.get(name)
        if sides is None:
            return None
        found = [side for side in sides[axes] if side is not None]
        return prod(found) if len(found) == len(sides[axes]) and prod(found) <= MAX_VECTORS else None


@dataclass(frozen=True, eq=False, slots=True)
class Initializer:
    """The weights of an initializer, not read yet."""

    path: Path
    tensor: onnx.TensorProto
    flipped: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Sides, after a transposition."""
        sides = tuple(self.tensor.dims)
        return sides[::-1] if self.flipped else sides

    @property
    def is_float(self) -> bool:
        """Whether the weights are floating-point numbers."""
        import onnx

        kinds = onnx.TensorProto
        return self.tensor.data_type in (kinds.FLOAT, kinds.DOUBLE, kinds.FLOAT16, kinds.BFLOAT16)

    def read(self) -> NDArray[Any]:
        """Read the weights."""
        import onnx

        outside = self.tensor.data_location == onnx.TensorProto.EXTERNAL
        array = _beside(self.path, self.tensor) if outside else _inside(self.path, self.tensor)
        return array.T if self.flipped else array


def _inside(path: Path, tensor: onnx.TensorProto) -> NDArray[Any]:
    from onnx import numpy_helper

    with report_damage(path, f"initializer {tensor.name!r} is damaged"):
        return numpy_helper.to_array(tensor)


def _beside(path: Path, tensor: onnx.TensorProto) -> NDArray[Any]:
    """Map weights in a file of the same folder or below."""
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
    """Find a file in the network's own folder or below, links followed."""
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


def attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    """Return the value of a node's attribute, or a default."""
    from onnx import helper

    return next((helper.get_attribute_value(each) for each in node.attribute if each.name == name), default)


def shapes_of(model: onnx.ModelProto) -> dict[str, list[int | None]]:
    """Infer the sides of all values as far as ONNX can, from the model without its weights."""
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
    except Exception:  # a graph that ONNX cannot follow: only the shapes stated in it are known
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


def check_structure(path: Path, size: int) -> None:
    """Measure the parts that are not weights, without making a single message of them."""
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
    """Find number, begin and end of a message's fields that have a length (the others are skipped)."""
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
