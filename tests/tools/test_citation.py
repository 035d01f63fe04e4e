from pathlib import Path

import yaml

FILE = Path(__file__).resolve().parents[2] / "CITATION.cff"


def test_bibtex_has_what_the_citation_file_has(tool):
    text, citation = tool("citation").markdown(FILE), yaml.safe_load(FILE.read_text(encoding="utf-8"))
    assert f"version = {{{citation['version']}}}" in text
    assert citation["repository-code"] in text
    assert citation["references"][0]["doi"] in text
    assert citation["license"] in text
    assert "author = {Han, Song and Liu, Xingyu" in text
    assert "author = {{The EIE reproduction authors}}" in text


def test_every_brace_is_closed(tool):
    text = tool("citation").markdown(FILE)
    assert text.count("{") == text.count("}")
