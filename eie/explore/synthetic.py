"""Pruned layers and activations drawn at random, with the unevenness of real ones.

The entries of a really pruned layer are not spread evenly: the authors' Alex-8 layer varies over its rows and columns
by far more than chance. So each row and each column gets a rate of its own, and cell (i, j) is kept with probability
density x row rate i x column rate j. Rates have mean 1 and the coefficient of variation of `Spread`, and are normal, as
the authors' are nearly (their skew over rows is -0.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

from eie import _check
from eie._files import read_toml
from eie.layer import MAX_SIZE, CompressedLayer

MAX_DRAWN = 2**28
"""Rows, columns, and entries of a drawn layer: it and what is needed to draw it stay below 4 GB."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Unevenness of a pruned matrix.

    Attributes
    ----------
    row_cv, column_cv : float
        Coefficient of variation of the entries per row and per column, beyond what chance (the binomial) gives.
        0 is a uniform random matrix.
    bias_density : float
        Fraction of the biases that are not 0.
    block_columns : int
        Columns that stand together, such as the pixels of one channel; only for experiments, 1 if there are none.
    block_cv : float
        Coefficient of variation of a rate that each row has for each such block of columns.
    """

    row_cv: float
    column_cv: float
    bias_density: float
    block_columns: int = 1
    block_cv: float = 0.0

    def __post_init__(self) -> None:
        for name in ("row_cv", "column_cv", "block_cv"):
            value = _check.real(name, getattr(self, name))
            if not 0 <= value <= 10:
                raise ValueError(f"{name} must be of 0..10, got {value:g}")
        _check.fraction("bias_density", self.bias_density)
        _check.integer("block_columns", self.block_columns, 1, MAX_SIZE)


UNIFORM = Spread(row_cv=0.0, column_cv=0.0, bias_density=1.0)
"""No unevenness beyond chance."""


@cache
def measured_spread() -> Spread:
    """Return the spread of the one pruned layer that the authors published (`data/synthetic.toml`)."""
    return Spread(**read_toml("synthetic.toml")["spread"])


def spread_of(layer: CompressedLayer) -> Spread:
    """Measure the spread of a layer: row and column variation beyond the binomial, and the density of its bias."""
    row_counts = np.bincount(layer.rows, minlength=layer.n_out)
    bias = layer.bias_codes
    return Spread(
        row_cv=_cv_beyond_chance(row_counts, layer.n_in),
        column_cv=_cv_beyond_chance(np.diff(layer.indptr), layer.n_out),
        bias_density=0.0 if bias is None else float(np.count_nonzero(bias) / len(bias)),
    )


def draw_layer(
    n_out: int,
    n_in: int,
    density: float,
    seed: int | np.random.SeedSequence,
    spread: Spread | None = None,
    *,
    bias: bool = True,
    weight_bits: int = 4,
) -> CompressedLayer:
    """Draw a pruned layer. Memory and time go with the entries drawn, not with `n_out` x `n_in`.

    Parameters
    ----------
    n_out, n_in : int
        Rows and columns.
    density : float
        Expected fraction of the weights kept, 0..1.
    seed : int or SeedSequence
        The same seed draws the same layer.
    spread : Spread, optional
        Unevenness; `measured_spread()` if left out.
    bias : bool
        Whether the layer has a bias.
    weight_bits : int
        Bits of a code. Codes are uniform over 1 to `2**weight_bits - 1`; their weights are spaced evenly, none is 0.

    Raises
    ------
    ValueError
        When a size, the density or the spread is out of range.
    """
    n_out = _check.integer("n_out", n_out, 1, MAX_DRAWN)
    n_in = _check.integer("n_in", n_in, 1, MAX_DRAWN)
    density = _check.fraction("density", density)
    if density * n_out * n_in > MAX_DRAWN:
        raise ValueError(f"a drawn layer must have at most {MAX_DRAWN} entries, got {density * n_out * n_in:.3g}")
    top = (1 << _check.integer("weight_bits", weight_bits, 1, 8)) - 1
    spread = spread or measured_spread()
    rng = np.random.default_rng(seed)
    row_rate, column_rate = _fitting(_rates(rng, n_out, spread.row_cv), _rates(rng, n_in, spread.column_cv), density)
    row_rates, columns_each = _by_block(rng, row_rate, column_rate, spread, density)
    column_rate *= density
    room = _room_for(column_rate, row_rates, columns_each)
    indptr, rows, codes = _draw(rng, column_rate, row_rates, columns_each, top, room)
    bias_codes = None
    if bias:
        drawn = rng.integers(1, top + 1, n_out)
        bias_codes = np.where(rng.random(n_out) < spread.bias_density, drawn, 0).astype(np.uint8)
    return CompressedLayer(n_out, n_in, indptr, rows, codes, even_codebook(n_in * density, weight_bits), bias_codes)


def even_codebook(entries_per_row: float, weight_bits: int = 4) -> NDArray[np.float32]:
    """Make evenly spaced weights, none of them 0, scaled so that a sum over a row of that many stays near 1.

    The first of `2**weight_bits` even steps from -1 to 1 gives way to the padding zero.
    """
    values = np.linspace(-1, 1, 1 << weight_bits) / np.sqrt(max(entries_per_row, 1.0))
    values[0] = 0.0
    return values.astype(np.float32)


def draw_activations(n_in: int, density: float, seed: int | np.random.SeedSequence) -> NDArray[np.float32]:
    """Draw activations as after a ReLU: exactly `round(density * n_in)` of them above 0, at random places.

    Raises
    ------
    ValueError
        When `n_in` or `density` is out of range.
    """
    n_in = _check.integer("n_in", n_in, 1, MAX_SIZE)
    n_active = round(_check.fraction("density", density) * n_in)
    rng = np.random.default_rng(seed)
    active = rng.permutation(n_in)[:n_active]  # drawn first: less dense inputs of a seed lie within denser ones
    activations = np.zeros(n_in, np.float32)
    activations[active] = np.abs(rng.standard_normal(n_active)) + 2.0**-6
    return activations


def _rates(rng: np.random.Generator, n: int, cv: float) -> NDArray[np.float64]:
    """Draw `n` normal rates of mean 1, none negative (which narrows the spread when `cv` is large)."""
    rates = np.maximum(1 + cv * rng.standard_normal(n), 0.0)
    return rates / (rates.mean() or 1.0)


def _fitting(
    row_rate: NDArray[np.float64], column_rate: NDArray[np.float64], density: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pull the rates towards 1 until no cell's probability passes 1: a full matrix has no spread."""
    row_excess, column_excess = row_rate.max() - 1, column_rate.max() - 1
    if density * (1 + row_excess) * (1 + column_excess) <= 1:
        return row_rate, column_rate
    a, b, c = row_excess * column_excess, row_excess + column_excess, 1 - 1 / density
    t = -2 * c / (b + np.sqrt(b * b - 4 * a * c)) if c < 0 else 0.0
    return 1 + t * (row_rate - 1), 1 + t * (column_rate - 1)


def _by_block(
    rng: np.random.Generator,
    row_rate: NDArray[np.float64],
    column_rate: NDArray[np.float64],
    spread: Spread,
    density: float,
) -> tuple[NDArray[np.float64], int]:
    """Row rates of each block of columns, shape `(blocks, n_out)`, and the columns in a block.

    Block rates are gamma distributed: unlike normal ones they can leave most of a block empty and fill a few rows.
    """
    if not spread.block_cv or not density:
        return row_rate[np.newaxis], len(column_rate)
    shape = (-(-len(column_rate) // spread.block_columns), len(row_rate))
    rates = row_rate * rng.gamma(spread.block_cv**-2, spread.block_cv**2, shape)
    return _capped(rates, 1 / (density * column_rate.max())), spread.block_columns


def _capped(rates: NDArray[np.float64], cap: float) -> NDArray[np.float64]:
    """Rates scaled and cut at `cap`, so that no cell's probability passes 1 and the mean of each block is 1."""
    low, high = np.full((len(rates), 1), 2.0**-10), np.full((len(rates), 1), 2.0**10)
    for _ in range(14):  # halves a factor of 2**20 often enough for a thousandth
        scale = np.sqrt(low * high)
        short = np.minimum(rates * scale, cap).mean(axis=1, keepdims=True) < 1
        low, high = np.where(short, scale, low), np.where(short, high, scale)
    return np.minimum(rates * high, cap)


def _room_for(column_rate: NDArray[np.float64], row_rates: NDArray[np.float64], columns_each: int) -> int:
    """Return the entries to make room for: ten standard deviations above the mean are never exceeded."""
    expected = column_rate @ row_rates.sum(axis=1)[np.arange(len(column_rate)) // columns_each]
    return int(expected + 10 * np.sqrt(expected) + 100)


def _cv_beyond_chance(counts: NDArray[Any], trials: int) -> float:
    mean = counts.mean()
    if mean == 0:
        return 0.0
    chance = mean * (1 - mean / trials)
    return float(np.sqrt(max(counts.var() - chance, 0.0)) / mean)


@nb.njit(cache=True, nogil=True)
def _draw(rng, column_rate, row_rates, columns_each, top, room):  # type: ignore[no-untyped-def]
    """Column pointers, rows and codes, leaping from one candidate of the likeliest row's rate to the next.

    A candidate in row i is kept in proportion to that row's rate; what is left of its random number picks the code.
    """
    n_in, n_out = len(column_rate), row_rates.shape[1]
    indptr = np.zeros(n_in + 1, np.int64)
    rows = np.empty(room, np.int32)
    codes = np.empty(room, np.uint8)
    n, highest = 0, 0.0
    for j in range(n_in):
        row_rate = row_rates[j // columns_each]
        if j % columns_each == 0:
            highest = row_rate.max()
        rate = min(column_rate[j] * highest, 1.0)
        mean_leap = -1.0 / np.log1p(-rate) if 0.0 < rate < 1.0 else 0.0
        i = -1 if rate > 0.0 else n_out
        while True:
            leap = rng.standard_exponential() * mean_leap
            if leap >= n_out - i - 1:
                break
            i += 1 + int(leap)
            kept = min(column_rate[j] * row_rate[i], 1.0) / rate
            u = rng.random()
            if u < kept:
                if n == room:
                    raise ValueError("more entries were drawn than room was made for")
                rows[n] = i
                codes[n] = 1 + int(u / kept * top)
                n += 1
        indptr[j + 1] = n
    return indptr, rows[:n].copy(), codes[:n].copy()
