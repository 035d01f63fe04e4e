import numpy as np
import pytest
from translators import Letters

from eie.models import translator
from eie.models.translator import ENCODER_LAYERS, Translator
from eie.studies.retrospective import models, tokens
from eie.studies.retrospective.tokens import TokenPruned

SOURCE = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]


def test_keeping_all_tokens_changes_nothing(tensors):
    whole = Translator(tensors, Letters())
    for seed in (None, 0):
        same = TokenPruned(tensors, Letters(), keep=1.0, seed=seed)
        np.testing.assert_array_equal(same.encode(SOURCE), whole.encode(SOURCE))
        assert same.translate(["abc"]) == whole.translate(["abc"])


def test_the_token_that_the_others_look_at_least_goes_first(tensors):
    """With one token to drop, in the last layer: it is the one with the smallest column of all attention so far."""
    whole, thin = Translator(tensors, Letters()), TokenPruned(tensors, Letters(), keep=0.91)
    x, received = whole.embed(SOURCE), np.zeros(len(SOURCE))
    for layer in range(1, ENCODER_LAYERS + 1):
        x, attention = whole.encoder_layer(x, layer)
        np.testing.assert_allclose(attention.sum(axis=-1), 1, rtol=1e-5)
        received += [sum(attention[h, :, k].sum() for h in range(len(attention))) for k in range(len(SOURCE))]
    assert len(thin.encode(SOURCE)) == len(SOURCE)  # 9.1 tokens are ten
    dropped = TokenPruned(tensors, Letters(), keep=0.9).encode(SOURCE)
    np.testing.assert_allclose(dropped, np.delete(x, received.argmin(), axis=0), rtol=1e-5)


@pytest.mark.parametrize("keep", [0.0, 0.35, 0.5])
def test_a_share_is_left(tensors, keep):
    assert len(TokenPruned(tensors, Letters(), keep=keep).encode(SOURCE)) == max(1, np.ceil(10 * keep))
    assert len(TokenPruned(tensors, Letters(), keep=keep, seed=3).encode(SOURCE)) == max(1, np.ceil(10 * keep))


def test_work_is_products_of_tokens_and_weights(tensors):
    model = Translator(tensors, Letters())
    found, done = tokens.translated(model, ["abc"])
    assert found == model.translate(["abc"])
    encoder = [n for n in model.matrices if n.startswith("encoder") or n.endswith(("context_Wk", "context_Wv"))]
    assert done == 4 * sum(tensors[name].size for name in encoder)  # three letters and the end


def test_the_committed_table_says_what_the_page_says():
    result = tokens.tokens()
    assert result.at(1.0)["quality"] == 100
    assert result.words().startswith("With 80 % of the tokens left, ")
    assert result.table().index[0] == "100 % of the tokens"
    work = result.table()["work, %"]
    assert work.is_monotonic_decreasing


@pytest.mark.needs_data("translator", "ddddocr")
def test_a_slice_of_the_committed_table_is_measured_again():
    known, model, texts = tokens.tokens().at(0.8), translator.load(), models.sentences(6)
    expected, whole = tokens.translated(model, texts)
    found, done = tokens.translated(TokenPruned(model.tensors, model.vocabulary, keep=0.8), texts)
    # Of six sentences instead of all.
    assert done / whole == pytest.approx(known["work"], abs=0.02)
    assert models.chrf(found, expected) == pytest.approx(known["quality"], abs=5 * known["quality_sd"])
