import numpy as np
import pytest

import eie


def test_the_papers_machine():
    machine = eie.Machine()
    assert machine == eie.EIE_45NM
    assert (machine.entry_bits, machine.entries_per_row, machine.codebook_size, machine.max_skip) == (8, 8, 16, 15)
    assert (eie.EIE_28NM.n_pe, eie.EIE_28NM.clock_hz) == (256, 1.2e9)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_pe": 0}, r"n_pe must be an integer in 1..65536, got 0"),
        ({"n_pe": 2.0}, r"n_pe must be an integer in 1..65536, got 2.0"),
        ({"n_pe": True}, r"n_pe must be an integer in 1..65536, got True"),
        ({"fifo_depth": 1}, r"fifo_depth must be an integer in 2..1048576, got 1"),
        ({"weight_bits": 9}, r"weight_bits must be an integer in 1..8, got 9"),
        ({"index_bits": 0}, r"index_bits must be an integer in 1..8, got 0"),
        ({"spmat_width_bits": 4}, r"spmat_width_bits must be an integer in 8..65536, got 4"),
        ({"index_bits": 5, "spmat_width_bits": 8}, r"spmat_width_bits must be an integer in 9..65536, got 8"),
        ({"clock_hz": 0}, r"clock_hz must be finite and above 0"),
        ({"clock_hz": float("inf")}, r"clock_hz must be finite and above 0"),
        ({"clock_hz": float("nan")}, r"clock_hz must be finite and above 0"),
        ({"clock_hz": "8e8"}, r"clock_hz must be a number, got '8e8'"),
        ({"clock_hz": "fast"}, r"clock_hz must be a number, got 'fast'"),
    ],
)
def test_bad_parameters(wrong, message):
    with pytest.raises(ValueError, match=message):
        eie.Machine(**wrong)


def test_numbers_of_numpy_become_plain_ones():
    machine = eie.Machine(n_pe=np.uint8(64), weight_bits=np.uint8(8), spmat_width_bits=np.int16(96))
    assert (type(machine.n_pe), machine.codebook_size) == (int, 256)


def test_a_row_holds_whole_entries():
    assert [eie.Machine(index_bits=bits).entries_per_row for bits in (3, 4, 5, 6)] == [9, 8, 7, 6]
    assert eie.Machine(spmat_width_bits=63).entries_per_row == 7
