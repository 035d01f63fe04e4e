import naive
import numpy as np
import pytest
from cases import CODEBOOK, batches, runs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import eie
from eie import values
from eie._sums import bitmap, expansion
from eie.fixedpoint import FixedPoint, LayerFormats


@settings(max_examples=300, deadline=None)
@given(runs(), st.integers(2, 12), st.integers(2, 12), st.integers(2, 12), st.integers(4, 16))
def test_bit_exact(run, weight_frac, act_frac, out_frac, bits):
    machine, codes, bias, activations, codebook = run
    formats = LayerFormats(FixedPoint(16, weight_frac), FixedPoint(16, act_frac), FixedPoint(bits, out_frac))
    weights, _ = formats.weight.quantize(np.float32(codebook))
    raw, clipped = formats.activation.quantize(np.append(activations, 1.0) if bias is not None else activations)
    sums, saturations = naive.infer(codes, bias, weights, raw, formats.places, formats.output.low, formats.output.high)
    layer = eie.CompressedLayer.from_codes(codes, codebook, bias)
    inferred = eie.infer(layer, activations, machine, formats=formats, relu=False)
    assert inferred.raw.tolist() == sums
    assert (inferred.saturations, inferred.input_saturations) == (saturations, clipped)
    rectified = eie.infer(layer, activations, machine, formats=formats)
    assert rectified.raw.tolist() == [max(total, 0) for total in sums]


@settings(max_examples=100, deadline=None)
@given(runs(), st.sampled_from([8, 16, 32]))
def test_calibrated_formats_saturate_nowhere_and_are_accurate(run, bits):
    machine, codes, bias, activations, codebook = run
    layer = eie.CompressedLayer.from_codes(codes, codebook, bias)
    formats = eie.calibrate(layer, activations, machine, bits=bits)
    inferred = eie.infer(layer, activations, machine, formats=formats, relu=False)
    assert (inferred.saturations, inferred.input_saturations) == (0, 0)
    weights = np.where(codes > 0, np.float32(codebook)[codes].astype(float), 0.0)
    exact = weights @ activations + (0 if bias is None else np.where(bias > 0, np.float32(codebook)[bias], 0.0))
    # Half a step for each rounded factor, and half a step for each rounded product.
    step = {name: 2.0 ** -getattr(formats, name).frac for name in ("weight", "activation", "output")}
    of_factors = step["weight"] * (activations.sum() + 1) + step["activation"] * np.abs(weights).sum(axis=1).max()
    products = codes.shape[1] + 1
    assert np.abs(inferred.values - exact).max() <= 0.5 * (of_factors + products * step["output"]) * 1.01 + 1e-9


@settings(max_examples=150, deadline=None)
@given(batches(), st.booleans(), st.integers(0, 2**32 - 1))
def test_many_vectors_are_as_many_runs(batch, with_bias, seed):
    machine, layer, vectors = batch
    bias = 3 * np.random.default_rng(seed).normal(size=layer.n_out) if with_bias else None
    # Few bits on purpose, so that sums saturate.
    formats = LayerFormats(FixedPoint(8, 5), FixedPoint(8, 6), FixedPoint(6, 3))
    together = eie.infer(layer, vectors, machine, formats=formats, bias=bias)
    alone = [eie.infer(layer, vector, machine, formats=formats, bias=bias) for vector in vectors]
    assert together.raw.tolist() == [run.raw.tolist() for run in alone]
    assert together.saturations == sum(run.saturations for run in alone)
    assert together.input_saturations == sum(run.input_saturations for run in alone)


@settings(max_examples=100, deadline=None)
@given(runs(), st.sampled_from([1, 20]))
def test_memories_that_were_not_encoded_here(run, vectors):
    machine, codes, bias, activations, codebook = run
    mem = eie.encode(eie.CompressedLayer.from_codes(codes, codebook, bias), machine)
    memories = [mem.pe(p) for p in range(mem.n_pe)]
    read = eie.InterleavedCSC.from_memories(mem.n_out, mem.n_in, machine, codebook, memories, bias is not None)
    formats = LayerFormats(FixedPoint(8, 5), FixedPoint(8, 6), FixedPoint(8, 4))
    inputs = np.tile(activations, (vectors, 1))
    expected, found = (eie.infer(each, inputs, machine, formats=formats) for each in (mem, read))
    assert found.raw.tolist() == expected.raw.tolist()
    assert found.saturations == expected.saturations


@pytest.mark.parametrize("bits", [16, 30, 31, 32])
@pytest.mark.parametrize("vectors", [1, 20])
def test_sums_that_go_far_beyond_their_range(bits, vectors):
    """Products that come all the way round 32 bits must not be taken for small ones."""
    codes = np.array([[1, 1, 1, 2], [1, 2, 1, 2], [3, 3, 3, 3]])
    formats = LayerFormats(FixedPoint(16, 0), FixedPoint(16, 0), FixedPoint(bits, 14))
    weights, activations = np.array([0, 2.0**14, -(2.0**14), 1.0]), np.array([2.0**14, 2.0**14, 4.0, 2.0**3])
    sums, saturations = naive.infer(
        codes,
        None,
        weights.astype(int).tolist(),
        activations.astype(int).tolist(),
        -14,
        -(2 ** (bits - 1)),
        2 ** (bits - 1) - 1,
    )
    layer, machine = eie.CompressedLayer.from_codes(codes, weights), eie.Machine(n_pe=2, weight_bits=2)
    inferred = eie.infer(layer, np.tile(activations, (vectors, 1)), machine, formats=formats, relu=False)
    assert inferred.raw.tolist() == vectors * [sums]
    assert inferred.saturations == vectors * saturations > 0


@pytest.fixture
def bitmaps_for_all(monkeypatch):
    """Bitmaps are used for every layer, from the first vector on."""
    monkeypatch.setattr(expansion, "ENTRIES", 0)
    monkeypatch.setattr(expansion, "ENTRIES_OF_A_WORD", 0)
    monkeypatch.setattr(expansion, "VECTORS", 1)
    monkeypatch.setattr(expansion, "ENTRIES_BY_ROWS", 0)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.tuples(st.sampled_from([1, 127, 128, 129, 255, 256, 300]), st.integers(1, 70)),
    st.sampled_from([0, 0.02, 0.3, 1]),
    st.booleans(),
    st.sampled_from([1, 3, 9]),
    st.integers(4, 16),
    st.integers(0, 2**32 - 1),
)
def test_bitmaps_give_the_same_sums(bitmaps_for_all, monkeypatch, size, density, with_bias, vectors, frac, seed):
    """Fine formats saturate, often in the middle of a sum, and in the finest not even a product fits."""
    layer = eie.draw_layer(*size, density, seed % 1000, bias=with_bias)
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(vectors, size[1])) * (rng.random(size[1]) < 0.6)
    bias = rng.normal(size=size[0]) if with_bias else None
    formats = LayerFormats(FixedPoint(16, 14), FixedPoint(16, 11), FixedPoint(16, frac))
    mem = eie.encode(layer, eie.Machine())
    found = eie.infer(mem, inputs, formats=formats, bias=bias, relu=False, signed=True)
    assert (mem.expansion.maps is not None) == bitmap.can_expand()
    with monkeypatch.context() as off:
        off.setenv(bitmap.SWITCH, "0")
        expected = eie.infer(mem, inputs, formats=formats, bias=bias, relu=False, signed=True)
    assert found.raw.tolist() == expected.raw.tolist()
    assert found.saturations == expected.saturations


@pytest.mark.skipif(not bitmap.can_expand(), reason="this processor has no AVX-512 VBMI2")
def test_sums_that_are_clipped_are_left_to_the_other_kernels(bitmaps_for_all):
    """A sum that is clipped once and comes back has to be noticed, or it would not be counted."""
    codes = np.array([[1, 1, 1, 2], [2, 2, 0, 1]])
    layer = eie.CompressedLayer.from_codes(codes, np.array([0, 1, -1, *[0] * 13]))
    mem, integers = eie.encode(layer, eie.Machine()), FixedPoint(16, 0)
    inputs, start = np.array([[15000, 15000, 15000, 100]]), np.zeros(2, np.int64)
    formats = LayerFormats(FixedPoint(16, 14), integers, integers)
    assert values._expanded_sums(mem, inputs, formats, start) == (None, True)
    raw, saturations = values.multiply(mem, inputs, formats)
    assert (raw.tolist(), saturations) == ([[2**15 - 101, -29900]], 1)
    sums, clipped = values._expanded_sums(mem, inputs // 2, formats, start)
    assert sums is not None
    assert not clipped
    assert sums.tolist() == [[22450, -14950]]


@pytest.mark.skipif(not bitmap.can_expand(), reason="this processor has no AVX-512 VBMI2")
def test_bitmaps_are_laid_out_where_they_are_worth_it():
    """A large layer gets them in time, and at once for a batch; a thin or a small one never; they stay small."""
    formats = LayerFormats(FixedPoint(16, 12), FixedPoint(16, 12), FixedPoint(16, 8))

    def laid_out(n_out, n_in, density, vectors, runs):
        mem = eie.encode(eie.draw_layer(n_out, n_in, density, 0), eie.Machine())
        inputs = np.stack([eie.draw_activations(n_in, 0.4, seed) for seed in range(vectors)])
        for _ in range(runs):
            eie.infer(mem, inputs, formats=formats)
        maps = mem.expansion.maps
        if maps is not None:
            assert maps.n_bytes < 3 * mem.column_macs.sum() + bitmap.LINE + maps.start.nbytes
        return maps is not None

    assert laid_out(1024, 1024, 0.1, 1, expansion.VECTORS)
    assert not laid_out(1024, 1024, 0.1, 1, expansion.VECTORS - 1)
    assert laid_out(1024, 1024, 0.1, 8, 1)
    assert laid_out(1024, 1024, 0.035, 1, expansion.VECTORS)
    assert not laid_out(4096, 1024, 0.02, 1, expansion.VECTORS)
    assert not laid_out(256, 256, 0.3, 8, 2)


def test_more_vectors_than_a_block_holds():
    layer = eie.draw_layer(30, 50, 0.4, 0)
    formats = LayerFormats(FixedPoint(16, 12), FixedPoint(16, 12), FixedPoint(8, 6))
    vectors = np.stack([eie.draw_activations(50, 0.5, seed) for seed in range(600)])
    together = eie.infer(layer, vectors, formats=formats, relu=False)
    alone = [eie.infer(layer, vector, formats=formats, relu=False) for vector in vectors]
    np.testing.assert_array_equal(together.raw, [run.raw for run in alone])
    assert together.saturations == sum(run.saturations for run in alone) > 0


@settings(max_examples=150, deadline=None)
@given(runs(), st.integers(4, 16), st.integers(-6, 20), st.integers(0, 2**32 - 1))
def test_accumulators_start_from_the_bias(run, bits, out_frac, seed):
    machine, codes, bias_codes, activations, codebook = run
    formats = LayerFormats(FixedPoint(16, 9), FixedPoint(16, 10), FixedPoint(bits, out_frac))
    bias = np.random.default_rng(seed).normal(size=len(codes))
    weights, _ = formats.weight.quantize(np.float32(codebook))
    raw, _ = formats.activation.quantize(np.append(activations, 1.0) if bias_codes is not None else activations)
    start, clipped = formats.output.quantize(bias)
    limits = (formats.output.low, formats.output.high)
    sums, saturations = naive.infer(codes, bias_codes, weights, raw, formats.places, *limits, start)
    layer = eie.CompressedLayer.from_codes(codes, codebook, bias_codes)
    inferred = eie.infer(layer, activations, machine, formats=formats, bias=bias, relu=False)
    assert (inferred.raw.tolist(), inferred.saturations) == (sums, saturations + clipped)


@settings(max_examples=50, deadline=None)
@given(batches(), st.sampled_from([8, 16, 32]), st.sampled_from([1e-3, 1.0, 1e4]))
def test_calibrated_formats_of_a_batch_with_bias_saturate_nowhere(batch, bits, scale):
    machine, layer, vectors = batch
    bias = scale * np.linspace(-1, 1, layer.n_out)
    formats = eie.calibrate(layer, vectors, machine, bits=bits, bias=bias)
    inferred = eie.infer(layer, vectors, machine, formats=formats, bias=bias)
    assert (inferred.saturations, inferred.input_saturations) == (0, 0)


def test_calibrate_covers_the_bias():
    layer = eie.CompressedLayer.from_codes([[15]], CODEBOOK)
    assert eie.calibrate(layer, [1.0], bits=8, bias=[100.0]).output == FixedPoint(8, 0)
    assert eie.calibrate(layer, [1.0], bits=8).output == FixedPoint(8, 6)


@pytest.mark.parametrize(
    ("bias", "message"),
    [
        ([1.0, 2.0], r"bias must have shape \(1,\), one per output, got \(2,\)"),
        ([np.nan], "bias must be finite, got nan"),
    ],
)
def test_bad_bias(bias, message):
    layer = eie.CompressedLayer.from_codes([[1]], CODEBOOK)
    with pytest.raises(ValueError, match=message):
        eie.infer(layer, [1.0], bias=bias)


def test_by_hand():
    # 0.5 x 3 + 0.25 x 1 (bias) = 1.75; -0.5 x 3 = -1.5, which ReLU makes 0.
    codebook = np.array([0.0, 0.5, -0.5, 0.25])
    layer = eie.CompressedLayer.from_codes([[1], [2]], codebook, [3, 0])
    machine = eie.Machine(n_pe=2, weight_bits=2, spmat_width_bits=6)
    formats = LayerFormats(FixedPoint(16, 8), FixedPoint(16, 8), FixedPoint(16, 8))
    inferred = eie.infer(layer, [3.0], machine, formats=formats)
    assert inferred.raw.tolist() == [448, 0]
    assert np.asarray(inferred).tolist() == [1.75, 0.0]
    assert (inferred[0], len(inferred)) == (1.75, 2)
    assert eie.infer(layer, [3.0], machine, formats=formats, relu=False)[1] == -1.5


def test_saturation_stays_at_the_end_of_the_range():
    layer = eie.CompressedLayer.from_codes(np.full((1, 8), 15, np.uint8), CODEBOOK)
    formats = LayerFormats(FixedPoint(16, 8), FixedPoint(16, 8), FixedPoint(8, 4))
    inferred = eie.infer(layer, np.full(8, 4.0), eie.Machine(n_pe=1), formats=formats)
    assert (inferred.raw.tolist(), inferred.saturations) == ([127], 7)


def test_number_of_pes_does_not_change_values():
    layer, activations = eie.draw_layer(200, 90, 0.2, 0), eie.draw_activations(90, 0.5, 1)
    raw = [eie.infer(layer, activations, eie.Machine(n_pe=n)).raw for n in (1, 7, 64, 256)]
    for other in raw[1:]:
        np.testing.assert_array_equal(other, raw[0])


def test_bias_must_fit_the_activation_format():
    layer = eie.CompressedLayer.from_codes([[1]], CODEBOOK, [1])
    formats = LayerFormats(FixedPoint(16, 8), FixedPoint(16, 15), FixedPoint(16, 8))
    with pytest.raises(
        ValueError, match=r"activation format must hold the bias's 1.0, got FixedPoint\(bits=16, frac=15\)"
    ):
        eie.infer(layer, [0.5], formats=formats)


@pytest.mark.parametrize("bits", [8, 16])
def test_calibrated_formats_are_the_finest(bits, rng):
    """In the next finer format of weights, activations or sums, something would not fit."""
    layer = eie.CompressedLayer.from_codes(rng.integers(0, 16, (20, 30)), CODEBOOK)
    activations = rng.uniform(0, 3, 30)
    found = eie.calibrate(layer, activations, eie.Machine(n_pe=4), bits=bits)
    for fmt, held in ((found.weight, CODEBOOK), (found.activation, activations)):
        assert fmt.quantize(np.asarray(held))[1] == 0
        assert FixedPoint(bits, fmt.frac + 1).quantize(np.asarray(held))[1] > 0
    finer = LayerFormats(found.weight, found.activation, FixedPoint(bits, found.output.frac + 1))
    assert eie.infer(layer, activations, eie.Machine(n_pe=4), formats=finer).saturations > 0


@pytest.mark.parametrize("n_columns", [1, 1000, 2**20])
def test_exact_sums_of_many_columns_fit_64_bits(n_columns):
    fmt = FixedPoint(32, 20)
    sums = values._exact_sums(fmt, fmt, np.zeros(1), n_columns)
    largest = (1 << 31) ** 2 * n_columns  # in steps of 2**-40
    assert largest * 2.0 ** (sums.frac - 40) < 2**63
    # And no coarser than that takes, but for a bit or two.
    assert sums.frac == 40 or largest * 2.0 ** (sums.frac - 40) >= 2**59
