import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from eie.compress import masks


def slow_largest(values, count):
    """Places of the largest, one after the other; of equals the first."""
    left, found = list(range(len(values))), []
    for _ in range(min(count, len(values))):
        best = left[0]
        for place in left:
            if values[place] > values[best]:
                best = place
        left.remove(best)
        found.append(best)
    return found


def matrix(seed, shape):
    """Few different magnitudes, so that some are equal."""
    return np.random.default_rng(seed).integers(-6, 7, shape).astype(np.float32)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (4, 1), (4, 4), (1, 12), (2, 3)])
@pytest.mark.parametrize("keep", [0.0, 0.1, 0.4, 1.0])
def test_blocks_one_by_one(height, width, keep):
    weight = matrix(0, (8, 12))
    corners = [(i, j) for i in range(0, 8, height) for j in range(0, 12, width)]
    norms = [float((weight[i : i + height, j : j + width] ** 2).sum()) for i, j in corners]
    expected = np.zeros(weight.shape, bool)
    for place in slow_largest(norms, round(keep * len(corners))):
        i, j = corners[place]
        expected[i : i + height, j : j + width] = True
    np.testing.assert_array_equal(masks.by_block(weight, keep, height, width), expected)


@pytest.mark.parametrize(("n", "m"), [(2, 4), (1, 4), (2, 8), (1, 8), (4, 8), (3, 5)])
def test_n_of_m_one_by_one(n, m):
    weight = matrix(1, (6, 42))  # the last group is a smaller one
    expected = np.zeros(weight.shape, bool)
    for i in range(6):
        for start in range(0, 42, m):
            for place in slow_largest(abs(weight[i, start : start + m]), n):
                expected[i, start + place] = True
    found = masks.n_of_m(weight, n, m)
    np.testing.assert_array_equal(found, expected)
    assert (found[:, : 42 // m * m].reshape(-1, m).sum(axis=1) == n).all()


def test_n_of_m_by_hand():
    weight = np.array([[0.5, -2.0, 0.1, 1.0, 3.0, 3.0, -3.0, 0.0]])
    assert masks.n_of_m(weight, 2, 4).astype(int).tolist() == [[0, 1, 0, 1, 1, 1, 0, 0]]


@hypothesis.given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.sampled_from([1, 2, 4, 7, 100]), st.floats(0.0, 0.6))
@hypothesis.settings(max_examples=40, deadline=None)
def test_every_pe_keeps_the_largest_of_its_own_and_as_many_as_the_others(seed, n_pe, columns, keep):
    weight = matrix(seed, (11, 20))
    found = masks.balanced(weight, keep, n_pe, columns)
    for start in range(0, 20, columns):
        counts = set()
        for p in range(n_pe):
            own, kept = abs(weight[p::n_pe, start : start + columns]), found[p::n_pe, start : start + columns]
            counts.add(int(kept.sum()))
            assert sorted(np.flatnonzero(kept)) == sorted(slow_largest(own.ravel(), int(kept.sum())))
        assert len(counts) == 1
    most = 11 // n_pe * n_pe * 20  # what PEs keep evenly at most
    assert found.sum() <= most
    if columns >= 20:  # nothing but the rounding to whole PEs
        assert abs(found.sum() - min(round(keep * 220), most)) <= n_pe / 2


def test_balanced_keeps_the_density_of_unbalanced():
    weight = np.random.default_rng(0).standard_normal((300, 784))
    for columns in (1, 4, 16, 64):
        assert masks.balanced(weight, 0.1, 64, columns).mean() == pytest.approx(0.1, abs=32 / weight.size)


def test_rows_fewer_than_pes():
    assert masks.balanced(matrix(2, (3, 8)), 0.5, 64, 8).sum(axis=1).tolist() == [4, 4, 4]


def test_quotas_by_hand():
    counts, room = np.array([5, 2, 9, 40]), np.array([8, 8, 8, 8])
    # a quarter each is 1.25, 0.5, 2.25 and 10, of which 8 fit: 12 in all, and the half is rounded up
    assert masks.quotas(counts, 4, room).tolist() == [1, 1, 2, 8]


def test_wrong_arguments_name_value_and_range():
    weight = np.ones((6, 8))
    with pytest.raises(ValueError, match="height of a block must divide the matrix's 6, got 4"):
        masks.by_block(weight, 0.5, 4)
    with pytest.raises(ValueError, match=r"width must be an integer in 1\.\.8, got 9"):
        masks.by_block(weight, 0.5, 1, 9)
    with pytest.raises(ValueError, match=r"n must be an integer in 1\.\.4, got 5"):
        masks.n_of_m(weight, 5, 4)
    with pytest.raises(ValueError, match=r"keep must be a fraction in 0\.\.1, got 2"):
        masks.balanced(weight, 2, 4, 1)
    with pytest.raises(ValueError, match=r"shape \(n_out, n_in\), got shape \(8,\)"):
        masks.n_of_m(weight[0], 2, 4)
