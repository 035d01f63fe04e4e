"""Contents of an ONNX file: its nodes, its initializers (in the file or beside it), and the shapes of its values.

The file is read by ONNX's own library; before that its structure is measured, since a protobuf message takes up to
some fifty times its bytes in memory. Weights are not counted: they stay as they are.
"""

from __future__ import annotations

import mmap
from collections import ChainMap
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from eie.formats.errors import FormatError, report_damage
from eie.formats.onnx_constants import MAX_GROWTH, MAX_SMALL, Weights, fold, is_float_kind
from eie.formats.onnx_functions import bodies
from eie.formats.onnx_shapes import Shapes
from eie.formats.weights import check_file

if TYPE_CHECKING:
    import onnx

MAX_BYTES = 2**31 - 1
"""Bytes of a file: protobuf can hold no more. Larger networks keep their weights beside it."""

MAX_BESIDE_BYTES = 2**40
"""Bytes of a file of weights beside it, which is mapped, not read."""

MAX_STRUCTURE_BYTES = 2**24
"""Bytes of a file that are not weights: nodes, names, shapes, small constants."""

MAX_FIELDS = 500_000
"""Nodes and initializers."""

MAX_VECTORS = 2**20
"""Positions of one layer."""


class Graph:
    """Constants and shapes of a graph by name, and the nodes that use each value.

    The graph of a branch or of a loop's body is within another one, and sees its constants.
    """

    def __init__(self, path: Path, graph: onnx.GraphProto, shapes: Shapes, within: Graph | None = None) -> None:
        self.path, self.shapes, self.nodes = path, shapes, graph.node
        self.opset: int = within.opset if within else 0
        self.known: ChainMap[str, Weights] = within.known.new_child() if within else ChainMap()
        self.computed: set[str] = {value.name for value in graph.input} | (within.computed if within else set())
        self.own_leaves: list[str] = []
        self.users: dict[str, list[Any]] = {}
        for tensor in graph.initializer:
            self._add_leaf(tensor.name, _leaf(path, tensor))
        for sparse in graph.sparse_initializer:
            self._add_leaf(sparse.values.name, _sparse_leaf(path, sparse))
        self.computed -= set(self.known)

    def _add_leaf(self, name: str, weights: Weights) -> None:
        self.known[name] = weights
        self.own_leaves.append(name)

    def fold_all(self, opset: int) -> None:
        """Find all values that are made from constants alone, in the order of the nodes."""
        self.opset = opset
        for node in self.nodes:
            for name in node.input:
                self.users.setdefault(name, []).append(node)
            if node.op_type == "Constant":
                self._add_constant(node)
            elif any(name in self.computed for name in node.input) or bodies(node) or not node.input:
                self.computed.update(node.output)
            elif all(name in self.known for name in node.input if name):
                inputs = [self.known.get(name) for name in node.input]
                sides = self.shapes.whole.get(node.output[0]) if node.output else None
                self.known.update(zip(node.output, fold(self.path, node, inputs, opset, sides), strict=False))

    def _add_constant(self, node: onnx.NodeProto) -> None:
        for each in node.attribute:
            if each.name == "value":
                self._add_leaf(node.output[0], _leaf(self.path, each.t, node.output[0]))
            elif each.name == "sparse_value":
                self._add_leaf(node.output[0], _sparse_leaf(self.path, each.sparse_tensor, node.output[0]))
            elif each.name.startswith("value_") and "string" not in each.name:
                self.known[node.output[0]] = _small(each)

    def weights(self, name: str) -> Weights | None:
        """Look up a constant; None when the name is a computed value."""
        return self.known.get(name)

    def steps(self, name: str, batch_axis: int) -> int | None:
        """Count the steps of a sequence that one inference has, a value whose last side is a step's inputs."""
        sides = self.shapes.one.get(name)
        if sides is None or len(sides) != 3 or sides[1 - batch_axis] is None:
            return None
        return self._of_one(sides[:2])

    def rows(self, name: str) -> int | None:
        """Count the vectors of a value, along its last side, that one inference has; None unless all are known."""
        sides = self.shapes.one.get(name)
        return None if sides is None else self._of_one(sides[:-1])

    def columns(self, name: str) -> int | None:
        """Count the vectors of a value along its last side but one, as `rows` does."""
        sides = self.shapes.one.get(name)
        if sides is not None and len(sides) == 2:  # there is no batch: the first side is the outputs
            return (self.shapes.whole.get(name) or [None])[-1]
        return None if sides is None else self._of_one([*sides[:-2], *sides[-1:]])

    def positions(self, name: str) -> int | None:
        """Count the positions of a picture's channels that one inference has; None unless all are known."""
        sides = self.shapes.one.get(name)
        return None if sides is None else self._of_one([*sides[:1], *sides[2:]])

    def _of_one(self, sides: list[int | None]) -> int | None:
        """Divide the product of sides by the inferences in them; None where one is not known, or it does not divide."""
        found = [side for side in sides if side is not None]
        total, batch = prod(found), self.shapes.batch
        is_known = len(found) == len(sides) and total <= MAX_VECTORS * batch
        return total // batch if is_known and total % batch == 0 else None


def _small(given: onnx.AttributeProto) -> Weights:
    """Make a constant of a number or a few that stand in the node itself."""
    from onnx import helper

    value = np.asarray(helper.get_attribute_value(given))
    value = value.astype(np.float32) if value.dtype.kind == "f" else value
    return Weights(value.shape, value.dtype.kind == "f", lambda: value, frozenset())


def _leaf(path: Path, tensor: onnx.TensorProto, name: str = "") -> Weights:
    import onnx

    kinds, kind, shape = onnx.TensorProto, tensor.data_type, tuple(tensor.dims)
    outside = tensor.data_location == kinds.EXTERNAL
    is_code = kind in (kinds.INT8, kinds.UINT8, kinds.INT4, kinds.UINT4) or "FLOAT8" in kinds.DataType.Name(kind)
    read = (lambda: _beside(path, tensor)) if outside else (lambda: _inside(path, tensor))
    return Weights(shape, is_float_kind(kind), read, frozenset({name or tensor.name}), is_code=is_code)


def _sparse_leaf(path: Path, tensor: onnx.SparseTensorProto, name: str = "") -> Weights:
    """Describe a sparse constant; a matrix is read as SciPy's."""
    shape = tuple(tensor.dims)
    values, indices = (_leaf(path, part) for part in (tensor.values, tensor.indices))
    n_entries = prod(values.shape)

    def read() -> Any:
        with report_damage(path, f"initializer {tensor.values.name!r} is damaged"):
            numbers, place = np.asarray(values.read()).astype(np.float32), np.asarray(indices.read())
            where = np.unravel_index(place, shape) if place.ndim == 1 else tuple(place.T)
            if len(shape) == 2:
                return sp.csc_array((numbers, where), shape=shape)
            if prod(shape) > max(MAX_SMALL, MAX_GROWTH * n_entries):
                raise FormatError(f"{path}: {tensor.values.name} has only {n_entries} entries of {prod(shape)}")
            found = np.zeros(shape, np.float32)
            found[where] = numbers
            return found

    return Weights(shape, values.is_float, read, frozenset({name or tensor.values.name}))


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


_GRAPH, _INITIALIZER, _SPARSE = 7, 5, 15
"""Fields of ModelProto and GraphProto (onnx.proto); the parts of a sparse initializer are tensors."""

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
                for _, begun, ended in _fields(path, data, start, stop) if inner == _SPARSE else ():
                    parts = _fields(path, data, begun, ended)
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
            raise FormatError(f"{path}: is not a complete ONNX file: it is damaged at byte {start}")
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
    raise FormatError(f"{path}: is not a complete ONNX file: it is damaged at byte {at}")
