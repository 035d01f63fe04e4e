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
    name : str
        Name of the layer in its network.
    kind : str
        `linear`, `conv` or `lstm`.
    density : float
        Fraction of its weights kept, 0..1.
    activation_density : float
        Fraction of its inputs that were not 0, over all vectors, 0..1.
    report : CycleReport
        Counters, over all vectors.
    energy : EnergyReport
        Joules, over all vectors.
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

    Returns
    -------
    DataFrame
        Index `layer`; columns `kind`, `outputs`, `inputs`, `vectors`, `weights, %` and `activations, %` (those that are
        not 0), `cycles`, `time, us`, `load balance, %`, `energy, uJ`, `saturations`. Cycles, time, energy and
        saturations are those of all vectors.
    """
    rows = [
        {
            "layer": run.name,
            "kind": run.kind,
            "outputs": run.n_out,
            "inputs": run.n_in,
            "vectors": run.vectors,
            "weights, %": 100 * run.density,
            "activations, %": 100 * run.activation_density,
            "cycles": run.report.cycles,
            "time, us": 1e6 * run.report.seconds,
            "load balance, %": 100 * run.report.load_balance,
            "energy, uJ": 1e6 * run.energy.total,
            "saturations": run.saturations,
        }
        for run in runs
    ]
    return pd.DataFrame(rows, columns=list(_COLUMNS)).set_index("layer")


_COLUMNS = (
    *("layer", "kind", "outputs", "inputs", "vectors", "weights, %", "activations, %"),
    *("cycles", "time, us", "load balance, %", "energy, uJ", "saturations"),
)
