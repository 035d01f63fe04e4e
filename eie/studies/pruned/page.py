"""Tables, plots and sentences of the page on real pruned layers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from eie.datasets import dlmc
from eie.explore.spread import fitted_spreads, measured_spread, typical_spread
from eie.studies import experiments, plots
from eie.studies.pruned import matrices, spread
from eie.writing.words import joined, signed

FAMILIES = {
    "magnitude": "magnitude",
    "variational_dropout": "variational dropout",
    "l0": "L0 regularisation",
    "random": "at random (control)",
}
"""Methods of pruning in words."""

SYNTHETIC = {"uniform": "uniform", "alex8": "as uneven as Alex-8", "typical": "typical, magnitude"}
"""Ways of drawing a synthetic layer, in words."""

CLOSE = 5.0
"""Points of load balance within which a synthetic layer counts as close."""

GOOD = 0.7
"""Fraction of their cycles in which PEs must multiply for a layer to suit EIE."""

FEW = 50
"""Matrices that a kind of layer needs before the words rank it."""

HEADS = {
    "model": "network",
    "method": "pruned by",
    "sparsity": "pruned, %",
    "matrices": "matrices",
    "quality": "quality",
    "weights %": "weights, %",
    "spread of rows": ("spread", "rows"),
    "spread of columns": ("spread", "columns"),
    "load balance %": ("load balance, %", "as it is"),
    "stacked": ("load balance, %", "stacked"),
    "padding %": "padding, %",
}
"""Heads of the table of groups."""

KIND_HEADS = {
    "model": "network",
    "kind": "kind of layer",
    "matrices": "matrices",
    "load balance %": "load balance, %",
    "real work %": "real work, %",
    "multiplying %": "multiplying, %",
    "above 70 %": "suit EIE, %",
}
"""Heads of the table of kinds of layers."""

DRAWN = {
    "uniform": "uniform",
    "alex8": "as uneven as Alex-8",
    "typical": "typical of pruning by magnitude",
    "own": "as uneven as the matrix itself",
    "typical, other layers": "typical of the method, fitted on other layers",
    "any method, other layers": "typical of any method, fitted on other layers",
}
"""Ways of drawing a synthetic layer, as rows of a table."""

METHODS = {
    "extended_magnitude_pruning": "magnitude, longer",
    "magnitude_pruning": "magnitude",
    "variational_dropout": "dropout",
    "l0_regularization": "L0",
    dlmc.CONTROL: "chance",
}
"""Methods of pruning as short words."""

NETWORKS = {"rn50": "ResNet-50", "transformer": "the Transformer"}
"""Networks in words."""

KINDS = {
    r"attention_q": "attention queries",
    r"attention_k": "attention keys",
    r"attention_v": "attention values",
    r"output_transform": "attention output",
    r"ffn_conv1": "first feed-forward",
    r"ffn_conv2": "second feed-forward",
    r"symbol": "vocabulary",
    r"initial_conv": "first convolution, 7 x 7",
    r"projection": "shortcut, 1 x 1",
    r"bottleneck_1": "bottleneck in, 1 x 1",
    r"bottleneck_2": "bottleneck, 3 x 3",
    r"bottleneck_3": "bottleneck out, 1 x 1",
    r"final_dense": "classifier",
}
"""Kinds of layer by a pattern of their names; the first that fits counts."""


@dataclass(frozen=True, eq=False)
class Pruned:
    """Matrices on the machine, and what synthetic layers make of them.

    Attributes
    ----------
    rows : DataFrame
        As `eie.studies.pruned.spread.table` has them.
    now : int
        How many of them were read and simulated now; the others are of the committed table.
    """

    rows: pd.DataFrame
    now: int

    @property
    def real(self) -> pd.DataFrame:
        """The matrices that were really pruned: without the control."""
        return self.rows[self.rows["family"] != "random"]

    def seeds(self, i: int) -> list[np.random.SeedSequence]:
        """Return the seeds of the `i`-th matrix, see `eie.studies.pruned.matrices.seeds_of`."""
        row = self.rows.iloc[i]
        return matrices.seeds_of(f"{row['model']}/{row['method']}/{row['sparsity']:g}/{row['layer']}{dlmc.ENDING}")

    def answer(self) -> str:
        """Say how near a synthetic layer of typical spread comes to a real pruned one."""
        held_out = spread.held_out()
        error = 100 * (held_out["synthetic"] - held_out["load_balance"])
        return (
            f"The load balance of a synthetic layer minus that of a real pruned layer of equal density, shape "
            f"and pruning method is **{signed(error.mean())} ± {error.std():.1f} points** (mean and standard deviation "
            f"over {len(error):,} matrices). For {100 * (error.abs() <= CLOSE).mean():.0f} % of the matrices, the "
            f"difference is at most {CLOSE:g} points."
        )

    def words(self) -> str:
        """Say how uneven they are, and how near synthetic layers come."""
        real, error = self.real, self.errors()
        uniform = error.loc["uniform"]
        alex8 = measured_spread()
        as_even = (real["row_cv"] <= alex8.row_cv) & (real["column_cv"] <= alex8.column_cv)
        return (
            f"We ran **{len(real):,} real pruned matrices** on 64 PEs. With as many rows as the paper's layers have, "
            f"their load balance is {_range(100 * real['load_balance_stacked'])} % (10th to 90th percentile). The "
            f"synthetic layers of the answer above have the spread that is typical of the density, the shape and the "
            f"pruning method, fitted on other layers than the one compared. Uniform layers differ by "
            f"{signed(uniform['mean'])} points on average and {signed(uniform['worst'], '+.0f')} at worst. Layers as "
            f"uneven as the authors' Alex-8 differ by {signed(error.loc['alex8', 'mean'])} points on average: only "
            f"{100 * as_even.mean():.0f} % of the matrices are as even as Alex-8 in both rows and columns."
        )

    def errors(self) -> pd.DataFrame:
        """Load balance of synthetic layers minus that of the real ones, in points.

        Columns `mean`, `worst` (largest absolute), and `close`: percent within `CLOSE`.
        """
        held_out = spread.held_out()
        found = {name: 100 * (self.real[name] - self.real["load_balance"]) for name in (*SYNTHETIC, "own")}
        for name, drawn in (("typical", "synthetic"), ("any method", "synthetic_any")):
            found[f"{name}, other layers"] = 100 * (held_out[drawn] - held_out["load_balance"])
        return pd.DataFrame(
            {
                name: {
                    "mean": error.mean(),
                    "worst": error[error.abs().idxmax()],
                    "close": 100 * (error.abs() <= CLOSE).mean(),
                }
                for name, error in found.items()
            }
        ).T

    def plot(self) -> plots.Figure:
        """Load balance of synthetic layers against that of the real ones."""
        return plots.pruned.real_and_synthetic(self.real, SYNTHETIC, _told(FAMILIES))

    def plot_unevenness(self) -> plots.Figure:
        """Spread against density, with the percentiles fitted for magnitude pruning and square matrices, and Alex-8."""
        sides = ["row_cv", "column_cv"]
        densities = np.geomspace(0.003, 0.7, 60)
        percentiles = fitted_spreads()["magnitude"]["percentiles"]
        curves = pd.DataFrame(
            [
                {"percentile": percentile, "density": density}
                | {side: getattr(typical_spread(density, percentile), side) for side in sides}
                for percentile in percentiles
                for density in densities
            ]
        )
        alex8 = {"density": 0.2566} | {side: getattr(measured_spread(), side) for side in sides}
        return plots.pruned.unevenness(self.rows, curves, pd.DataFrame({"Alex-8": alex8}).T, FAMILIES, sides)

    def plot_padding(self) -> plots.Figure:
        """Padding of the stacked layers against density, and by the formula q**16 for uniform matrices on one PE."""
        rows = self.rows.assign(padding=100 * (1 - self.rows["real_work_stacked"]))
        densities = np.geomspace(0.003, 0.7, 60)
        curve = pd.DataFrame({"density": densities, "padding": 100 * (1 - densities) ** 16})
        return plots.pruned.padding(rows, curve, FAMILIES)

    def table(self) -> pd.DataFrame:
        """Medians by model, method and sparsity; percentages except for the quality and the spread."""
        groups = self.rows.groupby(["model", "method", "sparsity"], sort=False)
        return pd.DataFrame(
            {
                "matrices": groups.size(),
                "quality": groups["quality"].first(),
                "weights %": 100 * groups["density"].median(),
                "spread of rows": groups["row_cv"].median(),
                "spread of columns": groups["column_cv"].median(),
                "load balance %": 100 * groups["load_balance"].median(),
                "stacked": 100 * groups["load_balance_stacked"].median(),
                "padding %": 100 * (1 - groups["real_work_stacked"].median()),
            }
        )

    def kinds(self) -> pd.DataFrame:
        """Medians by network and kind of layer of the stacked layers, the best first; percentages.

        `multiplying` is the fraction of the PEs' cycles in which they multiply: load balance times real work.
        """
        real = self.real.assign(
            kind=[_kind(name) for name in self.real["layer"]],
            multiplying=self.real["load_balance_stacked"] * self.real["real_work_stacked"],
        )
        groups = real.groupby(["model", "kind"])
        columns = {
            "load balance %": "load_balance_stacked",
            "real work %": "real_work_stacked",
            "multiplying %": "multiplying",
        }
        found = {name: 100 * groups[column].median() for name, column in columns.items()}
        suits = 100 * real.assign(good=real["multiplying"] >= GOOD).groupby(["model", "kind"])["good"].mean()
        table = pd.DataFrame({"matrices": groups.size(), **found, f"above {100 * GOOD:.0f} %": suits})
        return table.sort_values("multiplying %", ascending=False)

    def which_suit(self) -> str:
        """Say which layers suit EIE and which do not; kinds that agree to a percent share their place."""
        kinds = self.kinds()
        kinds = kinds.loc[kinds["matrices"] >= FEW, "multiplying %"].round()
        best, worst = (kinds.index[kinds == value] for value in (kinds.max(), kinds.min()))
        useful = 100 * self.real["load_balance_stacked"] * self.real["real_work_stacked"]
        sparse, dense = useful[self.real["density"] < 0.03].median(), useful[self.real["density"] > 0.12].median()
        suit = "suits EIE best: its" if len(best) == 1 else "suit EIE best: their"
        last = "comes last with" if len(worst) == 1 else "come last, each with"
        return (
            f"Of the kinds of layers with {FEW} matrices or more, {_kinds_named(best)} {suit} PEs multiply in "
            f"{kinds.max():.0f} % of the cycles (median). {_capital(_kinds_named(worst))} {last} {kinds.min():.0f} %. "
            f"Density matters more: the median is {dense:.0f} % for matrices that keep more than 12 % of their "
            f"weights, and {sparse:.0f} % for those that keep less than 3 %, because these need more padding zeros and "
            f"are balanced worse.\n\n"
            f"The table has medians over the stacked layers. *Real work* is the share of the entries processed that "
            f"are weights, not padding zeros. *Multiplying* is the share of the PEs' cycles in which they multiply a "
            f"weight: load balance times real work. A matrix *suits EIE* when this share is at least "
            f"{100 * GOOD:.0f} %; the last column gives the percentage of such matrices."
        )


def in_words(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table by model, with models and methods in words and sparsity in percent."""
    table = table.reset_index()
    table["model"] = table["model"].map(NETWORKS).str.removeprefix("the ")
    if "method" in table:
        table["method"] = table["method"].map(METHODS)
    if "sparsity" in table:
        table["sparsity"] *= 100
    return table


def pruned(groups: Sequence[str] = ("rn50/magnitude_pruning/0.98",)) -> Pruned:
    """Gather the committed table; matrices of some groups are read and simulated now, if they are available.

    Parameters
    ----------
    groups : sequence of str
        Folders of the collection, such as `rn50/magnitude_pruning/0.98`; `["all"]` for all.

    Raises
    ------
    ValueError
        When there is no such group; the message lists them.
    """
    known = {"/".join(group): group for group in dlmc.groups()}
    wanted = list(known) if list(groups) == ["all"] else list(groups)
    if unknown := [group for group in wanted if group not in known]:
        raise ValueError(f"there is no group {unknown[0]!r}; there are {', '.join(known)}")
    at_hand = {path.rpartition("/")[0] for path in dlmc.at_hand()}
    made = [row for group in wanted if group in at_hand for row in matrices.measure(*known[group])]
    committed = experiments.read("pruned_layers")
    if not made:
        return Pruned(spread.table(), 0)
    now = pd.DataFrame(made).assign(sparsity=lambda rows: rows["sparsity"].astype(float))
    names = ["model", "method", "sparsity", "layer"]
    both = pd.concat([now, committed]).drop_duplicates(names).sort_values(names).reset_index(drop=True)
    return Pruned(spread.prepared(both), len(now))


def _kind(layer: str) -> str:
    return next((kind for pattern, kind in KINDS.items() if re.search(pattern, layer)), "other")


def _kinds_named(kinds: pd.Index) -> str:
    """Name kinds of layers after their networks, each network once."""
    by_network: dict[str, list[str]] = {}
    for model, kind in kinds:
        by_network.setdefault(NETWORKS[model], []).append(f"*{kind}*")
    return joined(f"{network}'s {joined(own)}" for network, own in by_network.items())


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _told(families: dict[str, str]) -> dict[str, str]:
    return {name: words for name, words in families.items() if name != "random"}


def _range(values: pd.Series) -> str:
    low, high = values.quantile([0.1, 0.9])
    return f"{low:.0f} to {high:.0f}"
