"""Bits of a word, and layers written as bitmaps: what any processor can do."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
from llvmlite import ir
from numba import extending
from numpy.typing import NDArray

from eie._sums.bitmap import LINE, WORD, Bitmaps, words_of

intrinsic: Any = extending.intrinsic
"""The decorator, without its types: they take a call of the intrinsic for one of the function that it decorates."""

_ONE = np.uint64(1)


def lay_out(indptr: NDArray[Any], rows: NDArray[Any], codes: NDArray[Any], n_out: int, parts: int = 1) -> Bitmaps:
    """Lay out a matrix that is given by columns, rows rising and codes of 1..15, for so many threads."""
    words = words_of(n_out, parts)
    parts = -(-n_out // (WORD * words))
    masks = np.zeros((parts, len(indptr), words), np.uint64)
    start = np.empty((parts, len(indptr) + 1), np.int64)
    nibbles = np.zeros(len(rows) + LINE, np.uint8)  # the last ones are read a register at a time
    end = _fill(indptr, rows, codes, masks, nibbles, start)
    return Bitmaps(masks, nibbles[: end + LINE].copy(), start)


@intrinsic
def lowest(_, mask):  # type: ignore[no-untyped-def]
    """Find the place of the lowest one of a word that is not 0."""
    is_never_zero = ir.IntType(1)(1)
    return nb.uint64(nb.uint64), lambda _, builder, __, arguments: builder.cttz(arguments[0], is_never_zero)


@intrinsic
def prefetch(_, array, index):  # type: ignore[no-untyped-def]
    """Ask the memory for the cache line of an array's element, without waiting for it."""

    def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        ask(builder, builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer()))
        return context.get_dummy_value()

    return nb.void(array, nb.int64), codegen


def ask(builder: Any, place: Any) -> None:
    """Emit the code that asks the memory for the cache line of a place."""
    number = ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
    to_read, all_caches, is_data = (number(value) for value in (0, 3, 1))
    function = builder.module.declare_intrinsic("llvm.prefetch", [place.type], kind)
    builder.call(function, [place, to_read, all_caches, is_data])


@nb.njit(cache=True, nogil=True)
def active_columns(x, together):  # type: ignore[no-untyped-def]
    """List the columns whose input is not 0, and the empty one until there is a multiple of `together`.

    Return the inputs, too, with the empty column's 0.
    """
    inputs, active = np.zeros(len(x) + 1, x.dtype), np.empty(len(x) + together, np.int64)
    n = 0
    for j in range(len(x)):
        inputs[j] = x[j]
        active[n] = j  # the next one is written over it unless this is not 0: a processor cannot foresee a branch here
        n += x[j] != 0
    while n % together:
        active[n] = len(x)
        n += 1
    return inputs, active[:n]


@nb.njit(cache=True, nogil=True)
def _fill(indptr, rows, codes, masks, nibbles, start):  # type: ignore[no-untyped-def]
    """Write bitmaps and codes, and where each column's codes begin; return where the last one's end."""
    at = 0
    height = WORD * masks.shape[2]
    for part in range(masks.shape[0]):
        for j in range(len(indptr) - 1):
            start[part, j] = at
            pair, low, high = 0, 0, 0
            for e in range(indptr[j], indptr[j + 1]):
                row = rows[e] - part * height
                if row < 0 or row >= height:
                    continue
                if row // (2 * WORD) != pair:
                    at, pair, low, high = at + max(low, high), row // (2 * WORD), 0, 0
                masks[part, j, row // WORD] |= _ONE << np.uint64(row % WORD)
                if row // WORD % 2:
                    nibbles[at + high] |= codes[e] << 4
                    high += 1
                else:
                    nibbles[at + low] |= codes[e]
                    low += 1
            at += max(low, high)
        start[part, len(indptr) - 1 :] = at
    return at
