"""Arithmetic of a network's weight layers: floating point, floating point that records ranges, and the machine's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from math import fsum
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie.cycles import CycleReport
from eie.energy_model import EnergyReport
from eie.fixedpoint import FixedPoint, LayerFormats
from eie.interleaved import encode
from eie.layer import CompressedLayer
from eie.machine import Machine
from eie.networks.layer_run import LayerRun
from eie.networks.operations import WeightOperation
from eie.networks.register_batches import encode_whole, run_tiles, tiles
from eie.values import largest_sum, multiply

_MAX_DENSE = 1 << 24
"""Weights of a matrix that is multiplied as a dense one in floating point, zeros included."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """The largest magnitudes of one weight layer: of its weights, its inputs, and the sums that it goes through."""

    weight: float
    activation: float
    total: float

    def formats(
        self, bits: int, sum_bits: int, headroom: int = 0, written_in: FixedPoint | None = None
    ) -> LayerFormats:
        """Return the finest formats that cover them, by the rule of `Network.formats`."""
        weight = FixedPoint.covering(self.weight, bits)
        activation = written_in or FixedPoint.covering(self.activation * 2**headroom, bits)
        total = FixedPoint.covering(self.total * 2**headroom, sum_bits)
        # Steps finer than those of the products would hold nothing more.
        return LayerFormats(weight, activation, FixedPoint(sum_bits, min(total.frac, weight.frac + activation.frac)))


class FloatArithmetic:
    """Arithmetic in float32."""

    def __init__(self, op: WeightOperation) -> None:
        self._matrices = [_matrix(layer) for layer in op.layers]
        self._biases = [_float_bias(layer, bias) for layer, bias in zip(op.layers, op.biases, strict=True)]

    def quantize_inputs(self, values: NDArray[Any]) -> NDArray[Any]:
        """Convert to float32."""
        return values.astype(np.float32, copy=False)

    def multiply(self, part: int, vectors: NDArray[Any]) -> NDArray[Any]:
        """Multiply in float32."""
        products = (self._matrices[part] @ vectors.T).T
        return products + self._biases[part]


def _matrix(layer: CompressedLayer) -> Any:
    """Return the weights in float32, as a dense matrix unless that would be large."""
    matrix = layer.to_scipy().astype(np.float32)
    matrix.data = layer.codebook[layer.codes]
    return matrix.toarray() if layer.n_out * layer.n_in <= _MAX_DENSE else matrix.tocsr()


def _float_bias(layer: CompressedLayer, bias: NDArray[np.float32] | None) -> NDArray[np.float32]:
    total = np.zeros(layer.n_out, np.float32) if bias is None else bias
    return total if layer.bias_codes is None else total + layer.codebook[layer.bias_codes]


class RangeRecorder(FloatArithmetic):
    """Arithmetic in float32 that keeps the largest magnitudes that occur."""

    def __init__(self, op: WeightOperation) -> None:
        super().__init__(op)
        self._op = op
        self._activation = float(any(layer.bias_codes is not None for layer in op.layers))  # a bias column's 1.0
        self._total = 0.0

    def multiply(self, part: int, vectors: NDArray[Any]) -> NDArray[Any]:
        """Multiply in float32, and follow all partial sums."""
        layer, bias = self._op.layers[part], self._op.biases[part]
        self._activation = max(self._activation, float(np.abs(vectors).max()))
        weight = FixedPoint.covering(float(np.abs(layer.codebook).max()), _FINE_BITS)
        activation = FixedPoint.covering(self._activation, _FINE_BITS)
        mem = encode(layer, _one_pe(layer))
        inputs, _ = activation.quantize(vectors)
        self._total = max(self._total, largest_sum(mem, inputs, weight, activation, bias))
        return super().multiply(part, vectors)

    def ranges(self) -> Ranges:
        """Return the largest magnitudes so far."""
        weight = max(float(np.abs(layer.codebook).max()) for layer in self._op.layers)
        return Ranges(weight, self._activation, self._total)


_FINE_BITS = 24
"""Bits of a format for sums in floating point: as many as the significand of float32 has."""


def _one_pe(layer: CompressedLayer) -> Machine:
    """Return a machine that holds the layer, whatever the width of its codes."""
    bits = len(layer.codebook).bit_length() - 1
    return Machine(n_pe=1, weight_bits=bits, index_bits=8, spmat_width_bits=bits + 8)


class MachineArithmetic:
    """The machine's arithmetic, with counters of cycles, energy and saturations."""

    def __init__(self, op: WeightOperation, machine: Machine, formats: LayerFormats, reports: bool) -> None:
        self._op, self._machine, self._formats, self._reports = op, machine, formats, reports
        self._tiles = [tiles(layer, machine) for layer in op.layers]
        self._mems = [encode_whole(layer, parts, machine) for layer, parts in zip(op.layers, self._tiles, strict=True)]
        self._runs: list[tuple[CycleReport, EnergyReport]] = []
        self._nonzero = 0
        self.saturations = 0

    def quantize_inputs(self, values: NDArray[Any]) -> NDArray[Any]:
        """Round to the raw numbers of the activation format."""
        raw, clipped = self._formats.activation.quantize(values)
        self.saturations += clipped
        return raw.astype(np.int32)

    def multiply(self, part: int, vectors: NDArray[Any]) -> NDArray[Any]:
        """Multiply raw numbers bit by bit as the machine does, and count what it takes."""
        raw, saturations = multiply(self._mems[part], vectors, self._formats, self._op.biases[part])
        self.saturations += saturations
        if self._reports:
            self._nonzero += int(np.count_nonzero(vectors))
            self._runs.append(run_tiles(self._op.layers[part], self._tiles[part], vectors, self._machine))
        return self._formats.output.real(raw)

    def layer_run(self, name: str) -> LayerRun:
        """Sum up the counters of all products so far."""
        report = reduce(add, (report for report, _ in self._runs))
        joules = reduce(add, (joules for _, joules in self._runs))
        density = fsum(layer.density for layer in self._op.layers) / len(self._op.layers)
        active = self._nonzero / (report.vectors * report.n_in)
        return LayerRun(name, self._op.kind, density, active, report, joules, self.saturations)
