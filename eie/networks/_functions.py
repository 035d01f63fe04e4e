"""Functions that networks apply to their sums, on the host."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def sigmoid(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 / (1 + exp(-x)), of every element."""
    with np.errstate(over="ignore"):  # exp of a large number is infinite, and 1 / infinity the right 0
        return np.asarray(1 / (1 + np.exp(-x)), np.float32)


def softmax(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Exponentials that add up to 1 over the last axis."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True), np.float32)
