"""Local functions of an ONNX model, as exporters of today write them, put in place of the nodes that call them.

ONNX has an inliner of its own; this one keeps the names of caller and node, `caller/node`, by which layers are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from eie.formats.errors import FormatError

if TYPE_CHECKING:
    import onnx

MAX_NODES = 500_000
"""Nodes once all functions stand in place of their calls: a function may call others, and so on."""

Functions = Mapping[tuple[str, str, str], "onnx.FunctionProto"]


def inline(path: Path, model: onnx.ModelProto) -> None:
    """Replace all calls of local functions in the model.

    Raises
    ------
    FormatError
        When functions call each other in a circle, or there would be too many nodes.
    """
    if not model.functions:
        return
    functions = {(each.domain, each.name, each.overload): each for each in model.functions}
    sizes: dict[tuple[str, str, str], int] = {}
    for key in functions:
        _size(path, key, functions, sizes, ())
    if sum(sizes.get(_key(node), 1) for node in _all_nodes(model.graph.node)) > MAX_NODES:
        raise FormatError(f"{path}: must have at most {MAX_NODES} nodes once its functions are in place of their calls")
    _replace(model.graph, _Inliner(functions))
    known = {each.domain for each in model.opset_import}
    for function in model.functions:
        model.opset_import.extend(each for each in function.opset_import if each.domain not in known)
        known |= {each.domain for each in function.opset_import}
    del model.functions[:]


def _key(node: onnx.NodeProto) -> tuple[str, str, str]:
    return node.domain, node.op_type, node.overload


def bodies(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    """List the graphs that a node holds: branches of If, bodies of Loop and Scan."""
    return [graph for each in node.attribute for graph in ([each.g] if each.HasField("g") else each.graphs)]


def _all_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    for node in nodes:
        yield node
        for graph in bodies(node):
            yield from _all_nodes(graph.node)


def _size(
    path: Path,
    key: tuple[str, str, str],
    functions: Functions,
    sizes: dict[tuple[str, str, str], int],
    within: tuple[tuple[str, str, str], ...],
) -> int:
    """Count the nodes of a function with all functions that it calls."""
    if key in within:
        raise FormatError(f"{path}: function {key[1]} calls itself")
    if key not in sizes:
        called = (_key(node) for node in _all_nodes(functions[key].node))
        total = sum(_size(path, each, functions, sizes, (*within, key)) if each in functions else 1 for each in called)
        sizes[key] = min(total, MAX_NODES + 1)
    return sizes[key]


def _replace(graph: onnx.GraphProto, inliner: _Inliner) -> None:
    nodes = [each for node in graph.node for each in inliner.expanded(node)]
    del graph.node[:]
    graph.node.extend(nodes)


class _Inliner:
    """Expansion of calls; every call gets value names of its own."""

    def __init__(self, functions: Functions) -> None:
        self.functions, self.n_calls = functions, 0

    def expanded(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """Return the nodes of the function that a node calls, or the node itself."""
        function = self.functions.get(_key(node))
        if function is None:
            for graph in bodies(node):
                _replace(graph, self)
            yield node
            return
        self.n_calls += 1
        names = dict.fromkeys(function.input, "") | dict(zip(function.input, node.input, strict=False))
        names |= dict(zip(function.output, node.output, strict=False))
        given = {each.name: each for each in (*function.attribute_proto, *node.attribute)}
        caller = node.name or f"{function.name}_{self.n_calls}"
        for inner in function.node:
            own = type(inner)()
            own.CopyFrom(inner)
            _rename(own, names, f"{caller}.{self.n_calls}/")
            _fill_attributes([own], given)
            own.name = f"{caller}/{inner.name or inner.op_type}"
            yield from self.expanded(own)


def _rename(node: onnx.NodeProto, names: dict[str, str], before: str) -> None:
    """Give values of a function the names that they have outside, or new ones."""
    for side in (node.input, node.output):
        side[:] = [names.setdefault(name, before + name) if name else "" for name in side]
    for graph in bodies(node):
        for value in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
            value.name = names.setdefault(value.name, before + value.name)
        for inner in graph.node:
            _rename(inner, names, before)


def _fill_attributes(nodes: Iterable[onnx.NodeProto], given: Mapping[str, onnx.AttributeProto]) -> None:
    """Put the caller's attributes in place of references to them; a reference to none is left out."""
    for node in nodes:
        kept = []
        for each in node.attribute:
            if each.ref_attr_name and each.ref_attr_name in given:
                filled = type(each)()
                filled.CopyFrom(given[each.ref_attr_name])
                filled.name = each.name
                kept.append(filled)
            elif not each.ref_attr_name:
                kept.append(each)
        copies = [type(each).FromString(each.SerializeToString()) for each in kept]
        del node.attribute[:]
        node.attribute.extend(copies)
        for graph in bodies(node):
            _fill_attributes(graph.node, given)
