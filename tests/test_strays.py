"""No number of the paper is typed into code or prose: it comes from `data/`, so that a change shows everywhere."""

import csv
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NUMBER = re.compile(r"(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)?(?:e\d+)?(?![\w.]|-\d)")

STRUCTURE = {
    "128", "256", "512", "1024", "2048", "4096",  # powers of two: sizes that a reader may try
    "100", "1000", "1000000",  # percent and other units
    "2014", "2015", "2016",  # years
}  # fmt: skip
"""Numbers that the paper has too, but that mean nothing of it."""


def printed():
    """Every number of `data/published/` with three digits or more that could not stand for something else."""
    found = set()
    for path in (ROOT / "data" / "published").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(line for line in file if not line.startswith("#")):
                found.update(value for key, value in row.items() if key not in ("place", "statement"))
    numbers = {value for value in found if value and re.fullmatch(r"[\d.]+(e\d+)?", value)}
    return {value for value in numbers if len(re.sub(r"\D", "", value.lstrip("0."))) >= 3} - STRUCTURE


def sources():
    for path in sorted((ROOT / "eie").rglob("*.py")):
        yield path, path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "book").glob("*.md")):
        yield path, path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "book" / "explorer").glob("*.mjs")):
        yield path, path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        yield path, "\n".join("".join(cell["source"]) for cell in cells)


def without_citations(text):
    """Text without what may hold numbers by right: arXiv and DOI numbers, links."""
    return re.sub(r"(arXiv:|doi:|https?://)\S+|\d{4}\.\d{5}", "", text)


@pytest.mark.parametrize(("path", "text"), list(sources()), ids=lambda value: getattr(value, "name", ""))
def test_no_printed_number_is_typed_in(path, text):
    tokens = {token.replace(",", "") for token in NUMBER.findall(without_citations(text))}
    assert sorted(tokens & printed()) == ALLOWED.get(path.name, [])


def test_the_search_finds_a_stray():
    assert {"24207", "30.3", "1361.4"} <= printed()
    assert NUMBER.findall("as 30.3 us, or 24,207 times") == ["30.3", "24,207"]


ALLOWED = {
    "lenets.py": ["500", "800"],  # widths of LeNet-5's layers
    "machine.py": ["800"],  # the default of the clock in MHz, a parameter of the machine, not a result
    "bars.py": ["1.15"],  # a distance in a plot
    "random.mjs": ["2000"],  # a year
    "draw.mjs": ["2000"],  # a year
}
