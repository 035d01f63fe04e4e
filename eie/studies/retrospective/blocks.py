"""EIE's format with one relative index for a block of rows: what a block costs, and what it saves.

A block is `height` consecutive rows of one column. Blocks are dealt to PEs as EIE deals rows, and an entry is one code
a row and one relative index, which counts blocks. A block is kept when any of its weights is, and then holds zeros for
the others. A PE has one multiplier still, and takes a cycle for each row of a block.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie import _check
from eie._compile import Kernel
from eie.cycles import CycleReport, scan, simulate
from eie.explore.synthetic import draw_layer
from eie.interleaved import InterleavedCSC, encode
from eie.layer import CompressedLayer
from eie.machine import Machine

MAX_HEIGHT = 64


@dataclass(frozen=True, eq=False, slots=True)
class Blocked:
    """A layer in blocks, as the PEs of a machine hold it."""

    mem: InterleavedCSC
    """The blocks; codes stand for "kept" or, if 0, for padding."""
    height: int
    """Rows of a block."""
    machine: Machine
    """The chip."""
    n_out: int
    """Rows of the layer."""
    weights: int
    """Weights kept, the zeros within blocks not counted."""
    column_weights: NDArray[np.int64]
    """The same by column, shape `(n_in,)`."""

    @classmethod
    def of(cls, layer: CompressedLayer, height: int, machine: Machine) -> Blocked:
        """Put a layer into blocks. Its bias is left out.

        Raises
        ------
        ValueError
            When the height is not of 1..64.
        """
        height = _check.integer("height", height, 1, MAX_HEIGHT)
        indptr, rows = _blocks(layer.indptr, layer.rows, height)
        n_blocks = -(-layer.n_out // height)
        codes, codebook = np.ones(len(rows), np.uint8), np.zeros(machine.codebook_size, np.float32)
        mem = encode(CompressedLayer(n_blocks, layer.n_in, indptr, rows, codes, codebook), machine)
        return cls(mem, height, machine, layer.n_out, layer.nnz, np.diff(layer.indptr))

    @property
    def entry_bits(self) -> int:
        """Bits of an entry: a code a row, and the index."""
        return self.height * self.machine.weight_bits + self.machine.index_bits

    def bits(self, pointer_bits: int) -> dict[str, float]:
        """Count bits for each weight kept, by what they hold; pointers have `pointer_bits` each.

        `zeros in blocks` are codes of weights that are not kept, `padding` is entries of the padding zero.
        """
        mem = self.mem
        blocks = mem.n_entries - mem.n_padding
        parts = {
            "code": self.weights * self.machine.weight_bits,
            "index": blocks * self.machine.index_bits,
            "zeros in blocks": (blocks * self.height - self.weights) * self.machine.weight_bits,
            "padding": mem.n_padding * self.entry_bits,
            "pointers": mem.pointer_bits(pointer_bits),
        }
        return {name: bits / self.weights for name, bits in parts.items()}

    def run(self, activations: Any) -> CycleReport:
        """Time one pass, exactly: EIE's recurrence with a cycle for each row of a block.

        Entries are stored one right after the other, so a row of the memory may end within one. Zeros within blocks
        count as padding.

        Parameters
        ----------
        activations : array of shape `(n_in,)`
            Inputs, 0 or more.
        """
        cycles = replace(self.mem, pointers=self.mem.pointers * np.int32(self.height))
        report = simulate(cycles, activations, self.machine)
        active, _ = scan(np.asarray(activations), self.mem.n_pe, False)
        macs = int(self.column_weights[active].sum())
        reads = int(_rows_read(self.mem.pointers, active, self.entry_bits, self.machine.spmat_width_bits))
        return replace(report, macs=macs, padding=report.entries - macs, spmat_reads=reads, n_out=self.n_out)


def prune_by_block(
    n_out: int, n_in: int, density: float, height: int, seed: int | np.random.SeedSequence
) -> CompressedLayer:
    """Draw a layer whose weights were kept or pruned in blocks, as uneven over blocks as `synthetic` is over rows.

    Parameters
    ----------
    n_out, n_in : int
        Rows, a multiple of `height`, and columns.
    density : float
        Expected fraction of the weights kept.
    height : int
        Rows of a block.
    seed : int or SeedSequence
        Random seed; equal seeds give equal layers.

    Raises
    ------
    ValueError
        When `n_out` is not a multiple of `height`.
    """
    if n_out % height:
        raise ValueError(f"n_out must be a multiple of the block's {height} rows, got {n_out}")
    blocks = draw_layer(n_out // height, n_in, density, seed, bias=False)
    rows = (blocks.rows[:, np.newaxis] * height + np.arange(height)).ravel()
    codes = np.repeat(blocks.codes, height)
    return CompressedLayer(n_out, n_in, blocks.indptr * height, rows, codes, blocks.codebook)


@Kernel
def _blocks(indptr, rows, height):  # type: ignore[no-untyped-def]
    """Find column pointers and rows of the blocks that hold any entry."""
    starts = np.zeros(len(indptr), np.int64)
    found = np.empty(len(rows), np.int32)
    n = 0
    for j in range(len(indptr) - 1):
        last = -1
        for e in range(indptr[j], indptr[j + 1]):
            block = rows[e] // height
            if block != last:
                found[n] = block
                n += 1
            last = block
        starts[j + 1] = n
    return starts, found[:n]


@Kernel
def _rows_read(pointers, active, entry_bits, width):  # type: ignore[no-untyped-def]
    """Count rows of the memory that all PEs read, each again only after another."""
    reads = 0
    for p in range(pointers.shape[1]):
        held = -1
        for j in active:
            start, end = np.int64(pointers[j, p]), np.int64(pointers[j + 1, p])
            if end > start:
                first, last = start * entry_bits // width, (end * entry_bits - 1) // width
                reads += last - first + (first != held)
                held = last
    return reads
