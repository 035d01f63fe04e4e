"""The points of the authors' retrospective, and the pages that measure them (`data/published/retrospective.toml`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from eie import _check
from eie._files import read_toml

FILE = "published/retrospective.toml"
HEADINGS = {
    "pro": "What was good",
    "con": "What was not good",
    "principle": "The principle",
    "opportunity": "New opportunities",
    "outlook": "Outlook",
}
"""Kinds of points, in their order."""


@dataclass(frozen=True, slots=True)
class Point:
    """One point."""

    id: str
    kind: str
    """A key of `HEADINGS`."""
    statement: str
    """What it says, in this project's words."""
    page: str
    """Page of the book that measures it; empty if none does."""
    title: str = ""
    """Title of that page."""
    others: str = ""
    """What others report who measured it, with their paper."""
    why: str = ""
    """Why this book does not measure it."""


def load() -> list[Point]:
    """Read all points, in their order."""
    return [Point(**entry) for entry in read_toml(FILE)["points"]]


def answer() -> str:
    """Say how many of the points are measured; Markdown."""
    points = load()
    return (
        f"**{sum(bool(point.page) for point in points)} of {len(points)} points** of the retrospective on EIE have a "
        f"page that measures them. The others are too general to be measured, or we have no network or data for a fair "
        f"experiment."
    )


def unmeasured() -> str:
    """Say of each point without a page that others have measured what they report, and why we do not; Markdown."""
    return "\n".join(
        f"- *{point.statement}.* {point.others}. {point.why}." for point in load() if point.others and point.why
    )


def abstract() -> str:
    """Say what the abstract of the retrospective says, in this project's words; Markdown."""
    entry = read_toml(FILE)["abstract"]
    return f"**The abstract** ({entry['place']}). {' '.join(entry['statement'].split())}"


def listed(kinds: Sequence[str] | None = None) -> str:
    """List points by kind, each with a link to its page, as a Markdown table.

    Parameters
    ----------
    kinds : sequence of str, optional
        Keys of `HEADINGS`; all if left out.

    Raises
    ------
    ValueError
        When there is no such kind; the message lists them.
    """
    wanted = list(HEADINGS) if kinds is None else list(_check.literal(kinds))
    for kind in wanted:
        if kind not in HEADINGS:
            raise ValueError(f"kinds must be of {', '.join(HEADINGS)}, got {kind!r}")
    rows = [_row(point) for kind in wanted for point in load() if point.kind == kind]
    return "\n".join(["| kind | point | page |", "|---|---|---|", *rows])


def _row(point: Point) -> str:
    link = f'<a href="{point.page}.html">{escape(point.title)}</a>' if point.page else "none"
    return f"| {HEADINGS[point.kind]} | {escape(point.statement)}. | {link} |"
