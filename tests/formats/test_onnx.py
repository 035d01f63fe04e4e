import numpy as np
import onnx
import onnx_models as make
import pytest
from damage import mutants
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from eie.formats import FormatError, onnx_graph
from eie.formats import onnx as reader
from eie.networks import importing

values, node = make.values, make.node


def layers(path):
    return {layer.name: layer for layer in importing.read(path).layers}


def unmapped(path):
    return {part.name: part.why for part in importing.read(path).unmapped}


def read_all(path):
    for layer in importing.read(path).layers:
        layer.read()


def refused(path, *named):
    with pytest.raises(FormatError) as caught:
        read_all(path)
    assert path.name in str(caught.value)
    for words in named:
        assert words in str(caught.value)


def test_layers_of_a_small_network(tmp_path):
    path, weights = make.small(tmp_path / "net.onnx")
    found = layers(path)
    described = {name: (layer.kind, layer.n_out, layer.n_in, layer.vectors) for name, layer in found.items()}
    assert described == {"conv": ("conv", 5, 27, 9), "fc1": ("linear", 7, 45, 1), "fc2": ("linear", 6, 7, 1)}
    np.testing.assert_array_equal(found["fc1"].read(), weights["w1"])
    np.testing.assert_array_equal(found["fc2"].read(), weights["w2"].T)
    for name, bias in (("conv", "kb"), ("fc1", "b1"), ("fc2", "b2")):
        np.testing.assert_array_equal(found[name].bias(), weights[bias])
    assert unmapped(path) == {"norm": "a scale and a shift, which fold into the layer before it"}


def test_products_are_what_onnx_computes(tmp_path):
    """The imported matrices, applied by hand position by position, against ONNX's reference implementation."""
    path, _ = make.small(tmp_path / "net.onnx")
    x = values(1, 3, 8, 8, seed=5)
    outputs = ["c", "f", "h", "r", "m", "y"]
    model = onnx.load(path)
    model.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs[:-1])
    computed = ReferenceEvaluator(model).run(outputs, {"x": x})
    c, f, h, r, _, y = computed
    found = layers(path)
    kernel, bias = found["conv"].read(), found["conv"].bias()
    for i, j in np.ndindex(3, 3):
        patch = x[0, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
        by_tap = np.moveaxis(patch, 0, -1).ravel()
        np.testing.assert_allclose(kernel @ by_tap + bias, c[0, :, i, j], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["fc1"].read() @ f[0] + found["fc1"].bias(), h[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["fc2"].read() @ r[0] + found["fc2"].bias(), y[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("trans_b", [0, 1])
@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 1.0), (2.0, 0.5)])
def test_gemm(tmp_path, trans_b, alpha, beta):
    w, b, x = values(4, 6), values(1, 6), values(1, 4, seed=3)
    given = w.T.copy() if trans_b else w
    nodes = [node("Gemm", ["x", "w", "b"], transB=trans_b, alpha=alpha, beta=beta)]
    path = make.save(tmp_path / "a.onnx", nodes, {"w": given, "b": b})
    (layer,) = layers(path).values()
    (y,) = ReferenceEvaluator(str(path)).run(None, {"x": x})
    np.testing.assert_allclose(layer.read() @ x[0] + layer.bias(), y[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("directions", [1, 2])
def test_recurrent(tmp_path, kind, directions):
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind]
    w, r = values(directions, gates * 5, 3), values(directions, gates * 5, 5, seed=1)
    b = values(directions, 2 * gates * 5, seed=2)
    nodes = [
        node(kind, ["x", "w", "r", "b"], "y", "rec", hidden_size=5, direction="bidirectional")
        if directions == 2
        else node(kind, ["x", "w", "r", "b"], "y", "rec", hidden_size=5)
    ]
    path = make.save(tmp_path / "a.onnx", nodes, {"w": w, "r": r, "b": b}, x=(11, 1, 3))
    found = list(importing.read(path).layers)
    assert [layer.name for layer in found] == ["rec", "rec backwards"][:directions]
    for d, layer in enumerate(found):
        assert (layer.kind, layer.n_out, layer.n_in, layer.vectors) == (kind.lower(), gates * 5, 8, 11)
        np.testing.assert_array_equal(layer.read(), np.concatenate([w[d], r[d]], axis=1))
        np.testing.assert_allclose(layer.bias(), b[d, : gates * 5] + b[d, gates * 5 :], rtol=1e-6)


def test_a_step_of_the_lstm_matrix_is_what_onnx_computes(tmp_path):
    w, r, b = values(1, 20, 3), values(1, 20, 5, seed=1), values(1, 40, seed=2)
    nodes = [node("LSTM", ["x", "w", "r", "b"], ["", "y"], "rec", hidden_size=5)]
    path = make.save(tmp_path / "a.onnx", nodes, {"w": w, "r": r, "b": b}, x=(1, 1, 3))
    (layer,) = layers(path).values()
    x = values(1, 1, 3, seed=9)
    (h,) = ReferenceEvaluator(str(path)).run(None, {"x": x})
    i, o, _, c = np.split(layer.read() @ np.append(x[0, 0], np.zeros(5)) + layer.bias(), 4)

    def sigmoid(v):
        return 1 / (1 + np.exp(-v))

    np.testing.assert_allclose(sigmoid(o) * np.tanh(sigmoid(i) * np.tanh(c)), h[0, 0], rtol=1e-5)


@pytest.mark.parametrize("kind", ["Identity", "Transpose"])
def test_weights_under_another_name(tmp_path, kind):
    w = values(4, 6)
    nodes = [node(kind, ["v"], "w"), node("MatMul", ["x", "w"], name="fc")]
    path = make.save(tmp_path / "a.onnx", nodes, {"v": w.T.copy() if kind == "Transpose" else w})
    np.testing.assert_array_equal(layers(path)["fc"].read(), w.T)


def test_weights_as_constants(tmp_path):
    w = values(4, 6)
    nodes = [
        node("Constant", [], "w", value=onnx.numpy_helper.from_array(w)),
        node("MatMul", ["x", "w"], name="fc"),
        node("MatMul", ["x", "w"], "z", name="fc"),
    ]
    found = layers(make.save(tmp_path / "a.onnx", nodes, {}))
    assert list(found) == ["fc", "fc#2"]
    np.testing.assert_array_equal(found["fc"].read(), w.T)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_floats(tmp_path, dtype):
    w = values(4, 6).astype(dtype)
    path = make.save(tmp_path / "a.onnx", [node("MatMul", ["x", "w"], name="fc")], {"w": w})
    found = layers(path)["fc"].read()
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, w.T.astype(np.float32))


@pytest.mark.parametrize(
    ("shape", "vectors", "note"),
    [((1, 9, 4), 9, ""), ((2, "n", 4), 1, "rows of its input unknown"), (("batch", 9, 4), 9, ""), ((5, 4), 1, "")],
)
def test_products_of_a_matmul(tmp_path, shape, vectors, note):
    path = make.save(tmp_path / "a.onnx", [node("MatMul", ["x", "w"], name="fc")], {"w": values(4, 6)}, x=shape)
    layer = layers(path)["fc"]
    assert layer.vectors == vectors
    assert layer.note.startswith(note)
    assert bool(note) == bool(layer.note)


def test_what_does_not_map_is_named_with_the_reason(tmp_path):
    nodes = [
        node("Conv", ["x", "d"], "a", "depthwise", group=4),
        node("Conv", ["a", "g"], "b", "grouped", group=2),
        node("ConvTranspose", ["b", "d"], "c", "up"),
        node("MatMul", ["c", "c"], "e", "attention"),
        node("Gather", ["table", "i"], "t", "words"),
        node("QAttention", ["t", "q"], "z", "quantised"),
        node("MatMul", ["x", "cube"], "v", "cube"),
        node("MatMul", ["x", "w"], "y", "fc"),
    ]
    weights = {
        "d": values(4, 1, 3, 3),
        "g": values(4, 2, 3, 3),
        "table": values(9, 5),
        "i": np.array([1, 2]),
        "q": np.ones((4, 4), np.int8),
        "cube": values(2, 4, 4),
        "w": values(8, 6),
    }
    why = unmapped(make.save(tmp_path / "a.onnx", nodes, weights, x=(1, 4, 8, 8)))
    expected = {
        "up": "not one product",
        "attention": "both factors are computed",
        "words": "9 x 5: an embedding",
        "quantised": "attention in one operator of integers",
        "cube": "2 x 4 x 4: must have 2 sides",
    }
    assert why.keys() == expected.keys()
    for name, words in expected.items():
        assert words in why[name]


def outside(path, **place):
    """A network whose weights lie in another file; `place` overrides what is said of them."""
    onnx.save(make.model([node("MatMul", ["x", "w"], name="fc")], {"w": values(4, 6)}), path)
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="net.data", size_threshold=0)
    model = onnx.load(path, load_external_data=False)
    tensor = model.graph.initializer[0]
    said = {entry.key: entry.value for entry in tensor.external_data} | place
    del tensor.external_data[:]
    for key, value in said.items():
        tensor.external_data.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())
    return path


def test_weights_beside_the_file(tmp_path):
    np.testing.assert_array_equal(layers(outside(tmp_path / "net.onnx"))["fc"].read(), values(4, 6).T)


@pytest.mark.parametrize("location", ["/etc/passwd", "../net.data", "sub/../../secret", "", "..", "a\0b"])
def test_weights_outside_the_folder_are_not_read(tmp_path, location):
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "net.data").write_bytes(bytes(96))
    refused(outside(folder / "net.onnx", location=location), "the file's own folder", repr(location))


def test_link_out_of_the_folder_is_not_followed(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    path = outside(folder / "net.onnx")
    (folder / "net.data").rename(tmp_path / "secret")
    (folder / "net.data").symlink_to(tmp_path / "secret")
    refused(path, "the file's own folder")


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ({"offset": "8"}, "needs 96 bytes at byte 8 of net.data, which has 96"),
        ({"offset": "-1"}, "whole numbers"),
        ({"offset": "9" * 30}, "whole numbers"),
        ({"length": "95"}, "stated length: 95"),
    ],
)
def test_weights_beyond_their_file(tmp_path, place, message):
    path = outside(tmp_path / "net.onnx", **place)
    refused(path, message)


def test_missing_weights(tmp_path):
    path = outside(tmp_path / "net.onnx")
    (tmp_path / "net.data").unlink()
    with pytest.raises(FormatError, match=r"net\.data: there is no such file"):
        layers(path)["fc"].read()


def test_shape_that_its_numbers_do_not_fill(tmp_path):
    model = make.model([node("MatMul", ["x", "w"], name="fc")], {"w": values(4, 6)})
    model.graph.initializer[0].dims[:] = [4, 2**20]
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
    refused(tmp_path / "a.onnx", "'w' is damaged")


def test_huge_shape_is_no_layer(tmp_path):
    model = make.model([node("MatMul", ["x", "w"], name="fc")], {"w": values(4, 6)})
    model.graph.initializer[0].dims[:] = [2**40, 2**40]
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
    refused(tmp_path / "a.onnx", "no layer that the machine runs", "1..17179869184 weights")


def test_messages_within_messages_are_counted_before_they_are_made(tmp_path):
    """A million empty nodes take 2 MB here and 80 MB as objects."""
    nodes = b"\x0a\x00" * 1_000_000
    length = b""
    n = len(nodes)
    while True:
        length += bytes([n & 127 | (128 if n > 127 else 0)])
        n >>= 7
        if not n:
            break
    (tmp_path / "bomb.onnx").write_bytes(b"\x3a" + length + nodes)
    refused(tmp_path / "bomb.onnx", "at most 500000")


def test_structure_is_bounded_but_weights_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_graph, "MAX_STRUCTURE_BYTES", 2000)
    w = values(100, 50)
    assert w.nbytes > 2000
    assert layers(make.save(tmp_path / "a.onnx", [node("MatMul", ["x", "w"], name="fc")], {"w": w}))
    nodes = [node("Constant", [], "w", value=onnx.numpy_helper.from_array(w)), node("MatMul", ["x", "w"])]
    refused(make.save(tmp_path / "b.onnx", nodes, {}), "at most 2000 bytes beside")


@pytest.mark.parametrize("content", [b"", b"\x00", b"\xff" * 100, b"\x3a\xff\xff\xff\xff\x0f", b"PK\x03\x04", b"\x0a"])
def test_no_onnx_file(tmp_path, content):
    (tmp_path / "a.onnx").write_bytes(content)
    refused(tmp_path / "a.onnx")


def test_missing_and_too_large(tmp_path, monkeypatch):
    refused(tmp_path / "no.onnx", "no such file")
    path, _ = make.small(tmp_path / "net.onnx")
    monkeypatch.setattr(reader, "MAX_BYTES", 100)
    refused(path, "1..100 bytes")


def test_mutated_files_are_refused_or_read_but_never_crash(tmp_path):
    path, _ = make.small(tmp_path / "net.onnx")
    n_read = n_refused = 0
    for mutant in mutants(path.read_bytes(), 400):
        path.write_bytes(mutant)
        try:
            for layer in importing.read(path).layers:
                importing.compress(layer)
            n_read += 1
        except FormatError:
            n_refused += 1
    assert n_read > 20
    assert n_refused > 100
