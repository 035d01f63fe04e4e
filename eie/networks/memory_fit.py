"""Whether the memories of the PEs hold a layer, and how many chips hold a network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, fsum

import numpy as np

from eie.chip import POINTER_BYTES, pe_memories
from eie.interleaved import InterleavedCSC
from eie.machine import Machine
from eie.technology import chip_facts


@dataclass(frozen=True, slots=True)
class MemoryFit:
    """Memory that one layer needs on the fullest PE.

    Attributes
    ----------
    spmat, pointers, activations : float
        Bytes: rows of the fullest PE's entries; one pointer per column and one for the end; and inputs and outputs of
        16 bits, spread over the PEs.
    """

    spmat: float
    pointers: float
    activations: float

    def filled(self) -> dict[str, float]:
        """Return each need as a fraction of the PE's memory; above 1 it does not fit."""
        has = pe_memories()
        return {name: getattr(self, name) / getattr(has, name) for name in ("spmat", "pointers", "activations")}

    @property
    def chips(self) -> int:
        """Chips for this layer alone, with its columns spread over them."""
        return chips_needed([self])


def memory_fit(mem: InterleavedCSC, machine: Machine) -> MemoryFit:
    """Compute the memory that an encoded layer needs on the fullest PE of a machine."""
    fullest = int(np.diff(mem.pe_start).max())
    bytes_per_activation = chip_facts()["arithmetic"]["bits"] // 8
    return MemoryFit(
        -(-fullest // machine.entries_per_row) * machine.spmat_width_bits / 8,
        (mem.n_columns + 1) * POINTER_BYTES,
        (-(-mem.n_in // mem.n_pe) + -(-mem.n_out // mem.n_pe)) * bytes_per_activation,
    )


def stored_bits(mem: InterleavedCSC) -> int:
    """Count the bits of an encoded layer over all PEs: entries, and pointers of each column and of the end."""
    pointers = mem.n_pe * (mem.n_columns + 1) * POINTER_BYTES * 8
    return mem.n_entries * (mem.weight_bits + mem.index_bits) + pointers


def chips_needed(layers: Iterable[MemoryFit]) -> int:
    """Count the chips that hold all these layers at once.

    Columns may be spread over chips, so entries and pointers are added up over the layers. The result is a lower bound:
    the way in which layers are cut may require one more chip. Activations are not kept from layer to layer and do not
    count.
    """
    filled = [layer.filled() for layer in layers]
    return max(1, *(ceil(fsum(layer[name] for layer in filled)) for name in ("spmat", "pointers")))
