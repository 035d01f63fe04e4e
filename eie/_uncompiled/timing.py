"""The kernel of `eie.cycles` in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def run_seconds(inputs: int, broadcasts: int, n_pe: int) -> float:
    """Return the time, s, that NumPy takes (on a Zen 5) for so many inputs and non-zeros, over all vectors."""
    return 1.5e-6 * inputs + (5e-6 + 2e-9 * n_pe) * broadcasts


def run(
    scan: Callable[..., Any],
    drain: int,
    lengths: NDArray[Any],
    masks: NDArray[np.uint64],
    totals: NDArray[np.int64],
    nonzero: NDArray[np.bool_],
    has_bias: bool,
    active: Any,
    idle: Any,
    taken: NDArray[Any],
    free: NDArray[Any],
) -> tuple[int, ...]:
    """Add up what `_run` does, vector by vector, with all PEs at once; `drain` cycles follow the last entry's turn."""
    n_pe, holds = len(free), len(taken)
    cycles, broadcasts, held, counted = 0, 0, 0, np.zeros(3, np.int64)
    for vector in nonzero:
        columns, waits = scan(vector, n_pe, has_bias)
        broadcast, free_from, ends = -1, np.zeros(n_pe, np.int64), [-1] * holds
        for k, (j, wait) in enumerate(zip(columns.tolist(), waits.tolist(), strict=True)):
            broadcast = max(broadcast + 1 + wait, ends[k % holds] + 1)
            np.maximum(free_from, broadcast + 1, out=free_from)
            ends[k % holds] = int(free_from.max())
            free_from += lengths[j]
        cycles += int(free_from.max()) + drain if len(columns) else -(-len(vector) // n_pe)
        broadcasts += len(columns)
        counted += totals[columns].sum(axis=0)
        held += _rows_held(masks, columns)
    macs, entries, reads = counted.tolist()
    return cycles, broadcasts, macs, entries, reads - held


def _rows_held(masks: NDArray[np.uint64], columns: NDArray[np.int64]) -> int:
    """Count rows that PEs hold already, with a bit per PE in one number of any size."""
    sent = np.zeros(len(masks), bool)
    sent[columns] = True
    count = held = 0
    bits = masks.astype("<u8").reshape(len(masks), 3, -1)
    for j, is_sent in enumerate(sent.tolist()):
        some, at_row, begins = (int.from_bytes(part.tobytes(), "little") for part in bits[j])
        if is_sent:
            count += (some & held & ~at_row).bit_count()
            held |= some
        else:
            held &= ~begins
    return count
