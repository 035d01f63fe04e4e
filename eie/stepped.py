"""The machine stepped cycle by cycle, module by module: slow, obvious, and the oracle of `eie.cycles` and `eie.values`.

Written as the paper describes its simulator (section V): every hardware module is an object with two methods.
`propagate` is the combinational logic: it reads the state that modules hold and works out what comes next. `update` is
the clock edge: what was worked out becomes the state. So the order of modules within a cycle does not matter. This file
is Figure 4 (b), the processing element; Figure 4 (a), the tree, is in `eie.central_control`.

From its turn to its result an entry passes seven registers: Spmat address, Spmat row, entry, and the four stages of
the arithmetic unit.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie._display import Shown
from eie.central_control import Broadcast, CentralControl
from eie.cycles import CycleReport, checked_activations, encoded_for
from eie.fixedpoint import FixedPoint, LayerFormats, saturate, shift
from eie.interleaved import InterleavedCSC
from eie.layer import CompressedLayer
from eie.machine import EIE_45NM, Machine

UNIT_FORMATS = LayerFormats(FixedPoint(16, 12), FixedPoint(16, 8), FixedPoint(16, 8))
"""Formats when only the timing is of interest."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One (code, skip) pair and the activation it is to be multiplied by; `first` opens a column."""

    code: int
    skip: int
    activation: int
    first: bool


@dataclass(frozen=True, slots=True)
class Bubble:
    """A cycle that an empty column takes: nothing to compute, but it moves through the pipeline."""


@dataclass(frozen=True, slots=True)
class Product:
    """Item between stages of the arithmetic unit: accumulator, code or weight, operand or sum."""

    accumulator: int
    code: int
    activation: int
    weight: int = 0
    product: int = 0
    total: int = 0


Slot = Entry | Bubble | None
"""Content of one pipeline register on the way to the arithmetic unit."""


Column = tuple[int, int, int]
"""First entry, end, and activation of a column on its way through the Spmat read."""


class ActivationQueue:
    """The ring buffer in front of a PE, which is full when one slot is left."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.slots: deque[Broadcast] = deque()

    @property
    def full(self) -> bool:
        """True when a broadcast must wait."""
        return len(self.slots) >= self.depth - 1

    @property
    def head(self) -> Broadcast | None:
        """The activation to be processed next."""
        return self.slots[0] if self.slots else None

    def propagate(self, arriving: Broadcast | None, taken: bool) -> None:
        """Note what the clock edge will add and remove."""
        self._arriving, self._taken = arriving, taken

    def update(self) -> None:
        """Take the clock edge."""
        if self._taken:
            self.slots.popleft()
        if self._arriving is not None:
            self.slots.append(self._arriving)


class PointerRead:
    """Unit that reads a column's start and end from the two pointer banks, when the Spmat read can take the column."""

    def __init__(self, pointers: NDArray[np.int32]) -> None:
        self.pointers = pointers
        self.reads = 0
        self.column: Column | None = None

    def propagate(self, head: Broadcast | None, spmat_ready: bool) -> None:
        """Take the head of the queue, if there is one and the Spmat read is ready."""
        self.taken, self.column = head is not None and spmat_ready, None
        if head is not None and spmat_ready:
            start, end = self.pointers[head.column], self.pointers[head.column + 1]
            self.column = (int(start), int(end), head.activation)

    def update(self) -> None:
        """Take the clock edge."""
        self.reads += self.taken


class SpmatRead:
    """Unit that walks a column entry by entry, and reads an SRAM row only when it does not hold that row yet."""

    def __init__(self, codes: NDArray[np.uint8], skips: NDArray[np.uint8], entries_per_row: int) -> None:
        self.codes, self.skips, self.entries_per_row = codes, skips, entries_per_row
        self.column: Column | None = None
        self.at, self.row_held, self.reads = 0, -1, 0
        self.address_stage: Slot = None
        self.row_stage: Slot = None
        self.entry_stage: Slot = None

    @property
    def ready(self) -> bool:
        """True when this cycle issues the last entry of the column, so that the next column can follow."""
        return self.column is None or self.at >= self.column[1] - 1

    @property
    def idle(self) -> bool:
        """True when nothing is in this module."""
        return self.column is None and not any((self.address_stage, self.row_stage, self.entry_stage))

    def propagate(self, arriving: Column | None) -> None:
        """Issue one entry, or the bubble of an empty column."""
        self._issued: Slot = None
        self._next = (self.column, self.at + 1)
        if self.column is not None:
            start, end, activation = self.column
            if start == end:
                self._issued = Bubble()
            else:
                self._issued = Entry(int(self.codes[self.at]), int(self.skips[self.at]), activation, self.at == start)
        if self.ready:
            self._next = (arriving, arriving[0] if arriving else 0)

    def update(self) -> None:
        """Take the clock edge."""
        if isinstance(self._issued, Entry):
            row = self.at // self.entries_per_row
            self.reads += row != self.row_held
            self.row_held = row
        self.entry_stage, self.row_stage, self.address_stage = self.row_stage, self.address_stage, self._issued
        self.column, self.at = self._next


class ActivationReadWrite:
    """The destination registers: the accumulators of the rows that live on this PE."""

    def __init__(self, n_rows: int) -> None:
        self.registers = [0] * n_rows
        self._write: tuple[int, int] | None = None

    def read(self, accumulator: int) -> int:
        """Return the accumulator's value; one that is being written in this cycle is seen already."""
        if self._write is not None and self._write[0] == accumulator:
            return self._write[1]
        return self.registers[accumulator]

    def propagate(self, write: tuple[int, int] | None) -> None:
        """Note what the clock edge will write."""
        self._write = write

    def update(self) -> None:
        """Take the clock edge."""
        if self._write is not None:
            self.registers[self._write[0]] = self._write[1]
        self._write = None


class ArithmeticUnit:
    """Four stages: decode and address; read and multiply; shift and add; write.

    The adder's output is bypassed to its input when the same accumulator is hit in adjacent cycles.
    """

    def __init__(self, weights: NDArray[np.int64], formats: LayerFormats) -> None:
        self.weights, self.formats = weights, formats
        self.row = -1
        self.decoded: Product | Bubble | None = None
        self.multiplied: Product | Bubble | None = None
        self.added: Product | Bubble | None = None
        self.macs = self.padding = self.saturations = 0

    @property
    def idle(self) -> bool:
        """True when nothing is in this module."""
        return not any((self.decoded, self.multiplied, self.added))

    def propagate(self, arriving: Slot, registers: ActivationReadWrite) -> None:
        """Let all four stages work at once, each on what the stage before it held."""
        registers.propagate(self._write())
        self._to_added = self._shift_and_add()
        self._to_multiplied = self._read_and_multiply(registers)
        self._to_decoded = self._decode(arriving)

    def _decode(self, arriving: Slot) -> Product | Bubble | None:
        if not isinstance(arriving, Entry):
            return arriving
        self.row = (-1 if arriving.first else self.row) + arriving.skip + 1
        return Product(self.row, arriving.code, arriving.activation, int(self.weights[arriving.code]))

    def _read_and_multiply(self, registers: ActivationReadWrite) -> Product | Bubble | None:
        item = self.decoded
        if not isinstance(item, Product):
            return item
        product, total = item.weight * item.activation, registers.read(item.accumulator)
        return Product(item.accumulator, item.code, item.activation, product=product, total=total)

    def _shift_and_add(self) -> Product | Bubble | None:
        item = self.multiplied
        if not isinstance(item, Product) or not item.code:  # a padding zero is never written, so not added either
            return item
        total = item.total
        # The sum before it is written only at this clock edge, too late for what was read: it is bypassed.
        if isinstance(self.added, Product) and self.added.code and self.added.accumulator == item.accumulator:
            total = self.added.total
        total, clipped = saturate(total + shift(item.product, self.formats.places), self.formats.output)
        self.saturations += clipped
        return Product(item.accumulator, item.code, item.activation, total=total)

    def _write(self) -> tuple[int, int] | None:
        item = self.added
        if not isinstance(item, Product):
            return None
        if not item.code:
            self.padding += 1
            return None
        self.macs += 1
        return item.accumulator, item.total

    def update(self) -> None:
        """Take the clock edge."""
        self.decoded, self.multiplied, self.added = self._to_decoded, self._to_multiplied, self._to_added


class ProcessingElement:
    """Queue, pointer read, Spmat read, arithmetic unit, and activation read/write, wired up."""

    def __init__(self, mem: InterleavedCSC, p: int, machine: Machine, weights: Any, formats: LayerFormats) -> None:
        codes, skips, pointers = mem.pe(p)
        self.queue = ActivationQueue(machine.fifo_depth)
        self.pointer_read = PointerRead(pointers)
        self.spmat_read = SpmatRead(codes, skips, machine.entries_per_row)
        self.arithmetic = ArithmeticUnit(weights, formats)
        self.registers = ActivationReadWrite(mem.rows_on(p))

    @property
    def idle(self) -> bool:
        """True when nothing is queued or in the pipeline."""
        return self.queue.head is None and self.spmat_read.idle and self.arithmetic.idle

    def propagate(self, arriving: Broadcast | None) -> None:
        """Work out the next state of all modules, in the order in which signals pass through them."""
        self.pointer_read.propagate(self.queue.head, self.spmat_read.ready)
        self.queue.propagate(arriving, self.pointer_read.taken)
        self.arithmetic.propagate(self.spmat_read.entry_stage, self.registers)
        self.spmat_read.propagate(self.pointer_read.column)

    def update(self) -> None:
        """Take the clock edge in all modules."""
        for module in (self.queue, self.pointer_read, self.spmat_read, self.arithmetic, self.registers):
            module.update()


@dataclass(frozen=True, eq=False, slots=True)
class SteppedRun(Shown):
    """Report of a run, raw accumulators of shape `(n_out,)` before ReLU, and number of additions that saturated."""

    report: CycleReport
    raw: NDArray[np.int64]
    saturations: int

    def __repr__(self) -> str:
        return f"SteppedRun({self.report!r}, {len(self.raw)} outputs, {self.saturations} saturations)"


def step(
    mem: InterleavedCSC | CompressedLayer,
    activations: Any,
    machine: Machine = EIE_45NM,
    *,
    formats: LayerFormats = UNIT_FORMATS,
    signed: bool = False,
) -> SteppedRun:
    """Run one layer on the stepped machine, cycle by cycle; for small layers, tests and teaching.

    Parameters
    ----------
    mem, activations, machine, signed
        As for `eie.simulate`.
    formats : LayerFormats
        Fixed-point formats. An activation too small for its format is sent all the same: it is not 0.

    Returns
    -------
    SteppedRun
        Report, accumulators as raw numbers before the ReLU, and number of saturated additions.

    Raises
    ------
    ValueError
        As `eie.simulate` does.
    """
    mem = encoded_for(mem, machine)
    values = checked_activations(activations, mem.n_in, signed)
    cycles, control, pes = _run(mem, values, machine, formats)
    raw = np.zeros(mem.n_out, np.int64)
    for p, pe in enumerate(pes):
        raw[p :: mem.n_pe] = pe.registers.registers
    saturations = sum(pe.arithmetic.saturations for pe in pes)
    return SteppedRun(_report(cycles, control, pes, mem, machine), raw, saturations)


def _run(
    mem: InterleavedCSC, values: NDArray[Any], machine: Machine, formats: LayerFormats
) -> tuple[int, CentralControl, list[ProcessingElement]]:
    """Step until everything is done; count cycles to the last result, or to the end of a search that found nothing."""
    raw, _ = formats.activation.quantize(values)
    one, _ = formats.activation.quantize([1.0])
    weights, _ = formats.weight.quantize(mem.codebook)
    control = CentralControl(raw, values != 0, int(one[0]) if mem.has_bias else None, mem.n_pe)
    pes = [ProcessingElement(mem, p, machine, weights, formats) for p in range(mem.n_pe)]
    cycle = last_busy = 0
    while not control.done or busy(pes):
        control.propagate(any(pe.queue.full for pe in pes))
        for pe in pes:
            pe.propagate(control.sent)
        control.update()
        for pe in pes:
            pe.update()
        cycle += 1
        last_busy = cycle if busy(pes) else last_busy
    return (last_busy + 1 if control.n_sent else cycle), control, pes


def busy(pes: list[ProcessingElement]) -> bool:
    """Tell whether anything is queued or in a pipeline."""
    return not all(pe.idle for pe in pes)


def _report(
    cycles: int, control: CentralControl, pes: list[ProcessingElement], mem: InterleavedCSC, machine: Machine
) -> CycleReport:
    return CycleReport(
        cycles=cycles,
        broadcasts=control.n_sent,
        macs=sum(pe.arithmetic.macs for pe in pes),
        padding=sum(pe.arithmetic.padding for pe in pes),
        ptr_reads=sum(pe.pointer_read.reads for pe in pes),
        spmat_reads=sum(pe.spmat_read.reads for pe in pes),
        n_in=mem.n_in,
        n_out=mem.n_out,
        n_pe=machine.n_pe,
        clock_hz=machine.clock_hz,
    )
