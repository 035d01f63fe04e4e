"""Networks that are in memory: as models that can run, and as layers to encode."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from eie.formats.weights import WeightFile, WeightLayer, as_float32
from eie.networks.samples import Model


def as_model(network: Any, input_shapes: Mapping[str, Sequence[int]] | None = None) -> Model | None:
    """Make a model that can run of an ONNX file, an ONNX model or a PyTorch module; None of anything else."""
    if _is_module(network):
        from eie.networks.torch_run import TorchModel

        return TorchModel(network)
    is_file = isinstance(network, (str, Path)) and Path(network).suffix.lower() == ".onnx"
    if is_file or _is_onnx(network):
        from eie.networks.onnx_run import OnnxModel

        return OnnxModel(network, input_shapes)
    return None


def as_file(network: Any) -> WeightFile | None:
    """List the layers of an ONNX model, a PyTorch module, a state dict or a matrix; None of anything else."""
    if _is_module(network) or _is_onnx(network):
        model = as_model(network)
        return None if model is None else model.file
    if isinstance(network, np.ndarray) or sp.issparse(network):
        return _of_matrix(network)
    if isinstance(network, Mapping) and network and all(map(_is_tensor, network.values())):
        from eie.formats.pytorch import of_state_dict

        return of_state_dict(Path("state dict"), network)
    return None


def _of_matrix(matrix: Any) -> WeightFile:
    """Make a network of one layer of a matrix of outputs x inputs."""
    if matrix.ndim != 2 or 0 in matrix.shape or matrix.dtype.kind not in "iuf":
        raise ValueError(f"a matrix must have outputs x inputs real numbers, got {matrix.dtype} {matrix.shape}")
    n_out, n_in = matrix.shape
    values = sp.csc_array(matrix).astype(np.float32) if sp.issparse(matrix) else as_float32(matrix)
    return WeightFile(Path("matrix"), (WeightLayer("matrix", "matrix", n_out, n_in, lambda: values),))


def _is_module(network: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(network, torch.nn.Module)


def _is_onnx(network: Any) -> bool:
    onnx = sys.modules.get("onnx")
    return onnx is not None and isinstance(network, onnx.ModelProto)


def _is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return isinstance(value, np.ndarray) or (torch is not None and isinstance(value, torch.Tensor))
