"""Many machines at once: one pass over a layer's entries for all machines of the same PEs.

Cycles depend on the queues' depth but not on the width of the sparse-matrix memory; reads of that memory depend on its
width but not on the queues; only padding depends on the bits of a relative index. So one pass keeps, for each number of
index bits, the timing recurrence of `eie.cycles` for each depth and the row last read for each width, and every
combination is known. Codes and relative indices decide nothing of this: entries are counted, not written down, and
memory goes with PEs x index bits x (depths + widths), not with columns x PEs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie import _check
from eie._compile import Kernel, Part, pays
from eie.columns import CELL_SECONDS
from eie.cycles import PIPELINE_CYCLES, CycleReport, checked_activations, dequeue, run_seconds, scan, simulate
from eie.interleaved import ENTRY_SECONDS, MAX_ENTRIES, check_codebook, encode, place
from eie.layer import CompressedLayer
from eie.machine import Machine

NOT_SENT = -1
"""In place of the idle cycles before a column's broadcast, where there is none."""


@dataclass(frozen=True, slots=True)
class Designs:
    """Reports of one layer on several machines with equal PEs.

    `common` are the fields of a `CycleReport` that are the same for all machines; `cycles`, `padding` and
    `spmat_reads` of shape `(machines,)` those that are not. `fullest` counts the entries of the whole layer on the PE
    that holds most of them, including padding zeros.
    """

    machines: tuple[Machine, ...]
    common: dict[str, int]
    cycles: NDArray[np.int64]
    padding: NDArray[np.int64]
    spmat_reads: NDArray[np.int64]
    fullest: NDArray[np.int64]

    @property
    def together(self) -> CycleReport:
        """All reports in one, with an array in place of each number that is not the same for all machines."""
        differ: Any = {name: getattr(self, name) for name in ("cycles", "padding", "spmat_reads")}
        clocks: Any = np.array([machine.clock_hz for machine in self.machines])
        return CycleReport(clock_hz=clocks, **differ, **self.common)

    @property
    def reports(self) -> list[CycleReport]:
        """Reports, one per machine, each equal to the one that `simulate` gives for it."""
        counted = zip(
            self.machines, self.cycles.tolist(), self.padding.tolist(), self.spmat_reads.tolist(), strict=True
        )
        return [
            CycleReport(cycles=cycles, padding=padding, spmat_reads=reads, clock_hz=machine.clock_hz, **self.common)
            for machine, cycles, padding, reads in counted
        ]


def memory_layout(machine: Machine) -> tuple[int, int]:
    """Return PEs and code bits: machines that agree in these can be simulated in one pass."""
    return machine.n_pe, machine.weight_bits


def simulate_many(
    layer: CompressedLayer, activations: Any, machines: Sequence[Machine], *, signed: bool = False
) -> Designs:
    """Time one layer on one vector of activations, on several machines of the same `memory_layout`.

    Parameters
    ----------
    layer : CompressedLayer
        The layer, not encoded.
    activations : array of shape `(n_in,)`
        Inputs, as for `simulate`.
    machines : sequence of Machine
        One or more; index bits, queue depth, width of the sparse-matrix memory and clock may differ.
    signed : bool
        Broadcast every value that is not 0, also a negative one, as for `simulate`.

    Returns
    -------
    Designs

    Raises
    ------
    ValueError
        As `encode` and `simulate` do, or when the machines do not have the same layout.
    """
    layouts = {memory_layout(machine) for machine in machines}
    if len(layouts) != 1:
        raise ValueError(f"machines must have the same (n_pe, weight_bits), got {sorted(layouts)}")
    n_pe = machines[0].n_pe
    check_codebook(layer, machines[0])
    if not pays(len(machines) * numpy_seconds(layer.nnz, layer.n_in, n_pe), begin=False):
        return _each(layer, activations, machines, signed)
    active, idle = scan(checked_activations(activations, layer.n_in, signed) != 0, n_pe, layer.bias_codes is not None)
    bias_rows = np.flatnonzero(layer.bias_codes) if layer.bias_codes is not None else np.empty(0, np.int64)
    macs = int(np.append(np.diff(layer.indptr), len(bias_rows))[active].sum())
    cycles, reads, entries, fullest = _counted(layer, bias_rows, active, idle, machines)
    if not len(active):  # every address was looked at, and nothing found to send
        cycles[:] = -(-layer.n_in // n_pe)
    common = {
        "broadcasts": len(active),
        "macs": macs,
        "ptr_reads": len(active) * n_pe,
        "n_in": layer.n_in,
        "n_out": layer.n_out,
        "n_pe": n_pe,
    }
    return Designs(tuple(machines), common, cycles, entries - macs, reads, fullest)


def numpy_seconds(entries: float, n_in: int, n_pe: int) -> float:
    """Return the time, s, that NumPy takes at most to encode and simulate a layer on one machine."""
    return ENTRY_SECONDS * entries + CELL_SECONDS * n_in * n_pe + run_seconds(n_in, n_in, n_pe)


def _each(layer: CompressedLayer, activations: Any, machines: Sequence[Machine], signed: bool) -> Designs:
    """Run machines one by one: what is done once or twice does not need a kernel of its own."""
    memories = [encode(layer, machine) for machine in machines]
    reports = [
        simulate(mem, activations, machine, signed=signed) for mem, machine in zip(memories, machines, strict=True)
    ]
    names = ("broadcasts", "macs", "ptr_reads", "n_in", "n_out", "n_pe")
    counted = [[getattr(report, name) for report in reports] for name in ("cycles", "padding", "spmat_reads")]
    fullest = [int(np.diff(mem.pe_start).max()) for mem in memories]
    common = {name: getattr(reports[0], name) for name in names}
    return Designs(tuple(machines), common, *(np.array(part, np.int64) for part in (*counted, fullest)))


def _counted(
    layer: CompressedLayer,
    bias_rows: NDArray[np.int64],
    active: NDArray[np.int64],
    idle: NDArray[np.int64],
    machines: Sequence[Machine],
) -> tuple[NDArray[np.int64], ...]:
    """Count cycles, Spmat reads, entries processed, and entries on the fullest PE, each per machine."""
    bits, of_bits = np.unique([machine.index_bits for machine in machines], return_inverse=True)
    depths, of_depth = np.unique([machine.fifo_depth for machine in machines], return_inverse=True)
    widths = np.stack([of_bits, [machine.entries_per_row for machine in machines]], axis=1)
    widths, of_width = np.unique(widths, axis=0, return_inverse=True)
    n_pe = machines[0].n_pe
    pe_of, local_of = place(np.arange(layer.n_out), n_pe)
    rows = pe_of.astype(np.uint32), local_of.astype(np.int32)
    idle_of_column = np.full(layer.n_in + 1, NOT_SENT, np.int64)
    idle_of_column[active] = idle
    holds = np.minimum(depths, max(len(active), 1) + 1) - 1  # a queue that holds all broadcasts is as good as any
    largest = int(local_of[-1])
    # No column keeps a PE longer than all its entries, the padding zeros of all rows, and four cycles.
    longest = layer.nnz + len(bias_rows) + (layer.n_in + 1) * (4 + (largest + 1 >> int(bits[0])))
    lane = 16 if largest + 1 < 1 << 16 else 64
    columns = layer.indptr, layer.rows, _check.readonly(bias_rows, np.int32)
    parts = []
    for some in np.split(np.arange(len(bits)), range(64 // lane, len(bits), 64 // lane)):
        of_some = widths[np.isin(widths[:, 0], some)] - (some[0], 0)
        time = np.dtype(np.int32 if longest < 2**31 else np.int64)
        free, end = np.zeros((len(some) * len(holds), n_pe), time), np.zeros((len(some), n_pe), time)
        reads, entries = np.zeros(len(of_some), np.int64), np.zeros(len(some), np.int64)
        taken, held = np.full((len(free), holds.max()), -1), np.full((len(of_some), n_pe), -1, time)
        gaps = _entries_of_gap(largest, bits[some], lane)
        room = _room(len(some), len(holds), n_pe, time)
        _pass(columns, rows, idle_of_column, gaps, lane, holds, of_some, free, taken, held, end, reads, entries, room)
        cycles = free.max(axis=1).reshape(len(some), len(holds)).astype(np.int64) + PIPELINE_CYCLES
        parts.append((cycles, reads, entries, end))
    cycles, reads, entries, on_pe = (np.concatenate(part) for part in zip(*parts, strict=True))
    n_entries = on_pe.sum(axis=1, dtype=np.int64).max()
    if n_entries > MAX_ENTRIES:
        raise ValueError(f"the encoded layer must have at most {MAX_ENTRIES} entries, got {n_entries}")
    fullest = on_pe.max(axis=1).astype(np.int64)
    return cycles[of_bits, of_depth], reads[of_width], entries[of_bits], fullest[of_bits]


def _room(n_bits: int, n_holds: int, n_pe: int, time: np.dtype[Any]) -> tuple[NDArray[Any], ...]:
    """Make room for what `_pass` remembers of the column before: numba takes long to compile what makes arrays."""
    found, last = np.empty(n_pe, np.uint64), np.empty(n_pe, np.int32)
    lengths, start = np.empty((1, n_pe), np.int32), np.empty((n_bits, n_pe), time)
    return found, last, lengths, start, np.full(n_bits * n_holds, -1), np.zeros(n_holds, np.int64)


def _entries_of_gap(largest: int, bits: NDArray[np.int64], lane: int) -> NDArray[np.uint64]:
    """List the entries that an entry after a gap makes: itself, and a padding zero for each full span of the gap.

    One index spans `2**bits` rows, its own included. The numbers for the first of `bits` stand in the lowest `lane`
    bits of each word, those for the next in the next.
    """
    gaps = np.arange(largest + 1, dtype=np.uint64)
    words = np.zeros_like(gaps)
    for i, index_bits in enumerate(bits.tolist()):
        words += (1 + (gaps >> np.uint64(index_bits))) << np.uint64(i * lane)
    return words


@Kernel
def _pass(columns, rows, idle, entries_of_gap, lane, holds, widths, free, taken, held, end, reads, entries, room):  # type: ignore[no-untyped-def]
    """Run all columns on all queues, and count reads and entries processed.

    `columns` are column pointers, rows, and the rows of the bias, which is the last column; `rows` the PE and the local
    row of each row. `idle[j]` are the cycles that the scan wastes before column j, and `holds` the activations that a
    queue of each kind holds. `widths` are pairs: which of the numbers of index bits, and the entries of a Spmat row.
    The rest is filled in: `free` of shape `(bits x holds, n_pe)` with the cycle from which each PE is free, `taken`
    with the latest broadcasts as in `eie.cycles`, `held` of shape `(widths, n_pe)` with the Spmat row read last, `end`
    of shape `(bits, n_pe)` with the entries of each PE, `reads` per width and `entries` per number of index bits.
    """
    indptr, row_of, bias_rows = columns
    n_bits = end.shape[0]
    n_holds = len(holds)
    found, last, lengths, start, broadcast, slot = room
    # `start` and `end` are a column's pointers; columns that are not sent move them, too.
    for j in range(len(idle)):
        is_bias = j == len(indptr) - 1
        column, first = bias_rows if is_bias else row_of, 0 if is_bias else indptr[j]
        stop = len(bias_rows) if is_bias else indptr[j + 1]
        _count(column, first, stop, rows, entries_of_gap, last, found)
        for i in range(n_bits):
            in_column = _move(found, i, lane, start, end, lengths)
            if idle[j] == NOT_SENT:
                continue
            entries[i] += in_column
            for d in range(n_holds):
                q = i * n_holds + d
                at, room = broadcast[q] + 1 + idle[j], taken[q, slot[d]] + 1
                broadcast[q] = at if at > room else room
                taken[q, slot[d]] = dequeue(lengths, 0, broadcast[q], free, q)
            for w in range(len(widths)):
                if widths[w, 0] == i:
                    reads[w] += _read_rows(start, end, i, widths[w, 1], held, w)
        for d in range(n_holds if idle[j] != NOT_SENT else 0):
            slot[d] = slot[d] + 1 if slot[d] + 1 < holds[d] else 0


@Part
def _count(row_of, first, stop, rows, entries_of_gap, last, found):  # type: ignore[no-untyped-def]
    """Count each PE's entries of one column, padding counted, for all numbers of index bits at once."""
    pe_of, local_of = rows
    for p in range(len(last)):
        last[p] = -1
        found[p] = 0
    for e in range(first, stop):
        row = np.uint32(row_of[e])  # numba asks of a signed index whether it counts from the end
        p, local = pe_of[row], local_of[row]
        found[p] += entries_of_gap[np.uint32(local - last[p] - 1)]
        last[p] = local


@Part
def _move(found, i, lane, start, end, lengths):  # type: ignore[no-untyped-def]
    """Move the pointers of index bits i past one column; write how long it keeps each PE, and return its entries."""
    shift, mask = np.uint64(i * lane), ~np.uint64(0) >> np.uint64(64 - lane)
    entries = np.int64(0)
    for p in range(len(found)):
        n = np.int64((found[p] >> shift) & mask)
        start[i, p] = end[i, p]
        end[i, p] += n
        lengths[0, p] = n if n > 1 else 1  # finding out that a column is empty takes a cycle, too
        entries += n
    return entries


@Part
def _read_rows(start, end, i, entries_per_row, held, w):  # type: ignore[no-untyped-def]
    """Count the Spmat rows of width w that every PE reads for its column and does not hold already."""
    # The compiler turns this multiplication into vector instructions for many PEs at once, which it cannot do for an
    # integer division. Half an entry keeps the product clear of whole numbers, so rounding cannot change the row.
    rows_per_entry = 1.0 / entries_per_row
    to_row = held.dtype.type
    reads = 0
    for p in range(start.shape[1]):
        first = to_row((start[i, p] + 0.5) * rows_per_entry)
        last = to_row((end[i, p] - 0.5) * rows_per_entry)
        some = end[i, p] > start[i, p]
        # The row that the last column ended in is still held: it is not read again. A factor of 0 or 1 stands in for
        # a branch, which would keep the compiler from using vector instructions.
        reads += (last - first + (first != held[w, p])) * some
        held[w, p] = last if some else held[w, p]
    return reads
