"""The exact timing of one layer on an array of PEs, as (max, +) arithmetic over broadcasts.

With b[k] the cycle of broadcast k, r[p, k] the cycle in which PE p takes it from its queue, and n[p, k] the entries
that PE p holds for it,

    b[k]    = max(scan_ready[k], max over p of r[p, k - (D - 1)] + 1)
    r[p, k] = max(b[k] + 1, r[p, k - 1] + max(n[p, k - 1], 1))
    cycles  = max over p of (r[p, K - 1] + max(n[p, K - 1], 1)) + PIPELINE_CYCLES

`eie.stepped` is the same machine stepped cycle by cycle; the two agree in every counter.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie import _check
from eie._bits import ones
from eie._blocks import map_blocks
from eie._compile import Kernel, Part, pays
from eie._display import Shown
from eie._uncompiled import timing
from eie.columns import AT_ROW, NONEMPTY, ROW_BEGINS
from eie.interleaved import InterleavedCSC, encode
from eie.layer import CompressedLayer
from eie.machine import EIE_45NM, Machine

PIPELINE_CYCLES = 7
"""Cycles from an entry's turn to its result in the register: Spmat address, row, entry, then the four stages of the
arithmetic unit (ISCA 2016, section IV); measured on the authors' simulator."""


@dataclass(frozen=True, slots=True)
class CycleReport(Shown):
    """Counters of one layer's run, on one vector or added up over several. Reports of the same layer add with `+`.

    Attributes
    ----------
    cycles : int
        Clock cycles from the first look at the activations to the last result.
    broadcasts : int
        Non-zero activations sent to the PEs, including the 1.0 of the bias.
    macs : int
        Entries processed that are not padding zeros: multiply-accumulates.
    padding : int
        Padding zeros processed.
    ptr_reads : int
        Reads of a pointer pair, over all PEs.
    spmat_reads : int
        Reads of a row of the sparse-matrix SRAM, over all PEs.
    n_in, n_out : int
        Inputs and outputs of the layer.
    n_pe : int
        Processing elements.
    clock_hz : float
        Cycles per second.
    vectors : int
        Vectors of activations that the layer ran on, one after the other, each with a start and a drain of its own.
    """

    cycles: int
    broadcasts: int
    macs: int
    padding: int
    ptr_reads: int
    spmat_reads: int
    n_in: int
    n_out: int
    n_pe: int
    clock_hz: float
    vectors: int = 1

    def __add__(self, other: CycleReport) -> CycleReport:
        """Add up two runs, one after the other.

        Raises
        ------
        ValueError
            When they are not of layers of the same size on machines of the same PEs and clock.
        """
        if not isinstance(other, CycleReport):
            return NotImplemented
        for name in ("n_in", "n_out", "n_pe", "clock_hz"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                raise ValueError(f"reports add up when {name} is the same, got {mine} and {theirs}")
        return replace(self, **{name: getattr(self, name) + getattr(other, name) for name in _COUNTERS})

    @property
    def queue_writes(self) -> int:
        """Activations written into queues, over all PEs; as many are read."""
        return self.broadcasts * self.n_pe

    @property
    def entries(self) -> int:
        """Entries processed, including padding zeros; a PE takes one cycle per entry."""
        return self.macs + self.padding

    @property
    def theoretical_cycles(self) -> float:
        """Cycles if every PE processed an entry in every cycle (Table IV, "theoretical time")."""
        return self.entries / self.n_pe

    @property
    def load_balance(self) -> float:
        """Fraction of the PEs' cycles spent on entries, 0..1; padding counts as work, as in Figures 8 and 13."""
        return self.theoretical_cycles / self.cycles

    @property
    def real_work(self) -> float:
        """Fraction of the entries that are not padding zeros, 0..1 (Figure 12); 1 when there are none."""
        return self.macs / self.entries if self.entries else 1.0

    @property
    def seconds(self) -> float:
        """Wall-clock time in seconds."""
        return self.cycles / self.clock_hz

    @property
    def theoretical_seconds(self) -> float:
        """`theoretical_cycles` in seconds."""
        return self.theoretical_cycles / self.clock_hz


_COUNTERS = ("cycles", "broadcasts", "macs", "padding", "ptr_reads", "spmat_reads", "vectors")
_BLOCK = 64
"""Vectors that one thread runs at a time."""


def simulate(
    mem: InterleavedCSC | CompressedLayer, activations: Any, machine: Machine = EIE_45NM, *, signed: bool = False
) -> CycleReport:
    """Compute the exact time of one layer on one vector of activations, or on several, one after the other.

    Counters are summed over the vectors. Each vector is a run of its own, which starts when the last result of the
    previous one is written.

    Parameters
    ----------
    mem : InterleavedCSC or CompressedLayer
        The layer; if not yet encoded, it is encoded for `machine`.
    activations : array of shape `(n_in,)` or `(n_vectors, n_in)`
        Inputs. The machine's inputs come from a ReLU, so a negative value is an error unless `signed`.
    machine : Machine
        The chip. Its PEs, code and index bits must be those that `mem` was encoded for.
    signed : bool
        Broadcast every value that is not 0, also a negative one. For inputs that no ReLU precedes, such as the word and
        image embeddings of NeuralTalk (Table III: 100 % non-zero).

    Returns
    -------
    CycleReport
        Cycles and counters of the run.

    Raises
    ------
    ValueError
        When the activations are of the wrong length, NaN, infinite or negative, or `mem` is for another machine.
    """
    mem = encoded_for(mem, machine)
    values = checked_activations(activations, mem.n_in, signed, several=True)
    nonzero = np.atleast_2d(values) != 0
    tables = mem.tables(machine.entries_per_row)
    pays(timing.run_seconds(nonzero.size, int(np.count_nonzero(nonzero)), mem.n_pe))
    holds = min(machine.fifo_depth - 1, mem.n_columns)  # a ring buffer is full when one slot is left

    def run(block: NDArray[np.bool_]) -> tuple[int, ...]:
        sent = np.empty(mem.n_in + 1, np.int64), np.empty(mem.n_in + 1, np.int64)
        queues = np.empty(holds, tables.time_type), np.empty(mem.n_pe, tables.time_type)
        counted: tuple[int, ...] = _run(*tables, block, mem.has_bias, *sent, *queues)
        return counted

    parts = zip(*map_blocks(run, nonzero, _BLOCK), strict=True)
    cycles, broadcasts, macs, entries, spmat_reads = (int(sum(part)) for part in parts)
    return CycleReport(
        cycles=cycles,
        broadcasts=broadcasts,
        macs=macs,
        padding=entries - macs,
        ptr_reads=broadcasts * mem.n_pe,
        spmat_reads=spmat_reads,
        n_in=mem.n_in,
        n_out=mem.n_out,
        n_pe=mem.n_pe,
        clock_hz=machine.clock_hz,
        vectors=len(nonzero),
    )


def encoded_for(mem: InterleavedCSC | CompressedLayer, machine: Machine) -> InterleavedCSC:
    """Return `mem` encoded for `machine`, or raise a `ValueError` when it was encoded for another."""
    _check.kind("mem", mem, InterleavedCSC, CompressedLayer)
    _check.kind("machine", machine, Machine)
    if isinstance(mem, CompressedLayer):
        return encode(mem, machine)
    for name in ("n_pe", "weight_bits", "index_bits"):
        if getattr(mem, name) != getattr(machine, name):
            raise ValueError(
                f"the layer was encoded for {name}={getattr(mem, name)}, the machine has {getattr(machine, name)}"
            )
    return mem


def checked_activations(activations: Any, n_in: int, signed: bool, *, several: bool = False) -> NDArray[Any]:
    """Return the activations as an array, or raise a `ValueError` naming the first that cannot be an input.

    Its shape is `(n_in,)`; with `several`, `(n_vectors, n_in)` is allowed too.
    """
    try:
        values = np.asarray(activations)
    except ValueError as error:
        raise ValueError(
            f"activations must be an array of numbers, got {type(activations).__name__}: {error}"
        ) from None
    if values.ndim not in (1, 1 + several) or values.shape[-1] != n_in or not values.size:
        shapes = f"({n_in},) or (n_vectors, {n_in})" if several else f"({n_in},)"
        got = values.shape if values.ndim else f"one {type(activations).__name__}"
        raise ValueError(f"activations must have shape {shapes}, one per input, got {got}")
    if values.dtype.kind not in "iuf":
        raise ValueError(f"activations must be real numbers, got dtype {values.dtype}")
    low, high = float(values.min()), float(values.max())
    if not (isfinite(low) and isfinite(high)):
        raise ValueError(f"activations must be finite, got {_first(~np.isfinite(values), values)}")
    if low < 0 and not signed:
        raise ValueError(
            f"activations must be 0 or more, as after a ReLU, got {_first(values < 0, values)}; "
            "for inputs that no ReLU precedes pass signed=True"
        )
    return values


def _first(wrong: NDArray[Any], values: NDArray[Any]) -> str:
    """Describe the first value that is wrong, and where it stands."""
    place = tuple(int(index) for index in np.argwhere(wrong)[0])
    return f"{values[place]} at input {place[-1]}" + (f" of vector {place[0]}" if values.ndim == 2 else "")


def scan(nonzero: NDArray[np.bool_], n_pe: int, has_bias: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the non-zeros of one vector as the leading non-zero detection does, and the cycles that the search wastes.

    Activation j sits in bank `j % n_pe` at address `j // n_pe`; the bias's 1.0 comes after the last address. One
    address is looked at a time. Moving on to the next costs an idle cycle unless the last broadcast was from the last
    bank, and an address without a non-zero costs a cycle.

    Return the columns in the order of their broadcasts, and the cycles that the scan wastes before each.
    """
    active = np.flatnonzero(nonzero)
    address = active // n_pe
    left = address + (active % n_pe == n_pe - 1)  # from the last bank, the control moves on in the same cycle
    if has_bias:
        active, address = np.append(active, len(nonzero)), np.append(address, -(-len(nonzero) // n_pe))
    return active, address - np.append(0, left)[: len(active)]


@Part
def _scan(nonzero, n_pe, has_bias, active, idle):  # type: ignore[no-untyped-def]
    """Fill in what `scan` returns, without an array in between, and return the number of broadcasts."""
    n_in = len(nonzero)
    n_addresses = (n_in + n_pe - 1) // n_pe
    found, left = 0, 0  # the address that is looked at after the last broadcast
    for address in range(n_addresses):
        hit = False
        end = (address + 1) * n_pe
        for j in range(address * n_pe, end if end < n_in else n_in):
            # Every activation is written down, and the next one over it unless it was a non-zero: a processor cannot
            # foresee a branch here.
            hit = nonzero[j] != 0
            active[found] = j
            idle[found] = address - left
            left = address if hit else left
            found += hit
        left += hit and end <= n_in
    if has_bias:
        active[found], idle[found] = n_in, n_addresses - left
        found += 1
    return found


@Kernel.after(partial(timing.run, scan, PIPELINE_CYCLES))
def _run(lengths, masks, totals, nonzero, has_bias, active, idle, taken, free):  # type: ignore[no-untyped-def]
    """Add up cycles, broadcasts, macs, entries and reads of Spmat rows over all vectors and all PEs.

    The first three are of `ColumnTables`. The last four are room, in which each vector starts anew: what `_scan` finds,
    the cycle in which the last PE took each of the latest broadcasts, as many as a queue holds, and the cycle from
    which each PE can take its next activation.
    """
    cycles, broadcasts, macs, entries, reads = np.int64(0), 0, 0, 0, 0
    n_pe = len(free)
    for v in range(len(nonzero)):
        n_sent = _scan(nonzero[v], n_pe, has_bias, active, idle)
        for i in range(len(taken)):
            taken[i] = -1
        for p in range(n_pe):
            free[p] = 0
        broadcast, slot = -1, 0
        for k in range(n_sent):
            j = active[k]
            # A new broadcast needs a free slot in every queue, so it waits for the one that was sent as many before
            # it as a queue holds; older ones never matter again.
            found, room = broadcast + 1 + idle[k], taken[slot] + 1
            broadcast = found if found > room else room
            taken[slot] = _dequeue(lengths, j, broadcast, free)
            slot = slot + 1 if slot + 1 < len(taken) else 0
            macs += totals[j, 0]
            entries += totals[j, 1]
            reads += totals[j, 2]
        reads -= _rows_held(masks, nonzero[v])
        broadcasts += n_sent
        last = np.int64(0)
        for p in range(n_pe):
            last = last if last > free[p] else free[p]
        # When every address was looked at and nothing found to send, no PE was ever busy.
        cycles += last + PIPELINE_CYCLES if n_sent else (nonzero.shape[1] + n_pe - 1) // n_pe
    return cycles, broadcasts, macs, entries, reads


@Part
def _dequeue(lengths, j, broadcast, free):  # type: ignore[no-untyped-def]
    """Let every PE take column j from its queue when it is free; return the cycle in which the last PE does.

    PE p is busy with column j for `lengths[j, p]` cycles, and is free from cycle `free[p]` on.
    """
    to_time = free.dtype.type
    start = to_time(broadcast + 1)  # a broadcast is in the queue one cycle after it was sent
    last = start
    for p in range(len(free)):
        cycle = start if start > free[p] else free[p]
        free[p] = to_time(cycle + to_time(lengths[j, p]))
        last = last if last > cycle else cycle
    return last


@Part
def _rows_held(masks, nonzero):  # type: ignore[no-untyped-def]
    """Count how often a column begins in the Spmat row that its PE read last, and so does not read again."""
    count = np.uint64(0)
    for w in range(masks.shape[2]):
        # One bit per PE: no row has begun since the last entry that it processed. Columns that are not sent count, too.
        held = np.uint64(0)
        for j in range(masks.shape[0]):
            sent = np.uint64(0) - np.uint64(j >= len(nonzero) or nonzero[j])  # the bias is sent always
            some = masks[j, NONEMPTY, w] & sent
            count += ones(some & held & ~masks[j, AT_ROW, w])
            held = held & (sent | ~masks[j, ROW_BEGINS, w]) | some
    return np.int64(count)
