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

from eie._sums.bitmap import AHEAD, CODES, ROWS, SUM_BITS
from eie._sums.bits import active_columns, intrinsic, lines_of_a_word
from eie._sums.registers import I16, I64, WORDS, Code

COLUMNS = 4
"""Columns between reading a sum and writing it."""
REGISTERS = 4
"""Registers of a word's sums: row i's is in register `i % 4`."""
HALVES = WORDS.count
"""Sums in a register."""
HIGH = 2**15 - 1
"""The largest sum; the smallest is one further from 0."""
LONGS = ir.VectorType(I64, CODES)
_TWO, _THREE, _FIVE, _IN_WORD = np.uint64(2), np.uint64(3), np.uint64(5), np.uint64(ROWS - 1)


@intrinsic
def _add_four(_, data, weights, sums, inputs, at, k, shifts, words, lines):  # type: ignore[no-untyped-def]
    """Add the terms of four columns, the k-th and on, to all sums; return whether any term or sum is beyond 16 bits.

    `shifts` are left, right, and what is added in between to round. That a sum was beyond shows in that it was clipped.
    """

    def codegen(*given):  # type: ignore[no-untyped-def]
        code = Code(*given)
        k, shifts, words, lines = code.arguments[5], code.parts(code.arguments[6]), *code.arguments[7:]
        inputs = [code.builder.load(code.pointer(3, code.plus(k, i), I64)) for i in range(COLUMNS)]
        wide = [_wide_terms(code, each, *shifts) for each in inputs]
        excess = functools.reduce(code.builder.or_, [_excess(code, each) for each in wide])
        terms = [code.repeated(code.builder.trunc(each, ir.VectorType(I16, CODES))) for each in wide]
        columns = code.columns(4, k, COLUMNS)
        clipped = [code.variable(ir.Constant(WORDS, None)) for _ in range(REGISTERS)]
        with code.loop(words) as word:
            code.ask_ahead(4, code.plus(k, AHEAD), COLUMNS, word, lines)
            _add_word(code, word, code.expanded(columns), terms, clipped)
        any_clipped = functools.reduce(code.builder.or_, [code.builder.load(each) for each in clipped])
        return code.together([code.any(excess), code.any(any_clipped)])

    found = nb.types.UniTuple(nb.boolean, 2)
    three = nb.types.UniTuple(nb.int64, 3)
    return found(data, weights, sums, inputs, at, nb.int64, three, nb.int64, nb.int64), codegen


def _wide_terms(code: Code, x: Any, left: Any, right: Any, half: Any) -> Any:
    """Multiply the 16 weights of the second argument with an input, and shift the products."""
    weights = code.load(code.pointer(1, I64(0), LONGS))
    x, left, right, half = (code.filled(LONGS, each) for each in (x, left, right, half))
    return code.builder.ashr(code.builder.add(code.builder.shl(code.builder.mul(weights, x), left), half), right)


def _excess(code: Code, terms: Any) -> Any:
    """Return numbers that are not 0 where a term is beyond 16 bits."""
    above = code.builder.add(terms, ir.Constant(LONGS, [HIGH + 1] * CODES))
    return code.builder.ashr(above, ir.Constant(LONGS, [SUM_BITS] * CODES))


def _add_word(code: Code, word: Any, columns: list[Any], terms: list[Any], clipped: list[Any]) -> None:
    """Add a word of the columns; set bits of `clipped` where a sum is not what it would be without clipping.

    Four rows' codes are in 16 bits, so each register has the sums of every fourth row.
    """
    first = code.builder.mul(word, I64(ROWS))
    places = [code.pointer(2, code.plus(first, HALVES * k), WORDS) for k in range(REGISTERS)]
    sums, differ = [code.load(place) for place in places], [code.builder.load(each) for each in clipped]
    for codes, own in zip(columns, terms, strict=True):
        for k in range(REGISTERS):
            term = _looked_up(code, own, code.builder.bitcast(codes, WORDS), 4 * k)
            free = code.builder.add(sums[k], term)
            sums[k] = code.call("llvm.sadd.sat.v32i16", WORDS, sums[k], term)
            differ[k] = code.builder.or_(differ[k], code.builder.xor(sums[k], free))
    for k in range(REGISTERS):
        code.builder.store(differ[k], clipped[k])
        code.store(sums[k], places[k])


def _looked_up(code: Code, terms: Any, words: Any, shift: int) -> Any:
    """Look 32 codes up that begin at a bit of words, in `terms`: the bits above a code do not matter."""
    moved = code.builder.lshr(words, ir.Constant(WORDS, [shift] * HALVES)) if shift else words
    return code.call("llvm.x86.avx512.permvar.hi.512", WORDS, terms, moved)


@nb.njit(cache=True, nogil=True)
def add(data, start, words, weights, vectors, left, right, begin, room, out):  # type: ignore[no-untyped-def]
    """Multiply one part with vectors; write the sums, which start from `begin`, to `out`, a row for each vector.

    A term is a weight times an input, shifted left, then right with halves rounded up. `room` is for the sums of all
    words, and begins at a cache line. Return whether all terms fit 16 bits, without which the sums are not good, and
    whether an addition was clipped.
    """
    fits, clipped = True, False
    for v in range(len(vectors)):
        for row in range(len(begin)):
            room[_lane(row)] = begin[row]
        inputs, at = active_columns(vectors[v], start, COLUMNS)
        lines = lines_of_a_word(start, words, COLUMNS)
        found = _add_columns(data, weights, inputs, at, left, right, words, lines, room)
        for row in range(len(begin)):
            out[v, row] = room[_lane(row)]
        fits, clipped = fits & found[0], clipped | found[1]
    return fits, clipped


@nb.njit(cache=True, nogil=True)
def _lane(row):  # type: ignore[no-untyped-def]
    """Find the place of a row's sum: of each word, every fourth row's come first."""
    row = np.uint64(row)
    return (row & ~_IN_WORD) | ((row & _THREE) << _FIVE) | ((row & _IN_WORD) >> _TWO)


@nb.njit(cache=True, nogil=True)
def _add_columns(data, weights, inputs, at, left, right, words, lines, sums):  # type: ignore[no-untyped-def]
    """Add the active columns, a multiple of four, to sums in the order of the lanes."""
    shifts = left, right, (np.int64(1) << right) >> 1
    beyond, clipped = False, False
    for k in range(0, len(inputs), COLUMNS):
        found = _add_four(data, weights, sums, inputs, at, k, shifts, words, lines)
        beyond, clipped = beyond | found[0], clipped | found[1]
    return not beyond, clipped
