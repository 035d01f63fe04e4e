"""Cycles of a layer by cause: every cycle of every PE has one cause, and they add up exactly.

The causes follow from the recurrence of `eie.cycles`. A PE is busy with a column from the cycle in which it takes it;
before that it has nothing to do from when it was free until the broadcast arrives. The scan says for how much of that
it was still searching; for the rest the broadcast was held back by a full queue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eie._compile import Kernel
from eie.cycles import PIPELINE_CYCLES, checked_activations, encoded_for, scan
from eie.interleaved import InterleavedCSC
from eie.layer import CompressedLayer
from eie.machine import EIE_45NM, Machine

if TYPE_CHECKING:
    import pandas as pd

CAUSES = {
    "work": "entries that are multiplied and added",
    "padding": "padding zeros, which bridge wide gaps",
    "empty columns": "columns in which the PE has no entry: one cycle each to find that out",
    "starvation": "the queue is empty, because a full queue, mostly that of a slower PE, holds the next broadcast back",
    "scan": "the queue is empty, while the control looks for the next non-zero activation",
    "finished": "the PE is done, and the slowest PE is not",
    "pipeline": "the first broadcast is on its way to the PE, or the last result on its way to the register",
}
"""What a PE may do in a cycle, and what it means."""

_WORK, _PADDING, _EMPTY, _STARVATION, _SCAN, _FINISHED, _PIPELINE = range(len(CAUSES))


@dataclass(frozen=True, eq=False, slots=True)
class Explanation:
    """The cycles of a layer by cause.

    Attributes
    ----------
    cycles : int
        Cycles of the run, over all vectors: those of the `CycleReport`.
    per_pe : int64 array of shape `(n_pe, 7)`
        Cycles of each PE by cause, in the order of `CAUSES`; every row adds up to `cycles`.
    critical : int64 array of shape `(7,)`
        The same of the PE that finished last, vector by vector; adds up to `cycles`.
    slowest_pe : int
        The PE that was busy longest with entries and empty columns; the first of equals.
    slowest_column : int
        The broadcast column that kept one PE busy longest; the first of equals. -1 when nothing was broadcast.
    slowest_column_entries : int
        Entries of that column on the PE that has most of it.
    slowest_column_mean : float
        Entries of that column on a PE, on average.
    """

    cycles: int
    per_pe: NDArray[np.int64]
    critical: NDArray[np.int64]
    slowest_pe: int
    slowest_column: int
    slowest_column_entries: int
    slowest_column_mean: float

    def table(self) -> pd.DataFrame:
        """Return one row per cause, and their sum.

        Columns: `PE cycles` (over all PEs; their sum is cycles x PEs), `share, %`, `least` and `most` of a single PE,
        and `of the last PE`: the PE that finished last, whose cycles add up to those of the run.
        """
        import pandas as pd

        rows = np.vstack([self.per_pe.T, np.full(len(self.per_pe), self.cycles)])
        return pd.DataFrame(
            {
                "PE cycles": rows.sum(axis=1),
                "share, %": 100 * rows.sum(axis=1) / (self.cycles * len(self.per_pe)),
                "least": rows.min(axis=1),
                "most": rows.max(axis=1),
                "of the last PE": np.append(self.critical, self.cycles),
            },
            index=pd.Index([*CAUSES, "sum"], name="cause"),
        )


@dataclass(frozen=True, eq=False, slots=True)
class Timeline:
    """Waiting times of each PE, on one vector.

    Attributes
    ----------
    broadcasts : int64 array of shape `(n_broadcasts,)`
        Cycle of each broadcast.
    waits : int32 array of shape `(n_broadcasts, n_pe)`
        Cycles that each PE had nothing to do before each broadcast reached it.
    cycles : int
        Cycles of the run.
    """

    broadcasts: NDArray[np.int64]
    waits: NDArray[np.int32]
    cycles: int


def explain(
    mem: InterleavedCSC | CompressedLayer, activations: Any, machine: Machine = EIE_45NM, *, signed: bool = False
) -> Explanation:
    """Attribute every cycle of a layer to a cause.

    Parameters
    ----------
    mem, activations, machine, signed
        As for `eie.simulate`.

    Returns
    -------
    Explanation
        Cycles of every PE by cause.

    Raises
    ------
    ValueError
        As `eie.simulate` does.
    """
    mem = encoded_for(mem, machine)
    nonzero = np.atleast_2d(checked_activations(activations, mem.n_in, signed, several=True) != 0)
    per_pe = np.zeros((mem.n_pe, len(CAUSES)), np.int64)
    critical = np.zeros(len(CAUSES), np.int64)
    macs = _macs(mem.codes, mem.pe_start, mem.pointers)
    nothing = (np.zeros(0, np.int64), np.zeros((0, mem.n_pe), np.int32))
    for vector in nonzero:
        active, idle = scan(vector, mem.n_pe, mem.has_bias)
        found, last = _account(mem.pointers, macs, mem.n_in, active, idle, machine.fifo_depth, *nothing)
        per_pe += found
        critical += found[last]
    sent = np.append(nonzero.any(axis=0), [True] if mem.has_bias else [])
    return Explanation(
        int(critical.sum()),
        per_pe,
        critical,
        int(np.argmax(per_pe[:, [_WORK, _PADDING, _EMPTY]].sum(axis=1))),
        *_slowest_column(mem, sent.astype(bool)),
    )


def timeline(
    mem: InterleavedCSC | CompressedLayer, activations: Any, machine: Machine = EIE_45NM, *, signed: bool = False
) -> Timeline:
    """Compute how long each PE waited for each broadcast, on one vector.

    Parameters
    ----------
    mem, machine, signed
        As for `eie.simulate`.
    activations : array of shape `(n_in,)`

    Returns
    -------
    Timeline
        Cycles that each PE waited before each broadcast.

    Raises
    ------
    ValueError
        As `eie.simulate` does.
    """
    mem = encoded_for(mem, machine)
    nonzero = checked_activations(activations, mem.n_in, signed) != 0
    active, idle = scan(nonzero, mem.n_pe, mem.has_bias)
    times, waits = np.zeros(len(active), np.int64), np.zeros((len(active), mem.n_pe), np.int32)
    macs = _macs(mem.codes, mem.pe_start, mem.pointers)
    found, last = _account(mem.pointers, macs, mem.n_in, active, idle, machine.fifo_depth, times, waits)
    return Timeline(times, waits, int(found[last].sum()))


def _slowest_column(mem: InterleavedCSC, sent: NDArray[np.bool_]) -> tuple[int, int, float]:
    if not sent.any():
        return -1, 0, 0.0
    most = np.where(sent, np.diff(mem.pointers, axis=0).max(axis=1), -1)
    column = int(np.argmax(most))
    return column, int(most[column]), float(np.diff(mem.pointers[column : column + 2], axis=0).mean())


@Kernel
def _macs(codes, pe_start, pointers):  # type: ignore[no-untyped-def]
    """Count the entries of column j on PE p that are not padding zeros, at `[j, p]`."""
    n_columns, n_pe = pointers.shape[0] - 1, pointers.shape[1]
    found = np.zeros((n_columns, n_pe), np.int32)
    for p in range(n_pe):
        for j in range(n_columns):
            for e in range(pe_start[p] + pointers[j, p], pe_start[p] + pointers[j + 1, p]):
                found[j, p] += codes[e] != 0
    return found


@Kernel
def _account(pointers, macs, n_in, active, idle, fifo_depth, times, waits):  # type: ignore[no-untyped-def]
    """Count the cycles of every PE by cause, and find the last PE; fill in `times` and `waits` as far as they reach."""
    n_pe = pointers.shape[1]
    spent = np.zeros((n_pe, 7), np.int64)
    if not len(active):
        spent[:, _SCAN] = (n_in + n_pe - 1) // n_pe
        return spent, 0
    holds = fifo_depth - 1
    taken = np.full(holds, -1, np.int64)
    free = np.zeros(n_pe, np.int64)
    broadcast = -1
    for k in range(len(active)):
        j = active[k]
        found = broadcast + 1 + idle[k]
        broadcast = max(found, taken[k % holds] + 1)
        latest = 0
        for p in range(n_pe):
            gap = max(broadcast + 1 - free[p], 0)
            if k == 0:
                spent[p, _PIPELINE] += 1
                spent[p, _SCAN] += gap - 1
            else:
                held_back = min(gap, broadcast - found)
                spent[p, _STARVATION] += held_back
                spent[p, _SCAN] += gap - held_back
            n = np.int64(pointers[j + 1, p]) - np.int64(pointers[j, p])
            spent[p, _WORK] += macs[j, p]
            spent[p, _PADDING] += n - macs[j, p]
            spent[p, _EMPTY] += n == 0
            latest = max(latest, free[p] + gap)
            free[p] += gap + max(n, 1)
            if k < len(waits):
                waits[k, p] = gap
        taken[k % holds] = latest
        if k < len(times):
            times[k] = broadcast
    end = free.max()
    for p in range(n_pe):
        spent[p, _FINISHED] += end - free[p]
        spent[p, _PIPELINE] += PIPELINE_CYCLES
    return spent, np.argmax(free)
