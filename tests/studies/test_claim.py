import pytest

from eie.studies import claims
from eie.studies.claim import Evidence, Margin, Result, Tolerance, Verdict, judge, worse
from eie.writing.words import MINUS


@pytest.mark.parametrize(
    ("computed", "verdict"),
    [(10, "reproduced"), (10.5, "reproduced"), (9.5, "reproduced"), (10.6, "close"), (9.0, "close"), (8.9, "differs")],
)
def test_rule(claim, computed, verdict):
    assert judge(claim(tolerance=Tolerance(0.5, "r")), computed) == verdict
    assert judge(claim(tolerance=Tolerance(0.3, "r", 0.4)), computed) == verdict


def test_rule_without_rounding_of_binary_fractions(claim):
    assert judge(claim(0.3, Tolerance(0.1, "r")), 0.1 + 0.1 + 0.2) is Verdict.REPRODUCED
    assert judge(claim(0.3, Tolerance(0, "r")), 0.3000001) is Verdict.DIFFERS


def test_rule_for_messages_and_for_what_cannot_be_tested(claim):
    assert judge(claim(True), True) is Verdict.REPRODUCED
    assert judge(claim(True), False) is Verdict.DIFFERS
    assert judge(claim(), None) is Verdict.NOT_TESTABLE


@pytest.mark.parametrize(
    ("margin", "verdict"), [(2.1, "reproduced"), (1.9, "undecided"), (-1.9, "undecided"), (-2.1, "differs")]
)
def test_a_message_is_undecided_within_its_error_bar(claim, margin, verdict):
    assert judge(claim(True), Margin(margin, 2.0)) == verdict
    assert judge(claim(True, spread=2.0), Margin(margin)) == verdict
    assert Result(claim(True, spread=1.2), Margin(margin, 1.6)).error == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("margin", "error", "text"),
    [
        (61.98, 0.32, "+62.0 ± 0.3"),  # one digit of the error tells its size
        (22.4, 8.8, "+22 ± 9"),
        (3.53, 0.24, "+3.5 ± 0.2"),
        (-0.2, 2.9, f"{MINUS}0.2 ± 2.9"),  # a margin below its error has two digits of that
        (0.1, 0.0056, "+0.100 ± 0.006"),
        (0.2704, 0.0, "+0.27"),
        (1917.0, 0.0, "+1,900"),
        (-11.0, 0.0, f"{MINUS}11"),
    ],
)
def test_margins_have_two_digits(claim, margin, error, text):
    assert claims.computed(Result(claim(True), Margin(margin, error))) == text


def test_a_reading_error_of_each_point_is_no_tolerance_of_their_mean():
    assert Tolerance(0.7, "r", 0.5, each=True).value == 0.5
    assert Tolerance(0.7, "r", each=True).value == 0.7


def test_a_tolerance_says_where_it_comes_from():
    assert Tolerance(0.5, "half a digit").source == "half a digit"
    assert Tolerance(0.5, "half a digit", 3).source == "half a digit: 0.5; rounded inputs and draws of layers: 3"
    assert Tolerance(0, "none", 3).source == "rounded inputs and draws of layers"
    assert Tolerance(0, "none").source == "none"


def test_worse():
    best_first = list(Verdict)
    for i, old in enumerate(best_first):
        assert [worse(old, new) for new in best_first] == [j > i for j in range(len(best_first))]


def test_only_what_was_simulated_or_measured_is_a_test():
    assert [one for one in Evidence if one.is_test] == [Evidence.SIMULATED, Evidence.MEASURED]


def test_a_tolerance_of_several_parts_names_each():
    full = Tolerance(300, "half a digit", 0.0, 400, "which memory")
    assert full.value == 500
    assert full.source == "half a digit: 300; which memory: 400"


@pytest.mark.parametrize(("printed", "decimals"), [(0.05, 1), (0.0005, 3), (0.5, 0), (50, 0), (0.7, 0), (0, 0)])
def test_decimals_of_the_published_number_follow_from_half_of_its_last_digit(printed, decimals):
    assert Tolerance(printed, "r").decimals == decimals


def test_a_margin_is_shown_as_one_with_its_sign(claim):
    for margin, said in (
        (Margin(0.2704), "margin +0.27"),
        (Margin(-1234.5), f"margin {MINUS}1,200"),
        (Margin(2, 1), "margin +2.0"),
        (Margin(2, 1, unit="points"), "margin +2.0 ± 1.0 points"),
    ):
        assert claims.shown(Result(claim(True), margin)).startswith(said)


def test_a_published_number_keeps_its_printed_zero(claim):
    assert claims.printed(claim(8.0, Tolerance(0.05, "r"))) == "8.0"
    assert claims.printed(claim(1200.0, Tolerance(0.5, "r"))) == "1,200"
    assert claims.printed(claim(65.14, Tolerance(0.5, "r"))) == "65.14"
    assert claims.printed(claim(True)) == "yes"
