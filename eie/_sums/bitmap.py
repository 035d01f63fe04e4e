"""The layout: bitmaps and packed codes of a layer, and whether this processor can expand them."""

from __future__ import annotations

import os
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

WORD, WORD_BYTES = 64, 8
"""Bits, and bytes, of a word of the bitmap."""
ROWS = 2 * WORD
"""Rows of a word: a bit is for two, whose codes share a byte."""
AHEAD = 16
"""Columns from one that is expanded to one that the memory is asked for meanwhile."""
SUM_BITS = 16
"""Bits of a saturating sum: those of the paper's accumulators (ISCA 2016, section IV)."""
CODES = 16
"""Values of a code of four bits."""
NEEDED = frozenset(["avx512f", "avx512bw", "avx512vbmi2", "popcnt"])
"""LLVM's names of the instructions: 512-bit registers, words of 16 bits in them, and expansion."""
SWITCH = "EIE_EXPAND"
"""Environment variable; 0 turns the instructions off."""
LINE = 64
"""Bytes of a cache line, which come from memory together, and of a register."""


class Bitmaps(NamedTuple):
    """A layer in parts of rows, one part per thread. Made by `lay_out`.

    Attributes
    ----------
    data : uint8 array
        Columns, one part's after the other's. A column has, for each 128 rows, a word of its bitmap, 8 bytes, and then
        the word's codes. Bit b of word w is 1 where row `128 w + 2 b` of the part, or the row after it, is kept. One
        byte for each 1 follows, with the first row's code in the low half and the second's in the high half; 0 is no
        weight. The last column of a part is empty: it fills up columns that are expanded together.
    start : int64 array of shape `(parts, n_columns + 2)`
        Bytes of `data` at which the columns of a part begin, and at which the last one ends.
    words : int
        Words of a column's bitmap.
    """

    data: NDArray[np.uint8]
    start: NDArray[np.int64]
    words: int

    @property
    def parts(self) -> int:
        """Number of parts."""
        return len(self.start)

    @property
    def height(self) -> int:
        """Rows of a part, those beyond the layer's among them."""
        return self.words * ROWS

    def part(self, number: int) -> tuple[NDArray[np.uint8], NDArray[np.int64], int]:
        """Return one part: the data of all, where its columns begin, and the words of their bitmaps."""
        return self.data, self.start[number], self.words

    @property
    def n_bytes(self) -> int:
        """Size of all of it."""
        return self.data.nbytes + self.start.nbytes

    def copy(self) -> Bitmaps:
        """A copy elsewhere in memory."""
        return Bitmaps(self.data.copy(), self.start.copy(), self.words)


def words_of(n_out: int, parts: int = 1) -> int:
    """Count the words of a column's bitmap in one of so many parts."""
    return -(-n_out // (ROWS * parts))


def can_expand() -> bool:
    """Tell whether this processor has the instructions, and the user has not turned them off."""
    return can_run(NEEDED)


def can_run(needed: frozenset[str]) -> bool:
    """Tell whether this processor has these instructions, and the user has not turned them off."""
    return os.environ.get(SWITCH, "1") != "0" and needed <= _instructions()


@cache
def _instructions() -> set[str]:
    """Name what both numba compiles for and this processor has."""
    import numba
    from llvmlite import binding

    known: Any = numba  # whose types do not know every name
    if known.config.DISABLE_JIT:
        return set()
    return {name for name, there in binding.get_host_cpu_features().items() if there} & compiled_features()


def compiled_features() -> set[str]:
    """Name the instructions that numba compiles for: this processor's, unless its settings say otherwise."""
    from numba.core.registry import cpu_target

    triple, _, features = cpu_target.target_context.codegen().magic_tuple()
    return {name[1:] for name in features.split(",") if name.startswith("+")} if "x86_64" in triple else set()


def aligned(shape: tuple[int, ...], dtype: type[np.generic]) -> NDArray[Any]:
    """Make an array of zeros that begins at a multiple of 64 bytes."""
    n_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    room = np.zeros(n_bytes + LINE, np.uint8)
    first = -room.ctypes.data % LINE
    return room[first : first + n_bytes].view(dtype).reshape(shape)
