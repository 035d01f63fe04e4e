import numpy as np
import pytest
from translators import Letters

from eie.models import translator
from eie.models.translator import Translator
from eie.studies.retrospective import models, progressive
from eie.studies.retrospective.progressive import Progressive, rounded

KEYS = np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype(np.float32)


@pytest.mark.parametrize("bits", [1, 4, 7, 8])
def test_high_bits_one_by_one(bits):
    found = rounded(KEYS, bits)
    for s, h in np.ndindex(2, 3):
        step = np.abs(KEYS[s, h]).max() / 127
        for place in np.ndindex(5, 4):
            whole = round(float(KEYS[s, h][place] / step))
            known = whole >> (8 - bits) << (8 - bits)  # the sign is among the high bits
            unknown = (2 ** (8 - bits) - 1) / 2
            assert found[s, h][place] == pytest.approx((known + unknown) * step, rel=1e-5, abs=1e-6)


def test_zeros_can_be_keys():
    assert np.abs(rounded(np.zeros((1, 2, 2), np.float32), 4)).max() < 1e-30


def attention(model):
    queries = np.random.default_rng(1).normal(size=(2, 3, 6, 4)).astype(np.float32)
    mask = np.float32([[0, 0, 0, -np.inf, -np.inf], [0, 0, 0, 0, 0]])[:, np.newaxis, np.newaxis]
    return model.attention(4 * queries, KEYS, mask)


def test_flat_attention_is_fetched_again(tensors):
    model = Progressive(tensors, Letters(), threshold=0.6)
    found = attention(model)
    results = [attention(Progressive(tensors, Letters(), high_bits=bits)) for bits in (4, 8)]
    flat = results[0].max(axis=-1) < 0.6
    assert 0 < flat.mean() < 1
    np.testing.assert_array_equal(found, np.where(flat[..., np.newaxis], results[1], results[0]))
    n_keys = np.array([3, 5])[:, np.newaxis, np.newaxis]
    assert model.counts["keys"] == (n_keys + 0 * flat).sum()
    assert model.counts["again"] == (n_keys * flat).sum()
    assert model.bits == 4 + 4 * model.counts["again"] / model.counts["keys"]
    assert 0 < model.misplaced < 1


def test_all_bits_are_close_to_float(tensors):
    model, whole = Progressive(tensors, Letters(), high_bits=8), Translator(tensors, Letters())
    np.testing.assert_allclose(model.encode([1, 2, 3]), whole.encode([1, 2, 3]), atol=0.05)
    assert model.bits == 8


def test_the_committed_table_says_what_the_page_says():
    result = progressive.precision()
    two = result.rows[result.rows["way"] == progressive.PROGRESSIVE]
    assert two["bits"].is_monotonic_increasing
    assert two["misplaced"].is_monotonic_decreasing
    assert " bits of a key's 8 fetched on average (4 first" in result.words()


@pytest.mark.needs_data("translator", "ddddocr")
def test_a_slice_of_the_committed_table_is_measured_again():
    known = progressive.precision().rows.iloc[0]
    model = translator.load()
    found = Progressive(model.tensors, model.vocabulary)
    found.translate(models.sentences(6))
    assert found.misplaced == pytest.approx(known["misplaced"], abs=0.01)  # of six sentences instead of all
    assert found.bits == known["bits"] == 4
