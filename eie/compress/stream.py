"""A layer's codes as Deep Compression stores them: one stream over the flattened weights, with relative indices.

An entry is a code and how many zeros it skips. A gap too long for an index is bridged by fillers: code 0 at the
largest index (Deep Compression, figure 2). Zeros behind the last weight are not stored.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie import _check

MAX_INDEX_BITS = 8
"""Relative indices are bytes."""


def entries(codes: Any, index_bits: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the stream of a layer, its relative indices `index_bits` wide, 1..8.

    Codes are 0 for pruned weights, else 1..255; their array has any shape and is read in C order.

    Returns
    -------
    values, skips : uint8 arrays of shape `(entries,)`
        Code of each entry, 0 for a filler, and the zeros between it and the one before.
    """
    span = 2 ** _check.integer("index_bits", index_bits, 1, MAX_INDEX_BITS)
    flat = _check.whole_numbers("codes", codes, 255).ravel()
    places = np.flatnonzero(flat)
    gaps = np.diff(places, prepend=-1) - 1
    ends = np.cumsum(gaps // span + 1) - 1  # where each weight's entry stands, behind its fillers
    size = int(ends[-1]) + 1 if len(ends) else 0
    values, skips = np.zeros(size, np.uint8), np.full(size, span - 1, np.uint8)
    values[ends], skips[ends] = flat[places], gaps % span
    return values, skips


def codes(values: Any, skips: Any, size: int) -> NDArray[np.uint8]:
    """Return the codes of a stream of a layer of `size` weights, flattened: uint8, shape `(size,)`.

    Raises
    ------
    ValueError
        When the stream runs beyond the layer.
    """
    places = np.cumsum(_check.int64_array("skips", skips) + 1) - 1
    if len(places) and places[-1] >= size:
        raise ValueError(f"the stream must end within the layer's {size} weights, it reaches weight {places[-1]}")
    flat = np.zeros(size, np.uint8)
    flat[places] = values
    return flat
