"""Can pruning even out the work of the PEs, and does a deeper queue do the same: load balance, cycles and accuracy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numba as nb
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from eie import _check
from eie.compress import masks
from eie.cycles import simulate
from eie.interleaved import InterleavedCSC, encode
from eie.layer import MAX_SIZE, CompressedLayer
from eie.machine import EIE_45NM, Machine
from eie.studies import experiments
from eie.studies.claim import Margin
from eie.studies.experiments import Experiment, Part, grid
from eie.studies.paper import fig08
from eie.studies.paper.setup import Setup, exhibit
from eie.studies.plots import retrospective
from eie.studies.retrospective._shared import draws
from eie.studies.retrospective.patterns import WITHIN, falling_densities, losses, trained

GROUPS = (1, 4, 16, 64)
"""Columns in each of which every PE keeps as many weights."""
FREE = 0
"""Stands for pruning that balances nothing."""
FEW = 4
"""PEs for which LeNet-300-100 is pruned, too: they have about as many rows each as 64 have of a layer of 4096."""
DENSITIES = (0.125, 0.0625, 0.03125)
EPOCHS = (8, 2)
"""Of the dense network, and after each step of pruning."""
LAYERS = ("Alex-8", "VGG-8", "NT-We", "NT-LSTM")
PE_COUNTS = (1, 16, 64, 256)

Row = dict[str, float | str]
"""A row of a table."""


def measure(
    seeds: Sequence[int] = (0, 1, 2),
    groups: Sequence[int] = GROUPS,
    densities: Sequence[float] = DENSITIES,
    epochs: Sequence[int] = EPOCHS,
) -> pd.DataFrame:
    """Measure the accuracy of LeNet-300-100 pruned evenly for PEs, by columns of a group and density.

    Parameters
    ----------
    groups : sequence of int
        Columns of a group, for EIE's 64 PEs. Beside them it is pruned freely, and for `FEW` PEs in the smallest group.
    seeds, densities, epochs
        As for `eie.studies.retrospective.patterns.measure`.

    Returns
    -------
    DataFrame
        See `eie.studies.retrospective.retraining.accuracies`, and `n_pe` and `columns` (0 for pruned freely).
    """
    return _pruned(_ways(_check.integers("groups", groups, 1, MAX_SIZE)), seeds, densities, epochs)


def _ways(groups: Sequence[int]) -> list[tuple[int, int]]:
    """Pair PEs with columns of a group."""
    return [(EIE_45NM.n_pe, columns) for columns in (FREE, *groups)] + [(FEW, groups[0])]


def _pruned(
    ways: Sequence[tuple[int, int]],
    seeds: Sequence[int],
    densities: Sequence[float] = DENSITIES,
    epochs: Sequence[int] = EPOCHS,
) -> pd.DataFrame:
    falling = falling_densities(densities)
    chains = {f"{columns} on {n_pe}": (partial(mask, columns, n_pe), falling) for n_pe, columns in ways}
    frame = trained(chains, seeds, epochs)
    of = dict(zip(chains, ways, strict=True))
    return frame.assign(
        n_pe=[of[name][0] for name in frame["pattern"]], columns=[of[name][1] for name in frame["pattern"]]
    )


def _parts() -> list[Part]:
    return [part for n_pe, columns in _ways(GROUPS) for part in grid(n_pe=[n_pe], columns=[columns], seed=(0, 1, 2))]


def _one(n_pe: int, columns: int, seed: int) -> pd.DataFrame:
    return _pruned([(n_pe, columns)], [seed])


EXPERIMENT = Experiment(parts=_parts, make=_one, processes=True)


def mask(columns: int, n_pe: int, weight: masks.Matrix, keep: float) -> masks.Mask:
    """Prune evenly in groups of so many columns; 0 for not evenly."""
    return masks.by_block(weight, keep) if columns == FREE else masks.balanced(weight, keep, n_pe, columns)


def evened(layer: CompressedLayer, n_pe: int, columns: int, seed: int | np.random.SeedSequence) -> CompressedLayer:
    """Change a pruned layer to what it would be, had every PE as many weights in each group of columns.

    Nothing but places is known of a drawn layer, so which weights go and which come back is drawn at random: a PE with
    too many in a group loses some, and one with too few gets some of those that it had lost.

    Parameters
    ----------
    layer : CompressedLayer
        Its bias is left out, and all codes become 1.
    n_pe : int
        Processing elements; row i is dealt to PE i mod `n_pe`.
    columns : int
        Neighbouring columns of a group.
    seed : int or SeedSequence
        The same seed gives the same layer.
    """
    n_pe = min(_check.integer("n_pe", n_pe, 1, MAX_SIZE), layer.n_out)
    starts = np.arange(0, layer.n_in, _check.integer("columns", columns, 1, MAX_SIZE))
    room = layer.n_out // n_pe * np.diff(starts, append=layer.n_in)
    each = masks.quotas(np.add.reduceat(np.diff(layer.indptr), starts), n_pe, room)
    rng = np.random.default_rng(seed)
    indptr, rows = _evened(rng, layer.indptr, layer.rows, layer.n_out, n_pe, columns, each)
    return CompressedLayer(layer.n_out, layer.n_in, indptr, rows, np.ones(len(rows), np.uint8), layer.codebook)


@nb.njit(cache=True, nogil=True)
def _evened(rng, indptr, rows, n_out, n_pe, columns, each):  # type: ignore[no-untyped-def]
    """Find column pointers and rows of the evened layer."""
    n_in = len(indptr) - 1
    pointers, found = np.zeros(n_in + 1, np.int64), np.empty(each.sum() * n_pe, np.int32)
    n = 0
    kept = np.zeros((n_pe, columns, -(-n_out // n_pe)), np.bool_)  # so that the cells of a PE stand together
    for g in range(len(each)):
        first, stop = g * columns, min((g + 1) * columns, n_in)
        kept[:] = False
        counts = np.zeros(n_pe, np.int64)
        for j in range(first, stop):
            for i in rows[indptr[j] : indptr[j + 1]]:
                kept[i % n_pe, j - first, i // n_pe] = True
                counts[i % n_pe] += 1
        for p in range(n_pe):
            own = kept[p, : stop - first, : (n_out - p + n_pe - 1) // n_pe]
            if counts[p] > each[g]:
                _flip(rng, own, True, counts[p], counts[p] - each[g])
            else:
                _flip(rng, own, False, own.size - counts[p], each[g] - counts[p])
        for j in range(first, stop):
            for r in range(kept.shape[2]):
                for p in range(n_pe):
                    if kept[p, j - first, r]:
                        found[n] = r * n_pe + p
                        n += 1
            pointers[j + 1] = n
    return pointers, found


@nb.njit(cache=True, nogil=True)
def _flip(rng, own, value, left, wanted):  # type: ignore[no-untyped-def]
    """Turn so many of the cells that have a value, of which there are `left`, into the other, each equally likely."""
    for c in range(own.shape[0]):
        for i in range(own.shape[1]):
            if not wanted:
                return
            if own[c, i] == value:
                if rng.random() * left < wanted:
                    own[c, i] = not value
                    wanted -= 1
                left -= 1


@dataclass(frozen=True, eq=False)
class Balance:
    """Layers pruned with and without regard to the PEs."""

    sweeps: pd.DataFrame
    """One row per machine, layer, way to prune and draw: `parameter` (`fifo_depth` or `n_pe`, the other one being
    usual), `value`, `layer`, `columns` (of a group; 0 for pruned without balance), `seed`, `balance` (load balance, %)
    and `cycles`."""
    moved: pd.DataFrame
    """The same for layers pruned for the usual PEs, on the most PEs."""
    accuracy: pd.DataFrame
    """Of `measure`."""

    def _at(self, parameter: str, value: int) -> pd.DataFrame:
        return self.sweeps[(self.sweeps["parameter"] == parameter) & (self.sweeps["value"] == value)]

    def _balance(self, depth: int) -> pd.DataFrame:
        """Average load balance over layers, %, by depth: one row per draw, one column per way to prune."""
        return self._at("fifo_depth", depth).pivot_table("balance", "seed", "columns")

    @property
    def usual(self) -> pd.DataFrame:
        """Load balance on the usual machine, %: one row per draw, one column per way to prune."""
        return self._balance(EIE_45NM.fifo_depth)

    @property
    def deepest(self) -> pd.DataFrame:
        """The same with the deepest queues."""
        return self._balance(self.depth)

    @property
    def depth(self) -> int:
        """Depth of the deepest queues."""
        return int(self.sweeps.loc[self.sweeps["parameter"] == "fifo_depth", "value"].max())

    def table(self) -> pd.DataFrame:
        """Tabulate by way to prune: load balance with usual and deepest queues, cycles, accuracy lost by density."""
        usual, deepest = self.usual, self.deepest
        columns: dict[str, pd.Series] = {
            f"balance, %, depth {EIE_45NM.fifo_depth}": usual.mean(),
            "sd": usual.std(),
            f"balance, %, depth {self.depth}": deepest.mean(),
            "sd ": deepest.std(),
            "cycles, % of unbalanced": 100 * self._cycles(),
        }
        own = self.accuracy[self.accuracy["n_pe"] == EIE_45NM.n_pe]
        rows = losses(own.assign(pattern=own["columns"]))["mean"].unstack("target")
        for target in sorted(rows, reverse=True):
            columns[f"points lost at {100 * target:g} %"] = rows[target]
        return pd.DataFrame(columns).rename(index=label).rename_axis("pruned")

    def _cycles(self) -> pd.Series:
        """Divide cycles on the usual machine by those of layers pruned without balance, mean over layers and draws."""
        own = self._at("fifo_depth", EIE_45NM.fifo_depth)
        cycles = own.pivot_table("cycles", ["layer", "seed"], "columns")
        return cycles.div(cycles[FREE], axis=0).mean()

    def layers(self) -> pd.DataFrame:
        """Tabulate load balance on the usual machine, %: one row per layer, one column per way to prune."""
        means = self._at("n_pe", EIE_45NM.n_pe).pivot_table("balance", "layer", "columns", sort=False)
        return means.rename(columns=label).rename_axis(columns=None)

    def plot(self) -> Figure:
        """Draw load balance against depth and PEs."""
        labels = {columns: label(columns) for columns in self.sweeps["columns"].unique()}
        return retrospective.balance(self.sweeps, labels)

    def plot_accuracy(self) -> Figure:
        """Draw accuracy lost over density."""
        names = {
            f"{columns} on {n_pe}": label(columns) + (f", {n_pe} PEs" if n_pe != EIE_45NM.n_pe else "")
            for columns, n_pe in self.accuracy[["columns", "n_pe"]].drop_duplicates().itertuples(index=False)
        }
        return retrospective.losses(losses(self.accuracy).rename(index=names, level=0), WITHIN)

    def words(self) -> str:
        """Say in words what balanced pruning and a deeper queue give, and what the first costs."""
        usual, deepest, depth = self.usual, self.deepest, EIE_45NM.fifo_depth
        groups = [columns for columns in usual if columns != FREE]
        best = usual[groups].mean().idxmax()
        wide = max(groups)
        even = "does the same job" if deepest[FREE].mean() >= usual[best].mean() else "does not do the same job"
        return (
            f"**A deeper queue {even}**: a queue of {self.depth} brings the load balance of layers pruned without "
            f"regard to the PEs from {_spread(usual[FREE])} to {_spread(deepest[FREE])}, and pruning that leaves every "
            f"PE as many weights in each {_group(best)} brings it to {_spread(usual[best])} with the usual queue of "
            f"{depth} (mean of the layers, ± the standard deviation over {len(usual)} draws). A pass then takes "
            f"{100 * self._cycles()[best]:.0f} % of the cycles. Groups of {wide} columns give {_spread(usual[wide])} "
            f"with the usual queue and {_spread(deepest[wide])} with the deep one: columns whose input is zero are "
            f"left out, so PEs differ again, and a PE without a weight in a column still spends a cycle on it."
            f"\n\n{self._cost()}\n\n"
            f"**What would change the answer.** The balance holds for the PEs that it was made for: on "
            f"{int(self.moved['value'].iloc[0])} PEs, layers pruned evenly for {EIE_45NM.n_pe} in each "
            f"{_group(best)} reach {_spread(self._moved(best))}, and those pruned without regard "
            f"{_spread(self._moved(FREE))}. Padding zeros are not balanced. Longer training would win back some of "
            f"the accuracy."
        )

    def _moved(self, columns: int) -> pd.Series:
        return self.moved[self.moved["columns"] == columns].groupby("seed")["balance"].mean()

    def _cost(self) -> str:
        """Say in words what balance costs in accuracy, beyond pruning without it."""
        target = self.accuracy["target"].max()
        own = self.accuracy[self.accuracy["target"] == target]
        wide = own.pivot_table("accuracy", "seed", ["n_pe", "columns"])
        more = {way: wide[EIE_45NM.n_pe, FREE] - wide[way] for way in wide if way[1] != FREE}
        listed = ", ".join(
            f"{lost.mean():.2f} ± {lost.std():.2f} ({label(columns)}, {n_pe} PEs)"
            for (n_pe, columns), lost in more.items()
        )
        return (
            f"**What it costs.** Kept at {100 * target:g} % of its weights, LeNet-300-100 loses more than when pruned "
            f"freely, by so many points: {listed}. It matters how many weights a PE has to choose from. Of the largest "
            f"layer's rows {FEW} PEs have about as many each as {EIE_45NM.n_pe} have of Table III's large layers; "
            f"{EIE_45NM.n_pe} PEs have fewer than five, and keep less than one weight of a column."
        )


def label(columns: int) -> str:
    """Name a way to prune."""
    return "without balance" if columns == FREE else f"even in each {_group(columns)}"


def _group(columns: int) -> str:
    return "column" if columns == 1 else f"{columns} columns"


def _spread(over_draws: pd.Series) -> str:
    return f"{over_draws.mean():.1f} ± {over_draws.std():.2f} %"


@exhibit("seed", layers=LAYERS, draws=3)
def balance(
    setup: Setup,
    groups: Sequence[int] = GROUPS,
    fifo_depths: Sequence[int] = fig08.DEPTHS,
    n_pes: Sequence[int] = PE_COUNTS,
    seeds: Sequence[int] | None = None,
) -> Balance:
    """Run layers pruned with and without regard to the PEs, over queues and PEs, beside what that costs in accuracy.

    Parameters
    ----------
    groups : sequence of int
        Columns in each of which every PE keeps as many weights.
    fifo_depths, n_pes : sequence of int
        Of the machines; the usual depth and PEs are always among them.
    seeds : sequence of int, optional
        Networks to train now for the accuracy; the committed table if left out.

    Raises
    ------
    ValueError
        When a parameter is out of range; there must be 2..100 draws.
    FileNotFoundError
        When networks are to be trained and MNIST is not at hand; the message says how to get it.
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
    known = experiments.read("balance") if seeds is None else measure(seeds, groups)
    return Balance(pd.DataFrame(sweeps), pd.DataFrame(moved), known)


@dataclass(frozen=True, eq=False, slots=True)
class _Pruned:
    """A drawn layer of Table III and its input, to be pruned in one way."""

    name: str
    layer: CompressedLayer
    x: NDArray[np.float32]
    draw: int
    columns: int

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
        return self.layer if self.columns == FREE else evened(self.layer, n_pe, self.columns, self.draw)


def even_pruning_beats_queues() -> Margin:
    """Compute how much better balanced evenly pruned layers with usual queues are than others with deep ones, points.

    The worst draw of the one against the best of the other; its error is the spread of the draws.
    """
    found = balance(["Alex-8", "NT-We"], [1], [256], [64], draws=2)
    even, free = found.usual[1], found.deepest[FREE]
    return Margin(float(even.min() - free.max()), 2 * float(np.hypot(even.sem(), free.sem())))
