"""Dot products of a layer's 8-bit weights and 8-bit inputs, summed in 32 bits.

Columns are taken four at a time, since the instruction adds four products to a sum. It takes unsigned inputs, as they
are after a ReLU, and signed weights.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from eie._sums.bitmap import AHEAD, CODES, NEEDED, ROWS, WORD, can_run
from eie._sums.bits import active_columns, intrinsic, lines_of_a_word
from eie._sums.registers import BYTES, I8, I32, I64, WORDS, Code

TOGETHER = 8
"""Columns that are expanded in one turn."""
TILE = 64
"""Columns whose weights are expanded once for all inputs of a batch."""
LANE = 16
"""Bytes that instructions which pair bytes up stay within."""
SUMS = ir.VectorType(I32, WORD // 4)
"""A register of sums."""
REGISTERS = 8
"""Registers of a word's sums: four for the rows of even numbers, then four for the others."""
_FOUR = nb.types.UniTuple(nb.uint64, 4)
_WHOLE_WORDS, _BELOW = ~np.uint64(ROWS - 1), np.uint64(WORD - 1)


class ByteCode(Code):
    """Code with look-ups and dot products of bytes, too."""

    needed = NEEDED | {"avx512vbmi", "avx512vnni"}

    def table(self, place: Any) -> Any:
        """Read 16 bytes into every lane."""
        return self.repeated(self.load(self.builder.bitcast(place, ir.VectorType(I8, CODES).as_pointer())))

    def four_inputs(self, place: Any) -> Any:
        """Put four bytes into every 32 bits of a register."""
        return self.repeated(self.load(self.builder.bitcast(place, ir.VectorType(I32, 1).as_pointer())))

    def weights(self, table: Any, columns: list[Any]) -> list[Any]:
        """Look four columns' weights up, of a word: registers with a row's four in each 32 bits, even rows first."""
        low, high = self.paired(*columns[:2]), self.paired(*columns[2:])
        codes = []
        for pair in zip(low, high, strict=True):
            codes += self.paired(*(self.builder.bitcast(each, WORDS) for each in pair))
        of_odd = [self.builder.lshr(each, ir.Constant(WORDS, [4] * WORDS.count)) for each in codes]
        return [self.looked_up(table, self.builder.bitcast(each, BYTES)) for each in codes + of_odd]

    def paired(self, a: Any, b: Any) -> list[Any]:
        """Put elements of two registers beside each other, lane by lane: those of the lanes' low halves, then high."""
        n = a.type.count
        half = n // (WORD // LANE) // 2  # elements of half a lane
        firsts = [[lane * 2 * half + high * half for lane in range(WORD // LANE)] for high in (0, 1)]
        return [
            self.picked(a, b, [e + other for first in own for e in range(first, first + half) for other in (0, n)])
            for own in firsts
        ]

    def looked_up(self, table: Any, codes: Any) -> Any:
        """Look 64 codes up in a table of 16 bytes that is in every lane: what stands above a code does not matter."""
        return self.call("llvm.x86.avx512.permvar.qi.512", BYTES, table, codes)

    def dotted(self, sums: Any, inputs: Any, weights: Any) -> Any:
        """Add the products of four unsigned and four signed bytes to each sum."""
        both = self.builder.bitcast(inputs, SUMS), self.builder.bitcast(weights, SUMS)
        return self.call("llvm.x86.avx512.vpdpbusd.512", SUMS, sums, *both)


def can_dot() -> bool:
    """Tell whether this processor has the instructions, and the user has not turned them off."""
    return can_run(ByteCode.needed)


@intrinsic
def _dot_eight(_, data, table, sums, inputs, at, k, words, lines):  # type: ignore[no-untyped-def]
    """Add eight columns, the k-th and on, times their inputs to all sums."""

    def codegen(*given):  # type: ignore[no-untyped-def]
        code = ByteCode(*given)
        k, words, lines = code.arguments[5:]
        table = code.table(code.pointer(1, I64(0), I8))
        inputs = [code.four_inputs(code.pointer(3, code.plus(k, g), I8)) for g in range(0, TOGETHER, 4)]
        columns = code.columns(4, k, TOGETHER)
        with code.loop(words) as word:
            code.ask_ahead(4, code.plus(k, AHEAD), TOGETHER, word, lines)
            first = code.builder.mul(word, I64(ROWS))
            places = [code.pointer(2, code.plus(first, SUMS.count * k), SUMS) for k in range(REGISTERS)]
            sums = [code.load(place) for place in places]
            for g in range(0, TOGETHER, 4):
                weights = code.weights(table, code.expanded(columns[g : g + 4]))
                sums = [code.dotted(t, inputs[g // 4], w) for t, w in zip(sums, weights, strict=True)]
            for total, place in zip(sums, places, strict=True):
                code.store(total, place)
        return code.context.get_dummy_value()

    return nb.void(data, table, sums, inputs, at, nb.int64, nb.int64, nb.int64), codegen


@intrinsic
def _expand_four(_, data, table, tile, columns, at):  # type: ignore[no-untyped-def]
    """Write a word of four columns to a tile, `at` on; return where the columns' next words begin."""

    def codegen(*given):  # type: ignore[no-untyped-def]
        code = ByteCode(*given)
        table = code.table(code.pointer(1, I64(0), I8))
        columns = [code.variable(each) for each in code.parts(code.arguments[3])]
        for k, weights in enumerate(code.weights(table, code.expanded(columns))):
            odd, register = divmod(k, REGISTERS // 2)
            place = code.plus(code.arguments[4], odd * WORD * TILE + WORD * register)
            code.store(weights, code.pointer(2, place, BYTES))
        return code.together([code.builder.load(each) for each in columns])

    return _FOUR(data, table, tile, _FOUR, nb.uint64), codegen


@intrinsic
def _dot_tile(_, tile, inputs, sums, tile_at, input_at, sum_at):  # type: ignore[no-untyped-def]
    """Add half a word of a tile's 64 columns, rows of even or of odd numbers, times one input to its sums."""

    def codegen(*given):  # type: ignore[no-untyped-def]
        code = ByteCode(*given)
        tile_at, input_at, sum_at = code.arguments[3:]
        places = [code.pointer(2, code.plus(sum_at, SUMS.count * k), SUMS) for k in range(REGISTERS // 2)]
        sums = [code.load(place) for place in places]
        for g in range(0, TILE, 4):
            x = code.four_inputs(code.pointer(1, code.plus(input_at, g), I8))
            own = [code.load(code.pointer(0, code.plus(tile_at, WORD * (g + k)), BYTES)) for k in range(4)]
            sums = [code.dotted(total, x, weights) for total, weights in zip(sums, own, strict=True)]
        for total, place in zip(sums, places, strict=True):
            code.store(total, place)
        return code.context.get_dummy_value()

    return nb.void(tile, inputs, sums, nb.uint64, nb.uint64, nb.uint64), codegen


@nb.njit(cache=True, nogil=True)
def multiply(data, start, words, table, x, sums):  # type: ignore[no-untyped-def]
    """Add the products of one part and one input of 8 bits to sums in the order of the lanes."""
    inputs, at = active_columns(x, start, TOGETHER)
    lines = lines_of_a_word(start, words, TOGETHER)
    for k in range(0, len(inputs), TOGETHER):
        _dot_eight(data, table, sums, inputs, at, k, words, lines)


@nb.njit(cache=True, nogil=True)
def multiply_one(data, start, words, table, x, levels_of_one, bias_level, worth, out):  # type: ignore[no-untyped-def]
    """Round one input to 8 bits, multiply one part with it, and write the products to `out`, by rows."""
    levels = np.empty(len(start) - 2, np.uint8)
    for j in range(len(x)):
        levels[j] = np.uint8(np.rint(x[j] * levels_of_one))
    levels[len(x) :] = bias_level
    room = np.zeros(words * ROWS + WORD, np.int32)
    first = -(room.ctypes.data // 4) % (WORD // 4)  # a cache line's
    sums = room[first : first + words * ROWS]
    multiply(data, start, words, table, levels, sums)
    for row in range(len(out)):
        out[row] = np.float32(sums[_lane(row)]) * worth


@nb.njit(cache=True, nogil=True)
def _lane(row):  # type: ignore[no-untyped-def]
    """Find the place of a row's sum.

    Of a word's 128 rows, the even ones come first; 16 pairs of rows are in the four lanes of each register, four in
    each.
    """
    u = np.uint64
    i = u(row)
    pair, odd = (i >> u(1)) & _BELOW, i & u(1)
    in_register, lane, own = (pair >> u(2)) & u(3), pair >> u(4), pair & u(3)
    return (i & _WHOLE_WORDS) | (odd << u(6)) | (in_register << u(4)) | (lane << u(2)) | own


@nb.njit(cache=True, nogil=True, parallel=True)
def multiply_on_threads(data, start, words, table, x, sums):  # type: ignore[no-untyped-def]
    """Multiply all parts, each on a thread of its own."""
    for part in nb.prange(start.shape[0]):
        multiply(data, start[part], words, table, x, sums[part])


@nb.njit(cache=True, nogil=True)
def multiply_batch(data, start, words, table, x, active, tile, sums):  # type: ignore[no-untyped-def]
    """Add the products of a batch to sums of shape `(batch, rows)`; each weight is expanded once.

    `x` has the inputs of the active columns only, a multiple of 64.
    """
    flat_x, flat_sums = x.reshape(-1), sums.reshape(-1)
    at, u = np.empty(TILE, np.uint64), np.uint64
    for k in range(0, len(active), TILE):
        for i in range(TILE):
            at[i] = start[active[k + i]]
        for word in range(words):
            for i in range(0, TILE, 4):
                columns = at[i], at[i + 1], at[i + 2], at[i + 3]
                after = _expand_four(data, table, tile, columns, u(WORD * i))
                at[i], at[i + 1], at[i + 2], at[i + 3] = after
            for b in range(len(x)):
                first, sum_at = u(b * x.shape[1] + k), u((b * words + word) * ROWS)
                _dot_tile(tile, flat_x, flat_sums, u(0), first, sum_at)
                _dot_tile(tile, flat_x, flat_sums, u(TILE * WORD), first, sum_at + u(WORD))


@nb.njit(cache=True, nogil=True, parallel=True)
def multiply_batch_on_threads(data, start, words, table, x, active, tiles, sums):  # type: ignore[no-untyped-def]
    """Multiply a batch by all parts, each on a thread of its own."""
    for part in nb.prange(start.shape[0]):
        multiply_batch(data, start[part], words, table, x, active, tiles[part], sums[part])


def in_rows(sums: NDArray[Any]) -> NDArray[Any]:
    """Bring 32-bit sums from the order of the lanes to that of rows."""
    # A word's sums: even rows and odd ones, registers, lanes, and the pairs of a lane.
    words = sums.reshape(-1, 2, REGISTERS // 2, WORD // LANE, LANE // 4)
    return np.ascontiguousarray(words.transpose(0, 3, 2, 4, 1)).reshape(-1)
