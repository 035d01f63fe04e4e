from dataclasses import replace

import numpy as np
import pytest

import eie
from eie.explore import sweep as module
from eie.explore.benchmarks import Benchmark
from eie.explore.sweep import geomean, sweep

LAYERS = [Benchmark("small", 60, 90, 0.2, 0.5), Benchmark("large", 200, 150, 0.1, 0.4)]
MACHINES = [eie.Machine(n_pe=n, fifo_depth=d) for n in (1, 4) for d in (2, 8)]


def test_every_combination_is_simulated():
    runs = sweep(LAYERS, MACHINES, seed=3, draws=2)
    assert len(runs) == len(LAYERS) * len(MACHINES) * 2
    assert list(runs["layer"].unique()) == ["small", "large"]
    for row in runs.to_dict("records"):
        benchmark = next(layer for layer in LAYERS if layer.name == row["layer"])
        machine = eie.Machine(n_pe=row["n_pe"], fifo_depth=row["fifo_depth"])
        layer, activations = benchmark.draw(3, row["draw"])
        report = eie.simulate(layer, activations, machine)
        found = {key: row[key] for key in ("cycles", "macs", "padding", "spmat_reads", "load_balance", "seconds")}
        assert found == {key: getattr(report, key) for key in found}


def test_nothing_is_simulated_twice(monkeypatch):
    machine = eie.Machine(n_pe=2)
    sweep(LAYERS, [machine], seed=11)
    monkeypatch.setattr(module, "simulate_many", None)  # a second run would fail
    assert len(sweep(LAYERS, [machine], seed=11)) == 2
    with pytest.raises(TypeError):
        sweep(LAYERS, [replace(machine, fifo_depth=3)], seed=11)


def test_spread_matters():
    even = sweep(LAYERS, [eie.Machine(n_pe=8)], spread=eie.explore.spread.UNIFORM)
    uneven = sweep(LAYERS, [eie.Machine(n_pe=8)], spread=eie.Spread(1.0, 1.0, 1.0))
    assert np.all(uneven["load_balance"].to_numpy() < even["load_balance"].to_numpy())


@pytest.mark.parametrize("draws", [0, 1001, 1.5])
def test_bad_draws(draws):
    with pytest.raises(ValueError, match=r"draws must be an integer in 1..1000"):
        sweep(LAYERS, MACHINES, draws=draws)


def test_geomean():
    assert geomean([1, 10, 100]) == pytest.approx(10)
