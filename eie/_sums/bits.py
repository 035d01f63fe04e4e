"""Bits of a word, and layers written as bitmaps: what any processor can do."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
from llvmlite import ir
from numba import extending
from numpy.typing import NDArray

from eie._sums.bitmap import AHEAD, LINE, ROWS, WORD_BYTES, Bitmaps, words_of

intrinsic: Any = extending.intrinsic
"""The decorator, without its types: they take a call of the intrinsic for one of the function that it decorates."""

_ONE, _TWO, _IN_WORD = np.uint64(1), np.uint64(2), np.uint64(ROWS - 1)


def lay_out(indptr: NDArray[Any], rows: NDArray[Any], codes: NDArray[Any], n_out: int, parts: int = 1) -> Bitmaps:
    """Lay out a matrix that is given by columns, rows rising and codes of 1..15, for so many threads."""
    words = words_of(n_out, parts)
    start = np.empty((-(-n_out // (ROWS * words)), len(indptr) + 1), np.int64)
    # Each entry has a byte at most. The last codes are read a register at a time.
    data = np.zeros(start.size * words * WORD_BYTES + len(rows) + LINE, np.uint8)
    _fill(indptr, rows, codes, words, data, start)
    return Bitmaps(data[: start[-1, -1] + LINE].copy(), start, words)


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
def active_columns(x, start, together):  # type: ignore[no-untyped-def]
    """Bring the inputs that are not 0 together, and where their columns begin.

    The empty column, whose input is 0, follows until there is a multiple of `together`, and then as often as the memory
    is asked for columns in advance.
    """
    inputs, at = np.zeros(len(x) + together, x.dtype), np.empty(len(x) + together + AHEAD, np.int64)
    n = 0
    for j in range(len(x)):
        # The next one is written over it unless this is not 0: a processor cannot foresee a branch here.
        inputs[n], at[n] = x[j], start[j]
        n += x[j] != 0
    padded = -(-n // together) * together
    for i in range(n, padded + AHEAD):
        at[i] = start[len(x)]
    inputs[n:padded] = 0
    return inputs[:padded], at


@nb.njit(cache=True, nogil=True)
def lines_of_a_word(start, words, together):  # type: ignore[no-untyped-def]
    """Say how many cache lines to ask for with each word, so that all of as many columns are asked for in time."""
    n_columns = len(start) - 2
    lines = (start[n_columns] - start[0]) // (LINE * max(n_columns, 1)) + 2  # of a column, of which two may be in part
    return -(-together * lines // words)


@nb.njit(cache=True, nogil=True)
def _fill(indptr, rows, codes, words, data, start):  # type: ignore[no-untyped-def]
    """Write bitmaps and codes, and where the columns of each part begin."""
    at, height = 0, words * ROWS
    e = indptr[:-1].copy()
    for part in range(start.shape[0]):
        for j in range(len(indptr) - 1):
            start[part, j] = at
            for word in range(words):
                end = part * height + (word + 1) * ROWS
                at, e[j] = _fill_word(e[j], indptr[j + 1], end, rows, codes, data, at)
        start[part, len(indptr) - 1] = at
        at += words * WORD_BYTES
        start[part, len(indptr)] = at


@nb.njit(cache=True, nogil=True)
def _fill_word(e, last, end, rows, codes, data, at):  # type: ignore[no-untyped-def]
    """Write the word of the rows before `end` and its codes; return where the next one begins, and with which entry."""
    code_at, mask, pair = np.uint64(at + WORD_BYTES - 1), np.uint64(0), np.uint64(ROWS)
    while e < last and rows[e] < end:
        row = np.uint64(rows[e])
        own = (row & _IN_WORD) >> _ONE
        code_at += np.uint64(own != pair)
        data[code_at] |= np.uint64(codes[e]) << ((row & _ONE) << _TWO)
        mask |= _ONE << own
        e, pair = e + 1, own
    for k in range(WORD_BYTES):
        data[at + k] = mask >> np.uint64(8 * k)
    return np.int64(code_at) + 1, e
