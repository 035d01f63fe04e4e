"""Figures 6 and 7: speed-up and energy efficiency over the CPU, batch 1."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import hypot, sqrt

import numpy as np
import pandas as pd

from eie import chip, published
from eie.explore.sweep import geomean
from eie.machine import Machine
from eie.studies import claims_file, plots
from eie.studies.baselines import platforms
from eie.studies.claim import Estimate
from eie.studies.paper.series import machine_warning
from eie.studies.paper.setup import Setup, exhibit, usual
from eie.technology import paper_value
from eie.writing.words import percent_apart, signed, significant, with_error

GEOMEAN = "Geo Mean"
"""The figures' own name for their last group of bars."""

ROWS = {
    "CPU Dense": ("CPU", "dense"),
    "CPU Compressed": ("CPU", "sparse"),
    "GPU Dense": ("GPU", "dense"),
    "GPU Compressed": ("GPU", "sparse"),
    "mGPU Dense": ("mGPU", "dense"),
    "mGPU Compressed": ("mGPU", "sparse"),
    "EIE": ("EIE", "actual"),
}
"""The figures' labels, and the rows of Table IV that they are made of."""


HEADS = {
    "CPU Dense": ("CPU", "dense"),
    "CPU Compressed": ("CPU", "pruned"),
    "GPU Dense": ("GPU", "dense"),
    "GPU Compressed": ("GPU", "pruned"),
    "mGPU Dense": ("mobile GPU", "dense"),
    "mGPU Compressed": ("mobile GPU", "pruned"),
    "EIE": ("EIE", "from the tables"),
    "EIE, computed": ("EIE", "computed"),
    "CPU Dense, measured": ("current CPU", "dense"),
    "CPU Compressed, measured": ("current CPU", "pruned"),
}
"""Heads of the tables of values."""

LABEL_HEADS = HEADS | {"EIE": ("EIE", "label")}
"""Heads of the tables of the figures' labels."""


@dataclass(frozen=True, eq=False)
class Versus:
    """One of the two figures.

    Attributes
    ----------
    figure, quantity : str
        Its name in the paper, and what it plots.
    labels : DataFrame
        One row per layer and the geometric mean, one column per platform: what the figure's bars are labelled.
    derived : DataFrame
        The same, worked out from Table IV (and the published watts). NaN where the paper prints no watts.
    computed : Series
        EIE by layer and in the geometric mean, with the times computed here.
    circular : tuple of str
        Layers whose labels the watts were inferred from.
    measured : DataFrame, optional
        Further columns: the same for platforms measured on a machine of today.
    other_machine : str
        A warning, where the machine is not the paper's; empty if it is.
    error : float
        Two standard deviations over draws of the computed geometric mean, as a fraction of it; 0 with one draw.
    band : float
        How far layers at the ends of the band of spreads change that mean, as a fraction of it.
    rounding : float
        Two standard deviations of what rounded inputs and the draws of one run do to it, as a fraction; 0 where that
        was not computed.
    """

    figure: str
    quantity: str
    labels: pd.DataFrame
    derived: pd.DataFrame
    computed: pd.Series
    circular: tuple[str, ...] = ()
    measured: pd.DataFrame | None = None
    other_machine: str = ""
    error: float = 0.0
    band: float = 0.0
    rounding: float = 0.0

    def table(self) -> pd.DataFrame:
        """Values of the tables, one row per layer; what was measured; and EIE as computed."""
        known = [self.derived] if self.measured is None else [self.derived, self.measured]
        return pd.concat(known, axis=1).assign(**{"EIE, computed": self.computed})

    def unlike(self) -> pd.DataFrame:
        """The labels that do not follow from the tables, rounded as the figure rounds them."""
        decimals = {column: 1 if (self.labels[column] % 1).any() else 0 for column in self.labels}
        wrong = (self.derived.round(decimals) != self.labels) & self.checkable
        found = [(platform, layer) for platform in wrong for layer in wrong.index[wrong[platform]]]
        rows = [
            [platform, layer, self.labels.loc[layer, platform], self.derived.loc[layer, platform]]
            for platform, layer in found
        ]
        return pd.DataFrame(rows, columns=["platform", "layer", "label", "from the tables"])

    @property
    def checkable(self) -> pd.DataFrame:
        """Which labels can be checked: of layers, not 1 by definition, and not used to find the watts they rest on."""
        known = self.derived.notna()
        known.loc[GEOMEAN], known["CPU Dense"] = False, False
        known.loc[known.index.isin(self.circular)] = False
        return known

    @property
    def followed(self) -> tuple[int, int]:
        """How many labels follow from the tables, and how many could."""
        could = int(self.checkable.to_numpy().sum())
        return could - len(self.unlike()), could

    @property
    def whole_error(self) -> float:
        """Error bar of the computed mean, as a fraction of it: the band, and the rounding or else the draws."""
        return hypot(self.band, self.rounding or self.error)

    def plot(self) -> plots.Figure:
        """Bars, logarithmic: each platform with the pruned matrix, EIE as computed here, and the figure's labels."""
        names = {f"{name} Compressed": f"{name}, pruned matrix" for name in ("CPU", "GPU", "mGPU")}
        values = self.table()[[*names, "EIE, computed"]].rename(columns=names)
        labels = self.labels[[*names, "EIE"]].rename(columns=names | {"EIE": "EIE, computed"})
        colours = {column: plots.style.PLATFORM_COLOURS[column.split(",")[0]] for column in values}
        return plots.bars.bars_and_labels(values, labels, colours, f"{self.quantity}, CPU dense = 1")

    def answer(self) -> str:
        """Say how far EIE is ahead of the CPU, computed and published."""
        mean, label = self.computed[GEOMEAN], self.labels.loc[GEOMEAN, "EIE"]
        what = {
            "speed-up": "is **{} times as fast** as the paper's CPU",
            "energy efficiency": "takes **{} times less energy** than the paper's CPU if energy is taken as time × "
            "power",
        }[self.quantity]
        return (
            f"{self.other_machine}EIE {what.format(with_error(mean, mean * self.whole_error))} (geometric mean over "
            f"{len(self.computed) - 1} layers); the figure says {significant(label)}."
        )

    def error_words(self) -> str:
        """Say what the error of the computed mean is made of."""
        mean = self.computed[GEOMEAN]
        of_spread = (
            "Real pruned layers differ in how evenly their weights are spread: from the 10th to the 90th percentile, "
            f"the mean {self.quantity} changes by up to ± {significant(self.band * mean, 2)}."
        )
        if not (self.rounding or self.error):
            return of_spread
        other = "The rounding of published numbers and new draws" if self.rounding else "New random draws"
        return (
            f"{of_spread} {other} of the layers change it by ± "
            f"{significant((self.rounding or self.error) * mean, 2)}. The error bar, ± "
            f"{significant(self.whole_error * mean, 2)}, adds these two parts in quadrature."
        )

    def words(self) -> str:
        """Say whether the labels follow from the tables, how far the mean is from the paper's, and its error."""
        good, could = self.followed
        unlike = self.unlike()
        named = ", ".join(
            f"{platform} on {layer} ({label:g}; {value:.1f})"
            for platform, layer, label, value in unlike.itertuples(index=False)
        )
        table, label = self.derived.loc[GEOMEAN, "EIE"], self.labels.loc[GEOMEAN, "EIE"]
        mean = self.computed[GEOMEAN]
        above_table, above_label = (_above(mean / known) for known in (table, label))
        if significant(table) == significant(label):
            known, away = f"the figure and the tables both give {significant(label)}", f"{above_label} that"
        else:
            known = f"the figure says {significant(label)} and the tables give {significant(table)}"
            away = f"{above_table} the tables and {above_label} the label"
        inferred = [layer for layer in self.circular if layer in self.computed]
        if inferred:
            known += f"; the tables' mean contains {len(inferred)} layers whose CPU power we inferred from the figure"
        whole = f"{could} labels of single layers that can be checked"
        whole += " (those with published power)" if inferred else ""
        those = f"Of the {whole}, {good}" if len(unlike) else f"All {whole}"
        return (
            f"{those} follow from the published tables, rounded as in the figure"
            + (f". The others do not (label; value from the tables): {named}" if len(unlike) else "")
            + f". {self.other_machine}For the geometric mean of EIE, {known}. The computed times give "
            f"**{significant(mean)}**, which is {away}.\n\n{self.error_words()}"
        )

    def farthest(self) -> str:
        """Name the layer whose computed value is the farthest from the figure's label."""
        apart = self.computed.drop(GEOMEAN) / self.labels["EIE"].drop(GEOMEAN) - 1
        name = apart.abs().idxmax()
        return (
            f"EIE's computed {self.quantity} is farthest from its label for **{name}**: it is "
            f"{significant(self.computed[name])}, and the label is {self.labels.loc[name, 'EIE']:,g} "
            f"({signed(100 * apart[name], '+.0f')} %)."
        )


@exhibit("layers", "n_pe", "fifo_depth", "seed", "draws")
def figure6(setup: Setup) -> Versus:
    """Compute Figure 6: speed-up over the CPU's dense kernel.

    The geometric mean is over the layers chosen.
    """
    names = [benchmark.name for benchmark in setup.benchmarks]
    times = times_of_table4().loc[names]
    derived = times.rdiv(times["CPU Dense"], axis=0)
    computed = times["CPU Dense"] / _computed_us(setup)
    labels = labels_of("fig06", "speedup", names)
    measured = _measured(times["CPU Dense"])
    other = machine_warning(setup.machine())
    means = _with_mean(derived), _with_mean(computed)
    parts = _error(setup), _band(setup), _rounding(computed) if setup == Setup() else 0.0
    return Versus("Figure 6", "speed-up", labels, *means, (), measured, other, *parts)


@exhibit("layers", "n_pe", "fifo_depth", "seed", "draws")
def figure7(setup: Setup) -> Versus:
    """Compute Figure 7: energy of the CPU's dense kernel over that of each platform, energy being time x power.

    Watts of CPU and GPUs are the published ones (for NeuralTalk only the CPU's, which the figure implies). EIE's are
    those that the figure used for the paper's chip, scaled to another chip as the chip model says.
    """
    names = [benchmark.name for benchmark in setup.benchmarks]
    watts = watts_at_batch_1().reindex(names)
    times = times_of_table4().loc[names]
    energy = times * watts
    machine = setup.machine()
    eie_watts = watts["EIE"] * chip.power(machine) / chip.power(Machine())
    eie_us = _computed_us(setup)
    computed = energy["CPU Dense"] / (eie_us * eie_watts)
    derived = energy.rdiv(energy["CPU Dense"], axis=0)
    labels, other = labels_of("fig07", "energy_efficiency", names), machine_warning(machine)
    inferred = tuple(published.load("power").query("origin == 'implied'")["layer"].unique())
    means = _with_mean(derived), _with_mean(computed)
    rounding = hypot(_rounding(times["CPU Dense"] / eie_us), _rounding_of(watts["CPU Dense"]))
    parts = _error(setup), _band(setup), rounding if setup == Setup() else 0.0
    return Versus("Figure 7", "energy efficiency", labels, *means, inferred, None, other, *parts)


def against_measured(result: Versus) -> pd.DataFrame:
    """Speed-up of EIE, as computed here, over every way of computing a layer that was measured on a machine of today.

    Parameters
    ----------
    result : Versus
        From `figure6`.

    Returns
    -------
    DataFrame
        One row per platform, batch and variant, one column per layer and the geometric mean; empty where nothing was
        measured.
    """
    found = platforms.measured()
    if found is None:
        return pd.DataFrame()
    names = [name for name in result.computed.index if name != GEOMEAN]
    eie_us = times_of_table4()["CPU Dense"].loc[names] / result.computed[names]
    rows = found.rows.assign(row=found.rows["platform"].str.cat([found.rows["variant"]], sep=" "))
    rows["row"] += ", batch " + rows["batch"].astype(str)
    times = rows.pivot_table(index="row", columns="layer", values="time_us", sort=False).reindex(columns=names)
    return _with_mean((times / eie_us).T).T


def _measured(paper_us: pd.Series) -> pd.DataFrame | None:
    """Speed-up of a machine of today's CPU over the paper's, batch 1, or None where none was measured."""
    found = platforms.measured()
    if found is None:
        return None
    cpu = found.rows[(found.rows["platform"] == "CPU") & (found.rows["batch"] == 1)]
    times = cpu.pivot_table(index="layer", columns="variant", values="time_us").reindex(paper_us.index)
    columns = {"CPU Dense, measured": "dense", "CPU Compressed, measured": "sparse"}
    known = {name: paper_us / times[variant] for name, variant in columns.items() if variant in times}
    return _with_mean(pd.DataFrame(known))


def times_of_table4() -> pd.DataFrame:
    """Table IV at batch 1, microseconds: one row per layer, one column per platform."""
    table = published.load("table4")
    table = table[table["batch"] == 1].pivot(index="layer", columns=["platform", "variant"], values="time")
    return pd.DataFrame({label: table[row] for label, row in ROWS.items()})


def watts_at_batch_1() -> pd.DataFrame:
    """Published watts at batch 1, one row per layer, one column per platform; EIE's as the abstract gives them."""
    table = published.load("power")
    table = table[table["batch"] == 1].pivot(index="layer", columns=["platform", "variant"], values="power")
    columns = {label: table.get(row, np.nan) for label, row in ROWS.items()}
    return pd.DataFrame(columns).assign(EIE=paper_value("power-abstract") / 1000)


def labels_of(name: str, value: str, names: list[str]) -> pd.DataFrame:
    """Labels of Figure 6 or 7 by its file: one row per layer and the geometric mean, one column per platform."""
    table = published.load(name).pivot(index="layer", columns="platform", values=value)
    return table.loc[[*names, GEOMEAN], list(ROWS)].rename_axis(columns=None)


def _computed_us(setup: Setup) -> pd.Series:
    """EIE's times as computed here, microseconds, by layer."""
    return 1e6 * setup.sweep([setup.machine()]).groupby("layer", sort=False)["seconds"].mean()


def _error(setup: Setup) -> float:
    """Two standard deviations over draws of the geometric mean of EIE's times, as a fraction; 0 with one draw."""
    runs = setup.sweep([setup.machine()])
    means = runs.groupby("draw")["seconds"].agg(geomean)
    return float(2 * means.std() / means.mean()) if len(means) > 1 else 0.0


def _with_mean(values: pd.DataFrame | pd.Series) -> pd.DataFrame | pd.Series:
    """The values and, in a row of its own, their geometric mean; NaN where one of them is."""
    if isinstance(values, pd.Series):
        return pd.concat([values, pd.Series({GEOMEAN: geomean(values)})])
    return pd.concat([values, values.apply(geomean).to_frame(GEOMEAN).T])


def speedup(over: str) -> Estimate:
    """Compute how many times faster EIE is than a row of Figure 6, geometric mean of nine layers.

    Its error is the larger way to the ends of the band of spreads that real pruned layers have.
    """
    figure = usual(figure6)
    value = float(figure.computed[GEOMEAN] / figure.derived.loc[GEOMEAN, over])
    return Estimate(value, value * figure.band, "spread of the weights")


@exhibit("layers", "n_pe", "fifo_depth", "seed")
def over_band(setup: Setup) -> tuple[float, float]:
    """Compute the speed of layers as even, and as uneven, as the ends of the band over that of typical ones.

    The band reaches from the 10th to the 90th percentile of real pruned layers. One draw; the geometric mean.
    """
    return _over_band(setup)


def _over_band(setup: Setup) -> tuple[float, float]:
    typical = geomean(_computed_us(replace(setup, draws=1)))
    even, uneven = (typical / geomean(1e6 * end["seconds"]) for end in setup.ends([setup.machine()]))
    return even, uneven


def _band(setup: Setup) -> float:
    """Return the larger change of speed at the ends of the band, as a fraction."""
    return max(abs(end - 1) for end in _over_band(setup))


def _rounding(computed: pd.Series) -> float:
    """Return what rounded inputs and the draws do to the mean speed-up, as a fraction; for the usual setup only."""
    return claims_file.spreads()["speedup-over-cpu"] / geomean(computed)


def _rounding_of(values: pd.Series) -> float:
    """Return two standard deviations of what rounding printed values does to their geometric mean, as a fraction."""
    relative = values.map(published.half_digit) / sqrt(3) / values  # of an error that is uniform within half a digit
    return 2 * float(np.sqrt((relative**2).sum())) / len(values)


def _above(ratio: float) -> str:
    return percent_apart(100 * (ratio - 1), 1, ("above", "below"))


def _figure(name: str) -> Versus:
    return usual({"fig06": figure6, "fig07": figure7}[name])


def bar(figure: str, platform: str, layer: str = GEOMEAN) -> float:
    """Compute a bar of Figure 6 or 7 from the paper's own tables."""
    return float(_figure(figure).derived.loc[layer, platform])


def labels_that_follow(figure: str) -> float:
    """Compute the share of checkable labels of Figure 6 or 7 that follow from the paper's tables, %."""
    good, could = _figure(figure).followed
    return 100 * good / could


def compressed_gain(platform: str, of: str) -> float:
    """Divide dense by sparse on a platform, `"time"` or `"energy"`, geometric mean of Deep Compression's six layers."""
    times, watts = (_by_variant(file, column, platform) for file, column in (("table4", "time"), ("power", "power")))
    cost = times.loc[watts.index] * (watts if of == "energy" else 1)
    return geomean(cost["dense"] / cost["sparse"])


def _by_variant(file: str, column: str, platform: str) -> pd.DataFrame:
    """A platform's numbers at batch 1, one row per layer that has both variants."""
    table = published.load(file)
    table = table[(table["platform"] == platform) & (table["batch"] == 1)]
    return table.pivot(index="layer", columns="variant", values=column).dropna()
