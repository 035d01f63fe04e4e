"""Section VII-A: rows, columns or blocks to PEs, compared on the nine layers."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

import pandas as pd

from eie.machine import MAX_PE
from eie.studies import plots
from eie.studies.claim import Margin
from eie.studies.paper.partition import simulate_grid
from eie.studies.paper.series import machine_warning
from eie.studies.paper.setup import Setup, exhibit, usual


@dataclass(frozen=True, eq=False)
class Partitioning:
    """Times of each layer on different grids of the same number of PEs.

    Attributes
    ----------
    runs : DataFrame
        One row per layer and grid: `layer`, `grid`, `cycles`, `reduce_cycles`, `load_balance`, `relative` (time over
        that of rows to PEs), `entries`.
    other_machine : str
        A warning, where the machine is not the paper's; empty if it is.
    """

    runs: pd.DataFrame
    other_machine: str = ""

    def table(self) -> pd.DataFrame:
        """Time over that of rows to PEs, one row per layer, one column per grid."""
        return self._wide("relative")

    def balance(self) -> pd.DataFrame:
        """Load balance in percent, adding up counted as waiting."""
        return 100 * self._wide("load_balance")

    def entries(self) -> pd.DataFrame:
        """Entries processed, including padding zeros, over those of rows to PEs."""
        entries = self._wide("entries")
        return entries.div(entries.iloc[:, 0], axis=0)

    def _wide(self, value: str) -> pd.DataFrame:
        order = list(dict.fromkeys(self.runs["layer"]))
        grids = list(dict.fromkeys(self.runs["grid"]))
        return self.runs.pivot(index="layer", columns="grid", values=value).loc[order, grids]

    def plot(self) -> plots.Figure:
        """Relative times, one group of bars per layer."""
        frame = self.table().reset_index()
        return plots.bars.bars(frame, {grid: grid for grid in frame.columns[1:]}, "time, rows to PEs = 1")

    def answer(self) -> str:
        """Say on how many layers rows are best, and how much longer the other ways take."""
        table = self.table()
        rows, *others = table.columns
        wins = int((table.idxmin(axis=1) == rows).sum())
        said = [
            f"{grid} take {table[grid].mean():.2f} times as long ({table[grid].min():.2f} to {table[grid].max():.2f} "
            "times by layer)"
            for grid in others
        ]
        return (
            f"{self.other_machine}Distributing {rows}, as EIE does, is fastest on **{wins} of {len(table)} layers**. "
            f"On average, {' and '.join(said)}."
        )

    def words(self) -> str:
        """Which grid is fastest where."""
        table = self.table()
        best = table.idxmin(axis=1)
        rows = table.columns[0]
        lost = "; ".join(
            f"{name}, where {best[name]} take {table.loc[name, best[name]]:.2f} of the time"
            for name in table.index[best != rows]
        )
        said = f"Distributing {rows} is not fastest on {lost}" if lost else f"No layer is faster than with {rows}"
        return f"{self.other_machine}{said}."


@exhibit("layers", "n_pe", "fifo_depth", "seed", "own_layers")
def partitioning(setup: Setup) -> Partitioning:
    """Compare three ways of dealing matrices to PEs; for the 2-D blocks, `n_pe` must be a square number."""
    n_pe, machine = setup.n_pe, setup.machine()
    side = isqrt(n_pe)
    if side * side != n_pe:
        raise ValueError(f"n_pe must be a square number in 1..{MAX_PE}, for the 2-D blocks, got {n_pe}")
    grids = {"rows to PEs": (n_pe, 1), "2-D blocks": (side, side), "columns to PEs": (1, n_pe)}
    rows = []
    for benchmark in setup.benchmarks:
        layer, activations = benchmark.draw(setup.seed)
        reports = {name: simulate_grid(layer, activations, *grid, machine) for name, grid in grids.items()}
        alone = reports["rows to PEs"].cycles
        rows += [
            {
                "layer": benchmark.name,
                "grid": name,
                "cycles": report.cycles,
                "reduce_cycles": report.reduce_cycles,
                "load_balance": report.load_balance,
                "relative": report.cycles / alone,
                "entries": report.entries,
            }
            for name, report in reports.items()
        ]
    return Partitioning(pd.DataFrame(rows), machine_warning(machine))


def rows_beat(grid: str) -> Margin:
    """Compute how much longer another way of dealing the matrix out takes on average than dealing rows, %."""
    return Margin(100 * float(usual(partitioning).table()[grid].mean() - 1), unit="%")
