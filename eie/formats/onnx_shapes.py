"""Shapes of the values of an ONNX model: of a whole batch, and of one inference.

ONNX infers them from the model without its weights. What it leaves open because a shape is computed while the model
runs is found by computing it: a shape that depends on known sides only is a constant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eie.formats.onnx_functions import bodies

if TYPE_CHECKING:
    import onnx

Sides = dict[str, list[int | None]]

MAX_SMALL = 1024
"""Numbers of an initializer that stays for shape inference, or of a value that is computed: they may be shapes."""

MAX_ROUNDS = 16
"""Rounds of inference and of computing shapes from what it found."""

_ELEMENTWISE = ("Identity", "Cast", "Relu", "Tanh", "Sigmoid", "Add", "Sub", "Mul", "Div", "Dropout", "Clip", "Slice")
_RECURRENT = ("LSTM", "GRU", "RNN", "DynamicQuantizeLSTM")
_UNRUN = ("If", "Loop", "Scan", "RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial")


@dataclass(frozen=True, eq=False, slots=True)
class Shapes:
    """Sides of the values of a model as ONNX infers them.

    `whole` are those of the whole batch as far as the file or the caller states them. In `one`, a batch that is left
    open is one inference, and `batch` is the number of inferences in `one`.
    """

    whole: Sides
    one: Sides
    batch: int


def shapes_of(model: onnx.ModelProto, given: Mapping[str, Sequence[int]] | None = None) -> Shapes:
    """Infer the sides of all values.

    Parameters
    ----------
    model : ModelProto
    given : mapping of str to sequence of int, optional
        Sides of inputs that the file leaves open; the empty name stands for the only input.

    Raises
    ------
    ValueError
        When the model has no such input, or it has other sides; the message names them.
    """
    light = _without_weights(model)
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in light.graph.input if value.name in {v.name for v in model.graph.input} - constants]
    _fix(inputs, given or {})
    axes = batch_axes(model)
    # What is stated inside the graph may be of other sizes than those that the caller gives.
    if given:
        _forget_inner(light)
    whole = _inferred(light, model)
    batched = [value for value in inputs if len(_sides(value)) > axes[value.name] and len(_sides(value)) > 1]
    batch_sides = [(value, value.type.tensor_type.shape.dim[axes[value.name]]) for value in batched]
    batch = batch_sides[0][1].dim_value if batch_sides and batch_sides[0][1].dim_value > 0 else 1
    open_sides = [side for _, side in batch_sides if side.dim_value <= 0]
    for side in open_sides:
        side.dim_value = batch
    if open_sides:
        _forget_inner(light)
    return Shapes(whole, _inferred(light, model) if open_sides else whole, batch)


def input_sides(model: onnx.ModelProto) -> Sides:
    """Return the sides of each input of a model, None where the file leaves one open."""
    constants = {tensor.name for tensor in model.graph.initializer}
    return {value.name: _sides(value) for value in model.graph.input if value.name not in constants}


def batch_axes(model: onnx.ModelProto) -> dict[str, int]:
    """Return the axis of each input that counts inferences."""
    return {name: _batch_axis(model.graph, name) for name in input_sides(model)}


def _without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Copy a model; its larger initializers become inputs."""
    import onnx

    light = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import, functions=model.functions)
    graph, named = light.graph, {value.name for value in model.graph.input}
    graph.name = model.graph.name
    graph.node.extend(plain for node in model.graph.node for plain in _plain(node))
    for kind in ("input", "output", "value_info"):
        getattr(graph, kind).extend(getattr(model.graph, kind))
    for tensor in model.graph.initializer:
        if prod(tensor.dims) <= MAX_SMALL and tensor.data_location != onnx.TensorProto.EXTERNAL:
            graph.initializer.append(tensor)
        elif tensor.name not in named:
            graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    for sparse in model.graph.sparse_initializer:
        kind, sides = sparse.values.data_type, list(sparse.dims)
        graph.input.append(onnx.helper.make_tensor_value_info(sparse.values.name, kind, sides))
    return light


_FUSED = {"FusedGemm": "Gemm", "FusedConv": "Conv", "FusedMatMul": "MatMul", "TransposeMatMul": "MatMul"}
_SAME_SHAPE = (
    "Gelu",
    "BiasGelu",
    "FastGelu",
    "QuickGelu",
    "SkipLayerNormalization",
    "SkipSimplifiedLayerNormalization",
)


def _plain(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """Return nodes of ONNX's own operators whose outputs have the shapes of those of an operator of ONNX Runtime."""
    from onnx import helper

    if node.domain != "com.microsoft" or node.op_type not in (*_FUSED, *_SAME_SHAPE):
        return [node]
    if node.op_type in _SAME_SHAPE:
        return [helper.make_node("Identity", node.input[:1], node.output[:1])]
    turned, inputs = [], list(node.input)
    if "MatMul" in node.op_type:
        for place, flag in enumerate(("transA", "transB")):
            if any(each.name == flag and each.i for each in node.attribute):
                swapped = f"{inputs[place]} turned for {node.output[0]}"
                turned.append(helper.make_node("Transpose", [inputs[place]], [swapped], perm=[1, 0]))
                inputs[place] = swapped
    made = helper.make_node(_FUSED[node.op_type], inputs, node.output)
    dropped = (
        "activation",
        "activation_params",
        "activation_alpha",
        "activation_beta",
        "activation_gamma",
        "transBatchA",
    )
    kept = [] if made.op_type == "MatMul" else [each for each in node.attribute if each.name not in dropped]
    made.attribute.extend(kept)
    return [*turned, made]


def _fix(inputs: Sequence[onnx.ValueInfoProto], given: Mapping[str, Sequence[int]]) -> None:
    """Set the sides that the caller gives."""
    names = [value.name for value in inputs]
    for name, sides in given.items():
        value = inputs[0] if not name and len(inputs) == 1 else next((v for v in inputs if v.name == name), None)
        if value is None:
            raise ValueError(f"the model has the inputs {', '.join(names)}, not {name or 'one without a name'!r}")
        named = _fix_one(value, sides)
        for side in (side for each in inputs for side in each.type.tensor_type.shape.dim):
            if side.dim_param in named:
                side.dim_value = named[side.dim_param]


def _fix_one(value: onnx.ValueInfoProto, sides: Sequence[int]) -> dict[str, int]:
    """Set the sides of one input; return those that the file has a name for, which other inputs may have too."""
    shape = value.type.tensor_type.shape
    stated = [side.dim_value or side.dim_param or "?" for side in shape.dim]
    known = len(stated) == len(sides) or not value.type.tensor_type.HasField("shape")
    if not known or any(s.dim_value > 0 and s.dim_value != g for s, g in zip(shape.dim, sides, strict=False)):
        has, got = " x ".join(map(str, stated)), "x".join(map(str, sides))
        raise ValueError(f"input {value.name} is {has} in the file, got {got}")
    named = {stated.dim_param: side for stated, side in zip(shape.dim, sides, strict=False) if stated.dim_param}
    del shape.dim[:]
    for side in sides:
        shape.dim.add().dim_value = side
    return named


def _batch_axis(graph: onnx.GraphProto, name: str) -> int:
    """Find the axis of an input that counts inferences: the first, unless a recurrent layer reads steps first."""
    axes = [(name, 0)]  # a value, and the axis of the input's axis 0 in it
    seen = set()
    for node in graph.node:
        for value, axis in list(axes):
            if value not in node.input or (value, id(node)) in seen:
                continue
            seen.add((value, id(node)))
            if node.op_type in _RECURRENT and node.input[0] == value:
                steps_axis = 1 if any(each.name == "layout" and each.i == 1 for each in node.attribute) else 0
                return 1 - axis if axis == steps_axis and axis < 2 else 0
            if node.op_type == "Transpose":
                order = next((list(each.ints) for each in node.attribute if each.name == "perm"), [])
                axes += [(node.output[0], order.index(axis))] if axis in order else []
            elif node.op_type in _ELEMENTWISE or (node.op_type == "Gather" and node.input[1] == value):
                axes.append((node.output[0], axis))
    return 0


def _forget_inner(light: onnx.ModelProto) -> None:
    del light.graph.value_info[:]
    for value in light.graph.output:
        value.type.tensor_type.ClearField("shape")


def _inferred(light: onnx.ModelProto, model: onnx.ModelProto) -> Sides:
    """Infer shapes, compute those that depend on known ones, and infer again, until nothing new is found."""
    import onnx

    work = type(light)()
    work.CopyFrom(light)
    opset = next((each.version for each in light.opset_import if each.domain in ("", "ai.onnx")), 17)
    found: Sides = {}
    for _ in range(MAX_ROUNDS):
        try:
            graph = onnx.shape_inference.infer_shapes(work, data_prop=True).graph
        except Exception:  # a graph that ONNX cannot follow: only the shapes stated in it are known
            return found or dict(_stated(model.graph))
        found = dict(_stated(graph))
        if not _compute_shapes(work.graph, found, opset):
            break
    return found


def _compute_shapes(graph: onnx.GraphProto, sides: Sides, opset: int) -> bool:
    """Put constants in place of nodes that compute shapes from known sides; tell whether there were any."""
    from onnx import numpy_helper

    if all(None not in sides.get(name, [None]) for node in graph.node for name in node.output if name):
        return False
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    kept, n_before = [], len(values)
    for node in graph.node:
        made = _computed(node, values, sides, opset)
        if made is None:
            kept.append(node)
        for name, value in zip(node.output, made or (), strict=False):
            values[name] = value
            graph.initializer.append(numpy_helper.from_array(value, name))
    del graph.node[:]
    graph.node.extend(kept)
    return len(values) > n_before


def _computed(node: onnx.NodeProto, values: Mapping[str, Any], sides: Sides, opset: int) -> list[Any] | None:
    """Compute the outputs of a node from shapes and small constants; None where it cannot be."""
    from onnx.reference import ReferenceEvaluator

    if node.op_type == "Shape":
        known = sides.get(node.input[0])
        if known is None or any(side is None for side in known):
            return None
        begin, end = (next((each.i for each in node.attribute if each.name == name), None) for name in ("start", "end"))
        return [np.array(known[slice(begin, end)], np.int64)]
    if node.op_type in _UNRUN or node.domain not in ("", "ai.onnx") or bodies(node):
        return None
    if not all(name in values for name in node.input if name):
        return None
    sizes = [sides.get(name) for name in node.output if name]
    if any(size is None or None in size or prod(filter(None, size)) > MAX_SMALL for size in sizes):
        return None
    try:
        feeds = {name: values[name] for name in node.input if name}
        made = ReferenceEvaluator(node, opsets={"": opset}).run(None, feeds)
    except Exception:  # a node that cannot be computed stays, and its shape unknown
        return None
    return [np.asarray(value) for value in made] if all(np.size(value) <= MAX_SMALL for value in made) else None


def _stated(graph: onnx.GraphProto) -> Iterator[tuple[str, list[int | None]]]:
    """List the sides of values of a graph and of those within it."""
    for tensor in graph.initializer:
        yield tensor.name, list(tensor.dims)
    for value in (*graph.input, *graph.output, *graph.value_info):
        if value.type.tensor_type.HasField("shape"):
            yield value.name, _sides(value)
    for node in graph.node:
        for body in bodies(node):
            yield from _stated(body)


def _sides(value: onnx.ValueInfoProto) -> list[int | None]:
    sides = value.type.tensor_type.shape.dim
    return [side.dim_value if side.HasField("dim_value") and side.dim_value > 0 else None for side in sides]


def sides_of(text: str) -> tuple[int, ...]:
    """Read the sides of an input, such as `1x3x224x224`, or those of the array in a `.npy` file.

    Raises
    ------
    ValueError
        When the text is neither.
    """
    if text.endswith(".npy"):
        from eie.formats import arrays

        return np.asarray(arrays.read(Path(text))).shape
    try:
        sides = tuple(int(side) for side in text.lower().split("x"))
    except ValueError:
        sides = ()
    if not sides or min(sides) < 1:
        raise ValueError(f"sides of an input must be whole numbers of 1 or more, such as 1x3x224x224, got {text!r}")
    return sides
