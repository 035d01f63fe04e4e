"""The chip: area, power, memories and what fits them, and another technology (ISCA 2016, Tables II and V)."""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum

from eie.machine import EIE_45NM, Machine
from eie.technology import Sram, chip_facts, memories, paper_value, pe_breakdown, reference_clock_hz, sram

POINTER_BYTES = 2
"""Bytes of a column pointer: it has 16 bits (ISCA 2016, section IV)."""


def lnzd_nodes(machine: Machine) -> int:
    """Count the nodes of the leading non-zero detection tree: one per group of PEs or nodes, up to one root."""
    children = chip_facts()["lnzd"]["children"]
    nodes, level = 0, machine.n_pe
    while level > 1:
        level = -(-level // children)
        nodes += level
    return nodes


def shrink(machine: Machine) -> float:
    """Divide the feature size of the paper's chip by that of a machine; 1 in 45 nm."""
    return float(chip_facts()["technology"]["paper_nm"] / machine.feature_nm)


def pe_area(machine: Machine) -> dict[str, float]:
    """Compute the area of one PE by module, mm2.

    The values are those of Table II. Two of them change with the machine: the queue grows with its depth, and the
    sparse-matrix memory with its width, as in the SRAM sweep. In another technology all shrink quadratically.
    """
    area = {part: um2 * 1e-6 / shrink(machine) ** 2 for part, um2 in pe_breakdown("area", "module").items()}
    area["Act_queue"] *= machine.fifo_depth / EIE_45NM.fifo_depth
    area["SpmatRead"] *= _spmat(machine).area_mm2 / _spmat(EIE_45NM).area_mm2
    return area


def pe_power(machine: Machine) -> dict[str, float]:
    """Compute Table II's power of one PE by module, mW.

    The values are those of Table II at the machine's clock. The power of the sparse-matrix memory also scales with the
    energy of fetching one entry. Another technology draws the same power at a clock faster by the shrink.
    """
    faster = machine.clock_hz / reference_clock_hz() / shrink(machine)
    power = {part: mw * faster for part, mw in pe_breakdown("power", "module").items()}
    per_entry = _spmat(machine).read_pj / machine.entries_per_row
    power["SpmatRead"] *= per_entry / (_spmat(EIE_45NM).read_pj / EIE_45NM.entries_per_row)
    return power


def area(machine: Machine) -> float:
    """Compute the area of the chip, mm2: PEs and detection nodes."""
    per_node = paper_value("lnzd-area") * 1e-6 / shrink(machine) ** 2
    return _whole_chip(machine, pe_area(machine), per_node)


def power(machine: Machine) -> float:
    """Compute the power of the chip from Table II, mW: PEs and detection nodes."""
    per_node = paper_value("lnzd-power") * machine.clock_hz / reference_clock_hz() / shrink(machine)
    return _whole_chip(machine, pe_power(machine), per_node)


def _whole_chip(machine: Machine, of_pe: dict[str, float], of_node: float) -> float:
    """Add up PEs and detection nodes. It is rounded once: `sum` rounds otherwise from Python 3.12 on."""
    return fsum([*(machine.n_pe * part for part in of_pe.values()), lnzd_nodes(machine) * of_node])


def memory_clock_hz(machine: Machine) -> float:
    """Return the highest clock at which each memory of a PE can be read once per cycle, Hz.

    Cycle times are those of the SRAM sweep; in another technology they shrink linearly. `Machine` takes any clock, also
    a higher one.
    """
    slowest = max(memory.cycle_ns for memory, _ in memories(machine, chip_facts()["sram"]["setting"]).values())
    return 1e9 / slowest * shrink(machine)


def weights_held(machine: Machine) -> int:
    """Count the weights that the sparse-matrix memories hold, one per entry."""
    rows = chip_facts()["sram"]["spmat_bytes"] * 8 // machine.spmat_width_bits
    return machine.n_pe * rows * machine.entries_per_row


@dataclass(frozen=True, slots=True)
class PeMemories:
    """Sizes of one PE's memories, bytes: sparse matrix, both pointer banks, and activation SRAM (`data/chip.toml`)."""

    spmat: int
    pointers: int
    activations: int


def pe_memories() -> PeMemories:
    """Return the sizes of the memories of the paper's PE."""
    facts = chip_facts()["sram"]
    pointers = facts["pointer_bytes"] * facts["pointer_banks"]
    return PeMemories(facts["spmat_bytes"], pointers, facts["activation_bytes"])


def _spmat(machine: Machine) -> Sram:
    facts = chip_facts()["sram"]
    return sram(facts["spmat_bytes"], machine.spmat_width_bits, facts["setting"])
