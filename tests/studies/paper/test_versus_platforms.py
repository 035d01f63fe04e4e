import pytest

import eie
from eie.studies import claims_file, paper
from eie.studies.claim import Result
from eie.studies.claims import computed
from eie.studies.paper import counted_energy, versus_platforms
from eie.studies.paper.counted_energy import bottom_up, energy_saving_bottom_up
from eie.studies.paper.setup import BAND, usual
from eie.studies.paper.versus_platforms import GEOMEAN, compressed_gain, over_band
from eie.writing.words import significant


@pytest.fixture(scope="module")
def speedup():
    return paper.figure6()


@pytest.fixture(scope="module")
def efficiency():
    return paper.figure7()


def test_figure_6_labels_follow_from_table_4_but_for_two(speedup):
    unlike = speedup.unlike()
    assert list(unlike["platform"] + " " + unlike["layer"]) == ["EIE NT-We", "EIE NT-LSTM"]
    assert speedup.followed == (52, 54)


def test_figure_6_mean(speedup):
    tables, label = speedup.derived.loc[GEOMEAN, "EIE"], speedup.labels.loc[GEOMEAN, "EIE"]
    assert tables == pytest.approx(193.9, abs=0.1)
    assert label == 189
    assert speedup.computed[GEOMEAN] == pytest.approx(1.054 * tables, rel=0.005)


def test_the_band_of_spreads_is_in_the_error_of_speed_and_energy():
    layers = ["NT-We", "NT-Wd"]
    even, uneven = over_band(layers)
    assert uneven < 1 < even
    seconds = []
    for percentile in (None, *BAND):
        runs = [eie.simulate(*eie.Benchmark.named(name).draw(spread=percentile)) for name in layers]
        seconds.append(runs[0].seconds * runs[1].seconds)
    assert (even, uneven) == pytest.approx(tuple((seconds[0] / end) ** 0.5 for end in seconds[1:]))
    found, of_all = versus_platforms.speedup("CPU Dense"), usual(over_band)
    assert found.error == pytest.approx(found.value * max(of_all[0] - 1, 1 - of_all[1]))
    joules = usual(bottom_up).joules
    assert (joules[["even", "uneven"]].div(joules["bottom-up"], axis=0).sub(1).abs() < 0.2).all(axis=None)
    counted, energy = usual(bottom_up), energy_saving_bottom_up("CPU Dense")
    by_memory = max(abs(end - energy.value) for end in counted.range("CPU Dense"))
    assert by_memory < energy.error < 1.1 * by_memory


def test_figure_7_labels_of_the_cnn_layers_follow_exactly(efficiency):
    assert efficiency.followed == (36, 36)  # six layers, six platforms; NeuralTalk's watts are printed nowhere
    assert efficiency.derived.loc["NT-We", "GPU Dense"] != efficiency.derived.loc["NT-We", "GPU Dense"]


def test_the_error_of_figure_7_holds_the_rounding_of_times_and_of_watts(speedup, efficiency):
    assert efficiency.band == speedup.band
    assert 1 < efficiency.rounding / speedup.rounding < 1.01
    assert "The rounding of published numbers and new draws" in efficiency.words()
    assert paper.figure7(["NT-We"], draws=2).rounding == 0  # it is known for all nine layers only


def test_figure_7_mean(efficiency):
    label = efficiency.labels.loc[GEOMEAN, "EIE"]
    assert efficiency.derived.loc[GEOMEAN, "EIE"] == pytest.approx(label, rel=1e-4)
    assert efficiency.computed[GEOMEAN] == pytest.approx(1.054 * label, rel=0.005)


def test_a_larger_chip_is_faster_but_needs_more_power(speedup, efficiency):
    faster = paper.figure6(n_pe=256, draws=1).computed[GEOMEAN] / speedup.computed[GEOMEAN]
    thriftier = paper.figure7(n_pe=256, draws=1).computed[GEOMEAN] / efficiency.computed[GEOMEAN]
    assert 2 < faster < 4
    assert thriftier == pytest.approx(faster / 4, rel=0.01)


def test_some_layers_only():
    figure = paper.figure6(["Alex-7", "NT-We"], draws=1)
    assert figure.table().index.tolist() == ["Alex-7", "NT-We", GEOMEAN]


def test_words_and_plot(speedup):
    assert "EIE on NT-We (63; 75.6)" in speedup.words()
    ax = speedup.plot().axes[0]
    assert ax.get_ylabel() == "speed-up, CPU dense = 1"
    assert ax.get_yscale() == "log"


def test_answer_says_what_the_error_of_the_speed_up_is_made_of(speedup):
    known = next(one for one in claims_file.load() if one.id == "speedup-over-cpu")
    result = Result(known, known.compute())
    mean = speedup.computed[GEOMEAN]
    assert f"{computed(result)} times as fast" in speedup.answer()
    said = speedup.words()
    assert f"The error bar, ± {significant(result.error, 2)}, adds these two parts" in said
    assert f"the mean speed-up changes by up to ± {significant(speedup.band * mean, 2)}. The rounding" in said
    assert f"change it by ± {significant(known.spread, 2)}." in said
    few = paper.figure6(["NT-We"], draws=2)  # the effect of rounded inputs is known for all nine layers only
    assert "New random draws of the layers change it" in few.words()
    assert " ± " in few.answer()


def test_words_of_both_figures_are_whole_and_name_the_farthest_layer(speedup, efficiency):
    assert all("**VGG-6**" in figure.farthest() for figure in (speedup, efficiency))
    assert "the figure and the tables both give 24,200; the tables' mean contains 3 layers" in efficiency.words()
    assert "from the figure. The computed times give" in efficiency.words()
    assert "the figure says 189 and the tables give 194. The computed" in speedup.words()


def test_pointers_explain_where_the_two_ways_to_energy_differ(efficiency):
    counted = usual(bottom_up)
    ratio = counted.table()[counted_energy.RATIO]
    assert (ratio.idxmin(), ratio.idxmax()) == (counted.pointers.idxmin(), counted.pointers.idxmax())
    said = counted.words()
    assert f"({ratio.idxmin()}) to {ratio.max():.2f} ({ratio.idxmax()}) times the product of time and power" in said
    assert significant(efficiency.computed[GEOMEAN]) in efficiency.words()


def test_mobile_gpu_speed_up_is_the_energy_one():
    assert compressed_gain("mGPU", "energy") == pytest.approx(4.2, abs=0.05)
    assert compressed_gain("mGPU", "time") == pytest.approx(4.75, abs=0.01)
