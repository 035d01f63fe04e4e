"""Kernels of `eie.explore.synthetic` in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_HALF, _LOW_HALF = np.uint64(32), np.uint64(0xFFFFFFFF)


def mix(key: np.uint64, words: NDArray[np.uint64]) -> None:
    """Fill words with the random numbers of SplitMix64."""
    word = key + np.arange(1, len(words) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    words[:] = word ^ (word >> np.uint64(31))


def pair(share: NDArray[np.float64], waiting: NDArray[np.int64], n_small: int, table: NDArray[np.uint64]) -> None:
    """Give each row below its share the rest of one above it."""
    shares, small, large = share.tolist(), waiting[:n_small].tolist(), waiting[n_small:].tolist()[::-1]
    while small and large:
        row, other = small.pop(), large[-1]
        table[row] = int(shares[row] * 4294967295.0) << 32 | other
        shares[other] -= 1.0 - shares[row]
        if shares[other] < 1.0:
            small.append(large.pop())


def fill_columns(
    first: int,
    hits: NDArray[np.int64],
    bits: NDArray[np.uint32],
    alias: NDArray[np.uint64],
    indptr: NDArray[np.int64],
    rows: NDArray[np.int32],
    marked: Any = None,
    turned: NDArray[np.uint64] | None = None,
) -> None:
    """Fill the rows of columns from `first` on; with the first of the marks turned, those that are not hit."""
    n_out = len(alias)
    place = bits[: hits.sum()] * np.uint64(n_out)
    row = (place >> _HALF).astype(np.int64)
    entry = alias[row]
    row = np.where((place & _LOW_HALF) <= (entry >> _HALF), row, (entry & _LOW_HALF).astype(np.int64))
    starts = np.arange(len(hits) + 1) * n_out
    cells = np.repeat(starts[:-1], hits) + row
    if turned is not None and turned[0] & np.uint64(1):
        kept = np.ones(starts[-1], bool)
        kept[cells] = False
        cells = np.flatnonzero(kept)
    else:
        cells.sort()
        cells = cells[np.diff(cells, prepend=-1) > 0]
    before = np.searchsorted(cells, starts)
    end = indptr[first]
    indptr[first + 1 : first + len(starts)] = end + before[1:]
    rows[end : end + len(cells)] = cells - np.repeat(starts[:-1], np.diff(before))


def draw_codes(bits: NDArray[np.uint16], top: int, codes: NDArray[np.uint8]) -> None:
    """Make a code of 1 to `top` from each 16 random bits."""
    codes[:] = 1 + (bits[: len(codes)] * np.uint32(top) >> np.uint32(16))
