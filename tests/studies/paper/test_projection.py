"""A chip in another technology."""

import pytest

from eie import chip
from eie.machine import EIE_45NM, Machine
from eie.studies.paper.projection import project


def test_projection_by_hand():
    machine = Machine(n_pe=256)
    found = project(machine, 45, 28)
    assert found.clock_hz == pytest.approx(800e6 * 45 / 28)
    assert found.area_mm2 == pytest.approx(chip.area(machine) * 28**2 / 45**2)
    assert found.power_mw == chip.power(machine)


def test_projection_to_the_same_technology_changes_nothing():
    found = project(EIE_45NM, 45, 45)
    assert (found.clock_hz, found.area_mm2) == (EIE_45NM.clock_hz, chip.area(EIE_45NM))
