"""Unevenness of real pruned layers as a function of their density; the results are in `data/synthetic.toml`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linprog

from eie.datasets import dlmc
from eie.explore.spread import FITTED_SHAPES, MIN_DENSITY, Spread, on_curve
from eie.explore.synthetic import draw_activations, draw_layer
from eie.studies import experiments
from eie.studies.pruned.matrices import ACT_DENSITY, run

PERCENTILES = (10, 50, 90)

FAMILIES = {
    "magnitude_pruning": "magnitude",
    "extended_magnitude_pruning": "magnitude",
    "variational_dropout": "variational_dropout",
    "l0_regularization": "l0",
    dlmc.CONTROL: "random",
}
"""The names in `eie.explore.synthetic.METHODS` of the collection's methods; `random` is the control."""

ANY = "any"
"""The name by which `eie.explore.spread.typical_spread` knows the curves of all methods together."""

SMALLEST = 0.02
"""Spreads below this one count as this one, since a logarithm is fitted; chance alone gives as much."""


def table() -> pd.DataFrame:
    """Read the committed table of matrices, as `prepared`."""
    return prepared(experiments.read("pruned_layers"))


def collection() -> pd.DataFrame:
    """Read the committed spreads of the whole collection, `prepared`: those of a density and shape that is fitted."""
    rows = prepared(experiments.read("pruned_spreads"))
    low, high = FITTED_SHAPES
    return rows[(rows["density"] >= MIN_DENSITY) & rows["odds"].gt(0) & rows["shape"].between(low, high)]


def prepared(rows: pd.DataFrame) -> pd.DataFrame:
    """Add `family`, `density`, `odds` (weights pruned over weights kept) and `shape` (rows over columns)."""
    density = rows["entries"] / (rows["n_out"] * rows["n_in"])
    shape = rows["n_out"] / rows["n_in"]
    return rows.assign(family=rows["method"].map(FAMILIES), density=density, odds=1 / density - 1, shape=shape)


def fit(rows: pd.DataFrame, percentiles: Sequence[float] = PERCENTILES) -> dict[str, list[list[float]]]:
    """Fit a, b and c of spread = a x odds**b x shape**c to matrices of one family, for rows and columns.

    Parameters
    ----------
    rows : DataFrame
        Some of `table`.
    percentiles : sequence of float
        So many percent of the matrices are to lie below the curve (quantile regression of the logarithms).

    Returns
    -------
    dict
        `row` and `column`: a, b and c for each percentile, rounded to a thousandth.
    """
    known = np.log(rows[["odds", "shape"]].to_numpy())
    return {
        side: [
            _regression(known, np.log(np.maximum(rows[f"{side}_cv"].to_numpy(), SMALLEST)), percent / 100)
            for percent in percentiles
        ]
        for side in ("row", "column")
    }


def _regression(x: NDArray[np.float64], y: NDArray[np.float64], share: float) -> list[float]:
    """Find the plane that a share of the points lies below, as a linear program (Koenker and Bassett, 1978)."""
    n, terms = len(x), x.shape[1] + 1
    cost = np.concatenate([np.zeros(terms), np.full(n, share), np.full(n, 1 - share)])
    equations = np.hstack([np.ones((n, 1)), x, np.eye(n), -np.eye(n)])
    found = linprog(cost, A_eq=equations, b_eq=y, bounds=[(None, None)] * terms + [(0, None)] * (2 * n)).x
    return [round(float(value), 3) for value in (np.exp(found[0]), *found[1:terms])]


def families(rows: pd.DataFrame, all_rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """List the matrices that each family's curves are fitted to, by what `typical_spread` calls the family.

    Curves of pruning by magnitude, which the paper used, are those of the matrices that were also run. The other
    methods are available at two sparsities only, so their curves are fitted to the whole collection.

    Parameters
    ----------
    rows, all_rows : DataFrame
        Some of `table` and of `collection`.
    """
    by_method = {str(name): group for name, group in all_rows.groupby("family")}
    return by_method | {"magnitude": rows[rows["family"] == "magnitude"], ANY: all_rows}


def fitted(rows: pd.DataFrame, all_rows: pd.DataFrame) -> dict[str, dict[str, list[list[float]]]]:
    """Fit every family but the control; the committed numbers are those of all of `table` and `collection`."""
    return {name: fit(group) for name, group in families(rows, all_rows).items()}


@cache
def held_out() -> pd.DataFrame:
    """Compare matrices with synthetic layers whose median spread was fitted on other layers.

    The layers fall into halves by the check sum of their names, and each half is compared with fits of the other: a
    layer at one sparsity tells of the same layer at another.

    Returns
    -------
    DataFrame
        The matrices of `table`, control excluded, with the load balance of a layer of their size and density, drawn
        once: `synthetic` with the median spread of their family, `synthetic_any` with that of all methods.
    """
    rows, all_rows = table().query("family != 'random'"), collection()
    compared = []
    for half in (0, 1):
        here, there = rows[_half(rows) == half], [some[_half(some) != half] for some in (rows, all_rows)]
        medians = {name: fit(group, [50]) for name, group in families(*there).items()}
        drawn = [[_balance(row, medians[name]) for name in (row.family, ANY)] for row in here.itertuples()]
        compared.append(here.assign(**dict(zip(("synthetic", "synthetic_any"), zip(*drawn, strict=True), strict=True))))
    return pd.concat(compared)


def _half(rows: pd.DataFrame) -> NDArray[np.int64]:
    """Return 0 or 1 for each matrix, the same for all matrices of one layer."""
    names = (rows["model"] + "/" + rows["layer"]).str.removesuffix("_fully_connected")
    return np.array([crc32(name.encode()) % 2 for name in names])


def _median(found: dict[str, list[list[float]]], row: Any) -> Spread:
    """Return the median spread of a matrix."""
    row_cv, column_cv = (on_curve(curve, row.density, row.shape) for (curve,) in found.values())
    return Spread(row_cv, column_cv, bias_density=0.0)


def _balance(row: Any, found: dict[str, list[list[float]]]) -> float:
    """Return the load balance of a layer as large and dense as a matrix, with the median spread of a fit."""
    spread = _median(found, row)
    names = np.random.SeedSequence([row.n_out, row.n_in, row.entries]).spawn(2)
    layer = draw_layer(row.n_out, row.n_in, row.density, names[0], spread, bias=False)
    return run(layer, draw_activations(row.n_in, ACT_DENSITY, names[1])).load_balance
