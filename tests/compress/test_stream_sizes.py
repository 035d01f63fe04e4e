import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn

from eie.compress import sizes, stream

CODES = hn.arrays(np.uint8, hn.array_shapes(max_dims=4, max_side=9), elements=st.sampled_from([0, 0, 0, 0, 0, 1, 2, 9]))


def walked(codes, index_bits):
    """Entries found by walking over the weights one by one."""
    most = 2**index_bits - 1
    found, zeros = [], 0
    for code in codes.ravel():
        if code:
            found.append((int(code), zeros))
            zeros = 0
        else:
            zeros += 1
            if zeros > most:
                found.append((0, most))
                zeros = 0
    while found and found[-1][0] == 0:
        found.pop()
    return found


@given(CODES, st.integers(1, 8))
def test_stream_is_that_of_a_walk(codes, index_bits):
    values, skips = stream.entries(codes, index_bits)
    assert list(zip(values.tolist(), skips.tolist(), strict=True)) == walked(codes, index_bits)
    assert np.array_equal(stream.codes(values, skips, codes.size), codes.ravel())


def test_deep_compressions_own_example():
    # Figure 2 of Deep Compression: weights at 1, 4 and 15 with indices of 3 bits; a filler goes between the last two
    codes = np.zeros(16, np.uint8)
    codes[[1, 4, 15]] = [3, 1, 2]
    values, skips = stream.entries(codes, 3)
    assert values.tolist() == [3, 1, 0, 2]
    assert (np.cumsum(skips + 1) - 1).tolist() == [1, 4, 12, 15]


def test_stream_beyond_the_layer():
    with pytest.raises(ValueError, match="4 weights, it reaches weight 4"):
        stream.codes([1, 1], [0, 3], 4)


def hand_solved():
    """Twelve weights, five of them kept, and one gap of five zeros: a filler with indices of two bits."""
    codes = np.array([[1, 1, 0, 1], [0, 0, 0, 0], [2, 1, 0, 0]])
    return sizes.layer_size("a", codes, weight_bits=2, index_bits=2, biases=3)


def test_hand_solved_layer():
    layer = hand_solved()
    # entries (code, zeros before it): (1,0) (1,0) (1,1) (0,3) (2,0) (1,0)
    assert (layer.weights, layer.kept, layer.entries) == (12, 5, 6)
    assert layer.coded_weights == 4 * 1 + 2 + 2  # code 1 four times, codes 0 and 2 once each
    assert layer.coded_indices == 4 * 1 + 2 + 2  # index 0 four times, 1 and 3 once each
    assert (layer.codebook, layer.tables) == (4 * 32, 2 * 4 * 4)
    assert layer.original == 15 * 32
    assert layer.shared == 6 * 4 + 128 + 96
    assert layer.coded() == 8 + 8 + 128 + 96 + 32
    assert layer.coded(tables=False) == 8 + 8 + 128 + 96


def test_widths_of_codes_and_indices_are_not_each_others():
    """With codes of 4 bits and indices of 2, the gap of five zeros needs its filler; indices of 4 bits need none."""
    codes = np.array([[1, 1, 0, 1], [0, 0, 0, 0], [2, 1, 0, 0]])
    narrow = sizes.layer_size("a", codes, weight_bits=4, index_bits=2, biases=0)
    wide = sizes.layer_size("a", codes, weight_bits=2, index_bits=4, biases=0)
    assert (narrow.entries, wide.entries) == (6, 5)
    assert (narrow.weight_bits, narrow.index_bits) == (4, 2)
    assert (narrow.shared, wide.shared) == (6 * (4 + 2) + 32 * 16, 5 * (2 + 4) + 32 * 4)
    table = sizes.published_form([narrow])
    assert table.loc["a", ["weight bits (P+Q)", "index bits (P+Q)"]].tolist() == [4, 2]


def test_published_form_of_the_hand_solved_layer():
    table = sizes.published_form([hand_solved(), hand_solved()])
    assert table.index.tolist() == ["a", "total"]  # layers of one name fall together
    row = table.loc["total"]
    assert row["weights"] == 24
    assert row["weights left, % (P)"] == pytest.approx(100 * 5 / 12)
    assert row[["weight bits (P+Q)", "index bits (P+Q)"]].tolist() == [2, 2]
    assert row[["weight bits (P+Q+H)", "index bits (P+Q+H)"]].tolist() == pytest.approx([8 / 6, 8 / 6])
    assert row["size, % (P+Q)"] == pytest.approx(100 * 248 / 480)
    assert row["size, % (P+Q+H)"] == pytest.approx(100 * 272 / 480)
    assert sizes.published_form([hand_solved()], tables=False).loc["a", "size, % (P+Q+H)"] == pytest.approx(50)


def test_factors():
    layers = [hand_solved()]
    assert sizes.compression_factor(layers) == 480 / 272
    assert sizes.compression_factor(layers, tables=False) == 2
    assert sizes.compression_factor(layers, huffman_coded=False) == 480 / 248


@settings(max_examples=30)
@given(CODES)
def test_huffman_coding_alone_never_makes_larger(codes):
    layer = sizes.layer_size("a", codes, 4, 5, 0)
    # a code of fixed width is a prefix code, too, except that a lone symbol takes a bit
    assert layer.coded_weights <= layer.entries * layer.weight_bits
    assert layer.coded_indices <= layer.entries * layer.index_bits


def test_layer_without_a_weight_left():
    layer = sizes.layer_size("a", np.zeros((2, 3), np.uint8), 4, 5, 2)
    assert (layer.kept, layer.entries, layer.coded_weights, layer.coded_indices) == (0, 0, 0, 0)
    assert np.isnan(sizes.published_form([layer]).loc["total", "weight bits (P+Q)"])


def test_code_out_of_range():
    with pytest.raises(ValueError, match=r"0\.\.3, got 4"):
        sizes.layer_size("a", np.array([4]), 2, 5, 0)
