"""Parameters of the RTL for a machine, and the limits of the hardware."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eie import _check
from eie.fixedpoint import LayerFormats
from eie.interleaved import InterleavedCSC
from eie.machine import Machine

MAX_PE = 64
MAX_DEPTH = 256
MAX_ROW_WIDTH = 1024
"""Bits of a row of the sparse-matrix SRAM."""
MAX_ROW_BITS, MAX_COLUMN_BITS, MAX_REG_BITS = 18, 17, 12
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

    def __post_init__(self) -> None:
        ranges = {
            "n_pe": (1, MAX_PE),
            "depth": (2, MAX_DEPTH),
            "code_bits": (1, 8),
            "index_bits": (1, 8),
            "entries": (1, MAX_ROW_WIDTH // (self.code_bits + self.index_bits)),
            "data_bits": (2, 32),
            "row_bits": (1, MAX_ROW_BITS),
            "column_bits": (2, MAX_COLUMN_BITS),
            "reg_bits": (1, MAX_REG_BITS),
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
    def most_places(self) -> int:
        """The most bits by which a product can be shifted right."""
        return (1 << (2 * self.data_bits - 1).bit_length()) - 1

    @property
    def parameters(self) -> dict[str, int]:
        """Names and values as `eie_top.sv` has them."""
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
        for chosen in formats:
            check_formats(chosen)
        widths = {chosen.output.bits for chosen in formats}
        if len(widths) > 1:
            raise ValueError(f"the hardware has one width of accumulators for all layers, got {sorted(widths)} bits")
        entries = machine.entries_per_row
        rows = sum(rows_taken(mem, entries) for mem in mems)
        pointers = sum(mem.n_columns + 1 for mem in mems)
        registers = max(-(-size // machine.n_pe) for mem in mems for size in (mem.n_in, mem.n_out))
        needed = {
            "rows of sparse-matrix SRAM per PE": (rows, MAX_ROW_BITS),
            "pointers per PE": (pointers, MAX_COLUMN_BITS),
            "registers per PE": (registers, MAX_REG_BITS),
        }
        for what, (number, most) in needed.items():
            if number > 1 << most:
                raise ValueError(f"the hardware has at most {1 << most:,} {what}, the layer needs {number:,}")
        return cls(
            n_pe=machine.n_pe,
            depth=machine.fifo_depth,
            entries=entries,
            code_bits=machine.weight_bits,
            index_bits=machine.index_bits,
            data_bits=widths.pop(),
            row_bits=max(13, (rows - 1).bit_length()),
            column_bits=max(14, (pointers - 1).bit_length()),
            reg_bits=max(6, (registers - 1).bit_length()),
        )


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
