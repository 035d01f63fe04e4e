"""The solutions of the book's exercises run, and their results are those that a reader finds in another way."""

import io
import json
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest

import eie

PAGE = Path(__file__).resolve().parents[2] / "notebooks" / "exercises.ipynb"
CELLS = {cell["id"]: cell for cell in json.loads(PAGE.read_text(encoding="utf-8"))["cells"]}
SOLUTIONS = [name for name in CELLS if name.endswith("-solution")]


def run(*names):
    """Names that are known after the page's first cells and these."""
    found, printed = {}, io.StringIO()
    for name in ("parameters", "compute", *names):
        with redirect_stdout(printed):
            exec("".join(CELLS[name]["source"]), found)
    return found, printed.getvalue()


def test_there_are_eight_to_twelve():
    assert 8 <= len(SOLUTIONS) <= 12


@pytest.mark.parametrize("name", SOLUTIONS)
def test_solution_follows_its_question_and_is_folded(name):
    order = list(CELLS)
    assert order[order.index(name) - 1] == name.removesuffix("-solution")
    assert CELLS[name]["metadata"]["tags"] == ["hide-cell"]


@pytest.mark.parametrize("name", SOLUTIONS)
def test_solution_runs_by_itself_and_prints_its_answer(name):
    assert run(name)[1].strip()


def test_memory_is_read_as_by_hand():
    matrix = run("read-a-memory-solution")[0]["matrix"]
    assert {(row, column): matrix[row, column] for row, column in zip(*matrix.nonzero(), strict=True)} == {
        (0, 0): 3,
        (3, 0): 1,
        (5, 1): 2,
        (1, 2): 7,
    }


def test_padding_zeros_are_those_of_the_explanation():
    images = run("write-a-memory-solution")[0]["images"]
    assert [images[bits].n_padding for bits in (4, 3)] == [2, 4]


def test_rows_are_dealt_out_as_the_encoder_does():
    found = run("where-is-a-row-solution")[0]
    mem = eie.encode(eie.CompressedLayer.from_codes(np.ones((1001, 1), int), found["codebook"]), eie.Machine())
    assert found["local"] == mem.rows_on(found["pe"]) - 1
    assert found["more"] == [p for p in range(64) if mem.rows_on(p) == 16 and p != found["pe"]]


def test_groups_do_not_change():
    groups = run("share-weights-solution")[0]["groups"]
    assert groups[0] == groups[-1] == [0, 0, 0, 1, 1, 1]


def test_cycles_by_hand_are_those_of_every_model():
    found = run("count-cycles-solution")[0]
    layer = eie.CompressedLayer.from_codes(found["codes"], found["codebook"])
    assert found["by_hand"] == found["counted"] == eie.step(layer, [1.0, 1.0], found["two_pes"]).report.cycles


def test_deeper_queues_than_the_papers_gain_little():
    found = run("queue-depth-solution")[0]
    assert found["late"] < found["early"] / 5


def test_the_worst_balanced_layer_has_the_fewest_entries_per_column():
    found = sorted(run("worst-balance-solution")[0]["found"])
    assert found[0][1] == "NT-We"
    assert found[0][2] == min(entries for _, _, entries in found)


def test_every_bit_costs_until_padding_is_rare():
    found = run("index-width-solution")[0]
    assert found["megabits"][1] > found["megabits"][2] > found["megabits"][found["best_bits"]] < found["megabits"][8]


def test_dense_inputs_cost_nearly_as_much_more_as_there_are_more_of_them():
    found = run("where-energy-goes-solution")[0]
    ratio = found["dense_run"].total / found["sparse_run"].total
    assert 1 < ratio < len(found["inputs"]) / np.count_nonzero(found["inputs"])


def test_a_better_chip_is_found():
    found = run("better-chip-solution")[0]
    assert found["better"]
    assert all((found["cost"](machine) <= found["cost"](found["paper"])).all() for machine in found["better"])
    assert found["paper"] not in found["better"]
