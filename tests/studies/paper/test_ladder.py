import pytest

from eie.studies import paper


def test_ladder_steps_are_the_layers_own_densities():
    result = paper.ladder.ladder(["Alex-7"])
    factors = result.factors().loc["Alex-7"]
    assert factors["dense, SRAM"] == pytest.approx(640 / 5)
    assert factors["sparse"] == pytest.approx(1 / 0.09, rel=0.01)
    assert factors["shared"] == pytest.approx(32 / 4)
    assert factors["active only"] == pytest.approx(1 / 0.353, rel=0.01)
    assert factors["all four"] == pytest.approx(factors[:4].prod())


def test_ladder_climbs_back_up():
    joules = paper.ladder.ladder(["VGG-7", "NT-We"]).joules
    assert (joules["with indices and pointers"] > joules["active only"]).all()
    assert (joules["whole chip"] > joules["with indices and pointers"]).all()


def test_ladder_words_and_plot():
    result = paper.ladder.ladder(["NT-We"], own_layers={"mine": [64, 64, 0.5, 0.5]})
    assert "28,800" in result.words()
    (ax,) = result.plot().axes
    assert [label.get_text() for label in ax.get_yticklabels()] == list(paper.ladder.STEPS)
    written = [text.get_text() for text in ax.texts]
    assert written[1] == "÷ 128 (paper ÷ 120)"
    assert written[-1].endswith("(paper ÷ 2,880)")
