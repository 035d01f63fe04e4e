import json

import numpy as np
import onnx_models as make
import pytest

import eie
from eie.explore.benchmarks import select
from eie.explore.explain import explain
from eie.formats import FormatError, container
from eie.formats.weights import WeightFile, WeightLayer
from eie.networks import host_operations, operations
from eie.networks.encoding import encoded, machine_for, save
from eie.networks.evaluate import evaluate, explain_layer
from eie.networks.memory_fit import memory_fit
from eie.networks.network import Network

MACHINE = eie.Machine(n_pe=4)


@pytest.fixture
def path(tmp_path):
    return make.small(tmp_path / "net.onnx")[0]


@pytest.fixture
def acts():
    return {name: np.abs(make.values(2, n, seed=n)) for name, n in (("conv", 27), ("fc1", 45), ("fc2", 7))}


def test_layers_are_what_simulate_and_energy_say(path, acts):
    found = evaluate(path, MACHINE, activations=acts)
    assert (found.name, found.machine, found.inputs) == ("net.onnx", MACHINE, "given")
    for layer, part in zip(found.layers, encoded(path, MACHINE).layers, strict=True):
        report = eie.simulate(part.mem, acts[part.name], MACHINE)
        assert layer.run.report == report
        assert layer.run.energy == eie.energy(report, MACHINE)
        assert (layer.run.name, layer.run.density, layer.run.activation_density) == (part.name, 1.0, 1.0)
        assert layer.memory == memory_fit(part.mem, MACHINE)
        expected = explain(part.mem, acts[part.name][0], MACHINE)
        np.testing.assert_array_equal(layer.explanation.per_pe, expected.per_pe)
        assert layer.timeline.cycles == expected.cycles


def test_totals(path):
    found = evaluate(path, MACHINE, act_density=0.5)
    runs = [layer.run for layer in found.layers]
    assert found.seconds == pytest.approx(sum(run.report.seconds for run in runs))
    assert found.energy.total == pytest.approx(sum(run.energy.total for run in runs))
    entries = sum(run.report.entries for run in runs)
    assert found.load_balance == pytest.approx(entries / 4 / sum(run.report.cycles for run in runs))
    assert found.chips == 1


def test_as_many_vectors_are_drawn_as_the_layer_takes(path):
    found = evaluate(path, MACHINE, act_density=0.4)
    assert [layer.run.vectors for layer in found.layers] == [9, 1, 1]
    assert [layer.run.activation_density for layer in found.layers] == [11 / 27, 18 / 45, 3 / 7]


def test_the_same_seed_draws_the_same(path):
    one, same, other = (evaluate(path, MACHINE, act_density=0.4, seed=seed).to_dict() for seed in (1, 1, 2))
    assert one == same
    assert one["layers"] != other["layers"]


def test_drawn_in_blocks_is_drawn_all_the_same(path, monkeypatch):
    whole = evaluate(path, MACHINE, act_density=0.4).to_dict()
    monkeypatch.setattr("eie.networks.evaluate.BLOCK_NUMBERS", 60)
    assert [layer["vectors"] for layer in evaluate(path, MACHINE, act_density=0.4).to_dict()["layers"]] == [9, 1, 1]
    assert whole["layers"][1:] == evaluate(path, MACHINE, act_density=0.4).to_dict()["layers"][1:]


def test_table_and_dict(path):
    found = evaluate(path, MACHINE, act_density=0.4, density={"fc1": 0.2})
    table = found.table()
    assert table.index.tolist() == ["conv", "fc1", "fc2"]
    assert table["weights, %"].tolist() == [100, pytest.approx(20), 100]
    dense, pruned = "dense; --prune-to would prune it", "pruned, and not trained again"
    assert table["note"].tolist() == [dense, pruned, dense]
    plain = json.loads(json.dumps(found.to_dict()))
    assert plain["total"]["seconds"] == found.seconds
    assert plain["layers"][1]["cycles"] == found.layers[1].run.report.cycles
    assert sum(plain["layers"][1]["first_product"]["of_the_last_pe"].values()) == found.layers[1].explanation.cycles


def test_layer_of_table_iii_comes_with_its_activations():
    found = evaluate("NT-We")
    layer, activations = select(["NT-We"])[0].draw(0)
    assert found.layers[0].run.report == eie.simulate(layer, activations)


def test_layers_by_name():
    layers = {"a": eie.draw_layer(20, 10, 0.5, 0), "b": eie.encode(eie.draw_layer(8, 10, 0.5, 0), MACHINE)}
    found = evaluate(layers, MACHINE, activations=np.ones(10))
    assert [layer.run.name for layer in found.layers] == ["a", "b"]
    assert found.layers[0].run.report == eie.simulate(layers["a"], np.ones(10), MACHINE)


def test_file_of_a_format_of_ones_own(tmp_path):
    layer = WeightLayer("fc", "linear", 20, 30, lambda: make.values(20, 30), vectors=2)
    found = evaluate(WeightFile(tmp_path / "net.own", (layer,)), MACHINE, act_density=1.0, density=0.5)
    assert (found.name, found.layers[0].run.density, found.layers[0].run.vectors) == ("net.own", 0.5, 2)


def lenet():
    kernel = eie.draw_layer(6, 3 * 3, 0.5, 0, bias=False)
    dense = eie.draw_layer(10, 6 * 6 * 6, 0.2, 1, bias=False)
    return Network.chain(
        (1, 8, 8),
        {
            "conv": operations.Conv2d(kernel, kernel=(3, 3)),
            "relu": host_operations.Relu(),
            "flat": host_operations.Flatten(),
            "fc": operations.Linear(dense),
        },
    )


def test_runnable_network_with_drawn_activations():
    found = evaluate(lenet(), MACHINE, act_density=0.5)
    described = [(layer.run.name, layer.run.kind, layer.run.vectors) for layer in found.layers]
    assert described == [("conv", "conv", 36), ("fc", "linear", 1)]


def test_runnable_network_on_samples_says_what_its_run_says():
    net, samples = lenet(), np.abs(make.values(3, 1, 8, 8))
    found, run = evaluate(net, MACHINE, activations=samples), net.run(samples, MACHINE)
    assert [layer.run for layer in found.layers] == list(run.layers)
    assert found.inputs == "of 3 samples"


def test_encoded_file_gives_the_same_results(path, tmp_path, acts):
    save(encoded(path, MACHINE, density=0.5), tmp_path / "net.eie")
    direct = evaluate(path, MACHINE, activations=acts, density=0.5).to_dict()
    saved = evaluate(tmp_path / "net.eie", activations=acts).to_dict()
    assert saved.pop("network") == "net.eie"
    del direct["network"]
    assert saved == direct
    bias = {layer.name: layer.bias for layer in container.read(tmp_path / "net.eie")}
    np.testing.assert_array_equal(bias["fc2"], make.values(6))


def test_encoded_file_is_for_its_machine_only(path, tmp_path):
    save(encoded(path, MACHINE), tmp_path / "net.eie")
    with pytest.raises(ValueError, match=r"net\.eie, conv: .* n_pe=4, the machine has 64; encode the network again"):
        evaluate(tmp_path / "net.eie", eie.Machine(), act_density=1.0)
    assert machine_for(tmp_path / "net.eie", {"fifo_depth": 3}) == eie.Machine(n_pe=4, fifo_depth=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "conv has no activations: give them by its name, 27 for each vector, or say how dense"),
        ({"act_density": 1.5}, "act_density must be a fraction of 0..1"),
        ({"act_density": 0.5, "density": 2}, "density must be a fraction"),
        ({"act_density": 0.5, "density": {"fc9": 0.1}}, "given for fc9; the layers are conv, fc1, fc2"),
        ({"act_density": 0.5, "seed": -1}, "seed must be an integer"),
        ({"act_density": 0.5, "activations": np.ones(99)}, r"of shape \(99,\) fit no layer"),
        ({"act_density": 0.5, "activations": {"fc9": np.ones(45)}}, "for fc9 of shape"),
        ({"act_density": 0.5, "activations": {"fc1": np.ones(44)}}, "fc1: activations must have shape"),
        ({"act_density": 0.5, "activations": {"fc1": -np.ones(45)}}, "fc1: activations must be 0 or more"),
    ],
)
def test_wrong_parameters(path, options, message):
    with pytest.raises(ValueError, match=message):
        evaluate(path, MACHINE, **options)


@pytest.mark.parametrize("network", [5, {}, [], None])
def test_what_is_no_network(network):
    with pytest.raises(ValueError, match="the network must be a file, a layer of Table III"):
        evaluate(network, act_density=1.0)


def test_what_is_no_file_either():
    with pytest.raises(ValueError, match="Table III has no such layer; it has Alex-6"):
        evaluate("Alex-9")
    with pytest.raises(FormatError, match="no such file"):
        evaluate("nothing.onnx")


def test_explain_one_layer(path, acts):
    layer, found = explain_layer(path, MACHINE, layer="fc1", activations=acts["fc1"])
    assert layer.name == "fc1"
    assert found.cycles == eie.simulate(layer.mem, acts["fc1"], MACHINE).cycles
    with pytest.raises(ValueError, match=r"has 3 layers: say which \(layer; --layer"):
        explain_layer(path, MACHINE, act_density=0.5)
    with pytest.raises(ValueError, match="no layer 'x'; it has conv, fc1, fc2"):
        explain_layer(path, MACHINE, layer="x", act_density=0.5)


def test_several_products_are_explained_together(path):
    _, found = explain_layer(path, MACHINE, layer="conv", act_density=0.5)
    assert found.cycles == evaluate(path, MACHINE, act_density=0.5).layers[0].run.report.cycles
