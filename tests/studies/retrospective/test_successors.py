import re

import pytest

from eie.studies import pages
from eie.studies.retrospective import edits, frames, successors


@pytest.fixture(scope="module")
def result():
    return successors.afterwards()


def test_every_direction_has_a_page_and_a_number(result):
    assert {d.page for d in result.directions} <= set(pages.names())
    for direction in result.directions:
        assert re.search(r"\d", direction.measured)
        assert direction.factor > 0


def test_numbers_are_those_of_the_tables(result):
    by_name = {d.name: d for d in result.directions}
    assert by_name["edits of pictures"].factor == 100 / edits.edits().work().loc[32, "work"]
    assert by_name["video"].factor == 100 / frames.frames().table().loc[("object", 0.0), "products, %"]


def test_words_count_what_stays_the_same(result):
    exact = result.table()["outputs stay the same"].sum()
    assert result.words().startswith(f"Of {len(result.directions)} directions that followed, {exact} save work ")
    assert result.listed().count("\n| ") == len(result.directions) + 1
    assert len(result.plot().axes) == 1
