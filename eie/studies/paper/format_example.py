"""Figures 2 and 3: the 16 x 8 example over 4 PEs, and what the memory of PE0 holds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from eie import _check, published
from eie.cycles import PIPELINE_CYCLES, CycleReport, scan, simulate
from eie.explore.synthetic import even_codebook
from eie.interleaved import InterleavedCSC, encode
from eie.layer import CompressedLayer
from eie.machine import MAX_PE, Machine
from eie.studies import plots
from eie.studies.paper.setup import usual
from eie.technology import paper_value

if TYPE_CHECKING:
    from collections.abc import Iterator

PES_OF_THE_FIGURE = 4
"""PEs of the paper's example."""


MOST_TRACED = 8
"""PEs in the table of cycles, at most."""

COUNT_HEADS = {
    "cycles": "cycles",
    "broadcasts": "broadcasts",
    "macs": "multiplications",
    "padding": "padding zeros",
    "ptr_reads": "reads of a pair of pointers",
    "spmat_reads": "reads of a memory row",
}
"""Heads of the table of counters."""


@dataclass(frozen=True, eq=False)
class FormatExample:
    """The example of Figure 2 as `encode` lays it out.

    Attributes
    ----------
    layer : CompressedLayer
        The matrix; the paper gives no values, so codes are numbered through.
    activations : array of shape `(n_in,)`
        The input; 1.0 where the paper's is not 0.
    mem : InterleavedCSC
        The memories of the PEs.
    machine : Machine
    """

    layer: CompressedLayer
    activations: np.ndarray
    mem: InterleavedCSC
    machine: Machine

    def plot(self) -> plots.Figure:
        """The matrix and its input, coloured by PE."""
        shown = min(self.machine.n_pe, len(plots.style.PALETTE) - 1)
        owners = np.full((self.layer.n_out, self.layer.n_in), -1)
        columns = np.repeat(np.arange(self.layer.n_in), np.diff(self.layer.indptr))
        owners[self.layer.rows, columns] = self.layer.rows % self.machine.n_pe % shown
        return plots.pictures.matrix(owners, list(self.activations > 0), [f"PE{p}" for p in range(shown)])

    def plot_memory(self, p: int = 0) -> plots.Figure:
        """Draw the memories of PE `p`, with an arrow from each pointer to its entry."""
        _, skips, pointers = self.mem.pe(p)
        columns = np.repeat(np.arange(self.mem.n_columns), np.diff(pointers))
        names = [name.removeprefix("W") for name in self._names(p)]
        entries = pd.DataFrame({"weight": names, "skipped": skips, "column": columns})
        return plots.pictures.memory(entries, pointers.tolist())

    def _names(self, p: int) -> list[str]:
        """The weight of each entry of PE `p` by row and column; "0" for padding."""
        codes, skips, pointers = self.mem.pe(p)
        columns = np.repeat(np.arange(self.mem.n_columns), np.diff(pointers))
        return [
            f"W{row * self.mem.n_pe + p},{column}" if code else "0"
            for code, row, column in zip(codes, _local_rows(skips, pointers), columns, strict=True)
        ]

    def memory(self, p: int = 0) -> pd.DataFrame:
        """Tabulate the memories of PE `p` as in Figure 3: three rows, one column per entry, pointers last."""
        _, skips, pointers = self.mem.pe(p)
        names = self._names(p)
        width = max(len(names), len(pointers))
        rows = {
            "virtual_weight": names,
            "relative_row_index": list(map(str, skips)),
            "column_pointer": list(map(str, pointers)),
        }
        return pd.DataFrame([row + [""] * (width - len(row)) for row in rows.values()], index=list(rows))

    def report(self) -> CycleReport:
        """What running the example takes."""
        return simulate(self.mem, self.activations, self.machine)

    def counts(self) -> pd.DataFrame:
        """The counters of `report`, in one row."""
        return pd.DataFrame([asdict(self.report())], index=["count"]).drop(
            columns=["n_in", "n_out", "n_pe", "clock_hz"]
        )

    def trace(self) -> pd.DataFrame:
        """Tabulate when the first PEs process each broadcast, by the formulas of the page on time.

        No broadcast is held back: the example has fewer of them than a queue has places.
        """
        shown = min(self.machine.n_pe, MOST_TRACED)
        rows = {}
        for column, sent, taken, done, entries in self._turns():
            ranges = zip(taken[:shown].tolist(), done[:shown].tolist(), entries[:shown].tolist(), strict=True)
            cells = {f"PE{p}": _turn(*each) for p, each in enumerate(ranges)}
            rows[f"column {column}"] = {"sent in cycle": sent} | cells
        return pd.DataFrame(rows).T

    def _turns(self) -> Iterator[tuple[int, int, np.ndarray, np.ndarray, np.ndarray]]:
        """Yield, for each broadcast, its column and cycle, and for each PE first cycle, last cycle and entries."""
        columns, idle = scan(self.activations > 0, self.machine.n_pe, self.mem.has_bias)
        sent, free = -1, np.zeros(self.machine.n_pe, int)
        for column, wasted in zip(columns.tolist(), idle.tolist(), strict=True):
            entries = self.mem.pointers[column + 1] - self.mem.pointers[column]
            sent += 1 + wasted
            taken = np.maximum(sent + 1, free)
            free = taken + np.maximum(entries, 1)
            yield column, sent, taken, free - 1, entries

    def trace_words(self) -> str:
        """Say how the cycles and the reads of the example come about."""
        report = self.report()
        last = report.cycles - PIPELINE_CYCLES - 1  # cycles count from 0
        return (
            f"The last PE is busy until cycle {last}. With cycle 0 and the {PIPELINE_CYCLES} cycles that empty the "
            f"pipeline, the example takes **{report.cycles} cycles**.\n\n"
            f"For each broadcast, each PE reads a pair of pointers: the start and the end of the column. A row of the "
            f"matrix memory holds {self.machine.entries_per_row} entries, and a PE reads a row only when its next "
            f"entry is in another row than the one that it read last; all PEs together read {report.spmat_reads} rows. "
            f"The table counts all events:"
        )

    def unlike(self) -> list[str]:
        """The rows of PE0's memory that are not as Figure 3 prints them, each with both versions."""
        mine = self.memory(0).apply(lambda row: [value for value in row if value], axis=1)
        return [
            f"{what} ({mine[what]}, published {values})" for what, values in _figure3().items() if mine[what] != values
        ]

    def words(self) -> str:
        """Whether PE0's memory is what Figure 3 prints."""
        wrong = self.unlike()
        n = sum(len(values) for values in _figure3())
        if wrong and self.machine.n_pe != PES_OF_THE_FIGURE:
            return f"Figure 3 is for {PES_OF_THE_FIGURE} PEs, so PE0's memory must differ with {self.machine.n_pe} PEs."
        if wrong:
            return f"PE0's memory is not the one that Figure 3 prints: {'; '.join(wrong)}."
        return f"`eie.encode` reproduces **all {n} values** that Figure 3 prints for the memory of PE0."


def figures2_3(n_pe: int = PES_OF_THE_FIGURE, index_bits: int = 4) -> FormatExample:
    """Encode the example of Figures 2 and 3.

    Parameters
    ----------
    n_pe : int
        Processing elements, 1..65536; the paper's example has 4.
    index_bits : int
        Bits of a relative row index, 1..8; the paper's has 4.
    """
    example = published.load("fig02")
    weights = example[example["what"] == "weight"].astype({"row": int, "column": int})
    inputs = example.loc[example["what"] == "activation", "column"].astype(int)
    codes = np.zeros((weights["row"].max() + 1, weights["column"].max() + 1), np.uint8)
    codes[weights["row"], weights["column"]] = 1 + np.arange(len(weights)) % 15
    activations = np.zeros(codes.shape[1])
    activations[inputs] = 1.0
    index_bits = _check.integer("index_bits", index_bits, 1, 8)
    # A row of the Spmat holds eight entries, however wide they are.
    machine = Machine(
        _check.integer("n_pe", n_pe, 1, MAX_PE), index_bits=index_bits, spmat_width_bits=8 * (4 + index_bits)
    )
    layer = CompressedLayer.from_codes(codes, even_codebook(3))
    return FormatExample(layer, activations, encode(layer, machine), machine)


def _figure3() -> pd.Series:
    """The rows that Figure 3 prints, each a list of texts."""
    return published.load("fig03").sort_values(["what", "position"]).groupby("what")["value"].apply(list)


def _local_rows(skips: np.ndarray, pointers: np.ndarray) -> np.ndarray:
    """Local row of each entry of one PE: relative indices summed within each column."""
    steps = np.cumsum(skips.astype(int) + 1)
    before = np.concatenate([[0], steps])[np.repeat(pointers[:-1], np.diff(pointers))]
    return steps - before - 1


def _turn(first: int, last: int, entries: int) -> str:
    """Write the cycles in which a PE processes a column, and its entries."""
    cycles = str(first) if first == last else f"{first} to {last}"
    return f"{cycles} ({entries} {'entry' if entries == 1 else 'entries'})"


def matches_figure3() -> bool:
    """Tell whether the memory of PE0 comes out of the encoder as Figure 3 prints it."""
    return not usual(figures2_3).unlike()


def column_empty_on(p: int, column: int) -> bool:
    """Tell whether a PE of Figure 2's example has nothing in a column."""
    pointers = usual(figures2_3).mem.pe(p)[2]
    return bool(pointers[column] == pointers[column + 1])


def padding_after(zeros: int, machine: Machine | None = None) -> int:
    """Count the padding zeros that a column of one PE needs for two entries with so many zeros between them."""
    codes = np.zeros((zeros + 2, 1), np.uint8)
    codes[[0, -1]] = 1
    one = machine or Machine(n_pe=1)
    return encode(CompressedLayer.from_codes(codes, even_codebook(3)), one).n_padding


def padding_of_example() -> float:
    """Count the padding zeros that the encoding example of section III needs."""
    return float(padding_after(int(paper_value("example-zeros"))))
