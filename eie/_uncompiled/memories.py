"""Kernels of `eie.interleaved` and `eie.columns` in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_AT_ONCE = 2**16
"""Entries that go to their PEs in one go, or pointers: they stay in the cache."""


def distribute(
    indptr: NDArray[np.int64],
    rows: NDArray[np.int32],
    codes: NDArray[np.uint8],
    pe_of: NDArray[np.int32],
    local_of: NDArray[np.int32],
    index_bits: int,
    ends: NDArray[np.int64],
    last: NDArray[np.int32],
    pointers: NDArray[Any],
    out_codes: NDArray[np.uint8],
    out_skips: NDArray[np.uint8],
) -> None:
    """Send each entry to its PE, and fill in those of the last three that are not empty."""
    n_pe, first = len(last), 0
    while first < len(indptr) - 1:
        most = first + max(1, _AT_ONCE // n_pe)
        end = min(max(int(np.searchsorted(indptr, indptr[first] + _AT_ONCE, "right")) - 1, first + 1), most)
        some, columns = slice(indptr[first], indptr[end]), indptr[first : end + 1]
        n_columns = len(columns) - 1
        pe, local = pe_of[rows[some]], local_of[rows[some]]
        order = np.argsort(pe.astype(np.min_scalar_type(n_pe - 1)), kind="stable")
        group = pe + n_pe * np.repeat(np.arange(n_columns, dtype=np.int32), np.diff(columns))
        group, local = group[order], local[order]
        gap = np.diff(local, prepend=np.int32(-1)) - 1
        begins = np.diff(group, prepend=np.int32(-1)) != 0
        gap[begins] = local[begins]
        made = 1 + (gap >> index_bits)
        counts = np.bincount(group, made, n_columns * n_pe).astype(np.int64).reshape(n_columns, n_pe)
        on_pe = counts.sum(axis=0)
        if len(out_codes):
            at = np.repeat(ends - np.cumsum(on_pe) + on_pe - 1, np.bincount(pe, minlength=n_pe)) + np.cumsum(made)
            out_codes[at], out_skips[at] = codes[some][order], gap & (1 << index_bits) - 1
        if len(pointers):
            pointers[(first + 1) * n_pe : (end + 1) * n_pe] = (ends + np.cumsum(counts, axis=0)).ravel()
        ends += on_pe
        first = end


def tabulate(
    pointers: NDArray[Any],
    entries_per_row: int,
    lengths: NDArray[np.uint8],
    masks: NDArray[np.uint64],
    totals: NDArray[np.int64],
) -> int:
    """Fill in the tables of columns; return the largest length."""
    start, end = pointers[:-1].astype(np.int64), pointers[1:].astype(np.int64)
    n = end - start
    some, at_row = n > 0, start % entries_per_row == 0
    before, last = (start - 1) // entries_per_row, (end - 1) // entries_per_row
    lengths[:] = np.maximum(n, 1).astype(np.uint8)
    for kind, wanted in enumerate((some, some & at_row, some & (last != before))):
        bits = np.zeros((len(n), 64 * masks.shape[2]), bool)
        bits[:, : n.shape[1]] = wanted
        masks[:, kind] = np.packbits(bits, axis=1, bitorder="little").view("<u8")
    totals[:, 1] = n.sum(axis=1)
    totals[:, 2] = ((last - before + ~at_row) * some).sum(axis=1)
    return max(int(n.max()), 1)
