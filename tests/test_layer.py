import numpy as np
import pytest
import scipy.sparse as sp
from cases import CODEBOOK

import eie

CODES = np.array([[0, 3, 0], [15, 0, 0], [0, 1, 2], [0, 0, 0]], np.uint8)


@pytest.mark.parametrize("make", [np.asarray, sp.csc_array, sp.csr_array, sp.coo_array, sp.csc_matrix, np.int64])
def test_from_codes(make):
    layer = eie.CompressedLayer.from_codes(make(CODES), CODEBOOK)
    assert (layer.n_out, layer.n_in, layer.nnz, layer.density) == (4, 3, 4, 4 / 12)
    assert layer.indptr.tolist() == [0, 1, 3, 4]
    assert layer.rows.tolist() == [1, 0, 2, 2]
    assert layer.codes.tolist() == [15, 3, 1, 2]
    np.testing.assert_array_equal(layer.to_scipy().toarray(), CODES)


def test_zeros_that_a_sparse_matrix_stores_are_pruned():
    matrix = sp.csc_array((np.array([4, 0, 5, 0], np.uint8), [0, 1, 1, 0], [0, 2, 3, 4]), shape=(2, 3))
    layer = eie.CompressedLayer.from_codes(matrix, CODEBOOK)
    np.testing.assert_array_equal(layer.to_scipy().toarray(), [[4, 0, 0], [0, 5, 0]])


def test_equality_is_by_value():
    layer = eie.CompressedLayer.from_codes(CODES, CODEBOOK, [1, 0, 2, 0])
    assert layer == eie.CompressedLayer.from_codes(sp.csc_array(CODES), CODEBOOK, [1, 0, 2, 0])
    assert layer != eie.CompressedLayer.from_codes(CODES, CODEBOOK, [1, 0, 2, 1])
    assert layer != eie.CompressedLayer.from_codes(CODES, CODEBOOK)
    assert layer != eie.CompressedLayer.from_codes(CODES, 2 * CODEBOOK, [1, 0, 2, 0])
    assert layer != "layer"


def test_arrays_cannot_be_changed():
    layer = eie.CompressedLayer.from_codes(CODES, CODEBOOK)
    with pytest.raises(ValueError, match="read-only"):
        layer.codes[0] = 1


def test_entry_0_of_the_codebook_is_the_padding_zero():
    layer = eie.CompressedLayer.from_codes(CODES, np.arange(1.0, 17.0))
    assert layer.codebook[:2].tolist() == [0.0, 2.0]


def test_repr():
    layer = eie.CompressedLayer.from_codes(CODES, CODEBOOK)
    assert repr(layer) == "CompressedLayer(4 x 3, density 0.3333, 16 codes, no bias)"


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.full((2, 2), 16), r"codes must be integers in 0..15, got 16"),
        (np.full((2, 2), 300), r"codes must be integers in 0..15, got 300"),
        (np.full((2, 2), -1), r"codes must be integers in 0..15, got -1"),
        (np.ones((2, 2)), r"codes must be integers in 0..15, got dtype float64"),
        (np.ones(4, np.uint8), r"codes must be a matrix of shape \(n_out, n_in\), .* got shape \(4,\)"),
        (np.ones((0, 4), np.uint8), r"both 1 or more, got shape \(0, 4\)"),
        (sp.csc_array(np.full((2, 2), 16)), r"codes must be integers in 0..15, got 16"),
        (sp.csc_array(np.full((2, 2), 0.5)), r"codes must be integers in 0..15, got dtype float64"),
    ],
)
def test_bad_codes(codes, message):
    with pytest.raises(ValueError, match=message):
        eie.CompressedLayer.from_codes(codes, CODEBOOK)


def test_unsorted_csc():
    matrix = sp.csc_array((np.ones(3, np.uint8), [2, 0, 1], [0, 2, 3]), shape=(3, 2))
    with pytest.raises(ValueError, match=r"rows must rise within a column, got 2 then 0 in column 0"):
        eie.CompressedLayer.from_codes(matrix, CODEBOOK)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": [0, 3, 1]}, r"rows must be in 0..2, got 3 in column 0"),
        ({"rows": [0, 1, -1]}, r"rows must be in 0..2, got -1 in column 1"),
        ({"rows": [0, 0, 1]}, r"rows must rise within a column, got 0 then 0 in column 0"),
        ({"rows": [0, 1]}, r"rows must have shape \(3,\), one per entry, got \(2,\)"),
        ({"rows": [0.0, 1.0, 1.0]}, r"rows must be integers in 0..2, got dtype float64"),
        ({"indptr": [0, 2, 4]}, r"indptr must run from 0 to 3, the number of entries, got 0..4"),
        ({"indptr": [0, 3]}, r"indptr must have shape \(3,\), .* got \(2,\)"),
        ({"n_in": 3, "indptr": [0, 2, 1, 3]}, r"indptr must not fall, got 2 then 1 at column 1"),
        ({"codes": [1, 0, 2]}, r"codes of stored entries must be integers in 1..15, got 0"),
        ({"n_out": 0}, r"n_out must be an integer in 1..2147483647, got 0"),
        ({"codebook": np.zeros(15)}, r"codebook must be a vector of 2, 4, 8 .. 256 values, got shape \(15,\)"),
        ({"codebook": np.full(16, np.nan)}, r"codebook must be finite, got nan"),
        ({"bias_codes": [1, 2]}, r"bias_codes must have shape \(3,\), one per output, got \(2,\)"),
        ({"bias_codes": [1, 2, 16]}, r"bias_codes must be integers in 0..15, got 16"),
    ],
)
def test_bad_parts(changes, message):
    parts = {"n_out": 3, "n_in": 2, "indptr": [0, 2, 3], "rows": [0, 1, 1], "codes": [1, 2, 3], "codebook": CODEBOOK}
    eie.CompressedLayer(**parts)
    with pytest.raises(ValueError, match=message):
        eie.CompressedLayer(**(parts | changes))


def test_nobody_else_can_change_a_layer():
    matrix = sp.csc_array(CODES)
    layer = eie.CompressedLayer.from_codes(matrix, CODEBOOK)
    matrix.data[:] = 200
    assert layer.codes.tolist() == [15, 3, 1, 2]


def test_entries_that_stand_twice_are_not_added_up_in_a_byte():
    matrix = sp.coo_array((np.array([10, 250], np.uint8), ([0, 0], [0, 0])), shape=(1, 1))
    with pytest.raises(ValueError, match=r"codes must be integers in 0..15, got 260"):
        eie.CompressedLayer.from_codes(matrix, CODEBOOK)


def test_pointers_must_be_whole():
    with pytest.raises(ValueError, match="indptr must be integers, got dtype float64"):
        eie.CompressedLayer(1, 2, [0.0, 1.7, 2.0], [0, 0], [1, 1], CODEBOOK)
