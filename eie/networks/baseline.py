"""Time and energy of the layers of a network on a dense array of the same multipliers and memories.

It is `eie.explore.dense_array.DenseArray` with plain 16-bit weights that skips nothing: weights stay in the PEs, which
have one multiplier each, at the machine's clock. As for EIE, weights are in on-chip memory already; `chips` says how
many chips it takes to hold them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from math import ceil, fsum
from typing import Any

import numpy as np

from eie.cycles import CycleReport
from eie.energy_model import energy
from eie.explore.dense_array import DenseArray, EnergyOf
from eie.machine import Machine

WEIGHT_BITS = 16
"""Bits of a weight, those of EIE's arithmetic (ISCA 2016, section VI-A)."""

_COUNTERS = ("cycles", "broadcasts", "macs", "padding", "ptr_reads", "spmat_reads", "vectors")


@dataclass(frozen=True, slots=True)
class Dense:
    """Cost of a dense array: time in s and energy in J per inference, and the share of a chip's memory, 1 if full."""

    seconds: float
    joules: float
    memory: float

    @property
    def chips(self) -> int:
        """Number of chips that hold all weights."""
        return max(1, ceil(self.memory))


def dense_layer(
    n_out: int, n_in: int, groups: int, vectors: float, machine: Machine, energy_of: EnergyOf = energy
) -> Dense | None:
    """Compute what one layer takes; None where a row of the machine's memory does not hold a whole weight.

    Parameters
    ----------
    n_out, n_in : int
        Size of the matrix.
    groups : int
        Blocks along its diagonal: a dense array multiplies them one after the other, and nothing outside of them.
    vectors : float
        Products per inference.
    machine : Machine
        The chip whose multipliers, clock and memories it has.
    energy_of : callable
        Energy of counters on a machine.
    """
    if machine.spmat_width_bits < WEIGHT_BITS:
        return None
    array, report = _one_product(n_out // groups, n_in // groups, machine)
    all_groups = _times(report, groups)
    joules = fsum(array.joules(all_groups, energy_of).values())
    return Dense(all_groups.seconds * vectors, joules * vectors, n_out * n_in / groups / array.weights_held)


def combined(layers: Iterable[Dense | None], how: Callable[[Iterable[float]], float] = fsum) -> Dense | None:
    """Add up layers, one after the other, or with `min` take the least of branches; None unless all are known."""
    found = list(layers)
    known = [layer for layer in found if layer is not None]
    if not found or len(known) < len(found):
        return None
    seconds, joules, memory = ([getattr(layer, name) for layer in known] for name in ("seconds", "joules", "memory"))
    return Dense(how(seconds), how(joules), how(memory))


@cache
def _one_product(n_out: int, n_in: int, machine: Machine) -> tuple[DenseArray, CycleReport]:
    array = DenseArray(WEIGHT_BITS, skips_zeros=False, machine=machine)
    return array, array.run(n_out, np.ones(n_in, np.uint8))


def _times(report: CycleReport, n: int) -> CycleReport:
    """Repeat a run."""
    repeated: dict[str, Any] = {name: n * getattr(report, name) for name in _COUNTERS}
    return replace(report, **repeated)
