"""A network on a machine, layer by layer: time, energy, load balance, memory, and causes of waiting.

Layers are encoded and run one after the other, and only their results are kept. Every product is simulated whole, as
for Table IV: the register batches of longer vectors are for `eie.networks.network.Network.run` to count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from math import fsum
from operator import add
from pathlib import Path
from typing import Any

import numpy as np

from eie.cycles import CycleReport, simulate
from eie.energy_model import energy
from eie.explore import own_technology
from eie.explore.dense_array import EnergyOf
from eie.explore.explain import Explanation, explain, timeline
from eie.explore.own_technology import OwnTechnology
from eie.formats.container import EncodedLayer
from eie.machine import EIE_45NM, Machine
from eie.networks.baseline import dense_layer
from eie.networks.encoding import Encoded, encoded
from eie.networks.evaluation import Evaluation, LayerEvaluation
from eie.networks.inputs import Inputs
from eie.networks.layer_run import LayerRun
from eie.networks.memory_fit import MemoryFit, memory_fit, stored_bits
from eie.networks.models import as_model
from eie.networks.samples import Measured, Model, network_quality, run_samples, vectors_of

__all__ = ["Evaluation", "evaluate", "explain_layer"]


def evaluate(
    network: Any,
    inputs: Any = None,
    labels: Any = None,
    machine: Machine | None = None,
    *,
    activations: Any = None,
    act_density: float | None = None,
    density: float | Mapping[str, float] | None = None,
    seed: int = 0,
    signed: bool = False,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    technology: OwnTechnology | str | Path | None = None,
    progress: bool = False,
) -> Evaluation:
    """Run every layer of a network on a machine.

    Inputs go through the network if it says how its layers are connected: an ONNX file or model, a PyTorch module, or a
    `Network`. It runs in floating point with the original weights, in floating point with the weights that the machine
    holds, and in fixed point; the result's `quality` compares the three. For any other network, the inputs are the
    activations of its layers.

    Parameters
    ----------
    network, density
        As for `eie.networks.encoding.encoded`: a file, a layer of Table III, an ONNX model, a PyTorch module, a state
        dict, layers by name, a matrix, or an `eie.networks.network.Network`.
    inputs : array or mapping of str to array, optional
        Samples, one per row, or along the batch axis of the network's input; by the input's name if there are several.
    labels : array of int, optional
        The right answer for each sample: the index of the largest output.
    machine : Machine, optional
        The paper's if left out; for encoded layers, the paper's with the PEs and bits that they were encoded for.
    activations : array or mapping of str to array, optional
        Inputs of layers, of shape `(n_in,)` or `(n_vectors, n_in)`: by layer if a mapping; a single array goes to every
        layer of that length. Rows are products, one after the other: a layer with one product per inference has one row
        per inference. Three axes are inferences, products per inference, and inputs. Results are per inference for any
        number of rows.
    act_density : float, optional
        Fraction of the inputs that are not 0, 0..1, for layers without activations: one vector is drawn per product.
        The fraction holds on average. A layer of Table III comes with its own inputs.
    seed : int
        Random seed.
    signed : bool
        Allow negative activations, for inputs that no ReLU precedes. Samples may have any values.
    input_shapes : mapping of str to sequence of int, optional
        Sides of inputs that an ONNX file leaves open, as for `eie.networks.importing.read`.
    technology : OwnTechnology or path, optional
        Energy of memories and arithmetic, as `eie.explore.own_technology` says; the machine must be of its feature
        size. The paper's 45 nm, scaled to the machine's feature size, if left out.
    progress : bool
        Show a bar.

    Returns
    -------
    Evaluation
        Time, energy, memory and causes of cycles of every layer, and their totals per inference.

    Raises
    ------
    FormatError, ModuleNotFoundError
        As `eie.networks.importing.read` does.
    ValueError
        When a parameter is out of range, inputs or activations do not fit any layer, a layer has neither them nor their
        density, the density is not used, or an operation of the network cannot be run here; the message names it.
    """
    from tqdm import tqdm

    if isinstance(inputs, Machine):
        raise ValueError("inputs must be samples, got a Machine: give it by its name, machine=")
    own = own_technology.read(technology) if isinstance(technology, (str, Path)) else technology
    if own is not None:
        own.check(machine or EIE_45NM)
    if inputs is not None:
        _check_alone(activations, act_density)
        if hasattr(network, "weight_nodes"):
            return _of_network(network, machine or EIE_45NM, inputs, labels, seed, own)
        model = as_model(network, input_shapes)
        if model is not None:
            return _of_model(model, machine, inputs, labels, density, seed, own)
        activations = inputs
    if labels is not None:
        raise ValueError("labels need inputs and a network that can run: an ONNX model or a PyTorch module")
    given = encoded(network, machine, density=density, seed=seed, input_shapes=input_shapes)
    vectors = _inputs(given, activations, act_density, seed, signed)
    bar = tqdm(given.layers, total=given.count, unit="layer", disable=not progress, leave=False)
    layers = tuple(_evaluated(layer, given.machine, vectors, own) for layer in bar)
    vectors.check_all_used()
    return Evaluation(given.name, given.machine, layers, vectors.described(), given.on_machine, technology=own)


def explain_layer(
    network: Any,
    machine: Machine | None = None,
    *,
    layer: str | None = None,
    activations: Any = None,
    act_density: float | None = None,
    density: float | Mapping[str, float] | None = None,
    seed: int = 0,
    signed: bool = False,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    inputs: Any = None,
) -> tuple[EncodedLayer, Explanation]:
    """Attribute the cycles of one layer to causes, over all products that are run (`vectors` of the returned layer).

    Parameters
    ----------
    layer : str, optional
        Name of the layer; may be left out when there is only one.
    network, machine, activations, act_density, density, seed, signed, input_shapes, inputs
        As for `evaluate`. Samples go through the network with the weights that the machine holds.

    Raises
    ------
    FormatError, ModuleNotFoundError, ValueError
        As `evaluate` does; also when there are several layers and none is named.
    """
    model = None if inputs is None else as_model(network, input_shapes)
    source = network if model is None else model.file
    shapes = input_shapes if model is None else None
    given = encoded(source, machine, density=density, seed=seed, only=layer, input_shapes=shapes)
    if given.count > 1:
        raise ValueError(
            f"{given.name} has {given.count} layers: name one of them (layer; --layer on the command line)"
        )
    one = next(given.layers)
    if model is not None:
        _check_alone(activations, act_density)
        every = list(encoded(source, machine, density=density, seed=seed).layers)
        vectors = vectors_of(model, every, inputs, one.name)
    else:
        drawn = _inputs(given, activations if inputs is None else inputs, act_density, seed, signed)
        vectors = np.concatenate(list(drawn.blocks(one)))
        drawn.check_all_used()
    return replace(one, vectors=len(vectors)), explain(one.mem, vectors, given.machine, signed=True)


def _inputs(given: Encoded, activations: Any, act_density: float | None, seed: int, signed: bool) -> Inputs:
    own = given.name if activations is None and given.activations else ""
    inputs = Inputs(given.activations if activations is None else activations, act_density, seed, signed, own)
    inputs.check_fit(given.sizes)
    return inputs


def _energy(own: OwnTechnology | None) -> EnergyOf:
    return energy if own is None else own.energy


def _evaluated(layer: EncodedLayer, machine: Machine, inputs: Inputs, own: OwnTechnology | None) -> LayerEvaluation:
    reports: list[CycleReport] = []
    n_active, first = 0, None
    for block in inputs.blocks(layer):
        first = block[0] if first is None else first
        n_active += int(np.count_nonzero(block))
        reports.append(simulate(layer.mem, block, machine, signed=True))
    report = reduce(add, reports)
    active = n_active / (report.vectors * report.n_in)
    run = LayerRun(layer.name, layer.kind, layer.density, active, report, _energy(own)(report, machine))
    inferences, counted = inputs.inferences(layer)
    return LayerEvaluation(
        run,
        explain(layer.mem, first, machine, signed=True),
        timeline(layer.mem, first, machine, signed=True),
        memory_fit(layer.mem, machine),
        layer.note,
        inferences,
        counted,
        dense_layer(run.n_out, run.n_in, layer.groups, report.vectors / inferences, machine, _energy(own)),
        stored_bits(layer.mem),
        layer.conditional,
    )


def _check_alone(activations: Any, act_density: float | None) -> None:
    for name, value in (("activations", activations), ("act_density", act_density)):
        if value is not None:
            raise ValueError(f"{name} is not used when there are inputs: give one of the two")


def _of_model(
    model: Model,
    machine: Machine | None,
    inputs: Any,
    labels: Any,
    density: Any,
    seed: int,
    own: OwnTechnology | None,
) -> Evaluation:
    """Evaluate a network on samples that go through it."""
    given = encoded(model.file, machine, density=density, seed=seed)
    layers = list(given.layers)
    measured, quality = run_samples(model, layers, given.machine, inputs, labels)
    found = tuple(_counted(measured[layer.name], given.machine, quality.samples, own) for layer in layers)
    return Evaluation(
        model.name,
        given.machine,
        tuple(each for each in found if each is not None),
        f"of {quality.samples} samples that went through the network",
        given.on_machine,
        quality,
        tuple(layer.name for layer, each in zip(layers, found, strict=True) if each is None),
        own,
    )


def _counted(measured: Measured, machine: Machine, n_samples: int, own: OwnTechnology | None) -> LayerEvaluation | None:
    """Make the result of one layer of what was counted; None if it was not used."""
    layer, report, first = measured.layer, measured.report, measured.first
    if report is None or first is None:
        return None
    run = LayerRun(layer.name, layer.kind, layer.density, measured.density, report, _energy(own)(report, machine))
    return LayerEvaluation(
        run,
        explain(layer.mem, first, machine, signed=True),
        timeline(layer.mem, first, machine, signed=True),
        memory_fit(layer.mem, machine),
        layer.note,
        n_samples,
        dense=dense_layer(run.n_out, run.n_in, layer.groups, report.vectors / n_samples, machine, _energy(own)),
        bits=stored_bits(layer.mem),
    )


def _of_network(
    network: Any, machine: Machine, samples: Any, labels: Any, seed: int, own: OwnTechnology | None
) -> Evaluation:
    """Evaluate a `Network` on samples; the first product of each layer is drawn as dense as its inputs are."""
    layers = []
    encoded_parts = list(encoded(network, machine).layers)
    result = network.run(samples, machine)
    for run in result.layers:
        run = run if own is None else replace(run, energy=own.energy(run.report, machine))
        parts = [part for part in encoded_parts if part.name.split("[")[0] == run.name]
        first = next(Inputs({}, run.activation_density, seed, signed=True).blocks(parts[0]))[0]
        fits = [memory_fit(part.mem, machine) for part in parts]
        fit = MemoryFit(fsum(fit.spmat for fit in fits), fsum(fit.pointers for fit in fits), fits[0].activations)
        explained, waited = explain(parts[0].mem, first, machine), timeline(parts[0].mem, first, machine)
        note = "first product drawn, as dense as its inputs are"
        dense = dense_layer(run.n_out, run.n_in, 1, run.vectors / len(samples), machine, _energy(own))
        bits = sum(stored_bits(part.mem) for part in parts)
        layers.append(LayerEvaluation(run, explained, waited, fit, note, len(samples), dense=dense, bits=bits))
    quality = network_quality(network.reference(samples), result.outputs, labels, sum(result.saturations.values()))
    return Evaluation("network", machine, tuple(layers), f"of {len(samples)} samples", None, quality, (), own)
