import json
import os
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import naive
import numpy as np
import pytest
from cases import CODEBOOK, batches, golden_case, runs
from hypothesis import given, settings

import eie
from eie.formats import authors

GOLDEN = Path(__file__).parent / "golden"
RANDOM_LAYERS = json.loads((GOLDEN / "random_layers.json").read_text(encoding="utf-8"))
AUTHORS_LAYER = tomllib.loads((GOLDEN / "authors_layer.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def dump():
    return authors.read()


def memories_of(mem):
    return [mem.pe(p) for p in range(mem.n_pe)]


@pytest.mark.parametrize("golden", RANDOM_LAYERS, ids=lambda golden: f"seed{golden['seed']}")
def test_counts_of_the_authors_simulator(golden):
    machine, codes, activations, bias = golden_case(golden["seed"])
    mem = eie.encode(eie.CompressedLayer.from_codes(codes, CODEBOOK, bias), machine)
    report = eie.simulate(mem, activations, machine)
    assert (machine.n_pe, machine.fifo_depth, *codes.shape) == tuple(
        golden[key] for key in ("n_pe", "fifo_depth", "rows", "cols")
    )
    assert (mem.n_entries, mem.n_padding) == (golden["entries"], golden["padding"])
    assert report.ptr_reads == golden["ptr_reads"]
    stopped = naive.authors_simulator_stops(memories_of(mem), activations, machine.n_pe, machine.fifo_depth)
    assert stopped == golden["cycles"]
    if not golden["authors_simulator_stopped_early"]:
        assert (report.cycles, report.spmat_reads) == (golden["cycles"], golden["spmat_reads"])
    else:
        assert report.cycles > golden["cycles"]


def test_golden_case_that_stopped_early():
    machine, codes, activations, bias = golden_case(23)
    report = eie.simulate(eie.CompressedLayer.from_codes(codes, CODEBOOK, bias), activations, machine)
    assert (report.cycles, report.spmat_reads) == (210, 34)


@pytest.mark.needs_data("authors-layer")
@pytest.mark.parametrize(("depth", "cycles"), AUTHORS_LAYER["cycles_by_fifo_depth"].items())
def test_authors_layer_by_fifo_depth(dump, depth, cycles):
    assert eie.simulate(dump.mem, dump.activations, replace(dump.machine, fifo_depth=int(depth))).cycles == cycles


@pytest.mark.needs_data("authors-layer")
@pytest.mark.parametrize(("depth", "percent"), AUTHORS_LAYER["load_balance_percent_by_fifo_depth"].items())
def test_authors_layer_load_balance(dump, depth, percent):
    report = eie.simulate(dump.mem, dump.activations, replace(dump.machine, fifo_depth=int(depth)))
    assert 100 * report.load_balance == pytest.approx(percent, abs=0.01)


@pytest.mark.needs_data("authors-layer")
@pytest.mark.parametrize(("width", "reads"), AUTHORS_LAYER["spmat_reads_by_width"].items())
def test_authors_layer_by_spmat_width(dump, width, reads):
    report = eie.simulate(dump.mem, dump.activations, replace(dump.machine, spmat_width_bits=int(width)))
    assert report.spmat_reads == reads
    assert report.ptr_reads == AUTHORS_LAYER["ptr_reads"]
    assert report.entries == AUTHORS_LAYER["entries"]


@pytest.mark.needs_data("authors-layer")
@pytest.mark.parametrize(("n_pe", "stopped"), AUTHORS_LAYER["simulator_stopped_at_by_n_pe"].items())
def test_authors_layer_by_n_pe(dump, n_pe, stopped):
    machine = eie.Machine(n_pe=int(n_pe))
    mem = eie.encode(eie.decode(dump.mem), machine)
    report = eie.simulate(mem, dump.activations, machine)
    assert naive.authors_simulator_stops(memories_of(mem), dump.activations, machine.n_pe, 8) == stopped
    assert report.cycles >= stopped
    assert (report.cycles == stopped) == (machine.n_pe >= 8)


@pytest.mark.needs_data("authors-layer")
def test_authors_layer_time_is_the_printed_one(dump):
    report = eie.simulate(dump.mem, dump.activations, dump.machine)
    assert (report.cycles, report.broadcasts, report.macs, report.padding) == (7926, 1760, 453748, 0)
    assert 1e6 * report.seconds == pytest.approx(9.9075)
    assert 1e6 * report.theoretical_seconds == pytest.approx(8.862, abs=0.001)
    assert report.theoretical_cycles == pytest.approx(453748 / 64)
    assert report.load_balance == pytest.approx(AUTHORS_LAYER["load_balance"], abs=5e-5)


@settings(max_examples=300, deadline=None)
@given(runs())
def test_equals_the_recurrence_as_written(run):
    machine, codes, bias, activations, codebook = run
    memories = naive.encode(codes, bias, machine.n_pe, machine.index_bits)
    expected = naive.simulate(
        memories, activations, bias is not None, machine.n_pe, machine.fifo_depth, machine.entries_per_row
    )
    report = eie.simulate(eie.CompressedLayer.from_codes(codes, codebook, bias), activations, machine)
    assert {key: getattr(report, key) for key in expected} == expected


@pytest.mark.parametrize(("n_pe", "n_out"), [(130, 900), (64, 200), (200, 70), (1, 700)])
@pytest.mark.parametrize("width", [8, 24, 64])
def test_many_pes_and_long_columns(n_pe, n_out, width):
    """PEs that need more bits than a word has, and columns that need more than a byte to count."""
    rng = np.random.default_rng(n_pe)
    codes = np.where(rng.random((n_out, 60)) < rng.random(60), rng.integers(1, 16, (n_out, 60)), 0)
    activations, bias = np.where(rng.random(60) < 0.4, 1.0, 0.0), rng.integers(0, 2, n_out)
    machine = eie.Machine(n_pe=n_pe, spmat_width_bits=width)
    report = eie.simulate(eie.CompressedLayer.from_codes(codes, CODEBOOK, bias), activations, machine)
    expected = naive.simulate(naive.encode(codes, bias, n_pe), activations, True, n_pe, 8, width // 8)
    assert {key: getattr(report, key) for key in expected} == expected


def test_machines_of_other_widths_on_the_same_memories():
    mem, activations = eie.encode(eie.draw_layer(200, 50, 0.3, 0), eie.Machine(n_pe=4)), np.ones(50)
    for width in (8, 64, 8, 24):
        machine = eie.Machine(n_pe=4, spmat_width_bits=width)
        assert eie.simulate(mem, activations, machine) == eie.step(mem, activations, machine).report


def test_by_hand():
    # Two PEs, depth 2 (holds one). Column 0: rows 0, 1, 2 -> PE0 has 2 entries, PE1 has 1. Column 1: row 3 -> PE1.
    codes = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], np.uint8)
    report = eie.simulate(
        eie.CompressedLayer.from_codes(codes, CODEBOOK), [1.0, 1.0], eie.Machine(n_pe=2, fifo_depth=2)
    )
    # Broadcast 0 in cycle 0, taken by both in 1. Broadcast 1 must wait for that: cycle 2. PE0 is busy in 1 and 2 and
    # takes it in 3, PE1 too; both are done with it in 4, and the pipeline takes 7 more.
    assert report.cycles == 4 + 7
    assert (report.broadcasts, report.macs, report.padding, report.ptr_reads, report.spmat_reads) == (2, 4, 0, 4, 2)
    assert report.theoretical_cycles == 2.0
    assert report.load_balance == pytest.approx(2 / 11)
    assert report.seconds == pytest.approx(11 / 800e6)


def test_nothing_to_do_takes_the_search():
    layer = eie.CompressedLayer.from_codes(np.ones((3, 10), np.uint8), CODEBOOK)
    report = eie.simulate(layer, np.zeros(10), eie.Machine(n_pe=4))
    assert (report.cycles, report.broadcasts, report.entries, report.spmat_reads) == (3, 0, 0, 0)
    assert (report.load_balance, report.real_work) == (0.0, 1.0)


def test_idle_cycles_between_addresses():
    # Inputs 1 and 5 of 8 on 2 banks: address 0 has a hit in its last bank, so moving on is free; address 1 is empty.
    active, idle = eie.cycles.scan(np.array([0, 1, 0, 0, 0, 1, 1, 0]) != 0, 2, False)
    np.testing.assert_array_equal(active, [1, 5, 6])
    np.testing.assert_array_equal(idle, [0, 1, 0])


def test_padding_counts_as_work_but_not_as_macs():
    codes = np.zeros((40, 1), np.uint8)
    codes[39] = 1
    report = eie.simulate(eie.CompressedLayer.from_codes(codes, CODEBOOK), [1.0], eie.Machine(n_pe=1))
    assert (report.macs, report.padding, report.entries) == (1, 2, 3)
    assert report.real_work == pytest.approx(1 / 3)
    assert report.theoretical_cycles == 3


def test_encodes_a_layer_by_itself():
    machine, codes, activations, bias = golden_case(6)
    layer = eie.CompressedLayer.from_codes(codes, CODEBOOK, bias)
    assert eie.simulate(layer, activations, machine) == eie.simulate(eie.encode(layer, machine), activations, machine)


def test_long_runs_do_not_overflow():
    layer = eie.CompressedLayer.from_codes(np.ones((70_000, 40), np.uint8), CODEBOOK)
    report = eie.simulate(layer, np.ones(40), eie.Machine(n_pe=1))
    assert report.cycles == 1 + 40 * 70_000 + 7


@pytest.mark.parametrize(
    ("activations", "message"),
    [
        ([1.0, np.nan], r"finite, got nan at input 1"),
        ([np.inf, 1.0], r"finite, got inf at input 0"),
        ([1.0, -0.5], r"0 or more, as after a ReLU, got -0.5 at input 1; .* signed=True"),
        ([1.0], r"shape \(2,\)( or \(n_vectors, 2\))?, one per input, got \(1,\)"),
        ([[[1.0, 2.0]]], r"shape \(2,\).*, one per input, got \(1, 1, 2\)"),
        (["a", "b"], r"real numbers, got dtype"),
        ([[1.0, 2.0], [3.0]], r"activations must be an array of numbers, got list: .*inhomogeneous"),
        (True, r"one per input, got one bool"),
        (None, r"one per input, got one NoneType"),
        (np.array(3.0), r"one per input, got one ndarray"),
        ([1j, 2j], r"real numbers, got dtype complex128"),
    ],
)
def test_bad_activations(activations, message):
    layer = eie.CompressedLayer.from_codes(np.ones((2, 2), np.uint8), CODEBOOK)
    for function in (eie.simulate, eie.infer, eie.step):
        with pytest.raises(ValueError, match=message):
            function(layer, activations, eie.Machine(n_pe=2))


@pytest.mark.parametrize(
    ("activations", "message"),
    [
        (np.empty((0, 2)), r"shape \(2,\) or \(n_vectors, 2\), one per input, got \(0, 2\)"),
        ([[1.0, 2.0], [1.0, np.nan]], r"finite, got nan at input 1 of vector 1"),
        ([[1.0, 2.0], [-3.0, 2.0]], r"0 or more, as after a ReLU, got -3.0 at input 0 of vector 1; .* signed=True"),
    ],
)
def test_bad_vectors(activations, message):
    layer = eie.CompressedLayer.from_codes(np.ones((2, 2), np.uint8), CODEBOOK)
    for function in (eie.simulate, eie.infer):
        with pytest.raises(ValueError, match=message):
            function(layer, activations, eie.Machine(n_pe=2))


def test_the_stepped_machine_takes_one_vector():
    layer = eie.CompressedLayer.from_codes(np.ones((2, 2), np.uint8), CODEBOOK)
    with pytest.raises(ValueError, match=r"shape \(2,\), one per input, got \(1, 2\)"):
        eie.step(layer, [[1.0, 2.0]], eie.Machine(n_pe=2))


@settings(max_examples=50, deadline=None)
@given(batches())
def test_vectors_are_runs_of_their_own(batch):
    machine, layer, vectors = batch
    together = eie.simulate(layer, vectors, machine)
    alone = [eie.simulate(layer, vector, machine) for vector in vectors]
    assert together == sum(alone[1:], alone[0])
    assert (together.vectors, together.ptr_reads) == (len(vectors), together.broadcasts * machine.n_pe)


def test_many_vectors_equal_their_sum():
    layer = eie.draw_layer(70, 90, 0.2, 0)
    vectors = np.stack([eie.draw_activations(90, 0.4, seed) for seed in range(150)])
    alone = [eie.simulate(layer, vector) for vector in vectors]
    assert eie.simulate(layer, vectors) == sum(alone[1:], alone[0])


def test_reports_of_other_layers_or_machines_do_not_add_up():
    report = eie.simulate(eie.draw_layer(8, 4, 0.5, 0), np.ones(4))
    assert (report + report).cycles == 2 * report.cycles
    with pytest.raises(ValueError, match="reports add up when n_in is the same, got 4 and 5"):
        report + eie.simulate(eie.draw_layer(8, 5, 0.5, 0), np.ones(5))
    with pytest.raises(ValueError, match="reports add up when n_pe is the same, got 64 and 2"):
        report + eie.simulate(eie.draw_layer(8, 4, 0.5, 0), np.ones(4), eie.Machine(n_pe=2))
    with pytest.raises(TypeError):
        report + 1


def test_signed_inputs_are_broadcast_when_asked():
    layer = eie.CompressedLayer.from_codes(np.ones((2, 3), np.uint8), CODEBOOK)
    machine = eie.Machine(n_pe=1)
    assert eie.simulate(layer, [-1.0, 0.0, 2.0], machine, signed=True) == eie.simulate(layer, [1.0, 0, 2], machine)


@pytest.mark.parametrize("other", [{"n_pe": 32}, {"index_bits": 3, "spmat_width_bits": 56}])
def test_memory_for_another_machine(other):
    mem = eie.encode(eie.draw_layer(64, 16, 0.2, 0), eie.Machine())
    with pytest.raises(ValueError, match="the layer was encoded for"):
        eie.simulate(mem, np.ones(16), eie.Machine(**other))


WITHOUT_NUMBA = """
import warnings; warnings.simplefilter("error")
import numpy as np, eie
layer, machine = eie.draw_layer(30, 40, 0.3, 0), eie.Machine(n_pe=4)
mem, vectors = eie.encode(layer, machine), np.stack([eie.draw_activations(40, 0.5, seed) for seed in range(20)])
print(eie.simulate(mem, vectors, machine))
for given in (vectors, vectors[0]):
    print(eie.infer(mem, given, machine).raw.tolist())
"""


@pytest.mark.slow
def test_nothing_changes_when_numba_compiles_nothing():
    said = [
        subprocess.run(
            [sys.executable, "-c", WITHOUT_NUMBA], capture_output=True, text=True, check=True, env=env
        ).stdout
        for env in (os.environ, os.environ | {"NUMBA_DISABLE_JIT": "1"})
    ]
    assert said[0] == said[1] != ""
