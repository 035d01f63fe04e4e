"""A figure that plots one number of each layer against one parameter: computed and published, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from eie import published
from eie.machine import Machine
from eie.studies import plots
from eie.writing.words import joined, signed

_NAMED = {
    "n_pe": ("{:g} PEs", 1.0),
    "fifo_depth": ("queues of depth {:g}", 1.0),
    "spmat_width_bits": ("reads of {:g} bits", 1.0),
    "clock_hz": ("a clock of {:g} MHz", 1e-6),
}
"""Fields of a machine that a warning names: words, and the factor to the unit in the words."""


@dataclass(frozen=True, eq=False)
class Series:
    """Published and computed points of one figure.

    Attributes
    ----------
    figure : str
        Its name in the paper, such as "Figure 8".
    quantity : str
        What is plotted, in words.
    x, x_label, y_label : str
        Column and axis labels.
    unit : str
        Unit of differences: "points" (of percent) or "%" (of the published value).
    points : DataFrame
        Columns `layer`, the one that `x` names, `computed` (mean over draws with the median spread), `sd` (over draws),
        `low` and `high` (ends of the band of spreads), `published`, `reading_error` and `difference`.
    log_y : bool
        Whether the vertical axis is logarithmic.
    other_machine : str
        A warning, where the machine is not the figure's; empty if it is.
    """

    figure: str
    quantity: str
    x: str
    x_label: str
    y_label: str
    unit: str
    points: pd.DataFrame
    log_y: bool = False
    other_machine: str = ""

    @property
    def both(self) -> pd.DataFrame:
        """The points that the paper shows and that were computed."""
        return self.points.dropna(subset=["difference"])

    @property
    def mean_absolute_difference(self) -> float:
        """Mean of |computed - published| over `both`, in `unit`; NaN where there are none."""
        return float(self.both["difference"].abs().mean())

    def by_layer(self) -> pd.Series:
        """Mean absolute difference of each layer that the paper shows, smallest first."""
        sizes = self.both.assign(size=self.both["difference"].abs())
        return sizes.groupby("layer", sort=False)["size"].mean().sort_values()

    def table(self) -> pd.DataFrame:
        """Computed values, one row per layer."""
        return self._pivot("computed")

    def differences(self) -> pd.DataFrame:
        """Computed minus published, one row per layer, and the mean of their absolute values."""
        return self._pivot("difference").assign(**{"mean absolute": self.by_layer()})

    def _pivot(self, value: str) -> pd.DataFrame:
        known = self.points.dropna(subset=["computed"])
        order = list(dict.fromkeys(known["layer"]))
        return known.pivot(index="layer", columns=self.x, values=value).loc[order]

    def plot(self) -> plots.Figure:
        """Draw one small plot per layer."""
        return plots.panels.panels(self.points, self.x, self.x_label, self.y_label, log_y=self.log_y)

    @property
    def reading_error(self) -> float:
        """How exactly the figure can be read, in `unit`; NaN where nothing can be compared."""
        both = self.both
        error = 100 * both["reading_error"] / both["published"] if self.unit == "%" else both["reading_error"]
        return float(error.max())

    def answer(self) -> str:
        """Say what the figure shows and how near the computed one comes, as Markdown."""
        if self.both.empty:
            return f"{self.finding()}The paper's {self.figure} shows none of these points."
        return (
            f"{self.other_machine}{self.finding()}The computed {self.quantity} differs from the published one by "
            f"**{self.mean_absolute_difference:.1f} {self.unit}** on average, up or down; the values in the figure can "
            f"be read to within {self.reading_error:.1f} {self.unit}."
        )

    def finding(self) -> str:
        """Say what was computed, in a sentence that ends in a space; empty if there is nothing to say."""
        return ""

    def over_layers(self) -> pd.DataFrame:
        """Return the `mean` of the computed values over layers by `x`, and its standard deviation over draws, `sd`."""
        by_x = self.points.dropna(subset=["computed"]).groupby(self.x)
        error = by_x["sd"].apply(lambda sd: float(np.sqrt((sd**2).sum())) / len(sd))
        return pd.DataFrame({"mean": by_x["computed"].mean(), "sd": error})

    def error(self, layer: str, x: float) -> float:
        """Return two standard deviations over draws of a computed value; 0 with one draw."""
        sd = self.points.set_index(["layer", self.x])["sd"].loc[layer, x]
        return 0.0 if np.isnan(sd) else 2 * float(sd)

    def words(self) -> str:
        """How far computed and published are apart, as Markdown."""
        both = self.both
        if both.empty:
            return f"The paper's {self.figure} has none of the points computed here, so there is nothing to compare."
        bias = signed(both["difference"].mean(), "+.2f")
        return (
            f"{self.other_machine}Over the {len(both)} points that we compare, the mean of computed minus published "
            f"{self.quantity} is {bias} {self.unit}; the mean absolute difference is "
            f"**{self.mean_absolute_difference:.2f} {self.unit}**. {_ranked(self.by_layer())} "
            f"{in_words(self.places(), 'published points, allowing for the reading error')} {BAND_IS}{self._of_error()}"
        )

    def _of_error(self) -> str:
        """Say what the error bar of the answer is, after a space; empty if it has none."""
        stated = "±" in self.finding()
        return " In the answer, ± is two standard deviations over random draws of the layers." if stated else ""

    def places(self) -> pd.Series:
        """Tell for each point of `both` whether the published value is `inside`, `above` or `below` the band.

        The band reaches from the 10th to the 90th percentile of the spread of real pruned layers, and is wider by the
        reading error of the figure.
        """
        return placed(self.both, self.both["published"], self.both["reading_error"])


BAND_IS = (
    "The band reaches from weights spread evenly (as in the 10th percentile of real pruned layers) to weights spread "
    "unevenly (the 90th)."
)
"""What the band is, for a page."""


def of_draws(draws: int) -> str:
    """Say over how many draws of each layer the numbers of a table are averaged."""
    return "for one random draw of each layer" if draws == 1 else f"averaged over {draws} random draws of each layer"


def placed(rows: pd.DataFrame, values: pd.Series, slack: pd.Series | float = 0.0) -> pd.Series:
    """Tell whether values are `inside`, `above` or `below` the band from `low` to `high` of rows, wider by `slack`."""
    above, below = values > rows["high"] + slack, values < rows["low"] - slack
    return pd.Series(np.select([above, below], ["above", "below"], "inside"), rows.index)


def in_words(places: pd.Series, what: str) -> str:
    """Count places: "Of the 72 published points, **40** lie inside the band, 2 above it and 30 below it."."""
    inside, above, below = (int((places == place).sum()) for place in ("inside", "above", "below"))
    return f"Of the {len(places)} {what}, **{inside}** lie inside the band, {above} above it and {below} below it."


def _ranked(sizes: pd.Series) -> str:
    """Layers by their mean absolute difference, smallest first: all of a few, or the ends of many."""
    named = [f"{name} ({size:.1f})" for name, size in sizes.items()]
    if len(named) <= 4:
        return f"By layer, the mean absolute difference is: {', '.join(named)}."
    ends = f"smallest for {named[0]} and largest for {joined(named[:-4:-1])}"
    return f"By layer, the mean absolute difference is {ends}."


def series(
    name: str,
    runs: pd.DataFrame,
    value: str,
    scale: float,
    x: str,
    *,
    relative: bool = False,
    ends: Sequence[pd.DataFrame] = (),
) -> pd.DataFrame:
    """Join computed runs with a published figure: the points of `Series`.

    Parameters
    ----------
    name : str
        The figure's file in `data/published/`.
    runs : DataFrame
        From `eie.explore.sweep.sweep`.
    value : str
        Column of `runs` to average over draws, and of the file.
    scale : float
        What to multiply it by, to get the published unit.
    x : str
        The parameter.
    relative : bool
        Give differences in percent of the published value, instead of in its unit.
    ends : sequence of DataFrame
        Runs with the spreads at the ends of the band; without them it has no width.
    """
    layers = list(dict.fromkeys(runs["layer"]))
    over_draws = runs.groupby(["layer", x], sort=False)[value]
    mine = pd.DataFrame({"computed": scale * over_draws.mean(), "sd": scale * over_draws.std()})
    at_ends = [scale * end.groupby(["layer", x], sort=False)[value].mean() for end in ends] or [mine["computed"]]
    mine = mine.assign(
        low=pd.concat(at_ends, axis=1).min(axis=1), high=pd.concat(at_ends, axis=1).max(axis=1)
    ).reset_index()
    theirs = published.load(name).rename(columns={value: "published"})
    theirs = theirs.loc[theirs["layer"].isin(layers), ["layer", x, "published", "reading_error"]]
    points = mine.merge(theirs, on=["layer", x], how="outer")
    points["difference"] = points["computed"] - points["published"]
    if relative:
        points["difference"] *= 100 / points["published"]
    rank = {layer: i for i, layer in enumerate(layers)}
    return points.sort_values(["layer", x], key=lambda column: column.map(rank) if column.name == "layer" else column)


def machine_warning(machine: Machine) -> str:
    """Warn that the published numbers belong to another machine; empty text for the paper's machine.

    For example "**Not the paper's machine: 128 PEs instead of 64.** ".
    """
    paper = Machine()
    other = [
        f"{text.format(scale * getattr(machine, name))} instead of {scale * getattr(paper, name):g}"
        for name, (text, scale) in _NAMED.items()
        if getattr(machine, name) != getattr(paper, name)
    ]
    return (
        f"**Not the paper's machine: {', '.join(other)}.** The comparisons below are between two different machines. "
        if other
        else ""
    )
