"""What the pages on real transformers and recognisers share: inputs to look at, compressed weights, and quality."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie import _check
from eie._files import read_toml
from eie.compress.kmeans import prune_and_share
from eie.datasets import catalogue
from eie.layer import CompressedLayer
from eie.models import backbones, imagenet, translator
from eie.models.ocr import Recogniser, draw_text
from eie.models.translator import Translator

Array = NDArray[np.float32]

RESAMPLES = 200
"""Draws of the sentences, with repetition, that the spread of a translation's quality is worked out from."""

LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
"""What random strings are made of: no letter or digit that looks like another."""

KIND_HEADS = {
    "matrices": "matrices",
    "weights, %": ("not zero, %", "weights"),
    "activations, %": ("not zero, %", "inputs"),
    "us a product": ("one product", "us"),
    "nJ a product": ("one product", "nJ"),
    "load balance, %": "load balance, %",
    "padding, %": "padding, %",
    "saturations": "saturations",
}
"""Heads of the table of kinds of matrices."""

LAYER_HEADS = {
    "outputs": ("size", "outputs"),
    "inputs": ("size", "inputs"),
    "vectors": "products",
    "weights, %": ("not zero, %", "weights"),
    "activations, %": ("not zero, %", "inputs"),
    "cycles": "cycles",
    "time, us": "time, us",
    "load balance, %": "load balance, %",
    "energy, uJ": "energy, uJ",
}
"""Heads of the table of matrices; their names say of which kind they are."""


def missing() -> list[str]:
    """Say how to get each of the two networks that is not available, for a page."""
    return [catalogue.how_to_get(name, anywhere=True) for name in ("translator", "ddddocr") if not catalogue.find(name)]


def sentences(n: int) -> list[str]:
    """Read the first `n` sentences of `data/sentences.toml`.

    Raises
    ------
    ValueError
        When there are fewer.
    """
    known = read_toml("sentences.toml")["sentences"]
    return list(known[: _check.integer("sentences", n, 1, len(known))])


@cache
def translations(n: int) -> tuple[Translator, list[str], list[str]]:
    """Load the translator and the first `n` sentences, and translate them."""
    model, texts = translator.load(), sentences(n)
    return model, texts, model.translate(texts)


def pictures(n: int) -> Array:
    """Load pictures of ImageNet for SqueezeNet, shape `(n, 3, 227, 227)`, evenly over the data set's classes.

    Raises
    ------
    FileNotFoundError
        When the data set is not available; the message says how to get it.
    """
    n = _check.integer("pictures", n, 1, 100)
    catalogue.require("imagenet-samples")
    return imagenet.caffe_input(backbones.files("imagenet-samples", n))


def strings(n: int, seed: int = 0, length: int = 5) -> list[str]:
    """Draw random strings, to be drawn as pictures and read."""
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list(LETTERS), length)) for _ in range(_check.integer("strings", n, 1, 10_000))]


def matrices(model: Translator | Recogniser) -> dict[str, Array]:
    """Collect the matrices of weights of a model that the machine would hold, each as `(n_out, n_in)`."""
    if isinstance(model, Translator):
        return {name: weights.T for name, weights in model.matrices.items()}
    return dict(model.weights)


def with_matrices(model: Any, weights: Mapping[str, Array]) -> Any:
    """Replace some matrices of a model, given as `(n_out, n_in)`."""
    if isinstance(model, Translator):
        return model.with_weights({name: values.T for name, values in weights.items()})
    return model.with_weights(weights)


def compressed_layers(model: Any, density: float, weight_bits: int = 4) -> dict[str, CompressedLayer]:
    """Prune the matrices of a model by magnitude to a density of 0..1, and share each in a codebook of its own."""
    return {
        name: prune_and_share(np.ascontiguousarray(weights), weight_bits, density)
        for name, weights in matrices(model).items()
    }


def thinned(model: Any, density: float) -> Any:
    """Replace the matrices of a model by what `compressed_layers` leaves of them."""
    return with_matrices(model, {name: dense(layer) for name, layer in compressed_layers(model, density).items()})


def inputs_of(model: Any, run: Callable[[Any], object]) -> dict[str, Array]:
    """Record the inputs of every matrix while `run` uses the model: arrays of shape `(n_vectors, n_in)`."""
    weights, seen = matrices(model), dict[str, list[Array]]()

    def product(name: str, x: Array) -> Array:
        seen.setdefault(name, []).append(x)
        return np.asarray(x @ weights[name].T)

    run(model.with_product(product))
    return {name: np.concatenate(parts) for name, parts in seen.items()}


def dense(layer: CompressedLayer) -> Array:
    """Write a compressed layer's weights as a matrix of shape `(n_out, n_in)`."""
    weights = np.zeros((layer.n_out, layer.n_in), np.float32)
    columns = np.repeat(np.arange(layer.n_in), np.diff(layer.indptr))
    weights[layer.rows, columns] = layer.codebook[layer.codes]
    return weights


def read_correctly(model: Recogniser, texts: Sequence[str]) -> NDArray[np.bool_]:
    """Tell whether each string is read as it was drawn, capital letters or not."""
    return np.array([model.read(draw_text(text)).lower() == text for text in texts])


def chrf(found: Sequence[str], expected: Sequence[str]) -> float:
    """Compare two translations by the characters that follow each other, 0..100 (chrF2; Popovic, WMT 2015)."""
    from sacrebleu.metrics.chrf import CHRF

    return float(CHRF().corpus_score(list(found), [list(expected)]).score)


def chrf_and_spread(found: Sequence[str], expected: Sequence[str]) -> tuple[float, float]:
    """Compute `chrf`, and its standard deviation over sentences drawn again."""
    picks = np.random.default_rng(0).integers(0, len(found), (RESAMPLES, len(found)))
    draws = [chrf([found[i] for i in pick], [expected[i] for i in pick]) for pick in picks]
    return chrf(found, expected), float(np.std(draws))


Score = Callable[[Sequence[str], Sequence[str]], float]
"""From outputs and what they should be to a number."""


def apart_sd(score: Score, one: Sequence[str], other: Sequence[str], expected: Sequence[str]) -> float:
    """Compute the standard deviation of the difference of two scores over inputs drawn again, the same for both."""
    picks = np.random.default_rng(0).integers(0, len(expected), (RESAMPLES, len(expected)))

    def drawn(found: Sequence[str], pick: Any) -> float:
        return score([found[i] for i in pick], [expected[i] for i in pick])

    return float(np.std([drawn(one, pick) - drawn(other, pick) for pick in picks]))


def error(found: Array, expected: Array) -> float:
    """Divide the size of the difference of two arrays by the size of the second (root of squares)."""
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))
