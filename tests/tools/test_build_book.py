import json
from copy import deepcopy

import pytest

STDERR = {"output_type": "stream", "name": "stderr", "text": ["Warning:\n", "  slow\n"]}
STDOUT = {"output_type": "stream", "name": "stdout", "text": ["7926\n"]}
ERROR = {"output_type": "error", "ename": "ValueError", "evalue": "n_pe must be ..", "traceback": ["a", "b"]}


@pytest.fixture
def build_book(tool):
    return tool("build_book")


def code(name="compute", **more):
    fresh = {"cell_type": "code", "id": name, "metadata": {}, "source": ["1 + 1"], "outputs": [], "execution_count": 1}
    return fresh | more


def page(*cells):
    title = {"cell_type": "markdown", "id": "title", "metadata": {}, "source": ["# A page"]}
    return {"cells": [title, *cells], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture
def printed(build_book, tmp_path):
    """A function that gives the text of an executed notebook that is fit to print."""

    def read(notebook):
        path = tmp_path / "page.ipynb"
        path.write_text(notebook if isinstance(notebook, str) else json.dumps(notebook), encoding="utf-8")
        return build_book.read_notebook(path)

    return read


def test_executed_notebook_is_printed_as_it_is(printed):
    notebook = page(code(outputs=[STDOUT]), code("empty", source=[], execution_count=None))
    assert json.loads(printed(notebook)) == notebook


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (code(outputs=[STDOUT, STDERR]), "cell compute wrote to stderr: Warning: slow"),
        (code(outputs=[ERROR]), "cell compute raised ValueError: n_pe must be .."),
        (code(execution_count=None), "cell compute was not executed"),
        (
            code(metadata={"mystnb": {"figure": {"caption": "A plot."}}}),
            "cell compute has the caption of a figure, and shows nothing",
        ),
    ],
)
def test_what_no_reader_should_meet_is_refused(build_book, printed, tmp_path, cell, message):
    with pytest.raises(build_book.BookError) as caught:
        printed(page(cell))
    assert str(caught.value) == f"{tmp_path / 'page.ipynb'}: {message}"


def test_every_fault_has_a_line(build_book, printed):
    with pytest.raises(build_book.BookError) as caught:
        printed(page(code("one", outputs=[STDERR]), code("two", outputs=[ERROR], execution_count=None)))
    assert [line.split("cell ")[1].split()[0] for line in str(caught.value).splitlines()] == ["one", "two", "two"]


@pytest.mark.parametrize("text", ["", "{", '{"cells": []}', json.dumps(page(code(cell_type="sketch")))])
def test_no_notebook(build_book, printed, text):
    with pytest.raises(build_book.BookError, match=r"page\.ipynb: no executed notebook: "):
        printed(text)


def test_missing_notebook(build_book, tmp_path):
    with pytest.raises(build_book.BookError, match=r"gone\.ipynb: no executed notebook"):
        build_book.read_notebook(tmp_path / "gone.ipynb")


def test_two_runs_print_the_same(printed):
    def ran(time, random_id, address):
        run = {"start_time": time, "duration": 1.5}
        shown = {"text/plain": [f"<pandas.io.formats.style.Styler at {address}>"]}
        output = {"output_type": "execute_result", "data": shown, "metadata": {}, "execution_count": 1}
        notebook = page(
            code(random_id, metadata={"tags": ["injected-parameters"], "papermill": run}),
            code(metadata={"execution": {"iopub.status.busy": time}}, outputs=[output]),
        )
        return notebook | {"metadata": {"papermill": run | {"output_path": time}}}

    text = printed(ran("08:00", "8c59f1a2", "0x7fbb883fc8d0"))
    assert text == printed(ran("09:30", "b1e0d7c3", "0x7f00a83fc8d0"))
    assert "<pandas.io.formats.style.Styler>" in text
    assert "injected-parameters" in [cell["id"] for cell in json.loads(text)["cells"]]


def test_addresses_elsewhere_stay(printed):
    memory = deepcopy(STDOUT) | {"text": ["row at 0x7fbb and <b> at 0x12>\n"]}
    assert json.loads(printed(page(code(outputs=[memory]))))["cells"][1]["outputs"] == [memory]


@pytest.mark.parametrize("url", ["https://host/eie", "https://host/eie/", "https://host/eie.git"])
def test_repository_url(build_book, tmp_path, url):
    (tmp_path / "pyproject.toml").write_text(f'[project.urls]\nRepository = "{url}"\n')
    assert build_book.repository_url(tmp_path / "pyproject.toml") == "https://host/eie"


@pytest.mark.parametrize("text", [None, "", "[project]", '[project.urls]\nHome = "x"', "[project.urls", "[tool]"])
def test_no_repository_url(build_book, tmp_path, text):
    path = tmp_path / "pyproject.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(build_book.BookError, match="Repository to link to") as caught:
        build_book.repository_url(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_notebooks_of_the_table_of_contents(build_book, tmp_path):
    toc = tmp_path / "_toc.yml"
    chapters = "".join(f"  - file: {name}\n" for name in ("notebooks/b", "timing", "notebooks/a.ipynb"))
    toc.write_text(f"format: jb-book\nroot: index\nchapters:\n{chapters}")
    assert build_book.toc_notebooks(toc) == ["b.ipynb", "a.ipynb"]


@pytest.mark.parametrize("text", [None, "format: jb-book\n", "root: index\nchapters: 3\n"])
def test_broken_table_of_contents(build_book, tmp_path, text):
    if text is not None:
        (tmp_path / "_toc.yml").write_text(text)
    with pytest.raises(build_book.BookError, match=r"_toc\.yml: "):
        build_book.toc_notebooks(tmp_path / "_toc.yml")


def test_every_notebook_is_a_page_of_the_book(build_book):
    listed = build_book.toc_notebooks(build_book.ROOT / "book" / "_toc.yml")
    assert sorted(listed) == sorted(path.name for path in (build_book.ROOT / "notebooks").glob("*.ipynb"))


def test_assemble_puts_notebooks_beside_the_prose(build_book, tmp_path):
    book, executed, source = (tmp_path / name for name in ("book", "executed", "source"))
    (book / "_static").mkdir(parents=True)
    executed.mkdir()
    (book / "_toc.yml").write_text("format: jb-book\nroot: index\nchapters:\n  - file: notebooks/fig\n")
    (book / "_static" / "book.css").write_text("p {}")
    shown = {"output_type": "display_data", "data": {"text/markdown": "words"}, "metadata": {}}
    for name in ("fig", "draft"):
        (executed / f"{name}.ipynb").write_text(json.dumps(page(code("words", outputs=[shown]))))
    build_book.assemble(tmp_path, executed, source, "https://host/owner/name")
    found = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
    assert found == {
        "_toc.yml",
        "_static/book.css",
        "notebooks/fig.ipynb",
        "notebooks/files/fig/fig.ipynb",
        "cells/fig/words.md",
    }


def test_only_what_lies_in_static_itself_is_on_every_page(build_book, tmp_path):
    config = build_book.sphinx_config(build_book.ROOT / "book", "https://host/eie", tmp_path)
    assert "book.css" in config["html_css_files"]
    assert [name for name in config["html_css_files"] + config["html_js_files"] if "/" in name] == []


def test_mathjax_comes_with_its_fonts(build_book, tmp_path):
    build_book.copy_mathjax(tmp_path)
    assert (tmp_path / "mathjax" / "input" / "tex.js").stat().st_size > 100_000
    assert list((tmp_path / "mathjax" / build_book.MATHJAX_FONTS).glob("*.woff"))


def test_pages_are_rid_of_what_nobody_needs(build_book, tmp_path):
    script = tmp_path / "_static" / "scripts" / "fontawesome.js"
    script.parent.mkdir(parents=True)
    script.write_text("heavy")
    heavy = '<script defer src="_static/scripts/fontawesome.js?digest=1"></script>\n'
    (tmp_path / "page.html").write_text(
        f'<script src="code.js"></script>{heavy}<div role="list" class="citation-list">'
    )
    build_book.lighten(tmp_path)
    assert (tmp_path / "page.html").read_text() == '<script src="code.js"></script><div class="citation-list">'
    assert not script.exists()


@pytest.mark.parametrize("leftover", [[], ["out"], ["out", "out.new", "out.old"], ["out.new"]])
def test_publish_replaces_the_whole_folder(build_book, tmp_path, leftover):
    html = tmp_path / "html"
    html.mkdir()
    for name in ("index.html", ".buildinfo", "code.js.map"):
        (html / name).write_text("new")
    for name in leftover:
        (tmp_path / name).mkdir()
        (tmp_path / name / "gone.html").write_text("old")
    build_book.publish(html, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["index.html"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.long
def test_failed_build_says_why_in_a_line_and_leaves_the_old_book(build_book, tmp_path, capsys, monkeypatch):
    (tmp_path / "html").mkdir()
    (tmp_path / "html" / "index.html").write_text("old")
    options = {"--notebooks": "executed", "--out": "html", "--work": "work"}
    arguments = [part for name, folder in options.items() for part in (name, str(tmp_path / folder))]
    monkeypatch.setattr("sys.argv", ["build_book.py", *arguments])
    assert build_book.main() == 1
    err = capsys.readouterr().err
    assert err.startswith(f"book: {tmp_path / 'executed'}")
    assert err.count("\n") == 1
    assert (tmp_path / "html" / "index.html").read_text() == "old"
