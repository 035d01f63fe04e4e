import pytest
from matplotlib import pyplot

from eie.studies.paper import fig10


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


def test_accuracies_of_the_paper_and_of_the_project(figure):
    table = figure.accuracies()
    assert table.index[0] == fig10.PAPER
    assert table.loc[fig10.PAPER].dropna().tolist() == figure.table()["published accuracy"].tolist()
    names = {name.split(",")[0] for name in table.index[1:]}
    assert names == {"LeNet-300-100", "LeNet-5", "SqueezeNet"}
    assert table.columns.tolist() == ["32b float", "32b int", "16b int", "8b int", "8b int, 16b sums"]
    assert "**Accuracy.** With 16-bit integers, the paper's network loses 0.5 points." in figure.words()


def test_sixteen_bits_keep_the_accuracy_of_floating_point(figure):
    table = figure.accuracies()
    loss = (table["32b float"] - table["16b int"]).abs()
    limits = [{"LeNet": 0.1, "Squee": 1.0}[name[:5]] for name in table.index[1:]]
    assert (loss.iloc[1:] <= limits).all()


@pytest.mark.needs_data("mnist")
def test_a_few_pictures_measured_again(figure):
    again = fig10.measured_again(test_images=50, pictures=0)
    assert again.index.tolist() == ["LeNet-300-100, 50 MNIST digits", "LeNet-5, 50 MNIST digits"]
    assert again["16b int"].min() > 90
    assert fig10.measured_again(0, 0) is None


def test_pictures_that_there_are():
    with pytest.raises(ValueError, match=r"test_images must be an integer in 0\.\.10000, got -1"):
        fig10.measured_again(-1, 0)


def test_a_clock_that_stands():
    with pytest.raises(ValueError, match="clock_mhz must be finite and above 0, got 0"):
        fig10.figure10(clock_mhz=0)


def test_plot(figure):
    above, below = figure.plot().axes
    assert above.get_ylabel() == "energy of a multiplication, pJ"
    assert below.get_ylabel() == "accuracy, %"
    assert [label.get_text() for label in above.get_xticklabels()] == list(figure.rows["precision"])
    assert [label.get_text() for label in below.get_xticklabels()] == list(figure.accuracies().columns)
    assert len(below.containers) == len(figure.accuracies())
    pyplot.close("all")
