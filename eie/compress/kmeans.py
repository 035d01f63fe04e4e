"""From real weights to codes: magnitude pruning and one-dimensional k-means, for layers of tens of millions of weights.

Deep Compression's two first steps without its training (Han, Mao and Dally, ICLR 2016, sections 2 and 3), on plain
arrays: a dense matrix is gone through column by column of the result, and never copied as float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from eie import _check
from eie._compile import Kernel
from eie.layer import MAX_SIZE, CompressedLayer

MAX_ROUNDS = 1000
"""Rounds of k-means; Lloyd's rule on a line ends long before."""

_BLOCK = 256
"""Sorted values that are summed up together: a sum over any run of them adds less than this many one by one."""


def prune_and_share(weights: Any, weight_bits: int = 4, density: float = 1.0) -> CompressedLayer:
    """Prune a matrix and share its weights.

    Parameters
    ----------
    weights : float array of shape `(n_out, n_in)`, or a SciPy sparse matrix of that shape
        Zeros are pruned weights already.
    weight_bits : int
        Bits of a code, 1..8: the layer gets `2**weight_bits - 1` shared weights.
    density : float
        Fraction of all weights to keep, 0..1: those of largest magnitude, the first of equals in row order (in a sparse
        matrix, in column order). 1 keeps all that are not 0.

    Returns
    -------
    CompressedLayer
        The layer, without bias. If there are no more different weights than codes, they are kept exactly.

    Raises
    ------
    ValueError
        When the matrix is empty or has a weight that is not finite, or a parameter is out of range.
    """
    n_shared = (1 << _check.integer("weight_bits", weight_bits, 1, 8)) - 1
    density = _check.fraction("density", density)
    n_out, n_in, indptr, rows, values = _kept(weights, density)
    codebook = np.zeros(n_shared + 1, np.float32)
    if len(values):
        codebook[1:] = shared_values(values, n_shared)
    codes = nearest(values, codebook[1:]) + np.uint8(1)
    return CompressedLayer(n_out, n_in, indptr, rows, codes, codebook)


def shared_values(values: Any, n_shared: int) -> NDArray[np.float32]:
    """Find the centroids of k-means on a line, started evenly between the smallest and the largest value.

    Centroids then move as in `kmeans` (Deep Compression, section 3.2, linear initialisation).

    Parameters
    ----------
    values : float array of shape `(n,)`
        At least one, all finite.
    n_shared : int
        How many centroids, 1..255.

    Returns
    -------
    float32 array of shape `(n_shared,)`
        Rising. If there are no more different values than that, they are the values themselves, the last one repeated.
    """
    ranked = np.sort(np.asarray(values, np.float32))
    if not len(ranked) or not np.isfinite(ranked[[0, -1]]).all():
        raise ValueError("values to share must be finite and at least one")
    n_shared = _check.integer("n_shared", n_shared, 1, 255)
    distinct = _distinct(ranked, n_shared + 1)
    if len(distinct) <= n_shared:
        return np.append(distinct, np.repeat(distinct[-1:], n_shared - len(distinct)))
    return kmeans(ranked, np.linspace(float(ranked[0]), float(ranked[-1]), n_shared)).astype(np.float32)


def kmeans(values: Any, starts: Any) -> NDArray[np.float64]:
    """Move `starts`, of shape `(k,)`, by Lloyd's rule until no value changes its cluster; centroids rise.

    A value half-way between two centroids goes to the lower one; a centroid that no value is nearest to stays.
    """
    centroids = np.sort(np.array(starts, np.float64))
    _lloyd(np.sort(np.asarray(values, np.float32)), centroids)
    return centroids


def shared_in_groups(values: NDArray[np.float32], n_shared: int, size: int) -> NDArray[np.float32]:
    """Replace neighbouring values by the nearest of the shared values that their group has for itself.

    K-means is started evenly between the smallest and the largest value, and evenly over the ranks of the values; of
    the two results the one with less error counts. Values of 0 stay 0.

    Parameters
    ----------
    values : float array of shape `(n,)`
    n_shared : int
        Shared values of a group, 1..255; 0 is one more.
    size : int
        Values of a group; the last one may be smaller.
    """
    n_shared, size = _check.integer("n_shared", n_shared, 1, 255), _check.integer("size", size, 1, MAX_SIZE)
    return _shared_in_groups(np.ascontiguousarray(values, np.float32), n_shared, size)


def nearest(values: NDArray[np.float32], centroids: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Index of each value's nearest centroid; half-way between two, the lower one. Centroids must rise."""
    middles = (centroids[:-1].astype(np.float64) + centroids[1:]) / 2
    return _nearest(values, middles)


def _kept(weights: Any, density: float) -> tuple[int, int, NDArray[Any], NDArray[Any], NDArray[np.float32]]:
    """Shape, column pointers, rows and values of the weights that stay."""
    if sp.issparse(weights):
        return _kept_of_sparse(weights, density)
    dense = np.asarray(weights)
    if dense.ndim != 2 or 0 in dense.shape or not np.issubdtype(dense.dtype, np.floating):
        raise ValueError(f"weights must be a float matrix, got shape {dense.shape}, dtype {dense.dtype}")
    dense = np.ascontiguousarray(dense, np.float32)
    n_out, n_in = (_check.integer("size", size, 1, MAX_SIZE) for size in dense.shape)
    least, ties = _threshold(dense.ravel(), density, n_out * n_in)
    indptr = _count_columns(dense, least, ties)
    rows, values = _fill_columns(dense, least, ties, indptr)
    return n_out, n_in, indptr, rows, values


def _kept_of_sparse(weights: Any, density: float) -> tuple[int, int, NDArray[Any], NDArray[Any], NDArray[np.float32]]:
    columns = sp.csc_array(weights, dtype=np.float32)  # entries that occur twice are added up
    columns.sum_duplicates()
    n_out, n_in = columns.shape
    least, ties = _threshold(columns.data, density, n_out * n_in)
    size = np.abs(columns.data)
    kept = (size > least) & (columns.data != 0)
    kept[np.flatnonzero(size == least)[:ties]] = True
    indptr = np.concatenate([[0], np.cumsum(kept)])[columns.indptr]
    return n_out, n_in, indptr, columns.indices[kept], columns.data[kept]


def _threshold(values: NDArray[np.float32], density: float, n_weights: int) -> tuple[float, int]:
    """Find the smallest magnitude that stays, and the count of its weights that stay; (0, 0) keeps all but 0."""
    if len(values) and not np.isfinite([values.min(), values.max()]).all():
        at = int(np.argmin(np.isfinite(values)))
        raise ValueError(f"weights must be finite, got {values[at]} at weight {at}")
    n_kept = round(density * n_weights)
    if n_kept == 0:
        return np.inf, 0
    if n_kept >= len(values):
        return 0.0, 0
    size = np.abs(values)
    size.partition(len(size) - n_kept)
    least = float(size[len(size) - n_kept])
    return least, n_kept - int(np.count_nonzero(size > least)) if least else 0


@Kernel
def _count_columns(weights, least, ties):  # type: ignore[no-untyped-def]
    """Column pointers of the weights that stay."""
    n_out, n_in = weights.shape
    indptr = np.zeros(n_in + 1, np.int64)
    for i in range(n_out):
        for j in range(n_in):
            size = abs(weights[i, j])
            tie = size == least and ties > 0
            ties -= tie
            indptr[j + 1] += size > least or tie
    for j in range(n_in):
        indptr[j + 1] += indptr[j]
    return indptr


@Kernel
def _fill_columns(weights, least, ties, indptr):  # type: ignore[no-untyped-def]
    """Write rows and values of the weights that stay, column by column."""
    n_out, n_in = weights.shape
    rows = np.empty(indptr[-1], np.int32)
    values = np.empty(indptr[-1], np.float32)
    place = indptr[:-1].copy()
    for i in range(n_out):
        for j in range(n_in):
            size = abs(weights[i, j])
            tie = size == least and ties > 0
            ties -= tie
            if size > least or tie:
                rows[place[j]] = i
                values[place[j]] = weights[i, j]
                place[j] += 1
    return rows, values


@Kernel
def _distinct(ranked, most):  # type: ignore[no-untyped-def]
    """Return the different values, rising, but no more than `most` of them."""
    found = np.empty(most, np.float32)
    found[0], n = ranked[0], 1
    for value in ranked:
        if n == most:
            break
        if value != found[n - 1]:
            found[n] = value
            n += 1
    return found[:n]


@Kernel
def _nearest(values, middles):  # type: ignore[no-untyped-def]
    found = np.empty(len(values), np.uint8)
    for i in range(len(values)):
        found[i] = np.searchsorted(middles, np.float64(values[i]))
    return found


@Kernel
def _lloyd(ranked, centroids):  # type: ignore[no-untyped-def]
    """Lloyd's rule, in place. On a line a cluster is a run of the sorted values."""
    sums = _block_sums(ranked)
    ends = np.full(len(centroids), len(ranked))
    for round_ in range(MAX_ROUNDS):
        before = ends.copy()
        ends[:-1] = np.searchsorted(ranked, (centroids[:-1] + centroids[1:]) / 2, side="right")
        if round_ and (ends == before).all():
            break
        begin = 0
        for c in range(len(centroids)):
            if ends[c] > begin:
                centroids[c] = (_sum(ranked, sums, ends[c]) - _sum(ranked, sums, begin)) / (ends[c] - begin)
            begin = ends[c]
        centroids.sort()


@Kernel
def _block_sums(ranked):  # type: ignore[no-untyped-def]
    """Add up the values before each whole block."""
    sums = np.zeros(len(ranked) // _BLOCK + 1)
    for b in range(len(sums) - 1):
        total = 0.0
        for i in range(b * _BLOCK, (b + 1) * _BLOCK):
            total += ranked[i]
        sums[b + 1] = sums[b] + total
    return sums


@Kernel
def _sum(ranked, sums, end):  # type: ignore[no-untyped-def]
    """Add up the first `end` values."""
    total = sums[end // _BLOCK]
    for i in range(end // _BLOCK * _BLOCK, end):
        total += ranked[i]
    return total


@Kernel
def _shared_in_groups(values, n_shared, size):  # type: ignore[no-untyped-def]
    found = np.zeros(len(values), np.float32)
    for first in range(0, len(values), size):
        own = values[first : first + size]
        kept = own[own != 0]
        if not len(kept):
            continue
        ranked = np.sort(kept)
        even = np.linspace(float(ranked[0]), float(ranked[-1]), n_shared)
        by_rank = ranked[((np.arange(n_shared) + 0.5) * len(ranked) / n_shared).astype(np.int64)].astype(np.float64)
        least = np.inf
        for start in (even, by_rank):
            _lloyd(ranked, start)
            centroids = start.astype(np.float32)
            middles = (centroids[:-1].astype(np.float64) + centroids[1:]) / 2
            error = 0.0
            for value in ranked:
                error += (value - centroids[np.searchsorted(middles, np.float64(value))]) ** 2
            if error < least:
                least = error
                for i in range(len(own)):
                    if own[i] != 0:
                        found[first + i] = centroids[np.searchsorted(middles, np.float64(own[i]))]
    return found
