"""Results of a network on a machine, by layer and per inference."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import reduce
from html import escape
from math import fsum
from operator import add
from typing import Any

import numpy as np
import pandas as pd

from eie.energy_model import EnergyReport
from eie.explore.explain import CAUSES, Explanation, Timeline
from eie.explore.own_technology import OwnTechnology, dram_joules
from eie.machine import Machine
from eie.networks.baseline import Dense, combined
from eie.networks.layer_run import LayerRun, table
from eie.networks.memory_fit import MemoryFit, chips_needed
from eie.networks.samples import Quality


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
        Whether the products per inference are known. If not, one product is counted, which is a lower bound.
    dense : Dense, optional
        Time and energy per inference of a dense array with the same multipliers and memories.
    bits : int
        Bits of entries and pointers that the machine holds, over all PEs.
    conditional : bool
        Whether an inference may skip the layer, which is in a branch; totals leave such layers out.
    """

    run: LayerRun
    explanation: Explanation
    timeline: Timeline
    memory: MemoryFit
    note: str
    inferences: float = 1
    counted: bool = True
    dense: Dense | None = None
    bits: int = 0
    conditional: bool = False

    @property
    def vectors(self) -> float:
        """Products per inference."""
        return whole(self.run.vectors / self.inferences)

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
        Fraction of the weights of the network's file that are in these layers, 0..1; None without a file.
    quality : Quality, optional
        Accuracy on the samples that went through the network; None if there were none.
    unused : tuple of str
        Layers of the network that no sample used.
    technology : OwnTechnology, optional
        Source of the energies; the paper's if None.
    """

    name: str
    machine: Machine
    layers: tuple[LayerEvaluation, ...]
    inputs: str
    on_machine: float | None = None
    quality: Quality | None = None
    unused: tuple[str, ...] = ()
    technology: OwnTechnology | None = None

    @property
    def _sure(self) -> tuple[LayerEvaluation, ...]:
        """Layers that every inference uses, or the quickest of the others if there is none."""
        sure = tuple(layer for layer in self.layers if not layer.conditional)
        return sure or (min(self.layers, key=lambda layer: layer.seconds),)

    @property
    def _only_branches(self) -> bool:
        """True if every layer stands in a branch, of which one runs, so that none is known to run."""
        return all(layer.conditional for layer in self.layers)

    @property
    def uncounted(self) -> tuple[str, ...]:
        """Names of layers whose products per inference are not known."""
        return tuple(layer.run.name for layer in self.layers if not layer.counted)

    @property
    def inferences(self) -> tuple[float, float]:
        """Smallest and largest number of inferences that a layer was run for."""
        found = [whole(layer.inferences) for layer in self.layers]
        return min(found), max(found)

    @property
    def seconds(self) -> float:
        """Time of one inference, of all products of all layers."""
        return fsum(layer.seconds for layer in self._sure)

    @property
    def energy(self) -> EnergyReport:
        """Energy of one inference."""
        if self._only_branches:  # a slower one may take less energy
            return min((layer.energy for layer in self.layers), key=lambda energy: energy.total)
        return reduce(add, (layer.energy for layer in self._sure))

    @property
    def load_balance(self) -> float:
        """Fraction of all PEs' cycles spent on entries, 0..1, over all layers."""
        each = [(layer.run.report, layer.inferences) for layer in self._sure]
        spent = fsum(report.cycles / n for report, n in each)
        return fsum(report.theoretical_cycles / n for report, n in each) / spent

    @property
    def loading_joules(self) -> float:
        """Energy of bringing all weights from DRAM onto the chip once, J; not part of `energy`."""
        bits = sum(layer.bits for layer in self.layers)
        return dram_joules(bits) if self.technology is None else self.technology.loading(bits)

    @property
    def dense(self) -> Dense | None:
        """Time and energy per inference of a dense array with the same multipliers and memories."""
        if self._only_branches:
            return combined((layer.dense for layer in self.layers), min)
        return combined(layer.dense for layer in self._sure)

    @property
    def chips(self) -> int:
        """Number of chips that hold all layers at once."""
        return chips_needed(layer.memory for layer in self.layers)

    def table(self) -> pd.DataFrame:
        """Tabulate the layers, one row per layer.

        Returns
        -------
        DataFrame
            The columns of `eie.networks.layer_run.table` per inference, without `saturations`, since no values are
            computed, and `inferences` that were run, `padding, %` of the entries, `slowest PE` and `slowest column` of
            the first product, `dense, us` and `dense, uJ` of a dense array with the same multipliers and memories per
            inference, `spmat filled, %`, `pointers filled, %` and `activations filled, %` of a PE's memories,
            `chips`, and `note`.
        """
        frame = table(layer.run for layer in self.layers).drop(columns="saturations")
        for name in ("vectors", "cycles", "time, us", "energy, uJ"):
            each = zip(frame[name], self.layers, strict=True)
            frame[name] = [whole(value / layer.inferences) for value, layer in each]
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
        """Convert all results to plain numbers and texts for JSON, in seconds, joules and bytes.

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
                "dense": _dense(self.dense),
                "joules_to_load_weights_once": self.loading_joules,
            },
            "technology": None if self.technology is None else asdict(self.technology),
            "quality": None if self.quality is None else asdict(self.quality),
            "unused": list(self.unused),
            "layers": [_plain(layer) for layer in self.layers],
        }


def whole(value: float) -> float:
    """Return a whole number as an int, so that it is printed without a point."""
    return round(value) if np.isclose(value, round(value), rtol=1e-12, atol=0) else value


def _more(layer: LayerEvaluation) -> dict[str, Any]:
    return {
        "inferences": whole(layer.inferences),
        "padding, %": 100 * (1 - layer.run.report.real_work),
        "slowest PE": layer.explanation.slowest_pe,
        "slowest column": layer.explanation.slowest_column,
        **{f"{name} filled, %": 100 * share for name, share in layer.memory.filled().items()},
        "chips": layer.memory.chips,
        "dense, us": np.nan if layer.dense is None else 1e6 * layer.dense.seconds,
        "dense, uJ": np.nan if layer.dense is None else 1e6 * layer.dense.joules,
        "note": layer.note,
    }


def _dense(found: Dense | None) -> dict[str, Any] | None:
    return None if found is None else {"seconds": found.seconds, "joules": found.joules, "chips": found.chips}


def _plain(layer: LayerEvaluation) -> dict[str, Any]:
    run = layer.run
    return {
        "name": run.name,
        "kind": run.kind,
        "weight_density": run.density,
        "activation_density": run.activation_density,
        **asdict(run.report),
        "inferences": whole(layer.inferences),
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
        "dense": _dense(layer.dense),
        "note": layer.note,
    }
