"""Area and power of a PE and of a whole chip, and the projection to another technology (ISCA 2016, Tables II and V)."""

from __future__ import annotations

from dataclasses import dataclass

from eie.machine import EIE_45NM, Machine
from eie.technology import Sram, chip_facts, paper_value, pe_breakdown, reference_clock_hz, sram


def lnzd_nodes(machine: Machine) -> int:
    """Nodes of the leading non-zero detection tree: one for each group of PEs or nodes, up to one root."""
    children = chip_facts()["lnzd"]["children"]
    nodes, level = 0, machine.n_pe
    while level > 1:
        level = -(-level // children)
        nodes += level
    return nodes


def pe_area(machine: Machine) -> dict[str, float]:
    """Area of one PE by module, mm2.

    Table II's, with two parts that grow with the machine: the queue with its depth, and the sparse-matrix memory as the
    SRAM sweep says for its width.
    """
    area = {part: um2 * 1e-6 for part, um2 in pe_breakdown("area", "module").items()}
    area["Act_queue"] *= machine.fifo_depth / EIE_45NM.fifo_depth
    area["SpmatRead"] *= _spmat(machine).area_mm2 / _spmat(EIE_45NM).area_mm2
    return area


def pe_power(machine: Machine) -> dict[str, float]:
    """Power of one busy PE by module, mW.

    Table II's at the machine's clock, with the sparse-matrix memory's scaled by the energy of fetching one entry.
    """
    faster = machine.clock_hz / reference_clock_hz()
    power = {part: mw * faster for part, mw in pe_breakdown("power", "module").items()}
    an_entry = _spmat(machine).read_pj / machine.entries_per_row
    power["SpmatRead"] *= an_entry / (_spmat(EIE_45NM).read_pj / EIE_45NM.entries_per_row)
    return power


def area(machine: Machine) -> float:
    """Area of the chip, mm2: PEs and detection nodes."""
    return machine.n_pe * sum(pe_area(machine).values()) + lnzd_nodes(machine) * paper_value("lnzd-area") * 1e-6


def power(machine: Machine) -> float:
    """Power of the chip when all PEs are busy, mW: PEs and detection nodes."""
    a_node = paper_value("lnzd-power") * machine.clock_hz / reference_clock_hz()
    return machine.n_pe * sum(pe_power(machine).values()) + lnzd_nodes(machine) * a_node


def weights_held(machine: Machine) -> int:
    """Weights that the sparse-matrix memories hold, one an entry."""
    rows = chip_facts()["sram"]["spmat_bytes"] * 8 // machine.spmat_width_bits
    return machine.n_pe * rows * machine.entries_per_row


@dataclass(frozen=True, slots=True)
class Projection:
    """A chip in another technology, by the paper's rule (Table V, footnote 3).

    Frequency grows linearly and area shrinks quadratically with the feature size; power stays, since the supply voltage
    does.

    Attributes
    ----------
    clock_hz : float
        Hz.
    area_mm2 : float
        mm2.
    power_mw : float
        mW.
    """

    clock_hz: float
    area_mm2: float
    power_mw: float


def project(machine: Machine, from_nm: float, to_nm: float) -> Projection:
    """Project a chip to another technology.

    Parameters
    ----------
    machine : Machine
        The chip, with the clock of the technology it comes from.
    from_nm, to_nm : float
        Feature sizes, nm.
    """
    shrink = from_nm / to_nm
    return Projection(machine.clock_hz * shrink, area(machine) / shrink**2, power(machine))


def _spmat(machine: Machine) -> Sram:
    facts = chip_facts()["sram"]
    return sram(facts["spmat_bytes"], machine.spmat_width_bits, facts["setting"])
