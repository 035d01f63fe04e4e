import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from cases import CODEBOOK

import eie
from eie.studies.retrospective.blocks import Blocked, prune_by_block
from eie.studies.retrospective.overheads import BY_BLOCK, PARTS, UNSTRUCTURED, overheads

MACHINE = eie.Machine(n_pe=4, fifo_depth=4)


def slow_bits(codes, height, machine):
    """Bits by part, from the dense matrix: walk down each PE's blocks of each column."""
    n_out, n_in = codes.shape
    blocks = -(-n_out // height)
    kept = padding = 0
    for j in range(n_in):
        for p in range(machine.n_pe):
            gap = 0
            for block in range(p, blocks, machine.n_pe):
                if codes[block * height : (block + 1) * height, j].any():
                    kept, padding, gap = kept + 1, padding + gap // 2**machine.index_bits, 0
                else:
                    gap += 1
    weights = np.count_nonzero(codes)
    entry = height * machine.weight_bits + machine.index_bits
    return {
        "code": weights * machine.weight_bits,
        "index": kept * machine.index_bits,
        "zeros in blocks": (kept * height - weights) * machine.weight_bits,
        "padding": padding * entry,
        "pointers": (n_in + 1) * machine.n_pe * 16,
    }


def slow_cycles(blocked, active):
    """The recurrence of `eie.cycles` in lists, with a cycle for each row of a block, where the scan loses none."""
    pointers, holds = blocked.mem.pointers, blocked.machine.fifo_depth - 1
    n_pe = pointers.shape[1]
    taken, free, b = [], [0] * n_pe, -1
    for k, j in enumerate(active):
        b = max(b + 1, taken[k - holds] + 1 if k >= holds else 0)
        takes = [max(b + 1, free[p]) for p in range(n_pe)]
        work = [blocked.height * int(pointers[j + 1, p] - pointers[j, p]) for p in range(n_pe)]
        free = [takes[p] + max(work[p], 1) for p in range(n_pe)]
        taken.append(max(takes))
    return max(free) + 7


@hypothesis.given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 3, 4, 8]), st.floats(0.02, 0.9))
@hypothesis.settings(max_examples=30, deadline=None)
def test_bits_and_cycles_are_the_slow_ones(seed, height, density):
    rng = np.random.default_rng(seed)
    codes = np.where(rng.random((rng.integers(1, 200), 12)) < density, 5, 0).astype(np.uint8)
    codes[0, 0] = 5
    blocked = Blocked.of(eie.CompressedLayer.from_codes(codes, CODEBOOK), height, MACHINE)
    expected = {name: bits / np.count_nonzero(codes) for name, bits in slow_bits(codes, height, MACHINE).items()}
    assert blocked.bits(16) == pytest.approx(expected)
    report = blocked.run(np.ones(12))
    assert report.cycles == slow_cycles(blocked, range(12))
    assert report.macs == np.count_nonzero(codes)
    assert report.entries == blocked.mem.n_entries * height


def test_blocks_of_one_row_are_eies_format():
    layer, x = eie.draw_layer(300, 100, 0.1, 0, bias=False), eie.draw_activations(100, 0.4, 1)
    assert Blocked.of(layer, 1, MACHINE).run(x) == eie.simulate(layer, x, MACHINE)


def test_reads_of_entries_that_straddle_rows():
    codes = np.zeros((32, 2), np.uint8)
    codes[::4, :] = 1  # one PE; a block of 4 rows an entry of 20 bits; 8 blocks a column, 160 bits
    blocked = Blocked.of(eie.CompressedLayer.from_codes(codes, CODEBOOK), 4, eie.Machine(n_pe=1))
    assert blocked.run(np.array([1.0, 0.0])).spmat_reads == 3  # bits 0..159 of rows of 64
    assert blocked.run(np.array([0.0, 1.0])).spmat_reads == 3  # bits 160..319: rows 2, 3, 4
    assert blocked.run(np.ones(2)).spmat_reads == 5


def test_pruned_by_block_has_whole_blocks():
    layer = prune_by_block(64, 50, 0.2, 4, 0)
    kept = (layer.to_scipy().toarray() != 0).reshape(16, 4, 50)
    assert (kept.all(axis=1) == kept.any(axis=1)).all()
    assert layer.density == pytest.approx(0.2, abs=0.03)
    assert Blocked.of(layer, 4, MACHINE).bits(16)["zeros in blocks"] == 0


def test_rows_that_no_block_fits():
    with pytest.raises(ValueError, match="n_out must be a multiple of the block's 4 rows, got 30"):
        prune_by_block(30, 5, 0.2, 4, 0)
    with pytest.raises(ValueError, match=r"height must be an integer in 1\.\.64, got 65"):
        Blocked.of(prune_by_block(32, 5, 0.2, 4, 0), 65, MACHINE)


@pytest.fixture(scope="module")
def result():
    return overheads(n_in=128, n_out=1024, heights=[1, 4], draws=2)


def test_bits_add_up(result):
    for frame in (result.sweeps, result.blocks):
        assert frame["bits"].to_numpy() == pytest.approx(frame[list(PARTS)].sum(axis=1).to_numpy())
    assert (result.sweeps["code"] == 4).all()


def test_pointers_grow_with_pes_and_padding_falls(result):
    own = result.table().loc["n_pe"]
    assert own["pointers"].is_monotonic_increasing
    assert own["padding"].is_monotonic_decreasing


def test_blocks_help_only_where_pruned_for_them(result):
    table = result.of_blocks()["bits"]
    assert table[BY_BLOCK, 4] < table[UNSTRUCTURED, 1] < table[UNSTRUCTURED, 4]


def test_words_and_plot(result):
    bits = result.of_blocks().loc[(UNSTRUCTURED, 1), "bits"]
    assert f"EIE stores **{bits:.2f} ± " in result.answer()
    assert result.plot().axes[0].get_ylabel() == "bits per kept weight"
