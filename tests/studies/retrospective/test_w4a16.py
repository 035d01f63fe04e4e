import numpy as np
import pandas as pd
import pytest

from eie.datasets import catalogue
from eie.studies import experiments
from eie.studies.retrospective import w4a16
from eie.studies.retrospective.w4a16 import CODEBOOK, SCALED, UNIFORM, WHOLE, Scheme

WEIGHTS = np.random.default_rng(0).normal(size=(5, 70)).astype(np.float32)


def slow_uniform(weights, bits, group):
    """One weight after the other."""
    found = np.zeros_like(weights)
    for i, row in enumerate(weights):
        for start in range(0, len(row), group):
            part = row[start : start + group]
            # the last group of a row may be filled up with zeros, which every group can hold anyway
            low, high = min(part.min(), 0), max(part.max(), 0)
            scale = np.float32(np.float16((high - low) / (2**bits - 1)))
            zero = min(max(round(-low / scale), 0), 2**bits - 1)
            for j, weight in enumerate(part):
                whole = min(max(round(float(np.float32(weight) / scale)) + zero, 0), 2**bits - 1)
                found[i, start + j] = (whole - zero) * scale
    return found


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("group", [1, 16, 32, 70, 128])
def test_uniform_steps_one_by_one(bits, group):
    np.testing.assert_array_equal(w4a16.uniform(WEIGHTS, bits, group), slow_uniform(WEIGHTS, bits, group))


@pytest.mark.parametrize("kind", [CODEBOOK, SCALED, UNIFORM])
def test_a_group_of_zeros_stays_zero(kind):
    assert not Scheme(kind, 4, 2).stored(np.zeros((2, 4), np.float32)).any()


def test_a_scale_per_group_takes_groups_of_one_size_to_another():
    """Rows that differ by a factor of 2 have the same shared values once each has its scale."""
    weights = np.stack([WEIGHTS[0], 4 * WEIGHTS[0]])
    found = w4a16.scaled_codebook(weights, 3, 70)
    np.testing.assert_allclose(found[1], 4 * found[0], rtol=1e-3)
    assert len(np.unique(found[0])) <= 8


def test_groups_with_a_codebook_of_their_own_are_as_good_as_matrices_of_their_own():
    found = Scheme(CODEBOOK, 3, 70).stored(WEIGHTS)
    alone = np.concatenate([Scheme(CODEBOOK, 3).stored(row[None]) for row in WEIGHTS])
    assert np.linalg.norm(found - WEIGHTS) <= np.linalg.norm(alone - WEIGHTS) * 1.0001
    assert max(len(np.unique(row)) for row in found) <= 8 < len(np.unique(found))


@pytest.mark.parametrize("bits", [2, 3, 4])
@pytest.mark.parametrize("group", [32, 128])
def test_what_is_compared_is_as_large(bits, group):
    steps = Scheme(UNIFORM, bits, group)
    for codebook in steps.as_large():
        assert codebook.bits_each(1024, 40960) == pytest.approx(steps.bits_each(1024, 40960), rel=0.005)
        assert codebook.bits_each(1024, 40960) <= steps.bits_each(1024, 40960) + 1e-4


def test_a_finer_grid_is_never_far_off():
    steps = (WEIGHTS.max() - WEIGHTS.min()) / 255
    assert np.abs(w4a16.uniform(WEIGHTS, 8, 70) - WEIGHTS).max() < 0.51 * steps + 1e-3


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        (Scheme("codebook", 4), 4 + 16 * 16 / 640),
        (Scheme("uniform", 4, 32), 4 + 20 * 2 / 64),
        (Scheme("uniform", 4, 40), 4 + 20 * 2 / 64),  # the last group is smaller
        (Scheme("uniform", 3, WHOLE), 3 + 19 / 640),
    ],
)
def test_bits_are_counted_with_what_is_shared(scheme, expected):
    assert scheme.bits_each(10, 64) == pytest.approx(expected)


def test_stored_weights_have_no_more_values_than_codes():
    assert len(np.unique(Scheme("codebook", 3).stored(WEIGHTS))) <= 8
    assert len(np.unique(Scheme("uniform", 3, WHOLE).stored(WEIGHTS))) <= 8
    groups = Scheme("uniform", 3, 35).stored(WEIGHTS)
    assert max(len(np.unique(groups[i, :35])) for i in range(5)) <= 8 < len(np.unique(groups))


def test_schemes_are_checked():
    assert [s.name for s in w4a16.schemes([4], [32])] == [
        "codebook, one per matrix",
        "uniform, one per matrix",
        "uniform, groups of 32",
        "codebook, groups of 410",
        "scaled codebook, groups of 26",
    ]
    with pytest.raises(ValueError, match=r"each of bits must be an integer in 1\.\.8, got 9"):
        w4a16.schemes([9])
    with pytest.raises(ValueError, match=r"each of groups must be an integer in 1\.\.65536, got 0"):
        w4a16.schemes([4], [0])


def test_the_committed_table_says_what_the_page_says():
    result = w4a16.four_bit_weights()
    assert len(result.rows) == 2 * 3 * 8
    for network in w4a16.TASKS:
        for bits in (4, 3, 2):
            code, one = (result.best(network, bits, kind, WHOLE) for kind in (CODEBOOK, UNIFORM))
            equal = result.equals(network, bits)
            assert equal["error"].max() < code["error"] < one["error"]
            assert equal["bits_each"].max() < 1.01 * equal["bits_each"].min()
    assert result.answer().startswith("**At 4.62 bits per weight, evenly spaced values with a scale per group are ")
    assert experiments.made_by("w4a16")["command"] == "eie experiment w4a16"


@pytest.mark.long
@pytest.mark.needs_data("translator", "ddddocr")
@pytest.mark.parametrize("network", ["recogniser", "translator"])
def test_a_slice_of_the_committed_table_is_measured_again(network, monkeypatch):
    """The errors do not depend on the sentences: they are those of the first few."""
    monkeypatch.setattr(w4a16, "TASKS", {network: w4a16.TASKS[network]})
    found = w4a16.four_bit_weights(4, 2, [4], [32]).rows.set_index(["network", "kind", "group"])
    known = experiments.read("w4a16").query("bits == 4").set_index(["network", "kind", "group"])
    pd.testing.assert_series_equal(found["error"], known.loc[found.index, "error"], rtol=1e-3)
    pd.testing.assert_series_equal(found["bits_each"], known.loc[found.index, "bits_each"], rtol=1e-5)
    assert found.loc[(network, "uniform", 32), "quality"] > found.loc[(network, "uniform", 0), "quality"]


def test_the_networks_are_known_data_sets():
    assert {"translator", "ddddocr"} <= set(catalogue.names())
