"""Weight sharing: k-means over a layer's kept weights, and training of the shared values.

With n bits a layer has 2**n - 1 shared weights: code 0 stands for the pruned weight, as in `eie.CompressedLayer`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eie import _check
from eie.compress import kmeans

MAX_BITS = 8
"""Codes are bytes."""

INITS = ("linear", "random", "density")


def starts(values: NDArray[np.floating[Any]], count: int, init: str, seed: int = 0) -> NDArray[np.float64]:
    """Choose the starting values of k-means, rising (Deep Compression, section 3.2).

    Parameters
    ----------
    values : float array of shape `(n,)`
        What is to be clustered, at least one.
    count : int
        How many centroids.
    init : str
        `"linear"`: evenly between the smallest and the largest value; `"random"`: values drawn by `seed`;
        `"density"`: evenly over the values' distribution function, so that each has as many values around it.
    seed : int
        For `"random"`.

    Raises
    ------
    ValueError
        When there is no such initialisation.
    """
    if init == "linear":
        return np.linspace(values.min(), values.max(), count)
    if init == "density":
        return np.quantile(values, (np.arange(count) + 0.5) / count)
    if init == "random":
        distinct = np.unique(values)
        return np.sort(np.random.default_rng(seed).choice(distinct, count, replace=len(distinct) < count))
    raise ValueError(f"init must be one of {', '.join(INITS)}, got {init!r}")


def share(weight: Tensor, mask: Tensor, bits: int, init: str = "linear", seed: int = 0) -> tuple[Tensor, Tensor]:
    """Give each kept weight the code of its cluster.

    Parameters
    ----------
    weight : float tensor of any shape
    mask : bool tensor of the same shape
        True where a weight is kept.
    bits : int
        Width of a code, 1..8.
    init, seed : str, int
        See `starts`.

    Returns
    -------
    codes : uint8 tensor of the weight's shape
        0 for pruned, else 1 to 2**bits - 1.
    codebook : float32 tensor of shape `(2**bits,)`
        Entry 0 is 0.0, the others rise.
    """
    count = 2 ** _check.integer("bits", bits, 1, MAX_BITS) - 1
    codes = torch.zeros(weight.shape, dtype=torch.uint8)
    codebook = torch.zeros(count + 1)
    kept = weight.detach()[mask].numpy()
    if len(kept):
        centroids = kmeans.kmeans(kept, starts(kept, count, init, seed))
        codes[mask] = torch.from_numpy(kmeans.nearest(kept, centroids) + np.uint8(1))
        codebook[1:] = torch.from_numpy(centroids.astype(np.float32))
    return codes, codebook


def shared(codes: Tensor, codebook: Tensor) -> Tensor:
    """Return the weights that codes stand for."""
    return codebook[codes.int()]


def gradient(codes: Tensor, weight_gradient: Tensor, size: int) -> Tensor:
    """Compute the gradient of a codebook of `size` entries: the sum over the weights that share an entry.

    As in Deep Compression, section 3.3. Entry 0 gets 0: pruned weights stay zero.
    """
    sums = torch.bincount(codes.flatten().int(), weight_gradient.flatten().double(), size)
    sums[0] = 0
    return sums.float()
