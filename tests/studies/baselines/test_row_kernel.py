import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

import eie
from eie.studies.baselines.eie_kernel import CpuLayer
from eie.studies.baselines.packed import TOGETHER
from eie.studies.baselines.row_kernel import BLOCK, TURN, RowLayer


def sums_by_hand(layer, x):
    """Sums of one input in single precision, column by column, one entry after the other."""
    sums = [np.float32(0)] * layer.n_out
    columns = [(layer.rows[a:b], layer.codes[a:b]) for a, b in zip(layer.indptr[:-1], layer.indptr[1:], strict=True)]
    inputs = [np.float32(value) for value in x]
    if layer.bias_codes is not None:
        (rows,) = np.nonzero(layer.bias_codes)
        columns.append((rows, layer.bias_codes[rows]))
        inputs.append(np.float32(1))
    for (rows, codes), value in zip(columns, inputs, strict=True):
        for row, code in zip(rows, codes, strict=True):
            sums[row] = np.float32(sums[row] + np.float32(layer.codebook[code] * value))
    return np.array(sums)


def drawn_inputs(shape, seed):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(shape) * (rng.random(shape[-1]) < 0.6)).astype(np.float32)


@pytest.mark.slow
@hypothesis.given(
    st.tuples(st.sampled_from([1, 2, TURN - 1, TURN, 100, BLOCK, BLOCK + 1, 2 * BLOCK + 77]), st.integers(1, 20)),
    st.integers(1, 4),
    st.sampled_from([0, 0.02, 0.3, 1]),
    st.booleans(),
    st.integers(0, 99),
)
@hypothesis.settings(max_examples=40, deadline=None)
def test_sums_are_those_by_hand_to_the_last_bit(size, threads, density, bias, seed):
    layer = eie.draw_layer(*size, density, seed, bias=bias)
    inputs = drawn_inputs((size[1],), seed)
    found = RowLayer.pack(layer, threads).multiply(inputs)
    assert found.dtype == np.float32
    assert found.tobytes() == sums_by_hand(layer, inputs).tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("batch", [0, 1, 3, TOGETHER, TOGETHER + 3])
@pytest.mark.parametrize("threads", [1, 2, 7])
def test_sums_are_those_of_eies_format_to_the_last_bit(batch, threads):
    layer = eie.draw_layer(BLOCK + 100, 40, 0.1, 5)
    inputs = drawn_inputs((batch, 40), 1)
    found = RowLayer.pack(layer, threads).multiply(inputs)
    assert found.shape == (batch, layer.n_out)
    for own, x in zip(found, inputs, strict=True):
        assert own.tobytes() == CpuLayer.pack(layer).multiply(x).tobytes()


def test_an_entry_is_two_bytes_and_columns_are_filled_up():
    layer = eie.CompressedLayer.from_codes(np.array([[3, 0], [0, 0], [0, 0], [7, 0]]), np.arange(16))
    packed = RowLayer.pack(layer)
    # Rows 0 and 3 are taken, so that code 0 stands in rows 1, 2, 4, 5, 6 and 7.
    assert packed.entries.tolist() == [0x003, 0x037, 0x010, 0x020, 0x040, 0x050, 0x060, 0x070]
    assert packed.start.tolist() == [[0, 8, 8]]
    assert packed.n_bytes == 16 + 24


def test_an_infinite_input_reaches_only_the_rows_of_its_column():
    layer = eie.CompressedLayer.from_codes(np.array([[3, 1], [0, 2]]), np.arange(16))
    assert RowLayer.pack(layer).multiply([np.inf, 1]).tolist() == [np.inf, 2]


def test_blocks_are_shared_out_to_threads():
    assert RowLayer.pack(eie.draw_layer(100, 5, 0.5, 0), 3).height == 34
    assert len(RowLayer.pack(eie.draw_layer(3 * BLOCK, 5, 0.01, 0), 2).start) == 3
