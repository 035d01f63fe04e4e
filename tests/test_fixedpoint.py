import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eie.fixedpoint import FixedPoint, LayerFormats, saturate, shift


def test_range_and_real_values():
    fmt = FixedPoint(8, 4)
    assert (fmt.low, fmt.high) == (-128, 127)
    assert fmt.real([16, -8]).tolist() == [1.0, -0.5]


def test_quantize_rounds_halves_up_and_saturates():
    raw, saturations = FixedPoint(8, 0).quantize([0.5, -0.5, 1.49, 127.4, 127.5, -128.6, 1e9])
    assert raw.tolist() == [1, 0, 1, 127, 127, -128, 127]
    assert saturations == 3


@given(st.integers(-(2**40), 2**40), st.integers(-8, 20))
def test_shift_rounds_to_the_nearest(product, places):
    if places <= 0:
        assert shift(product, places) == product * 2**-places
    else:
        assert shift(product, places) == (2 * product + 2**places) // 2 ** (places + 1)


def test_saturate():
    assert [saturate(v, FixedPoint(4, 0)) for v in (7, 8, -8, -9)] == [(7, False), (7, True), (-8, False), (-8, True)]


@given(st.floats(0, 1e9), st.integers(2, 32))
def test_covering_is_the_finest_that_holds(limit, bits):
    fmt = FixedPoint.covering(limit, bits)
    assert fmt.quantize([limit, -limit])[1] == 0
    if limit > 1e-6:
        finer = FixedPoint(bits, fmt.frac + 1)
        assert finer.quantize([limit])[1] == 1


@pytest.mark.parametrize("limit", [-1.0, float("nan"), float("inf"), "much"])
def test_covering_needs_a_limit(limit):
    with pytest.raises(ValueError, match="limit must be"):
        FixedPoint.covering(limit)


@pytest.mark.parametrize(
    ("bits", "frac", "message"),
    [(1, 0, r"bits must be an integer in 2..32, got 1"), (16, 65, r"frac must be an integer in -64..64, got 65")],
)
def test_bad_formats(bits, frac, message):
    with pytest.raises(ValueError, match=message):
        FixedPoint(bits, frac)


def test_values_must_be_finite():
    with pytest.raises(ValueError, match="values must be finite, got nan"):
        FixedPoint().quantize(np.array([1.0, np.nan]))


def test_shift_that_would_overflow():
    with pytest.raises(ValueError, match=r"shift of a product must be in 0..62 places, got -1"):
        LayerFormats(FixedPoint(32, 0), FixedPoint(32, 0), FixedPoint(32, 1))
