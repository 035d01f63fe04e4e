import numpy as np
import pytest
from cases import CODEBOOK

import eie
from eie.studies.paper.partition import simulate_grid


@pytest.fixture(scope="module")
def run():
    return eie.draw_layer(120, 90, 0.2, 0), eie.draw_activations(90, 0.5, 1)


def test_one_grid_column_is_eie(run):
    layer, activations = run
    report, alone = simulate_grid(layer, activations, 16, 1), eie.simulate(layer, activations, eie.Machine(n_pe=16))
    assert (report.cycles, report.entries, report.reduce_cycles) == (alone.cycles, alone.entries, 0)
    assert (report.load_balance, report.seconds) == (alone.load_balance, alone.seconds)


def test_by_hand():
    # Four rows, two full columns, one column a PE: each PE works through 4 entries; then each adds up half the rows.
    layer = eie.CompressedLayer.from_codes(np.ones((4, 2), np.uint8), CODEBOOK)
    report = simulate_grid(layer, np.ones(2), 1, 2)
    assert (report.work_cycles, report.reduce_cycles, report.entries) == (1 + 4 + 7, 2, 8)
    assert report.load_balance == pytest.approx(8 / (2 * 14))


def test_a_pe_whose_inputs_are_zero_idles():
    layer = eie.CompressedLayer.from_codes(np.ones((4, 2), np.uint8), CODEBOOK)
    assert simulate_grid(layer, np.array([1.0, 0.0]), 1, 2).entries == 4


@pytest.mark.parametrize("grid", [(16, 1), (4, 4), (1, 16), (2, 8)])
def test_every_weight_of_an_active_column_is_processed_once(run, grid):
    layer, activations = run
    macs = np.diff(layer.indptr)[activations > 0].sum() + np.count_nonzero(layer.bias_codes)
    report = simulate_grid(layer, activations, *grid, eie.Machine(index_bits=8, spmat_width_bits=96))
    assert report.entries == macs  # with eight index bits nothing needs padding here


def test_more_grid_columns_than_inputs(run):
    with pytest.raises(ValueError, match=r"column_parts must be an integer in 1..90, got 91"):
        simulate_grid(*run, 1, 91)
