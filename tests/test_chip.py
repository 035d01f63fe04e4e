from dataclasses import replace
from itertools import permutations

import pytest

from eie import chip
from eie.chip import pe_memories
from eie.machine import EIE_45NM, Machine
from eie.technology import sram_table


@pytest.mark.parametrize(("n_pe", "nodes"), [(64, 21), (1, 0), (2, 1), (4, 1), (5, 3), (16, 5), (17, 8), (256, 85)])
def test_detection_nodes(n_pe, nodes):
    assert chip.lnzd_nodes(Machine(n_pe=n_pe)) == nodes


def test_the_chip_is_the_printed_one():
    assert chip.area(EIE_45NM) == pytest.approx(40.8, rel=0.01)
    assert chip.power(EIE_45NM) == pytest.approx(590, rel=0.01)


def test_the_chip_by_hand():
    assert chip.area(EIE_45NM) == pytest.approx(64 * 0.638024 + 21 * 189e-6)
    assert chip.power(EIE_45NM) == pytest.approx(64 * 9.158 + 21 * 0.023)  # modules add up to 1 uW above the total


def test_the_chip_adds_up_the_same_in_any_order(monkeypatch):
    # 586.595 mW is half-way between two numbers of five digits: one bit in the sum changed the text of a summary.
    for quantity, total in ((chip.power, 586.595), (chip.area, 40.837505)):
        of_pe = getattr(chip, f"pe_{quantity.__name__}")(EIE_45NM)
        for names in permutations(of_pe):
            monkeypatch.setattr(chip, f"pe_{quantity.__name__}", lambda machine, n=names, p=of_pe: {x: p[x] for x in n})
            assert quantity(EIE_45NM) == total


def test_a_deeper_queue_is_larger_and_nothing_else():
    deeper, normal = chip.pe_area(replace(EIE_45NM, fifo_depth=16)), chip.pe_area(EIE_45NM)
    assert deeper.pop("Act_queue") == pytest.approx(2 * normal.pop("Act_queue"))
    assert deeper == normal


def test_a_wider_memory_follows_the_sweep():
    wide = replace(EIE_45NM, spmat_width_bits=128)
    assert chip.pe_area(wide)["SpmatRead"] == pytest.approx(0.469412 * 0.47643 / 0.42967)
    assert chip.pe_power(wide)["SpmatRead"] == pytest.approx(4.955 * (21.2635 / 16) / (15.545 / 8))


def test_power_grows_with_the_clock():
    half = replace(EIE_45NM, clock_hz=400e6)
    assert sum(chip.pe_power(half).values()) == pytest.approx(sum(chip.pe_power(EIE_45NM).values()) / 2)


def test_a_width_that_the_sweep_has_not():
    for of in (chip.area, chip.power):
        with pytest.raises(ValueError, match="has width 32, 64, 128, 256, 512, not 96"):
            of(replace(EIE_45NM, spmat_width_bits=96))


def test_memories_allow_the_papers_clock_and_no_wide_one():
    sweep = sram_table().query("setting == 'itrs-lop'").set_index(["size", "width"])["cycle_ns"]
    assert chip.memory_clock_hz(EIE_45NM) == pytest.approx(1e9 / sweep[131072, 64])
    assert chip.memory_clock_hz(EIE_45NM) > EIE_45NM.clock_hz
    assert chip.memory_clock_hz(replace(EIE_45NM, spmat_width_bits=256)) < EIE_45NM.clock_hz
    assert chip.memory_clock_hz(replace(EIE_45NM, feature_nm=22.5)) == pytest.approx(2e9 / sweep[131072, 64])


def test_weights_held():
    assert chip.weights_held(Machine(n_pe=1)) == 131072
    assert chip.weights_held(Machine(n_pe=1, weight_bits=8, index_bits=8)) == 65536
    assert chip.weights_held(Machine(n_pe=2, index_bits=5)) == 2 * 7 * 16384  # of 64 bits a row, 63 are used


def test_capacities_are_those_of_the_paper():
    held = pe_memories()
    assert (held.spmat, held.pointers, held.activations) == (128 * 1024, 32 * 1024, 2 * 1024)
