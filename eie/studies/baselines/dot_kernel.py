"""Dot products of a layer's 8-bit weights and 8-bit inputs, summed in 32 bits.

Columns are taken four at a time, since the instruction adds four products to a sum. It takes unsigned inputs, as they
are after a ReLU, and signed weights.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from eie._sums.bitmap import AHEAD, TOGETHER, WORD
from eie._sums.bits import active_columns, intrinsic, lowest
from eie._sums.registers import BYTES, I8, I64, SUMS, WORDS, Code

TILE = 64
"""Columns whose weights are expanded once for all inputs of a batch."""
_EIGHT = nb.types.UniTuple(nb.uint64, TOGETHER)
_FOUR = nb.types.UniTuple(nb.uint64, 4)
_ONE, _TWO, _ABOVE = np.uint64(1), np.uint64(2), ~np.uint64(WORD - 1)


def _expanded_four(code: Code, table: Any, masks: list[Any], packed: list[Any], half: int) -> list[Any]:
    """Expand a word of four columns: to four registers, with four columns' weights of a row in each 32 bits."""
    columns = [
        code.spread(code.looked_up(table, code.codes(codes, half)), mask)
        for mask, codes in zip(masks, packed, strict=True)
    ]
    low, high = code.paired(*columns[:2]), code.paired(*columns[2:])
    registers = []
    for pair in zip(low, high, strict=True):
        registers += code.paired(*(code.builder.bitcast(each, WORDS) for each in pair))
    return registers


@intrinsic
def _dot_eight(_, masks, nibbles, table, inputs, sums, mask_at, nibble_at, words, next_at):  # type: ignore[no-untyped-def]
    """Add eight columns times their inputs to all sums."""

    def codegen(*given):  # type: ignore[no-untyped-def]
        code = Code(*given)
        table = code.table(code.pointer(2, I64(0), I8))
        inputs = [code.four_inputs(code.pointer(3, I64(g), I8)) for g in range(0, TOGETHER, 4)]
        mask_at, first_nibbles = (code.parts(each) for each in code.arguments[5:7])
        nibble_at = [code.variable(each) for each in first_nibbles]
        with code.loop(code.arguments[7], 2) as word:
            code.prefetch_columns(8, word, TOGETHER)
            masks, at = code.masks(mask_at, word), [code.builder.load(each) for each in nibble_at]
            packed = [code.load(code.pointer(1, each, BYTES)) for each in at]
            for half, own in enumerate(masks):
                first = code.plus(code.builder.mul(word, I64(WORD)), half * WORD)
                places = [code.pointer(4, code.plus(first, 16 * k), SUMS) for k in range(4)]
                sums = [code.load(place) for place in places]
                for g in range(0, TOGETHER, 4):
                    weights = _expanded_four(code, table, own[g : g + 4], packed[g : g + 4], half)
                    sums = [code.dotted(t, inputs[g // 4], w) for t, w in zip(sums, weights, strict=True)]
                for total, place in zip(sums, places, strict=True):
                    code.store(total, place)
            for variable, end in zip(nibble_at, code.after(at, masks), strict=True):
                code.builder.store(end, variable)
        return code.context.get_dummy_value()

    return nb.void(masks, nibbles, table, inputs, sums, _EIGHT, _EIGHT, nb.int64, next_at), codegen


@intrinsic
def _expand_four(_, masks, nibbles, table, tile, mask_at, nibble_at, at):  # type: ignore[no-untyped-def]
    """Write two words of four columns to a tile, `at` on; return where the columns' next codes begin."""

    def codegen(*given):  # type: ignore[no-untyped-def]
        code = Code(*given)
        mask_at, nibble_at = (code.parts(each) for each in code.arguments[4:6])
        masks, table = code.masks(mask_at, I64(0)), code.table(code.pointer(2, I64(0), I8))
        packed = [code.load(code.pointer(1, each, BYTES)) for each in nibble_at]
        for half, own in enumerate(masks):
            for k, weights in enumerate(_expanded_four(code, table, own, packed, half)):
                place = code.pointer(3, code.plus(code.arguments[6], half * WORD * TILE + 64 * k), BYTES)
                code.store(code.builder.bitcast(weights, BYTES), place)
        return code.together(code.after(nibble_at, masks))

    return _FOUR(masks, nibbles, table, tile, _FOUR, _FOUR, nb.uint64), codegen


@intrinsic
def _dot_tile(_, tile, inputs, sums, tile_at, input_at, sum_at):  # type: ignore[no-untyped-def]
    """Add a word of a tile's 64 columns times one input to its sums."""

    def codegen(*given):  # type: ignore[no-untyped-def]
        code = Code(*given)
        tile_at, input_at, sum_at = code.arguments[3:]
        places = [code.pointer(2, code.plus(sum_at, 16 * k), SUMS) for k in range(4)]
        sums = [code.load(place) for place in places]
        for g in range(0, TILE, 4):
            x = code.four_inputs(code.pointer(1, code.plus(input_at, g), I8))
            own = [code.load(code.pointer(0, code.plus(tile_at, 64 * (g + k)), BYTES)) for k in range(4)]
            sums = [code.dotted(total, x, weights) for total, weights in zip(sums, own, strict=True)]
        for total, place in zip(sums, places, strict=True):
            code.store(total, place)
        return code.context.get_dummy_value()

    return nb.void(tile, inputs, sums, nb.uint64, nb.uint64, nb.uint64), codegen


@nb.njit(cache=True, nogil=True)
def multiply(masks, nibbles, start, table, x, active, sums):  # type: ignore[no-untyped-def]
    """Add the products of one part's active columns, a multiple of eight, to sums in the order of the lanes.

    `x` has one input per column, the empty one's 0.
    """
    words, flat = masks.shape[1], masks.reshape(-1)
    inputs, next_at = np.empty(TOGETHER, np.uint8), np.empty(3 * TOGETHER, np.int64)
    for k in range(0, len(active), TOGETHER):
        for i in range(TOGETHER):
            later = active[min(k + AHEAD + i, len(active) - 1)]
            next_at[i], next_at[TOGETHER + i] = later * words, start[later]
            next_at[2 * TOGETHER + i] = start[later + 1]
            inputs[i] = x[active[k + i]]
        mask_at, nibble_at = _eight(active, k, words, start)
        _dot_eight(flat, nibbles, table, inputs, sums, mask_at, nibble_at, words, next_at)


@nb.njit(cache=True, nogil=True)
def multiply_one(masks, nibbles, start, table, x, levels_of_one, bias_level, worth, sums, out):  # type: ignore[no-untyped-def]
    """Round one input to 8 bits, multiply one part with it, and write the products to `out`, by rows."""
    levels = np.empty(len(masks) - 1, np.uint8)
    for j in range(len(x)):
        levels[j] = np.uint8(np.rint(x[j] * levels_of_one))
    levels[len(x) :] = bias_level
    padded, active = active_columns(levels, TOGETHER)
    multiply(masks, nibbles, start, table, padded, active, sums)
    for row in range(len(out)):
        i = np.uint64(row)
        # Of a word's 64 sums, 16 rows lie in the four lanes of each register, four in each.
        lane = (i & _ABOVE) | ((i & np.uint64(12)) << _TWO) | ((i & np.uint64(48)) >> _TWO) | (i & np.uint64(3))
        out[row] = np.float32(sums[lane]) * worth


@nb.njit(cache=True, nogil=True)
def _eight(active, k, words, start):  # type: ignore[no-untyped-def]
    """Say where the masks and the codes of eight columns begin."""
    a, b, c, d = active[k], active[k + 1], active[k + 2], active[k + 3]
    e, f, g, h = active[k + 4], active[k + 5], active[k + 6], active[k + 7]
    u = np.uint64
    masks = (
        u(a * words), u(b * words), u(c * words), u(d * words), u(e * words), u(f * words), u(g * words), u(h * words)
    )  # fmt: skip
    return masks, (
        u(start[a]), u(start[b]), u(start[c]), u(start[d]), u(start[e]), u(start[f]), u(start[g]), u(start[h])
    )  # fmt: skip


@nb.njit(cache=True, nogil=True, parallel=True)
def multiply_on_threads(masks, nibbles, start, table, x, active, sums):  # type: ignore[no-untyped-def]
    """Multiply all parts, each on a thread of its own."""
    for part in nb.prange(masks.shape[0]):
        multiply(masks[part], nibbles, start[part], table, x, active, sums[part])


@nb.njit(cache=True, nogil=True)
def multiply_batch(masks, nibbles, start, table, x, active, tile, sums):  # type: ignore[no-untyped-def]
    """Add the products of a batch to sums of shape `(batch, rows)`; each weight is expanded once.

    `x` has the inputs of the active columns only, a multiple of 64.
    """
    words = masks.shape[1]
    flat, flat_x, flat_sums = masks.reshape(-1), x.reshape(-1), sums.reshape(-1)
    at = np.empty(TILE, np.uint64)
    for k in range(0, len(active), TILE):
        for i in range(TILE):
            at[i] = start[active[k + i]]
        for word in range(0, words, 2):
            for i in range(0, TILE, 4):
                a, b, c, d = active[k + i], active[k + i + 1], active[k + i + 2], active[k + i + 3]
                mask_at = (
                    np.uint64(a * words + word), np.uint64(b * words + word),
                    np.uint64(c * words + word), np.uint64(d * words + word),
                )  # fmt: skip
                nibble_at = at[i], at[i + 1], at[i + 2], at[i + 3]
                after = _expand_four(flat, nibbles, table, tile, mask_at, nibble_at, np.uint64(64 * i))
                at[i], at[i + 1], at[i + 2], at[i + 3] = after
            for b in range(len(x)):
                first, sum_at = np.uint64(b * x.shape[1] + k), np.uint64((b * words + word) * WORD)
                _dot_tile(tile, flat_x, flat_sums, np.uint64(0), first, sum_at)
                _dot_tile(tile, flat_x, flat_sums, np.uint64(TILE * WORD), first, sum_at + np.uint64(WORD))


@nb.njit(cache=True, nogil=True, parallel=True)
def multiply_batch_on_threads(masks, nibbles, start, table, x, active, tiles, sums):  # type: ignore[no-untyped-def]
    """Multiply a batch by all parts, each on a thread of its own."""
    for part in nb.prange(masks.shape[0]):
        multiply_batch(masks[part], nibbles, start[part], table, x, active, tiles[part], sums[part])


@nb.njit(cache=True, nogil=True)
def multiply_plainly(masks, nibbles, start, table, x, active, sums):  # type: ignore[no-untyped-def]
    """Add the products of one part's active columns to sums in the order of rows, on any processor."""
    longest = 0
    for j in active:
        at = start[j]
        for word in range(masks.shape[1]):
            mask, n = masks[j, word], 0
            while mask:
                code = nibbles[at + n] >> (4 * (word % 2)) & 15
                sums[word * WORD + lowest(mask)] += np.int32(np.int8(table[code])) * np.int32(x[j])
                mask, n = mask & (mask - _ONE), n + 1
            longest = n if word % 2 == 0 else max(longest, n)
            at += longest * (word % 2)
