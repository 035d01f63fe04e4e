import numpy as np
import pytest

import eie
from eie.studies.retrospective import models


def test_chrf_of_hand_solved_strings():
    assert models.chrf(["abc"], ["abc"]) == 100
    assert models.chrf(["abc"], ["xyz"]) == 0


def test_dense_is_decoding_by_hand():
    codes = np.array([[0, 2, 1], [3, 0, 0]])
    layer = eie.CompressedLayer.from_codes(codes, [0.0, 0.5, -1.0, 2.0])
    np.testing.assert_array_equal(models.dense(layer), [[0, -1, 0.5], [2, 0, 0]])


def test_error_is_relative():
    assert models.error(np.array([3.0, 4.0]), np.array([0.0, 4.0])) == 0.75


def test_strings_and_sentences_are_the_same_every_time():
    assert models.strings(3, seed=1) == models.strings(5, seed=1)[:3] != models.strings(3, seed=2)
    assert models.sentences(1) == ["The house is small, but the garden is very beautiful."]
    with pytest.raises(ValueError, match=r"sentences must be an integer in 1\.\."):
        models.sentences(0)
