"""What the book's introduction shows: k-means round by round, an encoding step by step, the pipeline cycle by cycle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from eie._files import PACKAGE
from eie.interleaved import InterleavedCSC, encode
from eie.layer import CompressedLayer
from eie.machine import Machine

if TYPE_CHECKING:
    from IPython.display import HTML

STAGES = ("Spmat address", "Spmat row", "entry", "decode", "multiply", "add", "write")
"""What happens to an entry in the cycles after its turn: reading it, then the four stages of the arithmetic unit."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of encoding a matrix.

    Attributes
    ----------
    said : str
        What happens, in a sentence.
    column : int
        The column that is being encoded.
    row : int
        The row that has been reached; -1 before the first.
    entries, pointers : int
        How many entries and pointers are in memory after the step.
    """

    said: str
    column: int
    row: int
    entries: int
    pointers: int


def kmeans_rounds(weights: Sequence[float], n_shared: int) -> pd.DataFrame:
    """Compute k-means round by round: one row per round, one column per shared value, until nothing changes."""
    values = np.asarray(weights, float)
    centroids = np.linspace(values.min(), values.max(), n_shared)
    rounds: list[Any] = []
    while not rounds or not np.array_equal(rounds[-1], centroids):
        rounds.append(centroids)
        nearest = np.abs(values[:, None] - centroids).argmin(axis=1)
        centroids = np.array(
            [values[nearest == k].mean() if (nearest == k).any() else centroids[k] for k in range(n_shared)]
        )
    names = ["start", *(f"round {number}" for number in range(1, len(rounds)))]
    return pd.DataFrame(rounds, index=names, columns=[f"code {k + 1}" for k in range(n_shared)])


def one_pe(codes: Any, index_bits: int) -> InterleavedCSC:
    """Encode a small matrix of codes for a machine of one PE; all its rows then live there."""
    machine = Machine(n_pe=1, index_bits=index_bits)
    return encode(CompressedLayer.from_codes(codes, np.linspace(0, 1, machine.codebook_size)), machine)


def steps(mem: InterleavedCSC) -> Iterator[Step]:
    """Yield the steps that fill the memory of the first PE of an encoded layer."""
    codes, skips, pointers = mem.pe(0)
    for column in range(mem.n_columns):
        begin, end = int(pointers[column]), int(pointers[column + 1])
        yield Step(
            f"Column {column} starts at entry {begin}. Store {begin} as its pointer.", column, -1, begin, column + 1
        )
        row = -1
        for entry in range(begin, end):
            row += int(skips[entry]) + 1
            yield Step(_said(int(codes[entry]), int(skips[entry]), row), column, row, entry + 1, column + 1)
        if begin == end:
            said = "The column is empty, so nothing is stored. Its pointer and the next one will be equal."
            yield Step(said, column, -1, end, column + 1)
    said = f"A last pointer, {mem.n_entries}, says where the last column ends."
    yield Step(said, mem.n_columns - 1, mem.rows_on(0) - 1, mem.n_entries, mem.n_columns + 1)


def _said(code: int, skip: int, row: int) -> str:
    if code == 0:
        return (
            f"The next weight is too far away, because an index can skip at most {skip} zeros. Store a padding zero in "
            f"row {row} (code 0 with index {skip}) and continue from there."
        )
    zeros = {0: "no zeros are", 1: "1 zero is"}.get(skip, f"{skip} zeros are")
    return f"Row {row} has a weight, and {zeros} skipped before it. Store its code, {code}, with index {skip}."


def click_through(mem: InterleavedCSC) -> HTML:
    """Show the steps one at a time with buttons; without scripts, and on paper, all of them below each other."""
    from IPython.display import HTML

    items = "".join(f"<li>{_drawn(mem, step)}</li>" for step in steps(mem))
    shown = f'<ol aria-live="polite">{items}</ol>'
    buttons = (
        '<p class="step-buttons" hidden><button type="button">Back</button> <output></output> '
        '<button type="button">Next</button></p>'
    )
    style, script = (_asset(ending) for ending in ("css", "js"))
    return HTML(f'<style>{style}</style><div id="index-steps">{buttons}{shown}</div><script>{script}</script>')


def _asset(ending: str) -> str:
    return "\n" + (PACKAGE / "studies" / "templates" / f"steps.{ending}").read_text(encoding="utf-8")


def _drawn(mem: InterleavedCSC, step: Step) -> str:
    """Draw a step as HTML: the sentence, the column with the rows passed so far, and the memory."""
    codes, skips, pointers = mem.pe(0)
    dense = _dense(mem)[step.column]
    squares = "".join(f'<span class="{_square(row, step.row)}">{code or "·"}</span>' for row, code in enumerate(dense))
    memory = _row("code", codes[: step.entries]) + _row("index", skips[: step.entries])
    kept = _row("pointers", pointers[: step.pointers])
    return (
        f"<p>{escape(step.said)}</p><div class='strip' role='img' aria-label='Column {step.column}, row by row'>"
        f"<b>column {step.column}</b>{squares}</div><table>{memory}</table><table>{kept}</table>"
    )


def _dense(mem: InterleavedCSC) -> Any:
    """Return the codes of the first PE's rows, one row of the result per column."""
    codes, skips, pointers = mem.pe(0)
    dense = np.zeros((mem.n_columns, mem.rows_on(0)), int)
    for column, (begin, end) in enumerate(pairwise(pointers)):
        rows = np.cumsum(skips[begin:end].astype(int) + 1) - 1
        dense[column, rows] = codes[begin:end]
    return dense


def _square(row: int, reached: int) -> str:
    return "here" if row == reached else "passed" if row < reached else "ahead"


def _row(name: str, values: Any) -> str:
    cells = "".join(f"<td>{value}</td>" for value in values)
    return f"<tr><th>{name}</th>{cells}</tr>"


def turns(mem: InterleavedCSC) -> list[int]:
    """Compute the cycle in which each entry of the first PE has its turn, when every input is sent, one per cycle.

    The queue is taken to be deep enough: the first PE never holds a broadcast back.
    """
    pointers = mem.pe(0)[2].tolist()
    found: list[int] = []
    free = 0
    for column, (begin, end) in enumerate(pairwise(pointers)):
        taken = max(column + 1, free)  # one cycle after the broadcast, or when the PE is free
        found += range(taken, taken + end - begin)
        free = taken + max(end - begin, 1)
    return found


def pipeline(mem: InterleavedCSC) -> pd.DataFrame:
    """Compute the stage of each entry in each cycle: rows are entries, columns cycles; 0 is an entry's turn."""
    taken = turns(mem)
    last = taken[-1] + len(STAGES)
    rows = [[c - t if 0 <= c - t <= len(STAGES) else "" for c in range(last + 1)] for t in taken]
    index = [f"entry {entry}" for entry in range(len(taken))]
    return pd.DataFrame(rows, index=index, columns=[str(cycle) for cycle in range(last + 1)])
