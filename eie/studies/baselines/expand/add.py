"""Sums of 16-bit terms, each addition clipped to 16 bits, as the paper's accumulators do (ISCA 2016, section IV).

A column has one input, so its terms are as many as there are shared weights. Clipping makes the order matter: columns
rise, as on the machine.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from eie.studies.baselines.expand.bitmap import WORD
from eie.studies.baselines.expand.bits import intrinsic, lowest, prefetch
from eie.studies.baselines.expand.registers import BYTES, CODES, I8, I64, WORDS, Code

COLUMNS = 4
"""Columns between reading a sum and writing it."""
LINE = 64
"""Bytes that come from memory together."""
HIGH = 2**15 - 1
"""The largest sum; the smallest is one further from 0."""
_FOUR = nb.types.UniTuple(nb.uint64, COLUMNS)
_ONE = np.uint64(1)


@intrinsic
def _add_four(_, masks, nibbles, tables, sums, mask_at, nibble_at, word):  # type: ignore[no-untyped-def]
    """Add two words of four columns' terms to their sums; return where the columns' next codes begin.

    `tables` are low and high bytes of each column's terms.
    """

    def codegen(*given):  # type: ignore[no-untyped-def]
        code = Code(*given)
        mask_at, nibble_at = (code.parts(each) for each in code.arguments[4:6])
        first = code.builder.mul(code.arguments[6], I64(WORD))
        masks = code.masks(mask_at, code.arguments[6])
        for half, own in enumerate(masks):
            places = [code.pointer(3, code.plus(first, half * WORD + 32 * k), WORDS) for k in range(2)]
            sums = [code.load(place) for place in places]
            for c, mask in enumerate(own):
                codes = code.spread(code.codes(code.pointer(1, nibble_at[c], BYTES), half), mask)
                for k, terms in enumerate(_terms(code, c, codes)):
                    sums[k] = code.call("llvm.sadd.sat.v32i16", WORDS, sums[k], terms)
            for total, place in zip(sums, places, strict=True):
                code.store(total, place)
        return code.together(code.after(nibble_at, masks))

    return _FOUR(masks, nibbles, tables, sums, _FOUR, _FOUR, nb.uint64), codegen


def _terms(code: Code, column: int, codes: Any) -> list[Any]:
    """Look up a column's terms for 64 codes, low and high bytes apart, and put the bytes together."""
    tables = [code.table(code.pointer(2, I64(CODES * (2 * column + high)), I8)) for high in (0, 1)]
    return [code.builder.bitcast(each, WORDS) for each in code.paired(*(code.looked_up(t, codes) for t in tables))]


@nb.njit(cache=True, nogil=True)
def add(masks, nibbles, start, weights, x, active, left, right, sums):  # type: ignore[no-untyped-def]
    """Add one part's active columns, a multiple of four, to sums in the order of the lanes.

    A term is a weight times the column's input, shifted left, then right with halves rounded up. Return whether all
    terms fit 16 bits; the sums are good only if they do.
    """
    words = masks.shape[1]
    flat, tables = masks.reshape(-1), np.zeros(2 * CODES * COLUMNS, np.uint8)
    beyond = np.int64(0)
    for k in range(0, len(active), COLUMNS):
        for i in range(COLUMNS):
            beyond |= _fill_tables(weights, x[active[k + i]], left, right, tables[2 * CODES * i :])
        a, b, c, d = active[k], active[k + 1], active[k + 2], active[k + 3]
        mask_at = np.uint64(a * words), np.uint64(b * words), np.uint64(c * words), np.uint64(d * words)
        nibble_at = np.uint64(start[a]), np.uint64(start[b]), np.uint64(start[c]), np.uint64(start[d])
        for word in range(0, words, 2):
            later, line = active[min(k + COLUMNS + word // 2 % COLUMNS, len(active) - 1)], word // 8
            prefetch(flat, later * words + 8 * line)
            if start[later] + LINE * line < start[later + 1]:
                prefetch(nibbles, start[later] + LINE * line)
            nibble_at = _add_four(flat, nibbles, tables, sums, mask_at, nibble_at, np.uint64(word))
    return beyond == 0


@nb.njit(cache=True, nogil=True)
def _fill_tables(weights, x, left, right, tables):  # type: ignore[no-untyped-def]
    """Write low, then high bytes of a column's terms; return a number that is not 0 where a term is beyond 16 bits."""
    beyond = np.int64(0)
    for code in range(1, CODES):
        term = _term(weights[code], x, left, right)
        tables[code], tables[CODES + code] = term & 255, (term >> 8) & 255
        beyond |= _excess(term)
    return beyond


@nb.njit(cache=True, nogil=True)
def _term(weight, x, left, right):  # type: ignore[no-untyped-def]
    return (((weight * x) << left) + ((np.int64(1) << right) >> 1)) >> right


@nb.njit(cache=True, nogil=True)
def _excess(term):  # type: ignore[no-untyped-def]
    """Return a number that is not 0 where a term is beyond 16 bits."""
    return (term + HIGH + 1) >> 16


@nb.njit(cache=True, nogil=True)
def add_plainly(masks, nibbles, start, weights, x, active, left, right, sums):  # type: ignore[no-untyped-def]
    """Add as `add` does, on any processor, to sums in the order of rows."""
    beyond, terms = np.int64(0), np.zeros(CODES, np.int64)
    longest = 0
    for j in active:
        at = start[j]
        for code in range(1, CODES):
            terms[code] = _term(weights[code], x[j], left, right)
            beyond |= _excess(terms[code])
        for word in range(masks.shape[1]):
            mask, n = masks[j, word], 0
            while mask:
                row = word * WORD + lowest(mask)
                total = sums[row] + terms[nibbles[at + n] >> (4 * (word % 2)) & 15]
                sums[row] = min(max(total, -HIGH - 1), HIGH)
                mask, n = mask & (mask - _ONE), n + 1
            longest = n if word % 2 == 0 else max(longest, n)
            at += longest * (word % 2)
    return beyond == 0
