import json
import re
from dataclasses import replace

import pytest

from eie._data import read_toml
from eie.studies import claims, findings, scorecard
from eie.studies.claims import Claim, ClaimsError, Tolerance, Verdict, judge, parse, worse

PUBLISHED_FILES = {"id": "a", "published": {"text": "pe-count"}, "page": "scorecard", "verdict": "reproduced"}
ABOUT = {"about": {"kind": "absolute", "value": 1, "reason": "a reason"}}


@pytest.fixture(scope="module")
def results():
    return claims.evaluate_all()


def claim(published=10.0, tolerance=None, **changes):
    fields = {
        "id": "a-claim",
        "place": "ISCA 2016 section I",
        "statement": "Something",
        "published": published,
        "unit": "x",
        "finding": "registers",
        "arguments": {},
        "tolerance": tolerance,
        "page": "scorecard",
        "verdict": Verdict.REPRODUCED,
    }
    return Claim(**fields | changes)


def entry(**changes):
    whole = PUBLISHED_FILES | {"computed": {"finding": "registers"}, "tolerance": "about"} | changes
    return {key: value for key, value in whole.items() if value is not None}


def parsed(*entries, tolerances=ABOUT):
    return parse({"claims": list(entries), "tolerances": tolerances})


@pytest.mark.parametrize(
    ("computed", "verdict"),
    [(10, "reproduced"), (10.5, "reproduced"), (9.5, "reproduced"), (10.6, "close"), (8.5, "close"), (8.4, "differs")],
)
def test_rule(computed, verdict):
    assert judge(claim(tolerance=Tolerance(0.5, "absolute", "r")), computed) == verdict
    assert judge(claim(tolerance=Tolerance(0.05, "relative", "r")), computed) == verdict


def test_rule_without_rounding_of_binary_fractions():
    assert judge(claim(0.3, Tolerance(0.1, "absolute", "r")), 0.1 + 0.1 + 0.2) is Verdict.REPRODUCED
    assert judge(claim(0.3, Tolerance(0, "absolute", "r")), 0.3000001) is Verdict.DIFFERS


def test_rule_for_messages_and_for_what_cannot_be_tested():
    assert judge(claim(True), True) is Verdict.REPRODUCED
    assert judge(claim(True), False) is Verdict.DIFFERS
    assert judge(claim(), None) is Verdict.NOT_TESTABLE


def test_worse():
    best_first = [Verdict.REPRODUCED, Verdict.CLOSE, Verdict.DIFFERS, Verdict.NOT_TESTABLE]
    for i, old in enumerate(best_first):
        assert [worse(old, new) for new in best_first] == [j > i for j in range(4)]


def test_there_are_enough():
    loaded = claims.load()
    assert len(loaded) >= 60
    assert len({one.id for one in loaded}) == len(loaded)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", one.id) for one in loaded)


@pytest.mark.parametrize("one", claims.load(), ids=lambda one: one.id)
def test_claim_is_whole(one):
    assert one.place.startswith(("ISCA 2016 ", "Deep Compression (arXiv:1510.00149v5) ", "SECONDARY: lecture slide "))
    assert re.fullmatch(r"[A-Z0-9].*[^.]", one.statement)
    assert one.unit
    assert one.page in {path.stem for path in claims.resource("notebooks").glob("*.ipynb")}
    assert (one.tolerance is None) == (isinstance(one.published, bool) or not one.finding)
    assert one.tolerance is None or len(one.tolerance.reason) > 10
    assert (one.verdict is Verdict.REPRODUCED) == (one.reason == "")


def test_every_cell_of_eie_in_table_4_and_5_is_a_claim():
    found = [str(one["published"].get("where", {})) for one in read_toml(claims.FILE)["claims"]]
    assert sum("'theoretical'" in where for where in found) == 9
    assert sum("'actual'" in where for where in found) == 9
    assert sum("'EIE 64PE'" in where for where in found) == 7
    assert sum("'EIE 256PE'" in where for where in found) == 7


def test_every_finding_and_tolerance_is_used():
    content = read_toml(claims.FILE)
    used = {one["computed"]["finding"] for one in content["claims"] if "computed" in one}
    assert set(claims.names()) - used == {"half_a_percent"}
    given = [one["tolerance"] for one in content["claims"] if "tolerance" in one]
    assert {one if isinstance(one, str) else one["as"] for one in given} == set(content["tolerances"])


def test_tolerance_of_simulated_times_is_what_half_a_percent_does():
    stated = 100 * read_toml(claims.FILE)["tolerances"]["simulated"]["value"]
    assert findings.half_a_percent("actual") == pytest.approx(stated, abs=0.5)
    cells = [one for one in claims.load() if one.finding == "table4"]
    assert len(cells) == 18
    for one in cells:
        assert 100 * one.tolerance.value == pytest.approx(findings.half_a_percent(**one.arguments), abs=0.06)


def test_recorded_verdicts_are_the_current_ones(results):
    changed = [(one.claim.id, one.claim.verdict, one.verdict) for one in results]
    assert [each for each in changed if each[1] is not each[2]] == []


def test_some_by_hand(results):
    by_id = {one.claim.id: one for one in results}
    assert by_id["peak-rate"].computed == pytest.approx(64 * 2 * 0.8)
    assert by_id["dram-example"].computed == pytest.approx(1e9 * 20 * 640e-12)
    assert by_id["lnzd-units"].computed == 16 + 4 + 1
    assert by_id["winograd-saving"].computed == 36 / 16
    assert by_id["power-section-one"].verdict is Verdict.REPRODUCED
    assert by_id["pointer-bits"].verdict is Verdict.DIFFERS


def test_place_and_statement_come_from_the_data():
    (one,) = parsed(entry())
    assert (one.published, one.place, one.unit) == (64, "ISCA 2016 section VI", "PEs")
    assert one.statement == "PEs of the evaluated design"
    (same,) = parsed(entry(place="ISCA 2016 section VI"))
    assert same == one


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"page": "nowhere"}, "no page 'nowhere'; pages are .*scorecard"),
        ({"verdict": "maybe"}, "'maybe' is not a valid Verdict"),
        ({"place": "ISCA 2016 section I"}, "place .* is not that of the published row"),
        ({"published": {"text": "nothing"}}, "text has 0 rows"),
        ({"published": {"file": "table4", "where": {"platform": "EIE"}, "column": "time"}}, "table4 has 18 rows"),
        ({"published": {"file": "table4", "where": {"colour": 1}}}, "no column 'colour'; it has platform"),
        ({"published": {"file": "nothing", "where": {}}}, "no data file"),
        ({"published": {"value": 3}}, "no place"),
        ({"computed": {"finding": "guess"}}, "no finding 'guess'; findings are .*registers"),
        ({"computed": {"finding": "registers", "layer": "Alex-7"}}, "unexpected keyword"),
        ({"computed": None, "tolerance": None}, "a finding or is 'not testable here'"),
        ({"tolerance": None}, "a tolerance exactly when"),
        ({"tolerance": "guess"}, "no tolerance 'guess'; there are about"),
        ({"tolerance": {"as": "about", "value": 2}}, "none or two"),
        ({"verdict": "close"}, "needs a reason"),
        ({"colour": "red"}, "has colour; fields are"),
        ({"page": None}, "lacks page"),
    ],
)
def test_faults_are_named(changes, message):
    with pytest.raises(ClaimsError, match=rf"claims.toml: claim 'a': .*{message}"):
        parsed(entry(**changes))


def test_ids_stand_once():
    with pytest.raises(ClaimsError, match="id 'a' stands twice"):
        parsed(entry(), entry())


def test_report_as_table(monkeypatch, results):
    monkeypatch.setattr(claims, "evaluate_all", lambda: results)
    text, status = claims.report()
    assert status == 0
    assert "\x1b" not in text
    assert text.splitlines()[0].split() == ["claim", "published", "computed", "unit", "verdict"]
    assert text.splitlines()[-1].startswith(f"{len(results)} claims: ")
    assert "WORSE" not in text


def test_report_as_json(monkeypatch, results):
    monkeypatch.setattr(claims, "evaluate_all", lambda: results)
    text, status = claims.report(as_json=True)
    found = json.loads(text)
    assert status == 0
    assert sum(found["totals"].values()) == len(found["claims"]) == len(results)
    assert {"id", "published", "computed", "verdict", "recorded", "tolerance"} <= set(found["claims"][0])


@pytest.mark.parametrize(
    ("recorded", "status", "said"),
    [("reproduced", 1, "WORSE: a-claim is differs"), ("differs", 0, ""), ("not testable here", 0, "better: a-claim")],
)
def test_exit_status_tells_when_a_verdict_got_worse(monkeypatch, recorded, status, said):
    one = claim(tolerance=Tolerance(0.5, "absolute", "r"), verdict=Verdict(recorded), finding="registers")
    monkeypatch.setattr(claims, "load", lambda: (one,))
    text, found = claims.report()
    assert found == status
    assert said in text
    assert found == claims.report(as_json=True)[1]


def test_scorecard_has_every_claim_and_leads_to_its_page(results):
    html = scorecard.table(results)
    for one in results:
        assert f'id="claim-{one.claim.id}"' in html
        assert f'href="{one.claim.page}.html"' in html
    assert html.count("<tr id=") == len(results)
    assert "http" not in html
    assert 'id="scorecard"' not in html  # the page's own heading has that one


def test_scorecard_tells_verdicts_by_words(results):
    assert str(claims.totals(results)["reproduced"]) in scorecard.words(results)
    for verdict in Verdict:
        assert verdict.value in scorecard.bar(results)
        assert f"{scorecard.SIGNS[verdict]} {verdict.value}" in scorecard.table(results)


def test_scorecard_says_the_result_in_one_sentence(results):
    said = scorecard.headline(results)
    by_id = {one.claim.id: one for one in results}
    assert f"{by_id['speedup-over-cpu'].computed:.3g} times as fast" in said
    assert f"{by_id['energy-over-cpu'].claim.published:,.0f}" in said


def test_scorecard_carries_every_claim(results):
    carried = scorecard.shown(results, results[:1])._repr_mimebundle_()
    (data,) = carried.values()
    assert data["claims"].count("\n") >= len(results) + 1


def test_scorecard_of_some(results):
    few = scorecard.chosen(results, ["differs"])
    assert {one.verdict for one in few} == {Verdict.DIFFERS}
    with pytest.raises(ValueError, match="no verdict 'wrong'; verdicts are reproduced, close"):
        scorecard.chosen(results, ["wrong"])


def test_scorecard_escapes():
    odd = replace(claim(), statement="a < b & c", reason='"quoted"', unit="<x>")
    html = scorecard.table([claims.Result(odd, None)])
    assert "a &lt; b &amp; c" in html
    assert "<x>" not in html
