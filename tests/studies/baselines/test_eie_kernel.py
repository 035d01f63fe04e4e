import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

import eie
from eie.studies.baselines.eie_kernel import CpuLayer
from eie.studies.baselines.packed import TOGETHER
from eie.studies.retrospective.lanes import MODELS, utilisation


def dense(layer):
    matrix = np.zeros((layer.n_out, layer.n_in))
    csc = layer.to_scipy().tocoo()
    matrix[csc.row, csc.col] = layer.codebook[csc.data]
    return matrix, 0.0 if layer.bias_codes is None else layer.codebook[layer.bias_codes]


@pytest.mark.slow
@hypothesis.given(
    st.tuples(st.integers(1, 120), st.integers(1, 40)),
    st.integers(1, 5),
    st.sampled_from([0, 1, 3, TOGETHER, TOGETHER + 3]),
    st.floats(0, 1),
    st.booleans(),
    st.integers(0, 99),
)
@hypothesis.settings(max_examples=60, deadline=None)
def test_products_are_the_dense_ones(size, threads, batch, density, bias, seed):
    layer = eie.draw_layer(*size, density, seed, bias=bias)
    rng = np.random.default_rng(seed)
    inputs = (rng.standard_normal((batch, size[1]) if batch else size[1]) * (rng.random(size[1]) < 0.6)).astype(
        np.float32
    )
    matrix, shift = dense(layer)
    result = CpuLayer.pack(layer, threads).multiply(inputs)
    assert result.dtype == np.float32
    assert result == pytest.approx(inputs @ matrix.T + shift, abs=1e-4)


def test_an_entry_is_a_byte():
    layer = eie.CompressedLayer.from_codes(np.array([[3], [0], [0], [7]]), np.arange(16))
    packed = CpuLayer.pack(layer)
    assert packed.entries.tolist() == [0x03, 0x27]
    assert packed.start.tolist() == [[0], [2]]
    assert (packed.threads, packed.n_bytes) == (1, 2 + 16)


def slow_lockstep(layer, x, lanes):
    mem = eie.encode(layer, eie.Machine(n_pe=lanes))
    turns = 0
    for j in np.flatnonzero(x):
        turns += max(1, *(int(mem.pointers[j + 1, p] - mem.pointers[j, p]) for p in range(lanes)))
    return np.diff(layer.indptr)[x > 0].sum() / (lanes * turns)


def test_lanes_by_hand():
    # One column, 8 rows, rows 0 and 4 kept, on 4 lanes: both are lane 0's, so the others idle for two turns.
    codes = np.zeros((8, 1), np.uint8)
    codes[[0, 4]] = 1
    layer = eie.CompressedLayer.from_codes(codes, np.arange(16))
    found = utilisation(layer, np.ones(1), 4)
    assert found["lockstep"] == 2 / (4 * 2)
    assert found["gather"] == 2 / (4 * 1)
    assert found["dense"] == found["dense columns"] == 2 / (4 * 2)
    assert found["own queues"] == 2 / (4 * (1 + 2 + 7))


@pytest.mark.parametrize("lanes", [2, 7, 16])
def test_lanes_of_a_layer(lanes):
    layer, x = eie.draw_layer(200, 60, 0.1, 0, bias=False), eie.draw_activations(60, 0.5, 1)
    found = utilisation(layer, x, lanes)
    assert set(found) == set(MODELS)
    assert found["lockstep"] == pytest.approx(slow_lockstep(layer, x, lanes))
    assert found["own queues"] == pytest.approx(
        eie.simulate(layer, x, eie.Machine(n_pe=lanes)).macs
        / lanes
        / eie.simulate(layer, x, eie.Machine(n_pe=lanes)).cycles
    )
    assert found["dense"] == pytest.approx(np.diff(layer.indptr)[x > 0].sum() / (lanes * -(-200 // lanes) * 60))


def test_lanes_without_work():
    assert set(utilisation(eie.draw_layer(8, 8, 0.5, 0), np.zeros(8), 4).values()) == {0.0}
