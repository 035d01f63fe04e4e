"""When a layer gets bitmaps, and where they are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie._blocks import map_blocks
from eie._sums.bitmap import Bitmaps, aligned, can_expand, words_of

ENTRIES, ENTRIES_OF_A_WORD = 1 << 15, 4
"""Kept weights of a layer, and of a word on average, from which on bitmaps are worth it.

With so many, bitmaps take 3 bytes a weight at most; rows and codes by columns take 5. A word is expanded in the time in
which four entries are added by columns; small layers gain nothing.
"""
ENTRIES_BY_ROWS, SORTING = 13, 64
"""Entries that are added by rows while a word is expanded, and vectors that are while the entries are sorted."""
VECTORS = 16
"""Vectors of a layer, from which on bitmaps are laid out for it: that takes as long as they save in 8 to 40."""
BLOCK = 64
"""Vectors that one thread takes at a time."""

Columns = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint8]]


@dataclass(slots=True)
class Expansion:
    """The bitmaps of an encoded layer, laid out once they are worth it.

    Attributes
    ----------
    vectors : int
        Vectors that the layer was multiplied with so far.
    maps : Bitmaps or None
        None until enough of them were.
    """

    vectors: int = 0
    maps: Bitmaps | None = None

    def sums(
        self,
        columns: Columns,
        inputs: NDArray[Any],
        weights: NDArray[np.int64],
        places: int,
        start: NDArray[np.int64],
        *,
        by_rows: bool,
    ) -> tuple[NDArray[np.int64] | None, bool]:
        """Multiply in the machine's 16-bit arithmetic, for codes of 4 bits.

        Parameters
        ----------
        columns : indptr, rows, codes
            The matrix by columns, rows rising.
        inputs : integer array of shape `(n_vectors, n_columns)`
            In the format of activations.
        weights : int64 array of shape `(16,)`
            The shared weights in their format.
        places : int
            Places that a product is shifted right, to the binary point of the sums.
        start : int64 array of shape `(n_out,)`
            What each sum starts from.
        by_rows : bool
            Whether entries would be sorted by rows otherwise, which takes longer than to lay bitmaps out.

        Returns
        -------
        sums : int64 array of shape `(n_vectors, n_out)` or None
            None where bitmaps are not worth it, or where a product or a sum leaves 16 bits: the caller has to count.
        clipped : bool
            Whether a sum is known to leave 16 bits.
        """
        maps = self._maps(columns, inputs, len(start), by_rows)
        if maps is None:
            return None, False
        from eie._sums import add

        multiply: Any = add.add  # whose type knows no arguments
        shifts = max(-places, 0), max(places, 0)

        def sums_of(block: NDArray[Any]) -> tuple[NDArray[np.int64], bool, bool]:
            sums, room = np.empty((len(block), len(start)), np.int64), aligned((maps.height,), np.int16)
            return sums, *multiply(*maps.part(0), weights, block, *shifts, start, room, sums)

        parts = map_blocks(sums_of, inputs.astype(np.int64, copy=False), BLOCK)
        known = any(fits and clipped for _, fits, clipped in parts)
        good = all(fits and not clipped for _, fits, clipped in parts)
        return (np.concatenate([sums for sums, _, _ in parts]) if good else None), known

    def _maps(self, columns: Columns, inputs: NDArray[Any], n_out: int, by_rows: bool) -> Bitmaps | None:
        """Return the bitmaps if they make this multiplication faster, laid out if it is time for that."""
        indptr, rows, codes = columns
        n, words = len(inputs), words_of(n_out)
        if len(rows) < ENTRIES or len(rows) < ENTRIES_OF_A_WORD * words * len(indptr) or not can_expand():
            return None
        if by_rows and np.count_nonzero(inputs) * words * ENTRIES_BY_ROWS > (n + SORTING) * len(rows):
            return None
        self.vectors += n
        if self.maps is None and (by_rows or self.vectors >= VECTORS):
            from eie._sums.bits import lay_out

            self.maps = lay_out(indptr, rows, codes, n_out)
        return self.maps
