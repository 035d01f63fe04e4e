import pandas as pd
import pytest

from eie.writing import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (25088, "25,088"),
        (586.6, "587"),
        (32427.7, "32,428"),
        (12.34, "12.3"),
        (1.234, "1.23"),
        (0.0123, "0.012"),
        (7.0, "7"),
        (-7.25, f"{words.MINUS}7.25"),
    ],
)
def test_neat_numbers(value, text):
    assert words.neat(value) == text


def test_units_are_printed():
    assert words.printed("energy, uJ") == "energy, µJ"
    assert words.printed("area, mm2, 4 x 4") == "area, mm², 4 × 4"
    assert words.printed("used") == "used"
    assert [words.unit(name) for name in ("x", "yes or no", "us", "points")] == ["×", "", "µs", "points"]


def test_lists_in_words():
    assert [words.joined(range(count)) for count in range(4)] == ["", "0", "0 and 1", "0, 1 and 2"]
    assert words.joined(["time", "energy", "area"], " or ") == "time, energy or area"
    assert words.joined(pd.Index(["one"])) == "one"


def test_ranges():
    assert words.from_to(10.2, 29.8, ".0f") == "10 to 30"
    assert words.from_to(10.2, 9.8, ".0f") == "10"
    assert words.from_to(3, 3) == "3"


def test_percents_apart():
    assert words.percent_apart(11.6) == "12 % more"
    assert words.percent_apart(-0.25, 2, ("slower", "faster")) == "0.25 % faster"


def test_negative_numbers_have_a_minus_sign():
    assert words.signed(-1.25) == f"{words.MINUS}1.2"
    assert words.signed(1.25) == "+1.2"
    assert words.significant(-1234.5) == f"{words.MINUS}1,230"


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (204.4, 8.81, "204.4 ± 8.8"),
        (-0.0163, 0.063, f"{words.MINUS}0.016 ± 0.063"),
        (64189.0, 1234.0, "64,200 ± 1,200"),
        (7, 0, "7"),
    ],
)
def test_error_bars_have_two_digits(value, error, text):
    assert words.with_error(value, error) == text
