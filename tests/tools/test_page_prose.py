import json
from copy import deepcopy

import papermill
import pytest


@pytest.fixture
def page_prose(tool):
    return tool("page_prose")


def words(name, source, **metadata):
    return {"cell_type": "markdown", "id": name, "metadata": metadata, "source": source.splitlines(keepends=True)}


def code(name, source):
    fresh = {"cell_type": "code", "id": name, "metadata": {}, "outputs": [], "execution_count": None}
    return fresh | {"source": source.splitlines(keepends=True)}


def page(*cells):
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": list(cells), "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def ran(source, outputs=("64",)):
    """A notebook as it would be after execution, without times."""
    notebook, number = deepcopy(source), 0
    for cell in notebook["cells"]:
        cell["metadata"].setdefault("tags", [])
        if cell["cell_type"] == "code":
            shown = {"output_type": "stream", "name": "stdout", "text": [outputs[number]]}
            number += 1
            cell |= {"execution_count": number, "outputs": [shown]}
    return notebook


SOURCE = page(words("title", "# A page"), code("compute", "print(64)"), words("answer", "One line\nand another."))
OTHER_WORDS = page(
    words("title", "# Another heading"),
    words("how", "A new cell.", tags=["remove-cell"]),
    code("compute", "print(64)"),
    words("last", "The end."),
)


def test_prose_is_no_part_of_the_code(page_prose):
    assert page_prose.code(SOURCE) == page_prose.code(OTHER_WORDS)


@pytest.mark.parametrize(
    "other",
    [
        page(words("title", "# A page"), code("compute", "print(65)")),
        page(words("title", "# A page"), code("compute", "print(64)") | {"metadata": {"tags": ["parameters"]}}),
        page(words("title", "# A page"), code("compute", "print(64)"), code("more", "print(64)")),
        page(words("title", "# A page")),
        SOURCE | {"metadata": {}},
    ],
)
def test_all_else_is(page_prose, other):
    assert page_prose.code(SOURCE) != page_prose.code(other)


@pytest.mark.parametrize("other", [SOURCE, OTHER_WORDS])
def test_new_prose_stands_beside_the_outputs_that_there_are(page_prose, other):
    assert page_prose.with_prose(ran(SOURCE), other) == ran(other)


@pytest.mark.parametrize(
    "other", [page(words("title", "#")), page(code("a", "1"), code("b", "2")), page(code("another", "print(64)"))]
)
def test_prose_of_other_code_is_refused(page_prose, other):
    with pytest.raises(ValueError, match="other cells than its source"):
        page_prose.with_prose(ran(SOURCE), other)


def test_a_notebook_is_written_only_if_its_words_differ(page_prose, tmp_path):
    executed, source = tmp_path / "executed.ipynb", tmp_path / "source.ipynb"
    executed.write_text(json.dumps(ran(SOURCE)))
    source.write_text(json.dumps(SOURCE))
    before = executed.stat()
    page_prose.refresh(executed, source)
    assert executed.stat() == before
    source.write_text(json.dumps(OTHER_WORDS))
    page_prose.refresh(executed, source)
    assert json.loads(executed.read_text()) == ran(OTHER_WORDS)
    assert {path.name for path in tmp_path.iterdir()} == {"executed.ipynb", "source.ipynb"}


@pytest.mark.slow
def test_the_book_prints_the_same_as_if_the_page_had_been_run_again(page_prose, tool, tmp_path):
    def executed(notebook, name):
        (tmp_path / "source.ipynb").write_text(json.dumps(notebook))
        papermill.execute_notebook(
            str(tmp_path / "source.ipynb"), str(tmp_path / name), kernel_name="python3", progress_bar=False
        )
        return tmp_path / name

    run_again = executed(OTHER_WORDS, "again.ipynb")
    refreshed = executed(SOURCE, "first.ipynb")
    (tmp_path / "source.ipynb").write_text(json.dumps(OTHER_WORDS))
    page_prose.refresh(refreshed, tmp_path / "source.ipynb")
    printed = tool("build_book").read_notebook
    assert "Another heading" in printed(refreshed)
    assert printed(refreshed) == printed(run_again)
