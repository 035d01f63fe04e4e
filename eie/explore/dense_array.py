"""A dense array to hold EIE against: the same multipliers, clock, SRAM and arithmetic, and every weight stored.

It is EIE's own array with everything taken out that only sparsity needs. A PE holds its rows' weights of a column one
after the other, without relative indices and without pointers, and multiplies one of them a cycle; inputs are broadcast
through the same queues. So every assumption of the energy model (SRAM reads by the sweep, arithmetic by its table,
registers, control and clock by Table II) is the same on both sides. What is the dense array's own:

- a row of the weight memory holds as many whole weights as fit, and nothing else;
- no pointer is ever read; its memory, which the array has too, holds weights;
- weights of the codebook's width are codes, decoded as EIE's are; wider ones are plain numbers;
- control costs what EIE's does, which is more than a dense array needs: it has no indices to add up;
- with more multipliers in a PE, each costs the control and the clock of one PE, but leakage, which is the memory's, is
  that of one;
- inputs that are zero are skipped with EIE's own detection, or multiplied like all others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eie import _check
from eie.cycles import CycleReport, simulate
from eie.energy_model import EnergyReport, energy
from eie.interleaved import InterleavedCSC
from eie.machine import EIE_45NM, Machine
from eie.technology import chip_facts

EnergyOf = Callable[[CycleReport, Machine], EnergyReport]
"""From the counters of a run and its machine to its energy."""


@dataclass(frozen=True, slots=True)
class DenseArray:
    """A dense array.

    Raises
    ------
    ValueError
        When a weight has no bits, or a row of the memory does not hold one for each multiplier.
    """

    weight_bits: int
    """Bits of a stored weight, 1..64."""
    skips_zeros: bool = True
    """Whether inputs that are zero cost no cycle."""
    multipliers: int = 1
    """Multipliers of a PE, which work side by side on as many weights of a row of the memory."""
    machine: Machine = EIE_45NM
    """The chip whose multipliers, clock and memories it has."""

    def __post_init__(self) -> None:
        _check.integer("weight_bits", self.weight_bits, 1, self.machine.spmat_width_bits)
        _check.integer("multipliers", self.multipliers, 1, self._a_row)

    def __str__(self) -> str:
        many = f", {self.multipliers} multipliers per PE" if self.multipliers > 1 else ""
        return f"{self.weight_bits} bits, {'skips zeros' if self.skips_zeros else 'skips nothing'}{many}"

    @property
    def weights_held(self) -> int:
        """Weights that the memories hold, those of the pointers among them."""
        sizes = chip_facts()["sram"]
        n_bytes = sizes["spmat_bytes"] + sizes["pointer_banks"] * sizes["pointer_bytes"]
        return self.machine.n_pe * n_bytes * 8 // self.weight_bits

    def run(self, n_out: int, activations: Any) -> CycleReport:
        """Time one pass, exactly: EIE's recurrence with every column full.

        Parameters
        ----------
        n_out : int
            Outputs.
        activations : array of shape `(n_in,)`
            Inputs, 0 or more.
        """
        values = np.asarray(activations)
        mem = _full(n_out, len(values), self.machine, self.multipliers)
        turns = self._a_row // self.multipliers * self.machine.entry_bits  # a turn is what an entry is in EIE
        looked_at = values if self.skips_zeros else np.ones_like(values)
        report = simulate(mem, looked_at, replace(self.machine, spmat_width_bits=turns))
        return replace(report, ptr_reads=0, padding=0)

    def joules(self, report: CycleReport, energy_of: EnergyOf = energy) -> dict[str, float]:
        """Compute the energy of a pass by component, J; as `eie.energy`, or a function in its place, has them."""
        parts = energy_of(report, self.machine).components
        parts |= {name: self.multipliers * parts[name] for name in ("control", "clock")}
        return parts if self.weight_bits <= self.machine.weight_bits else parts | {"codebook": 0.0}

    @property
    def _a_row(self) -> int:
        """Weights that a row of the memory holds."""
        return self.machine.spmat_width_bits // self.weight_bits


def _full(n_out: int, n_in: int, machine: Machine, multipliers: int) -> InterleavedCSC:
    """Make a matrix without a zero, as far as timing looks at it: pointers, but no entries."""
    rows = (n_out + machine.n_pe - 1 - np.arange(machine.n_pe)) // machine.n_pe
    turns = -(-rows // multipliers)
    none = np.empty(0, np.uint8)
    return InterleavedCSC(
        n_out,
        n_in,
        machine.n_pe,
        machine.weight_bits,
        machine.index_bits,
        np.zeros(machine.codebook_size, np.float32),
        False,
        none,
        none,
        np.append(0, np.cumsum(turns * n_in)),
        np.outer(np.arange(n_in + 1), turns).astype(np.int32),
        np.full(n_in, n_out, np.int64),
    )
