from dataclasses import replace

import pytest

from eie.studies import claims, claims_file, scorecard
from eie.studies.claim import Result, Verdict

pytestmark = pytest.mark.slow


def test_scorecard_has_every_claim_and_leads_to_its_page(results):
    html = scorecard.table(results)
    for one in results:
        assert f'id="claim-{one.claim.id}"' in html
        assert f'href="{one.claim.page}.html"' in html
    assert html.count("<tr id=") == len(results)
    assert "http" not in html
    assert 'id="scorecard"' not in html  # the page's own heading has that one


def test_scorecard_tells_verdicts_by_words(results):
    own = claims.totals(scorecard.tests(results))
    said = scorecard.words(results)
    assert f"**{own['reproduced']} are reproduced**" in said
    assert said.index("simulation or measurement") < said.index("arithmetic")
    for verdict in Verdict:
        assert verdict.value in scorecard.bar(results)
        assert f"{scorecard.SIGNS[verdict]} {verdict.value}" in scorecard.table(results)


def test_scorecard_says_the_result_and_its_errors(results):
    said = scorecard.headline(results)
    by_id = {one.claim.id: one for one in results}
    assert f"{claims.computed(by_id['speedup-over-cpu'])} times as fast" in said
    assert f"{claims.computed(by_id['energy-over-cpu'])} times less energy" in said
    assert f"{by_id['energy-over-cpu'].claim.published:,.0f}" in said
    assert "time × 0.600 W" in scorecard.error_words()


def test_scorecard_carries_every_claim(results):
    carried = scorecard.shown(results, results[:1])._repr_mimebundle_()
    (data,) = carried.values()
    assert data["claims"].count("\n") >= len(results) + 1


def test_scorecard_of_some(results):
    few = scorecard.chosen(results, ["differs"])
    assert {one.verdict for one in few} == {Verdict.DIFFERS}
    with pytest.raises(ValueError, match="no verdict 'wrong'; verdicts are reproduced, close"):
        scorecard.chosen(results, ["wrong"])


def test_scorecard_escapes(claim):
    odd = replace(claim(), statement="a < b & c", reason='"quoted"', unit="<x>")
    html = scorecard.table([Result(odd, None)])
    assert "a &lt; b &amp; c" in html
    assert "<x>" not in html


def test_scorecard_lists_what_was_simulated_or_measured_first(results):
    html = scorecard.table(results)
    order = [html.index(f'id="claim-{one.claim.id}"') for one in scorecard.tests(results)]
    assert max(order) < min(
        html.index(f'id="claim-{one.claim.id}"') for one in results if not one.claim.evidence.is_test
    )


def test_one_page_summary_has_published_and_computed_numbers():
    known = {claim.id: claim for claim in claims_file.load()}
    results = claims.evaluate_all([known["chip-area"]])
    assert set(scorecard.CHIEF) <= set(known)
    every = [replace(results[0], claim=known[name]) for name in scorecard.CHIEF]
    lines = scorecard.chief(every).splitlines()[2:]
    assert len(lines) == len(scorecard.CHIEF)
    assert all(
        f"| {claims.number(known[name].published)} |" in line for name, line in zip(scorecard.CHIEF, lines, strict=True)
    )
    assert "mm²" in lines[-1]
