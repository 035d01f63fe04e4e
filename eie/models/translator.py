"""A small translation transformer, read from its file: six encoder and two decoder layers, ReLU feed-forward parts.

Its feed-forward parts suit EIE: matrices whose inputs have passed a ReLU. One function does every product with a matrix
of weights; there one can look at the inputs, replace the weights, and let the machine do the arithmetic.

The architecture is Marian's student model: every part is followed by addition of its input and layer normalisation;
the decoder has a simple recurrent unit in place of self-attention; input and output share one embedding
(Vaswani et al., 2017; Kim et al., 2019).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie.datasets import catalogue
from eie.formats import FormatError, marian
from eie.networks.operations import sigmoid, softmax

Array = NDArray[np.float32]

ENCODER_LAYERS, DECODER_LAYERS, HEADS = 6, 2, 8
EPSILON = 1e-6
"""What layer normalisation adds to the variance."""

MAX_TOKENS = 2048
"""Longest sentence and longest translation, in tokens: the places that have a position code."""

MAX_LENGTH_FACTOR = 2.5
"""Most tokens of a translation per token of its sentence (the model's own setting)."""


@dataclass(frozen=True, eq=False)
class Translator:
    """The model and its vocabulary.

    Attributes
    ----------
    tensors : mapping of str to float32 array
        By Marian's names; matrices of weights have shape `(n_in, n_out)`.
    vocabulary : sentencepiece.SentencePieceProcessor
        Text to tokens and back.
    product : callable, optional
        Called with the name of a matrix and its inputs, shape `(n_vectors, n_in)`; returns their product, shape
        `(n_vectors, n_out)`. In float32 if left out.
    """

    tensors: Mapping[str, Array]
    vocabulary: Any
    product: Callable[[str, Array], Array] | None = None

    @property
    def matrices(self) -> dict[str, Array]:
        """The matrices of weights, embedding left out, as `(n_in, n_out)`."""
        return {name: values for name, values in self.tensors.items() if min(values.shape) > 1 and name != "Wemb"}

    def with_weights(self, weights: Mapping[str, Array]) -> Translator:
        """Return the same model with some matrices replaced.

        Raises
        ------
        ValueError
            When there is no such matrix, or the shape is another.
        """
        for name, values in weights.items():
            have = self.tensors[name].shape if name in self.tensors else None
            if have != values.shape:
                raise ValueError(f"weights of {name!r} must have shape {have}, got {values.shape}")
        return replace(self, tensors={**self.tensors, **weights})

    def with_product(self, product: Callable[[str, Array], Array]) -> Translator:
        """Return the same model, its products with matrices of weights done by `product`."""
        return replace(self, product=product)

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Translate sentences, taking the likeliest token at each step."""
        return [str(self.vocabulary.decode(tokens)) for tokens in self.tokens(texts)]

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Translate sentences to tokens, without the end mark. All sentences take each step together.

        Raises
        ------
        ValueError
            When a sentence has more than `MAX_TOKENS` tokens.
        """
        if not texts:
            return []
        end = self.vocabulary.eos_id()
        sources = [self.source(text) for text in texts]
        found: list[list[int]] = [[] for _ in texts]
        going = np.arange(len(texts))
        memory = self._memory([self.encode(source) for source in sources])
        states = np.zeros((DECODER_LAYERS, len(texts), self._width), np.float32)
        while len(going):
            scores, states = self.step([found[s][-1:] for s in going], len(found[going[0]]), states, memory)
            likeliest = scores.argmax(axis=1)
            for s, token in zip(going, likeliest, strict=True):
                found[s] += [int(token)] if token != end else []
            full = [len(found[s]) >= min(MAX_LENGTH_FACTOR * len(sources[s]), MAX_TOKENS) for s in going]
            on = (likeliest != end) & ~np.array(full)
            going, states, memory = going[on], states[:, on], memory.of(on)
        return found

    def source(self, text: str) -> list[int]:
        """Split a sentence into tokens, its end mark last."""
        tokens = [*self.vocabulary.encode(text), self.vocabulary.eos_id()]
        if len(tokens) > MAX_TOKENS:
            raise ValueError(f"a sentence must have at most {MAX_TOKENS} tokens, its end among them, got {len(tokens)}")
        return tokens

    def encode(self, tokens: Sequence[int]) -> Array:
        """Run the encoder on a sentence; returns an array of shape `(len(tokens), width)`."""
        x = self.embed(tokens)
        for layer in range(1, ENCODER_LAYERS + 1):
            x = self._encoder_layer(x, layer)
        return x

    def embed(self, tokens: Sequence[int]) -> Array:
        """Embed tokens and their places; returns the encoder's input, shape `(len(tokens), width)`."""
        return self._embedded(tokens) + self._positions[: len(tokens)]

    def _encoder_layer(self, x: Array, layer: int) -> Array:
        """Run one layer of the encoder, counted from 1, on an array of shape `(n_tokens, width)`."""
        part = f"encoder_l{layer}_"
        keys, values = self._remembered(x, part + "self_")
        attended = self._attended(x[np.newaxis], keys, values, part + "self_")
        x = self._normalised(x + attended[0], part + "self_Wo")
        return self._feed_forward(x, part + "ffn_")

    def attention(self, queries: Array, keys: Array, mask: Array | float = 0.0) -> Array:
        """Compute the attention weights of queries over keys.

        Parameters
        ----------
        queries, keys : float32 arrays of shape `(n_sentences, heads, n_queries or n_keys, width / heads)`
        mask : float32 array that goes with the result's shape, or 0
            Minus infinity where there is no key.

        Returns
        -------
        float32 array of shape `(n_sentences, heads, n_queries, n_keys)`
        """
        return softmax(queries @ keys.swapaxes(-1, -2) / np.float32(math.sqrt(queries.shape[-1])) + mask)

    def step(self, last: Sequence[Sequence[int]], place: int, states: Array, memory: Memory) -> tuple[Array, Array]:
        """Run one step of the decoder, for several sentences.

        Parameters
        ----------
        last : sequence of sequences of int
            The token before this one of each sentence; empty sequences where it is the first.
        place : int
            Tokens before this one, the same in all sentences.
        states : float32 array of shape `(2, n_sentences, width)`
            States of the recurrent units; zeros at the first token.
        memory : Memory
            Keys and values of the encoded sentences.

        Returns
        -------
        scores : float32 array of shape `(n_sentences, n_tokens)`
            Of every token that may come next.
        states : float32 array of shape `(2, n_sentences, width)`
        """
        x = np.repeat(self._positions[place : place + 1], len(last), axis=0)
        if place:  # before the first token there is nothing to embed
            x = x + self._embedded([token for (token,) in last])
        kept = []
        for layer in range(DECODER_LAYERS):
            part = f"decoder_l{layer + 1}_"
            forget = sigmoid(self._affine(x, part + "rnn_Wf", part + "rnn_bf"))
            kept.append(forget * states[layer] + (1 - forget) * self._affine(x, part + "rnn_W"))
            x = self._normalised(x + np.maximum(kept[-1], 0), part + "rnn_ffn")
            attended = self._attended(x[:, np.newaxis], *memory.layers[layer], part + "context_", memory.mask)
            x = self._normalised(x + attended[:, 0], part + "context_Wo")
            x = self._feed_forward(x, part + "ffn_")
        return x @ self.tensors["Wemb"].T + self.tensors["decoder_ff_logit_out_b"], np.stack(kept)

    @property
    def _width(self) -> int:
        return int(self.tensors["Wemb"].shape[1])

    @cached_property
    def _positions(self) -> Array:
        """Sines and cosines that tell a token's place, the sines first, shape `(MAX_TOKENS, width)`."""
        half = self._width // 2
        angles = np.arange(MAX_TOKENS)[:, np.newaxis] * np.exp(-math.log(10000) / (half - 1) * np.arange(half))
        return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)

    def _embedded(self, tokens: Sequence[int]) -> Array:
        return self.tensors["Wemb"][list(tokens)] * np.float32(math.sqrt(self._width))

    def _affine(self, x: Array, weights: str, bias: str | None = None) -> Array:
        y: Array = x @ self.tensors[weights] if self.product is None else self.product(weights, x)
        return y if bias is None else y + self.tensors[bias]

    def _normalised(self, x: Array, part: str) -> Array:
        centred = x - x.mean(axis=-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + np.float32(EPSILON))
        normal: Array = centred / scale * self.tensors[part + "_ln_scale"] + self.tensors[part + "_ln_bias"]
        return normal

    def _memory(self, encoded: Sequence[Array]) -> Memory:
        """Compute keys and values of every decoder layer once, sentences filled up to the longest."""
        longest = max(map(len, encoded))
        mask = np.array([np.arange(longest) >= len(sentence) for sentence in encoded])
        layers = []
        for layer in range(1, DECODER_LAYERS + 1):
            pairs = [self._remembered(sentence, f"decoder_l{layer}_context_") for sentence in encoded]
            layers.append((_padded([keys for keys, _ in pairs], longest), _padded([v for _, v in pairs], longest)))
        return Memory(layers, np.where(mask, np.float32(-np.inf), np.float32(0))[:, np.newaxis, np.newaxis])

    def _remembered(self, memory: Array, part: str) -> tuple[Array, Array]:
        """Compute keys and values of one sentence, shape `(heads, n_tokens, width / heads)`."""
        keys = self._affine(memory, part + "Wk", part + "bk")
        values = self._affine(memory, part + "Wv", part + "bv")
        return _heads(keys), _heads(values)

    def _attended(self, x: Array, keys: Array, values: Array, part: str, mask: Array | float = 0.0) -> Array:
        """Attend with queries of shape `(n_sentences, n_queries, width)`."""
        flat = x.reshape(-1, x.shape[-1])
        weights = self.attention(_heads(self._affine(flat, part + "Wq", part + "bq").reshape(x.shape)), keys, mask)
        mixed = (weights @ values).swapaxes(-2, -3).reshape(flat.shape)
        return self._affine(mixed, part + "Wo", part + "bo").reshape(x.shape)

    def _feed_forward(self, x: Array, part: str) -> Array:
        hidden = np.maximum(self._affine(x, part + "W1", part + "b1"), 0)
        return self._normalised(x + self._affine(hidden, part + "W2", part + "b2"), part + "ffn")


@dataclass(frozen=True, eq=False)
class Memory:
    """Encoded sentences, which the decoder attends to.

    Attributes
    ----------
    layers : sequence of (keys, values)
        Of each decoder layer, float32 arrays of shape `(n_sentences, heads, longest, width / heads)`.
    mask : float32 array of shape `(n_sentences, 1, 1, longest)`
        Added to an attention score: 0, or minus infinity behind a sentence's end.
    """

    layers: Sequence[tuple[Array, Array]]
    mask: Array

    def of(self, kept: NDArray[np.bool_]) -> Memory:
        """Select the memory of some of the sentences."""
        return Memory([(keys[kept], values[kept]) for keys, values in self.layers], self.mask[kept])


def _heads(x: Array) -> Array:
    """Reshape `(.., n, width)` to `(.., heads, n, width / heads)`."""
    return x.reshape(*x.shape[:-1], HEADS, -1).swapaxes(-2, -3)


def _padded(arrays: Sequence[Array], longest: int) -> Array:
    return np.stack([np.pad(array, ((0, 0), (0, longest - array.shape[1]), (0, 0))) for array in arrays])


def load(folder: str | Path | None = None) -> Translator:
    """Read the English-Portuguese model.

    Parameters
    ----------
    folder : path, optional
        Where the model's file and its vocabulary are; found by `eie.datasets.catalogue` if left out.

    Raises
    ------
    FileNotFoundError
        When no folder is given and the model is not available; the message says how to get it.
    FormatError
        When a file is damaged, or is not a model of this architecture.
    """
    from sentencepiece import SentencePieceProcessor

    folder = Path(folder) if folder is not None else catalogue.require("translator")
    path = folder / "model.enpt.intgemm.alphas.bin"
    tensors = marian.read(path).tensors
    _check(path, tensors)
    vocabulary = folder / "vocab.enpt.spm"
    try:
        processor = SentencePieceProcessor(model_file=str(vocabulary))
    except (OSError, RuntimeError) as error:
        raise FormatError(f"{vocabulary}: not a vocabulary: {error}") from error
    if processor.vocab_size() != len(tensors["Wemb"]):
        raise FormatError(
            f"{vocabulary}: must have {len(tensors['Wemb'])} tokens, as the model, has {processor.vocab_size()}"
        )
    return Translator(tensors, processor)


def _check(path: Path, tensors: Mapping[str, Array]) -> None:
    """Raise a `FormatError` unless every tensor of the architecture is there and fits the others."""
    if "Wemb" not in tensors or tensors["Wemb"].ndim != 2:
        raise FormatError(f"{path}: has no matrix 'Wemb', the embedding")
    n_tokens, width = tensors["Wemb"].shape
    if width % (2 * HEADS):
        raise FormatError(f"{path}: the embedding must be a multiple of {2 * HEADS} wide, is {width}")
    for name, shape in _shapes(n_tokens, width, tensors).items():
        have = tensors[name].shape if name in tensors else None
        if have != shape:
            raise FormatError(f"{path}: tensor {name!r} must have shape {shape}, has {have}")


def _shapes(n_tokens: int, width: int, tensors: Mapping[str, Array]) -> dict[str, tuple[int, ...]]:
    """List the shapes of all tensors but the embedding."""
    shapes: dict[str, tuple[int, ...]] = {"decoder_ff_logit_out_b": (1, n_tokens)}
    parts = [(f"encoder_l{layer}_", "self_") for layer in range(1, ENCODER_LAYERS + 1)]
    parts += [(f"decoder_l{layer}_", "context_") for layer in range(1, DECODER_LAYERS + 1)]
    for layer, attention in parts:
        for kind in "qkvo":
            shapes |= {layer + attention + "W" + kind: (width, width), layer + attention + "b" + kind: (1, width)}
        hidden = tensors[layer + "ffn_W1"].shape[-1] if layer + "ffn_W1" in tensors else 0
        shapes |= {layer + "ffn_W1": (width, hidden), layer + "ffn_b1": (1, hidden)}
        shapes |= {layer + "ffn_W2": (hidden, width), layer + "ffn_b2": (1, width)}
        normalised = [layer + attention + "Wo", layer + "ffn_ffn"]
        if layer.startswith("decoder"):
            shapes |= {layer + "rnn_W": (width, width), layer + "rnn_Wf": (width, width), layer + "rnn_bf": (1, width)}
            normalised.append(layer + "rnn_ffn")
        shapes |= {part + ending: (1, width) for part in normalised for ending in ("_ln_scale", "_ln_bias")}
    return shapes
