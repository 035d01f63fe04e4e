from itertools import product

import numpy as np
import pytest

from eie.studies import experiments
from eie.studies.retrospective import point_clouds


@pytest.mark.parametrize("size", [1, 3, 5])
def test_gather_and_scatter_is_the_dense_convolution_at_the_points(rng, size):
    from scipy.signal import correlate2d  # here, since it takes a second to import

    picture = rng.integers(-9, 10, (8, 9, 3)) * (rng.random((8, 9, 1)) < 0.4)
    points = point_clouds.points_of(picture.any(axis=2))
    weights = rng.integers(-5, 6, (4, 3, size, size))
    found = point_clouds.convolved(picture[tuple(points.T)], point_clouds.neighbours(points, size), weights)
    dense = [sum(correlate2d(picture[..., c], kernel[c], mode="same") for c in range(3)) for kernel in weights]
    np.testing.assert_array_equal(found, np.stack(dense, axis=-1)[tuple(points.T)])


def test_neighbours_by_hand():
    points = np.array([[0, 0], [0, 1], [2, 0]])
    found = {
        offset: list(zip(*map(list, pair), strict=True)) for offset, pair in point_clouds.neighbours(points).items()
    }
    assert found.pop((0, 0)) == [(0, 0), (1, 1), (2, 2)]
    assert found.pop((0, 1)) == [(1, 0)]
    assert found.pop((0, -1)) == [(0, 1)]
    assert not any(found.values())


def test_opposite_taps_have_equally_many_points(rng):
    points = point_clouds.points_of(rng.random((9, 9)) < 0.3)
    counts = {offset: len(sources) for offset, (sources, _) in point_clouds.neighbours(points, 5).items()}
    assert all(counts[down, right] == counts[-down, -right] for down, right in counts)


def slow_padded(counts, launches):
    """Every way to put taps into launches."""
    best = None
    for places in product(range(launches), repeat=len(counts)):
        groups = [[c for c, place in zip(counts, places, strict=True) if place == g] for g in range(launches)]
        rows = sum(max(group) * len(group) for group in groups if group)
        best = rows if best is None else min(best, rows)
    return best


@pytest.mark.parametrize("launches", [1, 2, 3, 5])
def test_the_best_grouping_of_all(launches):
    counts = np.array([7, 1, 4, 4, 9])
    assert point_clouds.padded(counts, launches) == slow_padded(counts, launches)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="size must be odd, got 2"):
        point_clouds.neighbours(np.zeros((1, 2), int), 2)
    with pytest.raises(ValueError, match=r"launches must be an integer of 1\.\.3, got 4"):
        point_clouds.padded(np.array([1, 2, 3]), 4)


def test_the_committed_table_says_what_the_page_says():
    result = point_clouds.clouds()
    table = result.padding()
    assert table["padding"].is_monotonic_decreasing
    assert table.loc[5, "padding"] == table.loc[9, "padding"] == 0
    assert 0 < result.work()[0] < 100
    assert "from 5 launches on none are, where the kernel has 9 taps" in result.words()


@pytest.mark.needs_data("mnist")
def test_a_slice_of_the_committed_table_is_measured_again():
    found, known = point_clouds.clouds(3).rows, experiments.read("clouds")
    assert found.equals(known[known["digit"] < 3])
