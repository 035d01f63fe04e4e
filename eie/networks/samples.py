"""A network on samples: the inputs of its layers come from running it, and so does its accuracy.

It runs in floating point as it is, in floating point with the weights that the machine holds (pruned and shared), and
in the machine's fixed point, where only the layers' products differ. Time and energy are those of the inputs that the
layers have with the machine's weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from eie.cycles import CycleReport, simulate
from eie.fixedpoint import LayerFormats
from eie.formats.container import EncodedLayer
from eie.formats.weights import WeightFile, WeightLayer
from eie.interleaved import InterleavedCSC, decode
from eie.machine import Machine
from eie.networks.arithmetic import FloatArithmetic, MachineArithmetic, RangeRecorder
from eie.networks.operations import Linear

Array = NDArray[Any]

KINDS = ("float", "shared weights", "fixed point")
"""The three ways in which a network runs."""

BITS = 16
"""Width of weights, activations and accumulators in fixed point, as on EIE (ISCA 2016, section VI-A)."""

HEADROOM = 1
"""Bits kept in fixed point for other samples than those of calibration."""

CALIBRATION = 16
"""Samples, at least, from which the formats in fixed point follow: the first ones."""


class Model(Protocol):
    """A network that can run, with the products of its layers done by a function."""

    name: str

    @property
    def file(self) -> WeightFile:
        """Its layers."""

    def batches(self, inputs: Any) -> Iterator[tuple[Any, int]]:
        """Cut samples into batches; yield each with its number of samples."""

    def run(self, batch: Any, product: Callable[[str, Array, bool], Array]) -> list[Array]:
        """Compute the outputs for one batch."""


@dataclass(frozen=True, eq=False, slots=True)
class Quality:
    """Quality of the outputs of a network on samples: in floating point, with shared weights, and in fixed point.

    Attributes
    ----------
    samples : int
    accuracy : dict of str to float, optional
        Fraction of the labels that are right, 0..1; None if there are no labels.
    agreement : dict of str to float
        Fraction of the answers that agree with those of the first kind, 0..1; the answer is the index of the largest
        output. Empty for a network of a single output.
    error : dict of str to float
        Distance of the outputs from those of the first kind, as a fraction of their length. The first kind is floating
        point, or shared weights if the network has no others.
    saturations : int
        Additions, biases and inputs that saturated in fixed point.
    """

    samples: int
    accuracy: dict[str, float] | None
    agreement: dict[str, float]
    error: dict[str, float]
    saturations: int


class Measured:
    """Counters of one layer, product by product, and its outputs with shared weights."""

    def __init__(self, layer: EncodedLayer, machine: Machine) -> None:
        self.layer, self.machine = layer, machine
        self._arithmetic = FloatArithmetic(operation_of(layer))
        self._reports: list[CycleReport] = []
        self._active = 0
        self.first: Array | None = None

    def multiply(self, vectors: Array, counts: bool) -> Array:
        """Multiply in floating point with the weights that the machine holds, and count what it takes."""
        if counts and len(vectors):
            self.first = vectors[0].copy() if self.first is None else self.first
            self._active += int(np.count_nonzero(vectors))
            self._reports.append(simulate(self.layer.mem, vectors, self.machine, signed=True))
        return self._arithmetic.multiply(0, vectors)

    @property
    def report(self) -> CycleReport | None:
        """Counters of all products; None if the layer was not used."""
        return reduce(add, self._reports) if self._reports else None

    @property
    def density(self) -> float:
        """Fraction of the inputs that were not 0, 0..1."""
        report = self.report
        return self._active / (report.vectors * report.n_in) if report else 0.0


def run_samples(
    model: Model, layers: Sequence[EncodedLayer], machine: Machine, inputs: Any, labels: Any = None
) -> tuple[dict[str, Measured], Quality]:
    """Run a network on samples in all three ways.

    Parameters
    ----------
    model : Model
    layers : sequence of EncodedLayer
        Its layers as the machine holds them.
    machine : Machine
    inputs : array or mapping of str to array
        Samples, by the name of the input if there are several.
    labels : array of int, optional
        The right answer for each sample.

    Returns
    -------
    dict of str to Measured
        Counters by layer.
    Quality
    """
    batches = list(model.batches(inputs))
    n = sum(size for _, size in batches)
    wanted = None if labels is None else _checked_labels(labels, n)
    outputs = {"float": _outputs(model, batches, _float_product(model.file))}
    measured = {layer.name: Measured(layer, machine) for layer in layers}
    outputs["shared weights"] = _outputs(
        model, batches, lambda name, vectors, counts: measured[name].multiply(vectors, counts)
    )
    used = [layer for layer in layers if measured[layer.name].report is not None]
    fixed = _fixed_point(model, used, machine, batches)
    outputs["fixed point"] = _outputs(
        model, batches, lambda name, vectors, _: fixed[name].multiply(0, fixed[name].quantize_inputs(vectors))
    )
    return measured, _quality(outputs, wanted, n, sum(each.saturations for each in fixed.values()))


def vectors_of(model: Model, layers: Sequence[EncodedLayer], inputs: Any, name: str) -> Array:
    """Return the inputs of one layer when samples go through a network with the weights that the machine holds.

    Raises
    ------
    ValueError
        When no sample uses the layer.
    """
    arithmetic = {layer.name: FloatArithmetic(operation_of(layer)) for layer in layers}
    found: list[Array] = []

    def product(which: str, vectors: Array, counts: bool) -> Array:
        if which == name and counts:
            found.append(np.array(vectors))
        return arithmetic[which].multiply(0, vectors)

    for batch, _ in model.batches(inputs):
        model.run(batch, product)
    if not found:
        raise ValueError(f"no sample uses {name}")
    return np.concatenate(found)


def operation_of(layer: EncodedLayer) -> Linear:
    """Return the layer's matrix and bias as an operation."""
    mem = layer.mem
    assert isinstance(mem, InterleavedCSC)
    return Linear(decode(mem), layer.bias)


def _float_product(file: WeightFile) -> Callable[[str, Array, bool], Array]:
    """Return the product of layers with the weights of the file, which are read when they are first used."""
    layers, read = {layer.name: layer for layer in file.layers}, dict[str, tuple[Any, Any]]()

    def product(name: str, vectors: Array, _counts: bool) -> Array:
        if name not in read:
            read[name] = _matrix_and_bias(layers[name])
        matrix, bias = read[name]
        return np.asarray((matrix @ vectors.T.astype(np.float32, copy=False)).T + bias, np.float32)

    return product


def _matrix_and_bias(layer: WeightLayer) -> tuple[Any, Any]:
    matrix = layer.read()
    return (sp.csr_array(matrix) if sp.issparse(matrix) else matrix), 0 if layer.bias is None else layer.bias()


def _outputs(model: Model, batches: Sequence[tuple[Any, int]], product: Callable[[str, Array, bool], Array]) -> Array:
    """Return the first output for all samples, whose first axis counts them."""
    found = []
    for batch, size in batches:
        output = model.run(batch, product)[0]
        if output.ndim > 1 and output.shape[0] != size == output.shape[1]:  # steps stand first
            output = np.swapaxes(output, 0, 1)
        found.append(output.reshape(size, -1) if output.ndim < 2 and output.size == size else output)
    return np.concatenate(found)


def _fixed_point(
    model: Model, layers: Sequence[EncodedLayer], machine: Machine, batches: Sequence[tuple[Any, int]]
) -> dict[str, MachineArithmetic]:
    """Choose the formats of layers by the ranges of the first samples."""
    operations = {layer.name: operation_of(layer) for layer in layers}
    recorders = {name: RangeRecorder(operation) for name, operation in operations.items()}
    seen = 0
    for batch, size in batches:
        model.run(batch, lambda name, vectors, _: recorders[name].multiply(0, vectors))
        seen += size
        if seen >= CALIBRATION:
            break
    formats: dict[str, LayerFormats] = {
        name: recorder.ranges().formats(BITS, BITS, HEADROOM) for name, recorder in recorders.items()
    }
    return {name: MachineArithmetic(op, machine, formats[name], reports=False) for name, op in operations.items()}


def _checked_labels(labels: Any, n: int) -> Array:
    found = np.asarray(labels)
    if found.dtype.kind not in "iu" or len(found) != n:
        raise ValueError(f"labels must be one whole number per sample, {n} of them, got {found.dtype} {found.shape}")
    return found


def network_quality(shared: Array, fixed: Array, labels: Any, saturations: int) -> Quality:
    """Compare the outputs of a network in fixed point with those of the same weights in floating point."""
    wanted = None if labels is None else _checked_labels(labels, len(shared))
    return _quality({"shared weights": shared, "fixed point": fixed}, wanted, len(shared), saturations)


def _quality(outputs: Mapping[str, Array], labels: Array | None, n: int, saturations: int) -> Quality:
    first = next(iter(outputs))
    length = float(np.linalg.norm(outputs[first].astype(float))) or 1.0
    error = {
        kind: float(np.linalg.norm(values.astype(float) - outputs[first])) / length for kind, values in outputs.items()
    }
    if labels is None and _flat(outputs[first], None).shape[-1] < 2:
        return Quality(n, None, {}, error, saturations)
    answers = {kind: _answers(values, labels) for kind, values in outputs.items()}
    accuracy = None
    if labels is not None:
        accuracy = {kind: float((found == labels.reshape(found.shape)).mean()) for kind, found in answers.items()}
    agreement = {kind: float((found == answers[first]).mean()) for kind, found in answers.items()}
    return Quality(n, accuracy, agreement, error, saturations)


def _answers(outputs: Array, labels: Array | None) -> Array:
    """Return the place of the largest output, per sample or per step."""
    values = _flat(outputs, labels)
    if values.shape[-1] < 2:
        raise ValueError(f"an answer is the largest of two outputs or more, the network has {values.shape[-1]}")
    return np.asarray(values.argmax(axis=-1))


def _flat(outputs: Array, labels: Array | None) -> Array:
    """Return outputs with the answers along the last axis, per sample, or per step if the labels are per step."""
    values = outputs
    while values.ndim > 2 and values.shape[-1] == 1:  # pictures of one pixel
        values = values[..., 0]
    if labels is None or labels.size == len(values):
        return values.reshape(len(values), -1)
    if labels.shape != values.shape[:-1]:
        raise ValueError(f"labels of shape {labels.shape} do not fit outputs of shape {outputs.shape}")
    return values
