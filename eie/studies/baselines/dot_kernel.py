"""Dot products of a layer's 8-bit weights and 8-bit inputs, summed in 32 bits.

Columns are taken four at a time, since the instruction adds four products to a sum. It takes unsigned inputs, as they
are after a ReLU, and signed weights.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from eie._expand.bitmap import LINE, TOGETHER, WORD
from eie._expand.bits import intrinsic, lowest, prefetch
from eie._expand.registers import BYTES, I8, I64, SUMS, WORDS, Code

TILE = 64
"""Columns whose weights are expanded once for all inputs of a batch."""
_EIGHT = nb.types.UniTuple(nb.uint64, TOGETHER)
_FOUR = nb.types.UniTuple(nb.uint64, 4)
_ONE = np.uint64(1)


def _expanded_four(code: Code, masks: list[Any], nibbles: list[Any], half: int) -> list[Any]:
    """Expand a word of four columns: to four registers, with four columns' weights of a row in each 32 bits.

    The intrinsic's second and third arguments are codes and the table of weights; `nibbles` are places in the codes.
    """
    table = code.table(code.pointer(2, I64(0), I8))
    columns = []
    for mask, at in zip(masks, nibbles, strict=True):
        weights = code.looked_up(table, code.codes(code.pointer(1, at, BYTES), half))
        columns.append(code.spread(weights, mask))
    low, high = code.paired(*columns[:2]), code.paired(*columns[2:])
    registers = []
    for pair in zip(low, high, strict=True):
        registers += code.paired(*(code.builder.bitcast(each, WORDS) for each in pair))
    return registers


@intrinsic
def _dot_eight(_, masks, nibbles, table, inputs, sums, mask_at, nibble_at, word):  # type: ignore[no-untyped-def]
    """Add two words of eight columns times their inputs to their sums; return where the columns' next codes begin."""

    def codegen(*given):  # type: ignore[no-untyped-def]
        code = Code(*given)
        mask_at, nibble_at = (code.parts(each) for each in code.arguments[5:7])
        masks = code.masks(mask_at, code.arguments[7])
        first = code.builder.mul(code.arguments[7], I64(WORD))
        for half, own in enumerate(masks):
            places = [code.pointer(4, code.plus(first, half * WORD + 16 * k), SUMS) for k in range(4)]
            sums = [code.load(place) for place in places]
            for g in range(0, TOGETHER, 4):
                weights = _expanded_four(code, own[g : g + 4], nibble_at[g : g + 4], half)
                x = code.four_inputs(code.pointer(3, I64(g), I8))
                sums = [code.dotted(total, x, each) for total, each in zip(sums, weights, strict=True)]
            for total, place in zip(sums, places, strict=True):
                code.store(total, place)
        return code.together(code.after(nibble_at, masks))

    return _EIGHT(masks, nibbles, table, inputs, sums, _EIGHT, _EIGHT, nb.uint64), codegen


@intrinsic
def _expand_four(_, masks, nibbles, table, tile, mask_at, nibble_at, at):  # type: ignore[no-untyped-def]
    """Write two words of four columns to a tile, `at` on; return where the columns' next codes begin."""

    def codegen(*given):  # type: ignore[no-untyped-def]
        code = Code(*given)
        mask_at, nibble_at = (code.parts(each) for each in code.arguments[4:6])
        masks = code.masks(mask_at, I64(0))
        for half, own in enumerate(masks):
            for k, weights in enumerate(_expanded_four(code, own, nibble_at, half)):
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

    `x` has one input per column, the empty one's 0. What the next turn needs is asked for meanwhile, a line at a time:
    all at once it would have to wait.
    """
    words = masks.shape[1]
    flat, inputs = masks.reshape(-1), np.empty(TOGETHER, np.uint8)
    next_mask, next_code, next_end = np.empty(8, np.int64), np.empty(8, np.int64), np.empty(8, np.int64)
    for k in range(0, len(active), TOGETHER):
        for i in range(TOGETHER):
            later = active[min(k + TOGETHER + i, len(active) - 1)]
            next_mask[i], next_code[i], next_end[i] = later * words, start[later], start[later + 1]
            inputs[i] = x[active[k + i]]
        mask_at, nibble_at = _eight(active, k, words, start)
        for word in range(0, words, 2):
            for i, line in ((word % 8, word // 8), (word % 8 + 1, word // 8)):
                prefetch(flat, next_mask[i] + 8 * line)
                if next_code[i] + LINE * line < next_end[i]:
                    prefetch(nibbles, next_code[i] + LINE * line)
            nibble_at = _dot_eight(flat, nibbles, table, inputs, sums, mask_at, nibble_at, np.uint64(word))


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
