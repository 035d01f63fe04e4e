"""The points of the authors' look back, and the pages that measure them (`data/published/retrospective.toml`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from eie import _check
from eie._files import read_toml

FILE = "published/retrospective.toml"
HEADINGS = {
    "pro": "What was good",
    "con": "What was not",
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
    """Page of the book that measures it; empty while none does."""


def load() -> list[Point]:
    """Read all points, in their order."""
    return [Point(**entry) for entry in read_toml(FILE)["points"]]


def words() -> str:
    """Say how much of it is measured, and what the abstract says, in this project's words; Markdown."""
    points, abstract = load(), read_toml(FILE)["abstract"]
    measured, said = sum(bool(point.page) for point in points), " ".join(abstract["statement"].split())
    return (
        f"**{measured} of {len(points)} points** have a page that measures them.\n\n"
        f"The abstract ({abstract['place']}): {said}"
    )


def listed(kinds: Sequence[str] | None = None) -> str:
    """List points by kind, each with a link to its page, as HTML.

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
    return "".join(
        f"<p><strong>{HEADINGS[kind]}</strong></p><ul>"
        + "".join(_item(point) for point in load() if point.kind == kind)
        + "</ul>"
        for kind in wanted
    )


def _item(point: Point) -> str:
    link = f' <a href="{point.page}.html">Measured here.</a>' if point.page else ""
    return f"<li>{escape(point.statement)}.{link}</li>"
