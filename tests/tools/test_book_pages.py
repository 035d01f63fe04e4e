import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLAIMS = (
    "id,page,verdict,evidence,statement,published,computed,unit,reason\n"
    'a,fig,reproduced,simulated,A,1,1,x,\nb,fig,differs,measured,B,1,2,x,"As I say, so."\n'
    "c,other,close,simulated,C,1,1.1,yes or no,Why.\n"
    "d,fig,not testable,measured,D,1,-,us,No CPU.\n"
)


@pytest.fixture
def book_pages(tool):
    return tool("book_pages")


@pytest.fixture
def furnished(book_pages, tmp_path):
    """A function that furnishes a page of these cells; gives its cells by id."""

    def furnish(*cells, page="fig", claims=None, sources=tmp_path):
        site = book_pages.Site("https://github.com/owner/name", claims or {}, sources)
        found = book_pages.furnish({"cells": list(cells)}, page, site, tmp_path)["cells"]
        return {cell["id"]: "".join(cell["source"]) for cell in found}

    return furnish


def markdown(name, text):
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": [text]}


def code(name, source="", figure=None, **data):
    output = {"output_type": "display_data", "data": data, "metadata": {}}
    metadata = {"mystnb": {"figure": {"name": figure}}} if figure else {}
    return {"cell_type": "code", "id": name, "metadata": metadata, "source": [source], "outputs": [output]}


def data(book_pages, **tables):
    return {book_pages.DATA_MIME: tables}


def test_figure_has_its_picture_and_its_numbers_beside_it(book_pages, furnished, tmp_path):
    cell = code("plot", figure="fig-a", **{"image/svg+xml": ["<svg>", "</svg>"]}, **data(book_pages, points="x\n1\n"))
    links = furnished(cell)["plot-files"]
    assert (tmp_path / "files" / "fig" / "fig-a.svg").read_text() == "<svg></svg>"
    assert (tmp_path / "files" / "fig" / "fig-a.csv").read_text() == "x\n1\n"
    assert "{download}`picture (SVG) <files/fig/fig-a.svg>`" in links
    assert "{download}`data (CSV) <files/fig/fig-a.csv>`" in links
    assert list(cell["outputs"][0]["data"]) == ["image/svg+xml"]


def test_each_table_behind_a_figure_has_a_file(book_pages, furnished, tmp_path):
    links = furnished(code("plot", **data(book_pages, points="x\n", left="y\n")))["plot-files"]
    assert "data: points (CSV) <files/fig/plot.csv>" in links
    assert "data: left (CSV) <files/fig/plot-left.csv>" in links
    assert (tmp_path / "files" / "fig" / "plot-left.csv").read_text() == "y\n"


def test_what_has_no_files_has_no_links(furnished):
    assert list(furnished(code("words", **{"text/markdown": "hello"}))) == ["words"]


RUN = markdown("run-again", "**Run this page again**, with other parameters:\n")
SETUP = [code("install", "%pip install eie"), code("parameters", "seed = 0"), code("compute", "x = seed")]


def test_reader_meets_the_answer_before_the_setup(furnished):
    cells = furnished(markdown("title", "# A"), *SETUP, code("answer"), code("plot"), markdown("paper", "P"), RUN)
    assert list(cells) == ["title", "to-the-end", "answer", "plot", "paper", "run-again"]
    assert "(#run-fig)" in cells["to-the-end"]


def test_end_of_a_page_is_folded_but_for_its_heading(furnished):
    end = furnished(*SETUP, RUN)["run-again"]
    assert end.startswith("(run-fig)=\n## Run this page again\n\n::::{dropdown} ")
    assert "Run this page again, with other parameters:" in end
    assert "```python\nseed = 0\n\nx = seed\n```" in end
    assert "%pip" not in end
    for link in (
        "https://colab.research.google.com/github/owner/name/blob/main/notebooks/fig.ipynb",
        "https://mybinder.org/v2/gh/owner/name/main?labpath=notebooks%2Ffig.ipynb",
        "<files/fig/fig.ipynb>",
    ):
        assert link in end


def test_notebook_that_readers_fetch_has_its_own_order(furnished, tmp_path):
    furnished(markdown("title", "# A"), *SETUP, code("answer"), RUN)
    cells = json.loads((tmp_path / "files" / "fig" / "fig.ipynb").read_text())["cells"]
    assert [cell["id"] for cell in cells] == ["title", "install", "parameters", "compute", "answer", "run-again"]


def test_claims_come_by_page_with_the_reason_of_what_differs(book_pages, furnished):
    claims = book_pages.claims_by_page({"cells": [code("table", **data(book_pages, claims=CLAIMS))]})
    text = furnished(markdown("why-they-differ", "## Why they differ"), claims=claims)["page-claims"]
    assert "finds 1 of the 3 claims of this page reproduced." in text
    differs = 'differs* (measured): <a href="scorecard.html#claim-b">B</a>; published 1, computed 2 (×). As I say, so.'
    assert differs in text
    assert text.index("claim-b") < text.index("claim-d") < text.index("{dropdown} What is reproduced (1)")
    assert "published 1 (µs). No CPU." in text
    assert "claim-c" not in text


def test_claims_have_a_heading_and_stand_before_what_would_change(book_pages, furnished):
    claims = book_pages.claims_by_page({"cells": [code("table", **data(book_pages, claims=CLAIMS))]})
    cells = furnished(code("plot"), markdown("change", "C"), claims=claims)
    assert list(cells) == ["plot", "why-they-differ", "page-claims", "change"]
    assert cells["why-they-differ"] == "## Why they differ"
    same = {"fig": [claim for claim in claims["fig"] if claim["verdict"] == "reproduced"]}
    assert furnished(code("plot"), claims=same)["why-they-differ"] == "## The paper's claims"


@pytest.mark.parametrize(
    ("page", "verdicts", "heading"),
    [
        ("retro_density", ["reproduced"], "## The slide's claims"),
        ("retro_capacity", ["undecided"], "## Why it is undecided"),
        ("fig10", ["reproduced", "undecided"], "## What is undecided"),
        ("fig10", ["close", "undecided"], "## Why they differ"),
    ],
)
def test_heading_of_claims_says_what_follows(tool, page, verdicts, heading):
    assert tool("book_claims").heading([{"page": page, "verdict": verdict} for verdict in verdicts]) == heading


def test_code_behind_a_page_is_that_of_what_it_calls(tool):
    cell = code(
        "compute",
        "from eie.studies import paper\nfrom eie.studies.paper import table4\npaper.figure6(1)\npaper.ladder.ladder(1)",
    )
    install = code("install", "try:\n  import eie\nexcept ImportError:\n    %pip install eie")
    found = tool("book_code").code_of({"cells": [install, cell]}, ROOT)
    paths = ("versus_platforms", "ladder", "table4")
    assert found == [f"eie/studies/paper/{name}.py" for name in paths]


def test_code_behind_a_page_stands_last(furnished, tmp_path):
    (tmp_path / "eie").mkdir()
    (tmp_path / "eie" / "claims.py").write_text("x = 1\n")
    end = furnished(code("compute", "from eie import claims"), code("table", "x"), RUN)["run-again"]
    assert end.index("from eie import claims") < end.index("```{literalinclude} code/eie/claims.py")
    assert (tmp_path / "code" / "eie" / "claims.py").read_text() == "x = 1\n"


def test_cells_are_written_for_prose_to_include(book_pages, tmp_path):
    cells = [code("words", **{"text/markdown": ["a", "b"]}), code("plot", **{"image/svg+xml": "<svg/>"}), code("none")]
    book_pages.write_cells({"cells": cells}, tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"words.md": "ab", "plot.svg": "<svg/>"}


@pytest.mark.parametrize(
    "path",
    [
        path
        for kind in ("fig*", "table*", "sec*", "abstract*")
        for path in sorted((ROOT / "notebooks").glob(f"{kind}.ipynb"))
    ],
    ids=lambda path: path.stem,
)
def test_pages_of_the_paper_have_one_form(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    parts = ["\n## What the paper says\n", "\n## How we compute it\n"]
    assert [text.count(part) for part in parts] == [1, 1]


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        (["reproduced"], "finds that the one claim of this page is reproduced."),
        (["close"], "finds that the one claim of this page is close, but not reproduced."),
        (["undecided"], "finds that the one claim of this page is undecided."),
        (["reproduced", "reproduced"], "finds both claims of this page reproduced."),
        (["close", "differs"], "finds none of the 2 claims of this page reproduced."),
    ],
)
def test_claims_are_counted_in_words_that_fit_their_number(tool, verdicts, said):
    one = {"id": "a", "statement": "A", "published": "1", "computed": "2", "unit": "x", "reason": "", "evidence": "e"}
    assert said in tool("book_claims").text([{**one, "verdict": verdict} for verdict in verdicts])
