"""EIE's format as a kernel for an ordinary processor: a thread is a PE, a byte is an entry.

Rows are dealt to threads as EIE deals them to PEs, so that each thread adds into an array of its own and none waits for
another. Inputs that are zero are skipped with their whole column, and since a processor cannot guess which column is
next, it is told two columns ahead. What stays serial is the relative index: the row of an entry is known only when all
entries before it in its column are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numba as nb
import numpy as np
from numpy.typing import NDArray

from eie._sums.bitmap import LINE
from eie._sums.bits import prefetch
from eie.layer import CompressedLayer
from eie.studies.baselines.packed import NIBBLE, FloatLayer, checked_threads, encoded

AHEAD = 2
"""Columns that the memory is asked for in advance."""

_ONE = np.uint64(1)
_FOUR = np.uint64(4)


@dataclass(frozen=True, eq=False, slots=True)
class CpuLayer(FloatLayer):
    """A layer as the threads of a processor hold it. Made by `pack`.

    Attributes
    ----------
    n_out, n_in, has_bias
        As in `Packed`.
    entries : uint8 array of shape `(n_entries,)`
        Code in the low, relative index in the high half of each byte; one thread's entries after the other's.
    start : int64 array of shape `(n_columns + 1, threads)`
        Column j's entries of thread t are `start[j, t]` to `start[j + 1, t]`.
    weights : float32 array of shape `(256,)`
        The shared weight that each byte names, whatever its relative index.
    """

    weights: NDArray[np.float32]

    @classmethod
    def pack(cls, layer: CompressedLayer, threads: int = 1) -> Self:
        """Encode a layer for so many threads.

        Raises
        ------
        ValueError
            When there are fewer than one or more than 256 threads, or codes have other than 4 bits.
        """
        mem = encoded(layer, checked_threads(threads))
        entries = mem.skips << np.uint8(NIBBLE) | mem.codes
        weights = np.tile(layer.codebook, 1 << NIBBLE)
        return cls(layer.n_out, layer.n_in, mem.has_bias, entries, mem.pointers + mem.pe_start[:-1], weights)

    @property
    def threads(self) -> int:
        """Threads that the rows are dealt to."""
        return self.start.shape[1]

    def _single(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._on_threads(_multiply_one, _on_threads_one, x, np.flatnonzero(x), ())

    def _together(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        active = np.flatnonzero(batch.any(axis=0))
        columns = np.ascontiguousarray(batch.T)
        return self._on_threads(_multiply_many, _on_threads_many, columns, active, (len(batch),)).T

    def _on_threads(
        self, alone: Any, on_threads: Any, x: NDArray[np.float32], active: NDArray[np.int64], more: tuple[int, ...]
    ) -> NDArray[np.float32]:
        """Rows of each thread by itself, then dealt back."""
        rows = -(-self.n_out // self.threads)
        sums = np.zeros((self.threads, rows, *more), np.float32)
        layer = self.entries, self.start, self.weights
        if self.threads == 1:  # no other thread is to be waited for
            alone(*layer, x, active, 0, sums[0])
        else:
            on_threads(*layer, x, active, sums)
        return sums.swapaxes(0, 1).reshape(rows * self.threads, *more)[: self.n_out]


@nb.njit(cache=True, nogil=True)
def _multiply_one(entries, start, weights, x, active, thread, sums):  # type: ignore[no-untyped-def]
    """Four entries a turn: a column's rows differ, so four sums can be read before the first is written."""
    for k in range(len(active)):
        j, later = active[k], active[min(k + AHEAD, len(active) - 1)]
        for e in range(start[later, thread], start[later + 1, thread], LINE):
            prefetch(entries, e)
        row = np.uint64(0) - _ONE
        at, end = np.uint64(start[j, thread]), np.uint64(start[j + 1, thread])
        while at + _FOUR <= end:
            a, b = np.uint64(entries[at]), np.uint64(entries[at + _ONE])
            c, d = np.uint64(entries[at + np.uint64(2)]), np.uint64(entries[at + np.uint64(3)])
            row_a = row + (a >> _FOUR) + _ONE
            row_b = row_a + (b >> _FOUR) + _ONE
            row_c = row_b + (c >> _FOUR) + _ONE
            row = row_c + (d >> _FOUR) + _ONE
            sum_a, sum_b = sums[row_a] + weights[a] * x[j], sums[row_b] + weights[b] * x[j]
            sum_c, sum_d = sums[row_c] + weights[c] * x[j], sums[row] + weights[d] * x[j]
            sums[row_a], sums[row_b], sums[row_c], sums[row] = sum_a, sum_b, sum_c, sum_d
            at += _FOUR
        while at < end:
            a = np.uint64(entries[at])
            row += (a >> _FOUR) + _ONE
            sums[row] += weights[a] * x[j]
            at += _ONE


@nb.njit(cache=True, nogil=True)
def _multiply_many(entries, start, weights, columns, active, thread, sums):  # type: ignore[no-untyped-def]
    """`columns` has an input of every batch member in a row, `sums` an output of each."""
    batch = columns.shape[1]
    x = np.empty(batch, np.float32)  # what no other array can share memory with is multiplied several at once
    for j in active:
        x[:] = columns[j]
        row = np.uint64(0) - _ONE
        for e in range(start[j, thread], start[j + 1, thread]):
            entry = np.uint64(entries[e])
            row += (entry >> _FOUR) + _ONE
            weight = weights[entry]
            own = sums[row]
            for k in range(batch):
                own[k] += weight * x[k]


@nb.njit(cache=True, nogil=True, parallel=True)
def _on_threads_one(entries, start, weights, x, active, sums):  # type: ignore[no-untyped-def]
    for thread in nb.prange(start.shape[1]):
        _multiply_one(entries, start, weights, x, active, thread, sums[thread])


@nb.njit(cache=True, nogil=True, parallel=True)
def _on_threads_many(entries, start, weights, columns, active, sums):  # type: ignore[no-untyped-def]
    for thread in nb.prange(start.shape[1]):
        _multiply_many(entries, start, weights, columns, active, thread, sums[thread])
