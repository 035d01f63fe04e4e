import naive_network
import numpy as np
import pytest
from cases import CODEBOOK, layer_of
from hypothesis import given, settings
from hypothesis import strategies as st

import eie
from eie.fixedpoint import FixedPoint, LayerFormats
from eie.networks import operations
from eie.networks.network import Network
from eie.studies.paper.winograd import WinogradConv2d, winograd

WIDE = LayerFormats(FixedPoint(16, 12), FixedPoint(16, 10), FixedPoint(16, 9))
NARROW = LayerFormats(FixedPoint(8, 5), FixedPoint(8, 4), FixedPoint(7, 4))
"""Few bits, so that sums saturate."""


def drawn(rng, n_out=3, channels=2, density=0.5, **settings):
    kept = rng.random((n_out, channels, 3, 3)) < density
    codes = np.where(kept, rng.integers(1, 16, kept.shape), 0).astype(np.uint8)
    return operations.Conv2d(layer_of(codes), rng.normal(size=n_out), (3, 3), **settings)


def alone(op, shape):
    return Network.chain(shape, {"op": op})


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(3, 9), st.integers(3, 9)),
    st.tuples(*[st.integers(0, 2)] * 4),
)
def test_exact_sharing_gives_the_convolution(seed, size, padding):
    rng = np.random.default_rng(seed)
    plain = drawn(rng, padding=padding)
    images = rng.normal(size=(2, 2, *size)).astype(np.float32)
    # Six kernels have six transformed weights at each place: fewer than codes, so that none is changed.
    other = winograd(plain, weight_bits=4)
    ours, expected = alone(other, images.shape[1:]).reference(images), alone(plain, images.shape[1:]).reference(images)
    assert ours.shape == expected.shape
    np.testing.assert_allclose(ours, expected, atol=1e-5)


def naively(op, image, formats):
    """Patch by patch and place by place, in whole numbers; one image."""
    flat = [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]]
    back = [[1, 1, 1, 0], [0, 1, -1, -1]]
    channels, height, width = image.shape
    top, left, bottom, right = op.padding
    padded = np.pad(image, [(0, 0), (top, bottom + 2), (left, right + 2)])
    n_out, out = op.layers[0].n_out, (height + top + bottom - 2, width + left + right - 2)
    outputs, total = np.zeros((n_out, out[0] + 1, out[1] + 1)), 0
    for y in range(0, out[0], 2):
        for x in range(0, out[1], 2):
            sums = np.zeros((n_out, 4, 4))
            for u in range(4):
                for v in range(4):
                    vector = [
                        sum(flat[u][i] * flat[v][j] * padded[c, y + i, x + j] for i in range(4) for j in range(4))
                        for c in range(channels)
                    ]
                    layer = op.layers[4 * u + v]
                    codes = layer.to_scipy().toarray()
                    sums[:, u, v], saturations = naive_network.linear(codes, layer.codebook, None, vector, formats)
                    total += saturations
            for a in range(2):
                for b in range(2):
                    outputs[:, y + a, x + b] = sum(
                        back[a][u] * back[b][v] * sums[:, u, v] for u in range(4) for v in range(4)
                    )
    return outputs[:, : out[0], : out[1]] + op.bias[:, None, None], total


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([WIDE, NARROW]), st.sampled_from([(0, 0, 0, 0), (1, 1, 1, 1)]))
def test_bit_exact(seed, formats, padding):
    rng = np.random.default_rng(seed)
    op = winograd(drawn(rng, padding=padding), weight_bits=4)
    images = np.round(rng.normal(size=(2, 2, 5, 4)), 3)
    run = alone(op, images.shape[1:]).run(images, eie.Machine(n_pe=4), {"op": formats})
    expected = [naively(op, image, formats) for image in images]
    np.testing.assert_allclose(run.outputs, [outputs for outputs, _ in expected], atol=1e-9)
    assert run.saturations["op"] == sum(total for _, total in expected)


def test_multiplications_are_fewer_when_nothing_is_pruned():
    rng = np.random.default_rng(0)
    plain = drawn(rng, 8, 8, density=1.0, padding=(1, 1, 1, 1))
    images = rng.uniform(0.5, 1, size=(1, 8, 8, 8))
    macs = [
        alone(op, images.shape[1:]).run(images).layers[0].report.macs for op in (plain, winograd(plain, weight_bits=4))
    ]
    # Padding's zeros are skipped the plain way, and transformed away in the other.
    assert 9 * 64 * 64 * 0.8 < macs[0] < 9 * 64 * 64
    assert macs[1] == pytest.approx(16 * 16 * 64, rel=0.05)


def test_transformed_kernels_are_hardly_sparse():
    plain = drawn(np.random.default_rng(0), 32, 32, density=0.3)
    density = np.mean([layer.density for layer in winograd(plain, weight_bits=4).layers])
    assert plain.layer.density == pytest.approx(0.3, abs=0.02)
    # Four places are sums of one weight, eight of three, four of nine.
    expected = (4 * 0.3 + 8 * (1 - 0.7**3) + 4 * (1 - 0.7**9)) / 16
    assert density == pytest.approx(expected, abs=0.05)  # less where weights cancel
    kept = [layer.density for layer in winograd(plain, weight_bits=4, density=0.2).layers]
    assert kept == pytest.approx([0.2] * 16, abs=0.01)


def test_a_bias_of_codes_moves_to_the_host():
    layer = eie.CompressedLayer.from_codes(np.ones((2, 9), np.uint8), CODEBOOK, [0, 15])
    plain = operations.Conv2d(layer, [1.0, 2.0], (3, 3))
    assert winograd(plain, weight_bits=4).bias.tolist() == [1.0, 3.0]


@pytest.mark.parametrize("settings", [{"stride": (2, 2)}, {"dilation": (2, 1)}])
def test_other_convolutions(settings):
    with pytest.raises(ValueError, match="for 3 x 3 kernels with stride and dilation 1, got kernel"):
        winograd(drawn(np.random.default_rng(0), **settings), weight_bits=4)


def test_matrices_that_do_not_fit():
    one, other = (eie.CompressedLayer.from_codes(np.ones((2, n), np.uint8), CODEBOOK) for n in (3, 4))
    with pytest.raises(ValueError, match=r"matrices must be 16, .* got 2"):
        WinogradConv2d((one, one))
    with pytest.raises(ValueError, match="matrices must all be of one size"):
        WinogradConv2d((one,) * 15 + (other,))
