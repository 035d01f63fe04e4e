import pytest
from matplotlib import pyplot

from eie.exhibits import fig10


@pytest.fixture(scope="module")
def figure():
    return fig10.figure10()


def test_ratios_are_those_of_the_text(figure):
    ratios = figure.ratios()
    assert ratios["computed"].tolist() == pytest.approx(ratios["text"].tolist(), rel=0.04)
    assert ratios["figure"].tolist() == pytest.approx(ratios["computed"].tolist(), rel=0.01)


def test_energies_are_the_figures(figure):
    rows = figure.rows
    assert rows["energy"].tolist() == pytest.approx(rows["published energy"].tolist(), abs=0.02)
    assert rows["precision"].tolist() == ["32b float", "32b int", "16b int", "8b int"]


def test_energy_grows_with_the_square_of_the_width(figure):
    assert figure.exponent == pytest.approx(2, abs=0.05)
    assert figure.expected_pj(32) == pytest.approx(3.1)
    assert "22 % less" in figure.words()


def test_share_of_a_pe(figure):
    share = figure.table()["share of a PE, %"]
    assert share["16b int"] == pytest.approx(100 * 0.65 * 0.8 / 9.157)
    half = fig10.figure10(clock_mhz=400).table()["share of a PE, %"]
    assert half.tolist() == pytest.approx((share / 2).tolist())


def test_words_say_that_accuracy_is_not_measured(figure):
    assert "**Accuracy is the paper's**" in figure.words()


def test_a_clock_that_stands():
    with pytest.raises(ValueError, match="clock_mhz must be finite and above 0, got 0"):
        fig10.figure10(clock_mhz=0)


def test_plot(figure):
    left, right = figure.plot().axes
    assert left.get_ylabel() == "energy of a multiplication, pJ"
    assert right.get_ylabel() == "accuracy, % (the paper's)"
    assert [label.get_text() for label in left.get_xticklabels()] == list(figure.rows["precision"])
    pyplot.close("all")
