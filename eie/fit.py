"""Whether layers fit the memories of the paper's PE, and how many chips they take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

import numpy as np

from eie.interleaved import InterleavedCSC
from eie.machine import Machine
from eie.technology import chip_facts

POINTER_BYTES = 2
"""A column pointer has 16 bits (ISCA 2016, section IV)."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one PE holds, bytes: sparse matrix, both pointer banks, and activation SRAM (`data/chip.toml`)."""

    spmat: int
    pointers: int
    activations: int


def capacity() -> Capacity:
    """The memories of the paper's PE."""
    sram = chip_facts()["sram"]
    return Capacity(sram["spmat_bytes"], sram["pointer_bytes"] * sram["pointer_banks"], sram["activation_bytes"])


@dataclass(frozen=True, slots=True)
class MemoryFit:
    """What one layer needs on the PE that needs most.

    Attributes
    ----------
    spmat, pointers, activations : float
        Bytes: rows of the fullest PE's entries, a pointer a column and an end, and inputs and outputs of 16 bits,
        shared out over the PEs.
    """

    spmat: float
    pointers: float
    activations: float

    def filled(self) -> dict[str, float]:
        """Each need as a fraction of what the PE has; above 1 it does not fit."""
        has = capacity()
        return {name: getattr(self, name) / getattr(has, name) for name in ("spmat", "pointers", "activations")}

    @property
    def chips(self) -> int:
        """Chips for this layer alone, its columns shared out over them."""
        return chips([self])


def memory_fit(mem: InterleavedCSC, machine: Machine) -> MemoryFit:
    """What a layer needs of the memories of a machine's PEs."""
    fullest = int(np.diff(mem.pe_start).max())
    an_activation = chip_facts()["arithmetic"]["bits"] // 8
    return MemoryFit(
        -(-fullest // machine.entries_per_row) * machine.spmat_width_bits / 8,
        (mem.n_columns + 1) * POINTER_BYTES,
        (-(-mem.n_in // mem.n_pe) + -(-mem.n_out // mem.n_pe)) * an_activation,
    )


def chips(layers: Iterable[MemoryFit]) -> int:
    """Chips that hold all these layers at once.

    Columns may be shared out over chips, so entries and pointers count as a whole. It is the least number: how layers
    are cut may take one more. Activations are not kept from layer to layer, and do not count.
    """
    filled = [layer.filled() for layer in layers]
    return max(1, *(ceil(sum(layer[name] for layer in filled)) for name in ("spmat", "pointers")))
