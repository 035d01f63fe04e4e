import json

import numpy as np
import onnx_models as make
import pandas as pd
import pytest
from onnx.reference import ReferenceEvaluator

import eie
from eie.explore.benchmarks import select
from eie.explore.explain import explain
from eie.formats import FormatError, container
from eie.formats.container import EncodedLayer
from eie.formats.weights import WeightFile, WeightLayer
from eie.networks import host_operations, importing, operations, report
from eie.networks.encoding import encoded, machine_for, save
from eie.networks.evaluate import evaluate, explain_layer
from eie.networks.inputs import Inputs
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
    found = evaluate(path, machine=MACHINE, activations=acts)
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
    found = evaluate(path, machine=MACHINE, act_density=0.5)
    runs = [layer.run for layer in found.layers]
    assert found.seconds == pytest.approx(sum(run.report.seconds for run in runs))
    assert found.energy.total == pytest.approx(sum(run.energy.total for run in runs))
    entries = sum(run.report.entries for run in runs)
    assert found.load_balance == pytest.approx(entries / 4 / sum(run.report.cycles for run in runs))
    assert found.chips == 1


def test_as_many_vectors_are_drawn_as_the_layer_takes(path):
    found = evaluate(path, machine=MACHINE, act_density=0.4)
    assert [layer.run.vectors for layer in found.layers] == [9, 1, 1]
    for layer in found.layers:  # the next whole number of ones above or below
        assert abs(layer.run.activation_density - 0.4) < 1 / layer.run.n_in


@pytest.mark.parametrize(("n_in", "density"), [(3, 0.1), (2, 0.5), (7, 0.35), (1, 0.25)])
def test_the_density_of_inputs_holds_on_average(n_in, density):
    layer = EncodedLayer("a", "conv", eie.encode(eie.draw_layer(4, n_in, 0.9, 0), MACHINE), vectors=4000)
    (drawn,) = Inputs({}, density, 0, signed=False).blocks(layer)
    assert drawn.shape == (4000, n_in)
    assert set(drawn.sum(axis=1)) <= {int(density * n_in), int(density * n_in) + 1}
    spread = (density * n_in % 1 * (1 - density * n_in % 1)) ** 0.5 / n_in / 4000**0.5
    assert abs(drawn.mean() - density) <= 4 * spread
    places = drawn.mean(axis=0)
    assert np.abs(places - density).max() <= 4 * (density * (1 - density) / 4000) ** 0.5


def rows(path, batch):
    """An image network: positions folded into the rows of a Gemm by a Reshape of computed sides."""
    nodes = [
        make.node("Shape", ["x"], "s"),
        make.node("Gather", ["s", "zero"], "n"),
        make.node("Conv", ["x", "k"], "c", "conv", kernel_shape=[2, 2]),
        make.node("Transpose", ["c"], "t", perm=[0, 2, 3, 1]),
        make.node("Reshape", ["t", "flat"], "r"),
        make.node("Gemm", ["r", "w"], "y", "fc", transB=1),
    ]
    weights = {"k": make.values(4, 3, 2, 2), "w": make.values(5, 4), "flat": np.array([-1, 4]), "zero": np.array(0)}
    return make.save(path, nodes, weights, x=(batch, 3, None, None))


@pytest.mark.parametrize("batch", [None, 1, 4])
def test_sizes_of_inputs_give_the_products_per_inference(tmp_path, batch):
    path = rows(tmp_path / "a.onnx", batch)
    found = evaluate(path, machine=MACHINE, act_density=0.5)
    assert found.uncounted == ("conv", "fc")
    assert report.text(found).startswith("At least ")
    assert found.to_dict()["total"]["at_least"]
    sized = evaluate(path, machine=MACHINE, act_density=0.5, input_shapes={"x": (batch or 4, 3, 6, 9)})
    assert [layer.vectors for layer in sized.layers] == [40, 40]
    assert not sized.uncounted
    assert "t least" not in report.text(sized)
    with pytest.raises(ValueError, match=r"a\.onnx: the model has the inputs x, not 'z'"):
        evaluate(path, machine=MACHINE, act_density=0.5, input_shapes={"z": (4, 3, 6, 9)})
    with pytest.raises(ValueError, match=r"input x is .* in the file, got 4x2x6x9"):
        evaluate(path, machine=MACHINE, act_density=0.5, input_shapes={"x": (4, 2, 6, 9)})


def test_rows_of_activations_are_inferences(path, acts):
    """Rows of one layer and one row of each other layer must not add up: all totals are per inference."""
    one = {"conv": np.tile(acts["conv"][:1], (9, 1)), "fc1": acts["fc1"][0], "fc2": acts["fc2"][0]}
    many = one | {"fc1": np.tile(acts["fc1"][0], (397, 1))}
    single, several = (evaluate(path, machine=MACHINE, activations=given) for given in (one, many))
    assert several.seconds == pytest.approx(single.seconds)
    assert several.energy.total == pytest.approx(single.energy.total)
    assert several.load_balance == pytest.approx(single.load_balance)
    assert several.inferences == (1, 397)
    assert "(mean of 1 to 397 inferences, by layer)" in report.text(several)
    pd.testing.assert_frame_equal(
        several.table().drop(columns="inferences"), single.table().drop(columns="inferences"), check_dtype=False
    )


def test_activations_of_three_axes_are_inferences_and_products(path, acts):
    given = acts | {"conv": np.abs(make.values(5, 9, 27))}
    assert evaluate(path, machine=MACHINE, activations=given).layers[0].inferences == 5
    with pytest.raises(ValueError, match="conv: takes 9 products per inference, the activations have 8"):
        evaluate(path, machine=MACHINE, activations=acts | {"conv": np.abs(make.values(5, 8, 27))})


def test_activations_of_three_axes_tell_what_the_file_does_not(tmp_path):
    layer = WeightLayer("fc", "linear", 20, 30, lambda: make.values(20, 30), counted=False)
    file = WeightFile(tmp_path / "net.own", (layer,))
    assert evaluate(file, machine=MACHINE, activations=np.ones((6, 30))).uncounted == ("fc",)
    found = evaluate(file, machine=MACHINE, activations=np.ones((2, 3, 30)))
    assert (found.uncounted, found.layers[0].vectors) == ((), 3)
    assert found.seconds == pytest.approx(3 * evaluate(file, machine=MACHINE, activations=np.ones(30)).seconds)


def grouped(path, weights):
    nodes = [make.node("Conv", ["x", "k"], "y", "dw", kernel_shape=[2, 2], group=3)]
    return make.save(path, nodes, {"k": weights}, x=(1, 6, 4, 4))


def test_groups_of_a_convolution_are_matrices_side_by_side(tmp_path):
    kernel = make.values(9, 2, 2, 2)
    kernel[0, 0] = 0
    path = grouped(tmp_path / "a.onnx", kernel)
    x = make.values(1, 6, 4, 4)
    (y,) = ReferenceEvaluator(str(path)).run(None, {"x": x})
    (layer,) = importing.read(path).layers
    windows = np.lib.stride_tricks.sliding_window_view(x[0], (2, 2), axis=(1, 2))
    vectors = windows.transpose(1, 2, 3, 4, 0).reshape(9, 24)  # positions; taps, then channels
    np.testing.assert_allclose((layer.read() @ vectors.T).reshape(1, 9, 3, 3), y, rtol=1e-5, atol=1e-6)
    described = importing.described(path)["layers"]
    assert [(m["name"], m["n_out"], m["n_in"], m["nonzeros"], m["vectors"]) for m in described] == [
        ("dw[0]", 3, 8, 20, 9),
        ("dw[1]", 3, 8, 24, 9),
        ("dw[2]", 3, 8, 24, 9),
    ]
    pruned, _ = importing.compress(layer, 0.25)
    assert len(pruned.codes) == 18
    assert evaluate(path, machine=MACHINE, act_density=1.0).layers[0].run.density == pytest.approx(68 / 72)


def test_the_same_seed_draws_the_same(path):
    one, same, other = (evaluate(path, machine=MACHINE, act_density=0.4, seed=seed).to_dict() for seed in (1, 1, 2))
    assert one == same
    assert one["layers"] != other["layers"]


def test_drawn_in_blocks_is_drawn_all_the_same(path, monkeypatch):
    whole = evaluate(path, machine=MACHINE, act_density=0.4).to_dict()
    monkeypatch.setattr("eie.networks.inputs.BLOCK_NUMBERS", 60)
    assert [layer["vectors"] for layer in evaluate(path, machine=MACHINE, act_density=0.4).to_dict()["layers"]] == [
        9,
        1,
        1,
    ]
    assert whole["layers"][1:] == evaluate(path, machine=MACHINE, act_density=0.4).to_dict()["layers"][1:]


def test_table_and_dict(path):
    found = evaluate(path, machine=MACHINE, act_density=0.4, density={"fc1": 0.2})
    table = found.table()
    assert table.index.tolist() == ["conv", "fc1", "fc2"]
    assert table["weights, %"].tolist() == [100, pytest.approx(20), 100]
    dense, pruned = "dense; --prune-to prunes it", "pruned, but not retrained"
    assert table["note"].tolist() == [dense, pruned, dense]
    plain = json.loads(json.dumps(found.to_dict()))
    assert plain["total"]["seconds"] == found.seconds
    assert plain["layers"][1]["cycles"] == found.layers[1].run.report.cycles
    assert sum(plain["layers"][1]["first_product"]["of_the_last_pe"].values()) == found.layers[1].explanation.cycles


def test_layer_of_table_iii_comes_with_its_activations():
    found = evaluate("NT-We")
    layer, activations = select(["NT-We"])[0].draw(0)
    assert found.layers[0].run.report == eie.simulate(layer, activations)


def test_a_density_that_is_not_used_is_an_error(path, acts):
    with pytest.raises(ValueError, match="act_density is not used: NT-We has inputs of its own"):
        evaluate("NT-We", act_density=0.5)
    with pytest.raises(ValueError, match="act_density is not used: every layer has activations"):
        evaluate(path, machine=MACHINE, activations=acts, act_density=0.5)


def test_layers_by_name():
    layers = {"a": eie.draw_layer(20, 10, 0.5, 0), "b": eie.encode(eie.draw_layer(8, 10, 0.5, 0), MACHINE)}
    found = evaluate(layers, machine=MACHINE, activations=np.ones(10))
    assert [layer.run.name for layer in found.layers] == ["a", "b"]
    assert found.layers[0].run.report == eie.simulate(layers["a"], np.ones(10), MACHINE)


def test_file_of_a_format_of_ones_own(tmp_path):
    layer = WeightLayer("fc", "linear", 20, 30, lambda: make.values(20, 30), vectors=2)
    found = evaluate(WeightFile(tmp_path / "net.own", (layer,)), machine=MACHINE, act_density=1.0, density=0.5)
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
    found = evaluate(lenet(), machine=MACHINE, act_density=0.5)
    described = [(layer.run.name, layer.run.kind, layer.run.vectors) for layer in found.layers]
    assert described == [("conv", "conv", 36), ("fc", "linear", 1)]


def test_runnable_network_on_samples_says_what_its_run_says():
    net, samples = lenet(), np.abs(make.values(3, 1, 8, 8))
    found, run = evaluate(net, samples, machine=MACHINE), net.run(samples, MACHINE)
    assert [layer.run for layer in found.layers] == list(run.layers)
    assert found.inputs == "of 3 samples"


def test_encoded_file_gives_the_same_results(path, tmp_path, acts):
    save(encoded(path, MACHINE, density=0.5), tmp_path / "net.eie")
    direct = evaluate(path, machine=MACHINE, activations=acts, density=0.5).to_dict()
    saved = evaluate(tmp_path / "net.eie", activations=acts).to_dict()
    assert saved.pop("network") == "net.eie"
    del direct["network"], direct["total"]["weights_on_machine"], saved["total"]["weights_on_machine"]
    assert saved == direct
    bias = {layer.name: layer.bias for layer in container.read(tmp_path / "net.eie")}
    np.testing.assert_array_equal(bias["fc2"], make.values(6))


def test_encoded_file_is_for_its_machine_only(path, tmp_path):
    save(encoded(path, MACHINE), tmp_path / "net.eie")
    with pytest.raises(ValueError, match=r"net\.eie, conv: .* n_pe=4, the machine has 64; encode the network again"):
        evaluate(tmp_path / "net.eie", machine=eie.Machine(), act_density=1.0)
    assert machine_for(tmp_path / "net.eie", {"fifo_depth": 3}) == eie.Machine(n_pe=4, fifo_depth=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "conv has no activations: give 27 per vector by its name, or give the density"),
        ({"act_density": 1.5}, "act_density must be a fraction in 0..1"),
        ({"act_density": 0.5, "density": 2}, "density must be a fraction"),
        ({"act_density": 0.5, "density": {"fc9": 0.1}}, "no layer fc9 to prune; the layers are conv, fc1, fc2"),
        ({"act_density": 0.5, "seed": -1}, "seed must be an integer"),
        ({"act_density": 0.5, "activations": np.ones(99)}, r"of shape \(99,\) do not fit any layer"),
        (
            {"act_density": 0.5, "activations": {"fc9": np.ones(45)}},
            "for fc9 of shape .* conv with 27 inputs, fc1 with",
        ),
        (
            {"activations": np.ones((45, 2))},
            r"\(45, 2\) do not fit any layer; .*transposed, \(2, 45\), they would fit fc1",
        ),
        ({"act_density": 0.5, "activations": {"fc1": np.ones(44)}}, "fc1: activations must have shape"),
        ({"act_density": 0.5, "activations": {"fc1": -np.ones(45)}}, "fc1: activations must be 0 or more"),
    ],
)
def test_wrong_parameters(path, options, message):
    with pytest.raises(ValueError, match=message):
        evaluate(path, machine=MACHINE, **options)


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
    with pytest.raises(ValueError, match=r"has 3 layers: name one of them \(layer; --layer"):
        explain_layer(path, MACHINE, act_density=0.5)
    with pytest.raises(ValueError, match="no layer 'x'; it has conv, fc1, fc2"):
        explain_layer(path, MACHINE, layer="x", act_density=0.5)


def test_several_products_are_explained_together(path):
    _, found = explain_layer(path, MACHINE, layer="conv", act_density=0.5)
    assert found.cycles == evaluate(path, machine=MACHINE, act_density=0.5).layers[0].run.report.cycles
