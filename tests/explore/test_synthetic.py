import tracemalloc

import numpy as np
import pytest

import eie
from eie.explore import synthetic
from eie.explore.spread import UNIFORM, Spread, fitted_spreads, measured_spread, resolved, spread_of


def test_same_seed_same_layer():
    assert eie.draw_layer(300, 200, 0.1, 5) == eie.draw_layer(300, 200, 0.1, 5)
    assert eie.draw_layer(300, 200, 0.1, 5) != eie.draw_layer(300, 200, 0.1, 6)
    np.testing.assert_array_equal(eie.draw_activations(50, 0.4, 1), eie.draw_activations(50, 0.4, 1))


def test_a_drawn_layer_stays_the_same_over_versions():
    # What the book shows rests on these numbers; a change of generator must be noticed. They changed when layers
    # came to be drawn in bulk, with the spread of real pruned ones.
    layer = eie.draw_layer(1000, 1000, 0.1, 0)
    assert (layer.nnz, int(layer.rows[:100].sum()), int(layer.codes[:100].sum())) == (100240, 38916, 702)


@pytest.mark.parametrize("density", [0.0, 0.02, 0.25, 0.7, 0.97, 1.0])
@pytest.mark.parametrize("spread", [None, UNIFORM, Spread(0.13, 0.08, 0.96, block_columns=7, block_cv=1.0)])
def test_density_is_the_one_asked_for(density, spread):
    layer = eie.draw_layer(800, 600, density, 1, spread)
    cells = 800 * 600
    chance = np.sqrt(density * (1 - density) / cells)
    assert layer.density == pytest.approx(density, abs=5 * chance + 0.002 * density)


@pytest.mark.parametrize(
    ("n_out", "n_in", "density"), [(4096, 4096, 0.09), (1000, 4096, 0.25), (8791, 600, 0.11), (2000, 2000, 0.7)]
)
@pytest.mark.parametrize("spread", [measured_spread(), 10, None, 75])
def test_spread_is_the_one_asked_for(n_out, n_in, density, spread):
    asked = resolved(spread, density, n_out / n_in)
    found = spread_of(eie.draw_layer(n_out, n_in, density, 2, spread))
    # A standard deviation over n samples is known to a fraction of 1 / sqrt(2 n); four times that is allowed.
    assert found.row_cv == pytest.approx(asked.row_cv, rel=4 / np.sqrt(2 * n_out) + 0.02)
    assert found.column_cv == pytest.approx(asked.column_cv, rel=4 / np.sqrt(2 * n_in) + 0.02)
    assert found.bias_density == pytest.approx(asked.bias_density, abs=0.02)


def test_random_bits_are_those_of_splitmix64():
    words = np.empty(3, np.uint64)
    synthetic._mix(np.uint64(1234567), words)
    assert words.tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]  # known answers for this seed


def test_rows_are_hit_as_their_rates_say():
    rates = np.array([3.0, 0.0, 1.0, 0.5, 2.5, 1.0])
    table = synthetic._alias(rates)
    below, other = table >> np.uint64(32), table & np.uint64(0xFFFFFFFF)
    found = below / 2**32
    np.add.at(found, other.astype(int), 1 - below / 2**32)
    np.testing.assert_allclose(found, len(rates) * rates / rates.sum(), atol=1e-8)


@pytest.mark.parametrize("n_out", [1, 63, 64, 65, 1000])
@pytest.mark.parametrize("holes", [False, True])
def test_columns_hold_the_rows_that_are_hit(n_out, holes):
    # Slow and obvious: the set of the rows that the same bits hit.
    rng = np.random.default_rng(1)
    hits, table = np.array([0, 1, 5, 300, 2, 64]), synthetic._alias(rng.random(n_out) + 0.1)
    bits = rng.integers(0, 2**32, hits.sum(), dtype=np.uint32)
    indptr, rows = np.zeros(7, np.int64), np.empty(6 * n_out + 500, np.int32)
    turned = synthetic._turned(n_out, holes)
    synthetic._mark_columns(0, hits, bits, table, indptr, rows, np.zeros_like(turned), turned)
    for j, part in enumerate(np.split(bits, np.cumsum(hits)[:-1])):
        place = [divmod(int(word) * n_out, 2**32) for word in part]
        found = {row if at <= int(table[row]) >> 32 else int(table[row]) & 0xFFFFFFFF for row, at in place}
        wanted = set(range(n_out)) - found if holes else found
        assert rows[indptr[j] : indptr[j + 1]].tolist() == sorted(wanted)


def test_high_columns_are_drawn_alike_whether_marked_or_sorted():
    rng, n_out = np.random.default_rng(2), 2**13
    hits, table = np.full(20, 7), synthetic._alias(rng.random(n_out) ** 2000)  # a few rows are hit again and again
    bits = rng.integers(0, 2**32, hits.sum(), dtype=np.uint32)
    found = []
    for fill, marks in (
        (synthetic._mark_columns, np.zeros((2, n_out // 64), np.uint64)),
        (synthetic._sort_columns, ()),
    ):
        indptr, rows = np.zeros(21, np.int64), np.empty(300, np.int32)
        fill(0, hits, bits, table, indptr, rows, *marks)
        found.append((indptr.tolist(), rows[: indptr[-1]].tolist()))
    assert found[0] == found[1]
    assert len(found[0][1]) < hits.sum()


def test_typical_spread():
    low, median, high = (eie.typical_spread(0.1, percentile) for percentile in (10, 50, 90))
    assert low.row_cv < median.row_cv < high.row_cv
    assert low.column_cv < median.column_cv < high.column_cv
    assert eie.typical_spread(0.05).row_cv > median.row_cv > eie.typical_spread(0.3).row_cv
    dropout, any_method = (eie.typical_spread(0.1, method=name).row_cv for name in ("variational_dropout", "any"))
    assert dropout > any_method > median.row_cv
    assert eie.typical_spread(0.1, shape=4).row_cv > median.row_cv > eie.typical_spread(0.1, shape=0.2).row_cv
    assert eie.typical_spread(1.0).row_cv == 0
    assert eie.typical_spread(0.0) == eie.typical_spread(0.001)


def test_spread_of_a_layer_with_one_full_column_is_the_largest():
    codes = np.zeros((200, 1000), int)
    codes[:, 7] = 1
    layer = eie.CompressedLayer.from_codes(codes, np.linspace(0, 1, 16))
    assert spread_of(layer).column_cv == 10
    assert eie.draw_layer(200, 1000, layer.density, 0, spread_of(layer)).n_in == 1000


def test_typical_spread_is_what_the_file_says():
    a, b, c = fitted_spreads()["magnitude"]["row"][1]
    assert eie.typical_spread(0.2, 50, shape=2).row_cv == pytest.approx(a * 4**b * 2**c)


def test_percentiles_between_those_fitted():
    at = [eie.typical_spread(0.1, percentile).row_cv for percentile in range(10, 91, 5)]
    assert np.all(np.diff(at) > 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"density": 1.5}, r"density must be a fraction in 0..1, got 1.5"),
        ({"percentile": 5}, r"percentile must be in 10..90, got 5"),
        ({"percentile": float("nan")}, r"percentile must be in 10..90, got nan"),
        ({"method": "random"}, r"method must be one of magnitude, variational_dropout, l0, any, got 'random'"),
        ({"shape": 0}, r"shape must be finite and above 0, got 0"),
    ],
)
def test_bad_typical_spreads(arguments, message):
    with pytest.raises(ValueError, match=message):
        eie.typical_spread(**({"density": 0.1} | arguments))


@pytest.mark.parametrize("spread", [eie.Spread(10, 10, 1), eie.Spread(10, 0, 1)])
@pytest.mark.parametrize("density", [0.02, 0.3, 0.9])
def test_no_spread_makes_a_layer_take_long(spread, density):
    layer = eie.draw_layer(300, 200, density, 0, spread)
    assert layer.density == pytest.approx(density, rel=0.1)


def test_drawn_layers_pass_all_checks():
    drawn = eie.draw_layer(300, 200, 0.2, 0)
    fields = (drawn.n_out, drawn.n_in, drawn.indptr, drawn.rows, drawn.codes, drawn.codebook, drawn.bias_codes)
    assert eie.CompressedLayer(*fields) == drawn
    assert not drawn.rows.flags.writeable


def test_uniform_has_no_spread_beyond_chance():
    found = spread_of(eie.draw_layer(2000, 2000, 0.1, 3, UNIFORM))
    assert (found.row_cv, found.column_cv) == (pytest.approx(0, abs=0.03), pytest.approx(0, abs=0.03))


def test_cells_are_kept_independently():
    # Uniform spread: gaps between entries of a column are geometric, so 1 - q^16 of them need no padding zero.
    layer = eie.draw_layer(20_000, 50, 0.05, 4, UNIFORM, bias=False)
    mem = eie.encode(layer, eie.Machine(n_pe=1))
    assert mem.column_macs.sum() / mem.n_entries == pytest.approx(1 - 0.95**16, abs=0.005)


def test_blocks_make_rows_differ_between_blocks_only():
    layer = eie.draw_layer(500, 400, 0.1, 5, Spread(0.0, 0.0, 1.0, block_columns=20, block_cv=1.5))
    in_block = layer.to_scipy().toarray()[:, :20].astype(bool).sum(axis=1)
    assert in_block.std() / in_block.mean() > 1.2
    assert spread_of(layer).row_cv == pytest.approx(1.5 / np.sqrt(20), rel=0.2)


def test_codes_are_uniform_and_weights_are_not_zero():
    layer = eie.draw_layer(500, 500, 0.2, 6)
    counts = np.bincount(layer.codes, minlength=16)
    assert counts[0] == 0
    assert counts[1:].std() / counts[1:].mean() < 5 / np.sqrt(counts[1:].mean())
    assert layer.codebook[1:].all()
    np.testing.assert_allclose(np.diff(layer.codebook[1:], n=2), 0, atol=1e-7)


@pytest.mark.parametrize("density", [0.0, 0.183, 1.0])
def test_activations(density):
    activations = eie.draw_activations(25088, density, 7)
    assert np.count_nonzero(activations) == round(density * 25088)
    assert activations.min() >= 0


def test_less_dense_inputs_of_a_seed_lie_within_denser_ones():
    sparse, dense = (eie.draw_activations(1000, density, 8) > 0 for density in (0.2, 0.5))
    assert np.all(dense[sparse])


def test_memory_goes_with_the_entries():
    tracemalloc.start()
    layer = eie.draw_layer(4096, 25088, 0.01, 9)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 * layer.nnz


@pytest.mark.parametrize("density", [5e-324, 2.3e-313, 1e-300, 1e-17, 2e-16])
def test_a_density_that_a_float_cannot_tell_from_0_beside_1(density):
    assert eie.draw_layer(100, 70, density, 0).nnz == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_out": 0}, r"n_out must be an integer in 1..268435456, got 0"),
        ({"n_in": 1.5}, r"n_in must be an integer in 1..268435456, got 1.5"),
        ({"density": 1.01}, r"density must be a fraction in 0..1, got 1.01"),
        ({"density": float("nan")}, r"density must be a fraction in 0..1, got nan"),
        ({"n_out": 10**6, "n_in": 10**6}, r"a drawn layer must have at most 268435456 entries, got 5e\+11"),
        ({"weight_bits": 0}, r"weight_bits must be an integer in 1..8, got 0"),
        ({"seed": -1}, r"seed must be an integer in 0..9223372036854775807, got -1"),
        ({"seed": 1.5}, r"seed must be an integer in 0..9223372036854775807, got 1.5"),
        ({"seed": None}, r"seed must be an integer in 0..9223372036854775807, got None"),
    ],
)
def test_bad_layers(arguments, message):
    with pytest.raises(ValueError, match=message):
        eie.draw_layer(**({"n_out": 4, "n_in": 4, "density": 0.5, "seed": 0} | arguments))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-0.1, 0, 1), r"row_cv must be in 0..10, got -0.1"),
        ((0, 11, 1), r"column_cv must be in 0..10, got 11"),
        ((0, 0, 2), r"bias_density must be a fraction in 0..1, got 2"),
        ((0, 0, 1, 0), r"block_columns must be an integer in 1..2147483647, got 0"),
        ((0, 0, 1, 1, float("nan")), r"block_cv must be in 0..10, got nan"),
    ],
)
def test_bad_spreads(arguments, message):
    with pytest.raises(ValueError, match=message):
        Spread(*arguments)
