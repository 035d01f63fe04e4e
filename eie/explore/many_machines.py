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
from eie._compile import Kernel, pays
from eie._uncompiled.timing import run_seconds
from eie.columns import CELL_SECONDS
from eie.cycles import PIPELINE_CYCLES, CycleReport, checked_activations, scan, simulate
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
    rows = np.concatenate([pe_of, local_of]).astype(np.uint32)
    idle_of_column = np.full(layer.n_in + 1, NOT_SENT, np.int64)
    idle_of_column[active] = idle
    holds = np.minimum(depths, max(len(active), 1) + 1) - 1  # a queue that holds all broadcasts is as good as any
    largest = int(local_of[-1])
    # No column keeps a PE longer than all its entries, the padding zeros of all rows, and four cycles.
    longest = layer.nnz + len(bias_rows) + (layer.n_in + 1) * (4 + (largest + 1 >> int(bits[0])))
    lane = 16 if largest + 1 < 1 << 16 else 64
    inputs = layer.indptr, layer.rows, rows, idle_of_column[:-1]
    ends = _check.readonly(np.array([0, len(bias_rows)]), np.int64)
    bias = ends, _check.readonly(bias_rows, np.int32), rows, idle_of_column[-1:]  # the last column
    parts = []
    for some in np.split(np.arange(len(bits)), range(64 // lane, len(bits), 64 // lane)):
        of_some = widths[np.isin(widths[:, 0], some)] - (some[0], 0)
        time = np.dtype(np.int32 if longest < 2**31 else np.int64)
        free, end = np.zeros((len(some) * len(holds), n_pe), time), np.zeros((len(some), n_pe), time)
        reads, entries = np.zeros(len(of_some), np.int64), np.zeros(len(some), np.int64)
        held, queues = np.full((len(of_some), n_pe), -1, time), _queues(len(free), holds.max())
        known = _entries_of_gap(largest, bits[some], lane), lane, holds, of_some.ravel()
        state = end.ravel(), free.ravel(), held.ravel(), reads, entries, queues.ravel(), _room(n_pe, time)
        for column in inputs, bias:
            _pass(*column, *known, *state)
        cycles = free.max(axis=1).reshape(len(some), len(holds)).astype(np.int64) + PIPELINE_CYCLES
        parts.append((cycles, reads, entries, end))
    cycles, reads, entries, on_pe = (np.concatenate(part) for part in zip(*parts, strict=True))
    n_entries = on_pe.sum(axis=1, dtype=np.int64).max()
    if n_entries > MAX_ENTRIES:
        raise ValueError(f"the encoded layer must have at most {MAX_ENTRIES} entries, got {n_entries}")
    fullest = on_pe.max(axis=1).astype(np.int64)
    return cycles[of_bits, of_depth], reads[of_width], entries[of_bits], fullest[of_bits]


def _room(n_pe: int, time: np.dtype[Any]) -> tuple[NDArray[Any], ...]:
    """Make room for what `_pass` works out of a column: numba takes long to compile what makes arrays."""
    return np.empty(n_pe, np.uint64), np.empty(n_pe, np.int32), np.empty(n_pe, np.int32), np.empty(n_pe, time)


def _queues(n: int, most: int) -> NDArray[np.int64]:
    """Make `n` queues: the last broadcast, the slot of the next one, and when the last PE took that of each slot."""
    queues = np.full((n, 2 + most), -1)
    queues[:, 1] = 0
    return queues


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
def _pass(  # type: ignore[no-untyped-def]
    indptr, row_of, rows, idle, entries_of_gap, lane, holds, widths, end, free, held, reads, entries, queues, room
):
    """Run all columns on all queues, and count reads and entries processed.

    It is one function whose arrays are all flat, since numba takes long to compile calls and further dimensions.
    `indptr` and `row_of` are column pointers and rows of the entries; `rows` the PE of each row, then the local row of
    each. `idle[j]` are the cycles that the scan wastes before column j, and `holds` the activations that a queue of
    each kind holds. `widths` are pairs: which of the numbers of index bits, and the entries of a Spmat row.
    The rest is filled in: `end` of `(bits, n_pe)` with the entries of each PE, `free` of `(bits x holds, n_pe)` with
    the cycle from which each PE is free, `held` of `(widths, n_pe)` with the Spmat row read last, `reads` per width,
    `entries` per number of index bits, and `queues` as `_queues` makes them. `room` is for a column's entries and rows.
    """
    found, last, lengths, start = room
    n_pe, n_out = len(last), np.uint32(len(rows) // 2)
    size = len(queues) // (len(entries) * len(holds))
    mask = ~np.uint64(0) >> np.uint64(64 - lane)
    to_time = free.dtype.type
    for j in range(len(idle)):
        for p in range(n_pe):
            last[p] = -1
            found[p] = 0
        # Each PE's entries, padding counted, for all numbers of index bits at once.
        for e in range(indptr[j], indptr[j + 1]):
            row = np.uint32(row_of[e])  # numba asks of a signed index whether it counts from the end
            p, local = rows[row], rows[row + n_out]
            found[p] += entries_of_gap[np.uint32(local - last[p] - 1)]
            last[p] = local
        for i in range(len(entries)):
            # `start` and `end` are the column's pointers; columns that are not sent move them, too.
            shift, to, in_column = np.uint64(i * lane), i * n_pe, np.int64(0)
            for p in range(n_pe):
                n = np.int64((found[p] >> shift) & mask)
                start[p] = end[to + p]
                end[to + p] += n
                lengths[p] = max(n, 1)  # finding out that a column is empty takes a cycle, too
                in_column += n
            if idle[j] == NOT_SENT:
                continue
            entries[i] += in_column
            for d in range(len(holds)):
                q = i * len(holds) + d
                at, own = q * size, q * n_pe
                slot = at + 2 + queues[at + 1]
                # As `_run` and `_dequeue` of `eie.cycles` do.
                broadcast = max(queues[at] + 1 + idle[j], queues[slot] + 1)
                first = to_time(broadcast + 1)
                latest = first
                for p in range(n_pe):
                    cycle = max(first, free[own + p])
                    free[own + p] = to_time(cycle + to_time(lengths[p]))
                    latest = max(latest, cycle)
                queues[at], queues[slot] = broadcast, latest
                slot = queues[at + 1] + 1
                queues[at + 1] = slot * (slot < holds[d])
            for w in range(len(reads)):
                if widths[2 * w] == i:
                    # The compiler turns this multiplication into vector instructions for many PEs at once, which it
                    # cannot do for an integer division. Half an entry keeps the product clear of whole numbers, so
                    # rounding cannot change the row.
                    rows_per_entry, own, read = 1.0 / widths[2 * w + 1], w * n_pe, np.int64(0)
                    for p in range(n_pe):
                        low = to_time((start[p] + 0.5) * rows_per_entry)
                        high = to_time((end[to + p] - 0.5) * rows_per_entry)
                        some = end[to + p] > start[p]
                        # The row that the last column ended in is still held: it is not read again. A factor of 0 or
                        # 1 stands in for a branch, which would keep the compiler from using vector instructions.
                        read += (high - low + (low != held[own + p])) * some
                        held[own + p] = high if some else held[own + p]
                    reads[w] += read
