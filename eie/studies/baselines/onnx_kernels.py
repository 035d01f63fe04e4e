"""The ways of onnxruntime to multiply a matrix of 8-bit or 4-bit weights, where it is installed."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie.studies.baselines.kernels import INT4_GROUP, Kernel, Work, int4_codes, int8_codes, padded
from eie.studies.host import require_torch

OPSETS = {"": 17, "com.microsoft": 1}
"""Versions of the operators that the models use."""
IR_VERSION = 9
"""Version of the model format: the one of operators 17."""
IN_8_BITS = 4
"""onnxruntime's `accuracy_level` for inputs that are rounded to 8 bits."""


def onnx_int8(work: Work, batch: int, _: str) -> Kernel:
    """Multiply 8-bit weights and inputs, one scale per row, as onnxruntime's dynamic quantization does."""
    codes, scales = int8_codes(work.dense)
    nodes = [
        ("DynamicQuantizeLinear", ["x"], ["levels", "step", "zero"], {}),
        ("MatMulInteger", ["levels", "weights", "zero"], ["sums"], {}),
        ("Cast", ["sums"], ["real"], {"to": 1}),  # float
        ("Mul", ["step", "scales"], ["worth"], {}),
        ("Mul", ["real", "worth"], ["y"], {}),
    ]
    constants: dict[str, NDArray[Any]] = {"weights": np.ascontiguousarray(codes.T), "scales": scales}
    model = _model(nodes, constants, codes.shape)
    return _kernel("onnxruntime MatMulInteger, int8 weights and inputs", codes.nbytes, model, work.inputs[:batch])


def onnx_int4(work: Work, batch: int, _: str) -> Kernel:
    """Multiply 4-bit weights, with one scale per group, by inputs that are rounded to 8 bits."""
    codes, scales = int4_codes(padded(work.dense, 1, INT4_GROUP))
    packed = (codes[:, 0::2] | codes[:, 1::2] << 4).astype(np.uint8).reshape(len(codes), -1, INT4_GROUP // 2)
    size = {"N": codes.shape[0], "K": codes.shape[1], "bits": 4, "block_size": INT4_GROUP, "accuracy_level": IN_8_BITS}
    nodes = [("MatMulNBits", ["x", "weights", "scales"], ["y"], size)]
    constants: dict[str, NDArray[Any]] = {"weights": packed, "scales": np.ascontiguousarray(scales.T).ravel()}
    name = f"onnxruntime MatMulNBits, int4 weights in groups of {INT4_GROUP}, int8 inputs"
    n_bytes = packed.nbytes + scales.nbytes
    return _kernel(name, n_bytes, _model(nodes, constants, codes.shape), padded(work.inputs[:batch], 1, INT4_GROUP))


def _model(nodes: list[Any], constants: dict[str, NDArray[Any]], shape: tuple[int, ...]) -> bytes:
    onnx = _imported("onnx")
    helper, kind = import_module("onnx.helper"), onnx.TensorProto.FLOAT
    made = [
        helper.make_node(op, given, out, domain="com.microsoft" if op == "MatMulNBits" else "", **attributes)
        for op, given, out, attributes in nodes
    ]
    tensors = [onnx.numpy_helper.from_array(values, name) for name, values in constants.items()]
    x, y = (
        helper.make_tensor_value_info(name, kind, [None, side]) for name, side in (("x", shape[1]), ("y", shape[0]))
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
    graph = helper.make_graph(made, "layer", [x], [y], tensors)
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    return bytes(model.SerializeToString())


def _kernel(library: str, n_bytes: int, model: bytes, inputs: NDArray[np.float32]) -> Kernel:
    """Make a session per copy of the weights, on as many threads as PyTorch has been given."""
    runtime = _imported("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = require_torch().get_num_threads()
    options.add_session_config_entry("session.force_spinning_stop", "1")  # else it disturbs what is timed next
    pack = partial(runtime.InferenceSession, model, options, providers=["CPUExecutionProvider"])
    return Kernel(library, n_bytes, pack, lambda session: session.run(None, {"x": inputs})[0])


def _imported(name: str) -> Any:
    """Import a package that only these kernels need; a missing one is a reason not to time them."""
    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise RuntimeError(f"{name} is not installed") from None
