"""Layers longer than the activation registers, run in several batches (ISCA 2016, section IV, "Activation Read/Write").

Each PE has two files of 64 registers, source and destination, which swap their roles from layer to layer, so that a
layer of up to 4096 inputs and outputs on 64 PEs finds its inputs where the last one wrote them. Longer vectors wait in
the activation SRAM, and the product is completed in batches of at most that many inputs: the sums stay in the
destination registers, and the SRAM is read at the start of a batch and written at the end.

So a batch of columns costs the reads that fill the source registers before its scan starts, and its own drain of the
pipeline, since its registers may not change before it is done. Outputs that do not fit the destination registers are
computed in blocks of rows: every block goes through all inputs again, and is written out before the next. The paper
states the number of inputs of a batch, but not these costs; nothing is overlapped here, so they are upper bounds. The
values do not depend on the batches: every sum has the same additions in the same order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie.cycles import CycleReport, simulate
from eie.energy_model import EnergyReport, energy
from eie.interleaved import InterleavedCSC, encode
from eie.layer import CompressedLayer
from eie.machine import Machine
from eie.technology import chip_facts


@dataclass(frozen=True, eq=False, slots=True)
class Tile:
    """One batch of columns of a block of rows.

    Attributes
    ----------
    mem : InterleavedCSC
        Its weights.
    inputs : slice
        Its columns.
    before, after : int
        Cycles in which its registers are read from the SRAM, and written to it.
    """

    mem: InterleavedCSC
    inputs: slice
    before: int
    after: int


def register_count(machine: Machine) -> int:
    """Count the activations that one register file holds over all PEs: 4096 on the paper's chip."""
    return int(chip_facts()["activations"]["registers"]) * machine.n_pe


def tiles(layer: CompressedLayer, machine: Machine) -> tuple[Tile, ...]:
    """Cut a layer into tiles that the machine's registers hold: one for most layers.

    Else all tiles of the first block of rows come first, then those of the next. A bias column goes with the last tile
    of its rows.
    """
    layer = _with_codebook_of(layer, machine)
    held = register_count(machine)
    columns, rows = _cut(layer.n_in, held), _cut(layer.n_out, held)
    if len(columns) == len(rows) == 1:
        return (Tile(encode(layer, machine), slice(0, layer.n_in), 0, 0),)
    matrix = layer.to_scipy()
    found = []
    for some in rows:
        block = matrix.tocsr()[some].tocsc()
        for part in columns:
            last = part.stop == layer.n_in
            bias = layer.bias_codes[some] if last and layer.bias_codes is not None else None
            piece = CompressedLayer.from_codes(block[:, part], layer.codebook, bias)
            before = _sram_cycles(part, machine) if len(columns) > 1 else 0
            after = _sram_cycles(some, machine) if len(rows) > 1 and last else 0
            found.append(Tile(encode(piece, machine), part, before, after))
    return tuple(found)


def run_tiles(
    layer: CompressedLayer, parts: tuple[Tile, ...], activations: NDArray[Any], machine: Machine
) -> tuple[CycleReport, EnergyReport]:
    """Compute time and energy of a layer on vectors of activations of either sign.

    `parts` are what `tiles` made of the layer. The activations have shape `(n_vectors, n_in)`; counters and joules are
    those of all tiles and all vectors.
    """
    reports = [_run(part, activations, machine) for part in parts]
    joules = reduce(add, (energy(report, machine) for report in reports))
    whole = [replace(report, n_in=layer.n_in, n_out=layer.n_out) for report in reports]
    return replace(reduce(add, whole), vectors=len(activations)), joules


def encode_whole(layer: CompressedLayer, parts: tuple[Tile, ...], machine: Machine) -> InterleavedCSC:
    """Encode the layer in one piece: for its values, which do not depend on the tiles."""
    return parts[0].mem if len(parts) == 1 else encode(_with_codebook_of(layer, machine), machine)


def _with_codebook_of(layer: CompressedLayer, machine: Machine) -> CompressedLayer:
    """Give the layer a codebook of the machine's size; codes beyond its own shared weights stay unused."""
    unused = machine.codebook_size - len(layer.codebook)
    return layer if unused <= 0 else replace(layer, codebook=np.pad(layer.codebook, (0, unused)))


def _run(part: Tile, activations: NDArray[Any], machine: Machine) -> CycleReport:
    report = simulate(part.mem, activations[:, part.inputs], machine, signed=True)
    return replace(report, cycles=report.cycles + (part.before + part.after) * len(activations))


def _cut(length: int, held: int) -> list[slice]:
    return [slice(start, min(start + held, length)) for start in range(0, length, held)]


def _sram_cycles(part: slice, machine: Machine) -> int:
    """Count the cycles in which each PE moves its share of activations between registers and SRAM, one row each."""
    facts = chip_facts()
    per_row = facts["sram"]["activation_width_bits"] // facts["arithmetic"]["bits"]
    return -(-(part.stop - part.start) // (machine.n_pe * per_row))
