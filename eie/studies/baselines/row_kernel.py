"""A pruned, weight-shared layer for an ordinary processor: two bytes per entry, with its row in them.

An entry is the row within a block of 4,096 rows, 12 bits, and the code, 4 bits. With EIE's relative index, the row of
an entry is known only when all entries before it in its column are; here entries do not wait for each other, and the
sums are the same to the last bit. It needs no special instruction, so it runs on any processor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numba as nb
import numpy as np
from numpy.typing import NDArray

from eie._sums.bits import prefetch
from eie.layer import CompressedLayer
from eie.studies.baselines.packed import NIBBLE, FloatLayer, checked_threads, encoded

BLOCK = 1 << 12
"""Rows of a block: what the 12 bits beside a code can tell apart."""
TURN = 8
"""Entries of a turn of the loop; columns are padded to a multiple, so that no rest has to be looked after."""
AHEAD = 4
"""Columns that the memory is asked for in advance."""

_ONE = np.uint64(1)
_CODE_BITS = np.uint64(NIBBLE)
_CODE = np.uint64((1 << NIBBLE) - 1)
_ROW = np.uint64(BLOCK - 1)
_TWO = np.uint64(2)
_FOUR = 4
"""Entries that are read at once, as one number of 64 bits."""


@dataclass(frozen=True, eq=False, slots=True)
class RowLayer(FloatLayer):
    """A layer in blocks of rows, each by columns. Made by `pack`.

    Attributes
    ----------
    n_out, n_in, has_bias
        As in `Packed`.
    entries : uint16 array of shape `(n_entries,)`
        Row within the block in the high 12 bits, code in the low four; one block's entries after the other's.
    start : int64 array of shape `(blocks, n_columns + 1)`
        Column j's entries of block b are `start[b, j]` to `start[b, j + 1]`.
    height : int
        Rows of a block, at most 4,096; each thread takes whole blocks.
    codebook : float32 array of shape `(16,)`
        The shared weights.
    threads : int
        Threads that the blocks are for.
    """

    height: int
    codebook: NDArray[np.float32]
    threads: int

    @classmethod
    def pack(cls, layer: CompressedLayer, threads: int = 1) -> Self:
        """Lay out a layer for so many threads.

        Raises
        ------
        ValueError
            When there are fewer than one or more than 256 threads, or codes have other than 4 bits.
        """
        threads = checked_threads(threads)
        mem = encoded(layer, 1)
        height = min(BLOCK, -(-layer.n_out // threads))
        start = np.empty((-(-layer.n_out // height), mem.n_columns + 1), np.int64)
        most = len(mem.by_column()[1]) + (TURN - 1) * start.size
        entries = np.empty(most, np.uint16)
        n_entries = _lay_out(*mem.by_column(), height, entries, start)
        entries = entries[:n_entries].copy()
        return cls(layer.n_out, layer.n_in, mem.has_bias, entries, start, height, mem.codebook, threads)

    def _single(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        multiply = _multiply_one if self.threads == 1 else _on_threads_one
        fours = self.entries.view(np.uint64)
        return multiply(fours, self.start, self.codebook, x, self.height).reshape(-1)[: self.n_out]

    def _together(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        multiply = _multiply_many if self.threads == 1 else _on_threads_many
        columns, active = np.ascontiguousarray(batch.T), np.flatnonzero(batch.any(axis=0))
        sums = multiply(self.entries, self.start, self.codebook, columns, active, self.height)
        return sums.reshape(-1, len(batch))[: self.n_out].T


@nb.njit(cache=True, nogil=True)
def _lay_out(indptr, rows, codes, height, entries, start):  # type: ignore[no-untyped-def]
    """Write the entries of each block, and where its columns start; return how many entries there are."""
    at = 0
    for block in range(start.shape[0]):
        for j in range(len(indptr) - 1):
            start[block, j] = at
            for e in range(indptr[j], indptr[j + 1]):
                if rows[e] // height == block:
                    entries[at] = (rows[e] % height) << NIBBLE | codes[e]
                    at += 1
            at = _pad(entries, start[block, j], at)
        start[block, len(indptr) - 1] = at
    return at


@nb.njit(cache=True, nogil=True)
def _pad(entries, first, at):  # type: ignore[no-untyped-def]
    """Fill a column up with entries of code 0, in rows that differ from those of the same turn; return its end."""
    turn = first + (at - first) // TURN * TURN
    row = 0
    while (at - first) % TURN:
        taken = False
        for e in range(turn, at):
            taken |= entries[e] >> NIBBLE == row
        if not taken:
            entries[at] = row << NIBBLE
            at += 1
        row += 1
    return at


@nb.njit(cache=True, nogil=True)
def _multiply_one(fours, start, codebook, x, height):  # type: ignore[no-untyped-def]
    sums, active = np.empty((start.shape[0], height), np.float32), _nonzero(x)
    for block in range(start.shape[0]):
        sums[block] = _sums(fours, start[block], codebook, x, active, height)[:height]
    return sums


@nb.njit(cache=True, nogil=True, parallel=True)
def _on_threads_one(fours, start, codebook, x, height):  # type: ignore[no-untyped-def]
    sums, active = np.empty((start.shape[0], height), np.float32), _nonzero(x)
    for block in nb.prange(start.shape[0]):
        sums[block] = _sums(fours, start[block], codebook, x, active, height)[:height]
    return sums


@nb.njit(cache=True, nogil=True)
def _nonzero(x):  # type: ignore[no-untyped-def]
    """List the inputs that are not zero, without a branch that the processor would have to guess."""
    active = np.empty(len(x), np.int64)
    n = 0
    for j in range(len(x)):
        active[n] = j
        n += x[j] != 0
    return active[:n]


@nb.njit(cache=True, nogil=True)
def _sums(fours, start, codebook, x, active, height):  # type: ignore[no-untyped-def]
    """Add up a block. Its sums are made here: what no other array can share memory with is read ahead of a store."""
    sums, terms = np.zeros(max(height, TURN), np.float32), np.empty(1 << NIBBLE, np.float32)
    for k in range(len(active)):
        j, later = active[k], active[min(k + AHEAD, len(active) - 1)]
        # A column has one input, so its products are as many as there are shared weights.
        for code in range(1 << NIBBLE):
            terms[code] = codebook[code] * x[j]
        terms[0] = 0  # padding adds nothing, even where the input is infinite
        at, end = np.uint64(start[j] // _FOUR), np.uint64(start[j + 1] // _FOUR)
        soon = np.uint64(start[later] // _FOUR)
        while at < end:
            prefetch(fours, soon)
            soon += _TWO
            _add_four(fours[at], terms, sums)
            _add_four(fours[at + _ONE], terms, sums)
            at += _TWO
    return sums


@nb.njit(cache=True, nogil=True)
def _add_four(four, terms, sums):  # type: ignore[no-untyped-def]
    """Add four entries, read at once: their rows differ, so four sums can be read before the first is written."""
    row_a = (four >> np.uint64(4)) & _ROW
    sum_a = sums[row_a] + terms[four & _CODE]
    row_b = (four >> np.uint64(20)) & _ROW
    sum_b = sums[row_b] + terms[(four >> np.uint64(16)) & _CODE]
    row_c = (four >> np.uint64(36)) & _ROW
    sum_c = sums[row_c] + terms[(four >> np.uint64(32)) & _CODE]
    row_d = (four >> np.uint64(52)) & _ROW
    sum_d = sums[row_d] + terms[(four >> np.uint64(48)) & _CODE]
    sums[row_a], sums[row_b], sums[row_c], sums[row_d] = sum_a, sum_b, sum_c, sum_d


@nb.njit(cache=True, nogil=True)
def _multiply_many(entries, start, codebook, columns, active, height):  # type: ignore[no-untyped-def]
    """`columns` has an input of every batch member in a row; sums are of shape `(blocks, height, batch)`."""
    sums = np.zeros((start.shape[0], height, columns.shape[1]), np.float32)
    for block in range(start.shape[0]):
        _add_columns_of_many(entries, start[block], codebook, columns, active, sums[block])
    return sums


@nb.njit(cache=True, nogil=True, parallel=True)
def _on_threads_many(entries, start, codebook, columns, active, height):  # type: ignore[no-untyped-def]
    sums = np.zeros((start.shape[0], height, columns.shape[1]), np.float32)
    for block in nb.prange(start.shape[0]):
        _add_columns_of_many(entries, start[block], codebook, columns, active, sums[block])
    return sums


@nb.njit(cache=True, nogil=True)
def _add_columns_of_many(entries, start, codebook, columns, active, sums):  # type: ignore[no-untyped-def]
    batch = columns.shape[1]
    x = np.empty(batch, np.float32)  # what no other array can share memory with is multiplied several at once
    for j in active:
        x[:] = columns[j]
        for e in range(start[j], start[j + 1]):
            entry = np.uint64(entries[e])
            weight = codebook[entry & _CODE]
            own = sums[entry >> _CODE_BITS]
            for k in range(batch):
                own[k] += weight * x[k]
