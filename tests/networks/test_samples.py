"""Networks that samples go through: the inputs of layers and the outputs are those that others compute."""

import json

import numpy as np
import onnx
import onnx_models as make
import pytest
import scipy.sparse as sp
import torch
import torch.nn.utils.prune
from onnx.reference import ReferenceEvaluator
from torch import nn

import eie
from eie.cli.main import main
from eie.networks import file_sweep, importing
from eie.networks.evaluate import explain_layer
from eie.networks.models import as_model
from eie.networks.samples import Quality

MACHINE = eie.Machine(n_pe=4, weight_bits=8)
values, node = make.values, make.node


def through(model, inputs, change=lambda name, y: y):
    """Outputs, and the vectors of each layer, with the products of the file's own weights."""
    seen: dict = {}
    layers = {layer.name: layer for layer in model.file.layers}

    def product(name, vectors, counts):
        if counts:
            seen.setdefault(name, []).append(np.array(vectors))
        matrix = layers[name].read()
        y = (matrix @ vectors.T).T + (layers[name].bias() if layers[name].bias else 0)
        return change(name, y)

    found = [model.run(batch, product) for batch, _ in model.batches(inputs)]
    outputs = [np.concatenate(parts) if parts[0].ndim else parts[0] for parts in zip(*found, strict=True)]
    return outputs, {name: np.concatenate(parts) for name, parts in seen.items()}


def lstm(kind, directions=1, **more):
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind]
    weights = {
        "w": values(directions, gates * 5, 4, seed=1),
        "r": values(directions, gates * 5, 5, seed=2),
        "b": values(directions, gates * 10, seed=3),
    }
    given = {"hidden_size": 5, **more}
    if directions == 2:
        given["direction"] = "bidirectional"
    return [node(kind, ["x", "w", "r", "b"], ["y"], "rnn", **given)], weights, (6, 1, 4)


def conv(x=(1, 4, 9, 7), kernel=(6, 4, 3, 2), **more):
    return [node("Conv", ["x", "k", "b"], "y", "conv", **more)], {"k": values(*kernel), "b": values(kernel[0])}, x


def looped():
    """A loop whose body multiplies by a matrix, three turns, and collects what each turn makes."""
    body = onnx.helper.make_graph(
        [
            node("MatMul", ["state", "w"], "next", "in loop"),
            node("Identity", ["going"], "on"),
            node("Identity", ["next"], "kept"),
        ],
        "body",
        [
            onnx.helper.make_tensor_value_info("i", 7, []),
            onnx.helper.make_tensor_value_info("going", 9, []),
            onnx.helper.make_tensor_value_info("state", 1, (1, 5)),
        ],
        [onnx.helper.make_tensor_value_info(name, kind, None) for name, kind in (("on", 9), ("next", 1), ("kept", 1))],
    )
    nodes = [node("Loop", ["turns", "go", "x"], ["y", "all"], "loop", body=body)]
    return nodes, {"w": values(5, 5), "turns": np.array(3), "go": np.array(True)}, (1, 5)


def branches():
    def one(name, w):
        made = onnx.helper.make_tensor_value_info(f"{name} y", 1, None)
        return onnx.helper.make_graph([node("MatMul", ["x", w], f"{name} y", name)], name, [], [made])

    nodes = [
        node("ReduceSum", ["x"], "total", keepdims=0),
        node("Greater", ["total", "zero"], "positive"),
        node("If", ["positive"], "y", then_branch=one("then", "v"), else_branch=one("else", "w")),
    ]
    return nodes, {"v": values(5, 3), "w": values(5, 3, seed=1), "zero": np.float32(0)}, (1, 5)


NETWORKS = {
    "gemm": ([node("Gemm", ["x", "w", "b"], alpha=0.5, beta=2.0)], {"w": values(6, 4), "b": values(4)}, (3, 6)),
    "gemm, matrix of biases": ([node("Gemm", ["x", "w", "b"])], {"w": values(6, 4), "b": values(3, 4)}, (3, 6)),
    "gemm, weights first": (
        [node("Gemm", ["w", "x", "b"], transB=1)],
        {"w": values(4, 6), "b": values(4, 1)},
        (3, 6),
    ),
    "gemm, turned inputs": ([node("Gemm", ["x", "w"], transA=1, transB=1)], {"w": values(4, 3)}, (3, 6)),
    "matmul and bias": (
        [node("MatMul", ["x", "w"], "m"), node("Add", ["m", "b"], "a"), node("Relu", ["a"])],
        {"w": values(6, 4), "b": values(4)},
        (2, 3, 6),
    ),
    "bias first": (
        [node("MatMul", ["x", "w"], "m"), node("Add", ["b", "m"])],
        {"w": values(6, 4), "b": values(4)},
        (2, 3, 6),
    ),
    "no bias": (
        [node("MatMul", ["x", "w"], "m"), node("Add", ["m", "x"])],
        {"w": values(6, 6)},
        (2, 3, 6),
    ),
    "weights first": ([node("MatMul", ["w", "x"])], {"w": values(4, 3)}, (2, 3, 6)),
    "conv": conv(strides=[2, 1], pads=[1, 0, 2, 1], dilations=[1, 2]),
    "conv, same": conv(auto_pad="SAME_UPPER", strides=[2, 2]),
    "conv, same lower": conv(auto_pad="SAME_LOWER", strides=[2, 3]),
    "conv in groups": conv(kernel=(6, 2, 3, 2), group=2),
    "depthwise": conv(kernel=(8, 1, 3, 2), group=4),
    "conv of one side": conv(x=(2, 4, 9), kernel=(5, 4, 3), pads=[1, 1]),
    "conv of three sides": conv(x=(1, 2, 4, 5, 6), kernel=(3, 2, 2, 2, 2)),
    "lstm": lstm("LSTM"),
    "lstm, both ways": lstm("LSTM", 2),
    "lstm, backwards": lstm("LSTM", direction="reverse"),
    "gru": lstm("GRU"),
    "gru, both ways": lstm("GRU", 2),
    "gru, product reset": lstm("GRU", linear_before_reset=1),
    "rnn": lstm("RNN"),
    "loop": looped(),
    "branches": branches(),
    "pools": (
        [
            node("MaxPool", ["x"], "p", kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1]),
            node("AveragePool", ["p"], "q", kernel_shape=[2, 2], pads=[1, 1, 0, 0]),
            node("AveragePool", ["q"], "s", kernel_shape=[2, 2], auto_pad="SAME_UPPER", count_include_pad=1),
            node("MatMul", ["s", "w"]),
        ],
        {"w": values(7, 4)},
        (1, 4, 9, 7),
    ),
    "pools of all positions": (
        [
            node("GlobalMaxPool", ["x"], "p"),
            node("GlobalAveragePool", ["x"], "q"),
            node("Sub", ["p", "q"], "d"),
            node("Flatten", ["d"], "f"),
            node("MatMul", ["f", "w"]),
        ],
        {"w": values(4, 3)},
        (1, 4, 9, 7),
    ),
}


@pytest.mark.parametrize("kind", ["Max", "Average"])
def test_pools_of_a_whole_sequence(tmp_path, kind):
    """ONNX's reference implementation takes wrong axes for these."""
    nodes = [node(f"Global{kind}Pool", ["x"], "p"), node("Flatten", ["p"], "f"), node("MatMul", ["f", "w"])]
    x, w = values(1, 4, 9, seed=9), values(4, 3)
    pooled = {"Max": x.max(axis=2), "Average": x.mean(axis=2)}[kind]
    outputs, _ = through(as_model(make.save(tmp_path / "a.onnx", nodes, {"w": w}, x=(1, 4, 9))), x)
    np.testing.assert_allclose(outputs[0], pooled @ w, rtol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_those_of_the_reference_implementation(tmp_path, name):
    nodes, weights, sides = NETWORKS[name]
    path = make.save(tmp_path / "a.onnx", nodes, weights, x=sides)
    x = values(*sides, seed=9)
    reference = two_ways if "both ways" in name or "backwards" in name else plain
    outputs, seen = through(as_model(path), x)
    np.testing.assert_allclose(outputs[0], reference(path, x), rtol=1e-4, atol=1e-5)
    assert seen
    if name == "loop":
        assert seen["in loop"].shape == (3, 5)
    if name == "branches":
        assert list(seen) == ["then" if x.sum() > 0 else "else"]


def plain(path, x):
    return ReferenceEvaluator(str(path)).run(None, {"x": x})[0]


def two_ways(path, x):
    """ONNX's reference implementation has one direction only; a network of each gives both."""
    model = onnx.load(path)
    weights = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    (rnn,) = model.graph.node
    both = rnn.attribute[-1].s == b"bidirectional" or any(a.s == b"bidirectional" for a in rnn.attribute)
    found = []
    for d in range(2 if both else 1):
        backwards = d == 1 or not both
        one = make.model(
            [node(rnn.op_type, ["x", "w", "r", "b"], ["y"], hidden_size=5)],
            {name: value[d : d + 1] for name, value in weights.items()},
            x=x.shape,
        )
        (y,) = ReferenceEvaluator(one).run(None, {"x": x[::-1].copy() if backwards else x})
        found.append(y[::-1] if backwards else y)
    return np.concatenate(found, axis=1)


def test_codes_of_quantised_operators(tmp_path):
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], "q"),
        node("QLinearConv", ["q", "s", "z", "k", "t", "z", "u", "z", "b"], "c", "conv", pads=[1, 1, 1, 1]),
        node("DequantizeLinear", ["c", "u", "z"], "d"),
        node("Flatten", ["d"], "f"),
        node("QuantizeLinear", ["f", "u", "z"], "g"),
        node("QLinearMatMul", ["g", "u", "z", "w", "t", "z", "v", "z"], "m", "fc"),
        node("DequantizeLinear", ["m", "v", "z"], "y"),
    ]
    rng = np.random.default_rng(0)
    weights = {"s": np.float32(0.02), "t": np.float32(0.01), "u": np.float32(0.05), "v": np.float32(0.1)}
    weights |= {"z": np.int8(0), "k": rng.integers(-50, 50, (3, 2, 3, 3)).astype(np.int8)}
    weights |= {"w": rng.integers(-50, 50, (48, 5)).astype(np.int8), "b": rng.integers(-99, 99, 3).astype(np.int32)}
    path = make.save(tmp_path / "a.onnx", nodes, weights, x=(1, 2, 4, 4))
    x = values(1, 2, 4, 4)
    outputs, _ = through(as_model(path), x)
    model = onnx.load(path)
    model.opset_import[0].version = 21  # the reference has no older quantisation
    expected = ReferenceEvaluator(model).run(None, {"x": x})[0]
    assert np.abs(outputs[0] - expected).max() <= 0.1 + 1e-6  # one code of the last rounding
    assert np.mean(outputs[0] == expected) > 0.5


class Small(nn.Module):
    """One of each kind of layer that PyTorch has."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 6, 3, stride=2, padding=1)
        self.depthwise = nn.Conv2d(6, 6, 3, padding="same", groups=6)
        self.grouped = nn.Conv1d(6, 4, 2, groups=2, bias=False)
        self.gru = nn.GRU(4, 5, num_layers=2, bidirectional=True, batch_first=True)
        self.lstm = nn.LSTM(10, 6, batch_first=True)
        self.rnn = nn.RNN(6, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.block = nn.TransformerEncoderLayer(8, 2, dim_feedforward=12, batch_first=True)
        self.head = nn.Linear(8, 3)
        self.never = nn.Linear(2, 2)

    def forward(self, x):
        y = torch.relu(self.depthwise(self.conv(x)))
        y = self.grouped(y.flatten(2)).transpose(1, 2)
        y, _ = self.gru(y)
        y, _ = self.lstm(y)
        y, _ = self.rnn(y.transpose(0, 1))
        y = y.transpose(0, 1)
        y, _ = self.attention(y, y[:, :4], y[:, :4])
        return nn.functional.linear(self.block(y).mean(dim=1), self.head.weight, self.head.bias)


@pytest.fixture
def module():
    torch.manual_seed(0)
    return Small().eval()


def test_outputs_of_a_module_are_pytorchs(module):
    x = torch.randn(3, 2, 8, 8)
    outputs, seen = through(as_model(module), x.numpy())
    with torch.no_grad():
        np.testing.assert_allclose(outputs[0], module(x), rtol=1e-4, atol=1e-5)
    names = [layer.name for layer in as_model(module).file.layers]
    assert [name for name in names if name not in seen] == ["never"]
    assert {"attention.q", "attention.k", "attention.v", "attention.out_proj", "block.linear1"} < set(seen)
    assert {"gru.l0", "gru.l0_reverse", "gru.l1", "gru.l1_reverse", "lstm.l0", "rnn.l0"} < set(seen)
    # 15 steps: attention's keys see the first four of them
    assert [len(seen[name]) for name in ("attention.q", "attention.k", "lstm.l0")] == [3 * 15, 3 * 4, 3 * 15]


def test_inputs_of_layers_are_those_that_hooks_see(module):
    """A hook of PyTorch sees the input of each convolution and linear layer; its zeros are counted by hand."""
    x, seen = torch.randn(3, 2, 8, 8), {}
    for name, part in module.named_modules():
        if isinstance(part, (nn.Conv2d, nn.Conv1d)) or name in ("block.linear1", "block.linear2"):
            part.register_forward_pre_hook(lambda _m, given, name=name: seen.update({name: given[0]}))
    with torch.no_grad():
        module(x)
    _, vectors = through(as_model(module), x.numpy())
    unfold = nn.functional.unfold(seen["conv"], 3, padding=1, stride=2)  # channels, then taps; positions
    expected = unfold.reshape(3, 2, 9, -1).permute(0, 3, 2, 1).reshape(-1, 18)
    np.testing.assert_allclose(vectors["conv"], expected, rtol=1e-4, atol=1e-6)
    for name in ("block.linear1", "block.linear2"):
        np.testing.assert_allclose(vectors[name], seen[name].reshape(-1, seen[name].shape[-1]), rtol=1e-4, atol=1e-5)


def test_masks_and_norms_of_a_module_are_in_its_weights():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)).eval()
    nn.utils.prune.l1_unstructured(net[0], "weight", 0.5)
    nn.utils.parametrizations.weight_norm(net[2])
    nn.utils.parametrizations.spectral_norm(net[4]).eval()
    x = torch.randn(4, 6)
    outputs, _ = through(as_model(net), x.numpy())
    with torch.no_grad():
        np.testing.assert_allclose(outputs[0], net(x), rtol=1e-4, atol=1e-5)
    assert "weight_orig" in net[0].state_dict()  # the module itself is as it was
    (first, *_) = as_model(net).file.layers
    assert np.count_nonzero(first.read()) == 15


def classifier(codes=4):
    """A network whose weights have few values, so that sharing them changes nothing, and one that has no rounding."""
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4 * 9, 5)).eval()
    for part in (net[0], net[4]):
        drawn = rng.choice([-0.5, -0.25, 0, 0.25, 0.5], part.weight.shape)
        part.weight.data = torch.as_tensor(drawn, dtype=torch.float32)
        part.bias.data = torch.zeros_like(part.bias)
    return net


def test_evaluation_is_what_simulate_says_of_the_vectors_that_hooks_see():
    net, x = classifier(), np.abs(values(6, 1, 8, 8))
    labels = np.arange(6) % 5
    with torch.no_grad():
        y = net(torch.as_tensor(x)).numpy()
    found = eie.evaluate(net, x, labels, machine=eie.Machine(n_pe=4))
    assert found.quality.accuracy["float"] == (y.argmax(1) == labels).mean()
    assert found.quality.accuracy["shared weights"] == found.quality.accuracy["float"]
    assert found.quality.agreement["fixed point"] >= 5 / 6
    assert 0 < found.quality.error["fixed point"] < 0.01
    assert (found.quality.samples, found.quality.error["float"]) == (6, 0)
    hidden = net[:4](torch.as_tensor(x)).detach().numpy()
    last = found.layers[1]
    assert last.run.name == "4"
    compressed, _ = importing.compress(as_model(net).file.layers[1])
    assert last.run.report == eie.simulate(compressed, hidden, eie.Machine(n_pe=4))
    assert last.run.activation_density == np.count_nonzero(hidden) / hidden.size
    assert [layer.vectors for layer in found.layers] == [36, 1]
    assert (found.uncounted, found.inferences) == ((), (6, 6))
    assert found.seconds == pytest.approx(sum(layer.run.report.seconds for layer in found.layers) / 6)


@pytest.mark.parametrize("batch", ["n", 1, 2])
def test_onnx_and_pytorch_say_the_same(tmp_path, batch):
    net, x = classifier(), np.abs(values(6, 1, 8, 8))
    weights = {f"w{i}": net[i].weight.detach().numpy() for i in (0, 4)}
    nodes = [
        node("Conv", ["x", "w0"], "c", "0"),
        node("Relu", ["c"], "r"),
        node("MaxPool", ["r"], "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", ["p"], "f"),
        node("Gemm", ["f", "w4"], "y", "4", transB=1),
    ]
    path = make.save(tmp_path / "a.onnx", nodes, weights, x=(batch, 1, 8, 8))
    ours, theirs = (eie.evaluate(one, x, machine=eie.Machine(n_pe=4)) for one in (path, net))
    assert [layer.run.report for layer in ours.layers] == [layer.run.report for layer in theirs.layers]
    assert ours.quality.agreement == theirs.quality.agreement
    in_memory = eie.evaluate(onnx.load(path), x, machine=eie.Machine(n_pe=4))
    assert in_memory.seconds == ours.seconds
    if batch == 2:
        with pytest.raises(ValueError, match="takes batches of 2 samples, got 3"):
            eie.evaluate(path, x[:3])


def test_pruning_changes_what_the_layers_after_it_see():
    torch.manual_seed(0)
    net, x = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5)), np.abs(values(6, 1, 8, 8))
    dense, pruned = (eie.evaluate(net, x, machine=MACHINE, density=d) for d in (None, {"0": 0.2}))
    assert pruned.layers[0].run.density == pytest.approx(0.2, abs=0.03)
    assert pruned.layers[1].run.report.macs != dense.layers[1].run.report.macs
    assert pruned.quality.error["shared weights"] > 0.1 > dense.quality.error["shared weights"]


def test_every_kind_of_network_is_taken(tmp_path):
    matrix = np.round(values(6, 5), 1)
    x = np.abs(values(4, 5))
    np.savez(tmp_path / "a.npz", fc=matrix)
    expected = eie.evaluate(tmp_path / "a.npz", x, machine=MACHINE).seconds
    state = {"fc.weight": torch.as_tensor(matrix), "fc.bias": torch.zeros(6)}
    for network in (matrix, sp.csr_array(matrix), state, {"fc.weight": matrix}):
        assert eie.evaluate(network, x, machine=MACHINE).seconds == expected
    module = nn.Linear(5, 6, bias=False)
    module.weight.data = torch.as_tensor(matrix)
    assert eie.evaluate(module, x, machine=MACHINE).seconds == expected
    with pytest.raises(ValueError, match="labels need inputs and a network that can run"):
        eie.evaluate(state, x, np.zeros(4, int))


def test_samples_in_fixed_point_are_what_infer_writes():
    """A network of one layer in fixed point is `eie.infer` in the same formats, bit by bit."""
    net, x = nn.Linear(30, 20), values(8, 30)
    found = eie.evaluate(net, x, machine=eie.Machine(n_pe=4))
    compressed, _ = importing.compress(as_model(net).file.layers[0])
    bias = net.bias.detach().numpy()
    weights = compressed.to_scipy().astype(np.float32)
    weights.data = compressed.codebook[compressed.codes]
    formats = eie.LayerFormats(*_formats(compressed, x, bias))
    ours = eie.infer(compressed, x, eie.Machine(n_pe=4), formats=formats, bias=bias, relu=False, signed=True)
    exact = (net.weight.detach().numpy() @ x.T).T + bias
    expected = np.linalg.norm(ours.values - exact) / np.linalg.norm(exact)
    assert found.quality.error["fixed point"] == pytest.approx(expected, rel=1e-4)


def _formats(compressed, x, bias):
    from eie.networks.arithmetic import RangeRecorder
    from eie.networks.operations import Linear

    recorder = RangeRecorder(Linear(compressed, bias))
    recorder.multiply(0, x)
    formats = recorder.ranges().formats(16, 16, 1)
    return formats.weight, formats.activation, formats.output


@pytest.mark.parametrize(
    ("inputs", "labels", "message"),
    [
        (np.zeros((4, 1, 8, 9), np.float32), None, "input x of a.onnx has sides"),
        (np.zeros((8, 8), np.float32), None, "samples along side 0"),
        ({"z": np.zeros((4, 1, 8, 8))}, None, "a.onnx has the inputs x, not z"),
        (np.full((4, 1, 8, 8), np.nan), None, "must be finite numbers"),
        (np.zeros((4, 1, 8, 8)), np.zeros(3, int), "labels must be one whole number per sample, 4 of them"),
        (np.zeros((4, 1, 8, 8)), np.zeros(4), "labels must be one whole number per sample"),
        (eie.Machine(), None, "inputs must be samples, got a Machine"),
    ],
)
def test_what_does_not_fit_is_said(tmp_path, inputs, labels, message):
    nodes, weights = [node("Conv", ["x", "k"], "c"), node("Flatten", ["c"])], {"k": values(3, 1, 3, 3)}
    path = make.save(tmp_path / "a.onnx", nodes, weights, x=("n", 1, 8, 8))
    with pytest.raises(ValueError, match=message):
        eie.evaluate(path, inputs, labels)


def test_operators_that_cannot_run_are_named(tmp_path):
    nodes = [node("MatMul", ["x", "w"], "m"), node("Mystery", ["m"], "y", "odd", domain="example")]
    path = make.save(tmp_path / "a.onnx", nodes, {"w": values(5, 4)}, x=(1, 5))
    with pytest.raises(ValueError, match=r"a\.onnx: example\.Mystery odd cannot be run here"):
        eie.evaluate(path, values(2, 5))


def test_layers_that_no_sample_used_are_named(tmp_path):
    nodes, weights, sides = branches()
    path = make.save(tmp_path / "a.onnx", nodes, weights, x=sides)
    found = eie.evaluate(path, np.ones((1, 5), np.float32), machine=MACHINE)
    assert ([layer.run.name for layer in found.layers], found.unused) == (["then"], ("else",))


def test_branches_are_not_added_up(tmp_path):
    nodes, weights, sides = branches()
    path = make.save(tmp_path / "a.onnx", nodes, weights, x=sides)
    found = eie.evaluate(path, machine=MACHINE, act_density=1.0)
    assert found.seconds == min(layer.seconds for layer in found.layers)
    assert found.energy.total == min(layer.energy.total for layer in found.layers)
    assert found.dense.seconds == min(layer.dense.seconds for layer in found.layers)
    assert found.dense.joules == min(layer.dense.joules for layer in found.layers)
    assert set(found.uncounted) == {"then", "else"}
    swept = file_sweep.sweep_file(path, [MACHINE], act_density=1.0)
    total = swept[swept["layer"] == file_sweep.TOTAL].iloc[0]
    by_sweep = [total[name] for name in ("seconds", "energy_j", "dense_seconds", "dense_energy_j")]
    assert by_sweep == pytest.approx([found.seconds, found.energy.total, found.dense.seconds, found.dense.joules])
    nodes = [node("MatMul", ["x", "u"], "h", "always"), *nodes]
    path = make.save(tmp_path / "b.onnx", nodes, weights | {"u": values(5, 4)}, x=sides)
    found = eie.evaluate(path, machine=MACHINE, act_density=1.0)
    (always,) = (layer for layer in found.layers if layer.run.name == "always")
    assert (found.seconds, set(found.uncounted)) == (always.seconds, {"then", "else"})


def test_cycles_of_a_layer_whose_inputs_come_from_samples():
    net, x, machine = classifier(), np.abs(values(6, 1, 8, 8)), eie.Machine(n_pe=4)
    layer, explained = explain_layer(net, machine, layer="4", inputs=x)
    hidden = net[:4](torch.as_tensor(x)).detach().numpy()
    assert (layer.vectors, explained.cycles) == (6, eie.simulate(layer.mem, hidden, machine).cycles)
    with pytest.raises(ValueError, match="act_density is not used when there are inputs"):
        explain_layer(net, machine, layer="4", inputs=x, act_density=0.5)


def test_command(capsys, tmp_path):
    nodes = [node("MatMul", ["x", "w"], "h", "fc1"), node("Relu", ["h"], "r"), node("MatMul", ["r", "v"], "y", "fc2")]
    weights = {"w": values(12, 9), "v": values(9, 4)}
    make.save(tmp_path / "a.onnx", nodes, weights, x=("n", 12))
    x = values(20, 12)
    y = np.maximum(x @ weights["w"], 0) @ weights["v"]
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", np.where(np.arange(20) < 15, y.argmax(1), 3 - y.argmax(1)))
    given = ["run", str(tmp_path / "a.onnx"), "--inputs", str(tmp_path / "x.npy")]
    assert main([*given, "--labels", str(tmp_path / "y.npy"), "-o", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert "per inference (mean of 20 inferences) on 64 PEs" in out
    assert "Accuracy: 75 % in floating point, " in out
    quality = json.loads((tmp_path / "out" / "layers.json").read_text())["quality"]
    assert quality["accuracy"]["float"] == 0.75
    assert Quality(**quality).samples == 20
    assert main([*given, "--act-density", "0.5"]) == 2
    assert "act_density is not used when there are inputs" in capsys.readouterr().err
