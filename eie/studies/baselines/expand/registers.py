"""Registers of 64 bytes in LLVM's language: what the kernels' instructions are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from eie.studies.baselines.expand.bitmap import NEEDED, WORD, compiled_features

LANE = 16
"""Bytes that instructions which pair bytes up stay within."""
CODES = 16
"""Values of a code of four bits."""

I8, I16, I32, I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))
BYTES, WORDS, SUMS = ir.VectorType(I8, 64), ir.VectorType(I16, 32), ir.VectorType(I32, 16)


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

    def looked_up(self, table: Any, codes: Any) -> Any:
        """Look 64 codes up in a table of 16 bytes that is in every lane: what stands above a code does not matter."""
        return self.call("llvm.x86.avx512.permvar.qi.512", BYTES, table, codes)

    def codes(self, nibbles: Any, half: int) -> Any:
        """Read 64 codes from the low or from the high halves of bytes; other bits stay above them."""
        packed = self.load(nibbles)
        if not half:
            return packed
        moved = self.builder.lshr(self.builder.bitcast(packed, WORDS), ir.Constant(WORDS, [4] * 32))
        return self.builder.bitcast(moved, BYTES)

    def spread(self, packed: Any, mask: Any) -> Any:
        """Move the first bytes to where the mask has ones, and put 0 elsewhere."""
        ones = self.builder.bitcast(mask, ir.VectorType(ir.IntType(1), 64))
        return self.call("llvm.x86.avx512.mask.expand.v64i8", BYTES, packed, ir.Constant(BYTES, [0] * 64), ones)

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
