import json
from pathlib import Path

import pytest

from eie.studies import pages
from eie.studies.retrospective import points


def test_points_are_whole():
    found = points.load()
    assert len({point.id for point in found}) == len(found)
    assert {point.kind for point in found} == set(points.HEADINGS)
    assert all(point.statement and not point.statement.endswith(".") for point in found)


def test_pages_exist():
    measured = {point.page for point in points.load()} - {""}
    assert len(measured) >= 5
    assert measured <= set(pages.names())


def test_links_have_the_titles_of_their_pages():
    notebooks = Path(__file__).resolve().parents[3] / "notebooks"
    for point in points.load():
        if point.page:
            cells = json.loads((notebooks / f"{point.page}.ipynb").read_text(encoding="utf-8"))["cells"]
            assert "".join(cells[0]["source"]) == f"# {point.title}"
        else:
            assert point.title == ""


def test_words_and_list():
    assert points.answer().startswith(f"**{sum(bool(point.page) for point in points.load())} of ")
    listed = points.listed()
    for point in points.load():
        assert point.page == "" or f'<a href="{point.page}.html">' in listed
    assert "arXiv:2306.09552" in points.abstract()


def test_some_kinds():
    assert points.listed(["con"]).count("What was not") == 5
    with pytest.raises(ValueError, match="kinds must be of pro, con, principle, opportunity, outlook, got 'cons'"):
        points.listed("['cons']")


def test_what_is_not_measured_says_who_has_and_why():
    listed = points.unmeasured()
    for point in points.load():
        if point.kind == "opportunity":
            assert point.page == ""
            assert "arXiv:" in point.others
            assert f"*{point.statement}.* {point.others}. {point.why}." in listed
    assert listed.count("\n") == 3
