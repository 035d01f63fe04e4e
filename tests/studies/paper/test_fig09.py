import numpy as np
import pytest
from matplotlib import pyplot

from eie.explore.benchmarks import select
from eie.studies.paper import fig09, fig09_runs


@pytest.fixture(scope="module")
def figure():
    return fig09.figure9()


def test_wider_reads_are_fewer(figure):
    reads = figure.reads()
    assert reads.shape == (9, 5)
    assert (reads.diff(axis=1).iloc[:, 1:] < 0).all(axis=None)


def test_markers_are_those_of_alex_6_alone(figure):
    off = figure.markers()
    assert off.index[0] == fig09.MARKERS_LAYER
    assert off["mean absolute"].iloc[0] < 20
    assert off["mean absolute"].iloc[1] > 40


def test_both_implied_tables_agree(figure):
    implied = figure.energies.loc[[fig09.BY_MARKERS, fig09.BY_READS]]
    assert implied.iloc[0].tolist() == pytest.approx(implied.iloc[1].tolist(), rel=0.08)
    assert implied.loc[fig09.BY_MARKERS].tolist() == pytest.approx([13.6, 18.6, 29.2, 53.0, 107.3], rel=0.005)


def test_energies_are_within_ten_percent_of_the_right_panel(figure):
    assert len(figure.series().both) == 45
    for table in (fig09.BY_MARKERS, fig09.BY_READS):
        assert figure.series(table).mean_absolute_difference < 10
    assert figure.series(fig09.BARS).mean_absolute_difference > 20


def test_all_documented_tables_are_there(figure):
    assert list(figure.energies.index[3:]) == [
        "itrs-lop",
        "itrs-hp",
        "itrs-lop-energyopt",
        "itrs-lstp",
        "lstp-energyopt",
        "lstp-hpperi",
    ]
    assert figure.energies.notna().all(axis=None)


def test_where_64_bits_are_best(figure):
    least = figure.least()
    assert least.loc[fig09.BY_MARKERS, fig09.ALL] == "64"
    assert (least.loc[fig09.BY_MARKERS, figure.layers] == "64").sum() == 3
    assert least.loc[fig09.PRINTED, fig09.ALL] == "128"
    assert least.loc["itrs-lop", fig09.ALL] == "512"
    assert least.loc[fig09.PRINTED, "NT-We"] == "128, 256, 512"


def test_words_count_the_layers_where_the_paper_is_right(figure):
    words = figure.words()
    assert "**Is 64 bits best?**" in words
    assert "the best for more than 3 of the 9 layers" in words
    assert "is least at 64 bits" in words


def test_the_widths_that_the_clock_allows_are_named(figure):
    words = figure.of_clock()
    assert "Reads of 256 and 512 bits are too slow for the paper's clock" in words
    energy = figure.table("itrs-lop").sum()
    assert energy.idxmin() == 512
    assert f"{energy[[32, 64, 128]].idxmin()} bits take the least energy in this model" in words


def test_the_printed_panel_takes_the_least_energy_at_another_width(figure):
    total = figure.panel().sum()
    assert total.idxmin() == 128
    more = 100 * (total[64] / total[128] - 1)
    assert f"128 bits take the least energy, and 64 bits take {more:.1f} % more" in figure.answer()
    assert "falls by a factor of 4.8 to 16.0, depending on the layer" in figure.why()


def test_steps_multiply_reads_and_energies(figure):
    steps, total = figure.steps(), figure.table(fig09.BARS).sum()
    assert steps.loc["from 64 to 128 bits", "energy of all reads, factor"] == pytest.approx(total[128] / total[64])
    assert "only the step from 32 to 64 bits saves energy" in figure.why()


def test_table_is_reads_times_energy(figure):
    energy = figure.table("itrs-lop").loc["Alex-7", 64]
    assert energy == pytest.approx(figure.reads().loc["Alex-7", 64] * 15.545e-3)


def test_widths_that_the_sweep_has_not():
    with pytest.raises(ValueError, match="the SRAM sweep has width 32, 64, 128, 256, 512, not 96"):
        fig09.figure9(["NT-We"], widths=[64, 96])
    with pytest.raises(ValueError, match="widths must have at least one integer"):
        fig09.figure9(["NT-We"], widths=[])


def test_one_width_is_compared_with_none():
    figure = fig09.figure9(widths=[64], draws=1)
    assert figure.answer() == "Only reads of 64 bits were computed, so there is nothing to compare."
    assert figure.words().startswith("The *implied* energy of a read is that of Alex-6")
    assert figure.why() == "Only one width was computed, so there is no step to a wider read."
    assert figure.of_clock() == "In our memory model, reads of 64 bits can start in every clock cycle of 1.25 ns."
    assert "over the widths" not in fig09_runs.in_runs(widths=[64]).words()


def test_one_layer_is_named():
    figure = fig09.figure9(["NT-We"], draws=1)
    assert "take the least energy for NT-We; the paper's choice, 64 bits, takes more" in figure.answer()
    assert "**Is 64 bits best?** For NT-We, it is by 0 of the 10 tables of read energies" in figure.words()
    assert "falls by a factor of 15.9." in figure.why()


def test_the_papers_width_need_not_be_among_the_widths():
    figure = fig09.figure9(widths=[128, 256], draws=1)
    assert "reads of 128 or 256 bits (256 bits are the widest reads here) take" in figure.answer()
    assert figure.answer().endswith("64 bits, is not among the widths computed here.")
    assert "Is 64 bits best" not in figure.words()
    assert figure.of_clock().endswith("Of these widths, only 128 bits are fast enough.")


def test_a_layer_of_ones_own():
    own = fig09.figure9([], widths=[32, 64], draws=1, own_layers={"mine": [256, 512, 0.1, 0.5]})
    assert own.table().index.tolist() == ["mine"]
    assert fig09.BY_READS not in own.energies.index
    assert "has none of these layers" in own.words()
    assert fig09.PRINTED not in own.least().index
    assert len(own.plot().axes) == 3
    pyplot.close("all")


def test_one_of_the_layers_and_one_of_ones_own():
    both = fig09.figure9(["NT-We"], draws=1, own_layers={"mine": [256, 512, 0.1, 0.5]})
    assert both.panel().index.tolist() == ["NT-We"]
    assert "Is 64 bits best" in both.words()
    assert "In the right panel of the paper's figure" not in both.answer()


def test_runs_of_inputs_bring_the_reads_to_the_markers():
    runs = fig09_runs.in_runs()
    sizes = runs.table()["mean absolute"]
    assert sizes.iloc[0] > 15
    assert sizes.min() < 4
    assert sizes.idxmin() in ("2.50", "3.00")
    assert f"differ from the markers by {sizes.min():.1f} %" in runs.words()


@pytest.mark.parametrize("run", [1.6, 3.0, 50.0])
def test_drawn_runs_have_density_and_length(run):
    (benchmark,) = select(["Alex-6"])
    inputs = fig09_runs.draw_runs(benchmark, run, np.random.default_rng(0))
    ones = round(9216 * 0.351)
    assert (len(inputs), inputs.sum()) == (9216, ones)
    starts = (np.diff(inputs, prepend=0) > 0).sum()
    assert ones / starts == pytest.approx(run, rel=0.02)


def test_plots(figure):
    left, right, energies = figure.plot().axes
    assert left.get_ylabel() == "reads, thousands"
    assert right.get_ylabel() == "energy of all reads, nJ"
    assert energies.get_ylabel().startswith("energy of one read, pJ")
    assert [ax.get_title() for ax in figure.plot_layers().axes] == figure.layers
    pyplot.close("all")


def test_runs_shorter_than_by_chance_are_refused():
    with pytest.raises(ValueError, match=r"each of lengths must be at least 1\.54, as of independent inputs, got 0\.5"):
        fig09_runs.in_runs(lengths=[0.5])


def test_another_machine_than_the_papers_is_said_first():
    words = fig09.figure9(["Alex-6"], n_pe=16, draws=1).words()
    assert words.startswith("**Not the paper's machine: 16 PEs instead of 64.** ")
