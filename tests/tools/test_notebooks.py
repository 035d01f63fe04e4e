import json

import pytest


@pytest.fixture
def notebooks(tool):
    return tool("notebooks")


def code(source, name="compute", *, tags=(), **more):
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": name,
        "metadata": {"tags": list(tags)} if tags else {},
        "outputs": [],
        "source": source.splitlines(keepends=True),
    } | more


def markdown(source, name="title", **more):
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": source.splitlines(keepends=True)} | more


PARAMETERS = code("n_pe = 4", "parameters", tags=["parameters"])


def page(*cells, **more):
    return {"cells": [*cells], "metadata": {}, "nbformat": 4, "nbformat_minor": 5} | more


@pytest.fixture
def faults(notebooks, tmp_path):
    """A function that gives the faults of a notebook, put into normal form first unless asked not to."""

    def found(notebook, normal=True):
        path = tmp_path / "page.ipynb"
        path.write_text(notebooks.text_of(notebook) if normal else json.dumps(notebook), encoding="utf-8")
        return notebooks.form_faults(path)

    return found


@pytest.fixture
def any_order(notebooks, monkeypatch):
    """Pages need not have the cells that all pages of the book have."""
    monkeypatch.setattr(notebooks.book_order, "faults", lambda notebook: [])


@pytest.fixture
def untidy():
    """A notebook as an editor leaves it."""
    output = {"output_type": "stream", "name": "stdout", "text": ["4\n"]}
    mess = {"execution": {"iopub.status.busy": "now"}, "collapsed": True, "tags": ["parameters"]}
    return page(
        markdown("\n# Größe\n\n"),
        code("n_pe = 4\nn_pe\n", "parameters", metadata=mess, outputs=[output], execution_count=7),
        metadata={"kernelspec": {"name": "mine"}, "papermill": {"duration": 1.5}},
        nbformat_minor=4,
    )


def test_normal_form_keeps_what_a_reader_wrote(notebooks, untidy):
    assert notebooks.normal(untidy) == {
        "cells": [
            {"cell_type": "markdown", "id": "title", "metadata": {}, "source": ["# Größe"]},
            code("n_pe = 4\nn_pe", "parameters", tags=["parameters"]),
        ],
        "metadata": notebooks.METADATA,
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def test_normal_form_keeps_figure_captions(notebooks):
    figure = {"mystnb": {"figure": {"name": "fig-depth"}}, "tags": ["hide-input"]}
    (cell,) = notebooks.normal(page(code("result.plot();", metadata=figure | {"scrolled": True})))["cells"]
    assert cell["metadata"] == figure


def test_normal_form_of_the_normal_form_is_the_same(notebooks, untidy):
    text = notebooks.text_of(untidy)
    assert notebooks.text_of(json.loads(text)) == text
    assert text.endswith("}\n")
    assert "Größe" in text


def test_no_fault(faults):
    assert faults(page(markdown("# A page"), PARAMETERS, code("1\n" * 12))) == []


def test_not_in_normal_form(faults, untidy):
    assert faults(untidy, normal=False) == ["is not in normal form; run: python tools/notebooks.py write"]
    assert faults(untidy) == []


@pytest.mark.parametrize("name", ["8c59f1a2", "Title", "two_words", "title-", "a b", ""])
def test_cell_id_without_words(faults, name):
    (fault,) = faults(page(markdown("# A page", name), PARAMETERS))
    assert f"cell id {name!r} must be lower-case words" in fault


def test_cell_without_id(faults):
    title = markdown("# A page")
    del title["id"]
    (fault,) = faults(page(title, PARAMETERS))
    assert "cell id '' must be" in fault


def test_cell_id_twice(faults):
    assert faults(page(markdown("# A page"), PARAMETERS, markdown("More"))) == ["cell id 'title' occurs twice"]


def test_long_code_cell(faults):
    (fault,) = faults(page(PARAMETERS, code("1\n" * 13)))
    assert fault == "cell 'compute' has 13 lines, at most 12 belong in a notebook"


def test_prose_may_be_long(faults):
    assert faults(page(PARAMETERS, markdown("line\n" * 40))) == []


@pytest.mark.parametrize(
    "cells",
    [[code("1")], [PARAMETERS, PARAMETERS | {"id": "again"}], [markdown("p", metadata={"tags": ["parameters"]})]],
)
def test_not_one_cell_of_parameters(faults, cells):
    assert faults(page(*cells)) == ["must have exactly one cell tagged 'parameters'"]


def test_write_then_check(notebooks, any_order, tmp_path, capsys, untidy):
    path = tmp_path / "page.ipynb"
    path.write_text(json.dumps(untidy), encoding="utf-8")
    assert notebooks.main(["check", str(path)]) == 1
    assert capsys.readouterr().out.startswith("page.ipynb: is not in normal form")
    assert notebooks.main(["write", str(path)]) == 0
    assert path.read_text(encoding="utf-8") == notebooks.text_of(untidy)
    assert notebooks.main(["check", str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 notebooks in normal form"


def test_order_of_the_cells_is_checked(notebooks, tmp_path, capsys, untidy):
    path = tmp_path / "page.ipynb"
    path.write_text(notebooks.text_of(untidy), encoding="utf-8")
    assert notebooks.main(["check", str(path)]) == 1
    assert "page.ipynb: must begin with the cells title, install," in capsys.readouterr().out


def test_check_changes_nothing(notebooks, tmp_path, untidy):
    path = tmp_path / "page.ipynb"
    path.write_text(json.dumps(untidy), encoding="utf-8")
    notebooks.main(["check", str(path)])
    assert json.loads(path.read_text(encoding="utf-8")) == untidy


def test_without_files_those_of_the_folder_are_checked(notebooks, any_order, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(notebooks, "FOLDER", tmp_path)
    for name in ("b", "a"):
        (tmp_path / f"{name}.ipynb").write_text(notebooks.text_of(page(code("1"))))
    assert notebooks.main(["check"]) == 1
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == ["a.ipynb", "b.ipynb"]


@pytest.mark.parametrize("arguments", [[], ["chekc"], ["page.ipynb"]])
def test_wrong_command_line_shows_the_right_one(notebooks, capsys, arguments):
    assert notebooks.main(arguments) == 2
    assert "check|write" in capsys.readouterr().out
