import json
import re
import shutil
import sys
from pathlib import Path

import nbformat
import pytest

from eie.studies import page_html, pages, paper
from eie.studies.pages import PageError

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


def assert_lists_all_pages(error):
    for name in pages.names():
        assert name in str(error)


def text_of(output):
    return "".join(output["data"].get("text/markdown", ""))


def test_names_are_those_of_the_notebooks():
    assert pages.names() == [path.stem for path in NOTEBOOKS]
    assert "fig08_fifo_depth" in pages.names()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_in_normal_form(path, tool):
    assert tool("notebooks").faults(path) == []


@pytest.mark.parametrize("name", ["fig08_fifo_depth", "fig08", "fig08_"])
def test_page_is_found_by_the_beginning_of_its_name(name):
    assert pages.find(name).name == "fig08_fifo_depth.ipynb"
    assert pages.find(name).is_file()


def test_whole_name_wins_over_a_longer_one(tmp_path, monkeypatch):
    for name in ("fig1", "fig11"):
        (tmp_path / f"{name}.ipynb").touch()
    monkeypatch.setattr(pages, "resource", lambda folder: tmp_path)
    assert pages.find("fig1") == tmp_path / "fig1.ipynb"


@pytest.mark.parametrize("name", ["fig8", "figure 8", "Figure 8", "Fig. 8", "FIG08", "08", "8"])
def test_page_is_found_by_what_the_paper_calls_it(name):
    assert pages.find(name).stem == "fig08_fifo_depth"
    assert pages.find("table 4").stem == "table4_wall_clock"
    assert pages.find("figure 3").stem == "fig02_fig03_format"
    assert pages.find("section 7").stem == "sec7_partitioning"


@pytest.mark.parametrize(
    ("name", "fitting"),
    [("fig1", "fig10_.*, fig11_.*, fig13_"), ("table", "table1_.*, table5_"), ("7", "fig07_.*, sec7_")],
)
def test_ambiguous_name_lists_the_pages_that_fit(name, fitting):
    with pytest.raises(PageError, match=rf"\d+ pages fit '{name}': {fitting}"):
        pages.find(name)


@pytest.mark.parametrize("name", ["", "fig99", "FIGURE", "fifo", "fig08_fifo_depth.ipynb", "../notebooks/fig08", "*"])
def test_unknown_name_lists_all_pages(name):
    with pytest.raises(PageError, match="no page begins") as caught:
        pages.find(name)
    assert repr(name) in str(caught.value)
    assert_lists_all_pages(caught.value)


def test_parameters_are_those_of_the_notebook():
    assert pages.parameters("fig02") == {"n_pe": 4, "index_bits": 4}


@pytest.mark.parametrize("name", [path.stem for path in NOTEBOOKS])
def test_every_page_has_parameters_and_a_seed_where_it_draws_layers(name):
    found = pages.parameters(name)
    assert found
    assert "seed" in found or "layers" not in found


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_pes": 2}, "there is no parameter 'n_pes'"),
        ({"": 2}, "there is no parameter ''"),
        ({"n_pe": "2"}, "n_pe must be of the kind of 4, got '2'"),
        ({"n_pe": 2.0}, "n_pe must be of the kind of 4, got 2.0"),
        ({"n_pe": None}, "n_pe must be of the kind of 4, got None"),
        ({"n_pe": 2, "index_bits": [4]}, r"index_bits must be of the kind of 4, got \[4\]"),
    ],
)
def test_wrong_parameter_lists_the_right_ones_and_runs_nothing(tmp_path, changes, message):
    with pytest.raises(PageError, match=message) as caught:
        pages.rerun("fig02", changes, tmp_path / "out.ipynb", progress=False)
    assert "this page has n_pe = 4, index_bits = 4" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fifo_depths": "8"}, r"fifo_depths must be of the kind of \[2, .*\], got '8'"),
        ({"own_layers": [2048, 1024, 0.1, 0.4]}, "own_layers must be of the kind of {}, got"),
    ],
)
def test_wrong_kind_where_there_must_be_a_list_or_a_mapping(tmp_path, changes, message):
    with pytest.raises(PageError, match=message):
        pages.rerun("fig08", changes, tmp_path / "out.ipynb", progress=False)


def test_whole_number_may_stand_for_a_real_one(tmp_path):
    with pytest.raises(FileNotFoundError):  # accepted: the next thing wrong is the folder
        pages.rerun("table4", {"clock_mhz": 400}, tmp_path / "nowhere" / "out.ipynb", progress=False)


def test_missing_folder_is_noticed_before_anything_runs(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        pages.rerun("fig02", {}, tmp_path / "nowhere" / "out.ipynb", progress=False)


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A page that was run with other parameters."""
    out = tmp_path_factory.mktemp("page") / "out.ipynb"
    pages.rerun("fig02", {"n_pe": 2}, out, progress=False)
    return out


@pytest.mark.long
def test_rerun_with_other_parameters(executed):
    out, expected = executed, paper.figures2_3(n_pe=2).words()
    assert expected != paper.figures2_3().words()
    code = [cell for cell in json.loads(out.read_text())["cells"] if cell["cell_type"] == "code"]
    outputs = [output for cell in code for output in cell["outputs"]]
    assert all(cell["execution_count"] for cell in code)
    assert not [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"]
    assert expected in [text_of(output) for output in outputs if "data" in output]
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.long
def test_error_in_a_notebook_comes_out_with_its_message_and_leaves_no_file(tmp_path):
    with pytest.raises(PageError) as caught:
        pages.rerun("fig02", {"index_bits": 99}, tmp_path / "out.ipynb", progress=False)
    assert str(caught.value) == ("fig02_fig03_format: ValueError: index_bits must be an integer in 1..8, got 99")
    assert list(tmp_path.iterdir()) == []


def test_tuples_are_lists_in_the_notebook():
    assert pages._plain({"a": (1, (2, 3)), "b": {"c": (4,)}}) == {"a": [1, [2, 3]], "b": {"c": [4]}}


def test_an_executed_page_is_a_notebook_or_html(tmp_path):
    with pytest.raises(pages.PageError, match=r"must be a \.ipynb or \.html file, got"):
        pages.rerun("fig02", {}, tmp_path / "out.txt")


@pytest.mark.parametrize(
    ("name", "output", "message"),
    [("papermill", "out.ipynb", "running pages needs papermill"), ("nbconvert", "out.html", "HTML needs nbconvert")],
)
def test_missing_package_is_named_before_anything_runs(tmp_path, monkeypatch, name, output, message):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(PageError, match=rf"{message}: pip install 'eie\[book\]'"):
        pages.rerun("fig02", {}, tmp_path / output)
    assert list(tmp_path.iterdir()) == []


def executed_notebook():
    """A notebook with each kind of cell that the book treats in its own way."""
    v4 = nbformat.v4
    said = v4.new_output("execute_result", {"text/html": "<b>shown</b>"}, execution_count=1)
    drawn = v4.new_output("display_data", {"image/svg+xml": "<svg/>", "text/plain": "Figure()"})
    figure = {
        "tags": ["remove-input"],
        "mystnb": {
            "figure": {"caption": "What the picture shows.", "name": "fig"},
            "image": {"alt": 'A "line" rises.'},
        },
    }
    cells = [
        v4.new_markdown_cell("# A page\n\nAs they say {cite:p}`han2016eie`; see [Table IV](table4_wall_clock.ipynb)."),
        v4.new_code_cell("%pip install eie", metadata={"tags": ["remove-cell"]}),
        v4.new_code_cell("visible = 1"),
        v4.new_code_cell("hidden_input()", metadata=figure, outputs=[said, drawn], execution_count=1),
        v4.new_markdown_cell("The paper is [here](https://arxiv.org/abs/1602.01528)."),
    ]
    return v4.new_notebook(cells=cells)


def test_html_shows_what_the_book_shows(tmp_path):
    nbformat.write(executed_notebook(), tmp_path / "page.ipynb")
    html = page_html.written(tmp_path / "page.ipynb")
    body = html.partition("<body")[2]
    assert "<title>page</title>" in html
    for text in ("As they say; see Table IV.", "<b>shown</b>", "<em>What the picture shows.</em>", "visible"):
        assert text in body
    assert re.search(r"""<img alt=['"]A .*?line.*? rises\.['"] src=['"]data:image/svg\+xml;base64,PHN2Zy8\+""", body)
    for text in ("%pip", "pip install", "hidden_input", "cite:p", "table4_wall_clock"):
        assert text not in body
    assert 'href="https://arxiv.org/abs/1602.01528"' in body


@pytest.mark.long
def test_rerun_as_html(tmp_path, monkeypatch, executed):
    out = tmp_path / "out.html"
    monkeypatch.setattr("papermill.execute_notebook", lambda _, to, **__: shutil.copy(executed, to))  # run once
    pages.rerun("fig02", {"n_pe": 2}, out, progress=False)
    assert "memory must differ with 2 PEs" in out.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [out]
