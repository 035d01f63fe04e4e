from dataclasses import replace

import numpy as np
import pytest
from matplotlib import pyplot

import eie
from eie.datasets import catalogue
from eie.studies.paper.one_inference import one_inference


@pytest.fixture(scope="module")
def result():
    return one_inference(picture=0)


@pytest.mark.needs_data("mnist")
def test_the_first_picture_is_a_seven(result):
    assert (result.label, result.digit) == (7, 7)
    assert "LeNet-5 reads a **7**, which is right." in result.answer()
    assert result.scores().loc["machine"].idxmax() == 7
    assert result.scores().loc["float32"].to_numpy() == pytest.approx(
        result.scores().loc["machine"].to_numpy(), abs=0.02
    )


@pytest.mark.needs_data("mnist")
def test_layers_and_their_sum(result):
    table = result.table()
    assert table.index.tolist() == ["conv1", "conv2", "ip1", "ip2", "sum"]
    assert table["vectors"].tolist() == [24 * 24, 8 * 8, 1, 1, 24 * 24 + 8 * 8 + 2]
    assert table["cycles"].iloc[-1] == table["cycles"].iloc[:-1].sum()
    # The last layer alone, from the values that the page shows.
    layer = result.network.nodes[-1].op.layer
    wider = replace(layer, codebook=np.pad(layer.codebook, (0, result.machine.codebook_size - len(layer.codebook))))
    alone = eie.simulate(wider, result.run.values[result.network.nodes[-1].inputs[0]][0], result.machine)
    assert table.loc["ip2", "cycles"] == alone.cycles


@pytest.mark.needs_data("mnist")
def test_broadcasts_are_those_of_the_table(result):
    counts = result._broadcasts()
    table = result.table()
    assert {name: int(found.sum()) for name, found in counts.items()} == table.loc[list(counts), "broadcasts"].to_dict()
    assert counts["conv1"].shape == (24, 24)
    picture = result.run.values["input"][0, 0]
    assert counts["conv1"][10, 12] == np.count_nonzero(picture[10:15, 12:17])


@pytest.mark.needs_data("mnist")
def test_plots(result):
    panels = [ax.get_title() for ax in result.plot().axes if ax.get_title()]
    assert panels[0] == "input, 1 x 28 x 28"
    assert "conv1, 20 x 24 x 24" in panels
    assert [ax.get_title() for ax in result.plot_broadcasts().axes][:2] == ["conv1: broadcasts", "conv2: broadcasts"]
    pyplot.close("all")


@pytest.mark.needs_data("mnist")
def test_the_other_network_has_no_convolutions():
    result = one_inference(0, "lenet-300-100", n_pe=16)
    assert result.table().index.tolist() == ["ip1", "ip2", "ip3", "sum"]
    assert result.machine.n_pe == 16
    assert result.plot_broadcasts().axes
    pyplot.close("all")


def test_without_data(monkeypatch):
    monkeypatch.setattr(catalogue, "find", lambda name: None)
    with pytest.raises(FileNotFoundError, match="eie data fetch mnist"):
        one_inference()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"picture": 10_000}, r"picture must be an integer in 0\.\.9999, got 10000"),
        ({"network": "alexnet"}, "network must be one of lenet-300-100, lenet-5, got 'alexnet'"),
    ],
)
def test_parameters_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        one_inference(**settings)
