"""Tables of an encoded layer's columns for timing, made once and used for every run."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eie._compile import Kernel, pays
from eie._uncompiled import memories

NONEMPTY, AT_ROW, ROW_BEGINS = range(3)
"""Masks of a column: PEs that hold entries of it; of these, those where the first entry, or any, begins a Spmat row."""

CELL_SECONDS = 3e-8
"""Time that NumPy takes to make the tables of a column on a PE (on a Zen 5)."""


class ColumnTables(NamedTuple):
    """Tables of the columns for timing, for one width of the sparse-matrix memory.

    `lengths` are the cycles that a PE is busy with a column: its entries, or 1 to find out that there are none, of
    shape `(n_columns, n_pe)`; `masks` are `NONEMPTY`, `AT_ROW` and `ROW_BEGINS`, one bit per PE, of shape
    `(n_columns, 3, words)`; `totals`, over all PEs, are entries that are not padding zeros, entries, and Spmat rows
    that these lie in, of shape `(n_columns, 3)`.
    """

    lengths: NDArray[np.uint8 | np.int32]
    masks: NDArray[np.uint64]
    totals: NDArray[np.int64]

    @property
    def time_type(self) -> type[np.int32 | np.int64]:
        """The type that holds the cycles of a run: no column takes more than its lengths and four."""
        short = self.lengths.dtype == np.uint8 and len(self.lengths) * (255 + 4) < 2**31
        return np.int32 if short else np.int64


def column_tables(pointers: NDArray[Any], macs: NDArray[Any], entries_per_row: int) -> ColumnTables:
    """Make the tables from the pointers of all PEs and the entries of each column that are not padding zeros."""
    pays(CELL_SECONDS * pointers.size)
    lengths = np.empty((len(macs), pointers.shape[1]), np.uint8)
    masks = np.zeros((len(macs), 3, -(-pointers.shape[1] // 64)), np.uint64)
    totals = np.stack([macs, np.zeros_like(macs), np.zeros_like(macs)], axis=1)
    if _tabulate(pointers, entries_per_row, lengths, masks, totals) > np.iinfo(np.uint8).max:
        lengths = np.maximum(np.diff(pointers, axis=0), 1).astype(np.int32)
    return ColumnTables(lengths, masks, totals)


@Kernel.after(memories.tabulate)
def _tabulate(pointers, entries_per_row, lengths, masks, totals):  # type: ignore[no-untyped-def]
    """Fill in the tables of columns; return the largest length."""
    longest = np.int64(1)
    for j in range(pointers.shape[0] - 1):
        entries, rows = np.int64(0), np.int64(0)
        for p in range(pointers.shape[1]):
            start, end = np.int64(pointers[j, p]), np.int64(pointers[j + 1, p])
            if start == end:
                lengths[j, p] = 1
                continue
            n = end - start
            lengths[j, p] = n
            longest = n if n > longest else longest
            before, last = (start - 1) // entries_per_row, (end - 1) // entries_per_row
            bit = np.uint64(1) << np.uint64(p % 64)
            at_row = start % entries_per_row == 0
            masks[j, NONEMPTY, p // 64] |= bit
            masks[j, AT_ROW, p // 64] |= bit * np.uint64(at_row)
            masks[j, ROW_BEGINS, p // 64] |= bit * np.uint64(last != before)
            entries += n
            rows += last - before + (not at_row)
        totals[j, 1], totals[j, 2] = entries, rows
    return longest
