"""Masks that keep the largest weights under a condition on where they stand: fixed patterns, blocks, even PEs.

A mask is a bool array of the shape of its matrix, `(n_out, n_in)`, True where a weight stays. Of equals the first stay.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie import _check
from eie.layer import MAX_SIZE

Mask = NDArray[np.bool_]
Matrix = NDArray[np.floating[Any]]
MaskOf = Callable[[Matrix, float], Mask]
"""From a matrix and the fraction to keep to its mask; other processes call it, so it is a module's function."""


def by_block(weight: Matrix, keep: float, height: int = 1, width: int = 1) -> Mask:
    """Whole blocks of a matrix, those with the largest Euclidean norm.

    Parameters
    ----------
    weight : float array of shape `(n_out, n_in)`
    keep : float
        Fraction of the blocks to keep, 0..1; their count is rounded to the nearest integer.
    height, width : int
        Outputs and inputs of a block. Blocks of 1 x 1 are single weights, and of 1 x `n_in` whole neurons.

    Raises
    ------
    ValueError
        When blocks of that size do not fill the matrix.
    """
    keep = _check.fraction("keep", keep)
    shape = _matrix(weight).shape
    for what, size, whole in (("height", height, shape[0]), ("width", width, shape[1])):
        if whole % _check.integer(what, size, 1, whole):
            raise ValueError(f"{what} of a block must divide the matrix's {whole}, got {size}")
    blocks = weight.reshape(shape[0] // height, height, shape[1] // width, width)
    norms = np.square(blocks, dtype=np.float64).sum(axis=(1, 3))
    kept = largest(norms.ravel(), np.zeros(norms.size, np.int64), np.array([round(keep * norms.size)]))
    return kept.reshape(norms.shape).repeat(height, axis=0).repeat(width, axis=1)


def n_of_m(weight: Matrix, n: int, m: int) -> Mask:
    """Keep the largest `n` of every `m` neighbouring inputs of each output, as sparse tensor cores want it for 2 of 4.

    Parameters
    ----------
    weight : float array of shape `(n_out, n_in)`
        Where `m` does not divide `n_in`, the last group of an output is a smaller one and keeps up to `n`, too.
    n, m : int
        1 to `m` of `m` weights.
    """
    n_out, n_in = _matrix(weight).shape
    n = _check.integer("n", n, 1, _check.integer("m", m, 1, MAX_SIZE))
    each = -(-n_in // m)
    groups = np.arange(n_out)[:, np.newaxis] * each + np.arange(n_in) // m
    kept = largest(np.abs(weight).ravel(), groups.ravel(), np.full(n_out * each, n))
    return kept.reshape(weight.shape)


def balanced(weight: Matrix, keep: float, n_pe: int, columns: int) -> Mask:
    """Keep equally many weights for each PE in each group of columns, the largest there.

    Row i is dealt to PE i mod `n_pe`, as EIE does; rows fewer than PEs go to as many PEs. How many weights a group of
    columns keeps is what it would keep if nothing were balanced, rounded (`quotas`).

    Parameters
    ----------
    weight : float array of shape `(n_out, n_in)`
    keep : float
        Fraction of all weights to keep, 0..1. As PEs without a row more must keep as many, not all can be reached:
        the most is `n_out // n_pe` rows of each PE.
    n_pe : int
        Processing elements.
    columns : int
        Neighbouring inputs in a group; the last group may be smaller.
    """
    n_out, n_in = _matrix(weight).shape
    n_pe = min(_check.integer("n_pe", n_pe, 1, MAX_SIZE), n_out)
    starts = np.arange(0, n_in, _check.integer("columns", columns, 1, MAX_SIZE))
    counts = np.add.reduceat(by_block(weight, keep).sum(axis=0), starts)
    each = quotas(counts, n_pe, n_out // n_pe * np.diff(starts, append=n_in))
    groups = np.arange(n_in) // columns * n_pe + (np.arange(n_out) % n_pe)[:, np.newaxis]
    return largest(np.abs(weight).ravel(), groups.ravel(), each.repeat(n_pe)).reshape(weight.shape)


def quotas(counts: NDArray[np.int64], n_pe: int, room: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the weights that each PE keeps per group of columns, so that all PEs keep about as many as before.

    Parameters
    ----------
    counts : int array of shape `(groups,)`
        Weights that all PEs together kept of each group.
    n_pe : int
        Processing elements.
    room : int array of shape `(groups,)`
        What a PE can keep of each group at the most.

    Returns
    -------
    int64 array of shape `(groups,)`
        Rounded up where the remainder is largest, down elsewhere: the sum is the nearest to `counts.sum() / n_pe`.
    """
    wanted = np.minimum(counts / n_pe, room)
    whole = np.floor(wanted).astype(np.int64)
    more = round(wanted.sum() - whole.sum())
    whole[np.argsort(whole - wanted, kind="stable")[:more]] += 1
    return whole


def largest(scores: Matrix, groups: NDArray[np.int64], each: NDArray[np.int64]) -> Mask:
    """Keep the largest scores of each group, group g keeping `each[g]` of its own or, if it has fewer, all.

    Scores and their groups, 0 to `len(each) - 1`, are arrays of shape `(n,)`.
    """
    order = np.lexsort((-scores, groups))
    sizes = np.bincount(groups, minlength=len(each))
    rank = np.arange(len(scores)) - (np.cumsum(sizes) - sizes).repeat(sizes)
    kept = np.empty(len(scores), np.bool_)
    kept[order] = rank < each.repeat(sizes)
    return kept


def _matrix(weight: Matrix) -> Matrix:
    if weight.ndim != 2 or not weight.size:
        raise ValueError(f"weight must be a matrix of shape (n_out, n_in), got shape {weight.shape}")
    return weight
