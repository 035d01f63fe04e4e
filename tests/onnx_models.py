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


ALEXNET = {
    "conv1": (64, 3, 11, 11),
    "conv2": (192, 64, 5, 5),
    "conv3": (384, 192, 3, 3),
    "conv4": (256, 384, 3, 3),
    "conv5": (256, 256, 3, 3),
    "fc6": (4096, 9216),
    "fc7": (4096, 4096),
    "fc8": (1000, 4096),
}
"""Shapes of AlexNet's weights, its two towers in one."""

_WINDOWS = {"conv1": (11, 4, 2), "conv2": (5, 1, 2), "conv3": (3, 1, 1), "conv4": (3, 1, 1), "conv5": (3, 1, 1)}
_POOLED = ("conv1", "conv2", "conv5")


def alexnet(path):
    """A network of AlexNet's shapes, 61 million random weights beside the file."""
    nodes, value = [], "x"
    for name in ALEXNET:
        if name in _WINDOWS:
            size, stride, padding = _WINDOWS[name]
            window = {"kernel_shape": [size] * 2, "strides": [stride] * 2, "pads": [padding] * 4}
            nodes.append(node("Conv", [value, f"{name}.w", f"{name}.b"], name, name, **window))
        else:
            nodes.append(node("Gemm", [value, f"{name}.w", f"{name}.b"], name, name, transB=1))
        value = name
        if name != "fc8":
            nodes.append(node("Relu", [value], f"{name}.r"))
            value = f"{name}.r"
        if name in _POOLED:
            nodes.append(node("MaxPool", [value], f"{name}.p", kernel_shape=[3, 3], strides=[2, 2]))
            value = f"{name}.p"
        if name == "conv5":
            nodes.append(node("Flatten", [value], "flat"))
            value = "flat"
    nodes.append(node("Identity", [value], "y"))
    rng = np.random.default_rng(0)
    weights = {}
    for name, shape in ALEXNET.items():
        weights[f"{name}.w"] = rng.standard_normal(shape, dtype=np.float32)
        weights[f"{name}.b"] = rng.standard_normal(shape[0], dtype=np.float32)
    onnx.save(model(nodes, weights, x=(1, 3, 224, 224)), path, save_as_external_data=True, location="weights.bin")
    return path
