"""The 45 nm technology: energy of arithmetic and of SRAM, Table II's PE, and what the chip's memories are.

Every number comes from a file of `data/` with its source and unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from eie import published
from eie._files import read_csv, read_toml
from eie.machine import Machine

if TYPE_CHECKING:
    import pandas as pd

PICO = 1e-12


@cache
def chip_facts() -> dict[str, Any]:
    """Read the facts of `data/chip.toml`."""
    return read_toml("chip.toml")


@dataclass(frozen=True, slots=True)
class Sram:
    """One memory as the SRAM sweep has it (`data/sram45nm.csv`).

    Attributes
    ----------
    read_pj, write_pj : float
        Energy of an access, pJ.
    leakage_mw : float
        Leakage power, sub-threshold and gate, mW.
    area_mm2 : float
        Area, mm2.
    cycle_ns : float
        Least time between two accesses, ns.
    """

    read_pj: float
    write_pj: float
    leakage_mw: float
    area_mm2: float
    cycle_ns: float


@dataclass(frozen=True, slots=True)
class Variant:
    """A setting that differs from a row of the SRAM sweep by its leakage or its blocks (`data/chip.toml`).

    Attributes
    ----------
    base : str
        Setting of the sweep that it is derived from.
    subthreshold, gate : float
        Factors of the two kinds of leakage.
    spmat_blocks : int
        Blocks of equal size that make up the sparse-matrix memory; a read opens one of them.
    """

    base: str
    subthreshold: float = 1.0
    gate: float = 1.0
    spmat_blocks: int = 1


@cache
def variant(setting: str) -> Variant:
    """Return how a setting is derived from the SRAM sweep; a setting of the sweep is itself."""
    facts = chip_facts()["sram"]
    if setting not in facts["variants"]:
        return Variant(setting)
    own, usual = facts["variants"][setting], facts["transistor"]
    off, gate = (own.get(name, usual[name]) / usual[name] for name in ("off", "gate"))
    return Variant(facts["setting"], off, gate, own.get("spmat_blocks", 1))


def plausible_settings() -> list[str]:
    """List the chip's setting, and those that differ from it by one thing that is not known of the paper's memories."""
    return list(chip_facts()["sram"]["plausible"])


@cache
def sram(size: int, width: int, setting: str) -> Sram:
    """Look up one memory of the sweep, or of a setting derived from it.

    Raises
    ------
    ValueError
        When the sweep has no such memory; the message lists its settings, sizes or widths.
    """
    table, own = sram_table(), variant(setting)
    for column, value in (("setting", own.base), ("size", size), ("width", width)):
        known = table[column].unique().tolist()
        if value not in known:
            raise ValueError(f"the SRAM sweep has {column} {', '.join(map(str, sorted(known)))}, not {value!r}")
        table = table[table[column] == value]
    if table.empty:
        raise ValueError(f"the SRAM sweep has no memory of {size} bytes, {width} bits, setting {setting!r}")
    row = table.iloc[0]
    leakage = float(own.subthreshold * row["leakage_mW"] + own.gate * row["gate_leakage_mW"])
    rest = (float(row[name]) for name in ("area_mm2", "cycle_ns"))
    return Sram(float(row["read_pJ"]), float(row["write_pJ"]), leakage, *rest)


@cache
def sram_table() -> pd.DataFrame:
    """Read the SRAM sweep, one memory per row."""
    return read_csv("sram45nm.csv")


@cache
def alu_table() -> pd.DataFrame:
    """Read the energy of arithmetic operations, one operation per row."""
    return read_csv("alu45nm.csv")


@cache
def operation_pj(operation: str, kind: str, bits: int) -> float:
    """Look up the energy of one operation, pJ.

    Raises
    ------
    ValueError
        When the table has no such operation.
    """
    table = alu_table()
    found = table[(table["operation"] == operation) & (table["kind"] == kind) & (table["bits"] == bits)]
    if found.empty:
        raise ValueError(f"the ALU table has no {bits}-bit {kind} {operation}")
    return float(found["pJ"].iloc[0])


@cache
def sram_widths() -> frozenset[int]:
    """Widths in bits of the sparse-matrix memories that the SRAM sweep has at the chip's size and setting."""
    facts, table = chip_facts()["sram"], sram_table()
    like_the_chips = (table["size"] == facts["spmat_bytes"]) & (table["setting"] == facts["setting"])
    return frozenset(table.loc[like_the_chips, "width"].tolist())


def pe_breakdown(quantity: str, group: str) -> dict[str, float]:
    """Table II's column `"power"` (mW) or `"area"` (um2) of one PE, by `"component"` or `"module"`."""
    return dict(_table2(quantity, group))


@cache
def _table2(quantity: str, group: str) -> dict[str, float]:
    table = published.load("table2")
    rows = table[(table["quantity"] == quantity) & (table["group"] == group)]
    return dict(zip(rows["part"], rows["value"], strict=True))


def memories(machine: Machine, setting: str) -> dict[str, tuple[Sram, int]]:
    """Look up the memories of one PE and their number: `spmat`, `pointer`, `activation`."""
    sizes, blocks = chip_facts()["sram"], variant(setting).spmat_blocks
    return {
        "spmat": (sram(sizes["spmat_bytes"] // blocks, machine.spmat_width_bits, setting), blocks),
        "pointer": (sram(sizes["pointer_bytes"], sizes["pointer_width_bits"], setting), sizes["pointer_banks"]),
        "activation": (sram(sizes["activation_bytes"], sizes["activation_width_bits"], setting), 1),
    }


def reference_clock_hz() -> float:
    """Return the clock at which Table II's power was found, Hz."""
    return paper_value("clock") * 1e6


@cache
def paper_value(name: str) -> float:
    """Look up a number of the paper's running text, by its id in `data/published/text.csv`."""
    return published.value("text", id=name)
