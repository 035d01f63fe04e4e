"""Print the verdicts on the claims that a page of the book tests."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

SIGNS = {"reproduced": "✓", "close": "≈", "undecided": "?", "differs": "✗", "not testable": r"\-"}

UNITS = {"us": "µs", "uJ": "µJ", "mm2": "mm²", "um2": "µm²", "x": "×", "yes or no": ""}
"""Units as they are printed."""

SINGLE = {
    "reproduced": "is reproduced",
    "close": "is close, but not reproduced",
    "undecided": "is undecided",
    "differs": "is not reproduced",
    "not testable": "is not testable",
}
"""Verdicts on a page's only claim, as the end of a sentence."""

Claim = Mapping[str, str]


def by_page(tables: Sequence[Mapping[str, Any]]) -> dict[str, list[Claim]]:
    """Return the claims that the executed scorecard carries, by page; `tables` are the CSV files of its cells."""
    found: dict[str, list[Claim]] = {}
    for data in tables:
        for row in csv.DictReader(io.StringIO(data.get("claims", ""))):
            found.setdefault(row["page"], []).append(row)
    return found


def heading(claims: Sequence[Claim]) -> str:
    """Return the heading under which a page's claims stand: something differs, is undecided, or neither."""
    verdicts = {claim["verdict"] for claim in claims}
    if verdicts & {"close", "differs"}:
        return "## Why they differ"
    if "undecided" in verdicts:
        return "## Why it is undecided" if len(claims) == 1 else "## What is undecided"
    whose = "slide" if all(claim["page"].startswith("retro_") for claim in claims) else "paper"
    return f"## The {whose}'s claims"


def text(claims: Sequence[Claim]) -> str:
    """Return the verdicts on a page's claims: those that are not reproduced with the reason, the others folded away."""
    apart = [claim for claim in claims if claim["verdict"] != "reproduced"]
    same = [claim for claim in claims if claim["verdict"] == "reproduced"]
    if not claims:
        return ""
    said = f"The [scorecard](scorecard.ipynb) finds {_found(claims, len(same))}."
    parts = [said, "\n".join(map(_item, apart))]
    if same:
        listed = "\n".join(map(_item, same))
        parts.append(f":::{{dropdown}} What is reproduced ({len(same)})\n{listed}\n:::")
    return "\n\n".join(filter(None, parts))


def _found(claims: Sequence[Claim], same: int) -> str:
    """Say how many claims of a page are reproduced; of a single claim, its verdict."""
    count = len(claims)
    if count == 1:
        return f"that the one claim of this page {SINGLE[claims[0]['verdict']]}"
    if same < count:
        return f"{same or 'none'} of the {count} claims of this page reproduced"
    return f"{'both' if count == 2 else f'all {count}'} claims of this page reproduced"


def _item(claim: Claim) -> str:
    """One claim as an item of a list."""
    numbers = f"published {claim['published']}{_computed(claim)}"
    named = UNITS.get(claim["unit"], claim["unit"])
    unit = f" ({named})" if named else ""
    why = f" {claim['reason']}" if claim["reason"] else ""
    where = f'<a href="scorecard.html#claim-{claim["id"]}">{claim["statement"]}</a>'
    return f"- {SIGNS[claim['verdict']]} *{claim['verdict']}* ({claim['evidence']}): {where}; {numbers}{unit}.{why}"


def _computed(claim: Claim) -> str:
    """Return the computed value; the margin of a message in words is named as one, and says when the message holds."""
    if claim["computed"] == "-":
        return ""
    if claim["published"] == "yes" and claim["computed"][0] in "+-":
        return f", computed margin {claim['computed']} (positive if the statement holds)"
    return f", computed {claim['computed']}"
