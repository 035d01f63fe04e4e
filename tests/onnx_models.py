"""Small ONNX networks to import."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def values(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def model(nodes, weights, x=(1, 4), **more):
    """A model of one input `x` and output `y`; weights by name."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
        **more,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def save(path, *arguments, **more):
    onnx.save(model(*arguments, **more), path)
    return path


def node(kind, inputs, output="y", name=None, **attributes):
    return helper.make_node(kind, inputs, output if isinstance(output, list) else [output], name=name, **attributes)


def small(path):
    """One of each: convolution, normalisation, flattening, two linear layers."""
    nodes = [
        node("Conv", ["x", "k", "kb"], "c", "conv", kernel_shape=[3, 3], strides=[2, 2]),
        node("BatchNormalization", ["c", "s", "s", "s", "s"], "n", "norm"),
        node("Flatten", ["n"], "f", "flat"),
        node("Gemm", ["f", "w1", "b1"], "h", "fc1", transB=1),
        node("Relu", ["h"], "r"),
        node("MatMul", ["r", "w2"], "m", "fc2"),
        node("Add", ["m", "b2"], "y"),
    ]
    weights = {
        "k": values(5, 3, 3, 3),
        "kb": values(5),
        "s": np.ones(5, np.float32),
        "w1": values(7, 45),
        "b1": values(7),
        "w2": values(7, 6),
        "b2": values(6),
    }
    return save(path, nodes, weights, x=(1, 3, 8, 8)), weights
