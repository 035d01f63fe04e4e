"""A network on a machine, layer by layer: time, energy, load balance, memory, and causes of waiting.

Layers are encoded and run one after the other, and only their results are kept. Every product is simulated whole, as
for Table IV: the register batches of longer vectors are for `eie.networks.network.Network.run` to count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import reduce
from html import escape
from operator import add
from typing import Any

import numpy as np
import pandas as pd

from eie.cycles import CycleReport, simulate
from eie.energy_model import EnergyReport, energy
from eie.explore.explain import CAUSES, Explanation, Timeline, explain, timeline
from eie.formats.container import EncodedLayer
from eie.machine import EIE_45NM, Machine
from eie.networks.encoding import Encoded, encoded
from eie.networks.inputs import Inputs
from eie.networks.layer_run import LayerRun, table
from eie.networks.memory_fit import MemoryFit, chips_needed, memory_fit


@dataclass(frozen=True, eq=False, slots=True)
class LayerEvaluation:
    """Results of one layer.

    Attributes
    ----------
    run : LayerRun
        Of all products that were run.
    explanation, timeline : Explanation, Timeline
        Of the first product.
    memory : MemoryFit
    note : str
        How the layer was mapped; empty if there is nothing to say.
    inferences : float
        Inferences in the products that were run; not a whole number if only some of an inference's products were.
    counted : bool
        Whether the products per inference are known. If not, one is taken, and there are at least as many.
    """

    run: LayerRun
    explanation: Explanation
    timeline: Timeline
    memory: MemoryFit
    note: str
    inferences: float = 1
    counted: bool = True

    @property
    def vectors(self) -> float:
        """Products per inference."""
        return _whole(self.run.vectors / self.inferences)

    @property
    def seconds(self) -> float:
        """Time per inference, s."""
        return self.run.report.seconds / self.inferences

    @property
    def energy(self) -> EnergyReport:
        """Energy per inference."""
        parts, n = self.run.energy, self.inferences
        components = {name: joules / n for name, joules in parts.components.items()}
        return EnergyReport(components, parts.seconds / n, parts.time_times_power / n)


@dataclass(frozen=True, eq=False, slots=True)
class Evaluation:
    """Results of a network on a machine.

    Totals are per inference. Where the products per inference of a layer are not known, they are lower bounds:
    `uncounted` has the names of these layers.

    Attributes
    ----------
    name : str
    machine : Machine
    layers : tuple of LayerEvaluation
    inputs : str
        Origin of the activations, in words.
    on_machine : float, optional
        Fraction of the weights of the network's file that are in these layers, 0..1; None if it is of no file.
    """

    name: str
    machine: Machine
    layers: tuple[LayerEvaluation, ...]
    inputs: str
    on_machine: float | None = None

    @property
    def uncounted(self) -> tuple[str, ...]:
        """Layers whose products per inference are not known."""
        return tuple(layer.run.name for layer in self.layers if not layer.counted)

    @property
    def inferences(self) -> tuple[float, float]:
        """Fewest and most inferences that a layer was run for."""
        found = [_whole(layer.inferences) for layer in self.layers]
        return min(found), max(found)

    @property
    def seconds(self) -> float:
        """Time of one inference, of all products of all layers."""
        return sum(layer.seconds for layer in self.layers)

    @property
    def energy(self) -> EnergyReport:
        """Energy of one inference."""
        return reduce(add, (layer.energy for layer in self.layers))

    @property
    def load_balance(self) -> float:
        """Fraction of all PEs' cycles spent on entries, 0..1, over all layers."""
        each = [(layer.run.report, layer.inferences) for layer in self.layers]
        spent = sum(report.cycles / n for report, n in each)
        return sum(report.theoretical_cycles / n for report, n in each) / spent

    @property
    def chips(self) -> int:
        """Chips that hold all layers at once."""
        return chips_needed(layer.memory for layer in self.layers)

    def table(self) -> pd.DataFrame:
        """Tabulate the layers, one row per layer.

        Returns
        -------
        DataFrame
            The columns of `eie.networks.layer_run.table` per inference, without `saturations`, since no values are
            computed, and `inferences` that were run, `padding, %` of the entries, `slowest PE` and `slowest column` of
            the first product, `spmat filled, %`, `pointers filled, %` and `activations filled, %` of a PE's memories,
            `chips`, and `note`.
        """
        frame = table(layer.run for layer in self.layers).drop(columns="saturations")
        for name in ("vectors", "cycles", "time, us", "energy, uJ"):
            each = zip(frame[name], self.layers, strict=True)
            frame[name] = [_whole(value / layer.inferences) for value, layer in each]
        more = pd.DataFrame([_more(layer) for layer in self.layers], index=frame.index)
        return pd.concat([frame, more], axis=1)

    def __repr__(self) -> str:
        return (
            f"Evaluation({self.name}, {len(self.layers)} layers, {1e6 * self.seconds:.4g} µs, "
            f"{1e6 * self.energy.total:.4g} µJ)"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.table().to_html(float_format='{:.4g}'.format)}"

    def to_dict(self) -> dict[str, Any]:
        """Convert everything to plain numbers and texts for JSON, in seconds, joules and bytes.

        `total` is per inference; `at_least` says that it is a lower bound, because the products per inference of the
        layers in `uncounted` are not known. Counters of `layers` are of all products that were run, for `inferences`.
        """
        fewest, most = self.inferences
        return {
            "network": self.name,
            "activations": self.inputs,
            "machine": asdict(self.machine),
            "total": {
                "seconds": self.seconds,
                "joules": self.energy.total,
                "at_least": bool(self.uncounted),
                "uncounted": list(self.uncounted),
                "inferences": fewest if fewest == most else [fewest, most],
                "load_balance": self.load_balance,
                "chips": self.chips,
                "weights_on_machine": self.on_machine,
            },
            "layers": [_plain(layer) for layer in self.layers],
        }


def evaluate(
    network: Any,
    machine: Machine | None = None,
    *,
    activations: Any = None,
    act_density: float | None = None,
    density: float | Mapping[str, float] | None = None,
    seed: int = 0,
    signed: bool = False,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    progress: bool = False,
) -> Evaluation:
    """Run every layer of a network on a machine.

    Parameters
    ----------
    network, machine, density
        As for `eie.networks.encoding.encoded`: a file, a layer of Table III, layers by name, or an
        `eie.networks.network.Network`.
    activations : array or mapping of str to array, optional
        Inputs, of shape `(n_in,)` or `(n_vectors, n_in)`: by layer if a mapping; a single array goes to every layer of
        that length. Rows are products, one after the other: a layer with one product per inference has a row for each
        inference. With three axes they are inferences, products of each, and inputs. Results are per inference
        whatever the number of rows. For a `Network`, samples that it is run on: the inputs of its layers follow
        from them.
    act_density : float, optional
        Fraction of the inputs that are not 0, 0..1, for layers without activations: for each product a vector is drawn.
        The fraction holds on average. A layer of Table III comes with its own inputs.
    seed : int
        Random seed.
    signed : bool
        Allow negative activations, for inputs that no ReLU precedes.
    input_shapes : mapping of str to sequence of int, optional
        Sides of inputs that an ONNX file leaves open, as for `eie.networks.importing.read`.
    progress : bool
        Show a bar.

    Raises
    ------
    FormatError, ModuleNotFoundError
        As `eie.networks.importing.read` does.
    ValueError
        When a parameter is out of range, activations fit no layer, a layer has neither them nor their density, or
        the density is not used.
    """
    from tqdm import tqdm

    if hasattr(network, "weight_nodes") and activations is not None:
        return _of_samples(network, machine or EIE_45NM, activations, seed)
    given = encoded(network, machine, density=density, seed=seed, input_shapes=input_shapes)
    inputs = _inputs(given, activations, act_density, seed, signed)
    bar = tqdm(given.layers, total=given.count, unit="layer", disable=not progress, leave=False)
    layers = tuple(_evaluated(layer, given.machine, inputs) for layer in bar)
    inputs.check_all_used()
    return Evaluation(given.name, given.machine, layers, inputs.described(), given.on_machine)


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
) -> tuple[EncodedLayer, Explanation]:
    """Say where the cycles of one layer went, over all products that are run: `vectors` of the layer that is returned.

    Parameters
    ----------
    layer : str, optional
        Name of the layer; may be left out when there is only one.
    network, machine, activations, act_density, density, seed, signed, input_shapes
        As for `evaluate`.

    Raises
    ------
    FormatError, ModuleNotFoundError, ValueError
        As `evaluate` does; also when there are several layers and none is named.
    """
    given = encoded(network, machine, density=density, seed=seed, only=layer, input_shapes=input_shapes)
    if given.count > 1:
        raise ValueError(f"{given.name} has {given.count} layers: say which (layer; --layer on the command line)")
    inputs = _inputs(given, activations, act_density, seed, signed)
    one = next(given.layers)
    vectors = np.concatenate(list(inputs.blocks(one)))
    inputs.check_all_used()
    return replace(one, vectors=len(vectors)), explain(one.mem, vectors, given.machine, signed=True)


def _inputs(given: Encoded, activations: Any, act_density: float | None, seed: int, signed: bool) -> Inputs:
    own = given.name if activations is None and given.activations else ""
    inputs = Inputs(given.activations if activations is None else activations, act_density, seed, signed, own)
    inputs.check_fit(given.sizes)
    return inputs


def _whole(value: float) -> float:
    """Return a whole number as an int, so that it is printed without a point."""
    return round(value) if np.isclose(value, round(value), rtol=1e-12, atol=0) else value


def _evaluated(layer: EncodedLayer, machine: Machine, inputs: Inputs) -> LayerEvaluation:
    reports: list[CycleReport] = []
    n_active, first = 0, None
    for block in inputs.blocks(layer):
        first = block[0] if first is None else first
        n_active += int(np.count_nonzero(block))
        reports.append(simulate(layer.mem, block, machine, signed=True))
    report = reduce(add, reports)
    active = n_active / (report.vectors * report.n_in)
    run = LayerRun(layer.name, layer.kind, layer.density, active, report, energy(report, machine))
    return LayerEvaluation(
        run,
        explain(layer.mem, first, machine, signed=True),
        timeline(layer.mem, first, machine, signed=True),
        memory_fit(layer.mem, machine),
        layer.note,
        *inputs.inferences(layer),
    )


def _of_samples(network: Any, machine: Machine, samples: Any, seed: int) -> Evaluation:
    """Evaluate a `Network` on samples; the first product of each layer is drawn as dense as its inputs are."""
    layers = []
    encoded_parts = list(encoded(network, machine).layers)
    for run in network.run(samples, machine).layers:
        parts = [part for part in encoded_parts if part.name.split("[")[0] == run.name]
        first = next(Inputs({}, run.activation_density, seed, signed=True).blocks(parts[0]))[0]
        fits = [memory_fit(part.mem, machine) for part in parts]
        fit = MemoryFit(sum(fit.spmat for fit in fits), sum(fit.pointers for fit in fits), fits[0].activations)
        explained, waited = explain(parts[0].mem, first, machine), timeline(parts[0].mem, first, machine)
        note = "first product drawn, as dense as its inputs are"
        layers.append(LayerEvaluation(run, explained, waited, fit, note, len(samples)))
    return Evaluation("network", machine, tuple(layers), f"of {len(samples)} samples")


def _more(layer: LayerEvaluation) -> dict[str, Any]:
    return {
        "inferences": _whole(layer.inferences),
        "padding, %": 100 * (1 - layer.run.report.real_work),
        "slowest PE": layer.explanation.slowest_pe,
        "slowest column": layer.explanation.slowest_column,
        **{f"{name} filled, %": 100 * share for name, share in layer.memory.filled().items()},
        "chips": layer.memory.chips,
        "note": layer.note,
    }


def _plain(layer: LayerEvaluation) -> dict[str, Any]:
    run = layer.run
    return {
        "name": run.name,
        "kind": run.kind,
        "weight_density": run.density,
        "activation_density": run.activation_density,
        **asdict(run.report),
        "inferences": _whole(layer.inferences),
        "vectors_per_inference": layer.vectors if layer.counted else None,
        "seconds": run.report.seconds,
        "load_balance": run.report.load_balance,
        "joules": run.energy.components,
        "first_product": {
            "cycles": layer.explanation.cycles,
            "of_the_last_pe": dict(zip(CAUSES, layer.explanation.critical.tolist(), strict=True)),
            "slowest_pe": layer.explanation.slowest_pe,
            "slowest_column": layer.explanation.slowest_column,
        },
        "bytes_of_the_fullest_pe": asdict(layer.memory),
        "chips": layer.memory.chips,
        "note": layer.note,
    }
