import naive
import numpy as np
from cases import CODEBOOK, golden_case, runs
from hypothesis import given, settings

import eie
from eie.central_control import Broadcast, LNZDNode
from eie.fixedpoint import FixedPoint, LayerFormats
from eie.stepped import UNIT_FORMATS, ActivationQueue


@settings(max_examples=250, deadline=None)
@given(runs())
def test_equals_simulate_in_every_counter_and_infer_in_every_bit(run):
    machine, codes, bias, activations, codebook = run
    mem = eie.encode(eie.CompressedLayer.from_codes(codes, codebook, bias), machine)
    # Few bits on purpose, so that sums saturate.
    formats = LayerFormats(FixedPoint(8, 5), FixedPoint(8, 6), FixedPoint(8, 4))
    stepped = eie.step(mem, activations, machine, formats=formats)
    inferred = eie.infer(mem, activations, machine, formats=formats, relu=False)
    assert stepped.report == eie.simulate(mem, activations, machine)
    np.testing.assert_array_equal(stepped.raw, inferred.raw)
    assert stepped.saturations == inferred.saturations


def test_vectors_one_after_the_other():
    layer, machine = eie.draw_layer(40, 30, 0.3, 0), eie.Machine(n_pe=4)
    vectors = np.stack([eie.draw_activations(30, density, 1) for density in (0.0, 0.3, 1.0)])
    stepped = [eie.step(layer, vector, machine, formats=UNIT_FORMATS) for vector in vectors]
    assert eie.simulate(layer, vectors, machine) == stepped[0].report + stepped[1].report + stepped[2].report
    inferred = eie.infer(layer, vectors, machine, formats=UNIT_FORMATS, relu=False)
    np.testing.assert_array_equal(inferred.raw, [run.raw for run in stepped])


def test_equals_the_authors_simulator_on_a_golden_layer():
    machine, codes, activations, bias = golden_case(11)
    stepped = eie.step(eie.CompressedLayer.from_codes(codes, CODEBOOK, bias), activations, machine)
    assert (stepped.report.cycles, stepped.report.ptr_reads, stepped.report.spmat_reads) == (236, 18, 42)


def test_bypass_carries_a_sum_between_adjacent_columns():
    # One row: every column hits the same accumulator in the next cycle, so each sum must take the one before.
    layer = eie.CompressedLayer.from_codes(np.full((1, 6), 15, np.uint8), CODEBOOK)
    stepped = eie.step(layer, np.arange(1.0, 7.0), eie.Machine(n_pe=1))
    assert stepped.raw.tolist() == [(21 * 2**8)]


def test_lnzd_tree_finds_the_first_non_zero():
    tree = LNZDNode(range(64))
    assert len(tree.children) == 4
    non_zero = np.zeros(64, bool)
    assert tree.first(non_zero) is None
    non_zero[[17, 40]] = True
    assert tree.first(non_zero) == 17


def test_queue_is_full_one_short_of_its_depth():
    queue = ActivationQueue(3)
    for column in range(2):
        assert not queue.full
        queue.propagate(Broadcast(column, 1), taken=False)
        queue.update()
    assert queue.full


def test_scan_costs_what_it_costs_in_the_naive_scan():
    rng = np.random.default_rng(3)
    for n_pe in (1, 3, 4):
        activations = rng.random(23) * (rng.random(23) < 0.4)
        active, idle = eie.cycles.scan(activations, n_pe, True)
        expected = naive.scan(activations, True, n_pe)
        assert list(zip(active.tolist(), (np.cumsum(idle + 1) - 1).tolist(), strict=True)) == expected
