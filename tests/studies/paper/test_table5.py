import pytest

from eie.studies import paper
from eie.studies.paper.table5 import LARGE, SMALL


@pytest.fixture(scope="module")
def table5():
    return paper.table5.table5()


def test_table_5_derived_columns_are_within_five_percent_but_for_the_clock(table5):
    off = (table5.derived / table5.printed[[SMALL, LARGE]] - 1).abs()
    assert off.drop(index="clock").max().max() < 0.05
    assert off.loc["clock", SMALL] == pytest.approx(0, abs=1e-12)
    assert off.loc["clock", LARGE] == pytest.approx(0.071, abs=0.001)


def test_table_5_computed_throughput(table5):
    off = table5.computed / table5.printed[[SMALL, LARGE]]
    assert off.loc["throughput"].tolist() == [pytest.approx(1, abs=0.08), pytest.approx(1, abs=0.08)]


def test_table_5_efficiencies_follow_from_their_parts(table5):
    for columns in (table5.derived, table5.computed):
        assert columns.loc["area_efficiency"].tolist() == pytest.approx(
            (columns.loc["throughput"] / columns.loc["area"]).tolist()
        )
        assert columns.loc["energy_efficiency"].tolist() == pytest.approx(
            (columns.loc["throughput"] / columns.loc["power"]).tolist()
        )


def test_table_5_words_and_plot(table5):
    assert "1,286 MHz" in table5.words()
    assert table5.plot().axes[0].get_xlabel() == "frames/s"
    assert table5.others().shape == (8, 7)


def test_partitioning_rows_win_except_where_rows_are_few():
    result = paper.partitioning.partitioning(["Alex-7", "NT-We"])
    table = result.table()
    assert table.loc["Alex-7"].idxmin() == "rows to PEs"
    assert table.loc["NT-We"].idxmin() == "2-D blocks"
    assert "not on NT-We" in result.words()
    assert result.balance().max().max() <= 100
    assert result.plot().axes[0].get_ylabel() == "time, rows to PEs = 1"


def test_partitioning_needs_a_square():
    with pytest.raises(ValueError, match=r"n_pe must be a square number of 1\.\.65536, for the 2-D blocks, got 32"):
        paper.partitioning.partitioning(["NT-We"], n_pe=32)


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
    assert [ax.get_title() for ax in result.plot().axes if ax.get_visible()] == ["NT-We", "mine"]
