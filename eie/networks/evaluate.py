"""A network on a machine, layer by layer: time, energy, load balance, memory, and causes of waiting.

Layers are encoded and run one after the other, and only their results are kept. Every product is simulated whole, as
for Table IV: the register batches of longer vectors are for `eie.networks.network.Network.run` to count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import reduce
from html import escape
from operator import add
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eie import _check
from eie.cycles import CycleReport, checked_activations, simulate
from eie.energy_model import EnergyReport, energy
from eie.explore.benchmarks import MAX_SEED
from eie.explore.explain import CAUSES, Explanation, Timeline, explain, timeline
from eie.formats.container import EncodedLayer
from eie.machine import EIE_45NM, Machine
from eie.networks.encoding import encoded
from eie.networks.layer_run import LayerRun, table
from eie.networks.memory_fit import MemoryFit, chips_needed, memory_fit

BLOCK_NUMBERS = 2**24
"""Activations that are drawn at one time, to bound the memory."""


@dataclass(frozen=True, eq=False, slots=True)
class LayerEvaluation:
    """Results of one layer: of all its products (`run`), and of its first one (`explanation` and `timeline`).

    `note` says how the layer was mapped; it is empty if there is nothing to say.
    """

    run: LayerRun
    explanation: Explanation
    timeline: Timeline
    memory: MemoryFit
    note: str


@dataclass(frozen=True, eq=False, slots=True)
class Evaluation:
    """Results of a network on a machine; `inputs` is the origin of the activations, in words."""

    name: str
    machine: Machine
    layers: tuple[LayerEvaluation, ...]
    inputs: str

    @property
    def seconds(self) -> float:
        """Time of one inference, of all products of all layers."""
        return sum(layer.run.report.seconds for layer in self.layers)

    @property
    def energy(self) -> EnergyReport:
        """Energy of one inference."""
        return reduce(add, (layer.run.energy for layer in self.layers))

    @property
    def load_balance(self) -> float:
        """Fraction of all PEs' cycles spent on entries, 0..1, over all layers."""
        reports = [layer.run.report for layer in self.layers]
        return sum(report.theoretical_cycles for report in reports) / sum(report.cycles for report in reports)

    @property
    def chips(self) -> int:
        """Chips that hold all layers at once."""
        return chips_needed(layer.memory for layer in self.layers)

    def table(self) -> pd.DataFrame:
        """Tabulate the layers, one row per layer.

        Returns
        -------
        DataFrame
            The columns of `eie.networks.layer_run.table` without `saturations`, since no values are computed, and
            `padding, %` of the entries, `slowest PE` and `slowest column` of the first product, `spmat filled, %`,
            `pointers filled, %` and `activations filled, %` of a PE's memories, `chips`, and `note`.
        """
        frame = table(layer.run for layer in self.layers).drop(columns="saturations")
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
        """Convert everything to plain numbers and texts for JSON, in seconds, joules and bytes."""
        return {
            "network": self.name,
            "activations": self.inputs,
            "machine": asdict(self.machine),
            "total": {
                "seconds": self.seconds,
                "joules": self.energy.total,
                "load_balance": self.load_balance,
                "chips": self.chips,
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
        that length. They replace the products that the layer has in its network. For a `Network`, samples
        that it is run on: the inputs of its layers follow from them.
    act_density : float, optional
        Fraction of the inputs that are not 0, 0..1, for layers without activations: for each product a vector is drawn.
        A layer of Table III comes with its own.
    seed : int
        Random seed.
    signed : bool
        Allow negative activations, for inputs that no ReLU precedes.
    progress : bool
        Show a bar.

    Raises
    ------
    FormatError, ModuleNotFoundError
        As `eie.networks.importing.read` does.
    ValueError
        When a parameter is out of range, activations fit no layer, or a layer has neither them nor their density.
    """
    from tqdm import tqdm

    if hasattr(network, "weight_nodes") and activations is not None:
        return _of_samples(network, machine or EIE_45NM, activations, seed)
    given = encoded(network, machine, density=density, seed=seed)
    inputs = Inputs(given.activations if activations is None else activations, act_density, seed, signed)
    bar = tqdm(given.layers, total=given.count, unit="layer", disable=not progress, leave=False)
    layers = tuple(_evaluated(layer, given.machine, inputs) for layer in bar)
    inputs.check_all_used()
    return Evaluation(given.name, given.machine, layers, inputs.described())


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
) -> tuple[EncodedLayer, Explanation]:
    """Say where the cycles of one layer went, over all its products.

    Parameters
    ----------
    layer : str, optional
        Name of the layer; may be left out when there is only one.
    network, machine, activations, act_density, density, seed, signed
        As for `evaluate`.

    Raises
    ------
    FormatError, ModuleNotFoundError, ValueError
        As `evaluate` does; also when there are several layers and none is named.
    """
    given = encoded(network, machine, density=density, seed=seed, only=layer)
    if given.count > 1:
        raise ValueError(f"{given.name} has {given.count} layers: say which (layer; --layer on the command line)")
    inputs = Inputs(given.activations if activations is None else activations, act_density, seed, signed)
    one = next(given.layers)
    vectors = np.concatenate(list(inputs.blocks(one)))
    inputs.check_all_used()
    return one, explain(one.mem, vectors, given.machine, signed=True)


class Inputs:
    """Activations of layers: given or random ones."""

    def __init__(self, activations: Any, act_density: float | None, seed: int, signed: bool) -> None:
        self.given = activations if isinstance(activations, Mapping) else {"": np.asarray(activations)}
        self.act_density = None if act_density is None else _check.fraction("act_density", act_density)
        self.seed = _check.integer("seed", seed, 0, MAX_SEED)
        self.signed = signed
        self._used: set[str] = set()

    def blocks(self, layer: EncodedLayer) -> Iterator[NDArray[Any]]:
        """Yield the vectors of one layer in blocks of shape `(n_vectors, n_in)`."""
        key = layer.name if layer.name in self.given else ""
        array = self.given.get(key)
        n_in = layer.mem.n_in
        if array is not None and (key or np.shape(array)[-1:] == (n_in,)):
            self._used.add(key)
            try:
                yield np.atleast_2d(checked_activations(array, n_in, self.signed, several=True))
            except ValueError as error:
                raise ValueError(f"{layer.name}: {error}") from None
        elif self.act_density is None:
            raise ValueError(
                f"{layer.name} has no activations: give them by its name, {n_in} for each vector, or say how dense its "
                "inputs are (act_density; --act-density on the command line)"
            )
        else:
            yield from self._drawn(layer.name, n_in, layer.vectors)

    def check_all_used(self) -> None:
        """Raise a `ValueError` if no layer took some of the activations: they were meant for one."""
        unused = [name for name in self.given if name not in self._used and (name or self.given[name].ndim)]
        if unused:
            shape = np.shape(self.given[unused[0]])
            raise ValueError(f"activations{' for ' * bool(unused[0])}{unused[0]} of shape {shape} fit no layer")

    def described(self) -> str:
        """Describe the origin of the activations in words."""
        if self.act_density is None:
            return "given"
        drawn = f"drawn at random, {100 * self.act_density:g} % not 0, seed {self.seed}"
        return f"some given, the others {drawn}" if self._used else drawn

    def _drawn(self, name: str, n_in: int, n_vectors: int) -> Iterator[NDArray[np.uint8]]:
        """Draw ones at random places: the values of the non-zero inputs do not change the time."""
        assert self.act_density is not None
        rng = np.random.default_rng([self.seed, crc32(name.encode())])
        pattern = (np.arange(n_in) < round(self.act_density * n_in)).astype(np.uint8)
        each = max(1, BLOCK_NUMBERS // n_in)
        for start in range(0, n_vectors, each):
            yield rng.permuted(np.tile(pattern, (min(each, n_vectors - start), 1)), axis=1)


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
        layers.append(LayerEvaluation(run, explained, waited, fit, "first product drawn, as dense as its inputs are"))
    return Evaluation("network", machine, tuple(layers), f"of {len(samples)} samples")


def _more(layer: LayerEvaluation) -> dict[str, Any]:
    return {
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
