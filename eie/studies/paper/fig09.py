"""Figure 9: how wide the sparse-matrix memory should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import pandas as pd

from eie import _check, published
from eie.chip import memory_clock_hz
from eie.machine import EIE_45NM, MAX_SPMAT_WIDTH_BITS
from eie.studies import plots
from eie.studies.claim import Margin
from eie.studies.paper.series import Series, machine_warning
from eie.studies.paper.setup import Setup, exhibit, usual
from eie.technology import chip_facts, paper_value, sram, sram_table
from eie.writing.words import from_to, joined, significant

WIDTHS = (32, 64, 128, 256, 512)
"""Widths of the paper's figure, in bits."""

BARS, BY_MARKERS, BY_READS = "bars of the left panel", "right panel / left markers", "right panel / computed reads"

PRINTED = "right panel as published"

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
        """The left panel's markers beside each layer's computed reads and AlexNet's sum: difference in %."""
        theirs = left_panel("reads").reindex(self.reads().columns).dropna()
        mine = self.reads()[theirs.index]
        alexnet = mine[mine.index.str.startswith("Alex")]
        if len(alexnet) > 1:
            mine = pd.concat([mine, alexnet.sum().to_frame("AlexNet's layers together").T])
        off = 100 * (mine / theirs - 1)
        return off.assign(**{"mean absolute": off.abs().mean(axis=1)}).sort_values("mean absolute")

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
                "published reads": left_panel("reads") / 1e3,
                "published bars": left_panel("energy_per_read"),
                "implied": self.energies.loc[BY_MARKERS],
                "sweep": self.energies.loc[chip_facts()["sram"]["setting"]],
            }
        ).loc[self.reads().columns]
        sweep_label = f"SRAM sweep, {chip_facts()['sram']['setting']}"
        return plots.points.reads_and_energy(left, name, sweep_label, self.series().points)

    def plot_layers(self) -> plots.Figure:
        """The right panel, one small plot per layer, published and computed."""
        return self.series().plot()

    def answer(self) -> str:
        """Say which width takes the least energy, by how many tables of read energies."""
        best, widths = int(paper_value("best-width")), [int(width) for width in self.energies.columns]
        if len(widths) == 1:
            return f"{self.other_machine}Only reads of {widths[0]} bits were computed, so there is nothing to compare."
        sums = self.least()[ALL].reindex(self.energies.index).astype(int)
        others, wins = self._others(sorted(set(sums) - {best})), int((sums == best).sum())
        where = "all layers together" if len(self.layers) > 1 else self.layers[0]
        if wins:
            found = (
                f"With **{wins} of {len(sums)}** tables of read energies, reads of {best} bits, the paper's choice, "
                f"take the least energy for {where}"
                + (f"; with the other tables, reads of {others} do." if others else ".")
            )
        else:
            found = (
                f"With each of the {len(sums)} tables of read energies, reads of {others} take the least energy for "
                f"{where}; the paper's choice, {best} bits, "
                + ("takes more." if best in widths else "is not among the widths computed here.")
            )
        return f"{self.other_machine}{found} {self._of_panel(best)}".rstrip()

    def _others(self, widths: Sequence[int]) -> str:
        """List widths, and name the widest that was computed; empty if there are none."""
        if not widths:
            return ""
        widest = "" if len(widths) == 1 else f"{widths[-1]} bits are "
        return f"{joined(widths, ' or ')} bits" + (
            f" ({widest}the widest reads here)" if widths[-1] == self.energies.columns[-1] else ""
        )

    def _of_panel(self, best: int) -> str:
        """Say at which width the published right panel takes the least energy, where the paper chooses another."""
        panel, least = self.panel(), self.least()[ALL]
        if PRINTED not in least or best not in panel or str(best) in (widths := least[PRINTED].split(", ")):
            return ""
        total, over = panel.sum(), ", added up over the layers" if len(panel) > 1 else ""
        return (
            f"In the right panel of the paper's figure{over}, {joined(widths, ' or ')} bits take "
            f"the least energy, and {best} bits take {100 * (total[best] / total.min() - 1):.1f} % more."
        )

    def of_clock(self) -> str:
        """Say which widths our memory model cannot read once per cycle, and which of the others takes the least."""
        default, widths = chip_facts()["sram"]["setting"], [int(width) for width in self.energies.columns]
        cycle = {width: 1e9 / memory_clock_hz(replace(EIE_45NM, spmat_width_bits=width)) for width in widths}
        allowed = 1e9 / EIE_45NM.clock_hz
        slow = [width for width in widths if cycle[width] > allowed]
        quick = [width for width in widths if cycle[width] <= allowed]
        if not slow:
            which = "all of these widths" if len(widths) > 1 else f"{widths[0]} bits"
            return f"In our memory model, reads of {which} can start in every clock cycle of {allowed:.2f} ns."
        said = (
            f"Reads of {joined(slow)} bits are too slow for the paper's clock: in our memory model, the memory can "
            f"start such a read only every {max(cycle.values()):.2f} ns, but a clock cycle is {allowed:.2f} ns."
        )
        if len(quick) < 2:
            return said + (f" Of these widths, only {quick[0]} bits are fast enough." if quick else "")
        best = self.table(default).sum()[quick].idxmin()
        return f"{said} Of the widths that are fast enough, {best} bits take the least energy in this model."

    def words(self) -> str:
        """Say which width is best where, and that the panels imply different energies."""
        if not self.panel().size:
            return f"The paper's Figure 9 has none of these layers. {self._of_sum()}"
        return self.other_machine + "\n\n".join(filter(None, [self._of_best(), self._of_energies()]))

    def steps(self) -> pd.DataFrame:
        """Compute what all layers save at each step in width: fewer reads, and energy with the left panel's bars."""
        reads, energy = self.reads().sum(), self.energies.loc[BARS]
        rows = {
            f"from {a} to {b} bits": {
                "fewer reads, factor": reads[a] / reads[b],
                "energy of one read, factor": energy[b] / energy[a],
                "energy of all reads, factor": reads[b] * energy[b] / (reads[a] * energy[a]),
            }
            for a, b in pairwise(self.energies.columns)
        }
        return pd.DataFrame.from_dict(rows, orient="index")

    def why(self) -> str:
        """Say which steps to a wider read save energy, with the figure's own energies."""
        steps = self.steps()
        if steps.empty:
            return "Only one width was computed, so there is no step to a wider read."
        saving = list(steps.index[steps["energy of all reads, factor"] < 1])
        only = f"only the step{'s' if len(saving) > 1 else ''} {joined(saving)} save{'' if len(saving) > 1 else 's'}"
        return (
            "A wider read pays off as long as it saves more in reads than it costs in energy per read. For all layers "
            "together, with the energies of the figure's left panel, "
            f"{only if saving else 'no step to a wider read saves'} energy. {self._of_reads()}{self._of_sweep()}"
        )

    def _of_reads(self) -> str:
        """Say why the reads fall by less than the width grows; empty unless they do, by a tenth, in most layers."""
        reads = self.reads()
        first, last = reads.columns[0], reads.columns[-1]
        less = reads[first] / reads[last] < 0.9 * last / first
        if less.mean() <= 0.5:
            return ""
        return (
            f"In {'most layers' if len(less) > 1 else 'this layer'}, the number of reads falls by less than the width "
            "grows, because the entries of a column often end before the memory row does and the next column is not "
            "needed, as its input is zero. "
        )

    def of_markers(self) -> str:
        """Say whose reads the markers of the left panel are."""
        off = self.markers()
        first = off.index[0]
        second = f"; the next is {off.index[1]} ({off['mean absolute'].iloc[1]:.0f} %)" if len(off) > 1 else ""
        return (
            f"The figure says only that its left panel was measured on AlexNet. The markers are closest to the "
            f"computed reads of **{first}** alone, from which they differ by {off['mean absolute'].iloc[0]:.0f} % on "
            f"average{second}."
        )

    def distances(self) -> pd.DataFrame:
        """Return `energies`, and by how much computed reads times each of them differ from the right panel, %."""
        away = [self.series(name).mean_absolute_difference for name in self.energies.index]
        return self.energies.assign(**{"mean absolute difference from the right panel, %": away})

    def _of_energies(self) -> str:
        away = self.distances().iloc[:, -1]
        return (
            f"{self._of_panels()}Computed reads times the implied energies differ from the right "
            f"panel by {away[BY_MARKERS]:.1f} % on average; with the bars, the difference is {away[BARS]:.1f} %."
        )

    def _of_panels(self) -> str:
        """Say by how much the energy per read grows with the width in either panel; empty for a single width."""
        bars, implied = self.energies.loc[BARS], self.energies.loc[BY_MARKERS]
        first, last = self.energies.columns[0], self.energies.columns[-1]
        if first == last:
            return (
                f"The *implied* energy of a read is that of {MARKERS_LAYER} in the right panel divided by the reads of "
                "the left panel. "
            )
        grows, grows_by_panel = bars[last] / bars[first], implied[last] / implied[first]
        return (
            f"**The two panels do not agree.** From {first} to {last} bits, the energy per read grows by a factor of "
            f"{significant(grows, 2)} in the bars of the left panel, but {'only ' if grows > grows_by_panel else ''}by "
            f"a factor of {significant(grows_by_panel, 2)} if we divide the energies of {MARKERS_LAYER} in the right "
            f"panel by the reads of the left panel (the *implied* energies). So we can check the energies of the "
            f"layers only for a given table of read energies. "
        )

    def _of_best(self) -> str:
        """Say for how many single layers the paper's width is the best; empty if it was not compared with another."""
        best, widths = int(paper_value("best-width")), self.energies.columns
        if best not in widths or len(widths) == 1:
            return ""
        layers = self.least().drop(columns=ALL)
        wins, n = (layers == str(best)).sum(axis=1), len(layers.columns)
        if n == 1:
            found = f"For {layers.columns[0]}, it is by {wins.sum()} of the {len(wins)} tables of read energies."
        elif wins.max() < n / 2:
            found = (
                "For single layers, it seldom is: no table of read energies makes this width the best for more than "
                f"{wins.max()} of the {n} layers."
            )
        else:
            found = (
                f"Depending on the table of read energies, it is for {from_to(wins.min(), wins.max())} of the {n} "
                f"layers."
            )
        return (
            f"**Is {best} bits best?** {found} {self._of_left()} The best width depends on the memory as well as on "
            f"the layers."
        )

    def _of_sweep(self) -> str:
        """Say how energy per read and number of reads change from the narrowest to the widest read."""
        default = chip_facts()["sram"]["setting"]
        first, last = self.energies.columns[0], self.energies.columns[-1]
        fewer, dearer = self.reads()[first] / self.reads()[last], self.energies[last] / self.energies[first]
        falls = from_to(fewer.min(), fewer.max(), ".1f") + (", depending on the layer" if len(fewer) > 1 else "")
        return (
            f"With *{default}*, a read of {last} bits takes {dearer[default]:.1f} times the energy of a read of "
            f"{first} bits; over all tables, the ratio ranges from {dearer.min():.1f} to {dearer.max():.1f}. The "
            f"number of reads falls by a factor of {falls}."
        )

    def _of_left(self) -> str:
        least = left_product().reindex(self.reads().columns).idxmin()
        return f"The product of the left panel's two quantities, reads and energy per read, is least at {least} bits."

    def _of_sum(self) -> str:
        sums = self.least()[ALL]
        said = [
            f"{width} bits with {joined([f'*{name}*' for name in sums.index[sums == width]])}"
            for width in dict.fromkeys(sums)
        ]
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
        BARS: left_panel("energy_per_read"),
        BY_MARKERS: 1e3 * panel.loc[MARKERS_LAYER] / left_panel("reads"),
        BY_READS: (1e3 * panel.reindex(reads.index) / reads).median(),
    }
    rows = pd.DataFrame(figure).T.reindex(columns=reads.columns).dropna()  # no layer of the paper: nothing implied
    order = [chip_facts()["sram"]["setting"]]
    order += [name for name in settings.index if name not in order]
    return pd.concat([rows, settings.loc[order]])


def left_panel(quantity: str) -> pd.Series:
    """Return `reads` or `energy_per_read` (pJ) of Figure 9's left panel, by width."""
    return published.load("fig09_reads").query("quantity == @quantity").set_index("width_bits")["value"]


def _right_panel() -> pd.DataFrame:
    return published.load("fig09_total").pivot(index="layer", columns="width_bits", values="energy")


def _least_as_read(energies: pd.Series, added: int = 1) -> str:
    """All widths that may have the least energy, given how exactly each of the numbers added can be read."""
    error = added * float(published.load("fig09_total")["reading_error"].max())
    return ", ".join(str(width) for width in energies.index[energies <= energies.min() + 2 * error])


def difference() -> float:
    """Compute the mean absolute difference of Figure 9's right panel to computed reads times implied energies, %."""
    return usual(figure9).series().mean_absolute_difference


def best_width(width: int, energies: str) -> Margin:
    """Compute how much more the next best width takes than this one, all layers together, by a table of energies, %."""
    total = usual(figure9).table(energies).sum()
    return Margin(100 * float(total.drop(width).min() / total[width] - 1), unit="%")


def left_product() -> pd.Series:
    """Figure 9's left panel, reads times energy of a read in nJ, by width."""
    return 1e-3 * left_panel("reads") * left_panel("energy_per_read")
