"""Registers of 64 bytes in LLVM's language: what the kernels' instructions are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from llvmlite import binding, ir
from numba.core import cgutils

from eie._sums.bitmap import LINE, NEEDED, WORD, WORD_BYTES, compiled_features
from eie._sums.bits import ask

I8, I16, I32, I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))
BYTES, WORDS = ir.VectorType(I8, 64), ir.VectorType(I16, 32)

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

    needed: ClassVar[frozenset[str]] = NEEDED
    """Instructions that the code is made of."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Sequence[Any]) -> None:
        if missing := self.needed - compiled_features():
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
        return self.picked(vector, vector, [*range(vector.type.count)] * times)

    def picked(self, a: Any, b: Any, places: list[int]) -> Any:
        """Make a vector of elements of two, those of the second counted on from the first's."""
        return self.builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(I32, len(places)), places))

    def filled(self, kind: Any, number: Any) -> Any:
        """Make a vector of copies of a number."""
        one = self.builder.insert_element(ir.Constant(kind, ir.Undefined), number, I32(0))
        return self.picked(one, one, [0] * kind.count)

    def any(self, numbers: Any) -> Any:
        """Tell whether a bit of a vector is not 0."""
        kind = numbers.type.element
        name = f"llvm.vector.reduce.or.v{numbers.type.count}i{kind.width}"
        return self.builder.icmp_unsigned("!=", self.call(name, kind, numbers), kind(0))

    def variable(self, value: Any) -> Any:
        """Make what is read with `load` and written with `store` of the builder."""
        return cgutils.alloca_once_value(self.builder, value)

    @contextmanager
    def loop(self, end: Any) -> Iterator[Any]:
        """Count from 0 to `end`."""
        with cgutils.for_range(self.builder, end) as loop:
            yield loop.index

    def columns(self, places: int, first: Any, count: int) -> list[Any]:
        """Make variables of where columns begin: of so many numbers of an argument, from one on."""
        return [self.variable(self.builder.load(self.pointer(places, self.plus(first, k), I64))) for k in range(count)]

    def ask_ahead(self, places: int, first: Any, columns: int, word: Any, lines: Any) -> None:
        """Ask for some cache lines of columns of a later turn: all at once, they would have to wait.

        Of the argument `places`, where columns begin, these are the numbers from `first` on; `lines` are asked for with
        each word.
        """
        done = self.builder.mul(word, lines)
        with self.loop(lines) as number:
            item = self.builder.add(done, number)
            column, line = self.builder.urem(item, I64(columns)), self.builder.udiv(item, I64(columns))
            begin = self.builder.load(self.pointer(places, self.builder.add(first, column), I64))
            ask(self.builder, self.pointer(0, self.builder.add(begin, self.builder.mul(line, I64(LINE))), I8))

    def spread(self, packed: Any, mask: Any) -> Any:
        """Move the first bytes to where the mask has ones, and put 0 elsewhere.

        Written as an instruction whose result takes the place of its operand. Left to LLVM, it takes the place of some
        older number, which a Zen 5 then waits for: that is a third of the time of a kernel.
        """
        kind = ir.FunctionType(BYTES, [BYTES, I64])
        return self.builder.asm(kind, "vpexpandb $0, $0 {$2} {z}", "=v,0,^Yk", [packed, mask], side_effect=False)

    def expanded(self, columns: Sequence[Any]) -> list[Any]:
        """Expand one word of each of some columns: to a register with a byte for every two rows.

        `columns` are variables with the bytes of the first argument at which the words begin; they are moved on to the
        next.
        """
        registers = []
        for column in columns:
            at = self.builder.load(column)
            mask, codes = self.load(self.pointer(0, at, I64)), self.plus(at, WORD_BYTES)
            registers.append(self.spread(self.load(self.pointer(0, codes, BYTES)), mask))
            self.builder.store(self.builder.add(codes, self.builder.ctpop(mask)), column)
        return registers
