import hypothesis.strategies as st
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings

from eie.compress.kmeans import nearest, prune_and_share, shared_values


def slow_kmeans(values, n_shared):
    """Lloyd's rule with a distance for every value and centroid."""
    values = np.asarray(values, np.float64)
    centroids, before = np.linspace(values.min(), values.max(), n_shared), None
    while True:
        clusters = [min(range(n_shared), key=lambda c: (abs(v - centroids[c]), c)) for v in values]
        if clusters == before:
            return centroids
        for c in set(clusters):
            centroids[c] = np.mean([v for v, own in zip(values, clusters, strict=True) if own == c])
        centroids, before = np.sort(centroids), clusters


def slow_kept(matrix, density):
    """The matrix with all but its largest weights 0, the first of equals kept."""
    count = round(density * matrix.size)
    order = sorted(range(matrix.size), key=lambda at: (-abs(matrix.flat[at]), at))
    kept = np.zeros_like(matrix)
    kept.flat[order[:count]] = matrix.flat[order[:count]]
    return kept


def weights_of(layer):
    return layer.codebook[layer.to_scipy().toarray()]


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(20, 200), st.integers(1, 15))
def test_centroids_are_those_of_plain_k_means(seed, n, n_shared):
    values = np.random.default_rng(seed).normal(size=n).astype(np.float32)
    np.testing.assert_allclose(shared_values(values, n_shared), slow_kmeans(values, n_shared), rtol=1e-6, atol=1e-7)


def test_k_means_by_hand():
    # Starts at 0, 5, 10: {0, 1, 2} and {9, 10}; nothing is nearest to 5, so it stays.
    assert shared_values([0, 1, 2, 9, 10, 10], 3).tolist() == [1.0, 5.0, pytest.approx(29 / 3)]


def test_sums_of_many_values_are_those_of_all_blocks():
    values = np.random.default_rng(0).normal(size=10_000).astype(np.float32)
    np.testing.assert_allclose(shared_values(values, 1), [values.astype(np.float64).mean()], rtol=1e-6)


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_few_different_weights_are_kept_exactly(bits):
    palette = np.random.default_rng(1).normal(size=2**bits - 1).astype(np.float32)
    matrix = np.random.default_rng(2).choice(np.append(palette, 0), (40, 30)).astype(np.float32)
    np.testing.assert_array_equal(weights_of(prune_and_share(matrix, bits)), matrix)


def test_nearest_by_hand():
    values = np.array([-1, 0.5, 0.6, 1.5, 9], np.float32)
    assert nearest(values, np.array([0, 1, 2], np.float32)).tolist() == [0, 0, 1, 1, 2]


@pytest.mark.parametrize("as_type", [np.asarray, sp.csc_array, sp.csr_array, sp.coo_matrix])
@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), density=st.sampled_from([0.0, 0.1, 0.5, 0.73, 1.0]))
def test_the_largest_stay(as_type, seed, density):
    rng = np.random.default_rng(seed)
    matrix = rng.permutation(np.arange(1, 12 * 7 + 1)).reshape(12, 7) * rng.choice([-1, 1], (12, 7))
    kept = slow_kept(matrix.astype(np.float32), density)
    layer = prune_and_share(as_type(matrix.astype(np.float32)), 4, density)
    np.testing.assert_array_equal(layer.to_scipy().toarray() != 0, kept != 0)
    codes = layer.to_scipy().toarray()[kept != 0]
    np.testing.assert_array_equal(codes, 1 + nearest(kept[kept != 0], layer.codebook[1:]))


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), density=st.sampled_from([0.1, 0.3, 0.9]))
def test_of_equals_the_first_stay(seed, density):
    matrix = np.random.default_rng(seed).integers(-2, 3, (9, 8)).astype(np.float32)
    np.testing.assert_array_equal(weights_of(prune_and_share(matrix, 4, density)), slow_kept(matrix, density))


def test_zeros_stay_zeros():
    matrix = np.array([[0, 3], [0, 0], [1, 0]], np.float32)
    layer = prune_and_share(matrix, 4, 0.9)
    np.testing.assert_array_equal(weights_of(layer), matrix)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.array([[1, np.nan]]), "got nan at weight 1"),
        (np.array([[np.inf, 1]]), "got inf at weight 0"),
        (np.zeros((0, 3)), "must be a float matrix"),
        (np.ones(3), "must be a float matrix"),
        (np.ones((2, 2), int), "dtype int64"),
    ],
)
def test_what_is_no_matrix_of_weights_is_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        prune_and_share(weights)


def test_nothing_to_keep():
    assert prune_and_share(np.zeros((3, 4))).nnz == 0
    assert prune_and_share(np.ones((3, 4)), density=0).nnz == 0
