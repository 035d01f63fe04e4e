"""The scorecard page: every claim, its verdict, and the way to the page that shows it, as HTML that needs no script.

Verdicts are told by sign and word, colour only repeats them. A few lines of script add a filter where scripts run.
Style and script are in `templates/`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from eie._files import PACKAGE
from eie.studies.claim import Claim, Evidence, Result, Verdict
from eie.studies.claims import computed, printed, totals
from eie.studies.claims import shown as shown_value
from eie.studies.claims import table as claims_table
from eie.studies.paper.counted_energy import bottom_up, rounded
from eie.studies.paper.setup import usual
from eie.studies.paper.versus_platforms import GEOMEAN, figure6, figure7
from eie.studies.plots.carry import with_data
from eie.technology import paper_value
from eie.writing.words import joined, significant, unit

if TYPE_CHECKING:
    from IPython.display import HTML

SIGNS = {
    Verdict.REPRODUCED: "✓",
    Verdict.CLOSE: "≈",
    Verdict.UNDECIDED: "?",
    Verdict.DIFFERS: "✗",
    Verdict.NOT_TESTABLE: "-",
}
"""A sign for each verdict, beside its word."""

CLASSES = {verdict: verdict.name.lower().replace("_", "-") for verdict in Verdict}

COLUMNS = ("verdict", "claim", "evidence", "published", "computed", "unit", "tolerance")


def chosen(results: Sequence[Result], verdicts: Iterable[str]) -> list[Result]:
    """Results with one of some verdicts.

    Raises
    ------
    ValueError
        When there is no such verdict; the message lists them.
    """
    known = [verdict.value for verdict in Verdict]
    strange = [name for name in verdicts if name not in known]
    if strange:
        raise ValueError(f"there is no verdict {strange[0]!r}; verdicts are {', '.join(known)}")
    return [result for result in results if result.verdict.value in set(verdicts)]


def tests(results: Sequence[Result]) -> list[Result]:
    """Choose the results of claims that are simulated or measured."""
    return [result for result in results if result.claim.evidence.is_test]


def words(results: Sequence[Result]) -> str:
    """The totals in sentences, as Markdown, and what has changed since verdicts were recorded."""
    own = tests(results)
    rest = [result for result in results if result not in own]
    changed = sum(result.verdict is not result.claim.verdict for result in results)
    return (
        f"Of {len(own)} claims that need a **simulation or measurement**, {_counted(own)}. Another {len(rest)} "
        f"claims are arithmetic on the paper's own numbers, or definitions: {_counted(rest)}. These claims show "
        f"whether the paper is consistent with itself, but they do not test the machine."
        + (f" {changed} verdicts differ from the recorded ones." if changed else "")
    )


def _counted(results: Sequence[Result]) -> str:
    count = totals(results)
    said = {
        Verdict.REPRODUCED: "**{} are reproduced**",
        Verdict.CLOSE: "{} are close",
        Verdict.UNDECIDED: "{} are undecided",
        Verdict.DIFFERS: "{} differ",
        Verdict.NOT_TESTABLE: "{} cannot be tested here",
    }
    parts = [text.format(count[verdict.value]) for verdict, text in said.items() if count[verdict.value]]
    return joined(parts) or "none"


def headline(results: Sequence[Result]) -> str:
    """What EIE gains over a CPU, published and computed, with error bars, as Markdown."""
    by_id = {result.claim.id: result for result in results}
    speed, energy = by_id["speedup-over-cpu"], by_id["energy-over-cpu"]
    return (
        f"With one input at a time, EIE is **{computed(speed)} times as fast** as the paper's CPU (published: "
        f"{speed.claim.published:,.0f}). If its energy is counted event by event, it takes "
        f"**{computed(energy)} times less energy** than the CPU (published: {energy.claim.published:,.0f})."
    )


def error_words() -> str:
    """Describe the parts of the error bars in `headline`, as Markdown."""
    counted = usual(bottom_up)
    least, most = counted.range("CPU Dense")
    watts = f"{paper_value('power-abstract') / 1000:.3f} W"
    return (
        f"**What the error bars cover.** {usual(figure6).error_words()} For the energy, plausible settings of the "
        f"memory model alone give factors of {rounded(least)} to {rounded(most)}; its error bar also covers the spread "
        f"of the weights and the rounding of published numbers. The paper's own method, time × {watts}, gives a factor "
        f"of {significant(usual(figure7).computed[GEOMEAN])} with the computed times."
    )


CHIEF = ("speedup-over-cpu", "energy-over-cpu", "time-actual-alex-7", "power-section-one", "chip-area")
"""The claims on the one-page summary."""


def chief(results: Sequence[Result]) -> str:
    """Return the claims of the one-page summary as a table, Markdown."""
    by_id = {result.claim.id: result for result in results}
    rows = ["| result | published | computed | verdict |", "|---|---:|---:|---|"]
    for result in map(by_id.__getitem__, CHIEF):
        claim, verdict = result.claim, result.verdict
        shown = " | ".join((printed(claim), computed(result), f"{SIGNS[verdict]} {verdict.value}"))
        named = "times" if claim.unit == "x" else unit(claim.unit)
        rows.append(f"| {claim.statement}, {named} | {shown} |")
    return "\n".join(rows)


def bar(results: Sequence[Result]) -> str:
    """The totals as two bars with a key, HTML: claims that are simulated or measured, and the others apart."""
    own = tests(results)
    rest = [result for result in results if result not in own]
    bars = (_bar("Simulated and measured", own), _bar("Arithmetic on the paper's numbers, and definitions", rest))
    return f"<style>{_asset('css')}</style>" + "".join(bars)


def _bar(title: str, results: Sequence[Result]) -> str:
    count = totals(results)
    parts = [(CLASSES[verdict], SIGNS[verdict], verdict.value, count[verdict.value]) for verdict in Verdict]
    said = ", ".join(f"{n} {name}" for _, _, name, n in parts)
    spans = "".join(f'<span class="{css}" style="flex: {n}"></span>' for css, _, _, n in parts if n)
    key = "".join(f'<li class="{css}">{sign} {name}: <strong>{n}</strong></li>' for css, sign, name, n in parts if n)
    return (
        f'<p class="claims-title">{escape(title)}: {len(results)}</p>'
        f'<div class="claims-totals" role="img" aria-label="{escape(title)}: {said}">{spans}</div>'
        f'<ul class="claims-key">{key}</ul>'
    )


def table(results: Sequence[Result]) -> str:
    """Every claim in a row, simulated and measured ones first, with a filter where scripts run, HTML."""
    head = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
    strongest_first = sorted(results, key=lambda result: list(Evidence).index(result.claim.evidence))
    rows = "\n".join(_row(result) for result in strongest_first)
    return (
        f"{_filter()}"
        '<div id="claims-box" role="region" aria-label="All claims" tabindex="0">'
        f'<table id="claims-table"><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>'
        f"<script>{_asset('js')}</script>"
    )


def shown(results: Sequence[Result], listed: Sequence[Result]) -> HTML:
    """The table of the claims to list, for a page; it carries all of them as data."""
    from IPython.display import HTML

    return with_data(HTML(table(listed)), claims=claims_table(results))


def _asset(ending: str) -> str:
    """Style or script of the page."""
    return "\n" + (PACKAGE / "studies" / "templates" / f"scorecard.{ending}").read_text(encoding="utf-8")


def _filter() -> str:
    options = "".join(f'<option value="{CLASSES[v]}">{SIGNS[v]} {v.value}</option>' for v in Verdict)
    return (
        '<form id="claims-filter" hidden>'
        f'<label>Verdict<select><option value="">all</option>{options}</select></label>'
        '<label>Contains<input type="search" placeholder="Figure 8"></label>'
        '<output aria-live="polite"></output></form>'
    )


def _row(result: Result) -> str:
    claim, verdict = result.claim, result.verdict
    cells = (
        f'<td class="verdict">{SIGNS[verdict]} {verdict.value}</td>',
        f'<th scope="row">{_what(claim)}</th>',
        f"<td>{claim.evidence.value}</td>",
        f'<td class="number">{printed(claim)}</td>',
        f'<td class="number">{shown_value(result).replace(" ± ", "&nbsp;±&nbsp;")}</td>',
        f"<td>{escape(unit(claim.unit))}</td>",
        f"<td>{_tolerance(result)}</td>",
    )
    return f'<tr id="claim-{claim.id}" class="{CLASSES[verdict]}">{"".join(cells)}</tr>'


def _what(claim: Claim) -> str:
    """The statement, which leads to its page; place and id; and why it is not reproduced."""
    why = f"<small>{escape(claim.reason)}</small>" if claim.reason else ""
    return (
        f'<a href="{claim.page}.html">{escape(claim.statement)}</a>'
        f"<small>{escape(claim.place)}; <code>{claim.id}</code></small>{why}"
    )


def _tolerance(result: Result) -> str:
    """The tolerance and its reason."""
    claim, tolerance = result.claim, result.tolerance
    if tolerance is None:
        return "-"
    named = unit(claim.unit) if tolerance.value else ""
    return f"{escape(f'{tolerance.words()} {named}'.strip())}<small>{escape(tolerance.source)}</small>"
