"""Products per inference: what ONNX's reference implementation counts, and nothing where it cannot be known."""

import numpy as np
import onnx
import onnx_models as make
import pytest
import scipy.sparse as sp
from onnx.reference import ReferenceEvaluator

from eie.formats import weights
from eie.formats.onnx_shapes import sides_of
from eie.networks import importing

values, node = make.values, make.node


def counts(path, **shapes):
    return {layer.name: layer.vectors if layer.counted else None for layer in importing.read(path, None, shapes).layers}


def observed(path, rows, x):
    """Rows of some values when the model runs on `x`, one inference."""
    model = onnx.load(path)
    model.graph.output.extend(onnx.helper.make_tensor_value_info(name, 1, None) for name in rows)
    found = dict(zip(["y", *rows], ReferenceEvaluator(model).run(None, {"x": x}), strict=True))
    return {name: int(np.prod(found[name].shape[:-1])) for name in rows}


@pytest.mark.parametrize("x", [("batch", "steps", 4), (None, None, 4), (2, None, 4)])
@pytest.mark.parametrize(("batch", "steps"), [(1, 7), (2, 5)])
def test_steps_of_a_transformer_and_heads_folded_into_the_batch(tmp_path, x, batch, steps):
    """Sides of the Reshape are computed from the input's: Shape, Gather, Mul, Unsqueeze, Concat."""
    nodes = [
        node("MatMul", ["x", "w1"], "h", "fc1"),
        node("Shape", ["h"], "s"),
        node("Gather", ["s", "i0"], "b"),
        node("Gather", ["s", "i1"], "t"),
        node("Mul", ["t", "two"], "tt"),
        node("Unsqueeze", ["b", "zero"], "b1"),
        node("Unsqueeze", ["tt", "zero"], "t1"),
        node("Concat", ["b1", "t1", "three"], "to", axis=0),
        node("Reshape", ["h", "to"], "r"),
        node("MatMul", ["r", "w2"], "y", "fc2"),
    ]
    weights = {"w1": values(4, 6), "w2": values(3, 5), "i0": np.array(0), "i1": np.array(1), "two": np.array(2)}
    path = make.save(tmp_path / "a.onnx", nodes, weights | {"zero": np.array([0]), "three": np.array([3])}, x=x)
    assert counts(path) == {"fc1": None, "fc2": None}
    if x[0] == 2 and batch == 1:
        with pytest.raises(ValueError, match="input x is 2 x"):
            counts(path, x=(batch, steps, 4))
        return
    seen = (
        observed(path, ["h", "r"], np.zeros((1, steps, 4), np.float32)) if x[0] != 2 else {"h": steps, "r": 2 * steps}
    )
    assert counts(path, x=(batch, steps, 4)) == {"fc1": seen["h"], "fc2": seen["r"]}


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("x", [(9, 1, 4), (9, 3, 4), (9, None, 4)])
def test_a_recurrent_layer_has_its_steps_first(tmp_path, x, transposed):
    """The batch is the second side, or the first where a Transpose follows; a linear layer after it runs per step."""
    lstm = node("LSTM", ["i", "w", "r"], ["o", "last", "c"], "lstm", hidden_size=5)
    first = node("Transpose", ["x"], "i", perm=[1, 0, 2]) if transposed else node("Identity", ["x"], "i")
    nodes = [first, lstm, node("MatMul", ["o", "v"], "y", "fc"), node("MatMul", ["last", "v"], "z", "head")]
    weights = {"w": values(1, 20, 4), "r": values(1, 20, 5), "v": values(5, 2)}
    given = (x[1], x[0], x[2]) if transposed else x
    path = make.save(tmp_path / "a.onnx", nodes, weights, x=given)
    assert counts(path) == {"lstm": 9, "fc": 9, "head": 1}


def test_inputs_that_share_a_side_share_its_size(tmp_path):
    nodes = [node("Add", ["x", "z"], "a"), node("MatMul", ["a", "w"], "y", "fc")]
    model = make.model(nodes, {"w": values(4, 6)}, x=("n", "steps", 4))
    model.graph.input.append(onnx.helper.make_tensor_value_info("z", 1, ("n", "steps", 4)))
    onnx.save(model, tmp_path / "a.onnx")
    assert counts(tmp_path / "a.onnx", x=(1, 7, 4)) == {"fc": 7}


def test_operators_of_onnxruntime_do_not_end_the_counting(tmp_path):
    own = {"domain": "com.microsoft"}
    nodes = [
        node("FusedConv", ["x", "k"], "c", "conv", activation="Relu", kernel_shape=[2, 2], **own),
        node("Gelu", ["c"], "g", **own),
        node("FusedMatMul", ["g", "w"], "m", "mm", transB=1, alpha=0.5, **own),
        node("Flatten", ["m"], "f"),
        node("FusedGemm", ["f", "v"], "y", "fc", activation="Relu", transB=1, **own),
    ]
    weights = {"k": values(6, 3, 2, 2), "w": values(7, 4), "v": values(2, 6 * 4 * 7)}
    path = make.save(tmp_path / "a.onnx", nodes, weights, x=(None, 3, 5, 5))
    assert counts(path) == {"conv": 16, "mm": 24, "fc": 1}


@pytest.mark.parametrize(("text", "sides"), [("1x3x224x224", (1, 3, 224, 224)), ("7", (7,)), ("2X3", (2, 3))])
def test_sizes_as_text(text, sides):
    assert sides_of(text) == sides


def test_sizes_of_an_array(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((4, 3, 2)))
    assert sides_of(str(tmp_path / "x.npy")) == (4, 3, 2)


@pytest.mark.parametrize("text", ["", "x", "1x", "0x3", "-1x3", "1x3.5", "1,3"])
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match="sides of an input must be whole numbers of 1 or more"):
        sides_of(text)


@pytest.mark.parametrize("kind", ["MatMul", "Gemm", "left", "Conv", "LSTM", "sparse"])
def test_large_layers_of_every_kind_run_in_blocks_of_rows(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(weights, "MAX_WEIGHTS", 60)
    named = {
        "w": values(6, 20),
        "v": values(20, 6),
        "k": values(20, 2, 3),
        "W": values(1, 20, 3),
        "R": values(1, 20, 5),
    }
    nodes = {
        "MatMul": [node("MatMul", ["x", "w"], "y", "fc")],
        "sparse": [node("MatMul", ["x", "w"], "y", "fc")],
        "Gemm": [node("Gemm", ["x", "v", "b"], "y", "fc", transB=1)],
        "left": [node("MatMul", ["v", "x"], "y", "fc")],
        "Conv": [node("Conv", ["x", "k", "b"], "y", "fc", kernel_shape=[3])],
        "LSTM": [node("LSTM", ["x", "W", "R"], ["y"], "fc", hidden_size=5)],
    }[kind]
    x = {"Conv": (1, 2, 8), "LSTM": (7, 1, 3), "left": (6, 4)}.get(kind, (1, 6))
    model = make.model(nodes, named | {"b": values(20)}, x=x)
    if kind == "sparse":
        dense = next(each for each in model.graph.initializer if each.name == "w")
        kept = np.flatnonzero(np.abs(named["w"]) > 1)
        named["w"] = np.where(np.abs(named["w"]) > 1, named["w"], 0)
        numbers = onnx.numpy_helper.from_array(named["w"].ravel()[kept], "w")
        places = onnx.numpy_helper.from_array(kept, "places")
        model.graph.sparse_initializer.append(onnx.helper.make_sparse_tensor(numbers, places, (6, 20)))
        model.graph.initializer.remove(dense)
    onnx.save(model, tmp_path / "a.onnx")
    found = importing.read(tmp_path / "a.onnx")
    whole = {"Conv": named["k"].transpose(0, 2, 1).reshape(20, 6), "Gemm": named["v"], "left": named["v"]}
    whole["LSTM"] = np.concatenate([named["W"][0], named["R"][0]], axis=1)
    matrices = [layer.read() for layer in found.layers]
    matrices = [matrix.toarray() if sp.issparse(matrix) else matrix for matrix in matrices]
    assert len(matrices) > 1
    assert all(matrix.shape == (layer.n_out, layer.n_in) for matrix, layer in zip(matrices, found.layers, strict=True))
    assert max(layer.weights for layer in found.layers) <= 60
    np.testing.assert_array_equal(np.vstack(matrices), whole.get(kind, named["w"].T))
    if kind in ("Gemm", "Conv"):
        biases = [layer.bias() for layer in found.layers]
        np.testing.assert_array_equal(np.concatenate(biases), values(20))
