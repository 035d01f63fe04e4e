"""A layer as the memories of N PEs hold it: interleaved CSC with relative row indices (ISCA 2016, section III-B)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie import _check
from eie._compile import Kernel, pays
from eie._display import Shown
from eie._sums.expansion import Columns, Expansion
from eie._uncompiled import memories
from eie.columns import ColumnTables, column_tables
from eie.layer import MAX_SIZE, CompressedLayer, checked_codebook
from eie.machine import Machine

_WIDE = 2**26
"""Pointers over all PEs, from which on they are kept in as few bytes as they need."""
ENTRY_SECONDS = 6e-8
"""Time that NumPy takes to encode an entry (on a Zen 5)."""
MAX_ENTRIES = 2**31 - 1
"""Entries over all PEs: pointers have 32 bits here (the chip's have 16)."""


@dataclass(frozen=True, eq=False, slots=True)
class InterleavedCSC(Shown):
    """Content of the sparse-matrix and pointer memories of all PEs; `encode` makes it, `decode` reads it back.

    Row i lives on PE `i % n_pe` as local row `i // n_pe`. An entry is a code and the number of zeros since the entry
    before it in that column on that PE. A gap too wide for one relative index is bridged by padding zeros: entries
    of code 0 and the largest skip. The bias, where there is one, is the last column.

    Attributes
    ----------
    n_out, n_in, n_pe, weight_bits, index_bits : int
        Outputs, inputs, processing elements, and bits of a code and of a relative index.
    codebook : float32 array of shape `(2**weight_bits,)`
        The shared weights; entry 0 is 0.0.
    has_bias : bool
        Whether the last column is the bias.
    codes, skips : uint8 arrays of shape `(n_entries,)`
        The entries of PE 0, then those of PE 1, and so on.
    pe_start : int64 array of shape `(n_pe + 1,)`
        PE p's entries are `pe_start[p]` to `pe_start[p + 1]`.
    pointers : int32 array of shape `(n_columns + 1, n_pe)`
        Column j's entries on PE p are `pointers[j, p]` to `pointers[j + 1, p]`, counted from the first entry of
        that PE. With 2**26 pointers or more, the dtype is the smallest that holds them, such as uint8.
    column_macs : int64 array of shape `(n_columns,)`
        Entries of each column over all PEs, without padding zeros.
    expansion : Expansion
        Bitmaps of the matrix, which `infer` creates after a number of vectors.
    """

    n_out: int
    n_in: int
    n_pe: int
    weight_bits: int
    index_bits: int
    codebook: NDArray[np.float32]
    has_bias: bool
    codes: NDArray[np.uint8]
    skips: NDArray[np.uint8]
    pe_start: NDArray[np.int64]
    pointers: NDArray[np.int32]
    column_macs: NDArray[np.int64]
    _tables: dict[int, ColumnTables] = field(init=False, repr=False, default_factory=dict)
    _by_column: list[Columns] = field(init=False, repr=False, default_factory=list)
    expansion: Expansion = field(init=False, repr=False, default_factory=Expansion)

    def tables(self, entries_per_row: int) -> ColumnTables:
        """Return what the timing needs of each column at a width of the sparse-matrix memory; the result is kept."""
        found = self._tables.get(entries_per_row)
        if found is None:
            found = column_tables(self.pointers, self.column_macs, entries_per_row)
            self._tables.clear()
            self._tables[entries_per_row] = found
        return found

    def by_column(self) -> Columns:
        """Return the matrix by columns, without padding zeros: column pointers, rows and codes. The result is kept."""
        if not self._by_column:
            indptr = np.concatenate([[0], np.cumsum(self.column_macs)])
            self._by_column.append((indptr, *_gather(self.codes, self.skips, self.pe_start, self.pointers, indptr)))
        return self._by_column[0]

    @property
    def n_columns(self) -> int:
        """Number of columns, including the bias."""
        return len(self.column_macs)

    @property
    def n_entries(self) -> int:
        """Number of entries over all PEs, including padding zeros."""
        return len(self.codes)

    @property
    def n_padding(self) -> int:
        """Number of padding zeros over all PEs."""
        return self.n_entries - int(self.column_macs.sum())

    @property
    def spmat_bits(self) -> int:
        """Number of bits that the entries take, over all PEs."""
        return self.n_entries * (self.weight_bits + self.index_bits)

    def pointer_bits(self, bits_each: int = 16) -> int:
        """Count the bits that the column pointers take over all PEs, at `bits_each` per pointer (paper: 16)."""
        return self.pointers.size * bits_each

    def pe(self, p: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int32]]:
        """Return the memories of PE `p`: codes, relative row indices (skips), and column pointers."""
        p = _check.integer("p", p, 0, self.n_pe - 1)
        own = slice(self.pe_start[p], self.pe_start[p + 1])
        return self.codes[own], self.skips[own], self.pointers[:, p]

    def rows_on(self, p: int) -> int:
        """Count the rows that live on PE `p`; may be 0."""
        return max(0, -(-(self.n_out - p) // self.n_pe))

    def __repr__(self) -> str:
        return (
            f"InterleavedCSC({self.n_out} x {self.n_in}{' + bias' if self.has_bias else ''}, {self.n_pe} PEs, "
            f"{self.n_entries} entries, {self.n_padding} padding zeros)"
        )

    @classmethod
    def from_memories(
        cls,
        n_out: int,
        n_in: int,
        machine: Machine,
        codebook: Any,
        memories: list[tuple[Any, Any, Any]],
        has_bias: bool,
    ) -> InterleavedCSC:
        """Put together the memories of single PEs, checking that they describe a matrix.

        Parameters
        ----------
        n_out, n_in : int
            Outputs and inputs.
        machine : Machine
            Gives the number of PEs and the bits of codes and relative indices.
        codebook : array of shape `(2**weight_bits,)`
            The shared weights.
        memories : list of (codes, skips, pointers), one per PE
            Integer arrays of shapes `(n,)`, `(n,)` and `(n_columns + 1,)`.
        has_bias : bool
            Whether the last column is the bias.

        Raises
        ------
        ValueError
            When a code, skip or pointer is out of range, pointers run backwards, or an entry lies below the last row.
        """
        n_out, n_in = _check.integer("n_out", n_out, 1, MAX_SIZE), _check.integer("n_in", n_in, 1, MAX_SIZE)
        n_columns = n_in + bool(has_bias)
        if len(memories) != machine.n_pe:
            raise ValueError(f"memories must be one per PE, {machine.n_pe}, got {len(memories)}")
        parts = [_checked_memory(p, *memory, machine, n_columns) for p, memory in enumerate(memories)]
        codes = np.concatenate([part[0] for part in parts])
        pe_start = np.concatenate([[0], np.cumsum([len(part[0]) for part in parts])])
        pointers = np.stack([part[2] for part in parts], axis=1)
        mem = cls(
            n_out,
            n_in,
            machine.n_pe,
            machine.weight_bits,
            machine.index_bits,
            checked_codebook(codebook),
            bool(has_bias),
            _check.readonly(codes, np.uint8),
            _check.readonly(np.concatenate([part[1] for part in parts]), np.uint8),
            _check.readonly(pe_start, np.int64),
            _check.readonly(pointers, np.int32),
            _check.readonly(_count_macs(codes, pe_start, pointers), np.int64),
        )
        if len(mem.codebook) != machine.codebook_size:
            raise ValueError(f"codebook must have {machine.codebook_size} values, got {len(mem.codebook)}")
        _check_rows(mem)
        return mem


def encode(layer: CompressedLayer, machine: Machine) -> InterleavedCSC:
    """Distribute a layer over the PEs of a machine (ISCA 2016, section III-B and Figure 3).

    Parameters
    ----------
    layer : CompressedLayer
        Its codebook must have `2**machine.weight_bits` values.
    machine : Machine
        Gives the number of PEs and the bits of codes and relative indices.

    Returns
    -------
    InterleavedCSC
        Memories of all PEs.

    Raises
    ------
    ValueError
        When the codebook's size is not the machine's.
    """
    _check.kind("layer", layer, CompressedLayer)
    _check.kind("machine", machine, Machine)
    check_codebook(layer, machine)
    indptr, rows, codes = _with_bias_column(layer)
    pe_of, local_of = (part.astype(np.int32) for part in place(np.arange(layer.n_out), machine.n_pe))
    pays(ENTRY_SECONDS * len(rows))
    given = indptr, rows, codes, pe_of, local_of, machine.index_bits
    last, ends = np.empty(machine.n_pe, np.int32), np.zeros(machine.n_pe, np.int64)
    none = np.empty(0, np.uint8)
    if len(indptr) * machine.n_pe > _WIDE:  # many PEs hold little each
        _distribute(*given, ends, last, np.empty(0, np.int32), none, none)
    pointers = np.zeros((len(indptr), machine.n_pe), _pointer_type(ends, len(indptr)))
    ends[:] = 0
    _distribute(*given, ends, last, pointers.reshape(-1), none, none)
    pe_start = np.concatenate([[0], np.cumsum(ends)])
    n_entries = int(pe_start[-1])
    if n_entries > MAX_ENTRIES:
        raise ValueError(f"the encoded layer must have at most {MAX_ENTRIES} entries, got {n_entries}")
    # Every entry starts as a padding zero (code 0, largest skip), so only real entries are written.
    out_codes, out_skips = np.zeros(n_entries, np.uint8), np.full(n_entries, machine.max_skip, np.uint8)
    _distribute(*given, pe_start[:-1].copy(), last, pointers.reshape(-1)[:0], out_codes, out_skips)
    mem = InterleavedCSC(
        layer.n_out,
        layer.n_in,
        machine.n_pe,
        machine.weight_bits,
        machine.index_bits,
        layer.codebook,
        layer.bias_codes is not None,
        _check.readonly(out_codes, np.uint8),
        _check.readonly(out_skips, np.uint8),
        _check.readonly(pe_start, np.int64),
        _check.readonly(pointers, pointers.dtype),
        _check.readonly(np.diff(indptr), np.int64),
    )
    mem._by_column.append((indptr, rows, codes))
    return mem


def decode(mem: InterleavedCSC) -> CompressedLayer:
    """Read a layer back from the memories of the PEs; `decode(encode(layer, machine)) == layer`.

    Returns
    -------
    CompressedLayer
        The layer, without padding zeros.
    """
    _check.kind("mem", mem, InterleavedCSC)
    columns, rows = _coordinates(mem.codes, mem.skips, mem.pe_start, mem.pointers)
    kept = mem.codes != 0
    order = np.argsort(columns[kept] * np.int64(mem.n_out) + rows[kept])
    columns, rows, codes = columns[kept][order], rows[kept][order], mem.codes[kept][order]
    indptr = np.searchsorted(columns, np.arange(mem.n_columns + 1))
    end = indptr[mem.n_in]
    bias = None
    if mem.has_bias:
        bias = np.zeros(mem.n_out, np.uint8)
        bias[rows[end:]] = codes[end:]
    return CompressedLayer(mem.n_out, mem.n_in, indptr[: mem.n_in + 1], rows[:end], codes[:end], mem.codebook, bias)


def check_codebook(layer: CompressedLayer, machine: Machine) -> None:
    """Raise a `ValueError` when the layer's codebook is not of the machine's size."""
    if len(layer.codebook) != machine.codebook_size:
        raise ValueError(
            f"codebook must have {machine.codebook_size} values for {machine.weight_bits}-bit codes, "
            f"got {len(layer.codebook)}"
        )


def place(rows: NDArray[Any], n_pe: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the PE and the local row of each row."""
    return rows % n_pe, rows // n_pe


def _with_bias_column(layer: CompressedLayer) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint8]]:
    if layer.bias_codes is None:
        return layer.indptr, layer.rows, layer.codes
    (bias_rows,) = np.nonzero(layer.bias_codes)
    return (
        _check.readonly(np.append(layer.indptr, layer.nnz + len(bias_rows)), np.int64),
        _check.readonly(np.concatenate([layer.rows, bias_rows]), np.int32),
        _check.readonly(np.concatenate([layer.codes, layer.bias_codes[bias_rows]]), np.uint8),
    )


def _checked_memory(
    p: int, codes: Any, skips: Any, pointers: Any, machine: Machine, n_columns: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int64]]:
    codes = _check.whole_numbers(f"codes of PE {p}", codes, machine.codebook_size - 1)
    skips = _check.whole_numbers(f"relative indices of PE {p}", skips, machine.max_skip)
    pointers = _check.int64_array(f"pointers of PE {p}", pointers)
    if codes.shape != skips.shape or codes.ndim != 1:
        raise ValueError(
            f"PE {p} must have one relative index per code, got {codes.shape} codes and {skips.shape} indices"
        )
    if pointers.shape != (n_columns + 1,):
        raise ValueError(
            f"PE {p} must have {n_columns + 1} pointers, one per column and one for the end, got {pointers.shape}"
        )
    if pointers[0] != 0 or pointers[-1] != len(codes):
        raise ValueError(f"pointers of PE {p} must run from 0 to {len(codes)}, got {pointers[0]}..{pointers[-1]}")
    steps = np.diff(pointers)
    if steps.min() < 0:
        j = int(np.argmax(steps < 0))
        raise ValueError(f"pointers of PE {p} run backwards at column {j}: {pointers[j]} then {pointers[j + 1]}")
    return codes, skips, pointers


def _check_rows(mem: InterleavedCSC) -> None:
    columns, rows = _coordinates(mem.codes, mem.skips, mem.pe_start, mem.pointers)
    if mem.n_entries and rows.max() >= mem.n_out:
        entry = int(np.argmax(rows >= mem.n_out))
        pe = int(rows[entry]) % mem.n_pe
        raise ValueError(
            f"rows must be in 0..{mem.n_out - 1}, but the relative indices of column {columns[entry]} on PE {pe} "
            f"reach row {rows[entry]}"
        )


def _count_macs(
    codes: NDArray[np.uint8], pe_start: NDArray[np.int64], pointers: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Count the entries of each column that are not padding zeros, over all PEs."""
    macs_before = np.concatenate([[0], np.cumsum(codes != 0)])
    return np.diff(macs_before[pe_start[:-1] + pointers].sum(axis=1))


def _pointer_type(entries: NDArray[Any], size: int) -> Any:
    """Choose the smallest type for `size` pointers per PE, of PEs with so many entries; 32 bits where they are few."""
    few = size * len(entries) <= _WIDE
    return np.int32 if few or entries.max() >= 2**16 else np.min_scalar_type(int(entries.max()))


@Kernel.after(memories.distribute)
def _distribute(indptr, rows, codes, pe_of, local_of, index_bits, ends, last, pointers, out_codes, out_skips):  # type: ignore[no-untyped-def]
    """Send each entry to its PE, and fill in those of the last three that are not empty.

    `ends` are each PE's entries so far, or where it writes next, and `last` is room for the row that each held last.
    `pointers` are given flat. Codes and relative row indices are written over padding zeros. One kernel both counts and
    writes: to compile two takes twice as long.
    """
    n_pe, max_skip = len(last), (1 << index_bits) - 1
    for j in range(len(indptr) - 1):
        for p in range(n_pe):
            last[p] = -1
        for e in range(indptr[j], indptr[j + 1]):
            p, local = pe_of[rows[e]], local_of[rows[e]]
            # One index spans 2**index_bits rows, its own included; each full span of the gap costs a padding zero.
            gap = local - last[p] - 1
            at = ends[p] + (gap >> index_bits)
            if len(out_codes):
                out_codes[at] = codes[e]
                out_skips[at] = gap & max_skip
            ends[p] = at + 1
            last[p] = local
        if len(pointers):
            for p in range(n_pe):
                pointers[(j + 1) * n_pe + p] = ends[p]


@Kernel
def _gather(codes, skips, pe_start, pointers, indptr):  # type: ignore[no-untyped-def]
    """List rows and codes of each column, padding left out, where `indptr` says."""
    n_pe = len(pe_start) - 1
    rows, kept = np.empty(indptr[-1], np.int32), np.empty(indptr[-1], np.uint8)
    for j in range(pointers.shape[0] - 1):
        at = indptr[j]
        for p in range(n_pe):
            row = p - n_pe
            for e in range(pe_start[p] + pointers[j, p], pe_start[p] + pointers[j + 1, p]):
                row += (skips[e] + 1) * n_pe
                if codes[e]:
                    rows[at], kept[at] = row, codes[e]
                    at += 1
    return rows, kept


@Kernel
def _coordinates(codes, skips, pe_start, pointers):  # type: ignore[no-untyped-def]
    """Find column and row of every entry, including padding zeros."""
    n_pe = len(pe_start) - 1
    columns = np.empty(len(codes), np.int64)
    rows = np.empty(len(codes), np.int64)
    for p in range(n_pe):
        for j in range(pointers.shape[0] - 1):
            local = -1  # a column starts anew on each PE: its first skip counts from above the first row
            for e in range(pe_start[p] + pointers[j, p], pe_start[p] + pointers[j + 1, p]):
                local += skips[e] + 1
                columns[e] = j
                rows[e] = local * n_pe + p
    return columns, rows
