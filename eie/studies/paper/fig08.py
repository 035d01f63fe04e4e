"""Figure 8: load balance against the depth of the activation queues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product

import numpy as np
import pandas as pd

from eie import _check
from eie.explore.benchmarks import Benchmark, columns_together
from eie.explore.spread import MEDIAN
from eie.machine import MAX_FIFO_DEPTH, Machine
from eie.studies import plots
from eie.studies.paper.series import Series, machine_warning, series
from eie.studies.paper.setup import Setup, exhibit
from eie.writing.words import joined, with_error

DEPTHS = (2, 4, 8, 16, 32, 64, 128, 256)
"""Depths of the paper's figure that this machine can have."""


class Figure8(Series):
    """Load balance against queue depth, and a likely cause of the largest differences."""

    def finding(self) -> str:
        """Say what queues up to the paper's depth gain, and deeper ones beyond it."""
        found, chosen = self.over_layers(), Machine().fifo_depth
        if chosen not in found.index or not found.index.min() < chosen < found.index.max():
            return ""
        before, after = (found.loc[depth] for depth in (found.index.min(), found.index.max()))
        here = found.loc[chosen]
        gain = with_error(here["mean"] - before["mean"], 2 * float(np.hypot(here["sd"], before["sd"])))
        return (
            f"Activation queues of depth {chosen} (the paper's choice) instead of {found.index.min()} raise the load "
            f"balance by **{gain} points** on average; a depth of {found.index.max()} adds only "
            f"{after['mean'] - here['mean']:.1f} points more. "
        )

    def gains(self) -> pd.DataFrame:
        """Return the points of load balance that each step to a deeper queue gains, mean over the layers."""
        mean = self.both.groupby("fifo_depth")[["published", "computed"]].mean()
        gains = mean.diff().iloc[1:]
        gains.index = pd.Index([f"from {before} to {depth}" for before, depth in pairwise(mean.index)])
        return gains


@exhibit("layers", "n_pe", "seed", "draws", "own_layers")
def figure8(setup: Setup, fifo_depths: Sequence[int] = DEPTHS) -> Figure8:
    """Compute Figure 8.

    Parameters
    ----------
    fifo_depths : sequence of int
        Queue depths, each 2..1048576. A queue of depth D holds D - 1 activations, so depth 1 does not exist.
    """
    depths = _check.integers("fifo_depths", fifo_depths, 2, MAX_FIFO_DEPTH)
    machines = [setup.machine(fifo_depth=depth) for depth in depths]
    points = series("fig08", setup.sweep(machines), "load_balance", 100, "fifo_depth", ends=setup.ends(machines))
    other = machine_warning(setup.machine())
    labels = ("fifo_depth", "depth of the activation queues", "load balance, %")
    return Figure8("Figure 8", "load balance", *labels, "points", points, False, other)


@dataclass(frozen=True, eq=False)
class Blocks:
    """Figure 8 again for the layers whose columns belong together, with block rates of growing spread.

    Attributes
    ----------
    runs : DataFrame
        Columns `layer`, `fifo_depth`, `block_cv`, `load_balance` (percent) and `difference` (points).
    published : DataFrame
        Columns `layer`, `fifo_depth`, `load_balance`.
    """

    runs: pd.DataFrame
    published: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """Mean absolute difference to the figure in points, one row per layer, by spread of the block rates."""
        sizes = self.runs.assign(difference=self.runs["difference"].abs())
        return sizes.pivot_table(index="layer", columns="block_cv", values="difference", sort=False)

    def plot(self) -> plots.Figure:
        """Draw one plot per layer, one line per spread; empty when no layer has blocks."""
        if self.runs.empty:
            return plots.style.nothing("no layer here has columns that belong together")
        return plots.panels.lines(
            self.runs,
            "fifo_depth",
            "load_balance",
            "block_cv",
            "depth of the activation queues",
            "load balance, %",
            "coefficient of variation of the blocks' densities",
            self.published,
            "published",
        )

    def words(self) -> str:
        """What block rates do to the differences."""
        table = self.table()
        if table.empty:
            return "None of these layers has columns that belong together."
        best = table.idxmin(axis=1)
        helped = best != table.columns[0]
        said = []
        if helped.any():
            found = [_found(layer, row) for layer, row in table[helped].iterrows()]
            said = [
                "With the best of the spreads tried, densities by block reduce the mean absolute difference from the "
                f"figure {joined(found)}."
            ]
        said += [
            f"For {layer}, densities by block only increase the difference ({row.iloc[0]:.1f} points without them)."
            for layer, row in table[~helped].iterrows()
        ]
        return " ".join(said)


def _found(layer: object, row: pd.Series) -> str:
    best = row.idxmin()
    largest = ", the largest tried" if best == row.index[-1] else ""
    return f"for {layer} from {row.iloc[0]:.1f} to {row[best]:.1f} points (a spread of {best:g}{largest})"


@exhibit("layers", "n_pe", "seed", "draws")
def blocks(
    setup: Setup, block_cvs: Sequence[float] = (0.0, 0.5, 1.0, 2.0, 3.0, 4.0), fifo_depths: Sequence[int] = DEPTHS
) -> Blocks:
    """Give each row of `data/blocks.toml`'s layers a rate for each block of columns, and see what Figure 8 becomes.

    Layers without blocks are left out.

    Parameters
    ----------
    block_cvs : sequence of float
        Coefficients of variation of the block rates, each 0..10; 0 is the layer of the main figure.
    fifo_depths : sequence of int
        As for `figure8`.
    """
    depths = _check.integers("fifo_depths", fifo_depths, 2, MAX_FIFO_DEPTH)
    machines = [setup.machine(fifo_depth=depth) for depth in depths]
    chosen = {benchmark.name for benchmark in setup.benchmarks} if setup.layers or setup.layers is None else set()
    together = {name: columns for name, columns in columns_together().items() if name in chosen}
    if not together:
        return Blocks(_no_points("block_cv", "difference"), _no_points())
    frames = []
    for (name, columns), cv in product(together.items(), block_cvs):
        even = Benchmark.named(name).spread()
        spread = replace(even, block_columns=columns, block_cv=cv) if cv else MEDIAN
        runs = replace(setup, layers=[name]).sweep(machines, spread)
        frames.append(series("fig08", runs, "load_balance", 100, "fifo_depth").assign(block_cv=cv))
    points = pd.concat(frames).rename(columns={"computed": "load_balance"})
    reference = points.drop_duplicates(["layer", "fifo_depth"])[["layer", "fifo_depth", "published"]]
    return Blocks(points.dropna(subset=["load_balance"]), reference.rename(columns={"published": "load_balance"}))


def _no_points(*more: str) -> pd.DataFrame:
    return pd.DataFrame(columns=["layer", "fifo_depth", "load_balance", *more])
