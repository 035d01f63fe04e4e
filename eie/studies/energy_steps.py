"""The energy of one layer, event by event, as the page *How energy is computed* adds it up.

Nothing here is taken from `eie.energy`: each energy of an event is looked up again, and the page compares the sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum
from typing import TYPE_CHECKING

import pandas as pd

from eie import chip
from eie.cycles import CycleReport
from eie.energy_model import EnergyReport, energy, energy_range, register_bit_pj
from eie.machine import Machine
from eie.studies import plots
from eie.technology import chip_facts, memories, operation_pj, paper_value, pe_breakdown
from eie.writing.words import percent_apart

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMORIES = ["matrix memory", "pointer memory", "activation memory", "leakage"]
"""Components of the energy that memories take."""

HEADS = {
    "how often": "number of events",
    "pJ each": "energy of one, pJ",
    "nJ": "energy, nJ",
    "share, %": "share, %",
}
"""Heads of the table of events on the page."""

Event = tuple[str, str, float, float]
"""The component it belongs to, what happens, how often it happens in the run, and its energy in pJ."""


@dataclass(frozen=True, eq=False, slots=True)
class EnergySteps:
    """One layer's energy, worked out to the total.

    Attributes
    ----------
    rows : DataFrame
        One row per kind of event: `component`, `event`, `how often`, `pJ each`, `nJ`, `share, %`.
    report : CycleReport
        Counters of the run.
    model : EnergyReport
        What the library computes for the same run.
    """

    rows: pd.DataFrame
    report: CycleReport
    model: EnergyReport

    @property
    def total_nj(self) -> float:
        """The sum over all events, nJ."""
        return float(self.rows["nJ"].sum())

    def table(self) -> pd.DataFrame:
        """Return one row per kind of event, and the sum."""
        table = self.rows.drop(columns="component").set_index("event")
        table.loc["sum"] = {"nJ": self.total_nj, "share, %": 100}
        return table

    def plot(self) -> plots.Figure:
        """Draw the share of each component of the energy, largest first."""
        parts = self.rows.groupby("component")["nJ"].sum().sort_values(ascending=False)
        shares = [float(f"{value:.2g}") for value in 100 * parts / self.total_nj]
        return plots.bars.linear_bars(list(parts.index), shares, "share of the energy, %")

    def answer(self, layer: str, machine: Machine) -> str:
        """Say what a layer takes on a machine, over which range, and how much of it memories take."""
        low, high = energy_range(self.report, machine)
        parts = self.rows.groupby("component")["nJ"].sum() / self.total_nj
        return (
            f"One pass of the layer {layer} takes **{self.total_nj / 1e3:.1f} µJ** ({1e6 * low:.1f} to "
            f"{1e6 * high:.1f} µJ over all plausible settings of the memories). Memories, with their leakage, take "
            f"{100 * parts[MEMORIES].sum():.0f} % of this energy, and arithmetic {100 * parts['arithmetic']:.0f} %."
        )

    def words(self) -> str:
        """Say where most of the energy goes, and how long the run takes."""
        parts = self.rows.groupby("component")["nJ"].sum().sort_values(ascending=False)
        return (
            f"The largest part of the energy is the {parts.index[0]} with {100 * parts.iloc[0] / self.total_nj:.0f} %; "
            f"the pass takes {1e6 * self.report.seconds:.2f} µs."
        )

    def against_time_times_power(self) -> str:
        """Say what time times power gives, what the sum over events is beside it, and its mean power."""
        product_nj = 1e9 * self.model.time_times_power
        return (
            f"time × power is {product_nj / 1e3:.2f} µJ. The sum over events is {self.total_nj / 1e3:.2f} µJ, "
            f"{percent_apart(100 * (self.total_nj / product_nj - 1))}, which is a mean power of "
            f"{1e3 * self.model.watts:,.0f} mW."
        )


def energy_steps(report: CycleReport, machine: Machine) -> EnergySteps:
    """List the energy of a run on a 45 nm machine by kind of event."""
    events = [*_memory_events(report, machine), *_logic_events(report, machine)]
    rows = pd.DataFrame(events, columns=["component", "event", "how often", "pJ each"])
    rows["nJ"] = rows["how often"] * rows["pJ each"] / 1e3
    rows["share, %"] = 100 * rows["nJ"] / rows["nJ"].sum()
    return EnergySteps(rows, report, energy(report, machine))


def _memory_events(report: CycleReport, machine: Machine) -> Iterator[Event]:
    facts = chip_facts()
    parts = memories(machine, facts["sram"]["setting"])
    (spmat, _), (pointer, banks), (activation, _) = (parts[name] for name in ("spmat", "pointer", "activation"))
    per_row = facts["sram"]["activation_width_bits"] // facts["arithmetic"]["bits"]
    leakage_mw = fsum(memory.leakage_mw * count for memory, count in parts.values())
    yield "matrix memory", "read of a matrix row", report.spmat_reads, spmat.read_pj
    yield "pointer memory", "read of one pointer", banks * report.ptr_reads, pointer.read_pj
    yield "activation memory", "read of a row of inputs", report.n_in / per_row, activation.read_pj
    yield "activation memory", "write of a row of outputs", report.n_out / per_row, activation.write_pj
    yield "leakage", "cycle of a PE's memories", report.cycles * report.n_pe, leakage_mw * 1e9 / machine.clock_hz


def _logic_events(report: CycleReport, machine: Machine) -> Iterator[Event]:
    bits, power = chip_facts()["registers"], pe_breakdown("power", "component")
    width = chip_facts()["arithmetic"]["bits"]
    mac = operation_pj("multiply", "int", width) + operation_pj("add", "int", width)
    bit, cycle = register_bit_pj(), 1e9 / (1e6 * paper_value("clock"))  # pJ per bit; pJ of 1 mW in a cycle
    pe_cycles = report.cycles * report.n_pe
    yield "arithmetic", "multiply and add", report.macs, mac
    yield "registers", "code looked up in the codebook", report.entries, bit * bits["codebook_bits"]
    yield "registers", "sum read and written", report.macs, bit * 2 * bits["accumulator_bits"]
    yield "registers", "input through a queue", report.queue_writes, bit * 2 * bits["queue_bits"]
    yield "clock", "cycle of a PE's clock network", pe_cycles, power["clock network"] * cycle
    yield "control", "cycle of a PE's control", pe_cycles, power["combinational"] * cycle - mac
    nodes = report.cycles * chip.lnzd_nodes(machine)
    yield "detection", "cycle of a node that detects non-zeros", nodes, paper_value("lnzd-power") * cycle
