"""Can pruning even out the work of the PEs, and does a deeper queue do the same: load balance, cycles and accuracy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from eie import _check
from eie.cycles import simulate
from eie.interleaved import InterleavedCSC, encode
from eie.layer import MAX_SIZE, CompressedLayer
from eie.machine import EIE_45NM, Machine
from eie.studies import experiments
from eie.studies.claim import Margin
from eie.studies.paper import fig08
from eie.studies.paper.setup import Setup, exhibit
from eie.studies.plots import retrospective
from eie.studies.retrospective import patterns
from eie.studies.retrospective._shared import draws
from eie.studies.retrospective.evening import FREE, evened, label
from eie.writing.words import joined, signed

GROUPS = (1, 4, 16, 64)
"""Columns in each of which every PE keeps as many weights."""
PE_COUNTS = (1, 16, 64, 256)

COSTS = {
    patterns.EVEN[1, 64]: "balance in each column",
    patterns.EVEN[16, 64]: "balance in groups of 16 columns",
    patterns.EVEN[1, 4]: "balance in each column for 4 PEs",
}
"""Ways to prune evenly, as subjects of a sentence."""
SHOWN = {
    patterns.FINE: label(FREE),
    **{
        name: label(columns) + (f", {n_pe} PEs" if n_pe == 4 else "") for (columns, n_pe), name in patterns.EVEN.items()
    },
}
"""Ways to prune, as this page names those of the committed table."""

Row = dict[str, float | str]
"""A row of a table."""


@dataclass(frozen=True, eq=False)
class Balance:
    """Layers pruned with and without regard to the PEs."""

    sweeps: pd.DataFrame
    """One row per machine, layer, way to prune and draw: `parameter` (`fifo_depth` or `n_pe`, the other one being
    usual), `value`, `layer`, `columns` (of a group; 0 for pruned without balance), `seed`, `balance` (load balance, %)
    and `cycles`."""
    moved: pd.DataFrame
    """The same for layers pruned for the usual PEs, on the most PEs."""
    matrices: pd.DataFrame
    """Load balance of real pruned matrices, as `eie.studies.retrospective.evening.row_of` gives it."""
    accuracy: pd.DataFrame
    """Accuracy of networks pruned freely, evenly and not at all, as `eie.studies.retrospective.patterns.measure`
    gives it."""

    def _balance(self, parameter: str, value: int) -> pd.DataFrame:
        """Average load balance over draws, %: one row per layer, one column per way to prune."""
        own = self.sweeps[(self.sweeps["parameter"] == parameter) & (self.sweeps["value"] == value)]
        return own.pivot_table("balance", "layer", "columns", sort=False)

    @property
    def usual(self) -> pd.DataFrame:
        """Load balance on the usual machine, %, mean over draws: one row per layer, one column per way to prune."""
        return self._balance("fifo_depth", EIE_45NM.fifo_depth)

    @property
    def deepest(self) -> pd.DataFrame:
        """The same with the deepest queues."""
        return self._balance("fifo_depth", self.depth)

    @property
    def depth(self) -> int:
        """Depth of the deepest queues."""
        return int(self.sweeps.loc[self.sweeps["parameter"] == "fifo_depth", "value"].max())

    def gain(self) -> pd.Series:
        """Compute how many points better balanced even columns are with usual queues than free ones with deep queues.

        One value per layer, for the way to prune that balances best on average.
        """
        return self.usual[self._best()] - self.deepest[FREE]

    def _best(self) -> int:
        return int(self.usual.drop(columns=FREE).mean().idxmax())

    def table(self) -> pd.DataFrame:
        """Tabulate by way to prune: load balance with usual and deepest queues, and cycles; means over layers."""
        columns: dict[str, pd.Series] = {}
        for depth, found in ((EIE_45NM.fifo_depth, self.usual), (self.depth, self.deepest)):
            columns[f"load balance, %, queues of {depth}: mean"] = found.mean()
            columns[f"load balance, %, queues of {depth}: worst layer"] = found.min()
        columns["cycles, % of unbalanced"] = 100 * self._cycles()
        return pd.DataFrame(columns).rename(index=label).rename_axis("pruned")

    def _cycles(self) -> pd.Series:
        """Divide cycles on the usual machine by those of layers pruned without balance, mean over layers and draws."""
        own = self.sweeps[(self.sweeps["parameter"] == "fifo_depth") & (self.sweeps["value"] == EIE_45NM.fifo_depth)]
        cycles = own.pivot_table("cycles", ["layer", "seed"], "columns")
        return cycles.div(cycles[FREE], axis=0).mean()

    def layers(self) -> pd.DataFrame:
        """Tabulate load balance on the usual machine, %: one row per layer, one column per way to prune."""
        return self.usual.rename(columns=label).rename_axis(columns=None)

    def of_matrices(self) -> pd.DataFrame:
        """Tabulate load balance of real pruned matrices, %: means by network and method."""
        rows = self.matrices
        names = {
            f"free_{EIE_45NM.fifo_depth}": label(FREE),
            f"free_{fig08.DEPTHS[-1]}": f"without balance, queues of {fig08.DEPTHS[-1]}",
            **{name: label(int(name.removeprefix("even_"))) for name in rows if name.startswith("even_")},
        }
        kinds = rows.groupby(["model", "method"], sort=False)
        means = 100 * kinds[list(names)].mean().rename(columns=names)
        means.insert(0, "matrices", kinds.size())
        return means

    def gain_of_matrices(self) -> pd.Series:
        """Compute what `gain` does for each real pruned matrix, points."""
        return 100 * (self.matrices["even_1"] - self.matrices[f"free_{fig08.DEPTHS[-1]}"])

    def plot(self) -> Figure:
        """Draw load balance against depth and PEs."""
        labels = {columns: label(columns) for columns in self.sweeps["columns"].unique()}
        return retrospective.balance(self.sweeps, labels)

    def plot_accuracy(self) -> Figure:
        """Draw accuracy lost over density."""
        return retrospective.losses(patterns.losses(self.accuracy).rename(index=SHOWN), patterns.WITHIN)

    def answer(self) -> str:
        """Say in a few sentences whether a deeper queue does the same, over layers and over real pruned matrices."""
        usual, deepest, best = self.usual, self.deepest, self._best()
        better, matrices = self.gain(), self.gain_of_matrices()
        job = "do not replace balanced pruning" if (better > 0).all() else "replace balanced pruning on some layers"
        return (
            f"**Deeper queues {job}**: on {_layers(len(usual))}, queues of {self.depth} instead of "
            f"{EIE_45NM.fifo_depth} entries raise the load balance by {_points(deepest[FREE] - usual[FREE])}, and "
            f"pruning that leaves every PE equally many weights in each "
            f"{'column' if best == 1 else f'group of {best} columns'} raises it by "
            f"**{_points(usual[best] - usual[FREE])}** (mean ± standard "
            f"deviation over the layers). On {len(matrices):,} real pruned matrices, balanced pruning "
            f"gains {matrices.mean():.1f} points more than deep queues on average (10th to 90th percentile: "
            f"{matrices.quantile(0.1):.0f} to {matrices.quantile(0.9):.0f} points)."
        )

    def words(self) -> str:
        """Say what even pruning gives by group of columns, and what it costs."""
        wide = max(self.usual)
        better, best = self.gain(), self._best()
        return (
            f"Layers {label(best)} reach a load balance of {_spread(self.usual[best])}, and take "
            f"{100 * self._cycles()[best]:.0f} % of the cycles that they take without balance. The gain over deep "
            f"queues ranges from {better.min():.1f} points on {better.idxmin()} to {better.max():.1f} points on "
            f"{better.idxmax()}. "
            f"Layers {label(wide)} reach only {_spread(self.usual[wide])} with the usual queues, and "
            f"{_spread(self.deepest[wide])} with the deep ones. Balance in groups falls short for two reasons: the "
            f"machine skips columns whose input is zero, so the PEs' shares of the remaining columns differ again, and "
            f"a PE without a weight in a column still spends a cycle on it.\n\n{self._cost()}"
        )

    def change(self) -> str:
        """Say in words what would change the answer."""
        return (
            f"Another number of PEs would: a layer is balanced only for the number of PEs for which it was pruned. On "
            f"{int(self.moved['value'].iloc[0])} PEs, layers balanced for {EIE_45NM.n_pe} PEs reach a load balance of "
            f"{_spread(self._moved(self._best()))}, and layers pruned without regard to the PEs "
            f"{_spread(self._moved(FREE))}. Sparser layers need more padding zeros, which pruning does not balance."
        )

    def _moved(self, columns: int) -> pd.Series:
        return self.moved[self.moved["columns"] == columns].groupby("layer")["balance"].mean()

    def _cost(self) -> str:
        """Say in words what balance costs in accuracy, beyond pruning without it."""
        lost = patterns.lost(self.accuracy)
        target = patterns.BALANCED_AT
        wide = lost[lost["target"] == target].pivot_table("lost", "seed", "pattern", sort=False)
        more = wide.drop(columns=patterns.FINE).sub(wide[patterns.FINE], axis=0)
        costs = [
            f"{COSTS[str(name)]} costs {signed(each.mean(), '.2f')} ± {each.std():.2f} points"
            for name, each in more.items()
        ]
        return (
            f"**Cost in accuracy.** We compare LeNet-300-100 with {100 * target:g} % of its weights, pruned with and "
            f"without balance for {EIE_45NM.n_pe} PEs. In accuracy, {joined(costs, ', and ')} (mean ± standard "
            f"deviation over {len(wide)} seeds). The cost seems to depend on the number of weights from which a PE can "
            f"choose. With 4 PEs, each PE holds about as many rows of the largest layer as each of {EIE_45NM.n_pe} PEs "
            f"holds of Table III's large layers. With {EIE_45NM.n_pe} PEs, each holds fewer than five rows and keeps "
            f"less than one weight per column."
        )


def _layers(count: int) -> str:
    return "one layer of Table III" if count == 1 else f"{count} layers of Table III"


def _points(over_layers: pd.Series) -> str:
    return f"{_spread(over_layers).removesuffix(' %')} points"


def _spread(over_layers: pd.Series) -> str:
    if len(over_layers) == 1:
        return f"{over_layers.iloc[0]:.1f} %"
    return f"{over_layers.mean():.1f} ± {over_layers.std():.1f} %"


@exhibit("seed", "layers", draws=2)
def balance(
    setup: Setup,
    groups: Sequence[int] = GROUPS,
    fifo_depths: Sequence[int] = fig08.DEPTHS,
    n_pes: Sequence[int] = PE_COUNTS,
) -> Balance:
    """Run layers pruned with and without regard to the PEs, over queues and PEs, beside what that costs in accuracy.

    Accuracy and real pruned matrices are those of the committed tables.

    Parameters
    ----------
    groups : sequence of int
        Columns in each of which every PE keeps as many weights.
    fifo_depths, n_pes : sequence of int
        Of the machines; the usual depth and PEs are always among them.

    Raises
    ------
    ValueError
        When a parameter is out of range; there must be 2..100 draws.
    """
    groups = _check.integers("groups", groups, 1, MAX_SIZE)
    depths = _check.integers("fifo_depths", [EIE_45NM.fifo_depth, *_check.literal(fifo_depths)], 2, MAX_SIZE)
    counts = _check.integers("n_pes", [EIE_45NM.n_pe, *_check.literal(n_pes)], 1, MAX_SIZE)
    machines = [("fifo_depth", depth, replace(EIE_45NM, fifo_depth=depth)) for depth in depths]
    machines += [("n_pe", n_pe, replace(EIE_45NM, n_pe=n_pe)) for n_pe in counts]
    sweeps: list[Row] = []
    moved: list[Row] = []
    for benchmark in setup.benchmarks:
        for draw, *_ in draws(setup.draws):
            layer, x = benchmark.draw(setup.seed, draw)
            for columns in (FREE, *groups):
                pruned = _Pruned(benchmark.name, replace(layer, bias_codes=None), x, draw, columns)
                sweeps += pruned.rows(machines)
                moved += pruned.rows(machines[-1:], EIE_45NM.n_pe)
    trained = experiments.read("patterns")
    shown = trained["pattern"].isin([patterns.CONTROL, patterns.FINE, *patterns.EVEN.values()])
    return Balance(pd.DataFrame(sweeps), pd.DataFrame(moved), experiments.read("balance"), trained[shown])


@dataclass(frozen=True, eq=False, slots=True)
class _Pruned:
    """A drawn layer of Table III and its input, to be pruned in one way."""

    name: str
    layer: CompressedLayer
    x: NDArray[np.float32]
    draw: int
    columns: int
    made: dict[int, CompressedLayer] = field(default_factory=dict)

    def rows(self, machines: Sequence[tuple[str, int, Machine]], pruned_for: int | None = None) -> Iterator[Row]:
        """Run the layer, pruned for each machine or for so many PEs, on each machine."""
        held: dict[int, InterleavedCSC] = {}
        for parameter, value, machine in machines:
            if machine.n_pe not in held:
                held[machine.n_pe] = encode(self._for(pruned_for or machine.n_pe), machine)
            report = simulate(held[machine.n_pe], self.x, machine)
            yield {
                "parameter": parameter,
                "value": value,
                "layer": self.name,
                "columns": self.columns,
                "seed": self.draw,
                "balance": 100 * report.load_balance,
                "cycles": report.cycles,
            }

    def _for(self, n_pe: int) -> CompressedLayer:
        if self.columns == FREE:
            return self.layer
        if n_pe not in self.made:  # evening takes longer than all runs
            self.made[n_pe] = evened(self.layer, n_pe, self.columns, self.draw)
        return self.made[n_pe]


def even_pruning_beats_queues() -> Margin:
    """Compute how much better balanced evenly pruned layers with usual queues are than others with deep ones, points.

    The lesser of the means over the nine layers and over real pruned matrices, each with twice its standard error.
    """
    found = balance(groups=[1], fifo_depths=[fig08.DEPTHS[-1]], n_pes=[EIE_45NM.n_pe], draws=2)
    lesser = min(found.gain(), found.gain_of_matrices(), key=lambda each: float(each.mean()))
    return Margin(float(lesser.mean()), 2 * float(lesser.sem()), unit="points")
