"""Other ways of dealing a matrix out to PEs, as an explicit model (ISCA 2016, section VII-A).

The PEs form a grid of `row_parts` x `column_parts`. Row i belongs to grid row `i % row_parts`, column j to grid column
`j % column_parts`. A grid column works like a machine of `row_parts` PEs on its own columns and inputs, and runs
independently of the others. At the end the partial sums of each row, one in every grid column, are added up: every PE
of a grid row takes an equal share of the rows and adds the sums that the others send, one a cycle.

All PEs in one grid column is EIE (rows to PEs); all in one grid row is columns to PEs; a square is 2-D blocks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie import _check
from eie.cycles import CycleReport, simulate
from eie.layer import CompressedLayer
from eie.machine import EIE_45NM, Machine


@dataclass(frozen=True, slots=True)
class PartitionReport:
    """What one layer takes on a grid of PEs.

    Attributes
    ----------
    row_parts, column_parts : int
        The grid.
    work_cycles : int
        Cycles until the last grid column is done with its entries.
    reduce_cycles : int
        Cycles to add up the partial sums.
    entries : int
        Entries processed, including padding zeros.
    clock_hz : float
        Cycles per second.
    """

    row_parts: int
    column_parts: int
    work_cycles: int
    reduce_cycles: int
    entries: int
    clock_hz: float

    @property
    def cycles(self) -> int:
        """Cycles of both steps."""
        return self.work_cycles + self.reduce_cycles

    @property
    def seconds(self) -> float:
        """Wall-clock time in seconds."""
        return self.cycles / self.clock_hz

    @property
    def load_balance(self) -> float:
        """Fraction of the PEs' cycles spent on entries, adding up counted as waiting; 0..1."""
        return self.entries / (self.row_parts * self.column_parts * self.cycles)


def simulate_grid(
    layer: CompressedLayer,
    activations: NDArray[Any],
    row_parts: int,
    column_parts: int,
    machine: Machine = EIE_45NM,
) -> PartitionReport:
    """Time one layer on a grid of PEs.

    Parameters
    ----------
    layer : CompressedLayer
    activations : array of shape `(n_in,)`
        Inputs, 0 or more.
    row_parts, column_parts : int
        The grid; `column_parts` at most `n_in`.
    machine : Machine
        Gives everything but the number of PEs.

    Raises
    ------
    ValueError
        When the grid or the activations are out of range.
    """
    _check.integer("column_parts", column_parts, 1, layer.n_in)
    alone = replace(machine, n_pe=row_parts)
    values = np.asarray(activations)
    reports = [_grid_column(layer, values, c, column_parts, alone) for c in range(column_parts)]
    rows_each = -(-layer.n_out // row_parts)
    return PartitionReport(
        row_parts,
        column_parts,
        work_cycles=max(report.cycles for report in reports),
        reduce_cycles=-(-rows_each * (column_parts - 1) // column_parts),
        entries=sum(report.entries for report in reports),
        clock_hz=machine.clock_hz,
    )


def _grid_column(
    layer: CompressedLayer, activations: NDArray[Any], c: int, column_parts: int, machine: Machine
) -> CycleReport:
    """One grid column on its own columns and inputs; the first one has the bias."""
    part = layer.to_scipy()[:, c::column_parts]
    bias = layer.bias_codes if c == 0 else None
    columns = CompressedLayer(layer.n_out, part.shape[1], part.indptr, part.indices, part.data, layer.codebook, bias)
    return simulate(columns, activations[c::column_parts], machine)
