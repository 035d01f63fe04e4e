"""All claims of the paper: computed, judged, and reported as a table, as text or as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import pandas as pd

from eie.explore.benchmarks import nine_layers
from eie.explore.sweep import sweep
from eie.machine import Machine
from eie.studies import claims_file
from eie.studies.claim import Claim, Evidence, Margin, Result, Verdict
from eie.studies.paper.fig08 import DEPTHS
from eie.studies.paper.fig09 import WIDTHS
from eie.writing.words import decimals_of, signed, significant, with_error


def evaluate_all(claims: Iterable[Claim] | None = None) -> list[Result]:
    """Compute every claim and judge it.

    Parameters
    ----------
    claims : iterable of Claim, optional
        All if left out.
    """
    if claims is None:
        claims = claims_file.load()
        _simulate_together()
    return [Result(claim, claim.compute()) for claim in claims]


def _simulate_together() -> None:
    """Simulate the depths of Figure 8 and the widths of Figure 9 in one go, so that each layer is drawn once.

    Later sweeps in this process find the reports of these machines, the paper's among them.
    """
    machines = [Machine(fifo_depth=depth) for depth in DEPTHS] + [Machine(spmat_width_bits=width) for width in WIDTHS]
    sweep(nine_layers(), list(dict.fromkeys(machines)), draws=5)


def totals(results: Iterable[Result]) -> dict[str, int]:
    """How many claims have each verdict."""
    found = Counter(result.verdict for result in results)
    return {verdict.value: found[verdict] for verdict in Verdict}


def relative_spread(results: Iterable[Result]) -> dict[str, float]:
    """What rounded inputs and the draws do to each computed number, in % of it, by claim."""
    numbers = [(one.claim, one.value) for one in results if one.value and not isinstance(one.value, bool)]
    return {claim.id: 100 * claim.spread / abs(value) for claim, value in numbers}


def table(results: Iterable[Result]) -> pd.DataFrame:
    """One row per claim, as the scorecard shows them."""
    rows = [
        {
            "id": result.claim.id,
            "evidence": result.claim.evidence.value,
            "place": result.claim.place,
            "statement": result.claim.statement,
            "published": printed(result.claim),
            "computed": _with_unit(result),
            "unit": result.claim.unit,
            "verdict": result.verdict.value,
            "tolerance": result.tolerance.words() if result.tolerance else "-",
            "tolerance_reason": result.tolerance.source if result.tolerance else "",
            "reason": result.claim.reason,
            "page": result.claim.page,
        }
        for result in results
    ]
    return pd.DataFrame(rows)


def computed(result: Result) -> str:
    """The computed value to read, with its error bar and no more digits than that leaves; a margin with its sign."""
    value, error = result.value, result.error
    if value is None or isinstance(value, bool):
        return number(value)
    if error is None or error < 5e-4 * abs(value):
        error = 0.0
    if isinstance(result.computed, Margin):
        return _margin(value, error)
    if not error:
        return f"{value:,.0f}" if abs(value) >= 1e3 else f"{value:.4g}"
    return with_error(value, error)


def _margin(value: float, error: float) -> str:
    """Write a margin with two digits: more if its error begins behind them, fewer if the error ends before them."""
    sign = "+" if value > 0 else ""
    if not error:
        return f"{sign}{significant(value, 2)}"
    decimals = min(max(decimals_of(value, 2), decimals_of(error, 1)), decimals_of(error, 2))
    return f"{signed(value, f'+,.{decimals}f')} ± {error:,.{decimals}f}"


def shown(result: Result) -> str:
    """The computed value to read; a margin is called one and has its unit, because the published value is a yes."""
    return f"margin {_with_unit(result)}" if isinstance(result.computed, Margin) else computed(result)


def _with_unit(result: Result) -> str:
    """Return the computed value; the unit of a margin stands beside it, because its claim has none."""
    unit = result.computed.unit if isinstance(result.computed, Margin) else ""
    return f"{computed(result)} {unit}".rstrip()


def printed(claim: Claim) -> str:
    """The published value with the decimals that the paper prints, such as 8.0."""
    tolerance, text = claim.tolerance, number(claim.published)
    if tolerance is None or not tolerance.decimals:
        return text
    finest = f"{float(claim.published):,.{tolerance.decimals}f}"
    return max(text, finest, key=len)


def number(value: float | bool | None) -> str:
    """A value to read: yes or no, or five digits and all before the point. Halves do not hang on the last bit."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    value = float(f"{value:.12g}")
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
    content = {"totals": by_evidence(results), "claims": [_row(result) for result in results]}
    return json.dumps(content, indent=1, ensure_ascii=False)


def _row(result: Result) -> dict[str, Any]:
    """One claim for machines: a margin of a message in words stands as `computed`."""
    claim, tolerance = result.claim, result.tolerance
    return asdict(claim) | {
        "tolerance": tolerance and {"value": tolerance.value, "source": tolerance.source},
        "recorded": claim.verdict.value,
        "verdict": result.verdict.value,
        "computed": result.value,
        "error": result.error,
        "is_margin": isinstance(result.computed, Margin),
    }


def by_evidence(results: Iterable[Result]) -> dict[str, dict[str, int]]:
    """How many claims of each class of evidence have each verdict."""
    listed = list(results)
    return {
        evidence.value: totals(result for result in listed if result.claim.evidence is evidence)
        for evidence in Evidence
    }


def _plain(results: list[Result]) -> str:
    rows = [("claim", "evidence", "published", "computed", "unit", "verdict")]
    rows += [
        (
            r.claim.id,
            r.claim.evidence.value,
            printed(r.claim),
            shown(r),
            r.claim.unit,
            r.verdict.value,
        )
        for r in results
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [_line(row, widths) for row in rows]
    changed = [_changed(result) for result in results if result.is_worse or result.is_news]
    return "\n".join([*lines, "", _total(results), *changed])


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    """Names and words to the left, numbers to the right."""
    cells = [
        text.rjust(w) if i in (2, 3) else text.ljust(w) for i, (text, w) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _total(results: list[Result]) -> str:
    counts = by_evidence(results)
    lines = [
        f"{sum(of.values())} {evidence}: " + ", ".join(f"{count} {name}" for name, count in of.items() if count)
        for evidence, of in counts.items()
    ]
    return "\n".join([*lines, f"{len(results)} claims"])


def _changed(result: Result) -> str:
    what = "WORSE" if result.is_worse else "better"
    return f"{what}: {result.claim.id} is {result.verdict.value}, recorded is {result.claim.verdict.value}"
