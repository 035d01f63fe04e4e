import pytest
from matplotlib import pyplot

from eie.studies.paper import table1


@pytest.fixture(scope="module")
def result():
    return table1.table1()


def test_ratios_follow_from_the_energies(result):
    assert result.rows["relative, computed"].tolist() == pytest.approx(result.rows["relative, paper"].tolist())
    assert result.dram_over_sram == 128
    assert "All published ratios follow" in result.words()
    assert "(computed: 2.8, averaged over the table's operations)" in result.words()


def test_the_texts_example(result):
    assert result.dram_watts == pytest.approx(12.8)
    assert result.sram_watts == pytest.approx(0.1)
    assert "**12.8 W**" in result.words()
    assert "(the paper says 12.8 W)" in result.words()


def test_another_network():
    own = table1.table1(connections=60e6, rate_hz=30)
    assert own.dram_watts == pytest.approx(60e6 * 30 * 640e-12)
    assert "60,000,000 connections at 30" in own.words()
    assert "the text says" not in own.words()


def test_a_rate_that_is_none():
    with pytest.raises(ValueError, match="rate_hz must be finite and above 0, got 0"):
        table1.table1(rate_hz=0)


def test_arithmetic_by_width(result):
    arithmetic = result.arithmetic()
    assert arithmetic.loc["int multiplication"].tolist() == [0.19, 0.60, 3.1]
    assert arithmetic.loc["float addition"].isna().tolist() == [True, True, False]


def test_the_same_sram_in_the_sweep(result):
    memories = result.memories()
    assert memories.loc["itrs-lop", "ratio to Table I"] == pytest.approx(6.10142 / 5)
    assert memories["ratio to Table I"].between(0.8, 3).all()


def test_plot(result):
    ax = result.plot().axes[0]
    assert ax.get_xlabel() == "energy of one operation, pJ"
    assert [label.get_text() for label in ax.get_yticklabels()] == list(result.rows["operation"])
    assert ax.get_xscale() == "log"
    pyplot.close("all")
