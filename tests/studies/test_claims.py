import json

import pytest

from eie.studies import claims, claims_file
from eie.studies.claim import Tolerance, Verdict

pytestmark = pytest.mark.slow


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
def test_exit_status_tells_when_a_verdict_got_worse(claim, monkeypatch, recorded, status, said):
    one = claim(
        tolerance=Tolerance(0.5, "absolute", "r"), verdict=Verdict(recorded), finding="paper.chip_claims.registers"
    )
    monkeypatch.setattr(claims_file, "load", lambda: (one,))
    text, found = claims.report()
    assert found == status
    assert said in text
    assert found == claims.report(as_json=True)[1]
