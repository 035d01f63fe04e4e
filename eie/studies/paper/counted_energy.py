"""Figure 7 once more: the energy of each layer counted event by event, beside the figure's time x power."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot

import pandas as pd

from eie import chip
from eie.cycles import simulate
from eie.energy_model import energy, energy_range
from eie.explore.sweep import geomean
from eie.machine import Machine
from eie.studies.claim import Estimate
from eie.studies.paper.setup import BAND, Setup, exhibit, usual
from eie.studies.paper.versus_platforms import GEOMEAN, labels_of, times_of_table4, watts_at_batch_1
from eie.technology import paper_value

TIMES_POWER = "time × power"
"""Column of the energies that time and the abstract's power give, which is the figure's way."""

RATIO = "event by event / time × power"
"""Column of the ratio of the two energies."""

HEADS = {
    "event by event": ("counted event by event", "energy, uJ"),
    "least": ("counted event by event", "least, uJ"),
    "most": ("counted event by event", "most, uJ"),
    TIMES_POWER: (TIMES_POWER, "energy, uJ"),
    RATIO: ("ratio", "of the two energies"),
}
"""Heads of the table of energies on the page."""

ENDS = ["even", "uneven"]
"""Columns for the ends of the band of spreads that real pruned layers have."""


@dataclass(frozen=True, eq=False)
class BottomUp:
    """Energy of each layer by what was counted, with its range over the plausible SRAM settings.

    Attributes
    ----------
    joules : DataFrame
        One row per layer: `bottom-up`, `least`, `most`, and `time × power`, the figure's way, J; and `bottom-up`
        for layers at the `even` and at the `uneven` end of the band of spreads.
    pointers : Series
        Share of the reads of pointers in the energy of each layer.
    """

    joules: pd.DataFrame
    pointers: pd.Series

    def saving(self, over: str, column: str = "bottom-up") -> float:
        """Divide the energy of a row of Figure 7 by EIE's, geometric mean over the layers.

        That row's energy is the CPU's over the label that the figure prints; it prints NeuralTalk's for the GPUs too.
        """
        cpu = 1e-6 * (times_of_table4() * watts_at_batch_1())["CPU Dense"].loc[self.joules.index]
        labels = labels_of("fig07", "energy_efficiency", list(self.joules.index))[over].drop(GEOMEAN)
        return geomean(cpu / self.joules[column]) / geomean(labels)

    def range(self, over: str) -> tuple[float, float]:
        """Return the least and the greatest saving over the plausible SRAM settings."""
        return self.saving(over, "most"), self.saving(over, "least")

    def table(self) -> pd.DataFrame:
        """Tabulate microjoules of each layer, and the ratio of bottom-up energy to the product of time and power."""
        ratio = self.joules["bottom-up"] / self.joules[TIMES_POWER]
        shown = (1e6 * self.joules.drop(columns=ENDS)).rename(columns={"bottom-up": "event by event"})
        return shown.assign(**{RATIO: ratio})

    def answer(self) -> str:
        """Say how much less energy EIE takes than the CPU, and the range over the memories' settings."""
        least, most = self.range("CPU Dense")
        return (
            f"If its energy is counted event by event, it takes **{rounded(self.saving('CPU Dense'))} times** less "
            f"({rounded(least)} to {rounded(most)} over plausible settings of the memories)."
        )

    def words(self) -> str:
        """Say where the two ways to energy differ most, and how many pointers are read there."""
        ratio = self.table()[RATIO]
        lowest, highest = ratio.idxmin(), ratio.idxmax()
        return (
            f"For single layers, the energy counted event by event is {ratio[lowest]:.2f} ({lowest}) to "
            f"{ratio[highest]:.2f} ({highest}) times the product of time and power. Reads of pointers take "
            f"{100 * self.pointers[lowest]:.0f} % of the energy of {lowest} and {100 * self.pointers[highest]:.0f} % "
            f"of that of {highest}: a PE reads the pointers of every column, however few entries it has in that "
            "column, so columns with few entries need more reads per entry. A single power for all layers does not "
            "show this."
        )


@exhibit("layers", "n_pe", "fifo_depth", "seed")
def bottom_up(setup: Setup) -> BottomUp:
    """Count the energy of each layer, on one draw, under every plausible SRAM setting."""
    machine, rows, pointers = setup.machine(), {}, {}
    for benchmark in setup.benchmarks:
        report = simulate(*benchmark.draw(setup.seed), machine)
        used, (least, most) = energy(report, machine), energy_range(report, machine)
        by_power = used.time_times_power * paper_value("power-abstract") / chip.power(Machine())
        ends = [energy(simulate(*benchmark.draw(setup.seed, 0, end), machine), machine).total for end in BAND]
        rows[benchmark.name] = [used.total, least, most, by_power, *ends]
        pointers[benchmark.name] = used.components["pointer read"] / used.total
    columns = ["bottom-up", "least", "most", TIMES_POWER, *ENDS]
    return BottomUp(pd.DataFrame.from_dict(rows, "index", columns=columns), pd.Series(pointers))


def energy_saving_bottom_up(over: str) -> Estimate:
    """Compute how many times less energy EIE takes than a row of Figure 7, by the bottom-up model; geometric mean.

    Its error is the larger way to the ends of the range over plausible SRAM settings and over the band of spreads.
    """
    counted = usual(bottom_up)
    value, (least, most) = counted.saving(over), counted.range(over)
    by_band = max(abs(counted.saving(over, column) - value) for column in ENDS)
    error = hypot(max(value - least, most - value), by_band)
    return Estimate(value, error, "SRAM settings and spread of the weights")


def rounded(value: float) -> str:
    """Write a number with two significant digits, which is what the layers' description supports."""
    return f"{float(f'{value:.2g}'):,.0f}"
