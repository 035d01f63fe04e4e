"""Spread of a pruned matrix's entries over rows and columns: as measured, and as typical of real pruned layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie import _check
from eie._display import Shown
from eie._files import read_toml
from eie.layer import MAX_SIZE, CompressedLayer

MEDIAN = 50
"""Percentile of the spread that layers are drawn with, where nothing else is said."""

MAX_CV = 10.0
"""Coefficient of variation of rates."""

MIN_DENSITY = 0.0026
"""The spread does not grow below this density, that of the sparsest layer that it was fitted on."""

FITTED_SHAPES = (1 / 9, 4.0)
"""Least and most rows over columns of the layers that the spread was fitted on."""


@dataclass(frozen=True, slots=True)
class Spread(Shown):
    """Unevenness of a pruned matrix.

    Attributes
    ----------
    row_cv, column_cv : float
        Coefficient of variation of the entries per row and per column, beyond that of random placement (binomial). 0 is
        a uniform random matrix.
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
            if not 0 <= value <= MAX_CV:
                raise ValueError(f"{name} must be in 0..{MAX_CV:g}, got {value:g}")
        _check.fraction("bias_density", self.bias_density)
        _check.integer("block_columns", self.block_columns, 1, MAX_SIZE)


UNIFORM = Spread(row_cv=0.0, column_cv=0.0, bias_density=1.0)
"""No unevenness beyond chance."""


@cache
def measured_spread() -> Spread:
    """Return the spread of the one pruned layer that the authors published (`data/synthetic.toml`)."""
    return Spread(**read_toml("synthetic.toml")["alex8"])


def typical_spread(
    density: float, percentile: float = MEDIAN, method: str = "magnitude", *, shape: float = 1.0
) -> Spread:
    """Return the spread of real pruned layers of a density and shape, as fitted on those of DLMC.

    Each coefficient of variation is a x ((1 - density) / density)**b x shape**c, with the a, b and c of the percentile
    in `data/synthetic.toml`.

    Parameters
    ----------
    density : float
        Fraction of the weights kept, 0..1.
    percentile : float
        Percentile of the unevenness of rows and of columns among layers of that density, 10..90; the median, 50, if
        left out. Between the fitted percentiles, logarithms are interpolated over the quantiles of the normal
        distribution.
    method : str
        Method of pruning: `magnitude`, as EIE's authors do, `variational_dropout`, `l0`, or `any` if that is
        not known.
    shape : float
        Rows over columns; those of the fitted layers are 1/9 to 4, and others are taken as the nearest of these.

    Returns
    -------
    Spread
        Unevenness of rows and columns.

    Raises
    ------
    ValueError
        When a parameter is out of range.
    """
    density, shape = _check.fraction("density", density), _check.positive("shape", shape)
    percentile = _check.real("percentile", percentile)
    if method not in fitted_spreads():
        raise ValueError(f"method must be one of {', '.join(fitted_spreads())}, got {method!r}")
    found = fitted_spreads()[method]
    low, *_, high = found["percentiles"]
    if not low <= percentile <= high:
        raise ValueError(f"percentile must be in {low}..{high}, got {percentile:g}")
    row_cv, column_cv = (
        _between(percentile, found["percentiles"], sorted(on_curve(curve, density, shape) for curve in found[side]))
        for side in ("row", "column")
    )
    return Spread(row_cv, column_cv, measured_spread().bias_density)


def on_curve(curve: Sequence[float], density: float, shape: float) -> float:
    """Return the variation on a fitted curve, a × ((1 - density) / density)^b × shape^c; beyond it, at its end."""
    a, b, c = curve
    density, shape = max(density, MIN_DENSITY), float(np.clip(shape, *FITTED_SHAPES))
    return a * ((1 - density) / density) ** b * shape**c


@cache
def fitted_spreads() -> dict[str, Any]:
    """Read what was fitted: percentiles, rising, and their a, b and c for rows and columns, by method."""
    return dict(read_toml("synthetic.toml")["fitted"])


def _between(percentile: float, percentiles: list[float], values: list[float]) -> float:
    """Interpolate the logarithm of values over the normal quantiles of percentiles; at most 10."""
    if not max(values):
        return 0.0
    normal = NormalDist().inv_cdf
    at = [normal(each / 100) for each in percentiles]
    return float(min(np.exp(np.interp(normal(percentile / 100), at, np.log(values))), MAX_CV))


def spread_of(layer: CompressedLayer) -> Spread:
    """Measure the spread of a layer: row and column variation beyond the binomial, and the density of its bias.

    A variation above `MAX_CV`, as of a layer with a single column that is not empty, counts as that.
    """
    row_counts = np.bincount(layer.rows, minlength=layer.n_out)
    bias = layer.bias_codes
    return Spread(
        row_cv=_beyond_chance(row_counts, layer.n_in),
        column_cv=_beyond_chance(np.diff(layer.indptr), layer.n_out),
        bias_density=0.0 if bias is None else float(np.count_nonzero(bias) / len(bias)),
    )


def resolved(spread: Spread | float | None, density: float, shape: float) -> Spread:
    """Return a spread itself, or the typical one of the percentile given, of the median if there is none."""
    if isinstance(spread, Spread):
        return spread
    return typical_spread(density, MEDIAN if spread is None else spread, shape=shape)


def _beyond_chance(counts: NDArray[Any], trials: int) -> float:
    return cv_beyond_chance(float(counts.mean()), float(counts.var()), trials)


def cv_beyond_chance(mean: float, variance: float, trials: int) -> float:
    """Return the coefficient of variation of counts beyond that of a binomial of so many trials, at most `MAX_CV`."""
    if mean == 0:
        return 0.0
    chance = mean * (1 - mean / trials)
    return float(min(np.sqrt(max(variance - chance, 0.0)) / mean, MAX_CV))
