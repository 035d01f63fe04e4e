import copy

import pytest


@pytest.fixture
def order(tool):
    return tool("book_order")


def markdown(name, text):
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": text.splitlines(keepends=True)}


def code(name, text="x", *tags):
    cell = markdown(name, text)
    return cell | {"cell_type": "code", "metadata": {"tags": list(tags)} if tags else {}}


@pytest.fixture
def cells():
    """The cells of a page in the order that pages have, by id."""
    found = [
        markdown("title", "# A page"),
        *(code(name) for name in ("install", "parameters", "compute", "answer", "plot")),
        markdown("paper", "## What the paper says\n\nThis."),
        markdown("how", "## How we compute it\n\nSo."),
        code("one-point"),
        markdown("why-they-differ", "## Why they differ"),
        markdown("change", "## What would change the answer"),
        markdown("run-again", "**Run this page again**"),
    ]
    return {cell["id"]: cell for cell in found}


@pytest.fixture
def faults(order, cells):
    """A function that gives the faults of the page after cells were replaced (None: left out)."""

    def found(**changes):
        changed = copy.deepcopy(cells) | {name.replace("_", "-"): cell for name, cell in changes.items()}
        return list(order.faults({"cells": [cell for cell in changed.values() if cell]}))

    return found


def test_page_in_order_has_no_fault(faults):
    assert faults() == []


@pytest.mark.parametrize("name", ["title", "install", "parameters", "compute", "answer"])
def test_cell_of_the_beginning_is_missing(faults, name):
    assert faults(**{name: None})[0].startswith(
        "must begin with the cells title, install, parameters, compute, answer, not with "
    )


def test_note_on_running_again_is_missing(faults):
    assert faults(run_again=None) == ["must end with the cell 'run-again', not with 'change'"]


def test_title_with_prose(faults):
    (fault,) = faults(title=markdown("title", "# A page\n\nIt is about this."))
    assert fault.startswith("must have nothing but its heading in the cell 'title'")


def test_prose_before_the_picture(faults):
    assert faults(plot=markdown("plot", "Words.")) == ["must show its picture or table in the cell after 'answer'"]
    assert faults(plot=markdown("plot", "| a |\n|---|\n| 1 |")) == []


def test_headings_in_another_order(faults):
    (fault,) = faults(paper=markdown("paper", "## Why they differ"), why_they_differ=markdown("why", "So."))
    assert fault.startswith("must have its headings in this order: What the paper says; How we compute it; ")


def test_a_slide_may_speak_in_place_of_the_paper(faults):
    assert faults(paper=markdown("paper", "## What the slide says\n\nThis.")) == []


@pytest.mark.parametrize("text", ["## What we do", "## What we get", "**What we do.** So."])
def test_heading_of_former_pages(faults, text):
    (fault,) = faults(one_point=markdown("one-point", text))
    assert fault.startswith("has ")


@pytest.mark.parametrize("text", ["start = time.perf_counter()", "frame.style.hide()"])
def test_what_no_reader_needs_to_see(faults, text):
    (fault,) = faults(one_point=code("one-point", text))
    assert "in the cell 'one-point'" in fault
    assert faults(one_point=code("one-point", text, "remove-input")) == []


def test_cells_have_their_places(order, cells):
    injected = code("injected-parameters")
    parts = order.parted([*cells.values(), injected])
    assert [cell["id"] for cell in parts.setup] == ["install", "parameters", "compute", "injected-parameters"]
    assert [cell["id"] for cell in parts.title] == ["title"]
    assert parts.shown[0]["id"] == "answer"
    assert parts.run_again == cells["run-again"]
