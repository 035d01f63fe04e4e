"""Point clouds: a convolution where most places are empty, as gather, multiply, scatter.

For each tap of the kernel, the features of the points that have a neighbour there are gathered, multiplied by the tap's
matrix, and added to the neighbours' sums. Every tap has another number of points, and a library multiplies several taps
in one launch by filling them up to the largest of them (TorchSparse, named on the slide, groups them to trade one for
the other). The points here are the inked pixels of handwritten digits.
"""

from __future__ import annotations

from functools import partial
from itertools import combinations, pairwise, product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from eie import _check
from eie.datasets import catalogue
from eie.formats import idx
from eie.studies import experiments
from eie.studies.experiments import Experiment, grid
from eie.studies.plots import panels
from eie.studies.retrospective._shared import Measured

Pairs = dict[tuple[int, int], tuple[NDArray[np.int64], NDArray[np.int64]]]


def points_of(picture: NDArray[Any]) -> NDArray[np.int64]:
    """Find the pixels that are not 0, shape `(n_points, 2)`, row by row."""
    return np.argwhere(np.asarray(picture) != 0)


def neighbours(points: NDArray[np.int64], size: int = 3) -> Pairs:
    """Find for each tap of a kernel which points have which point there.

    Parameters
    ----------
    points : int array of shape `(n_points, 2)`
        All different.
    size : int
        Rows and columns of the kernel, odd, 1..9.

    Returns
    -------
    dict
        By offset, two index arrays: points to gather, and the points to whose sums they are added.
    """
    size = _check.integer("size", size, 1, 9)
    if not size % 2:
        raise ValueError(f"size must be odd, got {size}")
    number = {tuple(place): i for i, place in enumerate(points.tolist())}
    reach = range(-(size // 2), size // 2 + 1)
    found: Pairs = {}
    for down, right in product(reach, reach):
        pairs = [(number[y + down, x + right], i) for (y, x), i in number.items() if (y + down, x + right) in number]
        sources, targets = np.array(pairs, np.int64).reshape(-1, 2).T
        found[down, right] = (sources, targets)
    return found


def convolved(features: NDArray[Any], pairs: Pairs, weights: NDArray[Any]) -> NDArray[Any]:
    """Compute the convolution at the points, by gather, multiply, scatter.

    Parameters
    ----------
    features : array of shape `(n_points, channels)`
    pairs : dict
        Of `neighbours`.
    weights : array of shape `(n_out, channels, size, size)`

    Returns
    -------
    array of shape `(n_points, n_out)`
    """
    half = weights.shape[2] // 2
    sums = np.zeros((len(features), len(weights)), np.result_type(features, weights))
    for (down, right), (sources, targets) in pairs.items():
        sums[targets] += features[sources] @ weights[:, :, half + down, half + right].T
    return sums


def padded(counts: NDArray[np.int64], launches: int) -> int:
    """Count the rows multiplied by the best grouping of taps in launches, each filled up to its largest tap.

    Parameters
    ----------
    counts : int array of shape `(n_taps,)`
        Points of each tap.
    launches : int
        1..n_taps.
    """
    launches = _check.integer("launches", launches, 1, len(counts))
    ranked = np.sort(counts)[::-1]  # in the best grouping, taps of a launch are next to each other by size
    cuts = ([0, *inner, len(ranked)] for inner in combinations(range(1, len(ranked)), launches - 1))
    return min(sum(int(ranked[a]) * (b - a) for a, b in pairwise(cut)) for cut in cuts)


N_DIGITS = 200
"""Digits of the table."""


def _digit(digit: int) -> pd.DataFrame:
    """Count points, neighbours and padding of one of MNIST's test pictures."""
    picture = idx.read(catalogue.require("mnist") / "t10k-images-idx3-ubyte")[digit]
    points = points_of(picture)
    counts = np.array([len(sources) for sources, _ in neighbours(points).values()])
    facts = (digit, len(points), picture.size, int(counts.sum()))
    rows = [(*facts, launches, padded(counts, launches)) for launches in range(1, len(counts) + 1)]
    return pd.DataFrame(rows, columns=["digit", "points", "places", "products", "launches", "rows"])


EXPERIMENT = Experiment(parts=partial(grid, digit=range(N_DIGITS)), make=_digit)


class Clouds(Measured):
    """Sparse convolutions on point clouds.

    One row per digit and number of launches: `digit` (its number in the set), `points`, `places` (pixels), `products`
    (of a tap's matrix with a point's features), `launches`, `rows` (products with the padding's).
    """

    @property
    def taps(self) -> int:
        """Taps of the kernel."""
        return int(self.rows["launches"].max())

    def padding(self) -> pd.DataFrame:
        """Tabulate by number of launches: `padding` of all rows multiplied, and its deviation `sd` over digits, %."""
        share = 100 * (1 - self.rows["products"] / self.rows["rows"])
        groups = share.groupby(self.rows["launches"])
        return pd.DataFrame({"padding": groups.mean(), "sd": groups.std()})

    def work(self) -> tuple[float, float]:
        """Divide products by those of the dense picture, mean and standard deviation over digits, %."""
        each = self.rows[self.rows["launches"] == 1]
        share = 100 * each["products"] / (each["places"] * self.taps)
        return float(share.mean()), float(share.std())

    def words(self) -> str:
        """Say the answer in words, with numbers."""
        table, (work, spread) = self.padding(), self.work()
        none = int(table.index[table["padding"] < 1e-9].min())
        half = table.loc[2]
        return (
            f"Gathering what there is takes {work:.0f} ± {spread:.0f} % of the products of the dense picture. "
            f"Multiplied in one launch, {table.loc[1, 'padding']:.0f} ± {table.loc[1, 'sd']:.0f} % of the rows are "
            f"padding, in two {half['padding']:.0f} ± {half['sd']:.0f} %, and from {none} launches on none are, where "
            f"the kernel has {self.taps} taps: a tap and the one opposite have equally many points. On EIE each point "
            "is a product of its own, which needs neither."
        )

    def plot(self) -> Figure:
        """Draw padding over launches."""
        points = self.padding().rename_axis("launches").reset_index()
        points = points.assign(panel="3 x 3 taps", line="best grouping")
        labels = ("launches", "rows that are padding, %")
        return panels.series_by_panel(points, "panel", "launches", "padding", "line", *labels, spread="sd")


def clouds(n_digits: int | None = None) -> Clouds:
    """Count points, neighbours and padding of digits now, or read the committed table if no number is given.

    Raises
    ------
    FileNotFoundError
        When MNIST is needed and not at hand; the message says how to get it.
    """
    if n_digits is None:
        return Clouds(experiments.read("clouds"))
    digits = range(_check.integer("n_digits", n_digits, 1, 10_000))
    return Clouds(pd.concat(map(_digit, digits), ignore_index=True))
