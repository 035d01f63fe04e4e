"""Energy in a technology of your own: a TOML file with the energy of memories, of arithmetic and of DRAM.

All keys of a file, with their units; those marked optional are, if left out, the 45 nm values times `feature_nm` / 45,
which is how the paper scales energy (ISCA 2016, Table V, footnote 3). An unknown key is an error.

    name = "my 16 nm"
    feature_nm = 16            # feature size, nm

    [sram.weights]             # the sparse-matrix memory of a PE
    width_bits = 64            # bits that one read brings
    read_pj = 11.5             # energy per read, pJ
    leakage_mw = 0.4           # leakage of one memory, mW

    [sram.pointers]            # each of the two banks of column pointers
    read_pj = 1.1
    leakage_mw = 0.05

    [sram.activations]         # four 16-bit activations per access
    read_pj = 0.9
    write_pj = 1.0
    leakage_mw = 0.01

    [alu]                      # 16-bit fixed point, pJ per operation
    multiply_pj = 0.2
    add_pj = 0.02
    register_bit_pj = 0.004    # optional: one bit through a register
    control_pj = 0.3           # optional: control of one PE in one cycle
    clock_pj = 0.1             # optional: clock network of one PE in one cycle
    detection_pj = 0.01        # optional: one node of the non-zero detection in one cycle

    [dram]
    read_pj_per_bit = 4.0      # energy of bringing one bit of a weight onto the chip, pJ
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eie import _check, chip
from eie.cycles import CycleReport
from eie.energy_model import MILLI, EnergyReport, mac_pj, register_bit_pj
from eie.formats.errors import FormatError, report_damage
from eie.formats.weights import check_file
from eie.machine import Machine
from eie.published import value as published_value
from eie.technology import PICO, chip_facts, paper_value, pe_breakdown, reference_clock_hz

MAX_BYTES = 2**16
"""Bytes of a technology's file."""

DRAM_BITS = 32
"""Bits of the DRAM access of which the paper gives the energy (ISCA 2016, Table I)."""

_REQUIRED = {
    "sram.weights": ("width_bits", "read_pj", "leakage_mw"),
    "sram.pointers": ("read_pj", "leakage_mw"),
    "sram.activations": ("read_pj", "write_pj", "leakage_mw"),
    "alu": ("multiply_pj", "add_pj"),
    "dram": ("read_pj_per_bit",),
}
_OPTIONAL = {"alu": ("register_bit_pj", "control_pj", "clock_pj", "detection_pj")}


@dataclass(frozen=True, slots=True)
class OwnTechnology:
    """Numbers of a technology, in the units of the file's format (see the module).

    Attributes
    ----------
    name : str
    feature_nm : float
        nm.
    numbers : dict of str to float
        By table and key, such as `sram.weights.read_pj`.
    """

    name: str
    feature_nm: float
    numbers: dict[str, float]

    def energy(self, report: CycleReport, machine: Machine) -> EnergyReport:
        """Compute the energy of one run from its counters, as `eie.energy` does, with these numbers.

        There is no power of a whole chip as in Table II, so that `time_times_power` is not a number.

        Raises
        ------
        ValueError
            When the machine is of another technology, or reads another number of bits.
        """
        self.check(machine)
        facts, n = chip_facts(), self.numbers
        bits, banks = facts["registers"], facts["sram"]["pointer_banks"]
        per_row = facts["sram"]["activation_width_bits"] // facts["arithmetic"]["bits"]
        moved = n["sram.activations.read_pj"] * report.n_in + n["sram.activations.write_pj"] * report.n_out
        leakage = (
            n["sram.weights.leakage_mw"] + banks * n["sram.pointers.leakage_mw"] + n["sram.activations.leakage_mw"]
        )
        pe_cycles, register = report.cycles * report.n_pe, n["alu.register_bit_pj"]
        picojoules = {
            "spmat read": n["sram.weights.read_pj"] * report.spmat_reads,
            "pointer read": n["sram.pointers.read_pj"] * banks * report.ptr_reads,
            "activation SRAM": moved * report.vectors / per_row,
            "leakage": MILLI * leakage * report.n_pe * report.seconds / PICO,
            "multiply and add": (n["alu.multiply_pj"] + n["alu.add_pj"]) * report.macs,
            "codebook": register * bits["codebook_bits"] * report.entries,
            "accumulators": register * 2 * bits["accumulator_bits"] * report.macs,
            "queues": register * 2 * bits["queue_bits"] * report.queue_writes,
            "control": n["alu.control_pj"] * pe_cycles,
            "clock": n["alu.clock_pj"] * pe_cycles,
            "detection nodes": n["alu.detection_pj"] * report.cycles * chip.lnzd_nodes(machine),
        }
        return EnergyReport({name: PICO * pj for name, pj in picojoules.items()}, report.seconds, math.nan)

    def loading(self, n_bits: float) -> float:
        """Compute the energy of bringing bits from DRAM onto the chip, J."""
        return PICO * self.numbers["dram.read_pj_per_bit"] * n_bits

    def check(self, machine: Machine) -> None:
        """Raise a `ValueError` if a machine is not of this technology."""
        if machine.feature_nm != self.feature_nm:
            raise ValueError(
                f"technology {self.name!r} is of {self.feature_nm:g} nm, the machine of {machine.feature_nm:g} nm: "
                f"give it feature_nm={self.feature_nm:g} (--feature-nm on the command line)"
            )
        width = self.numbers["sram.weights.width_bits"]
        if machine.spmat_width_bits != width:
            raise ValueError(
                f"sram.weights of technology {self.name!r} is {width:g} bits wide, the machine reads "
                f"{machine.spmat_width_bits}"
            )


def dram_joules(n_bits: float) -> float:
    """Compute the energy of bringing bits from DRAM as the paper has it, J (ISCA 2016, Table I)."""
    return PICO * published_value("table1", operation="32 bit DRAM", quantity="energy") * n_bits / DRAM_BITS


def read(path: str | Path) -> OwnTechnology:
    """Read a technology's file.

    Raises
    ------
    FormatError
        When the file is missing, too large or not a TOML file, or a key is missing, unknown, or not a number in its
        range; the message names the file and the key.
    """
    path = Path(path)
    check_file(path, MAX_BYTES)
    with report_damage(path, "is not a TOML file"):
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    try:
        return of_numbers(found)
    except RecursionError:  # tables in tables can be deeper than what may call itself
        raise FormatError(f"{path}: has more tables within tables than can be read") from None
    except ValueError as error:
        raise FormatError(f"{path}: {error}") from None


def of_numbers(found: Mapping[str, Any]) -> OwnTechnology:
    """Make a technology of nested mappings, as a file has them.

    Raises
    ------
    ValueError
        As `read` does.
    """
    flat = dict(_flat("", found))
    name, nanometres = flat.pop("name", None), flat.pop("feature_nm", None)
    if not isinstance(name, str) or not name:
        raise ValueError(f"name must be a text, got {name!r}")
    feature = _check.positive("feature_nm", nanometres)
    required = [f"{table}.{key}" for table, keys in _REQUIRED.items() for key in keys]
    optional = [f"{table}.{key}" for table, keys in _OPTIONAL.items() for key in keys]
    unknown, missing = [key for key in flat if key not in required + optional], [k for k in required if k not in flat]
    if unknown:
        raise ValueError(f"there is no {unknown[0]}; there are name, feature_nm, {', '.join(required + optional)}")
    if missing:
        raise ValueError(f"{missing[0]} is missing")
    scaled = {key: pj * feature / chip_facts()["technology"]["paper_nm"] for key, pj in _usual().items()}
    numbers = scaled | {key: _number(key, value) for key, value in flat.items()}
    return OwnTechnology(name, feature, numbers)


def _number(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise ValueError(f"{key} must be a number of 0 or more, got {value!r}")
    return float(value)


def _flat(before: str, part: Mapping[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in part.items():
        found += _flat(f"{before}{key}.", value) if isinstance(value, Mapping) else [(before + key, value)]
    return found


def _usual() -> dict[str, float]:
    """Return the optional numbers in 45 nm, pJ: Table II's power, spread over events as in `eie.energy_model`."""
    power, per_cycle = pe_breakdown("power", "component"), 1e9 / reference_clock_hz()  # pJ of 1 mW in a cycle
    return {
        "alu.register_bit_pj": register_bit_pj(),
        "alu.control_pj": power["combinational"] * per_cycle - mac_pj(),
        "alu.clock_pj": power["clock network"] * per_cycle,
        "alu.detection_pj": paper_value("lnzd-power") * per_cycle,
    }
