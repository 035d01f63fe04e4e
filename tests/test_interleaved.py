import naive
import numpy as np
import pytest
import scipy.sparse as sp
from cases import CODEBOOK, runs
from hypothesis import given, settings

import eie

MACHINE = eie.Machine(n_pe=2)


@settings(max_examples=300, deadline=None)
@given(runs())
def test_memories_and_round_trip(run):
    machine, codes, bias, _, codebook = run
    layer = eie.CompressedLayer.from_codes(codes, codebook, bias)
    mem = eie.encode(layer, machine)
    expected = naive.encode(codes, bias, machine.n_pe, machine.index_bits)
    for p, memory in enumerate(expected):
        assert [part.tolist() for part in mem.pe(p)] == list(map(list, memory))
    assert mem.n_entries == sum(len(memory[0]) for memory in expected)
    assert mem.n_padding == sum(memory[0].count(0) for memory in expected)
    assert eie.decode(mem) == layer


@settings(max_examples=50, deadline=None)
@given(runs())
def test_from_memories_is_what_encode_makes(run):
    machine, codes, bias, _, codebook = run
    mem = eie.encode(eie.CompressedLayer.from_codes(codes, codebook, bias), machine)
    memories = [mem.pe(p) for p in range(mem.n_pe)]
    again = eie.InterleavedCSC.from_memories(mem.n_out, mem.n_in, machine, codebook, memories, mem.has_bias)
    for name in ("codes", "skips", "pe_start", "pointers", "column_macs", "codebook"):
        np.testing.assert_array_equal(getattr(again, name), getattr(mem, name))


def test_the_papers_example_of_padding():
    # Section III-B: [0, 0, 1, 2, 18 zeros, 3] becomes v = [1, 2, 0, 3], z = [2, 0, 15, 2].
    column = np.array([[0, 0, 1, 2, *[0] * 18, 3]], np.uint8).T
    codes, skips, pointers = eie.encode(eie.CompressedLayer.from_codes(column, CODEBOOK), eie.Machine(n_pe=1)).pe(0)
    assert (codes.tolist(), skips.tolist(), pointers.tolist()) == ([1, 2, 0, 3], [2, 0, 15, 2], [0, 4])


def test_sizes():
    mem = eie.encode(eie.draw_layer(100, 30, 0.3, 0), MACHINE)
    assert mem.spmat_bits == 8 * mem.n_entries
    assert mem.pointer_bits() == 16 * 2 * 32  # 30 inputs, a bias and an end, on each of two PEs
    assert [mem.rows_on(p) for p in range(2)] == [50, 50]
    assert (
        repr(mem) == f"InterleavedCSC(100 x 30 + bias, 2 PEs, {mem.n_entries} entries, {mem.n_padding} padding zeros)"
    )


def test_more_pes_than_rows():
    layer = eie.draw_layer(3, 20, 0.5, 0)
    mem = eie.encode(layer, eie.Machine(n_pe=8))
    assert [mem.rows_on(p) for p in range(8)] == [1, 1, 1, 0, 0, 0, 0, 0]
    assert eie.decode(mem) == layer


def test_codebook_of_another_size():
    with pytest.raises(ValueError, match="codebook must have 16 values for 4-bit codes, got 8"):
        eie.encode(eie.draw_layer(4, 4, 0.5, 0, weight_bits=3), MACHINE)


@pytest.mark.parametrize("p", [-1, 2])
def test_no_such_pe(p):
    with pytest.raises(ValueError, match=r"p must be an integer in 0..1"):
        eie.encode(eie.draw_layer(4, 4, 0.5, 0), MACHINE).pe(p)


@pytest.mark.parametrize(
    ("memory", "message"),
    [
        (([16, 1], [0, 0], [0, 1, 2]), r"codes of PE 1 must be integers in 0..15, got 16"),
        (([1, 1], [0, 16], [0, 1, 2]), r"relative indices of PE 1 must be integers in 0..15, got 16"),
        (([1, 1], [0], [0, 1, 2]), r"PE 1 must have one relative index per code"),
        (([1, 1], [0, 0], [0, 2]), r"PE 1 must have 3 pointers, one per column and one for the end, got \(2,\)"),
        (([1, 1], [0, 0], [0, 1, 3]), r"pointers of PE 1 must run from 0 to 2, got 0..3"),
        (([1, 1], [0, 0], [0, 3, 2]), r"pointers of PE 1 run backwards at column 1: 3 then 2"),
        (([1, 1], [0, 2], [0, 1, 2]), r"rows must be in 0..3, .* column 1 on PE 1 reach row 5"),
    ],
)
def test_damaged_memories(memory, message):
    good = ([1, 1], [0, 1], [0, 1, 2])
    eie.InterleavedCSC.from_memories(4, 2, MACHINE, CODEBOOK, [good, good], has_bias=False)
    with pytest.raises(ValueError, match=message):
        eie.InterleavedCSC.from_memories(4, 2, MACHINE, CODEBOOK, [good, memory], has_bias=False)


def test_an_entry_just_below_the_last_row():
    beyond = ([1, 1], [0, 2], [0, 1, 2])
    with pytest.raises(ValueError, match=r"rows must be in 0..3, .* column 1 on PE 0 reach row 4"):
        eie.InterleavedCSC.from_memories(4, 2, MACHINE, CODEBOOK, [beyond, ([], [], [0, 0, 0])], has_bias=False)


def test_memories_for_another_machine():
    with pytest.raises(ValueError, match="memories must be one per PE, 2, got 1"):
        eie.InterleavedCSC.from_memories(4, 1, MACHINE, CODEBOOK, [([1], [0], [0, 1])], has_bias=False)
    with pytest.raises(ValueError, match="codebook must have 16 values, got 8"):
        eie.InterleavedCSC.from_memories(4, 1, MACHINE, CODEBOOK[:8], [([1], [0], [0, 1])] * 2, has_bias=False)


def test_too_many_padding_zeros_are_refused_before_they_overflow():
    codes = sp.csc_array((np.ones(2049, np.uint8), np.full(2049, 2**22 - 1), np.arange(2050)), shape=(2**22, 2049))
    layer = eie.CompressedLayer.from_codes(codes, CODEBOOK)
    with pytest.raises(ValueError, match="the encoded layer must have at most 2147483647 entries, got 4297064448"):
        eie.encode(layer, eie.Machine(n_pe=1, index_bits=1, spmat_width_bits=40))


def test_pointers_of_very_many_pes_take_one_byte_each(monkeypatch):
    layer, machine = eie.draw_layer(300, 40, 0.3, 0), eie.Machine(n_pe=64)
    usual = eie.encode(layer, machine)
    monkeypatch.setattr("eie.interleaved._WIDE", 64)
    mem = eie.encode(layer, machine)
    assert (usual.pointers.dtype, mem.pointers.dtype) == (np.int32, np.uint8)
    np.testing.assert_array_equal(mem.pointers, usual.pointers)
    assert eie.decode(mem) == layer
    activations = eie.draw_activations(40, 0.5, 0)
    assert eie.simulate(mem, activations, machine) == eie.simulate(usual, activations, machine)
    assert eie.encode(eie.draw_layer(3000, 900, 0.3, 0), eie.Machine(n_pe=1)).pointers.dtype == np.int32
