"""Figures 11, 12 and 13: speed-up, padding and load balance against the number of PEs. One sweep serves all three."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from eie import _check, published
from eie.explore.benchmarks import nine_layers
from eie.machine import MAX_PE
from eie.studies import plots
from eie.studies.paper.series import Series, machine_warning, series
from eie.studies.paper.setup import Setup, exhibit
from eie.writing.words import with_error

PE_COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""Numbers of PEs in the paper's figures."""


_OTHER = {"Alex": "VGG", "VGG": "Alex"}


class Figure11(Series):
    """Speed-up over one PE."""

    def finding(self) -> str:
        """Say how much faster the layers become with the most PEs."""
        most = self.table().columns[-1]
        faster = self.table()[most].sort_values()
        least = with_error(faster.iloc[0], self.error(faster.index[0], most))
        return (
            f"On {_pes(most)}, the median layer runs **{faster.median():.0f} times** as fast as on one PE; "
            f"the layer {faster.index[0]} gains least, a factor of {least}. "
        )

    def words(self) -> str:
        """How far computed and published are apart, as labelled and with the AlexNet and VGG labels swapped."""
        apart = self.swapped()
        if apart.empty:
            return super().words()
        most = self.table().columns[-1]
        linear = (100 * self.table()[most] / most).sort_values()
        labelled, swapped = apart["as labelled"].mean(), apart["swapped"].mean()
        return (
            f"{super().words()}\n\nOn {most} PEs, the speed-up is {linear.iloc[0]:.0f} % of a linear one for "
            f"{linear.index[0]} and {linear.iloc[1]:.0f} % for {linear.index[1]}; the median layer reaches "
            f"{linear.median():.0f} %. The figure's AlexNet and VGG labels seem to be swapped: for these six layers, "
            f"the mean absolute difference is {labelled:.1f} % with the published labels and **{swapped:.1f} %** if "
            "each AlexNet layer is compared with the VGG curve of the same number, and vice versa."
        )

    def plot(self) -> plots.Figure:
        """A small plot per layer: speed-up per PE, and the paper's curve that bears the other network's label.

        Points at the top of the figure's axis are left out of the paper's lines: they lie there or above.
        """
        per_pe = self.points.assign(speedup=self.points["computed"], published_speedup=self.points["published"])
        clipped = per_pe["published"].notna() & per_pe["difference"].isna() & per_pe["computed"].notna()
        per_pe.loc[clipped, ["published", "reading_error"]] = np.nan
        values = ["computed", "sd", "low", "high", "published", "reading_error"]
        per_pe[values] = per_pe[values].mul(100 / per_pe["n_pe"], axis=0)
        theirs = per_pe.dropna(subset=["published"])
        theirs = theirs.assign(layer=[_partner(name) for name in theirs["layer"]])
        others = ("published, labels Alex and VGG swapped", theirs[["layer", "n_pe", "published"]])
        return plots.panels.panels(
            per_pe, self.x, self.x_label, "speed-up per PE, % of linear", others=others, ideal=100
        )

    def swapped(self) -> pd.DataFrame:
        """Mean absolute difference in percent of the AlexNet and VGG layers, as labelled and with labels swapped."""
        both = self.both
        if both.empty:
            return pd.DataFrame(columns=["as labelled", "swapped"])
        pairs = both.assign(partner=[_partner(name) for name in both["layer"]])
        theirs = both[["layer", "n_pe", "published"]].rename(columns={"layer": "partner", "published": "of_partner"})
        pairs = pairs.merge(theirs, on=["partner", "n_pe"])  # points at the top of the axis have no partner
        pairs["as labelled"] = pairs["difference"].abs()
        pairs["swapped"] = 100 * (pairs["computed"] / pairs["of_partner"] - 1).abs()
        return pairs.groupby("layer", sort=False)[["as labelled", "swapped"]].mean()


class Figure12(Series):
    """Real work of all work."""

    def finding(self) -> str:
        """Say how much of the work is real with the fewest PEs, and with the most."""
        table = self.table()
        few, most = table.columns[0], table.columns[-1]
        least = with_error(table[few].min(), self.error(table[few].idxmin(), few))
        return (
            f"On {_pes(few)}, **{least} %** ({table[few].idxmin()}) to {table[few].max():.0f} % "
            f"({table[few].idxmax()}) of the entries processed are real work (weights) and the rest are padding zeros; "
            f"on {_pes(most)}, at least {table[most].min():.0f} % are real work. "
        )

    def words(self) -> str:
        """How far computed and published are apart, and the case of one PE worked out by hand."""
        one = self.by_hand()
        if one.empty:
            return super().words()
        apart = (one["computed"] - one["by hand"]).abs().max()
        return (
            f"{super().words()}\n\nFor one PE, the formula 1 - q¹⁶ (weights of density 1 - q, placed at random) agrees "
            f"with the computed values to within {apart:.1f} points."
        )

    def by_hand(self) -> pd.DataFrame:
        """For one PE, in percent: published, computed, and by the closed form for a uniform random matrix.

        The last two columns are the density that Table III prints, and the one at which the closed form gives the
        published value.
        """
        densities = {benchmark.name: benchmark.weight_density for benchmark in nine_layers()}
        known = self.points.dropna(subset=["computed"])
        one = known[(known["n_pe"] == 1) & known["layer"].isin(list(densities))]
        q = 1 - one["layer"].map(densities).astype(float)  # of no layer a map gives no numbers
        implied = 1 - (1 - one["published"] / 100) ** (1 / 16)
        by_hand = {"by hand": 100 * (1 - q**16), "density, Table III": 100 * (1 - q), "density, implied": 100 * implied}
        columns = ["published", "computed", *by_hand]
        return one.assign(**by_hand).set_index("layer")[columns]


class Figure13(Series):
    """Load balance."""

    def finding(self) -> str:
        """Say how far the load balance falls from the fewest to the most PEs."""
        table = self.table()
        few, most = table.columns[0], table.columns[-1]
        mean = self.over_layers().loc[most]
        end = f"**{with_error(mean['mean'], 2 * mean['sd'])} %** on {_pes(most)}"
        if len(table) == 1:
            return (
                f"The load balance of {table.index[0]} falls from {table[few].iloc[0]:.0f} % on {_pes(few)} to {end}. "
            )
        ends = (
            f"{table[most].min():.0f} % ({table[most].idxmin()}) to {table[most].max():.0f} % ({table[most].idxmax()})"
        )
        return (
            f"Averaged over the layers, the load balance falls from {table[few].mean():.0f} % on {_pes(few)} to {end}, "
            f"where it ranges from {ends}. "
        )


def _pes(number: int) -> str:
    return "one PE" if number == 1 else f"{number:,} PEs"


@exhibit("layers", "fifo_depth", "seed", "draws", "own_layers")
def figure11(setup: Setup, n_pes: Sequence[int] = PE_COUNTS) -> Figure11:
    """Compute Figure 11: speed-up over one PE.

    Parameters
    ----------
    n_pes : sequence of int
        Numbers of processing elements, each 1..65536.
    """
    runs, *ends = map(_with_speedup, _runs(setup, [1, *_check.integers("n_pes", n_pes, 1, MAX_PE)]))
    points = series("fig11", runs, "speedup", 1, "n_pe", relative=True, ends=ends)
    # The figure's axis ends below its highest points, which are known only to lie there or above.
    points.loc[points["published"] == published.load("fig11")["speedup"].max(), "difference"] = np.nan
    other = machine_warning(setup.machine())
    return Figure11("Figure 11", "speed-up", "n_pe", "PEs", "speed-up over one PE", "%", points, False, other)


@exhibit("layers", "fifo_depth", "seed", "draws", "own_layers")
def figure12(setup: Setup, n_pes: Sequence[int] = PE_COUNTS) -> Figure12:
    """Compute Figure 12: entries that are not padding zeros, of all entries processed, on `n_pes` as for `figure11`."""
    runs, *ends = _runs(setup, n_pes)
    points = series("fig12", runs, "real_work", 100, "n_pe", ends=ends)
    label = "real work, % of all work"
    return Figure12("Figure 12", "fraction of real work", "n_pe", "PEs", label, "points", points)


@exhibit("layers", "fifo_depth", "seed", "draws", "own_layers")
def figure13(setup: Setup, n_pes: Sequence[int] = PE_COUNTS) -> Figure13:
    """Compute Figure 13: load balance against the number of PEs, on `n_pes` as for `figure11`."""
    runs, *ends = _runs(setup, n_pes)
    points = series("fig13", runs, "load_balance", 100, "n_pe", ends=ends)
    other = machine_warning(setup.machine())
    return Figure13("Figure 13", "load balance", "n_pe", "PEs", "load balance, %", "points", points, False, other)


def _runs(setup: Setup, n_pes: Sequence[int]) -> list[pd.DataFrame]:
    """Run the layers with the median spread, and with those at the ends of the band."""
    machines = [setup.machine(n_pe=n_pe) for n_pe in _check.integers("n_pes", n_pes, 1, MAX_PE)]
    return [setup.sweep(machines), *setup.ends(machines)]


def _with_speedup(runs: pd.DataFrame) -> pd.DataFrame:
    one = runs[runs["n_pe"] == 1].set_index(["layer", "draw"])["cycles"]
    alone = one.reindex(pd.MultiIndex.from_frame(runs[["layer", "draw"]])).to_numpy()
    return runs.assign(speedup=alone / runs["cycles"])


def _partner(name: str) -> str:
    """The layer of the same number of the other network that Figure 11 may have swapped it with; empty if none."""
    network, _, number = name.partition("-")
    return f"{_OTHER[network]}-{number}" if network in _OTHER else ""
