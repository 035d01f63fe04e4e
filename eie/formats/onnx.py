"""ONNX files as layers: products of a matrix and vectors whose matrix is in the file or beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eie.formats.errors import guarded, report_damage
from eie.formats.onnx_einsum import spell_out
from eie.formats.onnx_functions import bodies, inline
from eie.formats.onnx_graph import MAX_BYTES, Graph, check_structure
from eie.formats.onnx_layers import added_bias, layers_of, name_of
from eie.formats.onnx_rest import rest_of
from eie.formats.onnx_shapes import shapes_of
from eie.formats.weights import Unmapped, WeightFile, WeightLayer, check_file

if TYPE_CHECKING:
    import onnx

_BRANCHES = {
    "If": "in one of the branches of {}, of which one runs per inference",
    "Loop": "in the body of the loop {}, whose turns are unknown: one is taken",
    "Scan": "in the body of the scan {}, whose turns are unknown: one is taken",
}
"""Notes on layers in graphs within a node, by its operator."""


@guarded
def read(path: Path, sides: Mapping[str, Sequence[int]] | None = None) -> WeightFile:
    """List the layers of an ONNX file; weights are read layer by layer, later.

    Parameters
    ----------
    path : path
    sides : mapping of str to sequence of int, optional
        Sides of inputs that the file leaves open.

    Raises
    ------
    FormatError
        When the file is missing, too large, truncated or damaged, or its weights lie outside its folder.
    ValueError
        When `sides` are not those of its inputs.
    """
    return of_model(path, load(path), sides)


def load(path: Path) -> onnx.ModelProto:
    """Read the message of an ONNX file, with bounds on what it takes; weights beside it stay there."""
    check_structure(path, check_file(path, MAX_BYTES))
    import onnx

    with report_damage(path, "is not a complete ONNX file"):
        return onnx.load(path, load_external_data=False)


def of_model(path: Path, model: onnx.ModelProto, sides: Mapping[str, Sequence[int]] | None = None) -> WeightFile:
    """List the layers of a model that is in memory; `path` is its name in messages."""
    return opened(path, model, sides).file


@dataclass(frozen=True, eq=False, slots=True)
class OpenModel:
    """A model with its layers by node, for running it.

    Attributes
    ----------
    file : WeightFile
        Its layers.
    graph : Graph
        Of the model.
    inner : dict of int to Graph
        Graphs of branches and loops, by the identity of their messages in `nodes`.
    layers : dict of int to list of WeightLayer
        Layers of each node that has any, by the node's identity.
    nodes : list
        Messages whose identities these are; they have to stay in memory.
    opset : int
        Version of the operators.
    """

    file: WeightFile
    graph: Graph
    inner: dict[int, Graph]
    layers: dict[int, list[WeightLayer]]
    nodes: list[Any]
    opset: int


def opened(path: Path, model: onnx.ModelProto, sides: Mapping[str, Sequence[int]] | None = None) -> OpenModel:
    """Find the layers of a model, node by node."""
    import onnx

    with report_damage(path, "is not a complete ONNX file"):
        inline(path, model)
        spell_out(model.graph)
        stated = next((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), 0)
    opset = stated or onnx.defs.onnx_opset_version()
    try:
        shapes = shapes_of(model, sides)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    with report_damage(path, "is not a complete ONNX file"):
        graph = Graph(path, model.graph, shapes)
        parts = _Parts()
        parts.add_all(graph, opset)
    file = WeightFile.of(path, list(parts.listed()))
    layers: dict[int, list[WeightLayer]] = {}
    for owner, layer in zip(parts.owners, file.layers, strict=True):
        layers.setdefault(owner, []).append(layer)
    return OpenModel(file, graph, parts.inner, layers, parts.nodes, opset)


class _Parts:
    """Parts of a model in its order, and which initializers are in them."""

    def __init__(self) -> None:
        self.found: list[tuple[WeightLayer | Unmapped, set[str]]] = []
        self.sizes: dict[str, int] = {}
        self.used: set[str] = set()
        self.owners: list[int] = []
        self.inner: dict[int, Graph] = {}
        self.nodes: list[Any] = []

    def add_all(self, graph: Graph, opset: int, note: str = "") -> None:
        """Add the parts of a graph and of the graphs within it, and then what no part has used."""
        graph.fold_all(opset)
        for node in graph.nodes:
            for part in () if set(node.output) & graph.known.keys() else layers_of(graph, node):
                self._add(graph, node, part, note)
            for body in bodies(node):
                where = _BRANCHES.get(node.op_type, "in a graph within {}").format(name_of(node))
                self.inner[id(body)] = inner = Graph(graph.path, body, graph.shapes, graph)
                self.nodes.append(body)
                self.add_all(inner, opset, "; ".join(filter(None, [note, where])))
        for rest in rest_of(graph, self.used):
            self.found.append((rest, set()))

    def _add(self, graph: Graph, node: onnx.NodeProto, part: WeightLayer | Unmapped, note: str) -> None:
        leaves = {leaf for name in node.input if (found := graph.weights(name)) for leaf in found.leaves}
        if isinstance(part, WeightLayer):
            leaves |= added_bias(graph, node.output[0], part.n_out)[1]
            counted, in_branch = part.counted and not note, part.conditional or "branches of" in note
            notes = "; ".join(filter(None, [part.note, note]))
            part = replace(part, note=notes, counted=counted, conditional=in_branch)
            self.owners.append(id(node))
            self.nodes.append(node)
        for name in leaves:
            leaf = graph.weights(name)
            self.sizes[name] = prod(leaf.shape) if leaf is not None and (leaf.is_float or leaf.is_code) else 0
        self.used |= leaves
        self.found.append((part, leaves))

    def listed(self) -> Iterator[WeightLayer | Unmapped]:
        """List all parts; a weight that a layer has too is not counted again as one that is not mapped."""
        counted = {name for part, leaves in self.found if isinstance(part, WeightLayer) for name in leaves}
        for part, leaves in self.found:
            if isinstance(part, Unmapped) and leaves:
                part = replace(part, weights=sum(self.sizes[name] for name in leaves - counted))
                counted |= leaves
            yield part
