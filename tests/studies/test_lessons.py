import numpy as np
import pytest

import eie
from eie.compress.kmeans import kmeans
from eie.studies import energy_steps, lessons


@pytest.fixture
def memory():
    codes = np.zeros((24, 3), np.uint8)
    codes[[2, 3, 22], 0] = 1, 2, 3
    codes[[0, 5], 2] = 2, 1
    return lessons.one_pe(codes, 4)


def test_the_papers_example_is_encoded_as_the_paper_prints_it(memory):
    codes, skips, pointers = memory.pe(0)
    assert codes[:4].tolist() == [1, 2, 0, 3]
    assert skips[:4].tolist() == [2, 0, 15, 2]
    assert pointers.tolist() == [0, 4, 4, 6]


def test_steps_end_with_the_whole_memory(memory):
    steps = list(lessons.steps(memory))
    assert (steps[-1].entries, steps[-1].pointers) == (memory.n_entries, memory.n_columns + 1)
    assert [step.entries for step in steps] == sorted(step.entries for step in steps)
    assert sum("padding zero" in step.said for step in steps) == memory.n_padding
    assert sum("empty" in step.said for step in steps) == 1


def test_steps_reach_the_rows_of_the_weights(memory):
    stored = [(step.row, step.column) for step in lessons.steps(memory) if "has a weight" in step.said]
    dense = eie.decode(memory).to_scipy().toarray()
    assert sorted(stored) == sorted(zip(*dense.nonzero(), strict=True))


def test_all_steps_are_there_without_scripts(memory):
    html = lessons.click_through(memory).data
    assert html.count("<li>") == len(list(lessons.steps(memory)))
    assert 'class="step-buttons" hidden' in html


def test_pipeline_takes_the_cycles_of_the_library(memory):
    machine = eie.Machine(n_pe=1)
    assert lessons.pipeline(memory).shape[1] == eie.simulate(memory, np.ones(3), machine).cycles
    for stage in range(len(lessons.STAGES) + 1):
        assert (lessons.pipeline(memory) == stage).sum(axis=1).eq(1).all()


@pytest.mark.parametrize("n_shared", [1, 2, 4, 7])
def test_rounds_end_where_the_librarys_kmeans_ends(rng, n_shared):
    weights = rng.normal(size=30).astype(np.float32).astype(float)
    last = lessons.kmeans_rounds(weights, n_shared).iloc[-1]
    start = np.linspace(weights.min(), weights.max(), n_shared)
    np.testing.assert_allclose(np.sort(last), kmeans(weights, start), rtol=1e-6)


@pytest.mark.parametrize("machine", [eie.Machine(n_pe=8), eie.Machine(n_pe=16, spmat_width_bits=128, clock_hz=4e8)])
def test_energy_by_event_adds_up_to_the_librarys(machine):
    layer = eie.draw_layer(200, 300, 0.2, 1)
    report = eie.simulate(layer, eie.draw_activations(300, 0.4, 2), machine)
    result = energy_steps.energy_steps(report, machine)
    assert result.total_nj == pytest.approx(1e9 * eie.energy(report, machine).total, rel=1e-12)
    assert result.table().loc["sum", "nJ"] == result.total_nj
    assert result.rows["share, %"].sum() == pytest.approx(100)
