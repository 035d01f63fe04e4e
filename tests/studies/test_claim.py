import pytest

from eie.studies.claim import Tolerance, Verdict, judge, worse


@pytest.mark.parametrize(
    ("computed", "verdict"),
    [(10, "reproduced"), (10.5, "reproduced"), (9.5, "reproduced"), (10.6, "close"), (8.5, "close"), (8.4, "differs")],
)
def test_rule(claim, computed, verdict):
    assert judge(claim(tolerance=Tolerance(0.5, "absolute", "r")), computed) == verdict
    assert judge(claim(tolerance=Tolerance(0.05, "relative", "r")), computed) == verdict


def test_rule_without_rounding_of_binary_fractions(claim):
    assert judge(claim(0.3, Tolerance(0.1, "absolute", "r")), 0.1 + 0.1 + 0.2) is Verdict.REPRODUCED
    assert judge(claim(0.3, Tolerance(0, "absolute", "r")), 0.3000001) is Verdict.DIFFERS


def test_rule_for_messages_and_for_what_cannot_be_tested(claim):
    assert judge(claim(True), True) is Verdict.REPRODUCED
    assert judge(claim(True), False) is Verdict.DIFFERS
    assert judge(claim(), None) is Verdict.NOT_TESTABLE


def test_worse():
    best_first = [Verdict.REPRODUCED, Verdict.CLOSE, Verdict.DIFFERS, Verdict.NOT_TESTABLE]
    for i, old in enumerate(best_first):
        assert [worse(old, new) for new in best_first] == [j > i for j in range(4)]
