from dataclasses import replace

import numpy as np
import pytest
from cases import runs
from hypothesis import given, settings

import eie
from eie.explore.many_machines import simulate_many


@settings(max_examples=150, deadline=None)
@given(runs())
def test_each_report_is_that_of_simulate(run):
    machine, codes, bias, activations, codebook = run
    layer = eie.CompressedLayer.from_codes(codes, codebook, bias)
    machines = [
        replace(machine, fifo_depth=depth, spmat_width_bits=machine.entry_bits * per_row + left_over, clock_hz=clock)
        for depth in (2, 3, 8, 1000)
        for per_row, left_over in ((1, 0), (3, machine.entry_bits - 1), (8, 1))
        for clock in (1.0, 8e8)
    ]
    mem = eie.encode(layer, machine)
    found = simulate_many(layer, activations, machines)
    assert found.reports == [eie.simulate(mem, activations, each) for each in machines]
    assert (found.fullest == max(np.diff(mem.pe_start))).all()


@pytest.mark.parametrize(("n_out", "n_pe"), [(300, 1), (300, 7), (70_000, 1)])
def test_many_numbers_of_index_bits(n_out, n_pe):
    """More than one pass counts at once; and more rows than half a word can count."""
    layer, activations = eie.draw_layer(n_out, 12, 0.1, 0), eie.draw_activations(12, 0.6, 0)
    machines = [
        eie.Machine(n_pe=n_pe, index_bits=bits, fifo_depth=depth, spmat_width_bits=width)
        for bits in (8, 3, 1, 2, 4, 6)
        for depth in (2, 5)
        for width in (32, 60)
    ]
    found = simulate_many(layer, activations, machines)
    assert found.reports == [eie.simulate(layer, activations, each) for each in machines]
    fullest = [max(np.diff(eie.encode(layer, each).pe_start)) for each in machines]
    assert found.fullest.tolist() == fullest


def test_signed_inputs():
    layer = eie.draw_layer(30, 20, 0.3, 0)
    activations = np.linspace(-1, 1, 20)
    machine = eie.Machine(n_pe=4)
    with pytest.raises(ValueError, match="activations must be 0 or more"):
        simulate_many(layer, activations, [machine])
    (report,) = simulate_many(layer, activations, [machine], signed=True).reports
    assert report == eie.simulate(layer, activations, machine, signed=True)


def test_machines_that_hold_the_layer_otherwise_are_refused():
    layer, activations = eie.draw_layer(30, 20, 0.3, 0), np.ones(20)
    with pytest.raises(ValueError, match=r"must have the same \(n_pe, .*\), got \[\(4, 4\), \(8, 4\)\]"):
        simulate_many(layer, activations, [eie.Machine(n_pe=4), eie.Machine(n_pe=8)])
    with pytest.raises(ValueError, match=r"must have the same .* got \[\]"):
        simulate_many(layer, activations, [])
    with pytest.raises(ValueError, match="codebook must have 32 values for 5-bit codes, got 16"):
        simulate_many(layer, activations, [eie.Machine(weight_bits=5)])
