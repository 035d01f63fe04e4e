import re

import pandas as pd
import pytest

from eie.studies.retrospective import density as module
from eie.studies.retrospective.density import FAIREST, density


@pytest.fixture(scope="module")
def result():
    return density(256, 512, [0.05, 0.5, 0.9, 1.0], [0.35, 1.0], draws=2)


def test_ratios_rise_with_density(result):
    for _, line in result.ratios[result.ratios["density"] < 1].groupby(["array", "act_density", "seed"]):
        assert line["energy"].is_monotonic_increasing
        assert line["time"].is_monotonic_increasing


def test_a_full_layer_takes_the_time_of_the_dense_array_and_more_energy(result):
    full = result.ratios[(result.ratios["density"] == 1) & (result.ratios["array"] == str(FAIREST))]
    assert full["time"].to_numpy() == pytest.approx(1, abs=0.002)
    assert (full["energy"] > 1.05).all()


def test_break_even_is_where_the_ratio_passes_one():
    assert module._crossing(pd.Series([0.2, 0.4]), pd.Series([0.5, 1.5])) == pytest.approx(0.3)
    assert module._crossing(pd.Series([0.2, 1.0]), pd.Series([0.5, 0.9])) == 1
    assert module._crossing(pd.Series([0.2, 1.0]), pd.Series([1.5, 2.0])) == 0
    assert module._crossing(pd.Series([0.2, 0.9, 1.0]), pd.Series([0.3, 1.7, 0.9])) == pytest.approx(0.55)


def test_break_even_of_storage(result):
    # Entries of 8 bits in 128 KB, against weights of 4 or 8 bits in 160 KB.
    assert result.storage[str(FAIREST)] == pytest.approx(128 / 160 * 4 / 8)
    assert result.storage["8 bits, skips zeros"] == pytest.approx(128 / 160)


def test_words_table_and_plot(result):
    even = result.break_even("energy")[str(FAIREST)].mean().iloc[-1]
    assert f"**up to a density of {even:.1f} ± " in result.answer()
    assert "and less than one with 16 multipliers per PE **at " in result.answer()
    assert not re.search(
        "(all|none) %", result.answer() + result.words()
    )  # said as "at every density" and "at no density"
    assert "EIE takes less energy" in result.change()
    assert result.table().loc["4 bits, skips nothing", "energy, inputs 35 %"] == "all"
    assert [ax.get_xlabel() for ax in result.plot().axes] == ["", "", "weights kept, %", "weights kept, %"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"draws": 1}, "draws must be an integer in 2..100, got 1"),
        ({"densities": [0.5]}, "densities must be a list of at least two fractions"),
        ({"densities": "[0.5, 1.5]"}, "each of densities must be a fraction in 0..1, got 1.5"),
        ({"act_densities": [0, 1]}, "each of act_densities must be above 0"),
        ({"n_in": 0}, "n_in must be an integer in 1..8192, got 0"),
    ],
)
def test_wrong_parameters(changes, message):
    with pytest.raises(ValueError, match=message):
        density(**changes)
