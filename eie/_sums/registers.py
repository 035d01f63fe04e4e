"""Registers of 64 bytes in LLVM's language: what the kernels' instructions are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import binding, ir
from numba.core import cgutils

from eie._sums.bitmap import CODES, LINE, NEEDED, WORD, compiled_features
from eie._sums.bits import ask

LANE = 16
"""Bytes that instructions which pair bytes up stay within."""

I8, I16, I32, I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))
BYTES, WORDS, SUMS = ir.VectorType(I8, 64), ir.VectorType(I16, 32), ir.VectorType(I32, 16)
LONGS = ir.VectorType(I64, CODES)

# For `Code.spread`, also where a kernel calls another that numba finds in its cache: without it, LLVM ends the process.
binding.initialize_native_asmparser()


class Code:
    """The code that numba emits for one call of an intrinsic.

    Parameters
    ----------
    context, builder, signature, arguments
        As numba gives them to the function that emits code.

    Raises
    ------
    NotImplementedError
        When the processor that numba compiles for lacks an instruction: LLVM would end the process.
    """

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Sequence[Any]) -> None:
        if missing := NEEDED - compiled_features():
            raise NotImplementedError(f"this processor has no {', '.join(sorted(missing))}")
        self.context, self.builder, self.signature, self.arguments = context, builder, signature, arguments

    def pointer(self, array: int, index: Any, kind: Any) -> Any:
        """Point at an element of the array that is this argument."""
        data = self.context.make_array(self.signature.args[array])(self.context, self.builder, self.arguments[array])
        return self.builder.bitcast(self.builder.gep(data.data, [index]), kind.as_pointer())

    def load(self, place: Any) -> Any:
        """Read what may begin at any byte."""
        loaded = self.builder.load(place)
        loaded.align = 1
        return loaded

    def store(self, value: Any, place: Any) -> None:
        """Write what may begin at any byte."""
        self.builder.store(value, place).align = 1

    def plus(self, number: Any, constant: int) -> Any:
        """Add a constant to an index."""
        return self.builder.add(number, I64(constant))

    def parts(self, numbers: Any) -> list[Any]:
        """Take a tuple apart."""
        return [self.builder.extract_value(numbers, k) for k in range(numbers.type.count)]

    def together(self, numbers: Sequence[Any]) -> Any:
        """Make the tuple that the intrinsic returns."""
        return self.context.make_tuple(self.builder, self.signature.return_type, numbers)

    def call(self, name: str, kind: Any, *arguments: Any) -> Any:
        """Call one of LLVM's functions, which becomes one instruction."""
        of = ir.FunctionType(kind, [argument.type for argument in arguments])
        known = self.builder.module.globals.get(name)
        return self.builder.call(known or ir.Function(self.builder.module, of, name), arguments)

    def repeated(self, vector: Any) -> Any:
        """Fill a register with copies of a shorter vector."""
        times = 8 * WORD // (vector.type.count * vector.type.element.width)
        return self._picked(vector, vector, [*range(vector.type.count)] * times)

    def paired(self, a: Any, b: Any) -> list[Any]:
        """Put elements of two registers beside each other, lane by lane: those of the lanes' low halves, then high."""
        n = a.type.count
        half = n // (WORD // LANE) // 2  # elements of half a lane
        firsts = [[lane * 2 * half + high * half for lane in range(WORD // LANE)] for high in (0, 1)]
        return [
            self._picked(a, b, [e + other for first in own for e in range(first, first + half) for other in (0, n)])
            for own in firsts
        ]

    def _picked(self, a: Any, b: Any, places: list[int]) -> Any:
        return self.builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(I32, len(places)), places))

    def table(self, place: Any) -> Any:
        """Read 16 bytes into every lane."""
        return self.repeated(self.load(self.builder.bitcast(place, ir.VectorType(I8, CODES).as_pointer())))

    def filled(self, kind: Any, number: Any) -> Any:
        """Make a vector of copies of a number."""
        one = self.builder.insert_element(ir.Constant(kind, ir.Undefined), number, I32(0))
        return self._picked(one, one, [0] * kind.count)

    def looked_up_terms(self, terms: Any, words: Any, shift: int) -> Any:
        """Look 32 codes up that begin at a bit of words, in `terms`: the bits above a code do not matter."""
        moved = self.builder.lshr(words, ir.Constant(WORDS, [shift] * 32)) if shift else words
        return self.call("llvm.x86.avx512.permvar.hi.512", WORDS, terms, moved)

    def any(self, numbers: Any) -> Any:
        """Tell whether a bit of a vector is not 0."""
        kind = numbers.type.element
        name = f"llvm.vector.reduce.or.v{numbers.type.count}i{kind.width}"
        return self.builder.icmp_unsigned("!=", self.call(name, kind, numbers), kind(0))

    def variable(self, value: Any) -> Any:
        """Make what is read with `load` and written with `store` of the builder."""
        return cgutils.alloca_once_value(self.builder, value)

    @contextmanager
    def loop(self, end: Any, step: int) -> Iterator[Any]:
        """Count from 0 to `end`."""
        with cgutils.for_range_slice(self.builder, I64(0), end, I64(step)) as (index, _):
            yield index

    def prefetch_columns(self, places: int, word: Any, columns: int) -> None:
        """Ask for a line of the masks and one of the codes of columns that the next turn needs.

        All at once, they would have to wait. The argument `places` has where the masks of each column begin, where the
        codes begin, and where they end.
        """
        turn = self.builder.udiv(word, I64(2))
        column, line = self.builder.urem(turn, I64(columns)), self.builder.udiv(turn, I64(columns))
        mask, code, end = (
            self.builder.load(self.pointer(places, self.plus(column, columns * k), I64)) for k in range(3)
        )
        last = self.builder.sub(end, I64(1))
        code = self.builder.add(code, self.builder.mul(line, I64(LINE)))
        code = self.builder.select(self.builder.icmp_signed("<", code, last), code, last)
        ask(self.builder, self.pointer(0, self.builder.add(mask, self.builder.mul(line, I64(LINE // 8))), I8))
        ask(self.builder, self.pointer(1, code, I8))

    def looked_up(self, table: Any, codes: Any) -> Any:
        """Look 64 codes up in a table of 16 bytes that is in every lane: what stands above a code does not matter."""
        return self.call("llvm.x86.avx512.permvar.qi.512", BYTES, table, codes)

    def codes(self, packed: Any, half: int) -> Any:
        """Bring 64 codes from the low or from the high halves of bytes down; other bits stay above them."""
        if not half:
            return packed
        moved = self.builder.lshr(self.builder.bitcast(packed, WORDS), ir.Constant(WORDS, [4] * 32))
        return self.builder.bitcast(moved, BYTES)

    def spread(self, packed: Any, mask: Any) -> Any:
        """Move the first bytes to where the mask has ones, and put 0 elsewhere.

        Written as an instruction whose result takes the place of its operand. Left to LLVM, it takes the place of some
        older number, which a Zen 5 then waits for: that is a third of the time of a kernel.
        """
        kind = ir.FunctionType(BYTES, [BYTES, I64])
        return self.builder.asm(kind, "vpexpandb $0, $0 {$2} {z}", "=v,0,^Yk", [packed, mask], side_effect=False)

    def masks(self, columns: Sequence[Any], word: Any) -> list[list[Any]]:
        """Read two words of columns from the first argument: those of all columns of the one, then of the other."""
        places = [self.builder.add(column, word) for column in columns]
        return [[self.load(self.pointer(0, self.plus(place, half), I64)) for place in places] for half in (0, 1)]

    def after(self, nibbles: Sequence[Any], masks: Sequence[Sequence[Any]]) -> list[Any]:
        """Find where the columns' codes of the next two words begin."""
        counts = [[self.builder.ctpop(mask) for mask in half] for half in masks]
        longer = [self.builder.icmp_unsigned(">", *pair) for pair in zip(*counts, strict=True)]
        lengths = [self.builder.select(*each) for each in zip(longer, *counts, strict=True)]
        return [self.builder.add(*each) for each in zip(nibbles, lengths, strict=True)]

    def dotted(self, sums: Any, inputs: Any, weights: Any) -> Any:
        """Add the products of four unsigned and four signed bytes to each sum."""
        both = self.builder.bitcast(inputs, SUMS), self.builder.bitcast(weights, SUMS)
        return self.call("llvm.x86.avx512.vpdpbusd.512", SUMS, sums, *both)

    def four_inputs(self, place: Any) -> Any:
        """Put four bytes into every 32 bits of a register."""
        return self.repeated(self.load(self.builder.bitcast(place, ir.VectorType(I32, 1).as_pointer())))
