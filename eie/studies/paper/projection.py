"""A chip in another technology, as the paper projects it (Table V, footnote 3)."""

from __future__ import annotations

from dataclasses import dataclass

from eie import chip
from eie.machine import Machine


@dataclass(frozen=True, slots=True)
class Projection:
    """A chip in another technology, by the paper's rule (Table V, footnote 3).

    As the feature size shrinks, the frequency grows linearly and the area shrinks quadratically. The power stays the
    same, because the paper keeps the supply voltage.

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

    Returns
    -------
    Projection
        The chip at the new feature size and clock.
    """
    ratio = from_nm / to_nm
    return Projection(machine.clock_hz * ratio, chip.area(machine) / ratio**2, chip.power(machine))
