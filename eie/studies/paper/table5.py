"""Table V: EIE beside other platforms. EIE's columns, derived from its time, area and power."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import pandas as pd

from eie import chip, published
from eie.explore.benchmarks import Benchmark
from eie.machine import EIE_28NM, EIE_45NM, Machine
from eie.studies import plots
from eie.studies.paper.projection import project
from eie.studies.paper.setup import Setup, exhibit, usual
from eie.technology import chip_facts, paper_value
from eie.writing.words import percent_apart, printed, signed, significant, with_error

QUANTITIES = {
    "clock": "clock, MHz",
    "max_params": "largest model, M parameters",
    "area": "area, mm2",
    "power": "power, W",
    "throughput": "frames/s",
    "area_efficiency": "frames/s/mm2",
    "energy_efficiency": "frames/J",
}
"""Rows of the table that follow from the model, and what they are called here."""

PRINTED_LAYER = "Alex-7"
"""The layer that the table was made with (ISCA 2016, Table V, caption)."""

SMALL, LARGE = "EIE 64PE", "EIE 256PE"


HEADS = {
    f"{chip_name}, {part}": (f"EIE, {chip_name.removeprefix('EIE ').removesuffix('PE')} PEs", head)
    for chip_name in (SMALL, LARGE)
    for part, head in (("printed", "published"), ("derived", "derived"), ("computed", "computed"))
}
"""Heads of EIE's columns on the page."""


@dataclass(frozen=True, eq=False)
class Table5:
    """Table V.

    Attributes
    ----------
    printed : DataFrame
        One row per quantity, one column per platform.
    derived : DataFrame
        EIE's two columns from the printed time of the layer, the printed speed-up of the larger chip, and the chip
        model.
    computed : DataFrame
        The same from the times computed here.
    layer : str
        The layer that was timed.
    error : float
        Two standard deviations over draws of the smaller chip's time, as a fraction of it; 0 with one draw.
    draws : int
        Number of draws that the computed times are averaged over.
    """

    printed: pd.DataFrame
    derived: pd.DataFrame
    computed: pd.DataFrame
    layer: str = PRINTED_LAYER
    error: float = 0.0
    draws: int = 1

    def table(self) -> pd.DataFrame:
        """Printed, derived and computed columns of EIE, and the derived over the printed ones."""
        parts = {"printed": self.printed[[SMALL, LARGE]], "derived": self.derived, "computed": self.computed}
        columns = [frame.add_suffix(f", {name}") for name, frame in parts.items()]
        ratio = (self.derived / self.printed[[SMALL, LARGE]]).add_suffix(", derived / printed")
        order = [f"{chip_name}, {part}" for chip_name in (SMALL, LARGE) for part in (*parts, "derived / printed")]
        return pd.concat([*columns, ratio], axis=1)[order].rename(index=QUANTITIES)

    def others(self) -> pd.DataFrame:
        """What the paper prints for all platforms."""
        return self.printed.T.rename(columns=QUANTITIES)

    def plot(self) -> plots.Figure:
        """Frames per second against frames per joule, all platforms."""
        return plots.points.scatter(
            self.printed.T, self.computed.T, "throughput", "energy_efficiency", "frames/s", "frames/J"
        )

    def _averaged(self) -> str:
        """Say over how many draws the computed times are averaged; empty with one."""
        return f", averaged over {self.draws} draws" if self.draws > 1 else ""

    def _scaling(self) -> float:
        """How much faster the larger chip is at the same clock."""
        throughput, clock = self.computed.loc["throughput"], self.computed.loc["clock"]
        return float(throughput[LARGE] / throughput[SMALL] / (clock[LARGE] / clock[SMALL]))

    def _gain(self) -> str:
        """Say why the two chips differ from the table by different amounts."""
        own, printed_gain = self._scaling(), paper_value("scaling-256-over-64")
        return (
            f"The two chips differ from the table by different amounts because our gain from 64 to 256 PEs at equal "
            f"clock is {'larger' if own > printed_gain else 'smaller'} than the paper's: a factor of {own:.2f}"
            f"{self._averaged()}, against {printed_gain:g}."
        )

    def answer(self) -> str:
        """Say how fast the two chips are, computed and printed."""
        frames = self.computed.loc["throughput"]
        off = 100 * (frames / self.printed.loc["throughput"] - 1)
        small = with_error(frames[SMALL], self.error * frames[SMALL])
        draws = " (± two standard deviations over random draws of the layer)" if self.error else ""
        return (
            f"The chip of 64 processing elements (PEs) runs {self.layer} **{small} times per second**{draws}, "
            f"{percent_apart(off[SMALL], 1)} than the table says. The projected chip of 256 PEs runs it "
            f"{significant(frames[LARGE])} times per second, {percent_apart(off[LARGE], 1)}."
        )

    def words(self) -> str:
        """How far the derived and computed columns are from the printed ones."""
        off = 100 * (self.derived / self.printed[[SMALL, LARGE]] - 1)
        clock = off.loc["clock", LARGE]
        rest = off.drop(index="clock")
        largest = rest.abs().max(axis=1).idxmax()
        other = (
            ""
            if self.layer == PRINTED_LAYER
            else (
                f"**Table V uses {PRINTED_LAYER}; this is {self.layer}.** The comparison below is between two "
                f"different layers. "
            )
        )
        return (
            f"{other}*Derived* columns use the published time of 64 PEs, the published gain from 64 to 256 PEs, and "
            f"the chip model. They agree with the published columns within {rest.abs().max().max():.1f} %, except for "
            f"the clock of the chip of 256 PEs: the projection rule gives {self.derived.loc['clock', LARGE]:,.0f} MHz "
            f"({signed(clock)} %). Apart from the clock, {printed(QUANTITIES[largest])} differs most."
            f"\n\n*Computed* columns use our simulated times. {self._gain()}"
        )


@exhibit("seed", "draws")
def table5(setup: Setup, layer: str = PRINTED_LAYER) -> Table5:
    """Compute Table V's EIE columns.

    Parameters
    ----------
    layer : str
        The layer that is timed; the paper's is AlexNet's second fully connected one.
    """
    runs = replace(setup, layers=[layer]).sweep([EIE_45NM, EIE_28NM])
    times = runs.groupby("n_pe")["seconds"]
    seconds, small = times.mean(), EIE_45NM.n_pe
    error = 2 * float(times.std()[small] / seconds[small]) if setup.draws > 1 else 0.0
    table4 = published.load("table4").set_index(["platform", "variant", "layer"])["time"]
    printed_s = 1e-6 * float(table4["EIE", "actual", layer])
    facts = chip_facts()["technology"]
    shrink = facts["paper_nm"] / facts["projected_nm"]
    faster = EIE_28NM.clock_hz / EIE_45NM.clock_hz
    # The projected chip runs the 45 nm clock times the shrink; the table's clock row prints a rounder number.
    large_s = seconds[EIE_28NM.n_pe] * faster / shrink
    derived = _columns(printed_s, printed_s / paper_value("scaling-256-over-64") / shrink)
    return Table5(_printed(), derived, _columns(seconds[small], large_s), layer, error, setup.draws)


def _columns(small_s: float, large_s: float) -> pd.DataFrame:
    facts = chip_facts()["technology"]
    large = project(Machine(n_pe=EIE_28NM.n_pe), facts["paper_nm"], facts["projected_nm"])
    return pd.DataFrame(
        {
            SMALL: _column(EIE_45NM.clock_hz, EIE_45NM.n_pe, chip.area(EIE_45NM), chip.power(EIE_45NM) / 1e3, small_s),
            LARGE: _column(large.clock_hz, EIE_28NM.n_pe, large.area_mm2, large.power_mw / 1e3, large_s),
        }
    )


def _column(clock_hz: float, n_pe: int, area: float, watts: float, seconds: float) -> pd.Series:
    held = chip.weights_held(Machine(n_pe=n_pe)) / (paper_value("matrix-density") / 100)
    frames = 1 / seconds
    values = [clock_hz / 1e6, held / 1e6, area, watts, frames, frames / area, frames / watts]
    return pd.Series(values, index=list(QUANTITIES))


def _printed() -> pd.DataFrame:
    table = published.load("table5")
    table = table[table["quantity"].isin(list(QUANTITIES))]
    numbers = pd.to_numeric(table["value"], errors="coerce")
    wide = table.assign(value=numbers).pivot(index="quantity", columns="platform", values="value")
    wide.loc["max_params"] /= 1e6
    order = list(dict.fromkeys(table["platform"]))
    return wide.loc[list(QUANTITIES), order].rename_axis(index=None, columns=None)


def cell(platform: str, quantity: str) -> float:
    """Return one of EIE's cells of Table V, with the times computed here; in the table's unit."""
    value = float(usual(table5).computed.loc[quantity, platform])
    return 1e6 * value if quantity == "max_params" else value


def platform_frames(platform: str) -> float:
    """Compute the rate of AlexNet's second layer on a platform by Table IV's dense time, 1/s."""
    return 1e6 / published.value("table4", "time", platform=platform, batch=1, variant="dense", layer="Alex-7")


def dadiannao_bandwidth() -> float:
    """Compute the memory bandwidth of DaDianNao from its tiles, banks, width and clock, GB/s."""
    wires = prod(paper_value(f"dadiannao-{part}") for part in ("tiles", "banks", "bank-width", "clock"))
    return wires * 1e6 / 8 / 1e9


def dadiannao_frames() -> float:
    """Compute the rate of DaDianNao when reading 16-bit weights of AlexNet's second layer bounds it, 1/s."""
    layer = Benchmark.named("Alex-7")
    return paper_value("dadiannao-bandwidth") * 1e9 / (layer.n_in * layer.n_out * 2)


def over_dadiannao(quantity: str) -> float:
    """Divide a quantity of Table V of the projected chip by that of DaDianNao."""
    return cell(LARGE, quantity) / published.value("table5", platform="DaDianNao", quantity=quantity)


def dadiannao_compressed_watts() -> float:
    """Compute the power of DaDianNao if its memory held only a pruned network in EIE's entries, W."""
    memory = paper_value("dadiannao-power-memory")
    left = paper_value("matrix-density") / 100 * EIE_45NM.entry_bits / chip_facts()["arithmetic"]["bits"]
    return paper_value("dadiannao-power") - memory * (1 - left)


def parameters_on_titan_x() -> float:
    """Compute how many parameters the projected chip would hold if it were as large as the Titan X."""
    area = published.value("table5", platform="GPU", quantity="area")
    return cell(LARGE, "max_params") * area / cell(LARGE, "area")
