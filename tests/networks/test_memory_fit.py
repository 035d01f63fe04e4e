"""What a layer takes of the PEs' memories, and how many chips hold several."""

import numpy as np
import pytest

import eie
from eie.chip import pe_memories
from eie.networks.memory_fit import MemoryFit, chips_needed, memory_fit


def test_memory_fit_by_hand():
    """PE 0 holds five entries, in one row of eight, PE 1 two; four columns have five pointers."""
    codes = np.zeros((10, 4), np.uint8)
    codes[::2, 0] = 1
    codes[1, :2] = 1
    machine = eie.Machine(n_pe=2)
    found = memory_fit(eie.encode(eie.CompressedLayer.from_codes(codes, np.arange(16.0)), machine), machine)
    assert found == MemoryFit(spmat=8.0, pointers=10.0, activations=(2 + 5) * 2)
    assert found.filled() == {"spmat": 8 / 2**17, "pointers": 10 / 2**15, "activations": 14 / 2**11}
    assert found.chips == 1


def test_wider_entries_take_more_memory():
    layer = eie.draw_layer(64, 64, 0.5, 0, weight_bits=8)
    machine = eie.Machine(n_pe=4, weight_bits=8, index_bits=8, spmat_width_bits=64)
    mem = eie.encode(layer, machine)
    assert memory_fit(mem, machine).spmat == 8 * np.ceil(np.diff(mem.pe_start).max() / 4)


@pytest.mark.parametrize(
    ("needs", "expected"),
    [([], 1), ([(0.2, 0.1)], 1), ([(1.0, 1.0)], 1), ([(0.6, 0.1), (0.6, 0.1)], 2), ([(0.1, 2.5), (0.1, 0.4)], 3)],
)
def test_chips_needed(needs, expected):
    held = pe_memories()
    layers = [MemoryFit(spmat * held.spmat, pointers * held.pointers, 10**9) for spmat, pointers in needs]
    assert chips_needed(layers) == expected
