import json
from dataclasses import replace

import pytest

from eie import published
from eie._files import read_toml
from eie.studies import claims, claims_file
from eie.studies.claim import Margin, Result, Tolerance, Verdict
from eie.studies.rounding import SERIES, forget

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
    assert text.splitlines()[0].split() == ["claim", "evidence", "published", "computed", "unit", "verdict"]
    assert text.splitlines()[-1] == f"{len(results)} claims"
    assert "WORSE" not in text


def test_report_as_json(monkeypatch, results):
    monkeypatch.setattr(claims, "evaluate_all", lambda: results)
    text, status = claims.report(as_json=True)
    found = json.loads(text)
    assert status == 0
    assert sum(sum(of.values()) for of in found["totals"].values()) == len(found["claims"]) == len(results)
    names = {"id", "evidence", "published", "computed", "error", "verdict", "recorded", "tolerance", "is_margin"}
    assert names <= set(found["claims"][0])
    for one in found["claims"]:
        assert one["tolerance"] is None or set(one["tolerance"]) == {"value", "source"}
        if one["evidence"] in ("simulated", "measured") and one["computed"] is not None:
            assert one["error"] is not None


@pytest.mark.parametrize(
    ("recorded", "status", "said"),
    [("reproduced", 1, "WORSE: a-claim is differs"), ("differs", 0, ""), ("not testable", 0, "better: a-claim")],
)
def test_exit_status_tells_when_a_verdict_got_worse(claim, monkeypatch, recorded, status, said):
    one = claim(tolerance=Tolerance(0.5, "r"), verdict=Verdict(recorded), finding="paper.chip_claims.registers")
    monkeypatch.setattr(claims_file, "load", lambda: (one,))
    text, found = claims.report()
    assert found == status
    assert said in text
    assert found == claims.report(as_json=True)[1]


def test_simulated_and_measured_claims_have_error_bars(results):
    tests = [one for one in results if one.claim.evidence.is_test and one.claim.finding]
    assert len(tests) > 50
    assert [one.claim.id for one in tests if one.error is None] == []
    assert [one.claim.id for one in tests if not one.error] == []


def test_spread_is_that_of_every_number_relative_to_it(results):
    spread = claims.relative_spread(results)
    for one in results:
        if one.claim.id in ("speedup-over-cpu", "time-actual-alex-7"):
            assert spread[one.claim.id] == pytest.approx(100 * one.claim.spread / one.value)
    assert len(spread) > 50


def test_halves_are_written_alike_whatever_the_last_bit():
    assert {claims.number(value) for value in (586.5949999999999, 586.595, 586.5950000000001)} == {"586.6"}


def entry_of(claim):
    return next(one for one in read_toml(claims_file.FILE)["claims"] if one["id"] == claim.id)


def edited(claims_to_edit, by_id):
    """The published tables, with the number of each of these claims ten tolerances larger; these by claim."""
    tables = {}
    for claim in claims_to_edit:
        place, by = entry_of(claim)["published"], 10 * by_id[claim.id]
        if claim.finding == SERIES:
            name = claim.arguments["figure"]
            table = tables.setdefault(name, published.load(name))
            column = table.columns[-4]  # before unit, reading error and place
            table[column] += by / 100 * table[column] if claim.unit == "%" else by
        elif "value" not in place:
            name = "text" if "text" in place else place["file"]
            table = tables.setdefault(name, published.load(name))
            where = {"id": place["text"]} if "text" in place else place["where"]
            rows = (table[list(where)] == list(where.values())).all(axis=1)
            column = place.get("column", "value")
            table[column] = table[column].astype(float)
            table.loc[rows, column] += by
    return tables


def with_edits(edits, claims_to_compute):
    forget()
    try:
        with published.replaced(edits):
            return {claim.id: claim.compute() for claim in claims_to_compute}
    finally:
        forget()


def test_no_test_of_the_paper_comes_true_by_editing_its_number(results):
    tests = [one for one in results if one.claim.evidence.is_test and one.claim.tolerance]
    # Tables I and II are inputs of others: the energy model takes the power of a PE's modules from the latter.
    inputs = [one for one in tests if one.claim.id == "tablei-sram-energy" or one.claim.page == "hardware"]
    for group in (inputs, [one for one in tests if one not in inputs]):
        claims_edited = [one.claim for one in group]
        tolerances = {one.claim.id: one.tolerance.value for one in group}
        computed = with_edits(edited(claims_edited, tolerances), claims_edited)
        for one in group:
            moved = one.claim.published + 10 * one.tolerance.value
            if one.claim.finding != SERIES:
                assert computed[one.claim.id] == one.computed, one.claim.id
                now = Result(replace(one.claim, published=moved), computed[one.claim.id])
            else:  # what is computed is the distance to the figure's points
                now = Result(one.claim, computed[one.claim.id])
            down = Result(replace(one.claim, published=one.claim.published - 10 * one.tolerance.value), one.computed)
            if one.verdict in (Verdict.REPRODUCED, Verdict.CLOSE):
                assert (now.verdict, down.verdict) == (Verdict.DIFFERS, Verdict.DIFFERS), one.claim.id


def test_a_message_in_words_turns_when_it_is_denied(results):
    for one in results:
        if isinstance(one.computed, Margin) and one.verdict is not Verdict.UNDECIDED:
            assert Result(replace(one.claim, published=False), one.computed).verdict is not one.verdict
