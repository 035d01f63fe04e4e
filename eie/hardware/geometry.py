"""Parameters of the RTL for a machine, and the limits of the hardware."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eie import _check
from eie.fixedpoint import LayerFormats
from eie.interleaved import InterleavedCSC
from eie.machine import Machine

PIPELINE_CYCLES = 2
"""Cycles that a pipelined chip takes more than `eie.simulate` says, for each layer and each vector."""

MAX_PE = 64
MAX_DEPTH = 256
MAX_ROW_WIDTH = 1024
"""Bits of a row of the sparse-matrix SRAM."""
_MOST_BITS = {"row_bits": 18, "column_bits": 17, "reg_bits": 12}
"""Largest memories per PE: 262,144 rows, 131,072 pointers, and 4,096 registers per file."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """The parameters of `eie_top.sv`: those of a machine, and the sizes of its memories.

    Attributes
    ----------
    n_pe, depth, entries, code_bits, index_bits : int
        As `Machine.n_pe`, `fifo_depth`, `entries_per_row`, `weight_bits` and `index_bits`.
    data_bits : int
        Bits of a weight, an activation and an accumulator. Paper: 16 (section VI-C).
    row_bits : int
        Bits of the address of a sparse-matrix row. 13 with 8 entries per row is what the paper's 16-bit pointers reach.
    column_bits : int
        Bits of a column's number. Paper: 14, two banks of 8,192 pointers (section VI).
    reg_bits : int
        Bits of the address of a register in a source or destination file. Paper: 6, 64 registers (section IV).
    pipelined : bool
        Short paths for an FPGA: each layer takes `PIPELINE_CYCLES` more cycles, and everything else is the same.
    """

    n_pe: int = 64
    depth: int = 8
    entries: int = 8
    code_bits: int = 4
    index_bits: int = 4
    data_bits: int = 16
    row_bits: int = 13
    column_bits: int = 14
    reg_bits: int = 6
    pipelined: bool = False

    def __post_init__(self) -> None:
        ranges = {
            "n_pe": (1, MAX_PE),
            "depth": (2, MAX_DEPTH),
            "code_bits": (1, 8),
            "index_bits": (1, 8),
            "entries": (1, MAX_ROW_WIDTH // (self.code_bits + self.index_bits)),
            "data_bits": (2, 32),
            "row_bits": (1, _MOST_BITS["row_bits"]),
            "column_bits": (2, _MOST_BITS["column_bits"]),
            "reg_bits": (1, _MOST_BITS["reg_bits"]),
        }
        for name, (low, high) in ranges.items():
            _check.integer(f"the hardware's {name}", getattr(self, name), low, high)

    @property
    def entry_bits(self) -> int:
        """Bits of one (code, skip) entry."""
        return self.code_bits + self.index_bits

    @property
    def row_width(self) -> int:
        """Bits of a row of the sparse-matrix SRAM, without those that no whole entry fills."""
        return self.entries * self.entry_bits

    @property
    def lane_bits(self) -> int:
        """Bits of an entry's place within its row."""
        return max(1, (self.entries - 1).bit_length())

    @property
    def io_width(self) -> int:
        """Bits of a word of input/output mode, the widest word of any memory."""
        return max(self.row_width, self.row_bits + self.lane_bits, self.data_bits)

    @property
    def io_addr_bits(self) -> int:
        """Bits of an address of input/output mode."""
        return max(self.row_bits, self.column_bits, self.reg_bits, self.code_bits)

    @property
    def read_cycles(self) -> int:
        """Clock edges from the address of a source to its value in input/output mode."""
        return 5 if self.pipelined else 0

    @property
    def idle_cycles(self) -> int:
        """Number of idle cycles needed between the last write, clear or swap, and a start."""
        return 1 if self.pipelined else 0

    @property
    def most_places(self) -> int:
        """Largest number of bits by which a product can be shifted right."""
        return (1 << (2 * self.data_bits - 1).bit_length()) - 1

    @property
    def parameters(self) -> dict[str, int]:
        """Names and values of the parameters of `eie_top.sv`."""
        return {
            "N": self.n_pe,
            "DEPTH": self.depth,
            "ENTRIES": self.entries,
            "CODE_BITS": self.code_bits,
            "INDEX_BITS": self.index_bits,
            "DATA_BITS": self.data_bits,
            "ROW_BITS": self.row_bits,
            "COLUMN_BITS": self.column_bits,
            "REG_BITS": self.reg_bits,
            "IO_ADDR_BITS": self.io_addr_bits,
            "IO_WIDTH": self.io_width,
            "PIPELINED": int(self.pipelined),
        }

    @classmethod
    def fitting(cls, mems: Sequence[InterleavedCSC], machine: Machine, formats: Sequence[LayerFormats]) -> Geometry:
        """Choose the paper's memories, or larger ones where the layers need them.

        Parameters
        ----------
        mems : sequence of InterleavedCSC
            Layers that are in the memories at the same time.
        machine : Machine
            The chip that they are encoded for.
        formats : sequence of LayerFormats
            Fixed-point formats of each layer.

        Raises
        ------
        ValueError
            When a layer or the machine is outside the hardware's limits; the message names the limit.
        """
        width, papers = _width(formats), cls()
        needed = _needed(mems, machine)
        for name, (what, number) in needed.items():
            most = 1 << _MOST_BITS[name]
            if number > most:
                raise ValueError(f"the hardware has at most {most:,} {what}, the layer needs {number:,}")
        sizes = {name: max(getattr(papers, name), (number - 1).bit_length()) for name, (_, number) in needed.items()}
        return cls(**_of_machine(machine), data_bits=width, **sizes)

    def check(self, mems: Sequence[InterleavedCSC], machine: Machine, formats: Sequence[LayerFormats]) -> None:
        """Raise a `ValueError` when these layers cannot run on this RTL; parameters as for `fitting`."""
        wanted = {**_of_machine(machine), "data_bits": _width(formats)}
        for name, value in wanted.items():
            if getattr(self, name) != value:
                found = getattr(self, name)
                raise ValueError(f"the geometry's {name} must be {value}, as the layers have it, got {found}")
        for name, (what, number) in _needed(mems, machine).items():
            most = 1 << getattr(self, name)
            if number > most:
                raise ValueError(f"the geometry has {most:,} {what}, the layers need {number:,}")


def chosen(
    geometry: Geometry | None, mems: Sequence[InterleavedCSC], machine: Machine, formats: Sequence[LayerFormats]
) -> Geometry:
    """Return the given geometry, checked, or a fitting one if there is none."""
    if geometry is None:
        return Geometry.fitting(mems, machine, formats)
    geometry.check(mems, machine, formats)
    return geometry


def pointers_taken(mem: InterleavedCSC) -> int:
    """Count the pointers of a layer, filled up so that the next layer begins in the even bank."""
    return (mem.n_columns + 2) // 2 * 2


def _of_machine(machine: Machine) -> dict[str, Any]:
    return {
        "n_pe": machine.n_pe,
        "depth": machine.fifo_depth,
        "entries": machine.entries_per_row,
        "code_bits": machine.weight_bits,
        "index_bits": machine.index_bits,
    }


def _width(formats: Sequence[LayerFormats]) -> int:
    """Return the bits of the accumulators, which all layers share."""
    for each in formats:
        check_formats(each)
    widths = {each.output.bits for each in formats}
    if len(widths) > 1:
        raise ValueError(f"the hardware has one width of accumulators for all layers, got {sorted(widths)} bits")
    return widths.pop()


def _needed(mems: Sequence[InterleavedCSC], machine: Machine) -> dict[str, tuple[str, int]]:
    """Return what the layers need of each memory, by the parameter that has the bits of its address."""
    return {
        "row_bits": (
            "rows of sparse-matrix SRAM per PE",
            sum(rows_taken(mem, machine.entries_per_row) for mem in mems),
        ),
        "column_bits": ("pointers per PE", sum(map(pointers_taken, mems[:-1])) + mems[-1].n_columns + 1),
        "reg_bits": (
            "registers per PE",
            max(-(-size // machine.n_pe) for mem in mems for size in (mem.n_in, mem.n_out)),
        ),
    }


def rows_taken(mem: InterleavedCSC, entries: int) -> int:
    """Count the SRAM rows of the fullest PE; the last has room for the end pointer, one past the last entry."""
    return max(int(most) for most in mem.pointers[-1]) // entries + 1


def check_formats(formats: LayerFormats) -> None:
    """Raise a `ValueError` when the hardware has no such formats."""
    width = formats.output.bits
    for name in ("weight", "activation"):
        if getattr(formats, name).bits > width:
            raise ValueError(
                f"the hardware's {name}s must have at most the bits of its accumulators, {width}, "
                f"got {getattr(formats, name).bits}"
            )
    most = (1 << (2 * width - 1).bit_length()) - 1
    if not 0 <= formats.places <= most:
        raise ValueError(f"the hardware shifts products right by 0..{most} places, got {formats.places} for {formats}")
