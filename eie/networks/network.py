"""Networks: operations in order, run in floating point or on the machine.

On the machine, each weight layer rounds its inputs to its activation format, and computes as `eie.infer` does, bit by
bit; the host does the operations between the weight layers in floating point. If another layer wrote the inputs of a
layer (ReLU, max pooling and changes of shape leave numbers as they are), they are in its source registers, in the
format in which they were written; other inputs come from the host.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie import _check
from eie.fixedpoint import LayerFormats
from eie.machine import EIE_45NM, Machine
from eie.networks.arithmetic import FloatArithmetic, MachineArithmetic, RangeRecorder, Ranges
from eie.networks.layer_run import LayerRun
from eie.networks.operations import Arithmetic, HostOperation, WeightOperation
from eie.networks.windows import Shape

INPUT = "input"
"""Name of the network's input."""


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """One operation of a network.

    Later nodes take its output by its `name`; its `inputs` are names of earlier nodes, or `INPUT`.
    """

    name: str
    op: WeightOperation | HostOperation
    inputs: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Network:
    """Operations in the order in which they are computed; the last output is that of the network.

    Attributes
    ----------
    input_shape : tuple of int
        Shape of one input, without the batch axis.
    nodes : tuple of Node
    shapes : dict of str to tuple of int
        Shape of every node's output, and of the input.

    Raises
    ------
    ValueError
        When a name occurs twice, an input is not known yet, or shapes do not fit; the message names the node.
    """

    input_shape: Shape
    nodes: tuple[Node, ...]
    shapes: dict[str, Shape] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shapes", _infer_shapes(tuple(self.input_shape), self.nodes))

    @classmethod
    def chain(cls, input_shape: Shape, operations: Mapping[str, WeightOperation | HostOperation]) -> Network:
        """Make a network in which every operation takes the output of the previous one."""
        sources = [INPUT, *operations]
        nodes = (Node(name, op, (source,)) for (name, op), source in zip(operations.items(), sources, strict=False))
        return cls(input_shape, tuple(nodes))

    @property
    def output_shape(self) -> Shape:
        """Shape of the network's output."""
        return self.shapes[self.nodes[-1].name]

    @property
    def weight_nodes(self) -> tuple[tuple[str, WeightOperation], ...]:
        """Names and operations of the weight layers, in order."""
        return tuple((node.name, node.op) for node in self.nodes if isinstance(node.op, WeightOperation))

    def reference(self, inputs: Any) -> NDArray[np.float32]:
        """Run the network in float32, with the same compressed weights: `(n, *input_shape)` to `(n, *output_shape)`."""
        arithmetic = {name: FloatArithmetic(op) for name, op in self.weight_nodes}
        return np.concatenate([self.evaluate(block, arithmetic)[self.nodes[-1].name] for block in self._blocks(inputs)])

    def calibrate(self, inputs: Any) -> dict[str, Ranges]:
        """Find the largest magnitudes in each weight layer in floating point, from which its formats follow.

        The inputs, of shape `(n, *input_shape)`, should not be samples on which accuracy is measured.
        """
        arithmetic = {name: RangeRecorder(op) for name, op in self.weight_nodes}
        for block in self._blocks(inputs):
            self.evaluate(block, arithmetic)
        return {name: recorder.ranges() for name, recorder in arithmetic.items()}

    def formats(
        self, ranges: Mapping[str, Ranges], bits: int = 16, sum_bits: int | None = None, headroom: int = 1
    ) -> dict[str, LayerFormats]:
        """Choose formats for every weight layer by one rule: the finest of `bits` bits that cover its ranges.

        Weights get the format that covers the codebook; accumulators the one that covers every partial sum, times
        two for each bit of `headroom`; and inputs the one in which they were written if a layer wrote them and sums are
        no wider, else the one that covers them, with the same headroom.

        Parameters
        ----------
        ranges : mapping of str to Ranges
            Result of `calibrate`.
        bits : int
            Width of weights and activations, 2..32.
        sum_bits : int, optional
            Width of the accumulators; `bits`, as on EIE, if left out.
        headroom : int
            Bits kept for other samples than those of calibration, 0..8.
        """
        _check.integer("headroom", headroom, 0, 8)
        sum_bits = bits if sum_bits is None else sum_bits
        found: dict[str, LayerFormats] = {}
        for node in self.nodes:
            if isinstance(node.op, WeightOperation):
                writer = self._writer(node.inputs[0])
                written_in = found[writer].output if writer and sum_bits == bits else None
                found[node.name] = ranges[node.name].formats(bits, sum_bits, headroom, written_in)
        return found

    def run(
        self,
        inputs: Any,
        machine: Machine = EIE_45NM,
        formats: Mapping[str, LayerFormats] | None = None,
        *,
        reports: bool = True,
        keep: bool = False,
    ) -> NetworkRun:
        """Run the network on the machine.

        Parameters
        ----------
        inputs : array of shape `(n, *input_shape)`
        machine : Machine
            The chip. Its code width must be that of all layers.
        formats : mapping of str to LayerFormats, optional
            Formats of every weight layer; 16-bit formats calibrated on these inputs if left out.
        reports : bool
            Count cycles and energy as well, which takes longer than computing the values.
        keep : bool
            Keep the output of every node.

        Raises
        ------
        ValueError
            When inputs are of the wrong shape or not finite, or a layer has no format or does not fit the machine.
        """
        formats = formats or self.formats(self.calibrate(inputs))
        missing = [name for name, _ in self.weight_nodes if name not in formats]
        if missing:
            raise ValueError(f"formats must have every weight layer, {', '.join(missing)} missing")
        arithmetic = {name: MachineArithmetic(op, machine, formats[name], reports) for name, op in self.weight_nodes}
        kept = [self.evaluate(block, arithmetic, keep) for block in self._blocks(inputs)]
        values = {name: np.concatenate([part[name] for part in kept]) for name in kept[0]}
        return NetworkRun(
            values[self.nodes[-1].name],
            tuple(layer.layer_run(name) for name, layer in arithmetic.items()) if reports else (),
            {name: layer.saturations for name, layer in arithmetic.items()},
            values if keep else {},
        )

    def evaluate(
        self, inputs: NDArray[Any], arithmetic: Mapping[str, Arithmetic], keep: bool = False
    ) -> dict[str, NDArray[Any]]:
        """Compute the outputs of the nodes; unless all are to be kept, a value is dropped after its last use.

        Inputs have shape `(n, *input_shape)`; `arithmetic` is number format and multiplication of each weight layer.
        """
        last_use = {source: i for i, node in enumerate(self.nodes) for source in node.inputs}
        values = {INPUT: inputs}
        for i, node in enumerate(self.nodes):
            taken = [values[source] for source in node.inputs]
            values[node.name] = _apply(node, taken, arithmetic)
            if not keep:
                values = {name: value for name, value in values.items() if last_use.get(name, math.inf) > i}
        return values

    def _blocks(self, inputs: Any) -> Iterator[NDArray[Any]]:
        """Cut the inputs into blocks that keep the matrices of vectors small."""
        values = np.asarray(inputs)
        if values.shape[1:] != self.shapes[INPUT] or not values.size:
            raise ValueError(f"inputs must have shape (n, {str(self.shapes[INPUT])[1:]}, got {values.shape}")
        if not np.isfinite(values).all():
            raise ValueError(f"inputs must be finite, got {values[~np.isfinite(values)][0]}")
        size = max(1, _BLOCK_NUMBERS // max(map(self._vector_numbers, self.nodes)))
        return (values[start : start + size] for start in range(0, len(values), size))

    def _vector_numbers(self, node: Node) -> int:
        """Count the numbers in the vectors of one weight layer for one sample."""
        if not isinstance(node.op, WeightOperation):
            return 1
        return node.op.vectors(self.shapes[node.inputs[0]]) * node.op.layers[0].n_in

    def _writer(self, source: str) -> str | None:
        """Find the weight layer that wrote the numbers of node `source`; None if the host computed them."""
        by_name = {node.name: node for node in self.nodes}
        while source != INPUT:
            node = by_name[source]
            if isinstance(node.op, WeightOperation):
                return source if node.op.writes_outputs else None
            if not node.op.passes_values:
                return None
            source = node.inputs[0]
        return None


@dataclass(frozen=True, eq=False, slots=True)
class NetworkRun:
    """Results of a network on the machine.

    Attributes
    ----------
    outputs : float array of shape `(n, *output_shape)`
    layers : tuple of LayerRun
        Cycles and energy of every weight layer over all inputs; empty when they were not asked for.
    saturations : dict of str to int
        Additions, biases and inputs of every weight layer that saturated at the end of their range.
    values : dict of str to float array
        Output of every node, and the input, if they were to be kept.
    """

    outputs: NDArray[np.float64]
    layers: tuple[LayerRun, ...]
    saturations: dict[str, int]
    values: dict[str, NDArray[np.float64]]


_BLOCK_NUMBERS = 4_000_000
"""Numbers in the vectors of a layer that are unfolded at a time."""


def _infer_shapes(input_shape: Shape, nodes: tuple[Node, ...]) -> dict[str, Shape]:
    if not nodes:
        raise ValueError("a network must have at least one operation, got none")
    shapes = {INPUT: input_shape}
    for node in nodes:
        if node.name in shapes:
            raise ValueError(f"names must be different, got {node.name!r} twice")
        unknown = [source for source in node.inputs if source not in shapes]
        if unknown or not node.inputs:
            raise ValueError(f"{node.name} must take outputs of earlier nodes, {', '.join(shapes)}; got {node.inputs}")
        try:
            shapes[node.name] = node.op.shape(*(shapes[source] for source in node.inputs))
        except ValueError as error:
            raise ValueError(f"{node.name}: {error}") from None
    return shapes


def _apply(node: Node, inputs: list[NDArray[Any]], arithmetic: Mapping[str, Arithmetic]) -> NDArray[Any]:
    if isinstance(node.op, WeightOperation):
        return node.op.apply(inputs[0], arithmetic[node.name])
    return node.op(*inputs)
