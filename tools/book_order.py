"""Order of the cells of a page: in its notebook, where code runs from top to bottom, and in the book.

In a notebook the set-up comes first, so that every cell finds what it needs. In the book a reader meets the answer and
its picture first; the set-up stands folded at the end of the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SETUP = ("install", "parameters", "compute")
BEGINNING = ("title", *SETUP, "answer")
LAST = "run-again"
INJECTED = "injected-parameters"  # the cell that papermill adds after the parameters

HEADINGS = ("What the paper says", "How we compute it", "Why they differ", "What would change the answer")
"""Headings that pages share, in their order; a page has those that it needs."""

SPEAKERS = {"slide": "paper", "retrospective": "paper"}  # who may say it in place of the paper

FORMER = re.compile(r"^(?:## What we (?:do|get)|\*\*What (?:the \w+ says|we do|we get)\.\*\*)", re.MULTILINE)
OFF_STAGE = ("time.perf_counter", "time.time(", ".style.", ".set_uuid(")
"""Calls that say nothing about the subject of a page: timers and the looks of tables."""

UNSEEN = {"remove-input", "remove-cell", "hide-input", "hide-cell"}

Cell = dict[str, Any]


@dataclass(frozen=True)
class Parts:
    """Cells of a page by the place that the book gives them; a page without a note on running it again has None."""

    title: Sequence[Cell]
    shown: Sequence[Cell]
    setup: Sequence[Cell]
    run_again: Cell | None


def parted(cells: Sequence[Cell]) -> Parts:
    """Return the cells of an executed notebook by their place in the book."""
    by_place: dict[str, list[Cell]] = {"title": [], "shown": [], "setup": [], LAST: []}
    for cell in cells:
        name = cell.get("id", "")
        place = "setup" if name in SETUP or name == INJECTED else name if name in ("title", LAST) else "shown"
        by_place[place].append(cell)
    last = by_place[LAST]
    return Parts(by_place["title"], by_place["shown"], by_place["setup"], last[0] if last else None)


def faults(notebook: Mapping[str, Any]) -> Iterator[str]:
    """Yield where a page of the book leaves the order that all pages have."""
    cells = notebook["cells"]
    ids = [cell.get("id", "") for cell in cells]
    if tuple(ids[: len(BEGINNING)]) != BEGINNING:
        yield f"must begin with the cells {', '.join(BEGINNING)}, not with {', '.join(ids[: len(BEGINNING)])}"
    if ids[-1] != LAST:
        yield f"must end with the cell {LAST!r}, not with {ids[-1]!r}"
    yield from _title_faults(cells[0])
    after = cells[len(BEGINNING)] if len(cells) > len(BEGINNING) else {}
    if after.get("cell_type") != "code" and "|---" not in "".join(after.get("source", [])):
        yield "must show its picture or table in the cell after 'answer'"
    yield from _heading_faults(cells)
    yield from (fault for cell in cells for fault in _code_faults(cell))


def _title_faults(cell: Cell) -> Iterator[str]:
    if len([line for line in cell["source"] if line.strip()]) != 1:
        yield "must have nothing but its heading in the cell 'title', so that the answer stands on the first screen"


def _heading_faults(cells: Sequence[Cell]) -> Iterator[str]:
    prose = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    for speaker, usual in SPEAKERS.items():
        prose = prose.replace(f"## What the {speaker} says", f"## What the {usual} says")
    places = [(f"\n{prose}\n").find(f"\n## {heading}\n") for heading in HEADINGS]
    found = [place for place in places if place >= 0]
    if found != sorted(found):
        yield f"must have its headings in this order: {'; '.join(HEADINGS)}"
    if former := FORMER.search(prose):
        yield f"has {former[0]!r}; the headings of a page are {'; '.join(HEADINGS)}"


def _code_faults(cell: Cell) -> Iterator[str]:
    """Faults of a code cell that a reader sees."""
    if cell["cell_type"] != "code" or cell.get("id") in SETUP or UNSEEN & set(cell["metadata"].get("tags", [])):
        return
    text = "".join(cell["source"])
    yield from (
        f"shows {call!r} in the cell {cell['id']!r}: put it into the library or give the cell the tag 'remove-input'"
        for call in OFF_STAGE
        if call in text
    )
