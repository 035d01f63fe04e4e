"""The table of the paper's choices names what the machine has, and its pages are there."""

import re
from pathlib import Path

import pytest

from eie.studies import choices

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


@pytest.fixture(scope="module")
def table():
    return choices.table()


def test_each_choice_has_a_reason_and_a_page(table):
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    assert [row[0] for row in rows] == [
        "64 PEs",
        "queues of depth 8",
        "codes of 4 bits",
        "indices of 4 bits",
        "reads of 64 bits",
        "16-bit fixed point",
        "clock of 800 MHz",
    ]
    assert all(reason.endswith((".", ".)")) and pages for _, reason, pages in rows)


def test_pages_are_there(table):
    assert all((NOTEBOOKS / page).exists() for page in re.findall(r"\(([^)]*\.ipynb)\)", table))


def test_the_second_doubling_of_queues_gains_less(table):
    first, second = (float(points) for points in re.findall(r"([\d.]+) points", table)[:2])
    assert 0 < second < first
