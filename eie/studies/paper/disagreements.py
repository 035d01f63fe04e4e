"""Where the paper disagrees with itself: each case with both sides, what was computed, and which side holds."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from eie import chip, published
from eie._files import read_toml
from eie.cycles import simulate
from eie.explore.benchmarks import Benchmark, nine_layers, select
from eie.explore.sweep import geomean, sweep
from eie.interleaved import encode
from eie.machine import EIE_45NM, Machine
from eie.studies.paper import table4 as exhibit4
from eie.studies.paper.chip_claims import batches, cycles_saved, queue_holds
from eie.studies.paper.fig09 import left_product
from eie.studies.paper.format_example import padding_after
from eie.studies.paper.pe_counts import Figure11, figure11
from eie.studies.paper.versus_platforms import GEOMEAN, Versus, compressed_gain, figure6, figure7
from eie.technology import chip_facts, paper_value, pe_breakdown, sram

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ONE, BOTH, NEITHER, OPEN = "one side holds", "both hold", "neither holds", "it cannot be told"
"""How a case can end."""


@dataclass(frozen=True, slots=True)
class Said:
    """One side: what the paper says, and where.

    Attributes
    ----------
    place : str
        Where.
    what : str
        The value with its unit, or a few words.
    """

    place: str
    what: str


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One case.

    Attributes
    ----------
    title : str
        What it is about.
    said : tuple of Said
        The sides.
    computed : str
        What was computed, a sentence or more.
    ending : str
        One of `ONE`, `BOTH`, `NEITHER`, `OPEN`.
    holds : str
        Which side holds and why, in a sentence.
    """

    title: str
    said: tuple[Said, ...]
    computed: str
    ending: str
    holds: str

    def markdown(self) -> str:
        """The case as a section."""
        sides = "\n".join(f"- {said.what} ({said.place})" for said in self.said)
        return f"## {self.title}\n\n{sides}\n\n{self.computed}\n\n**{_capital(self.ending)}.** {self.holds}"


@dataclass(frozen=True, eq=False)
class Disagreements:
    """All cases.

    Attributes
    ----------
    cases : tuple of Disagreement
        In the order of the page.
    swapped : DataFrame
        Differences to Figure 11 in percent, a row a layer, as labelled and with labels swapped.
    """

    cases: tuple[Disagreement, ...]
    swapped: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """A row a case."""
        rows = [
            {"case": case.title, "sides": "; ".join(f"{said.what} ({said.place})" for said in case.said)}
            | {"ending": case.ending, "which": case.holds}
            for case in self.cases
        ]
        return pd.DataFrame(rows).set_index("case")

    def plot(self) -> Figure:
        """The case that a plot shows best: Figure 11 as labelled and with labels swapped."""
        from eie.studies.plots import bars

        frame = self.swapped.rename_axis("layer").reset_index()
        return bars.bars(frame, {name: name for name in self.swapped}, "difference to Figure 11, %")

    def words(self) -> str:
        """How the cases end."""
        count = {ending: sum(case.ending == ending for case in self.cases) for ending in (ONE, BOTH, NEITHER, OPEN)}
        listed = ", ".join(f"in {number} {ending}" for ending, number in count.items() if number)
        return f"There are **{len(self.cases)}** places where two statements do not fit together: {listed}."

    def contents(self) -> str:
        """The cases by how they end, each leading to its section, HTML."""
        groups = {
            ending: [case for case in self.cases if case.ending == ending] for ending in (ONE, BOTH, NEITHER, OPEN)
        }
        items = [
            f"<li><strong>{_capital(ending)}</strong>: {'; '.join(map(_link, cases))}.</li>"
            for ending, cases in groups.items()
            if cases
        ]
        return f"<ul>{''.join(items)}</ul>"

    def markdown(self) -> str:
        """All cases, a section each."""
        return "\n\n".join(case.markdown() for case in self.cases)


def disagreements(seed: int = 0) -> Disagreements:
    """Settle every known case, as far as computation can.

    Parameters
    ----------
    seed : int
        Names the random numbers of the layers that are run.
    """
    scaling = figure11(seed=seed)
    cases = [case(seed) for case in _CASES]
    return Disagreements((*cases, _figure11(scaling), _scaling(scaling)), scaling.swapped())


def _link(case: Disagreement) -> str:
    """A link to a case's section, whose id the book makes of its heading."""
    anchor = re.sub(r"[^\w\- ]", "", case.title.lower()).replace(" ", "-")
    return f'<a href="#{anchor}">{escape(case.title)}</a>'


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _number(value: float) -> str:
    return f"{value:,.10g}"


def _text(name: str, what: str = "") -> Said:
    """A number of the running text as one side."""
    row = published.row("text", id=name)
    return Said(row["place"], f"{what}{_number(row['value'])} {row['unit']}")


def _cell(what: str, file: str, column: str = "value", **where: Any) -> Said:
    """A cell of a table or figure as one side."""
    row = published.row(file, **where)
    return Said(row["place"], f"{what}{_number(float(row[column]))} {row['unit']}")


def _points(values: pd.Series) -> str:
    return ", ".join(f"{value:.1f} % ({name})" for name, value in values.items())


@cache
def _figure6(seed: int) -> Versus:
    return figure6(seed=seed)


@cache
def _table4(seed: int) -> pd.DataFrame:
    return exhibit4.table4(seed=seed).table()


def _power(_seed: int) -> Disagreement:
    watts = {said: paper_value(said) for said in ("power-abstract", "power-section-1")}
    followed = {mw: _labels_at(mw) for mw in watts.values()}
    first, second = watts.values()
    computed = chip.power(EIE_45NM)
    return Disagreement(
        "Power of the chip",
        (
            _text("power-abstract"),
            _text("power-section-1"),
            _text("power-section-8"),
            _cell("", "table5", platform="EIE 64PE", quantity="power"),
        ),
        f"Table II's PE times {EIE_45NM.n_pe} with the detection nodes is {computed:.1f} mW. Figure 7 shows what was "
        f"used: of EIE's {followed[first][1]} labels that can be checked, {followed[first][0]} follow from Table IV "
        f"and the published watts at {first:g} mW, and {followed[second][0]} at {second:g} mW, where labels are "
        f"{followed[second][2]:.1f} % off.",
        ONE,
        f"Figure 7 and all its averages rest on {first:g} mW. The sum of Table II is nearer to {second:g} mW, so "
        f"{first:g} is a rounding up, and the energy savings are understated by that much.",
    )


def _labels_at(milliwatts: float) -> tuple[int, int, float]:
    """EIE's labels of Figure 7 that follow at a power, how many could, and the mean difference in %."""
    figure = figure7()
    layers = list(figure.checkable.index[figure.checkable["EIE"]])
    scale = paper_value("power-abstract") / milliwatts
    labels, values = figure.labels.loc[layers, "EIE"], figure.derived.loc[layers, "EIE"] * scale
    return int((values.round() == labels).sum()), len(layers), float((100 * (values / labels - 1)).abs().mean())


def _redundant(seed: int) -> Disagreement:
    saved = cycles_saved(seed)
    zeros = pd.Series({layer.name: 100 * (1 - layer.act_density) for layer in nine_layers() if layer.act_density < 1})
    return Disagreement(
        "Cycles saved by skipping zero activations",
        (_text("redundant-cycles-section-1"), _text("redundant-cycles-section-6")),
        f"Running the {len(saved)} layers that have zero activations once as they are and once with full inputs saves "
        f"{saved.mean():.2f} % of the cycles on average; of their inputs {zeros.mean():.2f} % are zero.",
        OPEN,
        "The two numbers are nearer to each other than Table III's densities are exact. The computed mean supports "
        "either, and no way of averaging is given.",
    )


def _speedup_labels(seed: int) -> Disagreement:
    figure = _figure6(seed)
    unlike = figure.unlike()
    times = _table4(seed)
    said = [
        Said("ISCA 2016 Figure 6", f"{row.layer}: {row.label:g} times faster than the CPU")
        for row in unlike.itertuples()
    ]
    said += [Said("ISCA 2016 Table IV", f"{row.layer}: {row._4:.1f} times") for row in unlike.itertuples()]
    implied = {
        row.layer: published.row("table4", platform="CPU", batch=1, variant="dense", layer=row.layer)["time"]
        / row.label
        for row in unlike.itertuples()
    }
    listed = "; ".join(
        f"{layer}: the label implies {us:.1f} us, Table IV prints {times.loc[layer, 'published actual']:.1f}, computed "
        f"are {times.loc[layer, 'actual']:.1f}"
        for layer, us in implied.items()
    )
    return Disagreement(
        "Two speed-ups of Figure 6, and the average of all",
        (*said, *_geomean_sides(figure)),
        f"{listed}. The geometric mean of the labels is {geomean(figure.labels['EIE'].drop(GEOMEAN)):.1f}, that of "
        f"Table IV {figure.derived.loc[GEOMEAN, 'EIE']:.1f}, that of the computed times "
        f"{figure.computed[GEOMEAN]:.1f}.",
        ONE,
        "Table IV holds: the computed times of both layers are nearer to it. The labels, and with them the speed-up in "
        "the abstract, must come from other, longer times.",
    )


def _geomean_sides(figure: Versus) -> tuple[Said, Said]:
    table = figure.derived.loc[GEOMEAN, "EIE"]
    return _text("speedup-cpu", "average: "), Said("ISCA 2016 Table IV", f"average: {table:.1f} x")


def _frames(seed: int) -> Disagreement:
    rows = _table4(seed)
    alexnet = rows[rows.index.str.startswith("Alex")]
    theirs, mine = (1e6 / alexnet[column].sum() for column in ("published actual", "actual"))
    said = paper_value("alexnet-frames")
    return Disagreement(
        "Frames a second of AlexNet's fully-connected layers",
        (_text("alexnet-frames"), Said("ISCA 2016 Table IV", f"{theirs:,.0f} frames/s, from the three times")),
        f"The abstract's rate differs from that of Table IV by {100 * (said / theirs - 1):+.1f} %. The computed "
        "times give "
        f"{mine:,.0f} frames/s.",
        ONE,
        "Table IV is nearer to the computed rate, and its times are what the other results rest on; the "
        "abstract's rate "
        f"needs {1e6 / said - 1e6 / theirs:.1f} us more than the three layers take.",
    )


def _slowdown(seed: int) -> Disagreement:
    rows = _table4(seed)
    theirs = 100 * (rows["published actual"] / rows["published theoretical"] - 1)
    mine = 100 * (rows["actual"] / rows["theoretical"] - 1)
    limit = paper_value("slowdown-imbalance")
    return Disagreement(
        "How much longer the actual time is than the theoretical one",
        (
            _text("slowdown-imbalance", "about "),
            Said("ISCA 2016 Table IV", f"{theirs.min():.0f} to {theirs.max():.0f} %, by layer"),
        ),
        f"In Table IV the geometric mean is {_gain(theirs):.1f} % and the median {theirs.median():.1f} %; "
        f"{(theirs <= limit).sum()} of {len(theirs)} layers are at {limit:g} % or below. Computed, the geometric "
        "mean is "
        f"{_gain(mine):.1f} % and the median {mine.median():.1f} %.",
        ONE,
        "Table IV holds. The text's number describes a typical layer, not the average, which one layer (NT-We) raises.",
    )


def _gain(percent: pd.Series) -> float:
    return 100 * (geomean(1 + percent / 100) - 1)


def _clock(_seed: int) -> Disagreement:
    small, large = (
        float(published.row("table5", platform=name, quantity="throughput")["value"])
        for name in ("EIE 64PE", "EIE 256PE")
    )
    factor = large / small / paper_value("scaling-256-over-64")
    rule = chip.project(EIE_45NM, chip_facts()["technology"]["paper_nm"], chip_facts()["technology"]["projected_nm"])
    return Disagreement(
        "Clock of the projected chip",
        (
            _cell("", "table5", platform="EIE 256PE", quantity="clock"),
            Said("ISCA 2016 Table V", f"{factor * EIE_45NM.clock_hz / 1e6:,.0f} MHz, from its throughput"),
        ),
        f"The projected throughput is that of 64 PEs times the speed-up of footnote 3 times {factor:.3f}. By the "
        f"footnote's own rule, linear in the feature size, the clock is {rule.clock_hz / 1e6:,.0f} MHz.",
        ONE,
        "The throughput's clock follows the rule, rounded to two digits. The clock row does not, and nothing else in "
        "the table rests on it.",
    )


def _pointers(seed: int) -> Disagreement:
    bits = int(paper_value("pointer-bits"))
    held = chip.weights_held(EIE_45NM) // EIE_45NM.n_pe
    most = {layer.name: int(np.diff(encode(layer.draw(seed)[0], EIE_45NM).pe_start).max()) for layer in _largest()}
    beyond = {name: entries for name, entries in most.items() if entries > 2**bits}
    listed = ", ".join(f"{name} ({entries:,} in the fullest PE)" for name, entries in beyond.items())
    return Disagreement(
        "Bits of a pointer",
        (_text("pointer-bits"), _text("sram-spmat", f"{held:,} entries in ")),
        f"Pointers of {bits} bits reach {2**bits:,} entries, {100 * 2**bits / held:.0f} % of the memory; all of it "
        f"needs {(held - 1).bit_length()}. Of the nine layers, those with more than that are: {listed or 'none'}.",
        OPEN,
        "The pointers as described cannot reach the second half of the memory. A base address for each batch of "
        "columns would do; the paper mentions a start address, but not what it is added to.",
    )


def _largest() -> list[Benchmark]:
    """The layers that could have more entries than short pointers reach."""
    return [layer for layer in nine_layers() if layer.expected_entries / EIE_45NM.n_pe > 2**15]


def _pointer_sram(seed: int) -> Disagreement:
    runs = batches("VGG-6", seed)
    bits = int(paper_value("pointer-bits"))
    held = int(paper_value("sram-ptr") * 1024 * 8 / bits)
    needed = int(paper_value("largest-input")) + 1
    return Disagreement(
        "Pointers of the largest layer",
        (_text("largest-input", "runs with "), _text("sram-ptr", f"{held:,} pointers in ")),
        f"VGG-6 needs {needed:,} pointers. In batches of as many inputs as the registers hold there are "
        f"{len(runs)}, each "
        f"with at most {runs['inputs'].max() + 1:,} pointers and {runs['most'].max():,} entries a PE; all "
        "together take "
        f"{runs['cycles'].sum() / EIE_45NM.clock_hz * 1e6:.1f} us.",
        BOTH,
        "The layer runs, but its pointers do not all fit at once: they must be loaded batch by batch. The "
        "registers ask "
        "for batches as well; the time to load pointers is not in Table IV.",
    )


def _figure9(_seed: int) -> Disagreement:
    left, right = (
        left_product(),
        published.load("fig09_total").pivot(index="width_bits", columns="layer", values="energy"),
    )
    layer = "Alex-6"
    ratio = right[layer] / left
    wins = [name for name in right if right[name].idxmin() == paper_value("best-width")]
    return Disagreement(
        "Figure 9: the two panels, and the best width",
        (
            _text("best-width", "least energy at "),
            Said("ISCA 2016 Figure 9 left", f"least product at {left.idxmin()} bit"),
            Said("ISCA 2016 Figure 9 right", f"least sum of all layers at {right.sum(axis=1).idxmin()} bit"),
        ),
        f"The right panel's {layer} over the product of the left panel's curves is "
        f"{', '.join(f'{value:.2f}' for value in ratio)} from the narrowest to the widest. By the right panel, "
        f"{len(wins)} of {right.shape[1]} layers have their least at the chosen width ({', '.join(wins)}).",
        NEITHER,
        "The panels were drawn with different energies a read. Which width is best depends on them more than on the "
        "layers; the page on Figure 9 computes it under several tables of energies.",
    )


def _figure11(figure: Figure11) -> Disagreement:
    apart = figure.swapped()
    better = [name for name in apart.index if apart.loc[name, "swapped"] < apart.loc[name, "as labelled"]]
    means = apart.mean()
    return Disagreement(
        "Figure 11: AlexNet and VGG",
        tuple(_cell(f"{name} on 128 PEs: ", "fig11", "speedup", layer=name, n_pe=128) for name in ("Alex-7", "VGG-7")),
        f"Computed are {figure.table().loc['Alex-7', 128]:.0f} and {figure.table().loc['VGG-7', 128]:.0f}. Over "
        "all points "
        f"of the six layers the difference is {means['as labelled']:.1f} % as labelled and {means['swapped']:.1f} "
        "% with "
        f"labels swapped; {len(better)} of {len(apart)} layers come nearer. Figures 12 and 13 have the same layers "
        "under the names that fit.",
        ONE,
        "The labels of the two groups are swapped in Figure 11.",
    )


def _scaling(figure: Figure11) -> Disagreement:
    table = figure.table()
    gains = {name: table.loc[name, 256] / table.loc[name, 64] for name in ("Alex-7", "VGG-7")}
    from_figures = {name: _from_figures_12_13(name) for name in gains}
    said = paper_value("scaling-256-over-64")
    nearest = min(from_figures, key=lambda name: abs(from_figures[name] - said))
    return Disagreement(
        "Speed-up from 64 to 256 PEs",
        (
            _text("scaling-256-over-64"),
            Said("ISCA 2016 Figures 12 and 13", f"{from_figures['Alex-7']:.2f} x, from their points for Alex-7"),
        ),
        f"Figures 12 and 13 together give the speed-up, since work and balance are all there is to it: "
        f"{_times(from_figures)}. Computed: {_times(gains)}. Figure 11 cannot tell, its axis ends below.",
        OPEN,
        f"Footnote 3 says Table V's layer, but its number is nearest to {nearest}'s, as if labels were swapped "
        "here too.",
    )


def _from_figures_12_13(layer: str) -> float:
    """Speed of 256 PEs over 64 by Figures 12 and 13."""

    def quotient(file: str, column: str) -> float:
        many, few = (float(published.row(file, layer=layer, n_pe=n)[column]) for n in (256, 64))
        return many / few

    return 256 / 64 * quotient("fig12", "real_work") * quotient("fig13", "load_balance")


def _times(values: dict[str, float]) -> str:
    return ", ".join(f"{value:.2f} ({name})" for name, value in values.items())


def _jump(_seed: int) -> Disagreement:
    zeros = int(paper_value("max-zeros"))
    return Disagreement(
        "When a padding zero is needed",
        (_text("max-zeros", "beyond "), _text("max-jump", "beyond a jump of ")),
        f"With {zeros} zeros between two entries the encoder writes {padding_after(zeros)} padding zeros, with "
        f"{zeros + 1} it writes {padding_after(zeros + 1)}; {zeros} zeros are a jump of {zeros + 1} rows.",
        BOTH,
        "It is one rule: one place counts the zeros in between, the other the rows from entry to entry.",
    )


def _weight_bits(_seed: int) -> Disagreement:
    fc6 = published.row(
        "deep_compression", table=4, network="AlexNet", layer="fc6", variant="P+Q", quantity="weight_bits"
    )
    more = [
        published.row("deep_compression", table=6, variant=f"conv/fc bits 8/{bits}", quantity="top1_error_increase")[
            "value"
        ]
        for bits in (5, 4)
    ]
    return Disagreement(
        "Bits of a weight",
        (_text("weight-bits"), Said(fc6["place"], f"{_number(fc6['value'])} {fc6['unit']}")),
        f"Deep Compression's Table 6 puts the increase of the top-1 error at {more[0]:g} points with that many "
        "bits and "
        f"at {more[1]:g} with EIE's.",
        BOTH,
        "The networks of the benchmarks are compressed a little more than in the paper they are taken from. Accuracy "
        "changes hardly; whether the densities stay is not said, and Table III repeats them.",
    )


def _nt_we(seed: int) -> Disagreement:
    sections = {paper_value(f"nt-we-density-section-{section}"): section for section in ("6", "7")}
    off = _by_density("NT-We", sections, seed)
    nearest = str(off.mean(axis=1).idxmin())
    wins = int((off.idxmin() == nearest).sum())
    return Disagreement(
        "Weight density of NT-We",
        (
            _cell("", "table3", "weight_density_pct", layer="NT-We"),
            _text("nt-we-density-section-7"),
            _text("nt-we-density-section-6"),
        ),
        f"Mean differences of what is computed to what is published: {_listed_off(off)}.",
        ONE,
        f"A density of {nearest} fits better in {wins} of {off.shape[1]} comparisons. Two wholly different ones, "
        "of times and of "
        "padding zeros, agree in that.",
    )


def _by_density(name: str, percents: Any, seed: int) -> pd.DataFrame:
    """Differences to what is published in %, a row a density, a column a table or figure."""
    return pd.DataFrame({f"{percent:g} %": _off(_at_density(name, percent, seed)) for percent in percents}).T


def _listed_off(off: pd.DataFrame) -> str:
    return "; ".join(f"at {density}: {_points(row)}" for density, row in off.iterrows())


def _at_density(name: str, percent: float, seed: int) -> pd.DataFrame:
    (layer,) = select([name])
    machines = [Machine(n_pe=2**n) for n in range(9)]
    return sweep([replace(layer, weight_density=percent / 100)], machines, seed=seed).set_index("n_pe")


def _off(runs: pd.DataFrame) -> pd.Series:
    """Differences of one layer's runs to Table IV, Figure 12 and Figure 13 in %, mean of sizes."""
    name = str(runs["layer"].iloc[0])
    off = {}
    for row, column in (("theoretical", "theoretical_seconds"), ("actual", "seconds")):
        time = published.row("table4", platform="EIE", variant=row, layer=name)["time"]
        off[f"Table IV, {row}"] = abs(1e8 * runs.loc[EIE_45NM.n_pe, column] / time - 100)
    for figure, column in (("fig12", "real_work"), ("fig13", "load_balance")):
        points = published.load(figure).query("layer == @name").set_index("n_pe")[column]
        off[f"Figure {figure[3:]}"] = float((100 * (100 * runs[column] / points - 1)).abs().mean())
    return pd.Series(off)


def _technology(_seed: int) -> Disagreement:
    size = {
        name: float(published.row("table5", platform=name, quantity="technology")["value"]) for name in ("CPU", "GPU")
    }
    rule = chip.project(EIE_45NM, paper_value("technology"), size["GPU"])
    return Disagreement(
        "What is compared with what",
        (
            _cell("EIE: ", "table5", platform="EIE 64PE", quantity="technology"),
            *(_cell(f"{name}: ", "table5", platform=name, quantity="technology") for name in size),
        ),
        f"EIE's power is that of a layout without DRAM, the others' that of boards at work; the others' sparse kernels "
        f"read 32-bit weights. Projected to the GPU's process, EIE would be {rule.clock_hz / EIE_45NM.clock_hz:.2f} "
        "times faster at the same power.",
        OPEN,
        "The process counts against EIE, what is left out of its power counts for it. How much the latter is "
        "worth needs "
        "the boards.",
    )


def _totals(_seed: int) -> Disagreement:
    off = _totals_that_miss()
    worst = off.iloc[(off["over layers"] / off["total"] - 1).abs().argmax()]
    listed = "; ".join(
        f"{row.network}, {row.variant}: {row.total:g} % printed, {row._4:.2f} % over layers" for row in off.itertuples()
    )
    return Disagreement(
        "Deep Compression's totals",
        (
            Said(worst["place"], f"{worst['network']}, {worst['variant']}: {worst['total']:g} % of the size left"),
            Said(worst["place"], f"{worst['over layers']:.2f} % from the same table's layers"),
        ),
        f"Layers' sizes weighted with their weights should give the total. They miss it by more than what rounding of "
        f"the layers explains in: {listed}.",
        OPEN,
        "Either layers or totals were updated alone. EIE takes only densities of single layers from there.",
    )


def _totals_that_miss(more_than: float = 0.07) -> pd.DataFrame:
    """Totals of Deep Compression's Tables 2 to 5 that its layers do not give, by more than a fraction."""
    rows = []
    every = published.load("deep_compression")
    for number in range(2, 6):
        table = every[every["table"] == number]
        network, place = table[["network", "place"]].iloc[0]
        cells = table.pivot(index="layer", columns=["variant", "quantity"], values="value")
        layers, weights = cells.drop("total"), cells.drop("total")["original", "weights"]
        for variant in ("P+Q", "P+Q+H"):
            total = cells.loc["total", (variant, "size")]
            mean = float((layers[variant, "size"] * weights).sum() / weights.sum())
            if abs(mean / total - 1) > more_than:
                rows.append([network, variant, total, mean, place])
    return pd.DataFrame(rows, columns=["network", "variant", "total", "over layers", "place"])


def _sram_energy(_seed: int) -> Disagreement:
    setting, width = chip_facts()["sram"]["setting"], 32
    small, large = (sram(size, width, setting).read_pj for size in (32 * 1024, chip_facts()["sram"]["spmat_bytes"]))
    said = float(published.row("table1", operation="32 bit 32KB SRAM", quantity="energy")["value"])
    bar = float(published.row("fig09_reads", width_bits=width, quantity="energy_per_read")["value"])
    return Disagreement(
        "Energy of reading 32 bits from SRAM",
        (
            _cell("a memory of 32 KB: ", "table1", operation="32 bit 32KB SRAM", quantity="energy"),
            _cell("the matrix memory: ", "fig09_reads", width_bits=width, quantity="energy_per_read"),
        ),
        f"The memories are of different size. The figure's bar is {bar / said:.2f} times Table I's; the SRAM sweep "
        f"({setting}) has {small:.1f} and {large:.1f} pJ, {large / small:.2f} times.",
        BOTH,
        "The larger memory explains most of the difference.",
    )


def _labels_of_figure2(_seed: int) -> Disagreement:
    weights = published.load("fig02").query("what == 'weight'").astype({"row": int, "column": int})
    weights["at"] = [f"w{row},{column}" for row, column in zip(weights["row"], weights["column"], strict=True)]
    wrong = weights[weights["printed"] != weights["at"]]
    twice = [label for label in wrong["printed"] if label in set(weights["at"])]
    first = wrong.iloc[0]
    return Disagreement(
        "Labels in Figure 2",
        (
            Said(first["place"], f"an element labelled {first['printed']}"),
            Said(first["place"], f"which stands at {first['at']}, as {len(wrong) - 1} others stand elsewhere"),
        ),
        f"Misprinted are {', '.join(f'{row.printed} at {row.at}' for row in wrong.itertuples())}. Of these labels "
        f"{len(twice)} belong to another element as well ({', '.join(twice)}). None is on PE0, whose memory Figure 3 "
        "prints.",
        ONE,
        "The positions hold: by the labels one element would be there twice, and others would not match the row "
        "that they "
        "stand in.",
    )


def _queue(seed: int) -> Disagreement:
    depths = (2, 4, 8)
    machines = [Machine(fifo_depth=depth + more) for depth in depths for more in (0, 1)]
    runs = sweep(nine_layers(), machines, seed=seed).set_index(["layer", "fifo_depth"])["load_balance"] * 100
    figure = published.load("fig08").set_index(["layer", "fifo_depth"])["load_balance"]
    names = [layer.name for layer in nine_layers()]
    off = {
        more: float(np.mean([abs(runs[name, d + more] - figure[name, d]) for name in names for d in depths]))
        for more in (0, 1)
    }
    chosen = int(paper_value("fifo-depth"))
    return Disagreement(
        f"What a queue of depth {chosen} holds",
        (
            _text("fifo-depth"),
            Said("the authors' published simulator", f"a ring buffer of {chosen} slots, full at {queue_holds(chosen)}"),
        ),
        f"Read as slots of that ring buffer, depths {', '.join(map(str, depths))} of Figure 8 differ from what is "
        "computed "
        f"by {off[0]:.1f} points on average; read as what the queue holds, by {off[1]:.1f}. The figure has a "
        "depth of 1 "
        "as well, with which the ring buffer would hold nothing and never finish.",
        ONE,
        f"The figure's depths are slots: with depth {chosen}, {queue_holds(chosen)} activations wait at the most. What "
        "its depth 1 stands for cannot be told.",
    )


def _mobile_gpu(_seed: int) -> Disagreement:
    names = {"CPU": "cpu", "GPU": "gpu", "mGPU": "mgpu"}
    found = [
        f"{platform} {compressed_gain(platform, of):.2f} ({paper_value(f'dc-{key}-{name}'):g})"
        for key, of in (("speedup", "time"), ("energy", "energy"))
        for platform, name in names.items()
    ]
    return Disagreement(
        "How much faster pruned layers are on the mobile GPU",
        (
            _text("dc-speedup-mgpu", "time: "),
            Said("ISCA 2016 Table IV", f"{compressed_gain('mGPU', 'time'):.2f} x, from the same six layers' times"),
        ),
        f"Dense over pruned in the geometric mean, from the tables (in the text): time {', '.join(found[:3])}; energy "
        f"{', '.join(found[3:])}.",
        ONE,
        "The tables hold. All else follows from them, and the number in the text is the one that energy has.",
    )


def _flops(seed: int) -> Disagreement:
    table = published.load("table3").set_index("layer")
    product = table["weight_density_pct"] * table["act_density_pct"] / 100
    unlike = table.index[(product - table["flop_pct"]).abs() > 0.5]
    products = ", ".join(f"{name} {product[name]:.2f} %" for name in unlike)
    return Disagreement(
        "Multiplications left in Table III",
        tuple(_cell(f"{name}: ", "table3", "flop_pct", layer=name) for name in unlike),
        f"The product of the two densities printed in the same rows is {products}; everywhere else it rounds to "
        "what is "
        f"printed. {_lstm(seed)}",
        OPEN,
        "Densities a little above the printed ones would explain both: the tables were rounded apart, or from other "
        "averages.",
    )


def _lstm(seed: int) -> str:
    row = published.row("table3", layer="NT-LSTM")
    low, high = float(row["weight_density_pct"]), float(row["flop_pct"])
    off = _by_density("NT-LSTM", (low, (low + high) / 2, high), seed)
    return (
        f"What NT-LSTM's weight density was, its times and padding zeros tell: {_listed_off(off)}. "
        f"{off.mean(axis=1).idxmin()} fits best on average."
    )


def _sum_of_modules(_seed: int) -> Disagreement:
    sums = {group: sum(pe_breakdown("power", group).values()) for group in ("component", "module")}
    return Disagreement(
        "The sum of Table II",
        (
            _cell("", "table2", group="total", part="total", quantity="power"),
            Said("ISCA 2016 Table II", f"{sums['module']:.3f} mW, its modules added up"),
        ),
        f"The components add up to {sums['component']:.3f} mW; the areas add up either way.",
        BOTH,
        "Five rounded numbers may miss their rounded sum by that much.",
    )


def _dense_weights(_seed: int) -> Disagreement:
    held = chip.weights_held(EIE_45NM) / EIE_45NM.n_pe
    total = paper_value("max-parameters-64pe") / EIE_45NM.n_pe
    said = paper_value("pe-weights-dense")
    return Disagreement(
        "Weights of the dense model that one PE stands for",
        (
            _text("pe-weights-dense"),
            Said("ISCA 2016 Table V", f"{total:,.0f} weights, its largest model over {EIE_45NM.n_pe} PEs"),
        ),
        f"A PE holds {held:,.0f} entries. The text's number needs a density of {100 * held / said:.1f} %, Table V's "
        f"{100 * held / total:.1f} %.",
        BOTH,
        "Two densities stand behind them. Neither counts padding zeros, which take entries too.",
    )


def _one_input(seed: int) -> Disagreement:
    cases = exhibit4.at_measured_densities(seed=seed)
    (name,) = [read_toml("authors_layer.toml")["layer"]["benchmark"]]
    asked, measured = cases.loc["printed densities"], cases.loc["measured input density"]
    return Disagreement(
        "How full the input of Alex-8 is",
        (
            _cell("", "table3", "act_density_pct", layer=name),
            Said("the input that the authors published", f"{measured['inputs %']:.1f} %"),
        ),
        f"At the printed density the layer takes {asked['actual']:.1f} us, at the measured one "
        f"{measured['actual']:.1f}; "
        f"Table IV prints {asked['published actual']:.1f}.",
        ONE,
        "This layer of Table IV was timed on that one input, Table III has an average over many. The inputs of "
        "the other "
        "layers are not known, so whether the same is true of them cannot be told.",
    )


def _read_interval(seed: int) -> Disagreement:
    layer, activations = select(["Alex-6"])[0].draw(seed)
    report = simulate(layer, activations)
    time = float(published.row("table4", platform="EIE", variant="actual", layer="Alex-6")["time"])
    reads = float(published.row("fig09_reads", width_bits=EIE_45NM.spmat_width_bits, quantity="reads")["value"])
    theirs = time * 1e-6 * EIE_45NM.clock_hz * EIE_45NM.n_pe / reads
    return Disagreement(
        "Cycles between reads of the matrix memory",
        (
            _text("spmat-read-interval"),
            Said("ISCA 2016 Figure 9 left and Table IV", f"{theirs:.1f} cycles, from the reads and the time of Alex-6"),
        ),
        f"Computed are {report.cycles * report.n_pe / report.spmat_reads:.1f} for the same layer. Columns of "
        f"{report.entries / report.ptr_reads:.1f} entries on average do not begin where a row of the memory does.",
        ONE,
        "The reads of Figure 9 are nearer to the computed ones. The text's number is the bound for one long column.",
    )


def _stalls(_seed: int) -> Disagreement:
    one = published.row("fig13", layer="Alex-7", n_pe=1)
    return Disagreement(
        "What Figure 13 plots",
        (
            Said("ISCA 2016 Figure 13 caption", "cycles stalled, of all cycles"),
            Said(one["place"], f"{one['load_balance']:g} {one['unit']} with one PE, which has nobody to wait for"),
        ),
        f"Computed is {100 * _balance_of_one('Alex-7'):.1f} % of the cycles at work with one PE.",
        ONE,
        "The figure plots the complement of what the caption says, as the text on load balance defines it.",
    )


def _balance_of_one(name: str) -> float:
    return float(sweep(select([name]), [Machine(n_pe=1)])["load_balance"][0])


_CASES: tuple[Callable[[int], Disagreement], ...] = (
    _power,
    _redundant,
    _speedup_labels,
    _frames,
    _slowdown,
    _clock,
    _pointers,
    _pointer_sram,
    _read_interval,
    _queue,
    _figure9,
    _stalls,
    _jump,
    _weight_bits,
    _dense_weights,
    _nt_we,
    _flops,
    _one_input,
    _sum_of_modules,
    _technology,
    _labels_of_figure2,
    _sram_energy,
    _mobile_gpu,
    _totals,
)
"""Cases in the order of the page; those of Figure 11 come last."""
