from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import eie
from eie.datasets import catalogue
from eie.networks import host_operations, operations
from eie.networks.network import Network
from eie.studies import experiments
from eie.studies.paper import accuracy
from eie.studies.paper.accuracy import Task


@pytest.fixture(scope="module")
def task():
    rng = np.random.default_rng(0)
    layers = [
        eie.CompressedLayer.from_codes(rng.integers(0, 16, shape), np.append(0, rng.normal(size=15)))
        for shape in ((30, 20), (8, 30))
    ]
    net = Network.chain(
        (20,), {"a": operations.Linear(layers[0]), "relu": host_operations.Relu(), "b": operations.Linear(layers[1])}
    )
    inputs = rng.normal(size=(100, 20)).astype(np.float32)
    labels = np.where(rng.random(100) < 0.8, net.reference(inputs).argmax(axis=1), 0)
    return Task("small", "drawn", net, inputs, labels, rng.normal(size=(50, 20)).astype(np.float32), "50 others")


def test_a_row_an_arithmetic(task):
    table = accuracy.measure(task, [(24, 24), (8, 16), (4, 4)])
    assert table["precision"].tolist() == ["32b float", "24b int", "8b int, 16b sums", "4b int"]
    assert set(table["count"]) == {100}
    reference = task.network.reference(task.inputs)
    formats = task.network.formats(task.network.calibrate(task.calibration), 4)
    narrow = task.network.run(task.inputs, formats=formats)
    for row, outputs in ((0, reference), (3, narrow.outputs)):
        best = outputs.argmax(axis=1)
        assert table["top-1, %"][row] == pytest.approx(100 * np.mean(best == task.labels))
        assert table["as in float, %"][row] == pytest.approx(100 * np.mean(best == reference.argmax(axis=1)))
        # Of equal scores the lower class comes first.
        ranks = [sorted(range(8), key=lambda i, scores=scores: -scores[i]) for scores in outputs]
        among = [label in rank[:5] for label, rank in zip(task.labels, ranks, strict=True)]
        assert table["top-5, %"][row] == pytest.approx(100 * np.mean(among))
    assert table["saturations"].tolist()[::3] == [0, sum(narrow.saturations.values())]
    assert table["as in float, %"][1] == 100 > table["as in float, %"][3]


def test_pictures_are_evenly_spread():
    paths = list("abcdefghi")
    assert accuracy._spread(paths, 3) == ["a", "e", "i"]
    assert accuracy._spread(paths, None) == accuracy._spread(paths, 20) == paths


def test_without_data(monkeypatch, tmp_path):
    monkeypatch.setattr(catalogue, "find", lambda name: None)
    assert (accuracy.mnist_tasks(), accuracy.imagenet_tasks()) == ([], [])
    assert len(accuracy.missing()) == 4
    with pytest.raises(FileNotFoundError, match="eie data fetch mnist"):
        experiments.run("precision", tmp_path / "precision.csv")


def test_an_interrupted_run_goes_on(task, monkeypatch, tmp_path):
    path, asked = tmp_path / "precision.csv", []
    tasks = [replace(task, network_name=name, pictures_name="mnist") for name in accuracy.LENETS.values()]
    measure = accuracy.measure

    def once(task):
        if len(asked) == 1:
            asked.append(None)
            raise KeyboardInterrupt
        asked.append(task.network_name)
        return measure(task)

    monkeypatch.setattr(accuracy.catalogue, "require", lambda name: None)
    monkeypatch.setattr(accuracy, "mnist_tasks", lambda: tasks)
    monkeypatch.setattr(accuracy, "measure", once)
    with pytest.raises(KeyboardInterrupt):
        experiments.run("precision", path, {"pictures": "mnist"})
    experiments.run("precision", path, {"pictures": "mnist"})
    assert asked == ["LeNet-300-100", None, "LeNet-5"]
    both = pd.read_csv(path, comment="#")
    assert both["network"].tolist() == ["LeNet-300-100"] * 5 + ["LeNet-5"] * 5
    assert both[["date", "commit"]].notna().all(axis=None)
    assert list(both) == list(experiments.read("precision"))
