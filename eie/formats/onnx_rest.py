"""Parts of an ONNX file that are not a product of a matrix and vectors, each by its name and with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING

from eie.formats.weights import Unmapped

if TYPE_CHECKING:
    import onnx

    from eie.formats.onnx_graph import Graph

_NORMS = ("LayerNormalization", "InstanceNormalization", "GroupNormalization", "RMSNormalization")
_BY_NUMBER = ("Add", "Sub", "Mul", "Div", "Pow", "Where", "Max", "Min", "Sum")
_DOMAINS = ("", "ai.onnx", "com.microsoft", "ai.onnx.ml")


def without_product(graph: Graph, node: onnx.NodeProto) -> Iterator[Unmapped]:
    """Report a node that holds weights, but is not a product of a matrix and a vector."""
    sizes = [w.shape for w in map(graph.weights, node.input) if w is not None and prod(w.shape) > 1]
    why = ""
    if node.op_type == "QAttention":
        why = "the matrices of an attention in one operator of integers, which is not read here"
    elif node.op_type == "BatchNormalization":
        why = "a scale and a shift, which fold into the layer before it"
    elif node.op_type in _NORMS and sizes:
        why = "a scale and a shift after a normalisation of the activations, which the host does"
    elif node.op_type == "Gather" and node.input and graph.weights(node.input[0]) and len(sizes[:1] and sizes[0]) > 1:
        why = f"{_by(sizes[0])}: an embedding, whose rows are looked up, nothing is multiplied"
    elif node.op_type == "ConvTranspose" and sizes:
        why = f"{_by(sizes[0])}: a ConvTranspose is not one product of a matrix and a vector per output position"
    elif node.op_type == "Einsum" and sizes:
        why = f"{_by(sizes[0])}: Einsum is not one product of a matrix and a vector per output position"
    elif node.op_type == "PRelu" and sizes:
        why = f"{_by(sizes[0])}: slopes of a PReLU, which the host applies"
    if why:
        yield Unmapped(node.name or next(iter(node.output), node.op_type), node.op_type, why)


def rest_of(graph: Graph, used: set[str]) -> Iterator[Unmapped]:
    """Report the initializers of floating-point numbers or codes that no part has used."""
    operands: dict[str, onnx.NodeProto] = {}
    for node in graph.nodes:
        for name in node.input:
            # What is folded into another constant is reported with the last node that uses it.
            weights = graph.weights(name)
            operands |= dict.fromkeys(weights.leaves if weights is not None else (), node)
    n_single = 0
    for name in graph.own_leaves:
        leaf = graph.weights(name)
        if leaf is None or name in used or not (leaf.is_float or leaf.is_code) or leaf.shape == (0,):
            continue
        if prod(leaf.shape) <= 1:
            n_single += 1
            continue
        why = _operand(operands.get(name))
        kind = operands[name].op_type if name in operands else "initializer"
        yield Unmapped(name, kind, f"{_by(leaf.shape)}: {why}", prod(leaf.shape))
    if n_single:
        why = f"{n_single} single numbers, which scale, shift or bound activations"
        yield Unmapped("single numbers", "initializer", why, n_single)


def _operand(node: onnx.NodeProto | None) -> str:
    if node is None:
        return "no node of its graph uses it, or one in a graph within it does"
    if node.domain not in _DOMAINS:
        return f"an operand of {node.op_type} of the domain {node.domain}, which is not known here"
    if node.op_type in _BY_NUMBER:
        return f"an operand of {node.op_type}, number by number, which the host does"
    return f"an operand of {node.op_type}, which is not read here as a product of a matrix and vectors"


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
