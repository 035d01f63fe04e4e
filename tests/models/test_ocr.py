import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from eie.formats import FormatError
from eie.models import ocr

CHANNELS, STATES, CHARACTERS = 2, 3, 5
N_IN = CHANNELS * 32  # of pictures 64 pixels high, after one stride of 2


def nodes():
    conv = {"kernel_shape": [3, 3], "pads": [1] * 4, "strides": [2, 2]}
    return [
        helper.make_node("Conv", ["input1", "cw", "cb"], ["c"], **conv),
        helper.make_node("Sigmoid", ["c"], ["s"]),
        helper.make_node("Mul", ["c", "s"], ["m"]),
        helper.make_node("Add", ["m", "c"], ["a"]),
        helper.make_node("Transpose", ["a"], ["t"], perm=[3, 0, 1, 2]),
        helper.make_node("LSTM", ["t", "w", "r", "b"], ["l"], direction="bidirectional", hidden_size=STATES),
        helper.make_node("Gemm", ["l", "ow", "ob"], ["y"], transB=1),
    ]


def arrays():
    rng = np.random.default_rng(0)
    shapes = {
        "cw": (CHANNELS, 1, 3, 3),
        "cb": (CHANNELS,),
        "w": (2, 4 * STATES, N_IN),
        "r": (2, 4 * STATES, STATES),
        "b": (2, 8 * STATES),
        "ow": (CHARACTERS, 2 * STATES),
        "ob": (CHARACTERS,),
    }
    return {name: rng.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}


def save(folder, graph_nodes=None, values=None, characters=("", "a", "b", "c", "d")):
    initializers = [onnx.numpy_helper.from_array(value, name) for name, value in (values or arrays()).items()]
    picture = helper.make_tensor_value_info("input1", TensorProto.FLOAT, [1, 1, 64, "w"])
    scores = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(graph_nodes or nodes(), "small", [picture], [scores], initializers)
    (folder / "common.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    (folder / "charsets.py").write_text(f"CHARSET_OLD = ['x']\nCHARSET_BETA = {list(characters)!r}\n", encoding="utf-8")


@pytest.fixture
def model(tmp_path):
    save(tmp_path)
    return ocr.load(tmp_path)


@pytest.fixture
def picture():
    return np.random.default_rng(3).random((64, 20)).astype(np.float32)


def test_scores_are_those_of_pytorch(model, picture):
    values = {name: torch.from_numpy(value) for name, value in arrays().items()}
    y = torch.nn.functional.conv2d(torch.from_numpy(picture)[None, None], values["cw"], values["cb"], 2, 1)
    y = torch.nn.functional.silu(y) + y
    inputs = y.permute(3, 0, 1, 2).reshape(10, 1, N_IN)
    lstm = torch.nn.LSTM(N_IN, STATES, bidirectional=True)

    def order(gates):  # ONNX has input, output, forget, cell; PyTorch input, forget, cell, output
        i, o, f, c = gates.split(STATES)
        return torch.cat([i, f, c, o])

    with torch.no_grad():
        for d, ending in enumerate(("", "_reverse")):
            getattr(lstm, f"weight_ih_l0{ending}").copy_(order(values["w"][d]))
            getattr(lstm, f"weight_hh_l0{ending}").copy_(order(values["r"][d]))
            getattr(lstm, f"bias_ih_l0{ending}").copy_(order(values["b"][d, : 4 * STATES]))
            getattr(lstm, f"bias_hh_l0{ending}").copy_(order(values["b"][d, 4 * STATES :]))
        expected = lstm(inputs)[0][:, 0] @ values["ow"].T + values["ob"]
    features = model.features(picture)
    np.testing.assert_allclose(features, inputs[:, 0].numpy(), atol=1e-5)
    np.testing.assert_allclose(model.scores(picture), expected.numpy(), atol=1e-5)


def test_repeated_characters_are_written_once(model, picture, monkeypatch):
    found = np.array([1, 1, 0, 1, 2, 2, 0, 0])
    monkeypatch.setattr(ocr.Recogniser, "scores", lambda self, picture: np.eye(CHARACTERS)[found])
    assert model.read(picture) == "aab"


def test_products_can_be_watched_and_replaced(model, picture):
    seen = {}

    def product(name, x):
        seen.setdefault(name, []).append(x)
        return x @ model.weights[name].T

    assert model.with_product(product).read(picture) == model.read(picture)
    assert {name: x[0].shape for name, x in seen.items()} == {
        "forward": (1, N_IN + STATES),
        "backward": (1, N_IN + STATES),
        "output": (10, 2 * STATES),
    }
    assert len(seen["forward"]) == 10
    with pytest.raises(ValueError, match=r"'output' must have shape \(5, 6\), got \(1, 1\)"):
        model.with_weights({"output": np.zeros((1, 1))})
    none = model.with_weights({"output": np.zeros((CHARACTERS, 2 * STATES), np.float32)})
    np.testing.assert_array_equal(none.scores(picture), np.tile(model.biases["output"], (10, 1)))


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.ones((63, 20)), r"must have shape \(64, 8..4096\), got \(63, 20\)"),
        (np.full((64, 20), 255.0), r"must have values of 0..1, got 255..255"),
        (np.full((64, 20), np.nan), r"must have values of 0..1, got nan"),
    ],
)
def test_wrong_pictures(model, picture, message):
    with pytest.raises(ValueError, match=message):
        model.read(picture)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda n, a: a.update(w=a["w"][:, :, 1:]),
        lambda n, a: a.update(ow=a["ow"][:, 1:]),
        lambda n, a: a.pop("cb"),
        lambda n, a: n.pop(4),
        lambda n, a: n.insert(1, helper.make_node("Softmax", ["c"], ["z"])),
    ],
)
def test_other_architectures_are_refused(tmp_path, spoil):
    graph_nodes, values = nodes(), arrays()
    spoil(graph_nodes, values)
    save(tmp_path, graph_nodes, values)
    with pytest.raises(FormatError, match=r"common\.onnx: no recogniser of this architecture"):
        ocr.load(tmp_path)


def test_damaged_files_are_refused(tmp_path):
    save(tmp_path)
    good, rng = (tmp_path / "common.onnx").read_bytes(), np.random.default_rng(0)
    refused = 0
    for trial in range(400):
        data = bytearray(good)
        data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        (tmp_path / "common.onnx").write_bytes(data if trial % 2 else data[: rng.integers(len(data))])
        try:
            ocr.load(tmp_path)
        except FormatError:
            refused += 1
    assert refused > 200


@pytest.mark.parametrize("text", ["CHARSET_BETA = open('x')", "CHARSET_BETA = [1]", "x = 1", "CHARSET_BETA = ['a'"])
def test_characters_are_parsed_never_run(tmp_path, text):
    (tmp_path / "charsets.py").write_text(text)
    with pytest.raises(FormatError, match=r"charsets\.py"):
        ocr.read_characters(tmp_path / "charsets.py")


def test_characters_must_be_as_many_as_outputs(tmp_path):
    save(tmp_path, characters=["", "a"])
    with pytest.raises(FormatError, match="tells 5 characters apart, the list has 2"):
        ocr.load(tmp_path)


@pytest.mark.needs_data("ddddocr")
def test_real_model_reads_plain_text():
    model = ocr.load()
    assert model.read(ocr.draw_text("dpv68")) == "dpv68"
