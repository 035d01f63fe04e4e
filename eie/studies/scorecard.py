"""The scorecard page: every claim, its verdict, and the way to the page that shows it, as HTML that needs no script.

Verdicts are told by sign and word, colour only repeats them. A few lines of script add a filter where scripts run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from eie.studies.claim import Claim, Result, Verdict
from eie.studies.claims import number, totals
from eie.studies.claims import table as claims_table
from eie.studies.plots.carry import with_data

if TYPE_CHECKING:
    from IPython.display import HTML

SIGNS = {
    Verdict.REPRODUCED: "✓",
    Verdict.CLOSE: "≈",
    Verdict.DIFFERS: "✗",
    Verdict.NOT_TESTABLE: "-",
}
"""A sign for each verdict, beside its word."""

CLASSES = {verdict: verdict.name.lower().replace("_", "-") for verdict in Verdict}

COLUMNS = ("verdict", "claim", "published", "computed", "unit", "tolerance")

STYLE = """
#claims-totals {border-radius: .4rem; display: flex; gap: 2px; height: 1.6rem; margin: .6rem 0; overflow: hidden}
#claims-totals span {min-width: 3px}
#claims-key {display: flex; flex-wrap: wrap; gap: .2rem 1.4rem; list-style: none; margin: 0 0 1rem; padding: 0}
#claims-totals .reproduced, #claims-key .reproduced::before {background: #0072b2}
#claims-totals .close, #claims-key .close::before {background: #56b4e9}
#claims-totals .differs, #claims-key .differs::before {background: #d55e00}
#claims-totals .not-testable, #claims-key .not-testable::before {background: #999}
#claims-key li::before {border-radius: .2rem; content: ""; display: inline-block; height: .8rem;
  margin-right: .4rem; width: .8rem}
#claims-filter {align-items: end; display: flex; flex-wrap: wrap; gap: .6rem 1rem; margin: .6rem 0}
#claims-filter[hidden] {display: none}
#claims-filter label {display: grid; font-size: .9rem}
#claims-filter :is(select, input) {background: var(--pst-color-background, #fff);
  border: 1px solid var(--pst-color-text-muted, #666); border-radius: .3rem; color: inherit; font: inherit;
  max-width: 100%; padding: .3rem .5rem}
#claims-filter output {font-size: .9rem; padding: .3rem 0}
#claims-box {border: 1px solid var(--pst-color-table-outer-border, #ccc); min-width: 100%; overflow: auto; width: 0}
#claims-table {border: 0; border-collapse: separate; border-spacing: 0; margin: 0; min-width: 42rem;
  table-layout: fixed; width: 100%}
#claims-table :is(th, td) {font-size: .85rem; text-align: left; overflow-wrap: anywhere;
  padding: .3rem .4rem; vertical-align: top; white-space: normal}
#claims-table thead th {background: var(--pst-color-table-heading-bg, #eee); position: sticky; top: 0}
#claims-table tbody th {font-weight: normal}
#claims-table th:nth-child(1) {width: 15%}
#claims-table th:nth-child(2) {width: 33%}
#claims-table th:nth-child(n + 3):nth-child(-n + 4) {width: 13.5%}
#claims-table th:nth-child(5) {width: 9%}
#claims-table td.number {text-align: right; white-space: nowrap}
#claims-table td.verdict {border-left: 4px solid #999; font-weight: bold}
#claims-table .reproduced td.verdict {border-left-color: #0072b2}
#claims-table .close td.verdict {border-left-color: #56b4e9}
#claims-table .differs td.verdict {border-left-color: #d55e00}
#claims-table small {color: var(--pst-color-text-muted, #555); display: block; font-size: .92em}
#claims-table tr[hidden] {display: none}
@media (min-width: 40rem) {#claims-box {max-height: 85vh}}
@media print {
  #claims-box {max-height: none; overflow: visible}
  #claims-table {min-width: 0}
  #claims-filter {display: none}
}
"""

SCRIPT = """
(() => {
  const form = document.getElementById("claims-filter");
  const rows = [...document.querySelectorAll("#claims-table tbody tr")];
  const [verdict, text] = form.querySelectorAll("select, input");
  const filter = () => {
    const words = text.value.toLowerCase().split(/\\s+/).filter(Boolean);
    for (const row of rows) {
      const all = row.textContent.toLowerCase();
      row.hidden = (verdict.value && row.className !== verdict.value) || !words.every((word) => all.includes(word));
    }
    form.querySelector("output").value = `${rows.filter((row) => !row.hidden).length} of ${rows.length} shown`;
  };
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();
})();
"""


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


def words(results: Sequence[Result]) -> str:
    """The totals in a sentence, as Markdown, and what has changed since verdicts were recorded."""
    count = totals(results)
    listed = f"**{count['reproduced']} are reproduced**, {count['close']} are close, {count['differs']} differ"
    changed = sum(result.verdict is not result.claim.verdict for result in results)
    return (
        f"Of {len(results)} claims, most of them the paper's, {listed} and {count['not testable here']} cannot be "
        "tested here." + (f" {changed} verdicts are not the recorded ones." if changed else "")
    )


def headline(results: Sequence[Result]) -> str:
    """What EIE gains over a CPU, published and computed, as one sentence of Markdown."""
    by_id = {result.claim.id: result for result in results}
    speed, energy = by_id["speedup-over-cpu"], by_id["energy-over-cpu"]
    return (
        f"One input at a time, EIE is **{speed.computed:,.3g} times as fast** as the paper's CPU and needs "
        f"**{energy.computed:,.0f} times less energy**, by what is computed here; the paper says "
        f"{speed.claim.published:,.3g} and {energy.claim.published:,.0f}."
    )


def bar(results: Sequence[Result]) -> str:
    """The totals as one bar with a key, HTML."""
    count = totals(results)
    parts = [(CLASSES[verdict], SIGNS[verdict], verdict.value, count[verdict.value]) for verdict in Verdict]
    said = ", ".join(f"{n} {name}" for _, _, name, n in parts)
    spans = "".join(f'<span class="{css}" style="flex: {n}"></span>' for css, _, _, n in parts if n)
    key = "".join(f'<li class="{css}">{sign} {name}: <strong>{n}</strong></li>' for css, sign, name, n in parts)
    return (
        f"<style>{STYLE}</style>"
        f'<div id="claims-totals" role="img" aria-label="{said}">{spans}</div><ul id="claims-key">{key}</ul>'
    )


def table(results: Sequence[Result]) -> str:
    """Every claim in a row, with a filter where scripts run, HTML."""
    head = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
    rows = "\n".join(_row(result) for result in results)
    return (
        f"{_filter()}"
        '<div id="claims-box" role="region" aria-label="All claims" tabindex="0">'
        f'<table id="claims-table"><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>'
        f"<script>{SCRIPT}</script>"
    )


def shown(results: Sequence[Result], listed: Sequence[Result]) -> HTML:
    """The table of the claims to list, for a page; it carries all of them as data."""
    from IPython.display import HTML

    return with_data(HTML(table(listed)), claims=claims_table(results))


def _filter() -> str:
    options = "".join(f'<option value="{CLASSES[v]}">{SIGNS[v]} {v.value}</option>' for v in Verdict)
    return (
        '<form id="claims-filter" hidden>'
        f'<label>Verdict<select><option value="">all</option>{options}</select></label>'
        '<label>With the words<input type="search" placeholder="Figure 8"></label>'
        '<output aria-live="polite"></output></form>'
    )


def _row(result: Result) -> str:
    claim, verdict = result.claim, result.verdict
    cells = (
        f'<td class="verdict">{SIGNS[verdict]} {verdict.value}</td>',
        f'<th scope="row">{_what(claim)}</th>',
        f'<td class="number">{number(claim.published)}</td>',
        f'<td class="number">{number(result.computed)}</td>',
        f"<td>{escape(claim.unit)}</td>",
        f"<td>{_tolerance(claim)}</td>",
    )
    return f'<tr id="claim-{claim.id}" class="{CLASSES[verdict]}">{"".join(cells)}</tr>'


def _what(claim: Claim) -> str:
    """The statement, which leads to its page; place and id; and why it is not reproduced."""
    why = f"<small>{escape(claim.reason)}</small>" if claim.reason else ""
    return (
        f'<a href="{claim.page}.html">{escape(claim.statement)}</a>'
        f"<small>{escape(claim.place)}; <code>{claim.id}</code></small>{why}"
    )


def _tolerance(claim: Claim) -> str:
    """The tolerance and its reason."""
    tolerance = claim.tolerance
    if tolerance is None:
        return "-"
    unit = claim.unit if tolerance.kind == "absolute" and tolerance.value else ""
    return f"{escape(f'{tolerance.words()} {unit}'.strip())}<small>{escape(tolerance.reason)}</small>"
