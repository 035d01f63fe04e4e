"""The dense array beside every result, against a slow count by hand."""

import numpy as np
import onnx_models as make
import pytest

import eie
from eie.explore.dense_array import DenseArray
from eie.networks.baseline import Dense, combined, dense_layer

MACHINE = eie.Machine(n_pe=4)


@pytest.mark.parametrize(("n_out", "n_in"), [(8, 30), (9, 30), (3, 7), (1, 1)])
def test_cycles_by_hand(n_out, n_in):
    """Each PE multiplies its rows of each column, one per cycle: n_in x rows of the fullest PE, start and drain."""
    found = dense_layer(n_out, n_in, 1, 1, MACHINE)
    rows = -(-n_out // 4)
    cycles = found.seconds * MACHINE.clock_hz
    assert n_in * rows <= cycles <= n_in * rows + 7 + 2 + n_in / 4 + 2
    assert found.memory == n_out * n_in / DenseArray(16, machine=MACHINE).weights_held


def test_groups_are_products_of_their_own():
    one, four = dense_layer(2, 9, 1, 5, MACHINE), dense_layer(8, 36, 4, 5, MACHINE)
    assert four.seconds == pytest.approx(4 * one.seconds)
    assert four.joules == pytest.approx(4 * one.joules)
    assert four.memory == pytest.approx(4 * one.memory)


def test_a_row_too_narrow_for_a_weight_gives_none():
    assert dense_layer(8, 8, 1, 1, eie.Machine(spmat_width_bits=8)) is None
    assert combined([None]) is None
    assert combined([]) is None


def test_layers_are_added_up_and_the_least_is_taken_of_branches():
    branches = [Dense(3.0, 1.0, 0.5), Dense(2.0, 4.0, 0.25)]
    assert combined(branches) == Dense(5.0, 5.0, 0.75)
    assert combined(branches, min) == Dense(2.0, 1.0, 0.25)


def test_beside_every_result(tmp_path):
    path, _ = make.small(tmp_path / "net.onnx")
    found = eie.evaluate(path, machine=MACHINE, act_density=0.3, density=0.2)
    expected = [
        dense_layer(layer.run.n_out, layer.run.n_in, 1, n, MACHINE)
        for layer, n in zip(found.layers, (9, 1, 1), strict=True)
    ]
    assert found.dense.seconds == pytest.approx(sum(each.seconds for each in expected))
    assert found.dense.joules == pytest.approx(sum(each.joules for each in expected))
    np.testing.assert_allclose(found.table()["dense, us"], [1e6 * each.seconds for each in expected])
    total = found.to_dict()["total"]["dense"]
    assert total == {"seconds": found.dense.seconds, "joules": found.dense.joules, "chips": 1}
    samples = eie.evaluate(path, np.abs(make.values(3, 3, 8, 8))[:1], machine=MACHINE)
    assert samples.dense.seconds == pytest.approx(found.dense.seconds)
