import re

import pandas as pd

from eie.studies import paper
from eie.studies.paper import table4


def test_show_formats_and_names():
    html = paper.show(table4.needs(["Alex-8"]), "needs", "{:.1f}", {"printed": "{:.2f}"}).to_html()
    assert 'id="T_needs"' in html
    assert ">37.50<" in html


def test_nothing_to_show():
    assert "nothing to show" in paper.show(table4.needs([]), "needs", "{:.1f}").data


def test_zeros_have_no_sign():
    html = paper.show(pd.DataFrame({"a": [-0.04, -0.06]}), "zero", "{:+.1f}").to_html()
    assert ">+0.0<" in html
    assert ">-0.1<" in html


def test_columns_of_prose_have_room():
    html = paper.show(pd.DataFrame({"a": [1.0], "why": ["word " * 20]}), "why", "{:.1f}", {"why": "{}"}).to_html()
    assert re.search(r"#T_why td\.col1 \{\s+text-align: left;\s+min-width: 18rem;", html)
    assert "col0 {" not in html
