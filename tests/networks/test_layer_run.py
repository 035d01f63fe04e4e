import numpy as np
import pytest

import eie
from eie.networks.layer_run import LayerRun, table


def layer_run(name, kind, n_vectors):
    layer, machine = eie.draw_layer(20, 10, 0.5, 0), eie.Machine()
    report = eie.simulate(layer, np.ones((n_vectors, 10)), machine)
    return LayerRun(name, kind, layer.density, 1.0, report, eie.energy(report, machine), saturations=3)


def test_table_has_a_row_a_layer():
    runs = [layer_run("conv1", "conv", 4), layer_run("fc", "linear", 1)]
    shown = table(runs)
    assert shown.index.tolist() == ["conv1", "fc"]
    assert shown["kind"].tolist() == ["conv", "linear"]
    sizes = shown[["outputs", "inputs", "vectors", "saturations"]]
    assert sizes.to_numpy().tolist() == [[20, 10, 4, 3], [20, 10, 1, 3]]
    first = shown.loc["conv1"]
    assert first["cycles"] == 4 * shown.loc["fc", "cycles"] == runs[0].report.cycles
    assert first["time, us"] == pytest.approx(first["cycles"] / 800)
    assert first["weights, %"] == pytest.approx(100 * runs[0].density)
    assert first["load balance, %"] == pytest.approx(100 * runs[0].report.load_balance)
    assert first["energy, uJ"] == pytest.approx(1e6 * runs[0].energy.total)


def test_table_of_nothing():
    assert table([]).empty
    assert "cycles" in table([]).columns
