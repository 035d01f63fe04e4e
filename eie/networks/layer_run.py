"""Time and energy of the weight layers of a network on the machine: one `LayerRun` each, and a table of all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from eie.cycles import CycleReport
from eie.energy_model import EnergyReport


@dataclass(frozen=True, slots=True)
class LayerRun:
    """Time and energy of one weight layer on the machine, over all its vectors.

    Attributes
    ----------
    name, kind : str
        Name of the layer in its network; `linear`, `conv` or `lstm`.
    density, activation_density : float
        Fractions of its weights kept, and of its inputs that were not 0, 0..1.
    report, energy : CycleReport, EnergyReport
        Counters and joules.
    saturations : int
        Additions, biases and inputs that saturated at the end of their format's range.
    """

    name: str
    kind: str
    density: float
    activation_density: float
    report: CycleReport
    energy: EnergyReport
    saturations: int = 0

    @property
    def n_out(self) -> int:
        """Outputs of one matrix-vector product."""
        return self.report.n_out

    @property
    def n_in(self) -> int:
        """Inputs of one matrix-vector product."""
        return self.report.n_in

    @property
    def vectors(self) -> int:
        """Matrix-vector products."""
        return self.report.vectors


def table(runs: Iterable[LayerRun]) -> pd.DataFrame:
    """Tabulate layers, one row per layer in their order.

    Percentages of weights and activations are those that are not 0. Cycles, time, energy and saturations are those of
    all vectors.
    """
    values = {
        "layer": lambda run: run.name,
        "kind": lambda run: run.kind,
        "outputs": lambda run: run.n_out,
        "inputs": lambda run: run.n_in,
        "vectors": lambda run: run.vectors,
        "weights, %": lambda run: 100 * run.density,
        "activations, %": lambda run: 100 * run.activation_density,
        "cycles": lambda run: run.report.cycles,
        "time, us": lambda run: 1e6 * run.report.seconds,
        "load balance, %": lambda run: 100 * run.report.load_balance,
        "energy, uJ": lambda run: 1e6 * run.energy.total,
        "saturations": lambda run: run.saturations,
    }
    rows = [[value(run) for value in values.values()] for run in runs]
    return pd.DataFrame(rows, columns=list(values)).set_index("layer")
