"""Einsums of ONNX that multiply vectors by a constant matrix, put as the operators that say so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx


def spell_out(graph: onnx.GraphProto) -> None:
    """Put MatMul, with Transpose and Reshape around it, in place of each Einsum that they can do."""
    if not any(node.op_type == "Einsum" for node in graph.node):
        return
    sides = {each.name: tuple(each.dims) for each in graph.initializer}
    sides |= {
        node.output[0]: tuple(node.attribute[0].t.dims)
        for node in graph.node
        if node.op_type == "Constant" and [each.name for each in node.attribute] == ["value"]
    }
    nodes = [each for node in graph.node for each in (_product(node, sides) or [node])]
    del graph.node[:]
    graph.node.extend(nodes)


def _product(node: onnx.NodeProto, sides: Mapping[str, tuple[int, ...]]) -> list[onnx.NodeProto]:
    """Return the nodes for an Einsum of one constant and one other factor; none if they are not one product."""
    equation = b"".join(each.s for each in node.attribute if each.name == "equation").decode().replace(" ", "")
    match = re.fullmatch(r"([A-Za-z]+),([A-Za-z]+)->([A-Za-z]+)", equation)
    constant = [name in sides for name in node.input]
    if node.op_type != "Einsum" or match is None or sorted(constant) != [False, True]:
        return []
    place = constant.index(True)
    of_weights, of_vectors, out = match[1 + place], match[2 - place], match[3]
    rest = [label for label in of_vectors if label not in of_weights]
    n = len(rest)
    inner, outer = list(of_vectors[n:]), list(out[n:])
    weights, vectors = node.input[place], node.input[1 - place]
    sizes = dict(zip(of_weights, sides[weights], strict=False))
    if any(len(set(labels)) < len(labels) for labels in match.groups()) or len(of_weights) != len(sides[weights]):
        return []
    if inner and list(of_vectors[:n]) == rest == list(out[:n]) and sorted(inner + outer) == sorted(of_weights):
        order = [of_weights.index(label) for label in inner + outer]
        return _on_the_right(node, weights, vectors, order, [sizes[label] for label in outer], n)
    if n == 1 and of_vectors[1:] == rest[0] == out[1:] and sorted(of_vectors[0] + out[0]) == sorted(of_weights):
        return _on_the_left(node, weights, vectors, of_weights.startswith(of_vectors[0]))
    return []


def _on_the_right(
    node: onnx.NodeProto, weights: str, vectors: str, order: list[int], outer: list[int], n_rest: int
) -> list[onnx.NodeProto]:
    """Multiply vectors, one per row, by weights that are put as inputs x outputs."""
    from onnx import helper

    base, made = f"{node.output[0]}/", []
    if order != sorted(order):
        made.append(helper.make_node("Transpose", [weights], [f"{base}turned"], perm=order))
        weights = f"{base}turned"
    if len(order) > 2:
        made += _reshaped(weights, f"{base}matrix", [-1, prod(outer)])
        weights = f"{base}matrix"
    if len(order) - len(outer) > 1:
        made += _reshaped(vectors, f"{base}vectors", [0] * n_rest + [-1])
        vectors = f"{base}vectors"
    product = f"{base}product" if len(outer) > 1 else node.output[0]
    made.append(helper.make_node("MatMul", [vectors, weights], [product], name=node.name or node.output[0]))
    return made + (_reshaped(product, node.output[0], [0] * n_rest + outer) if len(outer) > 1 else [])


def _on_the_left(node: onnx.NodeProto, weights: str, vectors: str, turned: bool) -> list[onnx.NodeProto]:
    """Multiply weights, outputs x inputs, by vectors, one per column."""
    from onnx import helper

    made = []
    if turned:
        made = [helper.make_node("Transpose", [weights], [f"{node.output[0]}/turned"], perm=[1, 0])]
        weights = f"{node.output[0]}/turned"
    name = node.name or node.output[0]
    return [*made, helper.make_node("MatMul", [weights, vectors], [node.output[0]], name=name)]


def _reshaped(name: str, output: str, sides: list[int]) -> list[onnx.NodeProto]:
    from onnx import helper, numpy_helper

    shape = helper.make_node("Constant", [], [f"{output}/shape"], value=numpy_helper.from_array(np.array(sides)))
    return [shape, helper.make_node("Reshape", [name, f"{output}/shape"], [output])]
