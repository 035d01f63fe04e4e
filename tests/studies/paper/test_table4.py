import pytest

from eie.studies import paper
from eie.studies.paper import table3, table4


@pytest.fixture(scope="module")
def result():
    return paper.table4.table4()


def test_table_4_seven_of_nine_are_close(result):
    assert len(result.close) == 7
    assert result.far == ["Alex-8", "VGG-6"]
    assert result.geomean_ratio == pytest.approx(0.948, abs=0.005)


def test_table_4_theoretical_time_is_entries_over_peak(result):
    row = result.table().loc["NT-Wd"]
    assert row["theoretical"] == pytest.approx(row["published theoretical"], rel=0.03)
    assert row["load balance %"] == pytest.approx(100 * row["theoretical"] / row["actual"], rel=0.01)


def test_alex_8_at_its_measured_input_density():
    cases = table4.at_measured_densities()
    assert cases.loc["measured input density", "ratio"] == pytest.approx(0.969, abs=0.005)
    assert cases.loc["both measured", "ratio"] == pytest.approx(1, abs=0.01)
    assert cases.loc["measured input density", "inputs %"] == pytest.approx(42.94, abs=0.01)


def test_what_the_far_layers_would_need(result):
    needs = table4.needs(result.far)
    assert needs.loc["Alex-8", "printed"] == 37.5
    # One input explains both of Alex-8's times; VGG-6's balance differs as well.
    assert needs.loc["Alex-8", "for the theoretical time"] == pytest.approx(
        needs.loc["Alex-8", "for the actual time"], abs=1.0
    )
    assert needs.loc["VGG-6", "for the actual time"] - needs.loc["VGG-6", "for the theoretical time"] > 1.5


def test_needs_beyond_a_full_input():
    needs = table4.needs(["NT-LSTM"])
    assert needs.loc["NT-LSTM"].isna().tolist() == [False, True, True]


@pytest.mark.needs_data("authors-layer")
def test_authors_layer_has_the_printed_times():
    row = table4.authors_run().table().loc["Alex-8"]
    assert f"{row['theoretical']:.1f} {row['actual']:.1f}" == "8.9 9.9"
    assert row["cycles"] == 7926
    assert f"{row['theoretical'] * 800:.0f}" == "7090"


@pytest.mark.needs_data("authors-layer")
def test_measured_densities_are_those_of_the_dump():
    row = table3.authors_layer().iloc[0]
    weights, inputs = table4.measured_densities()
    assert (row["weights %"], row["inputs %"]) == (pytest.approx(100 * weights), pytest.approx(100 * inputs))


def test_table_4_of_ones_own(result):
    own = paper.table4.table4([], n_pe=16, clock_mhz=400, own_layers={"mine": [256, 512, 0.1, 0.5]})
    assert own.rows["layer"].tolist() == ["mine"]
    assert "nothing to compare" in own.words()
    faster = paper.table4.table4([], n_pe=16, clock_mhz=800, own_layers={"mine": [256, 512, 0.1, 0.5]})
    assert own.rows["actual"][0] == pytest.approx(2 * faster.rows["actual"][0])


def test_table_4_plot(result):
    ax = result.plot().axes[0]
    assert ax.get_ylabel() == "wall-clock time, µs"
    assert [label.get_text() for label in ax.get_xticklabels()] == list(result.rows["layer"])


def test_another_machine_is_not_held_against_the_paper():
    other = paper.table4.table4(["NT-We"], n_pe=128, draws=1)
    assert "**Not the paper's machine: 128 PEs instead of 64.**" in other.words()
    assert other.far == []
