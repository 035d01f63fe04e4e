"""Ones of words of 64 bits, for compiled kernels."""

from __future__ import annotations

import numpy as np

from eie._compile import Part

# As names outside the function they are constants that numba need not make: it compiles faster.
_ONE, _TWO, _FOUR, _LAST_BYTE = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(56)
_PAIRS, _FOURS = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333)
_BYTES, _SUM = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(0x0101010101010101)


@Part
def ones(word):  # type: ignore[no-untyped-def]
    """Count the ones by pairs, fours and bytes, whose counts a product adds up: compilers make an instruction of it."""
    pairs = word - ((word >> _ONE) & _PAIRS)
    fours = (pairs & _FOURS) + ((pairs >> _TWO) & _FOURS)
    return (((fours + (fours >> _FOUR)) & _BYTES) * _SUM) >> _LAST_BYTE
