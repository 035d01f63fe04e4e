"""The layout: bitmaps and packed codes of a layer, and whether this processor can expand them."""

from __future__ import annotations

import os
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

WORD = 64
"""Rows of a word of the bitmap."""
AHEAD = 16
"""Columns from one that is expanded to one that the memory is asked for meanwhile."""
SUM_BITS = 16
"""Bits of a saturating sum: those of the paper's accumulators (ISCA 2016, section IV)."""
CODES = 16
"""Values of a code of four bits."""
TOGETHER = 8
"""Columns that are expanded in one turn."""
NEEDED = frozenset(["avx512f", "avx512bw", "avx512vbmi", "avx512vbmi2", "avx512vnni", "popcnt"])
"""LLVM's names of the instructions: 512-bit registers, bytes in them, look-ups, expansion, and dot products."""
SWITCH = "EIE_EXPAND"
"""Environment variable; 0 turns the instructions off."""
LINE = 64
"""Bytes of a cache line, which come from memory together, and of a register."""


class Bitmaps(NamedTuple):
    """A layer in parts of rows, one part per thread. Made by `lay_out`.

    `masks`, uint64 of shape `(parts, n_columns + 1, words)`, have bit `i % 64` of word `i // 64` where row i of the
    part is kept. Words are even in number, and `nibbles`, uint8, hold the codes of two at a time: byte k has the first
    word's k-th code in its low, and the second's in its high half, so that one shift by four brings either down.
    `start`, int64 of shape `(parts, n_columns + 2)`, says where in them a column begins. The last column is empty: it
    fills up the columns of a turn.
    """

    masks: NDArray[np.uint64]
    nibbles: NDArray[np.uint8]
    start: NDArray[np.int64]

    @property
    def words(self) -> int:
        """Words of a column in a part."""
        return self.masks.shape[2]

    @property
    def height(self) -> int:
        """Rows of all parts, those of the last words beyond the layer's among them."""
        return len(self.masks) * self.words * WORD

    def part(self, number: int) -> tuple[NDArray[np.uint64], NDArray[np.uint8], NDArray[np.int64]]:
        """Return one part: its masks, the nibbles of all, and where its columns begin in them."""
        return self.masks[number], self.nibbles, self.start[number]

    @property
    def n_bytes(self) -> int:
        """Size of all of it."""
        return self.masks.nbytes + self.nibbles.nbytes + self.start.nbytes

    def copy(self) -> Bitmaps:
        """A copy elsewhere in memory."""
        return Bitmaps(self.masks.copy(), self.nibbles.copy(), self.start.copy())


def words_of(n_out: int, parts: int = 1) -> int:
    """Count the words of a column in one of so many parts: they are even in number."""
    return 2 * -(-n_out // (2 * WORD * parts))


def can_expand() -> bool:
    """Tell whether this processor has the instructions, and the user has not turned them off."""
    return os.environ.get(SWITCH, "1") != "0" and _has_instructions()


@cache
def _has_instructions() -> bool:
    """Compare what numba compiles for with what this processor has: both must have all of it."""
    import numba
    from llvmlite import binding

    known: Any = numba  # whose types do not know every name
    if known.config.DISABLE_JIT:
        return False
    has = {name for name, there in binding.get_host_cpu_features().items() if there}
    return has & compiled_features() >= NEEDED


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
