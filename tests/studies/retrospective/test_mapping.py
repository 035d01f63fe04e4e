import re

import numpy as np
import pandas as pd
import pytest
from cases import layer_of, random_codes

from eie.datasets import catalogue
from eie.explore import benchmarks
from eie.networks.host_operations import Relu
from eie.networks.network import Network
from eie.networks.operations import Conv2d
from eie.studies.retrospective import mapping


def convolution(codes, padding=0):
    return Conv2d(layer_of(codes), kernel=codes.shape[2:], padding=(padding,) * 4)


def test_convolutions_are_counted_position_by_position(rng):
    codes = random_codes(rng, 5, 2, 3, 3)
    operations = {"wide": convolution(codes, 1), "relu": Relu(), "narrow": convolution(random_codes(rng, 3, 5, 1, 1))}
    network = Network.chain((2, 6, 7), operations)
    picture = rng.random((1, 2, 6, 7)) * (rng.random((1, 2, 6, 7)) < 0.6)
    rows = mapping.convolutions(network, picture)
    assert [(row["layer"], row["kind"]) for row in rows] == [
        ("wide", "convolution 3 x 3"),
        ("wide", mapping.WINOGRAD),
        ("wide", mapping.PRUNED_WINOGRAD),
        ("narrow", "convolution 1 x 1"),
    ]
    padded = np.pad(picture[0], ((0, 0), (1, 1), (1, 1)))
    macs = sum(int(((padded[:, y : y + 3, x : x + 3] != 0) * (codes != 0)).sum()) for y in range(6) for x in range(7))
    assert rows[0]["macs"] == macs
    assert rows[0]["kept"] == np.count_nonzero(codes)
    assert rows[0]["dense_macs"] == 6 * 7 * codes.size
    assert rows[1]["dense_macs"] == rows[2]["dense_macs"] == rows[0]["dense_macs"]
    assert rows[1]["columns"] == 16 * 2
    assert rows[2]["kept"] < rows[1]["kept"] <= 16 * 5 * 2


def test_shares_by_hand():
    measured = pd.DataFrame(
        {
            "network": "x",
            "sample": [0, 1, 0],
            "layer": ["a", "a", "b"],
            "kind": ["convolution 1 x 1", "convolution 1 x 1", "attention"],
            "rows": [2, 2, 8],
            "columns": [10, 10, 5],
            "macs": [60, 40, 100],
            "padding": [20, 0, 0],
            "cycles": [25, 25, 25],
            "kept": [20, 20, 40],
            "dense_macs": [200, 200, 400],
            "weight_reads": [0.25, 0.25, 0.5],
        }
    )
    result = mapping.Mapping.of(measured, n_pe=4)
    table = result.table()
    assert list(table.loc["convolution 1 x 1"].drop("spread")) == pytest.approx([1, 0.5, 50, 10, 2, 2.5, 25])
    assert list(table.loc["attention"].drop("spread")) == pytest.approx([1, 2, 100, 0, 4, 2.5, 50])
    assert result.each_useful("convolution").tolist() == pytest.approx([50])
    assert result.over_inputs() == pytest.approx(100 * np.std([0.6, 0.4], ddof=1))


def test_the_committed_table_has_every_layer():
    rows = mapping.mapping().rows
    layers = rows.groupby("network")["layer"].nunique()
    assert dict(layers) == {"SqueezeNet": 26, "Table III": 2}
    assert rows["useful"].between(0, 1).all()
    assert (rows["useful"] + rows["lost"]).max() <= 1
    assert rows["reads"][rows["network"] == "Table III"].max() < 1  # inputs that are 0 meet no weight


def test_matrices_are_compared_at_equal_density():
    result = mapping.mapping()
    alexnet = {benchmark.weight_density for benchmark in benchmarks.select(mapping.ALEXNET)}
    assert len(alexnet) == 1
    density = result.as_dense()["density"]
    assert density.between(alexnet.copy().pop() / mapping.WITHIN, alexnet.pop() * mapping.WITHIN).all()
    assert set(result.as_dense()["family"]) == {"magnitude", "variational_dropout", "l0"}
    assert len(result.of_network(mapping.RESNET)) < len(result.as_dense().query("model == 'rn50'"))  # no classifier


def test_useful_shares_of_matrices_are_products_that_are_done_over_cycles():
    """Load balance times real work, by the entries that were counted."""
    row = mapping.mapping().pruned.query("model == 'transformer' and sparsity == 0.9").iloc[0]
    assert row["useful"] == row["load_balance"] * row["real_work"]
    assert row["filling"] == row["entries"] / row["n_in"] / 64


def test_the_page_says_it_with_numbers():
    result = mapping.mapping()
    high = result.of_network(mapping.TRANSFORMER, "useful_stacked")
    assert f"**{high.mean():.0f} ± {high.std():.0f} %** when they are stacked" in result.answer()
    assert f"**{result.alexnet().mean():.1f} ± {result.table().loc[mapping.FULLY_CONNECTED, 'spread']:.1f} %** of" in (
        result.answer()
    )
    assert "nan" not in result.answer() + result.words()
    assert len(result.plot().axes) == 1
    assert result.equal().loc[("transformer", "magnitude_pruning"), "useful, %"] < 70


def test_layers_are_ranked_as_they_are_busy():
    result = mapping.mapping()
    names = ["two fully connected layers of AlexNet's size", "a Transformer's matrices", "ResNet-50's convolutions"]
    assert re.findall(r"%\*\*(?: of their cycles)? on ([^,(]+?)(?:,| and| \()", result.answer()) == names
    assert "Taller matrices keep the PEs busier" in result.answer()
    slow = mapping.Mapping(result.rows.assign(useful=result.rows["useful"] / 10), result.pruned).answer()
    assert re.findall(r"%\*\*(?: of their cycles)? on ([^,(]+?)(?:,| and| \()", slow) == [*names[1:], names[0]]
    assert "Taller" not in slow


def test_stacked_matrices_come_within_two_points_on_average():
    """As the reason of a claim says."""
    result = mapping.mapping()
    assert abs(result.of_network(mapping.TRANSFORMER, "useful_stacked").mean() - result.alexnet().mean()) < 2


def test_margins_are_of_equal_density():
    result = mapping.mapping()
    less = mapping.transformers_map_as_well()
    assert less.value == pytest.approx(result.of_network("transformer").mean() - result.alexnet().mean())
    assert less.value + less.error < 0
    worse = mapping.convolutions_map_worse()
    assert 0 < worse.error < worse.value < result.alexnet().mean() - result.of_network("rn50").mean()


def test_without_data_measuring_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(catalogue, "find", lambda name: None)
    with pytest.raises(FileNotFoundError, match="squeezenet"):
        mapping.mapping(n_pictures=1)
