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
from eie.writing.words import from_to, joined

ROWS, BLOCKS, COLUMNS = "rows to PEs", "2-D blocks", "columns to PEs"
"""The three ways to distribute a matrix."""


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
        if len(table) == 1:
            name, row = table.index[0], table.iloc[0]
            return (
                f"{self.other_machine}On {name}, distributing {ROWS} (processing elements), as EIE does, is "
                f"**{'' if row.idxmin() == ROWS else 'not '}fastest**: 2-D blocks take {row[BLOCKS]:.2f} times as "
                f"long, and distributing columns takes {row[COLUMNS]:.2f} times as long."
            )
        wins = int((table.idxmin(axis=1) == ROWS).sum())
        blocks, columns = (
            f"{table[grid].mean():.2f} times as long ({from_to(table[grid].min(), table[grid].max(), '.2f')}"
            for grid in (BLOCKS, COLUMNS)
        )
        return (
            f"{self.other_machine}Distributing {ROWS} (processing elements), as EIE does, is fastest on **{wins} of "
            f"{len(table)} layers**. On average, 2-D blocks take {blocks}, depending on the layer), and distributing "
            f"columns takes {columns})."
        )

    def words(self) -> str:
        """Say on which layers another way is faster than distributing rows."""
        table = self.table()
        faster = table[table.idxmin(axis=1) != ROWS]
        said = [
            f"On {name}, rows are not fastest: 2-D blocks take {row[BLOCKS]:.2f} times as long, and columns "
            f"{row[COLUMNS]:.2f} times."
            for name, row in faster.iterrows()
        ]
        fastest = "every layer" if len(table) > 1 else table.index[0]
        return f"{self.other_machine}{' '.join(said) or f'Rows are fastest on {fastest}.'}"

    def why(self) -> str:
        """Say what makes blocks and columns slower than rows, and on which layers."""
        balance = self.balance()
        worse = balance[BLOCKS] < balance[ROWS]
        padded = ~worse & (self.table()[BLOCKS] > 1)
        said = [
            f"Blocks are balanced worse than rows on {joined(list(balance.index[worse]))}." if worse.any() else "",
            f"On {joined(list(balance.index[padded]))}, blocks are balanced at least as well as rows and still take "
            "longer, because of the padding zeros."
            if padded.any()
            else "",
            self._columns(int((balance[COLUMNS] < balance[ROWS]).sum())),
        ]
        return " ".join(filter(None, said))

    def _columns(self, worse: int) -> str:
        """Say why columns are balanced worse than rows, on so many layers."""
        adding = 100 * self._wide("reduce_cycles")[COLUMNS] / self._wide("cycles")[COLUMNS]
        where = f"on {worse} of {len(adding)} layers" if len(adding) > 1 else f"on {adding.index[0]}"
        said = f"Columns are {'' if worse or len(adding) > 1 else 'not '}balanced worse than rows {where}."
        return (
            f"{said} Three things make PEs wait: columns of the grid get unequal shares of the entries, the first one "
            f"also holds the bias of all outputs, and adding up the partial sums takes time, "
            f"{from_to(adding.min(), adding.max(), '.0f')} % of all cycles if columns are distributed."
        )


@exhibit("layers", "n_pe", "fifo_depth", "seed", "own_layers")
def partitioning(setup: Setup) -> Partitioning:
    """Compare three ways of dealing matrices to PEs; for the 2-D blocks, `n_pe` must be a square number."""
    n_pe, machine = setup.n_pe, setup.machine()
    side = isqrt(n_pe)
    if side * side != n_pe:
        raise ValueError(f"n_pe must be a square number in 1..{MAX_PE}, for the 2-D blocks, got {n_pe}")
    grids = {ROWS: (n_pe, 1), BLOCKS: (side, side), COLUMNS: (1, n_pe)}
    rows = []
    for benchmark in setup.benchmarks:
        layer, activations = benchmark.draw(setup.seed)
        reports = {name: simulate_grid(layer, activations, *grid, machine) for name, grid in grids.items()}
        alone = reports[ROWS].cycles
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
