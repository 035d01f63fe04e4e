"""Many machines at once: one pass over a layer's entries for all machines that hold the layer alike.

Cycles depend on the queues' depth but not on the width of the sparse-matrix memory; reads of that memory depend on its
width but not on the queues. So one pass keeps the timing recurrence of `eie.cycles` for each depth and the row last
read for each width, and every pair of them is known. Codes and relative indices decide nothing of this: entries are
counted, not written down, and memory goes with PEs x (depths + widths), not with columns x PEs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

from eie.cycles import PIPELINE_CYCLES, CycleReport, checked_activations, dequeue, read_rows, scan
from eie.interleaved import MAX_ENTRIES, check_codebook, place
from eie.layer import CompressedLayer
from eie.machine import Machine

NOT_SENT = -1
"""In place of the idle cycles before a column's broadcast, where there is none."""


@dataclass(frozen=True, slots=True)
class Designs:
    """Reports of one layer on machines that hold it alike, each equal to what `simulate` gives.

    `fullest` counts the entries of the whole layer on the PE that holds most of them, padding zeros among them.
    """

    reports: list[CycleReport]
    fullest: int


def memory_layout(machine: Machine) -> tuple[int, int, int]:
    """Return PEs, code bits and index bits: machines that agree in these hold a layer alike."""
    return machine.n_pe, machine.weight_bits, machine.index_bits


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
        One or more; queue depth, width of the sparse-matrix memory and clock may differ.
    signed : bool
        Take any value that is not 0 as one to broadcast, as for `simulate`.

    Raises
    ------
    ValueError
        As `encode` and `simulate` do, or when the machines do not hold the layer alike.
    """
    layouts = {memory_layout(machine) for machine in machines}
    if len(layouts) != 1:
        raise ValueError(f"machines must be of one (n_pe, weight_bits, index_bits), got {sorted(layouts)}")
    n_pe = machines[0].n_pe
    check_codebook(layer, machines[0])
    active, idle = scan(checked_activations(activations, layer.n_in, signed) != 0, n_pe, layer.bias_codes is not None)
    bias_rows = np.flatnonzero(layer.bias_codes) if layer.bias_codes is not None else np.empty(0, np.int64)
    macs = int(np.append(np.diff(layer.indptr), len(bias_rows))[active].sum())
    cycles, reads, entries, fullest = _counted(layer, bias_rows.astype(np.int32), active, idle, machines)
    if not len(active):  # every address was looked at, and nothing found to send
        cycles = dict.fromkeys(cycles, -(-layer.n_in // n_pe))
    reports = [
        CycleReport(
            cycles=cycles[machine.fifo_depth],
            broadcasts=len(active),
            macs=macs,
            padding=entries - macs,
            ptr_reads=len(active) * n_pe,
            spmat_reads=reads[machine.entries_per_row],
            n_in=layer.n_in,
            n_out=layer.n_out,
            n_pe=n_pe,
            clock_hz=machine.clock_hz,
        )
        for machine in machines
    ]
    return Designs(reports, fullest)


def _counted(
    layer: CompressedLayer,
    bias_rows: NDArray[np.int32],
    active: NDArray[np.int64],
    idle: NDArray[np.int64],
    machines: Sequence[Machine],
) -> tuple[dict[int, int], dict[int, int], int, int]:
    """Count cycles by queue depth, Spmat reads by entries per row, entries processed, and those on the fullest PE."""
    depths = sorted({machine.fifo_depth for machine in machines})
    per_row = sorted({machine.entries_per_row for machine in machines})
    n_pe, _, index_bits = memory_layout(machines[0])
    pe_of, local_of = (part.astype(np.int32) for part in place(np.arange(layer.n_out), n_pe))
    idle_of_column = np.full(layer.n_in + 1, NOT_SENT, np.int64)
    idle_of_column[active] = idle
    holds = np.minimum(depths, max(len(active), 1) + 1) - 1  # a queue that holds all broadcasts is as good as any
    cycles, reads, entries, on_pe = _pass(
        (layer.indptr, layer.rows, bias_rows),
        pe_of,
        local_of,
        idle_of_column,
        holds,
        np.array(per_row),
        n_pe,
        index_bits,
    )
    if on_pe.sum() > MAX_ENTRIES:
        raise ValueError(f"the encoded layer must have at most {MAX_ENTRIES} entries, got {on_pe.sum()}")
    by_depth, by_row = dict(zip(depths, cycles.tolist(), strict=True)), dict(zip(per_row, reads.tolist(), strict=True))
    return by_depth, by_row, int(entries), int(on_pe.max())


@nb.njit(cache=True, nogil=True)
def _pass(columns, pe_of, local_of, idle, holds, entries_per_row, n_pe, index_bits):  # type: ignore[no-untyped-def]
    """Count cycles per queue, Spmat reads per memory width, entries processed, and entries that each PE holds.

    `columns` are column pointers, rows, and the rows of the bias, which is the last column. `idle[j]` are the cycles
    that the scan wastes before column j, `holds` the activations that a queue of each kind holds.
    """
    # The pointers of one column, as `encode` would write them. Columns that are not sent move them on, too.
    start, end = np.zeros(n_pe, np.int32), np.zeros(n_pe, np.int32)
    last = np.empty(n_pe, np.int32)
    free = np.zeros((len(holds), n_pe), np.int64)
    taken = np.full((len(holds), holds.max()), -1, np.int64)  # of each queue, a ring buffer as in `eie.cycles`
    broadcast = np.full(len(holds), -1, np.int64)
    row = np.full((len(entries_per_row), n_pe), -1, np.int64)
    entries = np.zeros((len(entries_per_row), n_pe), np.int64)
    reads = np.zeros((len(entries_per_row), n_pe), np.int64)
    indptr, rows, bias_rows = columns
    k = 0
    for j in range(len(idle)):
        column = rows[indptr[j] : indptr[j + 1]] if j < len(indptr) - 1 else bias_rows
        _advance(column, pe_of, local_of, index_bits, last, end)
        if idle[j] != NOT_SENT:
            for q in range(len(holds)):
                slot = k % holds[q]
                broadcast[q] = max(broadcast[q] + 1 + idle[j], taken[q, slot] + 1)
                taken[q, slot] = dequeue(start, end, broadcast[q], free[q])
            for w in range(len(entries_per_row)):
                read_rows(start, end, entries_per_row[w], row[w], entries[w], reads[w])
            k += 1
        start[:] = end
    cycles = np.array([free[q].max() for q in range(len(holds))]) + PIPELINE_CYCLES
    # Every width counts the same entries, since `read_rows` counts both; the first will do.
    return cycles, reads.sum(axis=1), entries[0].sum(), end.astype(np.int64)


@nb.njit(cache=True, nogil=True, inline="always")
def _advance(rows, pe_of, local_of, index_bits, last, end):  # type: ignore[no-untyped-def]
    """Move each PE's end past its entries of one column, padding counted."""
    last[:] = -1
    for row in rows:
        p, local = pe_of[row], local_of[row]
        end[p] += 1 + ((local - last[p] - 1) >> index_bits)
        last[p] = local
