import subprocess
import sys

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

import eie
from eie._sums import bitmap, registers
from eie.studies.baselines import expand_kernel
from eie.studies.baselines.dot_kernel import ByteCode, can_dot
from eie.studies.baselines.expand_kernel import ExpandLayer

SIZES = st.tuples(st.sampled_from([1, 2, 127, 128, 129, 255, 256, 300, 4097]), st.sampled_from([1, 2, 7, 20, 300]))
DENSITIES = st.sampled_from([0, 0.02, 0.3, 1])
WAYS = pytest.mark.parametrize("switch", ["1", "0"])


def matrix(layer):
    """Codes of all rows and columns, the bias's last."""
    codes = np.zeros((layer.n_out, layer.n_in), np.uint8)
    coo = layer.to_scipy().tocoo()
    codes[coo.row, coo.col] = coo.data
    return codes if layer.bias_codes is None else np.column_stack([codes, layer.bias_codes])


def drawn_inputs(shape, seed):
    """Inputs as after a ReLU: many are zero, all of some columns."""
    rng = np.random.default_rng(seed)
    return np.maximum(rng.standard_normal(shape) * (rng.random(shape[-1]) < 0.6), 0).astype(np.float32)


def in_8_bits(layer, inputs):
    """The products as whole numbers, with weights and inputs rounded, and what a one of them is worth."""
    step = max(float(inputs.max(initial=0)), float(layer.bias_codes is not None), 1e-20) / 255
    scale = float(np.abs(layer.codebook).max()) / 127
    levels = np.rint(inputs * np.float32(1 / step)).astype(int)
    if layer.bias_codes is not None:
        levels = np.append(levels, np.full((len(levels), 1), round(1 / step)), axis=1)
    return levels @ np.rint(layer.codebook / np.float32(scale)).astype(int)[matrix(layer)].T, scale * step


def in_16_bits(layer, inputs, formats):
    """EIE's sums, one addition after the other, and how many of them were clipped."""
    weights = [int(value) for value in formats.weight.quantize(layer.codebook)[0]]
    if layer.bias_codes is not None:
        inputs = np.append(inputs, formats.activation.quantize(np.ones(1))[0])
    sums, clipped = [], 0
    for row in matrix(layer):
        total = 0
        for code, x in zip(row, inputs, strict=True):
            term = (weights[code] * int(x) << max(-formats.places, 0)) + (1 << max(formats.places, 0) >> 1)
            new = total + (term >> max(formats.places, 0))
            total = min(max(new, -(2**15)), 2**15 - 1)
            clipped += new != total
        sums.append(total)
    return sums, clipped


@WAYS
@pytest.mark.parametrize("times_by_one", [0, 3.5, 1000], ids=["one by one", "as usual", "together"])
@pytest.mark.slow
@hypothesis.given(
    SIZES, st.integers(1, 4), st.sampled_from([1, 3, 4, 19]), DENSITIES, st.booleans(), st.integers(0, 99)
)
@hypothesis.settings(
    max_examples=40, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
def test_8_bit_products_are_exact(monkeypatch, switch, times_by_one, size, threads, batch, density, bias, seed):
    monkeypatch.setenv(bitmap.SWITCH, switch)
    monkeypatch.setattr(expand_kernel, "TIMES_BY_ONE", times_by_one)
    layer = eie.draw_layer(*size, density, seed, bias=bias)
    inputs = drawn_inputs((batch, size[1]), seed)
    whole, worth = in_8_bits(layer, inputs)
    found = ExpandLayer.pack(layer, threads).multiply(inputs)
    assert found.dtype == np.float32
    assert (found == whole.astype(np.float32) * np.float32(worth)).all()


@WAYS
@pytest.mark.slow
@hypothesis.given(SIZES, st.integers(1, 4), DENSITIES, st.booleans(), st.integers(6, 16), st.integers(0, 99))
@hypothesis.settings(
    max_examples=40, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
def test_16_bit_sums_are_eies(monkeypatch, switch, size, threads, density, bias, frac, seed):
    monkeypatch.setenv(bitmap.SWITCH, switch)
    layer = eie.draw_layer(*size, density, seed, bias=bias)
    formats = eie.LayerFormats(eie.FixedPoint(16, 14), eie.FixedPoint(16, 11), eie.FixedPoint(16, frac))
    inputs, _ = formats.activation.quantize(drawn_inputs((size[1],), seed))
    try:
        found = ExpandLayer.pack(layer, threads).saturating(inputs, formats)
    except ValueError:
        active = [*inputs, *formats.activation.quantize(np.ones(int(bias)))[0]]
        worst = max(np.abs(formats.weight.quantize(layer.codebook)[0])) * max(active)
        assert worst >> max(formats.places, 0) >= 2**15 - 1
        return
    assert found.tolist() == in_16_bits(layer, inputs, formats)[0]


@WAYS
@pytest.mark.parametrize("sign", [1, -1])
def test_sums_are_clipped_at_both_ends(monkeypatch, switch, sign):
    monkeypatch.setenv(bitmap.SWITCH, switch)
    codes = np.tile([[1, 1, 1, 2], [2, 2, 0, 1]], (40, 1))  # the fourth column brings the sums back
    layer = eie.CompressedLayer.from_codes(codes, sign * np.array([0, 1, -1, *[0] * 13]))
    formats = eie.LayerFormats(eie.FixedPoint(16, 14), eie.FixedPoint(16, 0), eie.FixedPoint(16, 0))
    inputs = np.array([15000, 15000, 15000, 100])
    expected, clipped = in_16_bits(layer, inputs, formats)
    assert clipped == 40
    assert set(expected) == {sign * (2**15 - 1) - 100 if sign > 0 else -(2**15) + 100, sign * -29900}
    assert ExpandLayer.pack(layer).saturating(inputs, formats).tolist() == expected


@WAYS
def test_a_term_beyond_16_bits_is_refused(monkeypatch, switch):
    monkeypatch.setenv(bitmap.SWITCH, switch)
    packed = ExpandLayer.pack(eie.CompressedLayer.from_codes(np.ones((1, 1), int), np.arange(16) / 15))
    for frac, fits in ((14, True), (15, False)):
        formats = eie.LayerFormats(eie.FixedPoint(16, 14), eie.FixedPoint(16, 14), eie.FixedPoint(16, frac))
        if fits:
            packed.saturating([2**14], formats)
        else:
            with pytest.raises(ValueError, match="a weight times an input must fit 16 bits"):
                packed.saturating([2**15 - 1], formats)


def test_codes_of_two_rows_share_a_byte():
    codes = np.zeros((130, 2), int)
    codes[[0, 3, 126, 127], 0] = 5, 6, 7, 8
    codes[129, 1] = 9
    maps = ExpandLayer.pack(eie.CompressedLayer.from_codes(codes, np.arange(16))).bitmaps
    no_ones, pairs_0_1_63, pair_0 = [0] * 8, [3, *[0] * 6, 128], [1, *[0] * 7]
    first, second, empty = [*pairs_0_1_63, 0x05, 0x60, 0x87, *no_ones], [*no_ones, *pair_0, 0x90], [*no_ones, *no_ones]
    assert maps.data[: -bitmap.LINE].tolist() == [*first, *second, *empty]
    assert maps.start.tolist() == [[0, 19, 36, 52]]
    assert (maps.words, maps.parts, maps.height) == (2, 1, 256)


def test_each_thread_has_rows_of_its_own():
    codes = np.zeros((300, 1), int)
    codes[[0, 299], 0] = 5, 6
    maps = ExpandLayer.pack(eie.CompressedLayer.from_codes(codes, np.arange(16)), threads=2).bitmaps
    assert (maps.words, maps.parts) == (2, 2)
    assert maps.start.tolist() == [[0, 17, 33], [33, 50, 66]]
    assert maps.data[33:42].tolist() == [0, 0, 32, 0, 0, 0, 0, 0, 0x60]  # rows 42 and 43 of the second part


def test_wrong_inputs_and_formats():
    packed = ExpandLayer.pack(eie.draw_layer(20, 10, 0.5, 0))
    wide = eie.LayerFormats(eie.FixedPoint(16, 14), eie.FixedPoint(16, 14), eie.FixedPoint(18, 10))
    for wrong, shown in ((-2, r"-2\.0"), (np.nan, "nan"), (np.inf, "inf")):
        with pytest.raises(ValueError, match=f"inputs must be finite and 0 or more, as after a ReLU, got {shown}"):
            packed.multiply([wrong, *[0] * 9])
    with pytest.raises(ValueError, match=r"got \(9,\)"):
        packed.saturating(np.ones(9, int), wide)
    with pytest.raises(ValueError, match="the accumulator must have 16 bits"):
        packed.saturating(np.ones(10, int), wide)


@pytest.mark.parametrize("missing", sorted(ByteCode.needed))
def test_nothing_is_emitted_that_the_processor_has_not(monkeypatch, missing):
    monkeypatch.setattr(registers, "compiled_features", lambda: ByteCode.needed - {missing})
    with pytest.raises(NotImplementedError, match=f"this processor has no {missing}"):
        ByteCode(None, None, None, [])
    monkeypatch.setattr(bitmap, "compiled_features", lambda: ByteCode.needed - {missing})
    monkeypatch.setattr(bitmap, "_instructions", bitmap._instructions.__wrapped__)
    assert not can_dot()
    if missing in bitmap.NEEDED:
        assert not bitmap.can_expand()


def test_the_switch_turns_the_instructions_off(monkeypatch):
    monkeypatch.setenv(bitmap.SWITCH, "0")
    assert not bitmap.can_expand()
    monkeypatch.delenv(bitmap.SWITCH)
    assert bitmap.can_expand() == (bitmap._instructions() >= bitmap.NEEDED)


RUN = """
import numpy as np, eie
from eie._sums.bitmap import can_expand
from eie.studies.baselines.expand_kernel import ExpandLayer
packed = ExpandLayer.pack(eie.draw_layer(300, 70, 0.2, 0))
print(can_expand(), packed.multiply(np.arange(420).reshape(6, 70) % 7).tobytes().hex())
"""


@pytest.mark.slow
def test_a_processor_without_the_instructions_computes_the_same(tmp_path, monkeypatch):
    def run(**environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        done = subprocess.run([sys.executable, "-c", RUN], check=True, capture_output=True, text=True)
        return done.stdout.split()

    usual = run()
    lesser = run(NUMBA_CPU_NAME="x86-64", NUMBA_CPU_FEATURES="", NUMBA_CACHE_DIR=str(tmp_path))
    assert lesser == ["False", usual[1]]
