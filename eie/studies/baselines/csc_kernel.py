"""A plain CSC matrix that skips the columns of inputs that are zero, as EIE's format does: its fairest rival."""

from __future__ import annotations

import numba as nb
import numpy as np
from numpy.typing import NDArray

from eie._sums.bitmap import LINE
from eie._sums.bits import prefetch
from eie.studies.baselines.eie_kernel import AHEAD
from eie.studies.baselines.kernels import Kernel, Work
from eie.studies.baselines.packed import TOGETHER


def own_csc(work: Work, batch: int, _: str) -> Kernel:
    """Multiply by the CSC columns of the inputs that are not zero; from 16 inputs on, an entry is read once for all."""
    csc = work.csr.tocsc()
    parts = csc.indptr.astype(np.int32), csc.indices.astype(np.int32), csc.data
    inputs, n_out = work.inputs[:batch], csc.shape[0]

    def call(w: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]) -> NDArray[np.float32]:
        if batch < TOGETHER:
            return np.stack([_multiply_one(*w, x, n_out) for x in inputs])
        return np.asarray(_multiply_many(*w, np.ascontiguousarray(inputs.T), n_out).T)

    n_bytes = sum(part.nbytes for part in parts)
    return Kernel("this project, CSC, 1 thread", n_bytes, lambda: tuple(part.copy() for part in parts), call)


@nb.njit(cache=True, nogil=True)
def _multiply_one(indptr, rows, values, x, n_out):  # type: ignore[no-untyped-def]
    sums = np.zeros(n_out, np.float32)
    active = np.flatnonzero(x)
    for k in range(len(active)):
        j, later = active[k], active[min(k + AHEAD, len(active) - 1)]
        for e in range(indptr[later], indptr[later + 1], LINE // 4):
            prefetch(rows, e)
            prefetch(values, e)
        for e in range(indptr[j], indptr[j + 1]):
            sums[np.uint32(rows[e])] += values[e] * x[j]
    return sums


@nb.njit(cache=True, nogil=True)
def _multiply_many(indptr, rows, values, columns, n_out):  # type: ignore[no-untyped-def]
    sums = np.zeros((n_out, columns.shape[1]), np.float32)
    x = np.empty(columns.shape[1], np.float32)
    for j in range(len(columns)):
        x[:] = columns[j]
        if x.any():
            for e in range(indptr[j], indptr[j + 1]):
                own = sums[rows[e]]
                for k in range(len(x)):
                    own[k] += values[e] * x[k]
    return sums
