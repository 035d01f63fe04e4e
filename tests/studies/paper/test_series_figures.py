"""Figures 8, 11, 12 and 13: how close they must come, and what their parameters do."""

import numpy as np
import pytest

from eie.studies import paper
from eie.studies.paper import pe_counts


@pytest.fixture(scope="module")
def figure8():
    return paper.figure8()


def test_figure_8_is_within_two_and_a_half_points(figure8):
    assert len(figure8.both) == 72
    assert figure8.mean_absolute_difference < 2.5
    assert set(figure8.by_layer().index[-4:]) == {"Alex-6", "VGG-7", "VGG-6", "NT-We"}


def test_figure_8_message_deeper_than_eight_gains_little(figure8):
    mean = figure8.both.groupby("fifo_depth")["computed"].mean()
    assert mean[8] - mean[4] > 3
    assert mean[256] - mean[8] < 3


def test_figure_8_depth_1_is_published_only(figure8):
    one = figure8.points[figure8.points["fifo_depth"] == 1]
    assert one["computed"].isna().all()
    assert one["published"].notna().all()
    with pytest.raises(ValueError, match=r"each of fifo_depths must be an integer in 2..1048576, got 1"):
        paper.figure8(fifo_depths=[1, 8])


def test_figure_8_lies_in_the_band(figure8):
    points = figure8.points.dropna(subset=["computed"])
    assert (points["low"] < points["high"]).all()
    assert (figure8.places() == "inside").sum() == 60
    assert "Of the 72 published points, allowing for the reading error, **60** lie inside the band" in figure8.words()
    assert abs(figure8.both["difference"].mean()) < 0.5


def test_figure_8_gains_most_from_the_first_step(figure8):
    gains = figure8.gains()
    assert gains.index[0] == "from 2 to 4"
    assert gains["computed"].is_monotonic_decreasing
    assert gains.loc["from 4 to 8", "published"] == pytest.approx(5.1, abs=0.05)


def test_blocks_explain_the_layer_behind_the_convolutions_of_vgg():
    blocks = paper.blocks(block_cvs=(0.0, 1.0, 3.0), draws=1)
    table = blocks.table()
    assert table.loc["Alex-6", 0.0] < 2  # the spread of real pruned layers leaves hardly anything to explain
    assert table.loc["VGG-6", 3.0] < 0.3 * table.loc["VGG-6", 0.0]
    assert "for Alex-6 from" in blocks.words()
    assert len(blocks.plot().axes) == 3


def test_figure_12_is_within_one_and_a_half_points():
    figure = paper.figure12()
    assert figure.mean_absolute_difference < 1.5
    assert figure.both.shape[0] == 81


def test_figure_12_with_one_pe_follows_the_closed_form():
    by_hand = paper.figure12(n_pes=[1]).by_hand()
    assert (by_hand["computed"] - by_hand["by hand"]).abs().max() < 1.0
    assert by_hand.loc["VGG-7", "by hand"] == pytest.approx(100 * (1 - 0.96**16))


def test_figure_13_is_within_two_points():
    assert paper.figure13().mean_absolute_difference < 2.0


def test_figure_11_labels_are_swapped():
    figure = paper.figure11()
    apart = figure.swapped()
    assert set(apart.index) == {"Alex-6", "Alex-7", "Alex-8", "VGG-6", "VGG-7", "VGG-8"}
    assert (apart["swapped"] < apart["as labelled"]).all()
    assert apart["swapped"].mean() < 3 < apart["as labelled"].mean()


def test_figure_11_message_near_linear_except_nt_we():
    speedup = paper.figure11(n_pes=[64, 256]).table()
    assert speedup[1].tolist() == [1.0] * 9
    others = speedup.drop(index="NT-We")
    assert others[64].min() > 0.85 * 64
    assert speedup.loc["NT-We", 256] < 0.3 * 256


def test_parameters_reach_the_machine():
    figure = paper.figure13(["NT-We"], n_pes=[64, 16], fifo_depth=2, seed=4, draws=2)
    assert figure.table().columns.tolist() == [16, 64]
    deeper = paper.figure13(["NT-We"], n_pes=[64, 16], fifo_depth=64, seed=4, draws=2)
    assert (deeper.table().to_numpy() > figure.table().to_numpy()).all()
    assert figure.points["sd"].dropna().gt(0).all()


@pytest.mark.parametrize("make", [paper.figure11, paper.figure12, paper.figure13])
def test_several_draws_give_an_error_bar(make):
    several, one = (make(["NT-We"], n_pes=[1, 64], draws=draws) for draws in (3, 1))
    spread = several.points.set_index("n_pe")["sd"]
    assert several.error("NT-We", 64) == pytest.approx(2 * spread[64])
    assert " ± " in several.answer()
    assert "In the answer, ± is two standard deviations" in several.words()
    assert "±" not in one.answer() + one.words()


@pytest.mark.parametrize("make", [paper.figure8, paper.figure11, paper.figure12, paper.figure13])
def test_a_layer_of_ones_own(make):
    figure = make([], own_layers={"mine": [128, 256, 0.2, 0.5]})
    assert figure.table().index.tolist() == ["mine"]
    assert "nothing to compare" in figure.words()
    assert len([ax for ax in figure.plot().axes if ax.get_visible()]) == 1


def test_words_name_the_figures_difference(figure8):
    assert f"**{figure8.mean_absolute_difference:.2f} points**" in figure8.words()
    assert "VGG-6" in figure8.words()
    np.testing.assert_allclose(figure8.differences()["mean absolute"].mean(), figure8.mean_absolute_difference)


def test_plot_has_labels(figure8):
    fig = figure8.plot()
    assert [ax.get_title() for ax in fig.axes] == list(figure8.table().index)
    assert fig.get_supylabel() == "load balance, %"
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["published", "computed"]


def test_figure_11_shows_the_swapped_labels_per_pe():
    figure = paper.figure11(["Alex-7", "VGG-7", "NT-We"], n_pes=[1, 64])
    fig = figure.plot()
    assert fig.get_supylabel() == "speed-up per PE, % of linear"
    alex, vgg, other = ([line for line in ax.lines if line.get_linestyle() == ":"] for ax in fig.axes)
    printed = figure.points.set_index(["layer", "n_pe"])["published"]
    assert dict(zip(*alex[0].get_data(), strict=True))[64] == pytest.approx(100 / 64 * printed["VGG-7", 64])
    assert dict(zip(*vgg[0].get_data(), strict=True))[64] == pytest.approx(100 / 64 * printed["Alex-7", 64])
    assert not other


def test_partner():
    assert [pe_counts._partner(name) for name in ("Alex-6", "VGG-8", "NT-We")] == [
        "VGG-6",
        "Alex-8",
        "",
    ]


def test_another_machine_than_the_papers_is_said():
    words = paper.figure13(["NT-We"], fifo_depth=4).words()
    assert words.startswith("**Not the paper's machine: queues of depth 4 instead of 8.** ")
    words = paper.figure8(["NT-We"], n_pe=16, draws=1).words()
    assert words.startswith("**Not the paper's machine: 16 PEs instead of 64.** ")
    assert "Not the paper's" not in paper.figure13(["NT-We"]).words()


def test_points_at_the_top_of_figure_11s_axis_are_not_compared():
    points = paper.figure11().points
    clipped = points[points["published"] == points["published"].max()]
    assert len(clipped) == 5
    assert clipped["difference"].isna().all()


def test_no_blocks_for_layers_without():
    blocks = paper.blocks(["Alex-8"])
    assert blocks.words() == "None of these layers has columns that belong together."
    assert blocks.table().empty
    assert "no layer here" in blocks.plot().axes[0].texts[0].get_text()


def test_blocks_begin_where_the_main_figure_is():
    main = paper.figure8(["NT-LSTM"], draws=2)
    blocks = paper.blocks(["NT-LSTM"], block_cvs=(0.0,), draws=2)
    assert blocks.table().loc["NT-LSTM", 0.0] == pytest.approx(main.mean_absolute_difference)


def test_figure_12_implies_densities():
    by_hand = paper.figure12(n_pes=[1]).by_hand()
    q = 1 - by_hand["density, implied"] / 100
    np.testing.assert_allclose(100 * (1 - q**16), by_hand["published"])
    assert by_hand.loc["NT-Wd", "density, implied"] < by_hand.loc["NT-Wd", "density, Table III"] - 1


def test_text_that_papermill_hands_over():
    assert paper.figure8("['NT-We']", "[2, 8]", draws=1).table().shape == (1, 2)
    assert paper.figure13([], "[4]", own_layers="{'mine': [20, 30, 0.5, 0.5]}").table().shape == (1, 1)
