"""Reader of `data/published/claims.toml`, which finds every fault of the file before anything is computed.

The file names for each claim the published value (a row of another file of that folder, so that no number stands
twice), the function that computes it by its dotted path, how far apart the two may be and why, and the verdict when it
was last looked at.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

from eie import published
from eie._files import read_toml, resource
from eie.studies import experiments
from eie.studies.claim import Claim, Evidence, Tolerance, Verdict, finding
from eie.writing.words import joined

FILE = "published/claims.toml"
FIELDS = {
    "id",
    "evidence",
    "published",
    "computed",
    "page",
    "verdict",
    "statement",
    "tolerance",
    "place",
    "unit",
    "reason",
}
NEEDED = {"id", "evidence", "published", "page", "verdict"}
SPREADS = "tolerances"
"""Experiment that propagates the rounding of printed inputs; its table has `id` and `spread`."""
YES_OR_NO = "yes or no"
"""Unit of a message in words."""


class ClaimsError(ValueError):
    """`claims.toml` is wrong; the message names the claim and what is wrong with it."""


def load() -> tuple[Claim, ...]:
    """All claims.

    Raises
    ------
    ClaimsError
        When the file is wrong; the message names the claim.
    """
    return parse(read_toml(FILE), spreads())


def spreads() -> dict[str, float]:
    """Read what rounded inputs and draws do to each computed value: two standard deviations, by claim."""
    table = experiments.read(SPREADS)
    return dict(zip(table["id"], table["spread"], strict=True))


def parse(content: Mapping[str, Any], spread: Mapping[str, float] | None = None) -> tuple[Claim, ...]:
    """Claims from the contents of `claims.toml`.

    Parameters
    ----------
    content : mapping
        `claims`, an array of tables; `tolerances`, a table of tables with `reason` and, where claims share it, `value`.
    spread : mapping of str to float, optional
        By claim, two standard deviations of what rounded inputs and draws do to its computed value; 0 if left out.

    Raises
    ------
    ClaimsError
        When something is wrong; the message names the claim.
    """
    entries, tolerances = content.get("claims", []), content.get("tolerances", {})
    twice = [name for name, count in Counter(entry.get("id") for entry in entries).items() if count > 1]
    if twice:
        raise ClaimsError(f"claims.toml: id {', '.join(map(repr, twice))} occurs twice")
    return tuple(_claim(entry, tolerances, (spread or {}).get(entry.get("id"), 0.0)) for entry in entries)


def _claim(entry: Mapping[str, Any], tolerances: Mapping[str, Any], spread: float) -> Claim:
    try:
        return _checked(entry, tolerances, spread)
    except (ValueError, TypeError, KeyError, FileNotFoundError) as error:
        raise ClaimsError(f"claims.toml: claim {entry.get('id')!r}: {error}") from error


def _checked(entry: Mapping[str, Any], tolerances: Mapping[str, Any], spread: float) -> Claim:
    _need(entry, NEEDED, FIELDS)
    source = _source(entry["published"])
    value, computed = source["published"], dict(entry.get("computed", {}))
    claim = Claim(
        id=entry["id"],
        evidence=Evidence(entry["evidence"]),
        place=_one("place", entry, source),
        statement=entry.get("statement") or source.get("statement") or _missing("statement"),
        published=value,
        unit=YES_OR_NO if isinstance(value, bool) else _one("unit", entry, source),
        finding=str(computed.pop("finding")) if computed else "",
        arguments=computed,
        tolerance=_tolerance(entry.get("tolerance"), tolerances, spread),
        spread=spread,
        page=_page(entry["page"]),
        verdict=Verdict(entry["verdict"]),
        reason=entry.get("reason", ""),
    )
    _check_whole(claim)
    return claim


def _check_whole(claim: Claim) -> None:
    """What must and must not be there, by the kind of claim."""
    if bool(claim.finding) == (claim.verdict is Verdict.NOT_TESTABLE):
        raise ValueError(f"a claim has a finding or is {Verdict.NOT_TESTABLE.value!r}, not both")
    wants_tolerance = bool(claim.finding) and not isinstance(claim.published, bool)
    if wants_tolerance != (claim.tolerance is not None):
        raise ValueError("a claim has a tolerance exactly when numbers are compared")
    if claim.verdict is not Verdict.REPRODUCED and not claim.reason:
        raise ValueError(f"verdict {claim.verdict.value!r} needs a reason")
    if claim.finding:
        inspect.signature(finding(claim.finding)).bind(**claim.arguments)


def _need(entry: Mapping[str, Any], needed: Iterable[str], known: Iterable[str]) -> None:
    missing, strange = set(needed) - set(entry), set(entry) - set(known)
    if missing or strange:
        said = [f"{what} {', '.join(sorted(names))}" for what, names in (("lacks", missing), ("has", strange)) if names]
        raise ValueError(f"{joined(said)}; fields are {', '.join(sorted(known))}")


def _source(reference: Mapping[str, Any]) -> dict[str, Any]:
    """The published value, with what its file says of it; a stated value where no file has it."""
    if "value" in reference:
        _need(reference, {"value"}, {"value"})
        return {"published": reference["value"]}
    if "text" in reference:
        _need(reference, {"text"}, {"text"})
        return _row("text", {"id": reference["text"]}, "value")
    _need(reference, {"file", "where"}, {"file", "where", "column"})
    return _row(reference["file"], reference["where"], reference.get("column", "value"))


def _row(file: str, where: Mapping[str, Any], column: str) -> dict[str, Any]:
    row = published.row(file, **where)
    if column not in row:
        raise ValueError(f"{file} has no column {column!r}; it has {', '.join(map(str, row.index))}")
    value = float(row[column])
    if not isfinite(value):
        raise ValueError(f"{file} has {row[column]!r} there, which is not a number")
    return {key: row[key] for key in ("place", "unit", "statement") if key in row} | {"published": value}


def _one(name: str, entry: Mapping[str, Any], source: Mapping[str, Any]) -> str:
    """A field that stands in the claim or in the published file; where in both, they must agree."""
    found = {str(place[name]) for place in (entry, source) if name in place}
    if len(found) > 1:
        raise ValueError(f"{name} {entry[name]!r} is not that of the published row, {source[name]!r}")
    return found.pop() if found else _missing(name)


def _missing(name: str) -> str:
    raise ValueError(f"has no {name}, and neither has its published row")


def _tolerance(given: Any, known: Mapping[str, Any], spread: float) -> Tolerance | None:
    """A tolerance by its name, or by the name of its kind and a value of the claim's own."""
    if given is None:
        return None
    own = given if isinstance(given, Mapping) else {"as": given}
    _need(own, {"as"}, {"as", "value"})
    if own["as"] not in known:
        raise ValueError(f"there is no tolerance {own['as']!r}; there are {', '.join(known)}")
    shared = dict(known[own["as"]])
    _need(shared, {"reason"}, {"reason", "value", "each"})
    if ("value" in own) == ("value" in shared):
        raise ValueError(f"a tolerance has one value, {own['as']!r} here has none or two")
    value = float({**shared, **own}["value"])
    if not shared["reason"] or not 0 <= value < float("inf"):
        raise ValueError(f"tolerance {own['as']!r} must be 0 or more, with a reason, got {shared}")
    return Tolerance(value, shared["reason"], spread, each=bool(shared.get("each")))


def _page(name: str) -> str:
    pages = {path.stem for path in resource("notebooks").glob("*.ipynb")}
    if name not in pages:
        raise ValueError(f"there is no page {name!r}; pages are {', '.join(sorted(pages))}")
    return name
