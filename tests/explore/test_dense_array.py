import numpy as np
import pytest

import eie
from eie.explore.dense_array import DenseArray

SMALL = eie.Machine(n_pe=4, fifo_depth=3)
X = eie.draw_activations(30, 0.5, 0)


def full_layer(n_out, n_in):
    codes = np.full((n_out, n_in), 3, np.uint8)
    return eie.CompressedLayer.from_codes(codes, np.arange(16))


@pytest.mark.parametrize("n_out", [1, 4, 10, 33])
def test_time_is_that_of_eie_with_every_weight_kept(n_out):
    report = DenseArray(8, machine=SMALL).run(n_out, X)
    slow = eie.step(full_layer(n_out, 30), X, SMALL).report
    for name in ("cycles", "broadcasts", "macs", "spmat_reads"):
        assert getattr(report, name) == getattr(slow, name)
    assert report.ptr_reads == report.padding == 0


def test_without_skipping_all_inputs_cost_a_cycle_a_row():
    report = DenseArray(4, skips_zeros=False, machine=SMALL).run(20, X)
    assert (report.cycles, report.broadcasts, report.macs) == (1 + 30 * 5 + 7, 30, 600)


@pytest.mark.parametrize(("bits", "reads"), [(4, 2), (8, 4), (16, 8)])
def test_reads_are_those_of_the_rows_that_the_weights_fill(bits, reads):
    # 4 PEs hold 32 weights each: 8 columns of 4.
    report = DenseArray(bits, machine=SMALL).run(16, np.ones(8))
    assert report.spmat_reads == 4 * reads


def test_multipliers_share_the_rows_of_a_column():
    one, many = (DenseArray(4, multipliers=m, machine=SMALL).run(64, X) for m in (1, 8))
    assert (one.macs, one.cycles - 8) == (many.macs, 8 * (many.cycles - 8))
    assert many.spmat_reads == one.spmat_reads


def test_energy_is_eies_without_pointers_and_index():
    report = DenseArray(4).run(256, X)
    mine, theirs = DenseArray(4).joules(report), eie.energy(report, eie.EIE_45NM).components
    assert mine == theirs
    assert mine["pointer read"] == 0 < mine["codebook"]
    assert DenseArray(16).joules(report)["codebook"] == 0
    wide = DenseArray(4, multipliers=16).joules(report)
    assert wide["clock"] == pytest.approx(16 * mine["clock"])
    assert wide["leakage"] == mine["leakage"]


def test_weights_held():
    assert DenseArray(4).weights_held == 64 * (128 + 32) * 1024 * 2
    assert DenseArray(16).weights_held == DenseArray(4).weights_held // 4


@pytest.mark.parametrize(("arguments", "message"), [((65,), "weight_bits"), ((4, True, 17), "multipliers .* 1..16")])
def test_limits(arguments, message):
    with pytest.raises(ValueError, match=message):
        DenseArray(*arguments)
