"""Contents of the hardware's memories, word by word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie.hardware.geometry import Geometry
from eie.interleaved import InterleavedCSC

Words = NDArray[np.uint32]
"""Words of a memory, of shape `(n_words, chunks)`: 32 bits per chunk, the lowest first."""


@dataclass(frozen=True, eq=False, slots=True)
class Memories:
    """Sparse matrix and pointers of one PE.

    Attributes
    ----------
    spmat : uint32 array of shape `(n_rows, chunks)`
        Rows of entries, the first entry of a row in its lowest bits, each `{code, skip}`.
    pointers : uint32 array of shape `(n_columns + 1, 1)`
        Each `{row, entry within the row}`; even ones go into the even bank.
    """

    spmat: Words
    pointers: Words


def of_pe(mem: InterleavedCSC, p: int, geometry: Geometry, first_row: int = 0) -> Memories:
    """Lay out what PE `p` holds of a layer, from SRAM row `first_row` on."""
    codes, skips, pointers = mem.pe(p)
    n_rows = -(-len(codes) // geometry.entries)
    pairs = np.zeros((n_rows, geometry.entries), np.uint32)
    pairs.flat[: len(codes)] = codes.astype(np.uint32) << geometry.index_bits | skips
    row, lane = np.divmod(pointers.astype(np.int64), geometry.entries)
    return Memories(_packed(pairs, geometry.entry_bits), words((row + first_row) << geometry.lane_bits | lane, 32))


def words(values: Any, bits: int) -> Words:
    """Give each integer a word of `bits` bits, two's complement where it is negative."""
    chunks = -(-bits // 32)
    found = np.zeros((np.size(values), chunks), np.uint32)
    numbers = np.asarray(values, np.int64).ravel()
    for k in range(min(chunks, 2)):
        found[:, k] = numbers >> (32 * k) & 0xFFFFFFFF
    found[:, -1] &= np.uint32(0xFFFFFFFF >> (32 * chunks - bits))
    return found


def _packed(pairs: NDArray[np.uint32], bits: int) -> Words:
    """Put the entries of each row, `bits` bits each, one after the other."""
    n_rows, entries = pairs.shape
    single = (pairs[:, :, None] >> np.arange(bits, dtype=np.uint32)) & 1
    spare = -entries * bits % 32
    row_bits = np.pad(single.reshape(n_rows, entries * bits), ((0, 0), (0, spare)))
    return np.packbits(row_bits.astype(np.uint8), axis=1, bitorder="little").view("<u4")
