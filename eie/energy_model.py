"""Energy of one run, in joules: from what was counted, and from time and power.

Two independent ways. Bottom-up: every counter of a `CycleReport` times the energy of one such event, memories from the
SRAM sweep, arithmetic from the ALU table, and registers and clock from Table II. The paper's way: time x power.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, reduce
from math import fsum
from operator import add

from eie import _check, chip
from eie._display import Shown
from eie.cycles import CycleReport
from eie.machine import Machine
from eie.technology import (
    PICO,
    chip_facts,
    memories,
    operation_pj,
    paper_value,
    pe_breakdown,
    plausible_settings,
    reference_clock_hz,
)

MILLI = 1e-3
"""Watts per milliwatt."""


@dataclass(frozen=True, slots=True)
class EnergyReport(Shown):
    """Energy of one run, bottom-up. Reports add with `+`.

    Attributes
    ----------
    components : dict of str to float
        Energy of each component, J: `spmat read`, `pointer read`, `activation SRAM`, `leakage`, `multiply and add`,
        `codebook`, `accumulators`, `queues`, `control`, `clock`, and `detection nodes`, those that find the next
        non-zero input.
    seconds : float
        Time of the run.
    time_times_power : float
        Energy in joules as the paper computes it: time times the power of the whole chip from Table II
        (`eie.chip.power`). It is not an upper bound of `total`: a layer that reads pointers more often than the one in
        Table II takes more.
    """

    components: dict[str, float]
    seconds: float
    time_times_power: float

    @property
    def total(self) -> float:
        """Energy of all components, J."""
        return reduce(add, self.components.values())  # Python 3.12's `sum` rounds floats in another way

    @property
    def watts(self) -> float:
        """Mean power of the whole chip in W, bottom-up."""
        return self.total / self.seconds

    def __repr__(self) -> str:
        return f"EnergyReport({self.total:.4g} J in {self.seconds:.4g} s, {self.watts:.4g} W)"

    def __add__(self, other: EnergyReport) -> EnergyReport:
        """Add up two runs, one after the other."""
        if not isinstance(other, EnergyReport):
            return NotImplemented
        return EnergyReport(
            {name: joules + other.components[name] for name, joules in self.components.items()},
            self.seconds + other.seconds,
            self.time_times_power + other.time_times_power,
        )


def energy(report: CycleReport, machine: Machine, setting: str | None = None) -> EnergyReport:
    """Compute the energy of one run.

    The model is for 45 nm. The energy of a machine in another technology is scaled as in the paper (Table V, footnote
    3): each event takes less energy by the ratio of the feature sizes, because power stays the same while the clock
    rises by that ratio. Leakage power stays the same, too.

    Parameters
    ----------
    report : CycleReport
        Counters of the run.
    machine : Machine
        The chip that ran it.
    setting : str, optional
        Setting of the SRAM sweep; that of `data/chip.toml` if left out.

    Returns
    -------
    EnergyReport
        Energy of each component, J.

    Raises
    ------
    ValueError
        When the run was on another machine, or the sweep has no memory of the machine's width or no such setting; the
        message lists what it has.
    """
    _check.kind("report", report, CycleReport)
    _check.kind("machine", machine, Machine)
    for name in ("n_pe", "clock_hz"):
        if getattr(report, name) != getattr(machine, name):
            raise ValueError(f"the run had {name}={getattr(report, name)}, the machine has {getattr(machine, name)}")
    components = _memories(report, machine, setting or chip_facts()["sram"]["setting"]) | _logic(report, machine)
    for name in components.keys() - {"leakage"}:
        components[name] /= chip.shrink(machine)
    return EnergyReport(components, report.seconds, report.seconds * chip.power(machine) * MILLI)


def energy_range(report: CycleReport, machine: Machine) -> tuple[float, float]:
    """Compute the least and the most energy of one run over the plausible SRAM settings, J."""
    found = [energy(report, machine, setting).total for setting in plausible_settings()]
    return min(found), max(found)


def _memories(report: CycleReport, machine: Machine, setting: str) -> dict[str, float]:
    """Compute reads, writes and leakage of the SRAMs, joules."""
    parts = memories(machine, setting)
    facts = chip_facts()
    per_row = facts["sram"]["activation_width_bits"] // facts["arithmetic"]["bits"]
    activation = parts["activation"][0]
    moved_pj = activation.read_pj * report.n_in + activation.write_pj * report.n_out
    leakage_mw = fsum(memory.leakage_mw * count for memory, count in parts.values())
    return {
        "spmat read": PICO * parts["spmat"][0].read_pj * report.spmat_reads,
        "pointer read": PICO * parts["pointer"][0].read_pj * parts["pointer"][1] * report.ptr_reads,
        "activation SRAM": PICO * moved_pj * report.vectors / per_row,
        "leakage": MILLI * leakage_mw * report.n_pe * report.seconds,
    }


def _logic(report: CycleReport, machine: Machine) -> dict[str, float]:
    """Compute arithmetic by its table, registers by the bits that events move, control and clock per cycle. Joules."""
    facts = chip_facts()
    bits = facts["registers"]
    pj_per_bit = register_bit_pj()
    power = pe_breakdown("power", "component")
    per_cycle_pj = 1e9 / reference_clock_hz()  # of a milliwatt, by one PE
    control_pj = power["combinational"] * per_cycle_pj - mac_pj()
    pe_cycles = report.cycles * report.n_pe
    node_cycles = report.cycles * chip.lnzd_nodes(machine)
    return {
        "multiply and add": PICO * mac_pj() * report.macs,
        "codebook": PICO * pj_per_bit * bits["codebook_bits"] * report.entries,
        "accumulators": PICO * pj_per_bit * 2 * bits["accumulator_bits"] * report.macs,
        "queues": PICO * pj_per_bit * 2 * bits["queue_bits"] * report.queue_writes,
        "control": PICO * control_pj * pe_cycles,
        "clock": PICO * power["clock network"] * per_cycle_pj * pe_cycles,
        "detection nodes": PICO * paper_value("lnzd-power") * per_cycle_pj * node_cycles,
    }


def mac_pj() -> float:
    """Return the energy of one multiply-accumulate of the arithmetic unit's width, pJ."""
    bits = chip_facts()["arithmetic"]["bits"]
    return operation_pj("multiply", "int", bits) + operation_pj("add", "int", bits)


@cache
def register_bit_pj() -> float:
    """Return the energy of moving one bit through a register, pJ.

    It is Table II's register power divided by the bits that a busy PE moves. A busy PE processes one entry per cycle,
    and takes an activation from its queue once for the entries of each column.
    """
    bits = chip_facts()["registers"]
    entries_per_column = paper_value("entries-per-column")
    moved = bits["codebook_bits"] + 2 * bits["accumulator_bits"] + 2 * bits["queue_bits"] / entries_per_column
    return pe_breakdown("power", "component")["register"] * 1e9 / reference_clock_hz() / moved
