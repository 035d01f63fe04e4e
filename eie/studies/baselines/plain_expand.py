"""Products of bitmaps by plain loops over their ones, for a processor that cannot expand them."""

from __future__ import annotations

import numba as nb
import numpy as np
from llvmlite import ir

from eie._sums.add import HIGH
from eie._sums.bitmap import CODES, ROWS, SUM_BITS, WORD_BYTES
from eie._sums.bits import intrinsic

_ONE = np.uint64(1)


@intrinsic
def lowest(_, mask):  # type: ignore[no-untyped-def]
    """Find the place of the lowest one of a word that is not 0."""
    is_never_zero = ir.IntType(1)(1)
    return nb.uint64(nb.uint64), lambda _, builder, __, arguments: builder.cttz(arguments[0], is_never_zero)


@intrinsic
def word_at(_, data, at):  # type: ignore[no-untyped-def]
    """Read 64 bits that begin at a byte, the lowest first."""

    def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        first = builder.gep(context.make_array(signature.args[0])(context, builder, arguments[0]).data, [arguments[1]])
        word = builder.load(builder.bitcast(first, ir.IntType(64).as_pointer()))
        word.align = 1
        return word

    return nb.uint64(data, nb.int64), codegen


@nb.njit(cache=True, nogil=True)
def multiply(data, start, words, table, x, sums):  # type: ignore[no-untyped-def]
    """Add the products of one part and one input of 8 bits to sums in the order of rows."""
    for j in np.flatnonzero(x):
        at = start[j]
        for word in range(words):
            mask, at = word_at(data, at), at + WORD_BYTES
            while mask:
                row = word * ROWS + 2 * lowest(mask)
                sums[row] += np.int32(np.int8(table[data[at] & 15])) * np.int32(x[j])
                sums[row + 1] += np.int32(np.int8(table[data[at] >> 4])) * np.int32(x[j])
                mask, at = mask & (mask - _ONE), at + 1


@nb.njit(cache=True, nogil=True)
def add(data, start, words, weights, vectors, left, right, begin, room, out):  # type: ignore[no-untyped-def]
    """Multiply as `eie._sums.add.add` does; sums are clipped one addition after the other, columns rising."""
    beyond, clipped = np.int64(0), False
    terms = np.zeros(CODES, np.int64)
    for v in range(len(vectors)):
        room[:] = begin
        for j in np.flatnonzero(vectors[v]):
            for code in range(1, CODES):
                terms[code] = (((weights[code] * vectors[v, j]) << left) + ((np.int64(1) << right) >> 1)) >> right
                beyond |= (terms[code] + HIGH + 1) >> SUM_BITS
            clipped |= _add(data, start[j], words, terms, room)
        out[v] = room
    return beyond == 0, clipped


@nb.njit(cache=True, nogil=True)
def _add(data, at, words, terms, sums):  # type: ignore[no-untyped-def]
    """Add a column's terms; return whether an addition was clipped."""
    clipped = False
    for word in range(words):
        mask, at = word_at(data, at), at + WORD_BYTES
        while mask:
            for half in range(2):
                row = word * ROWS + 2 * lowest(mask) + half
                total = sums[row] + terms[data[at] >> (4 * half) & 15]
                sums[row] = min(max(total, -HIGH - 1), HIGH)
                clipped |= sums[row] != total
            mask, at = mask & (mask - _ONE), at + 1
    return clipped
