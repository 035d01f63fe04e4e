"""ONNX as exporters and optimisers of today write it: what is read is what ONNX's reference implementation computes."""

import json

import numpy as np
import onnx
import onnx_models as make
import pytest
import scipy.sparse as sp
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from eie.cli.main import main
from eie.formats import FormatError, onnx_einsum, onnx_functions
from eie.networks import importing

values, node = make.values, make.node


def pruned(*shape, seed=0):
    given = values(*shape, seed=seed)
    return np.where(np.abs(given) > 1, given, 0).astype(np.float32)


def layers(path):
    return {layer.name: layer for layer in importing.read(path).layers}


def reasons(path):
    return {part.name: part.why for part in importing.read(path).unmapped}


def plain(layer):
    found = layer.read()
    return found.toarray() if sp.issparse(found) else found


def check(path, x, name="fc"):
    """Compare a lone layer with what the model computes of `x`."""
    layer = layers(path)[name]
    model = onnx.load(path)
    if any("Quantize" in each.op_type or "Dequantize" in each.op_type for each in model.graph.node):
        model.opset_import[0].version = 21  # the reference has no older ones
    (y,) = ReferenceEvaluator(model).run(None, {"x": x})
    found = plain(layer) @ np.atleast_2d(x).T
    found = found.T + (layer.bias() if layer.bias else 0)
    np.testing.assert_allclose(found, y.reshape(found.shape), rtol=1e-4, atol=1e-5)
    return layer


INT8 = TensorProto.INT8
W = pruned(6, 4)
"""Weights of the layer of all foldings: 6 inputs, 4 outputs."""

CODES = np.clip(np.round(W / 0.05), -128, 127).astype(np.int8)

FOLDINGS = {
    "cast": ([node("Cast", ["h"], "w", to=1)], {"h": W.astype(np.float16)}),
    "identity": ([node("Identity", ["h"], "i"), node("Identity", ["i"], "w")], {"h": W}),
    "reshape": ([node("Reshape", ["h", "s"], "w")], {"h": W.reshape(3, 8), "s": np.array([6, -1])}),
    "flatten": ([node("Flatten", ["h"], "w", axis=1)], {"h": W.reshape(6, 2, 2)}),
    "concat": ([node("Concat", ["a", "b"], "w", axis=0)], {"a": W[:2], "b": W[2:]}),
    "slice": ([node("Slice", ["h", "b", "e"], "w")], {"h": np.vstack([W, W]), "b": np.array([6]), "e": np.array([12])}),
    "split": ([node("Split", ["h", "n"], ["w", "v"])], {"h": np.vstack([W, W[:2]]), "n": np.array([6, 2])}),
    "transpose": ([node("Transpose", ["h"], "w", perm=[1, 0])], {"h": W.T.copy()}),
    "squeeze": ([node("Squeeze", ["h", "a"], "w")], {"h": W[None], "a": np.array([0])}),
    "unsqueeze": (
        [node("Unsqueeze", ["h", "a"], "u"), node("Squeeze", ["u", "a"], "w")],
        {"h": W, "a": np.array([1])},
    ),
    "gather": ([node("Gather", ["h", "i"], "w", axis=0)], {"h": np.stack([W * 2, W]), "i": np.array(1)}),
    "mask": ([node("Mul", ["h", "m"], "w")], {"h": values(6, 4), "m": (W != 0).astype(np.float32)}),
    "mask as bool": (
        [node("Cast", ["m"], "f", to=1), node("Mul", ["f", "h"], "w")],
        {"h": values(6, 4), "m": W != 0},
    ),
    "where": ([node("Where", ["m", "h", "z"], "w")], {"h": values(6, 4), "m": W != 0, "z": np.float32(0)}),
    "scale": ([node("Mul", ["h", "k"], "w")], {"h": W, "k": np.float32(0.5)}),
    "dequantised": (
        [node("DequantizeLinear", ["q", "s", "z"], "w")],
        {"q": CODES, "s": np.float32(0.05), "z": np.int8(0)},
    ),
    "dequantised by output": (
        [node("DequantizeLinear", ["q", "s"], "w", axis=1)],
        {"q": CODES, "s": np.linspace(0.05, 0.1, 4, dtype=np.float32)},
    ),
    "quantised and back": (
        [node("QuantizeLinear", ["h", "s", "z"], "q"), node("DequantizeLinear", ["q", "s", "z"], "w")],
        {"h": W, "s": np.float32(0.05), "z": np.int8(0)},
    ),
    "weight norm": (
        [
            node("ReduceL2", ["v"], "n", axes=[0], keepdims=1),
            node("Div", ["v", "n"], "d"),
            node("Mul", ["d", "g"], "w"),
        ],
        {"v": values(6, 4), "g": np.ones((1, 4), np.float32)},
    ),
    "constant": ([node("Constant", [], "w", value=numpy_helper.from_array(W))], {}),
}


@pytest.mark.parametrize("name", FOLDINGS)
@pytest.mark.parametrize("product", ["MatMul", "Gemm"])
def test_constants_are_folded(tmp_path, name, product):
    nodes, weights = FOLDINGS[name]
    path = make.save(tmp_path / "a.onnx", [*nodes, node(product, ["x", "w"], name="fc")], weights, x=(1, 6))
    assert check(path, values(1, 6, seed=3)).n_out == 4
    assert not importing.read(path).unmapped or name == "split"


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("turned", [0, 1])
@pytest.mark.parametrize("alpha", [1.0, 0.5])
def test_gemm_with_the_weights_on_either_side(tmp_path, left, turned, alpha):
    x, given = values(5, 6, seed=2), W.T if left else W
    weights = {"w": given.T.copy() if turned else given.copy()}
    inputs, flag = (["w", "x"], "transA") if left else (["x", "w"], "transB")
    path = make.save(
        tmp_path / "a.onnx",
        [node("Gemm", inputs, name="g", alpha=alpha, **{flag: turned})],
        weights,
        x=(6, 5) if left else (5, 6),
    )
    layer = layers(path)["g"]
    (y,) = ReferenceEvaluator(str(path)).run(None, {"x": x.T.copy() if left else x})
    np.testing.assert_allclose(layer.read() @ x.T, y if left else y.T, rtol=1e-5, atol=1e-6)
    assert layer.vectors == (5 if left else 1)


def function_model(path, calls, inner, name="Linear", attributes=()):
    functions = [
        helper.make_function("pkg", name, ["a", "b"], ["o"], inner, [helper.make_opsetid("", 17)], list(attributes))
    ]
    graph = make.model(calls, {"w": pruned(4, 4)}, x=(1, 4)).graph
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("pkg", 1)]
    onnx.save(helper.make_model(graph, functions=functions, opset_imports=opsets, ir_version=9), path)
    return path


def call(inputs, output, name, kind="Linear", **attributes):
    return helper.make_node(kind, inputs, [output], name=name, domain="pkg", **attributes)


EINSUMS = {
    "bi,io->bo": ((3, 6), (6, 4), False),
    "bi,oi->bo": ((3, 6), (4, 6), False),
    "bti,io->bto": ((2, 3, 6), (6, 4), False),
    "bi,ihd->bhd": ((3, 6), (6, 2, 2), False),
    "bthd,hdo->bto": ((2, 3, 2, 3), (2, 3, 4), False),
    "oi,ib->ob": ((6, 5), (4, 6), True),
    "io, ib -> ob": ((6, 5), (6, 4), True),
}
"""Sides of the input and of the weights, and whether the weights come first, by equation."""


@pytest.mark.parametrize("equation", EINSUMS)
def test_einsums_that_are_one_product(tmp_path, equation):
    sides, of_weights, is_left = EINSUMS[equation]
    w, x = pruned(*of_weights), values(*sides, seed=1)
    inputs = ["w", "x"] if is_left else ["x", "w"]
    model = make.model([node("Einsum", inputs, "y", "fc", equation=equation)], {"w": w}, sides)
    onnx.save(model, tmp_path / "a.onnx")
    (expected,) = ReferenceEvaluator(model).run(None, {"x": x})
    (layer,) = importing.read(tmp_path / "a.onnx").layers
    assert (layer.name, layer.n_out, layer.n_in, layer.counted) == ("fc", 4, 6, True)
    assert not reasons(tmp_path / "a.onnx")
    vectors = x.T if is_left else x.reshape(-1, 6)
    assert layer.vectors == (len(vectors) if is_left else len(vectors) // sides[0])  # the first side is the batch
    found = vectors @ plain(layer).T
    np.testing.assert_allclose(found.T if is_left else found.reshape(expected.shape), expected, rtol=1e-5, atol=1e-6)
    spelled = onnx.load(tmp_path / "a.onnx")
    onnx_einsum.spell_out(spelled.graph)
    assert "Einsum" not in [each.op_type for each in spelled.graph.node]
    np.testing.assert_allclose(ReferenceEvaluator(spelled).run(None, {"x": x})[0], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("equation", "sides", "of_weights"),
    [
        ("bi,bio->bo", (3, 6), (3, 6, 4)),
        ("bi,io->b", (3, 6), (6, 4)),
        ("bij,io->bjo", (2, 6, 3), (6, 4)),
        ("bt,io->btio", (2, 5), (6, 4)),  # an outer product sums over nothing
        ("b,io->bio", (2,), (6, 4)),
    ],
)
def test_other_einsums_are_listed(tmp_path, equation, sides, of_weights):
    nodes = [node("Einsum", ["x", "w"], "z", "e", equation=equation), node("MatMul", ["x", "v"], "y", "fc")]
    weights = {"w": pruned(*of_weights), "v": pruned(sides[-1], 4)}
    path = make.save(tmp_path / "a.onnx", nodes, weights, x=sides)
    assert list(layers(path)) == ["fc"]
    assert "Einsum" in reasons(path)["e"]


@pytest.mark.parametrize(("directions", "scales"), [(1, (1,)), (2, (2,)), (2, (2, 12))])
def test_quantised_lstm(tmp_path, directions, scales):
    draw = np.random.default_rng(0)
    w, r = (draw.integers(-100, 100, (directions, n, 12)).astype(np.int8) for n in (5, 3))
    scale = np.linspace(0.5, 1, int(np.prod(scales)), dtype=np.float32).reshape(scales)
    inputs = ["x", "w", "r", "b", "", "", "", "", "s", "z", "s", "z"]
    way = "bidirectional" if directions == 2 else "forward"
    lstm = helper.make_node(
        "DynamicQuantizeLSTM", inputs, ["y"], "l", domain="com.microsoft", hidden_size=3, direction=way
    )
    zero = np.full(scales, 2, np.int8)
    weights = {"w": w, "r": r, "b": values(directions, 24), "s": scale, "z": zero}
    found = list(layers(make.save(tmp_path / "a.onnx", [lstm], weights, x=(7, 1, 5))).values())
    assert [(each.kind, each.vectors) for each in found] == [("lstm", 7)] * directions
    for d, layer in enumerate(found):
        both = np.concatenate([w[d], r[d]]).astype(np.float32) - 2
        np.testing.assert_allclose(layer.read(), (both * scale[d]).T, rtol=1e-6)
        np.testing.assert_allclose(layer.bias(), weights["b"][d].reshape(2, -1).sum(axis=0), rtol=1e-6)


def test_local_functions_stand_in_place_of_their_calls(tmp_path):
    calls = [call(["x", "w"], "h", "one"), node("Relu", ["h"], "r"), call(["r", "w"], "y", "two")]
    inner = [node("Identity", ["b"], "c"), node("MatMul", ["a", "c"], "o", "mm")]
    path = function_model(tmp_path / "a.onnx", calls, inner)
    found = layers(path)
    assert list(found) == ["one/mm", "two/mm"]
    x = values(1, 4, seed=1)
    (y,) = ReferenceEvaluator(str(path)).run(None, {"x": x})
    np.testing.assert_allclose(found["two/mm"].read() @ np.maximum(found["one/mm"].read() @ x[0], 0), y[0], rtol=1e-5)


def test_attributes_of_a_call_reach_the_function(tmp_path):
    inner = node("Gemm", ["a", "b"], "o", "g")
    inner.attribute.add(name="transB", type=onnx.AttributeProto.INT, ref_attr_name="turn")
    calls = [call(["x", "w"], "y", "lin", turn=1)]
    path = function_model(tmp_path / "a.onnx", calls, [inner], attributes=["turn"])
    np.testing.assert_array_equal(layers(path)["lin/g"].read(), pruned(4, 4))


def test_functions_that_call_each_other_do_not_grow_without_end(tmp_path, monkeypatch):
    opset = helper.make_opsetid("pkg", 1), helper.make_opsetid("", 17)

    def doubling(i):
        return helper.make_function(
            "pkg", f"f{i}", ["a"], ["o"], [call(["a"], "m", "", f"f{i + 1}"), call(["m"], "o", "", f"f{i + 1}")], opset
        )

    last = helper.make_function("pkg", "f40", ["a"], ["o"], [node("Relu", ["a"], "o")], opset)
    graph = make.model([call(["x"], "y", "", "f0")], {}, x=(1, 4)).graph
    for functions, words in (
        ([*map(doubling, range(40)), last], "nodes once its functions"),
        (
            [doubling(0), helper.make_function("pkg", "f1", ["a"], ["o"], [call(["a"], "o", "", "f0")], opset)],
            "calls itself",
        ),
    ):
        model = helper.make_model(graph, functions=functions, opset_imports=opset, ir_version=9)
        (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
        with pytest.raises(FormatError, match=f"a.onnx: .*{words}"):
            importing.read(tmp_path / "a.onnx")
    assert onnx_functions.MAX_NODES < 2**40


def branch(name, weights, output):
    made = [numpy_helper.from_array(value, key) for key, value in weights.items()]
    value = helper.make_tensor_value_info(output, TensorProto.FLOAT, None)
    product = node("MatMul", ["x", next(iter(weights)) if weights else "w"], output, f"mm_{name}")
    return helper.make_graph([product], name, [], [value], made)


def test_branches_of_if_are_looked_into(tmp_path):
    choice = node(
        "If", ["c"], "y", "choice", then_branch=branch("then", {"a": W}, "o"), else_branch=branch("else", {}, "p")
    )
    path = make.save(tmp_path / "a.onnx", [choice], {"c": np.array(True), "w": pruned(6, 3)}, x=(1, 6))
    found = layers(path)
    assert {name: (layer.n_out, layer.n_in) for name, layer in found.items()} == {"mm_then": (4, 6), "mm_else": (3, 6)}
    assert all("one runs per inference" in layer.note for layer in found.values())
    assert not reasons(path)


def test_operators_of_onnxruntime(tmp_path):
    bits = np.random.default_rng(0).integers(0, 16, (8, 1, 32), dtype=np.uint8)
    nodes = [
        helper.make_node("FusedMatMul", ["x", "a"], ["b"], "fused", domain="com.microsoft", transB=1, alpha=0.5),
        helper.make_node("FusedGemm", ["b", "c", "d"], ["e"], "gemm", domain="com.microsoft", activation="Relu"),
        helper.make_node(
            "MatMulNBits", ["e", "q", "s"], ["y"], "bits", domain="com.microsoft", K=32, N=8, bits=4, block_size=32
        ),
        helper.make_node("Mystery", ["y", "m"], ["z"], "other", domain="example"),
    ]
    weights = {"a": pruned(5, 4), "c": pruned(5, 32), "d": values(32), "m": values(3, 3)}
    weights |= {"q": bits[..., ::2] | bits[..., 1::2] << 4, "s": np.full(8, 0.5, np.float32)}
    path = make.save(tmp_path / "a.onnx", nodes, weights, x=(1, 4))
    found = layers(path)
    np.testing.assert_array_equal(found["fused"].read(), pruned(5, 4) * 0.5)
    np.testing.assert_array_equal(found["gemm"].read(), pruned(5, 32).T)
    np.testing.assert_array_equal(found["gemm"].bias(), values(32))
    np.testing.assert_array_equal(found["bits"].read(), (bits[:, 0].astype(np.float32) - 8) * 0.5)
    assert "Mystery of the domain example" in reasons(path)["m"]


def test_quantised_products(tmp_path):
    one, zero = np.float32(1), np.int8(0)
    nodes = [
        node("QLinearMatMul", ["x", "i", "z", "q", "s", "k", "i", "z"], "y", "fc"),
        node("QLinearConv", ["x", "i", "z", "c", "t", "k4", "i", "z"], "v", "conv"),
    ]
    kernel = np.arange(-18, 18, dtype=np.int8).reshape(4, 1, 3, 3)
    weights = {"i": one, "z": zero, "q": CODES, "s": np.float32(0.05), "k": np.int8(1), "c": kernel}
    weights |= {"t": np.linspace(1, 2, 4, dtype=np.float32), "k4": np.zeros(4, np.int8)}
    found = layers(make.save(tmp_path / "a.onnx", nodes, weights, x=(1, 6)))
    np.testing.assert_allclose(found["fc"].read(), (CODES.astype(np.float32) - 1).T * 0.05, rtol=1e-5)
    np.testing.assert_allclose(found["conv"].read(), kernel.reshape(4, 9) * weights["t"][:, None], rtol=1e-5)


def test_products_of_integers(tmp_path):
    """Two of them have no scale: their outputs are multiplied by it."""
    nodes = [
        node("MatMulInteger", ["x", "q", "z", "k"], "a", "integer"),
        node("MatMulIntegerToFloat", ["x", "q", "one", "s", "z", "k"], "b", "float"),
        node("QGemm", ["x", "one", "z", "turned", "s", "k"], "c", "gemm", transB=1),
        node("ConvInteger", ["x", "kernel", "z", "k"], "d", "conv"),
    ]
    kernel = np.arange(-18, 18, dtype=np.int8).reshape(4, 1, 3, 3)
    weights = {"q": CODES, "turned": CODES.T.copy(), "k": np.int8(1), "z": np.int8(0), "s": np.float32(0.5)}
    path = make.save(tmp_path / "a.onnx", nodes, weights | {"kernel": kernel, "one": np.float32(1)}, x=(1, 6))
    found, codes = layers(path), (CODES.astype(np.float32) - 1).T
    for name, expected in (("integer", codes), ("float", codes * 0.5), ("gemm", codes * 0.5)):
        np.testing.assert_array_equal(found[name].read(), expected)
    np.testing.assert_array_equal(found["conv"].read(), kernel.reshape(4, 9) - 1.0)
    assert "scale is applied to the outputs" in found["integer"].note


@pytest.mark.parametrize("linear", [True, False])
def test_sparse_initializers(tmp_path, linear):
    model = make.model([node("MatMul", ["x", "w"], name="fc")], {}, x=(1, 6))
    place = np.flatnonzero(W) if linear else np.argwhere(W)
    numbers = numpy_helper.from_array(W[W != 0], "w")
    model.graph.sparse_initializer.append(
        helper.make_sparse_tensor(numbers, numpy_helper.from_array(place.astype(np.int64), "i"), W.shape)
    )
    onnx.save(model, tmp_path / "a.onnx")
    assert plain(layers(tmp_path / "a.onnx")["fc"]).tolist() == W.T.tolist()


def test_small_file_does_not_become_a_large_array(tmp_path):
    weights = {"a": values(2**14, 1), "b": values(1, 2**14), "s": np.array([2**14, 2**14])}
    for nodes in ([node("Mul", ["a", "b"], "w")], [node("Expand", ["a", "s"], "w")]):
        path = make.save(tmp_path / "a.onnx", [*nodes, node("MatMul", ["x", "w"], name="fc")], weights, x=(1, 2**14))
        with pytest.raises(FormatError, match=r"w is a constant that (Mul|Expand) makes, which is not followed here"):
            importing.read(path)


@pytest.mark.parametrize(
    ("x", "reshape", "vectors"),
    [((1, 10, 6), [10, 6], 10), ((2, 10, 6), [20, 6], 10), (("n", 10, 6), [-1, 6], 10), ((1, 6), [1, 6], 1)],
)
def test_rows_that_a_reshape_folds_into_the_batch_count(tmp_path, x, reshape, vectors):
    nodes = [node("Reshape", ["x", "s"], "r"), node("Gemm", ["r", "w"], name="fc")]
    path = make.save(tmp_path / "a.onnx", nodes, {"w": W, "s": np.array(reshape)}, x=x)
    assert (layers(path)["fc"].vectors, layers(path)["fc"].note) == (vectors, "")


def test_nothing_vanishes(tmp_path, capsys):
    nodes = [
        node("PRelu", ["x", "slope"], "a", "prelu"),
        node("Add", ["a", "pos"], "b"),
        node("MatMul", ["b", "w"], "c", "fc"),
        node("Add", ["c", "bias"], "d"),
        node("MatMul", ["d", "d"], "e", "attention"),
        node("Mul", ["e", "half"], "y"),
    ]
    weights = {
        "slope": values(6),
        "pos": values(6),
        "w": W,
        "bias": values(4),
        "half": np.float32(0.5),
        "no": values(3),
    }
    path = make.save(tmp_path / "a.onnx", nodes, weights, x=(1, 6))
    found = reasons(path)
    assert found.keys() == {"prelu", "attention", "pos", "no", "single numbers"}
    assert "PReLU" in found["prelu"]
    assert "Add, number by number" in found["pos"]
    assert "no node" in found["no"]
    assert main(["inspect", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["weights_on_machine"] == pytest.approx(24 / (24 + 6 + 6 + 3 + 1))


def test_names_are_unique(tmp_path):
    nodes = [
        node("MatMul", ["x", "w"], "a", "fc"),
        node("MatMul", ["a", "w"], "b", "fc"),
        node("MatMul", ["b", "w"], "y", "fc#2"),
    ]
    assert list(layers(make.save(tmp_path / "a.onnx", nodes, {"w": values(4, 4)}))) == ["fc", "fc#3", "fc#2"]
