import numpy as np
import pytest
from matplotlib.figure import Figure

import eie
from eie.datasets import catalogue
from eie.explore.benchmarks import columns_together, select
from eie.models import backbones
from eie.studies import paper

MOST = {"Alex-6": 3, "VGG-6": 1}


@pytest.fixture
def made_up(monkeypatch, tmp_path):
    """Inputs without networks or pictures: a picture's number sets how many channels are alive."""

    class Trunk:
        def __init__(self, layer):
            (self.benchmark,) = select([layer])
            self.pixels = columns_together()[layer]

        def run(self, batch):
            rows = []
            for number in batch:
                alive = np.arange(self.benchmark.n_in) // self.pixels % 4 < number
                rows.append(np.where(alive, 1.5, 0).astype(np.float32))
            return np.stack(rows)

    monkeypatch.setattr(catalogue, "find", lambda name: tmp_path if name != "imagenet-samples" else None)
    monkeypatch.setattr(
        backbones,
        "files",
        lambda name, most=None: [tmp_path / "1", tmp_path / "2"][:most] if name == "pictures" else [],
    )
    monkeypatch.setattr(backbones, "prepared", lambda paths: [int(path.name) for path in paths])
    monkeypatch.setattr(backbones, "load", Trunk)


def test_density_and_times_are_those_of_the_inputs(made_up):
    result = paper.real_activations.real_activations({"Alex-6": 2})
    first, second = result.runs.to_dict("records")
    assert (first["picture"], second["picture"]) == ("1", "2")
    assert first["density"] == 25
    assert (first["dead"], second["dead"]) == (75, 50)

    (benchmark,) = select(["Alex-6"])
    layer, drawn = benchmark.draw()
    real = np.where(np.arange(benchmark.n_in) // 36 % 4 < 1, 1.0, 0.0)
    report = eie.simulate(layer, real)
    assert first["real"] == pytest.approx(1e6 * report.seconds)
    assert first["balance, real"] == pytest.approx(100 * report.load_balance)
    shuffled = eie.simulate(layer, np.random.default_rng(0).permutation(real))
    assert first["shuffled"] == pytest.approx(1e6 * shuffled.seconds)
    assert result.published.loc["Alex-6", "time"] == pytest.approx(1e6 * eie.simulate(layer, drawn).seconds)


def test_tables_are_of_the_runs(made_up):
    result = paper.real_activations.real_activations({"VGG-6": 5, "Alex-6": 1})
    table = result.table()
    assert list(table.index) == ["VGG-6", "Alex-6"]
    assert table.loc["VGG-6", ["pictures", "published", "mean", "least", "most"]].to_list() == [
        2,
        pytest.approx(100 * select(["VGG-6"])[0].act_density),
        37.5,
        25,
        50,
    ]
    times = result.times()
    assert list(times.loc["VGG-6", "input"]) == ["drawn at Table III's density", "real", "the same, shuffled"]
    real = times[times["input"] == "real"].loc["VGG-6"]
    assert real["mean, us"] == pytest.approx(result.runs[result.runs["layer"] == "VGG-6"]["real"].mean())
    assert real["least, us"] < real["mean, us"] < real["most, us"]


def test_example_is_the_first_input(made_up):
    example = paper.real_activations.real_activations({"Alex-6": 1}).example
    assert list(example) == ["real", "the same, shuffled"]
    assert all(pattern.shape == (256, 36) for pattern in example.values())
    assert example["real"].sum() == example["the same, shuffled"].sum()
    assert (example["real"].sum(axis=1) == np.tile([36, 0, 0, 0], 64)).all()


def test_words_and_plots(made_up):
    result = paper.real_activations.real_activations(MOST, n_pe=32)
    assert "**37.5 %** of the inputs are not zero" in result.words()
    assert "2.4 percentage points above the published 35.1 %" in result.words()
    assert "32 PEs instead of 64" in result.words()
    assert "eie data fetch imagenet-samples" in result.words()
    for figure in (result.plot(), result.plot_times(), result.plot_example()):
        assert isinstance(figure, Figure)
    assert [ax.get_title() for ax in result.plot_times().axes] == ["Alex-6", "VGG-6"]


def test_without_data_the_page_says_how_to_get_them(monkeypatch, tmp_path):
    monkeypatch.setenv("EIE_DATA", str(tmp_path))
    monkeypatch.setattr(catalogue, "user_cache_path", lambda name: tmp_path / name)
    result = paper.real_activations.real_activations()
    assert "`.venv/bin/eie data fetch trunks pictures imagenet-samples`" in result.words()
    assert result.table().empty
    assert result.times().empty
    for figure in (result.plot(), result.plot_times(), result.plot_example()):
        assert "not available" in figure.axes[0].texts[0].get_text()


@pytest.mark.parametrize(
    ("most", "message"),
    [
        ({"Alex-7": 1}, "layer must be one of Alex-6, VGG-6, got 'Alex-7'"),
        ({"Alex-6": 0}, r"most of Alex-6 must be an integer in 1\.\.1000, got 0"),
        ({}, "most must be a mapping"),
        ("many", "most must be a mapping .* got 'many'"),
    ],
)
def test_bad_parameters(most, message):
    with pytest.raises(ValueError, match=message):
        paper.real_activations.real_activations(most)


@pytest.mark.needs_data("trunks", "pictures")
def test_real_pictures_are_sparser_than_table_iii_and_their_order_costs_nothing():
    result = paper.real_activations.real_activations(MOST)
    table = result.table()
    assert (table["mean"] < table["published"]).all()
    change = result.runs["real"] / result.runs["shuffled"] - 1
    assert abs(change.mean()) < 0.01
    assert change.abs().max() < 0.025  # of the longest of so few columns of uneven layers
    assert (result.runs["dead"] > 0).all()
