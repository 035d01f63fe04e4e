"""Figure 9: how wide the sparse-matrix memory should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eie import _check, published
from eie.chip import memory_clock_hz
from eie.cycles import simulate
from eie.explore.benchmarks import Benchmark, select
from eie.interleaved import encode
from eie.machine import EIE_45NM, MAX_SPMAT_WIDTH_BITS, Machine
from eie.studies import plots
from eie.studies.claim import Margin
from eie.studies.paper.series import Series, machine_warning
from eie.studies.paper.setup import Setup, exhibit, usual
from eie.technology import chip_facts, paper_value, sram, sram_table

WIDTHS = (32, 64, 128, 256, 512)
"""Widths of the paper's figure, in bits."""

BARS, BY_MARKERS, BY_READS = "bars of the left panel", "right panel / left markers", "right panel / computed reads"

PRINTED = "right panel as printed"

MARKERS_LAYER = "Alex-6"
"""The layer whose reads the left panel's markers are (found by comparing; see `markers`)."""

ALL = "all together"


@dataclass(frozen=True, eq=False)
class Figure9:
    """Reads of the sparse-matrix memory, and their energy under every table of energies there is.

    Attributes
    ----------
    runs : DataFrame
        Columns `layer`, `width_bits`, `reads` (mean over draws) and `sd`.
    energies : DataFrame
        Energy of a read in pJ, one row per table: the figure's bars, two that its right panel implies, and the settings
        of the SRAM sweep; one column per width.
    other_machine : str
        A warning, where the machine is not the paper's; empty if it is.
    """

    runs: pd.DataFrame
    energies: pd.DataFrame
    other_machine: str = ""

    @property
    def layers(self) -> list[str]:
        """Names of the layers."""
        return list(dict.fromkeys(self.runs["layer"]))

    def reads(self) -> pd.DataFrame:
        """Computed reads, one row per layer, one column per width."""
        return self.runs.pivot(index="layer", columns="width_bits", values="reads").loc[self.layers]

    def table(self, energies: str = BY_MARKERS) -> pd.DataFrame:
        """Energy of all reads in nJ, one row per layer: computed reads times one table of energies."""
        return 1e-3 * self.reads() * self.energies.loc[energies]

    def panel(self) -> pd.DataFrame:
        """The figure's right panel in nJ, at the computed layers and widths that it has."""
        return _right_panel().reindex(index=self.layers, columns=self.reads().columns).dropna(how="all")

    def least(self) -> pd.DataFrame:
        """The width that takes the least energy: one row per table, one column per layer and one for their sum.

        The last row is the right panel itself; where its reading error does not tell, it lists all that may be.
        """
        rows = {}
        for name in self.energies.index:
            nj = self.table(name)
            rows[name] = pd.concat([nj, nj.sum().to_frame(ALL).T]).idxmin(axis=1).astype(str)
        panel = self.panel()
        if len(panel) == len(self.layers):
            rows[PRINTED] = panel.apply(_least_as_read, axis=1)
            rows[PRINTED][ALL] = _least_as_read(panel.sum(), len(panel))
        return pd.DataFrame(rows).T[[*self.layers, ALL]]

    def markers(self) -> pd.DataFrame:
        """The left panel's markers beside each layer's computed reads and AlexNet's sum: mean difference in %."""
        theirs = _left_panel("reads").reindex(self.reads().columns).dropna()
        mine = self.reads()[theirs.index]
        alexnet = mine[mine.index.str.startswith("Alex")]
        if len(alexnet) > 1:
            mine = pd.concat([mine, alexnet.sum().to_frame("AlexNet's layers together").T])
        off = 100 * (mine / theirs - 1)
        return off.assign(**{"mean size": off.abs().mean(axis=1)}).sort_values("mean size")

    def series(self, energies: str = BY_MARKERS) -> Series:
        """Computed energy beside the right panel."""
        pj = self.runs["width_bits"].map(self.energies.loc[energies])
        mine = self.runs.assign(computed=1e-3 * self.runs["reads"] * pj, sd=1e-3 * self.runs["sd"] * pj)
        theirs = published.load("fig09_total").rename(columns={"energy": "published"})
        points = mine.merge(
            theirs[["layer", "width_bits", "published", "reading_error"]], on=["layer", "width_bits"], how="left"
        )
        points["difference"] = 100 * (points["computed"] / points["published"] - 1)
        return Series(
            "Figure 9",
            "energy of reading the matrix",
            "width_bits",
            "width of a read, bits",
            "energy of all reads, nJ",
            "%",
            points,
            log_y=True,
        )

    def plot(self) -> plots.Figure:
        """Reads and energy of a read; energy of all reads of each layer."""
        name = MARKERS_LAYER if MARKERS_LAYER in self.layers else self.layers[0]
        left = pd.DataFrame(
            {
                "reads": self.reads().loc[name] / 1e3,
                "published reads": _left_panel("reads") / 1e3,
                "published bars": _left_panel("energy_per_read"),
                "implied": self.energies.loc[BY_MARKERS],
                "sweep": self.energies.loc[chip_facts()["sram"]["setting"]],
            }
        ).loc[self.reads().columns]
        sweep_label = f"SRAM sweep, {chip_facts()['sram']['setting']}"
        return plots.points.reads_and_energy(left, name, sweep_label, self.series().points)

    def plot_layers(self) -> plots.Figure:
        """The right panel, a small plot a layer, published and computed."""
        return self.series().plot()

    def answer(self) -> str:
        """Say which width takes the least energy, by how many tables of read energies."""
        best, sums = f"{paper_value('best-width'):.0f}", self.least()[ALL].reindex(self.energies.index)
        others = sorted({int(width) for width in sums} - {int(best)})
        instead = f"; with the other tables, the best width is {' or '.join(map(str, others))} bits" if others else ""
        return (
            f"{self.other_machine}The best width depends on the memory. The paper chooses {best} bits, which take the "
            f"least energy for all layers together with **{(sums == best).sum()} of {len(sums)}** tables of read "
            f"energies{instead}. {self._of_clock()}"
        )

    def _of_clock(self) -> str:
        """Say which widths our memory model cannot read once per cycle, and which of the others takes the least."""
        default, widths = chip_facts()["sram"]["setting"], [int(width) for width in self.energies.columns]
        cycle = {width: 1e9 / memory_clock_hz(replace(EIE_45NM, spmat_width_bits=width)) for width in widths}
        allowed = 1e9 / EIE_45NM.clock_hz
        slow = [width for width in widths if cycle[width] > allowed]
        quick = [width for width in widths if cycle[width] <= allowed]
        if not slow or not quick:
            return ""
        best = self.table(default).sum()[quick].idxmin()
        return (
            f"Reads of {' and '.join(map(str, slow))} bits are too slow for the paper's clock: in our memory model, "
            f"such a read takes {max(cycle.values()):.2f} ns, and a clock cycle {allowed:.2f} ns. Of the widths that "
            f"are fast enough, {best} bits take the least energy in this model."
        )

    def words(self) -> str:
        """Whose reads the markers are, which energies the panels imply, and which width is best where."""
        if not self.panel().size:
            return f"The paper's Figure 9 has none of these layers. {self._of_sum()}"
        return (
            f"{self.other_machine}{self._why()}\n\n{self._of_best()}\n\n{self._of_energies()}\n\n{self._of_markers()}"
        )

    def _why(self) -> str:
        """Say what a step to the next width saves in reads and costs in energy, with the figure's own energies."""
        reads, widths = self.reads().sum(), list(self.energies.columns)
        fewer = [reads[a] / reads[b] for a, b in pairwise(widths)]
        dearer = [self.energies.loc[BARS, b] / self.energies.loc[BARS, a] for a, b in pairwise(widths)]
        pairs = [f"from {a} to {b} bits" for a, b in pairwise(widths)]
        steps = [
            f"{pair}, a factor of {less:.2f} fewer reads, each at {more:.2f} times the energy"
            for pair, less, more in zip(pairs, fewer, dearer, strict=True)
        ]
        saving = [pair for pair, less, more in zip(pairs, fewer, dearer, strict=True) if less > more]
        return (
            "**Why there is a best width.** A wider read pays off as long as it saves more in reads than it costs in "
            f"energy per read. For all layers together, with the energies of the figure's left panel: "
            f"{'; '.join(steps)}. The steps that save energy: {', '.join(saving) or 'none'}. The number of reads falls "
            "by less than the width grows, because the entries of a column often end before the memory row does."
        )

    def _of_markers(self) -> str:
        off = self.markers()
        first = off.index[0]
        second = f"; the next is {off.index[1]} ({off['mean size'].iloc[1]:.0f} %)" if len(off) > 1 else ""
        return (
            f"The figure says only that its left panel was measured on AlexNet. Its markers are closest to the "
            f"computed reads of **{first}** alone, from which they differ by {off['mean size'].iloc[0]:.0f} % on "
            f"average{second}."
        )

    def _of_energies(self) -> str:
        said = [f"{self.series(name).mean_absolute_difference:.1f} % ({name})" for name in self.energies.index]
        bars, implied = self.energies.loc[BARS], self.energies.loc[BY_MARKERS]
        return (
            f"**The two panels do not agree.** The energies of the right panel divided by the reads of the left panel "
            f"are {_numbers(implied)} pJ per read at {_numbers(pd.Series(implied.index))} bits; the bars of the left "
            f"panel show {_numbers(bars)} pJ. So we can check the energies of the layers only for a given table of "
            f"read energies. Computed reads times the energies of a table differ from the right panel by the following "
            f"mean over its points: {'; '.join(said)}. (We derived the table *{BY_READS}* from the right panel, as a "
            f"median over the layers, so its value shows only how the layers differ from each other.)"
        )

    def _of_best(self) -> str:
        least, best = self.least(), f"{paper_value('best-width'):.0f}"
        layers = least.drop(columns=ALL)
        wins = (layers == best).sum(axis=1)
        return (
            f"**Is {best} bits best?** For single layers it seldom is: under no table of read energies do more than "
            f"{wins.max()} of the {len(layers.columns)} layers take the least energy at this width. {self._of_left()} "
            f"{self._of_sum()} {self._of_sweep()}"
        )

    def _of_sweep(self) -> str:
        default = chip_facts()["sram"]["setting"]
        reads, first, last = self.reads().sum(), self.energies.columns[0], self.energies.columns[-1]
        dearer = self.energies[last] / self.energies[first]
        return (
            f"In our memory model ({default}), a read of {last} bits takes {dearer[default]:.1f} times the energy of a "
            f"read of {first} bits; the ratio is {dearer[BY_MARKERS]:.1f} by the right panel and {dearer[BARS]:.1f} by "
            f"the bars. The number of reads of all layers falls by a factor of {reads[first] / reads[last]:.1f}. The "
            f"best width therefore depends more on the memory than on the layers."
        )

    def _of_left(self) -> str:
        least = left_product().reindex(self.reads().columns).idxmin()
        return f"The product of the left panel's two curves has its minimum at {least} bits."

    def _of_sum(self) -> str:
        sums = self.least()[ALL]
        said = [f"{width} bits with {', '.join(sums.index[sums == width])}" for width in dict.fromkeys(sums)]
        return f"All layers together take the least energy at {'; at '.join(said)}."


@exhibit("layers", "n_pe", "seed", "draws", "own_layers")
def figure9(setup: Setup, widths: Sequence[int] = WIDTHS) -> Figure9:
    """Compute Figure 9.

    Parameters
    ----------
    widths : sequence of int
        Bits of one read, each one that the SRAM sweep has.
    """
    bits = _check.integers("widths", widths, 8, MAX_SPMAT_WIDTH_BITS)
    tables = _documented(bits)
    found = setup.sweep([setup.machine(spmat_width_bits=width) for width in bits])
    over_draws = found.rename(columns={"spmat_width_bits": "width_bits"}).groupby(["layer", "width_bits"], sort=False)
    reads = over_draws["spmat_reads"]
    runs = pd.DataFrame({"reads": reads.mean(), "sd": reads.std(ddof=0)}).reset_index()
    return Figure9(runs, _energies(tables, runs), machine_warning(setup.machine()))


def _documented(widths: Sequence[int]) -> pd.DataFrame:
    """Energy of a read under the settings of the SRAM sweep that have all these widths, pJ."""
    size, default = chip_facts()["sram"]["spmat_bytes"], chip_facts()["sram"]["setting"]
    for width in widths:
        sram(size, width, default)  # says which widths there are
    sweep = sram_table()[lambda table: table["size"] == size]
    return sweep.pivot(index="setting", columns="width", values="read_pJ")[list(widths)].dropna()


def _energies(settings: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    reads = runs.pivot(index="layer", columns="width_bits", values="reads")
    panel = _right_panel()
    figure = {
        BARS: _left_panel("energy_per_read"),
        BY_MARKERS: 1e3 * panel.loc[MARKERS_LAYER] / _left_panel("reads"),
        BY_READS: (1e3 * panel.reindex(reads.index) / reads).median(),
    }
    rows = pd.DataFrame(figure).T.reindex(columns=reads.columns).dropna()  # no layer of the paper: nothing implied
    order = [chip_facts()["sram"]["setting"]]
    order += [name for name in settings.index if name not in order]
    return pd.concat([rows, settings.loc[order]])


def _left_panel(quantity: str) -> pd.Series:
    return published.load("fig09_reads").query("quantity == @quantity").set_index("width_bits")["value"]


def _right_panel() -> pd.DataFrame:
    return published.load("fig09_total").pivot(index="layer", columns="width_bits", values="energy")


def _least_as_read(energies: pd.Series, added: int = 1) -> str:
    """All widths that may have the least energy, given how exactly each of the numbers added can be read."""
    error = added * float(published.load("fig09_total")["reading_error"].max())
    return ", ".join(str(width) for width in energies.index[energies <= energies.min() + 2 * error])


def _numbers(values: pd.Series) -> str:
    return ", ".join(f"{value:.3g}" for value in values)


@dataclass(frozen=True, eq=False)
class Runs:
    """Reads of one layer when its non-zero inputs come in runs.

    Attributes
    ----------
    layer : str
        The layer.
    rows : DataFrame
        Columns `run` (mean length), `width_bits`, `reads`, and `difference` to the left panel's markers in percent.
    """

    layer: str
    rows: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """Differences to the markers in percent, one row per mean length, by width, and their mean size."""
        wide = self.rows.pivot(index="run", columns="width_bits", values="difference")
        wide.index = pd.Index([f"{run:.2f}" for run in wide.index], name="run")
        return wide.assign(**{"mean size": wide.abs().mean(axis=1)})

    def words(self) -> str:
        """Which length of runs fits."""
        sizes = self.table()["mean size"]
        return (
            f"With runs of {sizes.idxmin()} inputs on average, the reads of {self.layer} are {sizes.min():.1f} % "
            f"away from the markers, on average over the widths; with inputs independent of each other (runs of "
            f"{sizes.index[0]}) they are {sizes.iloc[0]:.1f} % away."
        )


def in_runs(
    lengths: Sequence[float] = (2.0, 2.5, 3.0, 4.0), widths: Sequence[int] = WIDTHS, n_pe: int = 64, seed: int = 0
) -> Runs:
    """Run the layer of the left panel's markers on inputs whose non-zero ones stand together.

    Parameters
    ----------
    lengths : sequence of float
        Mean lengths of the runs, each at least that of independent inputs, which is always among them.
    widths, n_pe, seed
        As for `figure9`.
    """
    (benchmark,) = select([MARKERS_LAYER])
    markers = _left_panel("reads")
    bits = _check.integers("widths", widths, 8, MAX_SPMAT_WIDTH_BITS)
    machines = [Machine(n_pe=n_pe, spmat_width_bits=width) for width in bits]
    layer, _ = benchmark.draw(seed)
    mem = encode(layer, machines[0])
    rows = []
    independent = 1 / (1 - benchmark.act_density)
    for run in [independent, *(_run_length(length, independent) for length in lengths)]:
        inputs = draw_runs(benchmark, run, np.random.default_rng(seed))
        for machine in machines:
            reads = simulate(mem, inputs, machine).spmat_reads
            rows.append({"run": run, "width_bits": machine.spmat_width_bits, "reads": reads})
    found = pd.DataFrame(rows)
    found["difference"] = 100 * (found["reads"] / found["width_bits"].map(markers) - 1)
    return Runs(benchmark.name, found)


def _run_length(length: float, independent: float) -> float:
    value = _check.positive("each of lengths", length)
    if value < independent:
        raise ValueError(
            f"each of lengths must be at least {independent:.3g}, as of independent inputs, got {length!r}"
        )
    return value


def draw_runs(benchmark: Benchmark, run: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Inputs of a layer, as many not 0 as its density says, in runs of a given mean length with gaps between them."""
    ones = round(benchmark.n_in * benchmark.act_density)
    n_runs = min(max(round(ones / run), 1), benchmark.n_in - ones)
    lengths = _parts(ones, n_runs, rng)
    gaps = _parts(benchmark.n_in - ones, n_runs, rng)
    values = np.tile(np.array([0.0, 1.0], dtype=np.float32), n_runs)
    return np.repeat(values, np.column_stack([gaps, lengths]).ravel())


def _parts(whole: int, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """`whole` cut into `n` parts of at least 1, every way as likely."""
    cuts = np.sort(rng.choice(whole - 1, n - 1, replace=False)) + 1
    return np.diff(np.concatenate([[0], cuts, [whole]]))


def difference() -> float:
    """Compute the mean absolute difference of Figure 9's right panel to computed reads times implied energies, %."""
    return usual(figure9).series().mean_absolute_difference


def best_width(width: int, energies: str) -> Margin:
    """Compute how much more the next best width takes than this one, all layers together, by a table of energies, %."""
    total = usual(figure9).table(energies).sum()
    return Margin(100 * float(total.drop(width).min() / total[width] - 1))


def left_product() -> pd.Series:
    """Figure 9's left panel, reads times energy of a read in nJ, by width."""
    return 1e-3 * _left_panel("reads") * _left_panel("energy_per_read")
