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
    assert off.loc["throughput"].tolist() == pytest.approx([0.920, 1.018], abs=0.005)


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
