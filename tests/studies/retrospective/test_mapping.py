import numpy as np
import pandas as pd
import pytest
from cases import layer_of, random_codes

import eie
from eie.datasets import catalogue
from eie.models import ocr
from eie.networks.host_operations import Relu
from eie.networks.network import Network
from eie.networks.operations import Conv2d
from eie.studies import experiments
from eie.studies.retrospective import emerging, mapping, models


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
    assert result.useful("convolution") == pytest.approx((50, 50, 50))
    assert result.over_inputs() == pytest.approx(100 * np.std([0.6, 0.4], ddof=1))


def test_the_committed_table_has_every_layer():
    rows = mapping.mapping().rows
    layers = rows.groupby("network")["layer"].nunique()
    assert dict(layers) == {"SqueezeNet": 26, "Table III": 3, "recogniser": 3, "translator": 52}
    assert rows["useful"].between(0, 1).all()
    assert (rows["useful"] + rows["lost"]).max() <= 1
    assert rows["reads"][rows["network"] == "Table III"].max() < 1  # inputs that are 0 meet no weight


def test_the_page_says_it_with_numbers():
    result = mapping.mapping()
    assert result.words().startswith("Of the PEs' cycles ")
    assert "nan" not in result.words()
    assert len(result.plot().axes) == 1


def test_one_row_is_measured_again():
    known = experiments.read("mapping").set_index(["network", "sample", "layer"])
    (found,) = [row for row in mapping._table3() if row["layer"] == "Alex-8"]
    assert found["cycles"] == known.loc[("Table III", 0, "Alex-8"), "cycles"]


@pytest.mark.needs_data("translator", "ddddocr")
def test_the_recognisers_rows_are_measured_again():
    known = experiments.read("mapping").query("network == 'recogniser' and sample == 0").set_index("layer")
    model = ocr.load()
    density = emerging.lowest(experiments.read("emerging"), "recogniser")
    (text,) = models.strings(1)
    inputs = models.inputs_of(models.thinned(model, density), lambda m: m.read(ocr.draw_text(text)))
    layer = models.compressed_layers(model, density)["forward"]
    report = eie.simulate(layer, inputs["forward"], signed=True)
    assert (report.macs, report.padding, report.cycles) == tuple(known.loc["forward", ["macs", "padding", "cycles"]])


def test_without_data_measuring_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(catalogue, "find", lambda name: None)
    with pytest.raises(FileNotFoundError, match="squeezenet"):
        mapping.mapping(n_pictures=1)
