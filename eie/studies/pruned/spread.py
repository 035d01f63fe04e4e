"""How unevenly really pruned layers are filled, as a function of their density: what `data/synthetic.toml` holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linprog

from eie.explore.spread import Spread
from eie.explore.synthetic import draw_activations, draw_layer
from eie.studies import experiments
from eie.studies.pruned.matrices import ACT_DENSITY, run

PERCENTILES = (10, 50, 90)

FAMILIES = {
    "magnitude_pruning": "magnitude",
    "extended_magnitude_pruning": "magnitude",
    "variational_dropout": "variational_dropout",
    "l0_regularization": "l0",
    "random_pruning": "random",
}
"""What `eie.explore.synthetic.METHODS` calls each of the collection's methods; `random` is the control."""

SMALLEST = 0.02
"""Spreads below this one count as this one, since a logarithm is fitted; chance alone gives as much."""


def table() -> pd.DataFrame:
    """Read the committed table of matrices, as `prepared`."""
    return prepared(experiments.read("pruned_layers"))


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


def fitted(rows: pd.DataFrame) -> dict[str, dict[str, list[list[float]]]]:
    """Fit every family but the control; the committed numbers are those of all rows of `table`."""
    return {str(name): fit(group) for name, group in rows.groupby("family") if name != "random"}


def held_out(every: int = 4) -> pd.DataFrame:
    """Compare matrices with synthetic layers whose median spread was fitted on other matrices.

    Parameters
    ----------
    every : int
        One matrix of so many is left out of the fit and compared.

    Returns
    -------
    DataFrame
        The matrices that were left out, control excluded, and `synthetic`: load balance of a layer of their size,
        density and family with the median spread, drawn once.
    """
    rows = table().query("family != 'random'")
    left_out = rows.iloc[::every]
    medians = {str(name): fit(group, [50]) for name, group in rows.drop(left_out.index).groupby("family")}
    return left_out.assign(
        synthetic=[_balance(row, _median(medians[row.family], row)) for row in left_out.itertuples()]
    )


def _median(found: dict[str, list[list[float]]], row: Any) -> Spread:
    row_cv, column_cv = (a * row.odds**b * row.shape**c for ((a, b, c),) in found.values())
    return Spread(row_cv, column_cv, bias_density=0.0)


def _balance(row: Any, spread: Spread) -> float:
    names = np.random.SeedSequence([row.n_out, row.n_in, row.entries]).spawn(2)
    layer = draw_layer(row.n_out, row.n_in, row.density, names[0], spread, bias=False)
    return run(layer, draw_activations(row.n_in, ACT_DENSITY, names[1])).load_balance
