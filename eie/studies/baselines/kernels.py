"""A layer as matrices, and the ways of other libraries to multiply it with inputs."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from eie.explore.benchmarks import Benchmark
from eie.explore.synthetic import draw_activations
from eie.studies.host import require_torch

SEED = 0
"""Seed of the layers that are timed."""
INT4_GROUP = 128
"""Inputs that share a scale in int4: the default of torchao."""
INT4_ROWS = 16
"""The int4 kernel takes that many rows at a time."""
TINY = 1e-20
"""Smallest scale of a row of weights or of inputs, so that a row of zeros divides by no zero."""


@dataclass(frozen=True, eq=False)
class Work:
    """A layer as a sparse and as a dense matrix, and inputs for it.

    Attributes
    ----------
    csr : SciPy CSR array of shape `(n_out, n_in)`, float32
    inputs : float32 array of shape `(batch, n_in)`
        None is negative: they are as after a ReLU.
    """

    csr: sp.csr_array
    inputs: NDArray[np.float32]

    @classmethod
    def draw(cls, benchmark: Benchmark, batch: int) -> Self:
        """Draw a layer as the benchmark does, and its input with `batch` - 1 others."""
        layer, first = benchmark.draw(SEED)
        values = layer.codebook[layer.codes]
        shape = layer.n_out, layer.n_in
        csr = sp.csc_array((values, layer.rows, layer.indptr.astype(np.int32)), shape=shape).tocsr()
        others = [draw_activations(layer.n_in, benchmark.act_density, n) for n in range(1, batch)]
        return cls(csr, np.stack([first, *others]))

    @cached_property
    def dense(self) -> NDArray[np.float32]:
        """The matrix with its zeros."""
        return self.csr.toarray(order="C")

    @cached_property
    def exact(self) -> NDArray[np.float64]:
        """Expected result, of shape `(batch, n_out)`."""
        return (self.csr.astype(np.float64) @ self.inputs.T.astype(np.float64)).T


@dataclass(frozen=True, eq=False, slots=True)
class Kernel:
    """One way to multiply a matrix with inputs.

    Attributes
    ----------
    library : str
        Whose it is, and what it does.
    n_bytes : int
        Size of the weights.
    pack : function
        Makes one more copy of the weights.
    call : function of such a copy
        Gives the outputs, of shape `(batch, n_out or more)` or, for one input, without the first axis.
    """

    library: str
    n_bytes: int
    pack: Callable[[], Any]
    call: Callable[[Any], Any]


Make = Callable[[Work, int, str], Kernel]


def torch_dense(work: Work, batch: int, device: str) -> Kernel:
    """Multiply by the dense matrix with PyTorch."""
    torch = require_torch()
    matrix, inputs = _tensor(work.dense, device), _tensor(work.inputs[:batch], device)
    vector = inputs[0]
    if batch == 1:
        return Kernel("PyTorch mv, float32", work.dense.nbytes, matrix.clone, lambda w: torch.mv(w, vector))
    return Kernel("PyTorch mm, float32", work.dense.nbytes, matrix.clone, lambda w: torch.mm(inputs, w.t()))


def numpy_dense(work: Work, batch: int, _: str) -> Kernel:
    """Multiply by the dense matrix with NumPy."""
    inputs = work.inputs[:batch].T if batch > 1 else work.inputs[0]
    return Kernel("NumPy @, float32", work.dense.nbytes, work.dense.copy, lambda w: (w @ inputs).T)


def torch_sparse(work: Work, batch: int, device: str) -> Kernel:
    """Multiply by the CSR matrix with PyTorch."""
    torch = require_torch()
    parts = [_tensor(array, device) for array in (work.csr.indptr, work.csr.indices, work.csr.data)]
    columns = _tensor(np.ascontiguousarray(work.inputs[:batch].T), device)
    vector = columns[:, 0].contiguous()

    def pack() -> Any:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse CSR tensor support")  # it is in beta
            return torch.sparse_csr_tensor(*(part.clone() for part in parts), work.csr.shape, check_invariants=False)

    if batch == 1:
        return Kernel("PyTorch mv, CSR float32", _bytes_of(work.csr), pack, lambda w: torch.mv(w, vector))
    return Kernel("PyTorch mm, CSR float32", _bytes_of(work.csr), pack, lambda w: torch.mm(w, columns).t())


def scipy_sparse(work: Work, batch: int, _: str) -> Kernel:
    """Multiply by the CSR matrix with SciPy."""
    inputs = np.ascontiguousarray(work.inputs[:batch].T) if batch > 1 else work.inputs[0]
    return Kernel("SciPy, CSR float32, 1 thread", _bytes_of(work.csr), work.csr.copy, lambda w: (w @ inputs).T)


def scipy_csc(work: Work, batch: int, _: str) -> Kernel:
    """Multiply by the CSC matrix with SciPy."""
    csc, rest = work.csr.tocsc(), scipy_sparse(work, batch, "")
    return replace(rest, library="SciPy, CSC float32, 1 thread", n_bytes=_bytes_of(csc), pack=csc.copy)


def scipy_columns(work: Work, _: int, __: str) -> Kernel:
    """Multiply by the CSC columns of the inputs that are not zero, with SciPy."""
    csc, vector = work.csr.tocsc(), work.inputs[0]

    def call(w: sp.csc_array) -> NDArray[np.float32]:
        active = np.flatnonzero(vector)
        return w[:, active] @ vector[active]

    return Kernel("SciPy, the CSC columns of non-zero inputs, float32, 1 thread", _bytes_of(csc), csc.copy, call)


def onednn_int8(work: Work, batch: int, device: str) -> Kernel:
    """Multiply 8-bit weights and inputs, one scale per row, as PyTorch's compiler does for quantized layers on x86."""
    torch = require_torch()
    codes, steps = int8_codes(work.dense)
    weights, scales = _tensor(codes, device), _tensor(steps, device)
    inputs, zeros = _tensor(work.inputs[:batch], device), torch.zeros(len(codes), dtype=torch.int32)

    def call(w: Any) -> Any:
        step = max(float(inputs.amax()), TINY) / 255
        levels = torch.round(inputs * (1 / step)).to(torch.uint8)
        rest: Any = (None, 1.0, 0, torch.float32, "none", [], "")
        return torch.ops.onednn.qlinear_pointwise(levels, step, 0, w, scales, zeros, *rest)

    pack = partial(torch.ops.onednn.qlinear_prepack, weights, [batch, codes.shape[1]])
    return Kernel("PyTorch oneDNN, int8 weights and inputs (rounded in the call)", codes.nbytes, pack, call)


def integer_int8(work: Work, batch: int, device: str) -> Kernel:
    """Multiply 8-bit weights and inputs, one scale per row; a GPU takes multiples of 8 and more than 16 inputs."""
    torch = require_torch()
    codes, steps = int8_codes(padded(work.dense, 8, 8))
    weights, scales = _tensor(codes, device), _tensor(steps, device)
    inputs = _tensor(padded(work.inputs[:batch], 1 if device == "cpu" else 32, 8), device)

    def call(w: Any) -> Any:
        step = inputs.amax().clamp(min=TINY) / 127
        levels = torch.round(inputs / step).to(torch.int8)
        return (torch._int_mm(levels, w.t()) * (scales * step))[:batch]

    return Kernel("PyTorch _int_mm, int8 weights and inputs (rounded in the call)", codes.nbytes, weights.clone, call)


def weight_only_int4(work: Work, batch: int, device: str) -> Kernel:
    """Multiply 4-bit weights, with one scale per group, by bfloat16 inputs with PyTorch."""
    torch = require_torch()
    codes, scales = int4_codes(padded(work.dense, INT4_ROWS, INT4_GROUP))
    weights = torch.ops.aten._convert_weight_to_int4pack_for_cpu(_tensor(codes, device), 1)
    steps = _tensor(np.stack([scales, np.zeros_like(scales)], axis=2), device).bfloat16()
    inputs = _tensor(padded(work.inputs[:batch], 1, INT4_GROUP), device)
    multiply = torch.ops.aten._weight_int4pack_mm_for_cpu

    def call(w: tuple[Any, Any]) -> Any:
        return multiply(inputs.bfloat16(), w[0], INT4_GROUP, w[1]).float()

    library = f"PyTorch _weight_int4pack_mm_for_cpu, int4 weights in groups of {INT4_GROUP}, bfloat16 inputs"
    return Kernel(library, weights.nbytes + steps.nbytes, lambda: (weights.clone(), steps.clone()), call)


def int8_codes(dense: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return codes of -127..127, and one scale per row."""
    scales = _largest(dense, 1) / np.float32(127)
    return np.rint(dense / scales[:, np.newaxis]).astype(np.int8), scales


def int4_codes(dense: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return codes of 0..15, 8 for 0, and scales of shape `(groups, rows)`."""
    groups = dense.reshape(len(dense), -1, INT4_GROUP)
    scales = _largest(groups, 2) / np.float32(7)
    codes = np.rint(groups / scales[:, :, np.newaxis])
    codes += 8
    return codes.astype(np.int32).reshape(dense.shape), np.ascontiguousarray(scales.T)


def _largest(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Return the largest absolute values along an axis, and never 0, without a copy of them all."""
    return np.maximum(values.max(axis), -values.min(axis)).clip(np.float32(TINY))


def padded(matrix: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """Pad a matrix with zeros below and beside it, up to multiples of `rows` and `columns`."""
    return np.pad(matrix, [(0, -matrix.shape[0] % rows), (0, -matrix.shape[1] % columns)])


def _bytes_of(matrix: Any) -> int:
    return int(matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes)


def _tensor(array: NDArray[Any], device: str) -> Any:
    return require_torch().from_numpy(array).to(device)
