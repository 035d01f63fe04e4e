"""Exact size of a compressed network in bits: codes, relative indices, codebooks, biases and Huffman tables.

The form of Deep Compression's Tables 2 and 3: pruning and weight sharing (P+Q), then Huffman coding on top (P+Q+H).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from eie import _check
from eie.compress import huffman, stream

FLOAT_BITS = 32
"""A weight before compression, a shared weight and a bias are single-precision numbers."""


@dataclass(frozen=True, slots=True)
class LayerSize:
    """One layer's parts, in bits where nothing else is said.

    Attributes
    ----------
    weights, kept : int
        Weights before and after pruning.
    entries : int
        Entries of the stream: weights kept and fillers.
    weight_bits, index_bits : int
        Width of a code and of a relative index before Huffman coding.
    biases : int
        Biases, stored as they are.
    coded_weights, coded_indices : int
        All codes and all relative indices after Huffman coding.
    codebook : int
        The shared weights, with the zero of code 0.
    tables : int
        The tables of both Huffman codes.
    """

    name: str
    weights: int
    kept: int
    entries: int
    weight_bits: int
    index_bits: int
    biases: int
    coded_weights: int
    coded_indices: int
    codebook: int
    tables: int

    @property
    def original(self) -> int:
        """Weights and biases before compression."""
        return FLOAT_BITS * (self.weights + self.biases)

    @property
    def shared(self) -> int:
        """P+Q: codes and indices of fixed width, codebook, biases."""
        return self.entries * (self.weight_bits + self.index_bits) + self.codebook + FLOAT_BITS * self.biases

    def coded(self, *, tables: bool = True) -> int:
        """P+Q+H: codes and indices after Huffman coding, codebook, biases, and the tables if they are to be counted."""
        body = self.coded_weights + self.coded_indices + self.codebook + FLOAT_BITS * self.biases
        return body + self.tables * tables


def layer_size(name: str, codes: Any, weight_bits: int, index_bits: int, biases: int) -> LayerSize:
    """Count one layer with so many biases, its codes and indices of 1..8 bits.

    Codes, an array of any shape, are 0 for pruned weights, else 1 to 2**weight_bits - 1.
    """
    size = 2 ** _check.integer("weight_bits", weight_bits, 1, 8)
    codes = _check.whole_numbers("codes", codes, size - 1)
    values, skips = stream.entries(codes, index_bits)
    counts = [np.bincount(values, minlength=size), np.bincount(skips, minlength=2**index_bits)]
    coded = [huffman.total_bits(each, huffman.lengths(each)) for each in counts]
    return LayerSize(
        name=name,
        weights=codes.size,
        kept=int(np.count_nonzero(codes)),
        entries=len(values),
        weight_bits=weight_bits,
        index_bits=index_bits,
        biases=biases,
        coded_weights=coded[0],
        coded_indices=coded[1],
        codebook=FLOAT_BITS * size,
        tables=sum(8 * len(huffman.pack_table(huffman.lengths(each))) for each in counts),
    )


def compression_factor(layers: Sequence[LayerSize], *, huffman_coded: bool = True, tables: bool = True) -> float:
    """Return the ratio of dense to compressed size; the Huffman tables count unless `tables` is False."""
    after = sum(layer.coded(tables=tables) if huffman_coded else layer.shared for layer in layers)
    return sum(layer.original for layer in layers) / after


def published_form(layers: Sequence[LayerSize], *, tables: bool = True) -> pd.DataFrame:
    """Return one row per layer and one for all of them, in the columns of Deep Compression's Tables 2 and 3.

    Bits are means over a stream's entries, fillers counted. Sizes are percentages of the layer before compression,
    with codebook and biases, and with the Huffman tables if they are to be counted.
    """
    rows = {layer.name: _row([layer], tables) for layer in layers}
    return pd.DataFrame.from_dict(rows | {"total": _row(layers, tables)}, orient="index")


def _row(layers: Sequence[LayerSize], tables: bool) -> dict[str, float]:
    entries = sum(layer.entries for layer in layers)
    original = sum(layer.original for layer in layers)
    weights = sum(layer.weights for layer in layers)

    def mean(bits: int) -> float:
        return bits / entries if entries else np.nan

    return {
        "weights": weights,
        "weights left, % (P)": 100 * sum(layer.kept for layer in layers) / weights,
        "weight bits (P+Q)": mean(sum(layer.entries * layer.weight_bits for layer in layers)),
        "weight bits (P+Q+H)": mean(sum(layer.coded_weights for layer in layers)),
        "index bits (P+Q)": mean(sum(layer.entries * layer.index_bits for layer in layers)),
        "index bits (P+Q+H)": mean(sum(layer.coded_indices for layer in layers)),
        "size, % (P+Q)": 100 * sum(layer.shared for layer in layers) / original,
        "size, % (P+Q+H)": 100 * sum(layer.coded(tables=tables) for layer in layers) / original,
    }
