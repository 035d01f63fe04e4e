"""Dot products of a layer's 8-bit weights and 8-bit inputs, summed in 32 bits.

Columns are taken four at a time, since the instruction adds four products to a sum. It takes unsigned inputs, as they
are after a ReLU, and signed weights.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
from llvmlite import ir

from eie._sums.bitmap import AHEAD, CODES, LINE, NEEDED, ROWS, WORD, can_run
from eie._sums.bits import active_columns, intrinsic, lines_of_a_word, prefetch
from eie._sums.registers import BYTES, I8, I32, I64, WORDS, Code

FOUR = 4
"""Products that an instruction adds to a sum: one of each of so many columns."""
TOGETHER = 2 * FOUR
"""Columns that are expanded in one turn."""
TILE = 256
"""Columns whose weights are expanded once for all inputs of a batch: half a word of them fits a level-1 cache."""
LANE = 16
"""Bytes that instructions which pair bytes up stay within."""
SUMS = ir.VectorType(I32, WORD // 4)
"""A register of sums."""
HALF = 4
"""Registers of a word's sums for the rows of even numbers; as many for the others follow."""
_FOUR = nb.types.UniTuple(nb.uint64, FOUR)
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

    def apart(self, first: Any, step: Any, count: int) -> list[Any]:
        """List so many places, a step apart."""
        return [self.builder.add(first, self.builder.mul(step, I64(i))) for i in range(count)]

    def add_products(self, totals: list[Any], x: Any, weights: list[Any]) -> None:
        """Add weights times inputs to variables."""
        for total, own in zip(totals, weights, strict=True):
            self.builder.store(self.dotted(self.builder.load(total), x, own), total)

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
        inputs = [code.four_inputs(code.pointer(3, code.plus(k, g), I8)) for g in range(0, TOGETHER, FOUR)]
        columns = code.columns(4, k, TOGETHER)
        with code.loop(words) as word:
            code.ask_ahead(4, code.plus(k, AHEAD), TOGETHER, word, lines)
            first = code.builder.mul(word, I64(ROWS))
            places = [code.pointer(2, code.plus(first, SUMS.count * k), SUMS) for k in range(2 * HALF)]
            sums = [code.load(place) for place in places]
            for g in range(0, TOGETHER, FOUR):
                weights = code.weights(table, code.expanded(columns[g : g + FOUR]))
                sums = [code.dotted(t, inputs[g // FOUR], w) for t, w in zip(sums, weights, strict=True)]
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
            odd, register = divmod(k, HALF)
            place = code.plus(code.arguments[4], odd * WORD * TILE + WORD * register)
            code.store(weights, code.pointer(2, place, BYTES))
        return code.together([code.builder.load(each) for each in columns])

    return _FOUR(data, table, tile, _FOUR, nb.uint64), codegen


def _tile_kernel(count: int) -> Any:
    """Make the kernel that multiplies half a word of a tile with so many inputs."""

    @intrinsic
    def dot(_, tile, inputs, sums, tile_at, input_at, sum_at, inputs_apart, sums_apart, columns):  # type: ignore[no-untyped-def]
        """Add half a word of a tile's columns, rows of even or of odd numbers, times inputs to their sums."""

        def codegen(*given):  # type: ignore[no-untyped-def]
            code = ByteCode(*given)
            tile_at, input_at, sum_at, inputs_apart, sums_apart, columns = code.arguments[3:]
            inputs, sums = code.apart(input_at, inputs_apart, count), code.apart(sum_at, sums_apart, count)
            places = [code.pointer(2, code.plus(at, SUMS.count * k), SUMS) for at in sums for k in range(HALF)]
            totals = [code.variable(code.load(place)) for place in places]
            with code.loop(code.builder.udiv(columns, I64(FOUR))) as group:
                first = code.builder.add(tile_at, code.builder.mul(group, I64(HALF * WORD)))
                weights = [code.load(code.pointer(0, code.plus(first, WORD * k), BYTES)) for k in range(HALF)]
                for i, at in enumerate(inputs):
                    x = code.builder.add(at, code.builder.mul(group, I64(FOUR)))
                    own = totals[HALF * i : HALF * (i + 1)]
                    code.add_products(own, code.four_inputs(code.pointer(1, x, I8)), weights)
            for total, place in zip(totals, places, strict=True):
                code.store(code.builder.load(total), place)
            return code.context.get_dummy_value()

        return nb.void(tile, inputs, sums, *[nb.uint64] * 6), codegen

    return dot


MANY = 4
"""Inputs that are multiplied with a tile at once: each weight is read once for them."""
_dot_tile, _dot_tile_of_many = _tile_kernel(1), _tile_kernel(MANY)


@nb.njit(cache=True, nogil=True)
def in_8_bits(batch, levels_of_one, bias_level, levels):  # type: ignore[no-untyped-def]
    """Write inputs of 0 or more to `levels`, rounded to 8 bits; then those of the bias, and of the empty column."""
    n_in = batch.shape[1]
    for b in range(len(batch)):
        for j in range(n_in):
            levels[b, j] = np.uint8(np.rint(batch[b, j] * levels_of_one))
        levels[b, n_in:-1] = bias_level
        levels[b, -1] = 0


@nb.njit(cache=True, nogil=True)
def multiply(data, start, words, table, x, worth, out):  # type: ignore[no-untyped-def]
    """Multiply one part with one input of 8 bits, and write the products, times what a one is worth, to `out`."""
    inputs, at = active_columns(x, start, TOGETHER)
    lines = lines_of_a_word(start, words, TOGETHER)
    sums = _aligned_zeros(words * ROWS)
    for k in range(0, len(inputs), TOGETHER):
        _dot_eight(data, table, sums, inputs, at, k, words, lines)
    _write(sums, worth, out)


@nb.njit(cache=True, nogil=True, parallel=True)
def multiply_on_threads(data, start, words, table, x, worth, out):  # type: ignore[no-untyped-def]
    """Multiply all parts, each on a thread of its own."""
    for part in nb.prange(start.shape[0]):
        own = out[part * words * ROWS : (part + 1) * words * ROWS]
        multiply(data, start[part], words, table, x, worth, own)


@nb.njit(cache=True, nogil=True)
def multiply_batch(data, start, words, table, x, active, worth, out):  # type: ignore[no-untyped-def]
    """Multiply one part with a batch, as `multiply` does with one input; each weight is expanded once.

    `active` lists columns, and `x`, of shape `(batch, active)`, has their inputs: a multiple of four.
    """
    at, lines = np.empty(TILE, np.uint64), lines_of_a_word(start, words, TILE)
    tile = _aligned_zeros(TILE * ROWS // 4).view(np.uint8)
    sums = _aligned_zeros(len(x) * words * ROWS).reshape(len(x), -1)
    for k in range(0, len(active), TILE):
        columns = min(TILE, len(active) - k)
        for i in range(columns):
            at[i] = start[active[k + i]]
        for word in range(words):
            for item in range(word * lines, (word + 1) * lines):
                later = active[min(k + TILE + item % TILE, len(active) - 1)]
                prefetch(data, start[later] + item // TILE * LINE)
            _expand_tile(data, table, tile, at[:columns])
            _multiply_tile(tile, x, k, sums, word, columns)
    for b in range(len(x)):
        _write(sums[b], worth, out[b])


@nb.njit(cache=True, nogil=True, parallel=True)
def multiply_batch_on_threads(data, start, words, table, x, active, worth, out):  # type: ignore[no-untyped-def]
    """Multiply a batch by all parts, each on a thread of its own."""
    for part in nb.prange(start.shape[0]):
        own = out[:, part * words * ROWS : (part + 1) * words * ROWS]
        multiply_batch(data, start[part], words, table, x, active, worth, own)


@nb.njit(cache=True, nogil=True)
def _expand_tile(data, table, tile, at):  # type: ignore[no-untyped-def]
    """Write a word of columns to a tile, rows of even numbers and then the others; move `at` on to the next words."""
    for i in range(0, len(at), FOUR):
        columns = at[i], at[i + 1], at[i + 2], at[i + 3]
        at[i], at[i + 1], at[i + 2], at[i + 3] = _expand_four(data, table, tile, columns, np.uint64(WORD * i))


@nb.njit(cache=True, nogil=True)
def _multiply_tile(tile, x, k, sums, word, columns):  # type: ignore[no-untyped-def]
    """Add a word of a tile's columns, the k-th active one and on, times all inputs to the sums."""
    flat_x, flat_sums, u = x.reshape(-1), sums.reshape(-1), np.uint64
    apart, many = (u(x.shape[1]), u(sums.shape[1]), u(columns)), len(x) // MANY * MANY
    for half in range(2):
        tile_at, sum_at = u(half * TILE * WORD), u(word * ROWS + half * WORD)
        for b in range(0, many, MANY):
            first, own = u(b * x.shape[1] + k), sum_at + u(b * sums.shape[1])
            _dot_tile_of_many(tile, flat_x, flat_sums, tile_at, first, own, *apart)
        for b in range(many, len(x)):
            first, own = u(b * x.shape[1] + k), sum_at + u(b * sums.shape[1])
            _dot_tile(tile, flat_x, flat_sums, tile_at, first, own, *apart)


@nb.njit(cache=True, nogil=True)
def _aligned_zeros(count):  # type: ignore[no-untyped-def]
    """Make an array of so many sums of 0 that begins at a cache line."""
    room = np.zeros(count + LINE // 4, np.int32)
    first = -(room.ctypes.data // 4) % (LINE // 4)
    return room[first : first + count]


@nb.njit(cache=True, nogil=True)
def _write(sums, worth, out):  # type: ignore[no-untyped-def]
    """Write sums, which are in the order of the lanes, by rows, times what a one is worth."""
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
