from itertools import product

import pytest

from eie.formats import FormatError
from eie.hardware.silicon import functions


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("A & B", lambda a, b, c: a & b),
        ("A B", lambda a, b, c: a & b),
        ("A * !B", lambda a, b, c: a & (1 - b)),
        ("!(A | B) ^ C", lambda a, b, c: (1 - (a | b)) ^ c),
        ("A + B & C", lambda a, b, c: a | (b & c)),
        ("A ^ B & C", lambda a, b, c: a ^ (b & c)),
        ("(A B)' C'", lambda a, b, c: (1 - (a & b)) & (1 - c)),
        ("!A'", lambda a, b, c: a),
        ("1", lambda a, b, c: 1),
        ("A !B", lambda a, b, c: a & (1 - b)),
    ],
)
def test_a_truth_table_is_what_the_function_says(function, expected):
    table = functions.table(function, "ABC")
    for c, b, a in product((0, 1), repeat=3):
        assert table >> (a + 2 * b + 4 * c) & 1 == expected(a, b, c), (a, b, c)


def test_whether_a_state_is_possible():
    assert functions.possible("", {"A": 1})
    assert functions.possible("A & !B", {"A": 1})
    assert not functions.possible("A & !B", {"B": 1})


@pytest.mark.parametrize("function", ["A &", "(A", "A)", "A ? B", "& A", "D"])
def test_what_is_no_function_is_refused(function):
    with pytest.raises(FormatError, match="function"):
        functions.table(function, "ABC")


def test_a_table_has_at_most_six_inputs():
    with pytest.raises(FormatError, match="at most 6 inputs"):
        functions.table("A", "ABCDEFG")
