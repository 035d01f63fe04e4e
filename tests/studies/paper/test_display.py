import re

import pandas as pd

from eie.studies import paper
from eie.studies.paper import display, table4
from eie.writing.words import MINUS


def test_show_formats_and_names():
    html = paper.show(table4.needs(["Alex-8"]), "needs", "{:.1f}", {"printed": "{:.2f}"}).to_html()
    assert 'id="T_needs"' in html
    assert ">37.50<" in html


def test_nothing_to_show():
    assert "nothing to show" in paper.show(table4.needs([]), "needs", "{:.1f}").data


def test_zeros_have_no_sign():
    html = paper.show(pd.DataFrame({"a": [-0.04, -0.06]}), "zero", "{:+.1f}").to_html()
    assert ">+0.0<" in html
    assert f">{MINUS}0.1<" in html


def test_columns_of_prose_have_room():
    html = paper.show(pd.DataFrame({"a": [1.0], "why": ["word " * 20]}), "why", "{:.1f}", {"why": "{}"}).to_html()
    assert re.search(r"#T_why td\.col1 \{\s+text-align: left;\s+min-width: 18rem;", html)
    assert "col0 {" not in html


def test_heads_choose_order_and_group_columns():
    frame = pd.DataFrame({"mine, us": [1.5], "left": [9.0], "theirs": [1200.0]}, index=["a"])
    html = paper.show(frame, "heads", heads={"theirs": ("time, us", "published"), "mine, us": ("time, us", "computed")})
    text = html.to_html()
    assert 'colspan="2">time, µs</th>' in text
    assert text.index("published") < text.index("computed")
    assert "left" not in text
    assert text.index("1,200") < text.index("1.50")


def test_rows_that_are_numbered_only_have_no_names():
    assert "row_heading" not in paper.show(pd.DataFrame({"a": [1.0]}), "plain").to_html()
    assert "row_heading" in paper.show(pd.DataFrame({"a": [1.0]}, index=["x"]), "named").to_html()


def test_three_digits_are_shown_of_numbers_of_any_size():
    html = display.show(pd.DataFrame({"a": [24207.4, 9.3912, 1.0]}), "t", display.THREE).to_html()
    assert [f">{text}<" in html for text in ("24,200", "9.39", "1")] == [True] * 3
