"""Sums of 16-bit terms, each addition clipped to 16 bits, as the paper's accumulators do (ISCA 2016, section IV).

A column has one input, so its terms are as many as there are shared weights. Clipping makes the order matter: columns
rise, as on the machine.
"""

from __future__ import annotations

import functools
from typing import Any

import numba as nb
import numpy as np
from llvmlite import ir

from eie._sums.bitmap import AHEAD, CODES, SUM_BITS, WORD
from eie._sums.bits import active_columns, intrinsic, lowest
from eie._sums.registers import BYTES, I16, I64, LONGS, WORDS, Code

COLUMNS = 4
"""Columns between reading a sum and writing it."""
HALF = WORD // 2
"""Sums in a register."""
HIGH = 2**15 - 1
"""The largest sum; the smallest is one further from 0."""
_FOUR = nb.types.UniTuple(nb.uint64, COLUMNS)
_INPUTS = nb.types.UniTuple(nb.int64, COLUMNS)
_ONE, _FIVE, _IN_WORD = np.uint64(1), np.uint64(5), np.uint64(WORD - 1)


@intrinsic
def _add_four(_, masks, nibbles, weights, sums, inputs, shifts, mask_at, nibble_at, words, next_at):  # type: ignore[no-untyped-def]
    """Add the terms of four columns to all sums; return whether a term is beyond 16 bits, and a sum was clipped.

    `inputs` are the columns', and `shifts` left, right, and what is added in between to round.
    """

    def codegen(*given):  # type: ignore[no-untyped-def]
        code = Code(*given)
        inputs, shifts, mask_at, first_nibbles = (code.parts(each) for each in code.arguments[4:8])
        wide = [_wide_terms(code, each, *shifts) for each in inputs]
        excess = functools.reduce(code.builder.or_, [_excess(code, each) for each in wide])
        terms = [code.repeated(code.builder.trunc(each, ir.VectorType(I16, CODES))) for each in wide]
        nibble_at = [code.variable(each) for each in first_nibbles]
        clipped = [code.variable(ir.Constant(WORDS, None)) for _ in range(4)]
        with code.loop(code.arguments[8], 2) as word:
            code.prefetch_columns(9, word, COLUMNS)
            masks, at = code.masks(mask_at, word), [code.builder.load(each) for each in nibble_at]
            packed = [code.load(code.pointer(1, each, BYTES)) for each in at]
            for half, own in enumerate(masks):
                _add_word(code, word, half, own, packed, terms, clipped[2 * half :])
            for variable, end in zip(nibble_at, code.after(at, masks), strict=True):
                code.builder.store(end, variable)
        any_clipped = functools.reduce(code.builder.or_, [code.builder.load(each) for each in clipped])
        return code.together([code.any(excess), code.any(any_clipped)])

    found = nb.types.UniTuple(nb.boolean, 2)
    three = nb.types.UniTuple(nb.int64, 3)
    return found(masks, nibbles, weights, sums, _INPUTS, three, _FOUR, _FOUR, nb.int64, next_at), codegen


def _wide_terms(code: Code, x: Any, left: Any, right: Any, half: Any) -> Any:
    """Multiply the 16 weights of the third argument with an input, and shift the products."""
    weights = code.load(code.pointer(2, I64(0), LONGS))
    x, left, right, half = (code.filled(LONGS, each) for each in (x, left, right, half))
    return code.builder.ashr(code.builder.add(code.builder.shl(code.builder.mul(weights, x), left), half), right)


def _excess(code: Code, terms: Any) -> Any:
    """Return numbers that are not 0 where a term is beyond 16 bits."""
    above = code.builder.add(terms, ir.Constant(LONGS, [HIGH + 1] * CODES))
    return code.builder.ashr(above, ir.Constant(LONGS, [SUM_BITS] * CODES))


def _add_word(code: Code, word: Any, half: int, masks: Any, packed: Any, terms: Any, clipped: Any) -> None:
    """Add a word of the columns; set bits of `clipped` where a sum is not what it would be without clipping.

    Two rows are in the two bytes of a word, so the rows of even numbers are in one register, the others in another.
    """
    first = code.plus(code.builder.mul(word, I64(WORD)), half * WORD)
    places = [code.pointer(3, code.plus(first, HALF * k), WORDS) for k in range(2)]
    sums = [code.load(place) for place in places]
    differ = [code.builder.load(each) for each in clipped[:2]]
    for c, mask in enumerate(masks):
        codes = code.builder.bitcast(code.spread(packed[c], mask), WORDS)
        for k in range(2):
            term = code.looked_up_terms(terms[c], codes, 4 * half + 8 * k)
            free = code.builder.add(sums[k], term)
            sums[k] = code.call("llvm.sadd.sat.v32i16", WORDS, sums[k], term)
            differ[k] = code.builder.or_(differ[k], code.builder.xor(sums[k], free))
    for k in range(2):
        code.builder.store(differ[k], clipped[k])
        code.store(sums[k], places[k])


@nb.njit(cache=True, nogil=True)
def add(masks, nibbles, start, weights, vectors, left, right, begin, room, out):  # type: ignore[no-untyped-def]
    """Multiply one part with vectors; write the sums, which start from `begin`, to `out`, a row for each vector.

    A term is a weight times an input, shifted left, then right with halves rounded up. `room` is for the sums of all
    words, and begins at a cache line. Return whether all terms fit 16 bits, without which the sums are not good, and
    whether an addition was clipped.
    """
    fits, clipped = True, False
    for v in range(len(vectors)):
        for row in range(len(begin)):
            room[_lane(row)] = begin[row]
        inputs, active = active_columns(vectors[v], COLUMNS)
        found = _add_columns(masks, nibbles, start, weights, inputs, active, left, right, room)
        for row in range(len(begin)):
            out[v, row] = room[_lane(row)]
        fits, clipped = fits & found[0], clipped | found[1]
    return fits, clipped


@nb.njit(cache=True, nogil=True)
def _lane(row):  # type: ignore[no-untyped-def]
    """Find the place of a row's sum: of each word, the rows of even numbers come first."""
    row = np.uint64(row)
    return (row & ~_IN_WORD) | ((row & _ONE) << _FIVE) | ((row & _IN_WORD) >> _ONE)


@nb.njit(cache=True, nogil=True)
def _add_columns(masks, nibbles, start, weights, x, active, left, right, sums):  # type: ignore[no-untyped-def]
    """Add the active columns, a multiple of four, to sums in the order of the lanes."""
    words, flat = masks.shape[1], masks.reshape(-1)
    shifts = left, right, (np.int64(1) << right) >> 1
    beyond, clipped = False, False
    u, next_at = np.uint64, np.empty(3 * COLUMNS, np.int64)
    for k in range(0, len(active), COLUMNS):
        for i in range(COLUMNS):
            later = active[min(k + AHEAD + i, len(active) - 1)]
            next_at[i], next_at[COLUMNS + i] = later * words, start[later]
            next_at[2 * COLUMNS + i] = start[later + 1]
        a, b, c, d = active[k], active[k + 1], active[k + 2], active[k + 3]
        inputs, mask_at = (x[a], x[b], x[c], x[d]), (u(a * words), u(b * words), u(c * words), u(d * words))
        nibble_at = u(start[a]), u(start[b]), u(start[c]), u(start[d])
        found = _add_four(flat, nibbles, weights, sums, inputs, shifts, mask_at, nibble_at, words, next_at)
        beyond, clipped = beyond | found[0], clipped | found[1]
    return not beyond, clipped


@nb.njit(cache=True, nogil=True)
def add_plainly(masks, nibbles, start, weights, vectors, left, right, begin, room, out):  # type: ignore[no-untyped-def]
    """Multiply as `add` does, on any processor."""
    beyond, clipped = np.int64(0), False
    terms = np.zeros(CODES, np.int64)
    for v in range(len(vectors)):
        sums = out[v]
        sums[:] = begin
        for j in np.flatnonzero(vectors[v]):
            for code in range(1, CODES):
                terms[code] = (((weights[code] * vectors[v, j]) << left) + ((np.int64(1) << right) >> 1)) >> right
                beyond |= (terms[code] + HIGH + 1) >> SUM_BITS
            clipped |= _add_plainly(masks[j], nibbles, start[j], terms, sums)
    return beyond == 0, clipped


@nb.njit(cache=True, nogil=True)
def _add_plainly(masks, nibbles, at, terms, sums):  # type: ignore[no-untyped-def]
    """Add a column's terms; return whether an addition was clipped."""
    longest, clipped = 0, False
    for word in range(len(masks)):
        mask, n = masks[word], 0
        while mask:
            row = word * WORD + lowest(mask)
            total = sums[row] + terms[nibbles[at + n] >> (4 * (word % 2)) & 15]
            sums[row] = min(max(total, -HIGH - 1), HIGH)
            clipped |= sums[row] != total
            mask, n = mask & (mask - _ONE), n + 1
        longest = n if word % 2 == 0 else max(longest, n)
        at += longest * (word % 2)
    return clipped
