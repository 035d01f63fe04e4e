"""The paper's claims, what we find for each, and whether it is worse than it was.

`data/published/claims.toml` names for each claim the published value (a row of another file of that folder, so that no
number stands twice), the finding it is held against (`eie.studies.findings`), how far apart the two may be and why,
and the verdict when it was last looked at.

The rule: a claim is **reproduced** when computed and published differ by no more than the tolerance, **close** when by
no more than three times the tolerance, and **differs** otherwise. A message in words is reproduced or differs. A claim
that nothing here can compute is **not testable here**.
"""

from __future__ import annotations

import inspect
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from math import isfinite
from typing import Any

import pandas as pd

from eie import published
from eie._data import read_toml, resource
from eie.studies import findings

FILE = "published/claims.toml"
CLOSE_TIMES = 3
"""A claim is close within so many tolerances."""

FIELDS = {"id", "published", "computed", "page", "verdict", "statement", "tolerance", "place", "unit", "reason"}
NEEDED = {"id", "published", "page", "verdict"}
YES_OR_NO = "yes or no"
"""Unit of a message in words."""


class ClaimsError(ValueError):
    """`claims.toml` is wrong; the message names the claim and what is wrong with it."""


class Verdict(StrEnum):
    """How a claim fares, best first."""

    REPRODUCED = "reproduced"
    CLOSE = "close"
    DIFFERS = "differs"
    NOT_TESTABLE = "not testable here"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far computed and published may be apart.

    Attributes
    ----------
    value : float
        In the claim's unit, or as a fraction of the published value.
    kind : str
        `"absolute"` or `"relative"`.
    reason : str
        Where it comes from: how the number was published, or how exactly the layers are described.
    """

    value: float
    kind: str
    reason: str

    def margin(self, value: float) -> float:
        """The tolerance of a published value, in its unit."""
        return self.value if self.kind == "absolute" else self.value * abs(value)

    def words(self) -> str:
        """The tolerance as a reader would write it, without its unit."""
        return f"{self.value:g}" if self.kind == "absolute" else f"{100 * self.value:g} %"


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim of the paper.

    Attributes
    ----------
    id : str
        Its name, lower-case words joined by `-`.
    place : str
        Where it stands.
    statement : str
        What it says, in this project's words.
    published : float or bool
        The published value; True for a message in words, which the statement gives.
    unit : str
        Unit of both values.
    finding : str
        Name of a function of `eie.studies.findings`; empty where there is none.
    arguments : dict
        Its keyword arguments.
    tolerance : Tolerance or None
        None for messages in words and where nothing is computed.
    page : str
        Page of the book that shows it.
    verdict : Verdict
        The verdict when it was last recorded.
    reason : str
        Why it is not reproduced.
    """

    id: str
    place: str
    statement: str
    published: float | bool
    unit: str
    finding: str
    arguments: dict[str, Any]
    tolerance: Tolerance | None
    page: str
    verdict: Verdict
    reason: str = ""

    def compute(self) -> float | bool | None:
        """What we find; None where nothing here can compute it."""
        return getattr(findings, self.finding)(**self.arguments) if self.finding else None


@dataclass(frozen=True, slots=True)
class Result:
    """A claim and what came of it now.

    Attributes
    ----------
    claim : Claim
    computed : float, bool or None
        What we find.
    verdict : Verdict
        The verdict now.
    """

    claim: Claim
    computed: float | bool | None
    verdict: Verdict = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "verdict", judge(self.claim, self.computed))

    @property
    def is_worse(self) -> bool:
        """Whether the verdict is worse than the recorded one."""
        return worse(self.claim.verdict, self.verdict)

    @property
    def is_news(self) -> bool:
        """Whether the verdict is better than the recorded one."""
        return worse(self.verdict, self.claim.verdict)


def judge(claim: Claim, computed: float | bool | None) -> Verdict:
    """Compare a claim with what was computed, by the rule at the head of this module."""
    if computed is None:
        return Verdict.NOT_TESTABLE
    if claim.tolerance is None:
        return Verdict.REPRODUCED if computed == claim.published else Verdict.DIFFERS
    # Sums of decimal fractions miss by a few units of the last binary digit what they should be.
    apart = abs(computed - claim.published) - 1e-9 * max(1.0, abs(claim.published))
    margin = claim.tolerance.margin(claim.published)
    if apart <= margin:
        return Verdict.REPRODUCED
    return Verdict.CLOSE if apart <= CLOSE_TIMES * margin else Verdict.DIFFERS


def worse(old: Verdict, new: Verdict) -> bool:
    """Whether a verdict has got worse; to be no longer testable is the worst."""
    order = list(Verdict)
    return order.index(new) > order.index(old)


def load() -> tuple[Claim, ...]:
    """All claims.

    Raises
    ------
    ClaimsError
        When the file is wrong; the message names the claim.
    """
    return parse(read_toml(FILE))


def parse(content: Mapping[str, Any]) -> tuple[Claim, ...]:
    """Claims from the contents of `claims.toml`.

    Parameters
    ----------
    content : mapping
        `claims`, an array of tables; `tolerances`, a table of tables with `kind`, `reason` and, where claims share it,
        `value`.

    Raises
    ------
    ClaimsError
        When something is wrong; the message names the claim.
    """
    entries, tolerances = content.get("claims", []), content.get("tolerances", {})
    twice = [name for name, count in Counter(entry.get("id") for entry in entries).items() if count > 1]
    if twice:
        raise ClaimsError(f"claims.toml: id {', '.join(map(repr, twice))} stands twice")
    return tuple(_claim(entry, tolerances) for entry in entries)


def _claim(entry: Mapping[str, Any], tolerances: Mapping[str, Any]) -> Claim:
    try:
        return _checked(entry, tolerances)
    except (ValueError, TypeError, KeyError, FileNotFoundError) as error:
        raise ClaimsError(f"claims.toml: claim {entry.get('id')!r}: {error}") from error


def _checked(entry: Mapping[str, Any], tolerances: Mapping[str, Any]) -> Claim:
    _need(entry, NEEDED, FIELDS)
    source = _source(entry["published"])
    value = source["published"]
    claim = Claim(
        id=entry["id"],
        place=_one("place", entry, source),
        statement=entry.get("statement") or source.get("statement") or _missing("statement"),
        published=value,
        unit=YES_OR_NO if isinstance(value, bool) else _one("unit", entry, source),
        finding=_finding(entry.get("computed")),
        arguments={key: value for key, value in entry.get("computed", {}).items() if key != "finding"},
        tolerance=_tolerance(entry.get("tolerance"), tolerances),
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
        inspect.signature(getattr(findings, claim.finding)).bind(**claim.arguments)


def _need(entry: Mapping[str, Any], needed: Iterable[str], known: Iterable[str]) -> None:
    missing, strange = set(needed) - set(entry), set(entry) - set(known)
    if missing or strange:
        said = [f"{what} {', '.join(sorted(names))}" for what, names in (("lacks", missing), ("has", strange)) if names]
        raise ValueError(f"{' and '.join(said)}; fields are {', '.join(sorted(known))}")


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
        raise ValueError(f"{file} has {row[column]!r} there, which is no number")
    return {key: row[key] for key in ("place", "unit", "statement") if key in row} | {"published": value}


def _one(name: str, entry: Mapping[str, Any], source: Mapping[str, Any]) -> str:
    """A field that stands in the claim or in the published file; where in both, they must agree."""
    found = {str(place[name]) for place in (entry, source) if name in place}
    if len(found) > 1:
        raise ValueError(f"{name} {entry[name]!r} is not that of the published row, {source[name]!r}")
    return found.pop() if found else _missing(name)


def _missing(name: str) -> str:
    raise ValueError(f"has no {name}, and neither has its published row")


def _finding(computed: Mapping[str, Any] | None) -> str:
    """Name of the finding that a claim is held against."""
    if computed is None:
        return ""
    name = str(computed["finding"])
    if name not in names():
        raise ValueError(f"there is no finding {name!r}; findings are {', '.join(names())}")
    return name


def names() -> list[str]:
    """Names of all findings."""
    return sorted(name for name, thing in vars(findings).items() if _is_finding(name, thing))


def _is_finding(name: str, thing: Callable[..., Any]) -> bool:
    return not name.startswith("_") and inspect.isfunction(thing) and thing.__module__ == findings.__name__


def _tolerance(given: Any, known: Mapping[str, Any]) -> Tolerance | None:
    """A tolerance by its name, or by the name of its kind and a value of the claim's own."""
    if given is None:
        return None
    own = given if isinstance(given, Mapping) else {"as": given}
    _need(own, {"as"}, {"as", "value"})
    if own["as"] not in known:
        raise ValueError(f"there is no tolerance {own['as']!r}; there are {', '.join(known)}")
    shared = dict(known[own["as"]])
    _need(shared, {"kind", "reason"}, {"kind", "reason", "value"})
    if ("value" in own) == ("value" in shared):
        raise ValueError(f"a tolerance has one value, {own['as']!r} here has none or two")
    value, kind = float({**shared, **own}["value"]), shared["kind"]
    if kind not in ("absolute", "relative") or not shared["reason"] or not 0 <= value < float("inf"):
        raise ValueError(
            f"tolerance {own['as']!r} must be absolute or relative, 0 or more, with a reason, got {shared}"
        )
    return Tolerance(value, kind, shared["reason"])


def _page(name: str) -> str:
    pages = {path.stem for path in resource("notebooks").glob("*.ipynb")}
    if name not in pages:
        raise ValueError(f"there is no page {name!r}; pages are {', '.join(sorted(pages))}")
    return name


def evaluate_all(claims: Iterable[Claim] | None = None) -> list[Result]:
    """Compute every claim and judge it.

    Parameters
    ----------
    claims : iterable of Claim, optional
        All if left out.
    """
    return [Result(claim, claim.compute()) for claim in (load() if claims is None else claims)]


def totals(results: Iterable[Result]) -> dict[str, int]:
    """How many claims have each verdict."""
    found = Counter(result.verdict for result in results)
    return {verdict.value: found[verdict] for verdict in Verdict}


def table(results: Iterable[Result]) -> pd.DataFrame:
    """A row a claim, as the scorecard shows them."""
    rows = [
        {
            "id": result.claim.id,
            "place": result.claim.place,
            "statement": result.claim.statement,
            "published": number(result.claim.published),
            "computed": number(result.computed),
            "unit": result.claim.unit,
            "verdict": result.verdict.value,
            "tolerance": result.claim.tolerance.words() if result.claim.tolerance else "-",
            "tolerance_reason": result.claim.tolerance.reason if result.claim.tolerance else "",
            "reason": result.claim.reason,
            "page": result.claim.page,
        }
        for result in results
    ]
    return pd.DataFrame(rows)


def number(value: float | bool | None) -> str:
    """A value to read: yes or no, or five digits and all before the point."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,.0f}" if abs(value) >= 1e5 else f"{value:,.5g}"


def report(as_json: bool = False) -> tuple[str, int]:
    """What `eie claims` prints, and its exit status.

    Returns
    -------
    text : str
        A table and the totals, or JSON.
    status : int
        1 when a verdict is worse than the recorded one, else 0.
    """
    results = evaluate_all()
    status = int(any(result.is_worse for result in results))
    return (_json(results) if as_json else _plain(results)), status


def _json(results: list[Result]) -> str:
    rows = [
        asdict(result.claim)
        | {"recorded": result.claim.verdict.value, "verdict": result.verdict.value, "computed": result.computed}
        for result in results
    ]
    return json.dumps({"totals": totals(results), "claims": rows}, indent=1, ensure_ascii=False)


def _plain(results: list[Result]) -> str:
    rows = [("claim", "published", "computed", "unit", "verdict")]
    rows += [
        (r.claim.id, number(r.claim.published), number(r.computed), r.claim.unit, r.verdict.value) for r in results
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = [_line(row, widths) for row in rows]
    changed = [_changed(result) for result in results if result.is_worse or result.is_news]
    return "\n".join([*lines, "", _total(results), *changed])


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    """Names and words to the left, numbers to the right."""
    cells = [
        text.rjust(w) if i in (1, 2) else text.ljust(w) for i, (text, w) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _total(results: list[Result]) -> str:
    return f"{len(results)} claims: " + ", ".join(f"{count} {name}" for name, count in totals(results).items())


def _changed(result: Result) -> str:
    what = "WORSE" if result.is_worse else "better"
    return f"{what}: {result.claim.id} is {result.verdict.value}, recorded is {result.claim.verdict.value}"
