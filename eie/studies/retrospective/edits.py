"""Spatial sparsity: when a part of a picture is edited, only what it touches is computed again.

Each output position of a convolution is one product with a vector of its own. Where that vector is the same as before
the edit, so is the product, bit by bit; where it is not, it is done again. Nothing is estimated.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from eie import _check
from eie.cycles import simulate
from eie.fixedpoint import LayerFormats
from eie.interleaved import encode
from eie.machine import Machine
from eie.models import imagenet, zoo
from eie.networks.network import Network
from eie.networks.operations import WeightOperation
from eie.studies import experiments
from eie.studies.experiments import Experiment, grid
from eie.studies.plots import panels
from eie.studies.retrospective import models
from eie.studies.retrospective._shared import Measured
from eie.values import multiply

Array = NDArray[Any]

SIDES = (8, 16, 32, 64, 128)
"""Sides of the squares to edit, pixels."""
N_PICTURES = 3


class Remembering:
    """The machine's arithmetic of a linear layer or a convolution, which does only what differs from its first run.

    `done` counts the products of the last run, and `cycles` those that they took.
    """

    def __init__(self, op: WeightOperation, machine: Machine, formats: LayerFormats) -> None:
        self._op, self._machine, self._formats = op, machine, formats
        self._mems = [encode(layer, machine) for layer in op.layers]
        self._first: dict[int, tuple[Array, Array]] = {}
        self.done = self.cycles = 0

    def quantize_inputs(self, values: Array) -> Array:
        """Bring real numbers into the layer's activation format, and begin a new run."""
        self.done = self.cycles = 0
        raw, _ = self._formats.activation.quantize(values)
        return raw.astype(np.int32)

    def multiply(self, part: int, vectors: Array) -> Array:
        """Multiply vectors, except for those of the first run, whose products are known."""
        if part not in self._first:
            self._first[part] = (vectors, self._products(part, vectors))
            return self._formats.output.real(self._first[part][1])
        before, products = self._first[part]
        again = (vectors != before).any(axis=1)
        raw = products.copy()
        if again.any():
            raw[again] = self._products(part, vectors[again])
        return self._formats.output.real(raw)

    def _products(self, part: int, vectors: Array) -> Array:
        self.done += len(vectors)
        self.cycles += simulate(self._mems[part], vectors, self._machine, signed=True).cycles
        return multiply(self._mems[part], vectors, self._formats, self._op.biases[part])[0]


def edited(picture: Array, other: Array, side: int, seed: int) -> Array:
    """Put a square of another picture into a picture `(channels, height, width)`, at a place that `seed` names."""
    height, width = picture.shape[1:]
    side = _check.integer("side", side, 1, min(height, width))
    rng = np.random.default_rng(seed)
    top, left = (int(rng.integers(0, size - side + 1)) for size in (height, width))
    changed = picture.copy()
    changed[:, top : top + side, left : left + side] = other[:, top : top + side, left : left + side]
    return changed


def recomputed(network: Network, picture: Array, changed: Sequence[Array]) -> list[pd.DataFrame]:
    """Run a network on a picture, then on changed ones, each time doing only what differs from the first.

    Parameters
    ----------
    network : Network
    picture : array of shape `network.input_shape`
    changed : sequence of arrays of that shape

    Returns
    -------
    list of DataFrame
        For each changed picture one row per layer: `layer`, `done` (share of its products done again, 0..1), `cycles`,
        `all_cycles` (for the whole picture), `same` (whether the network's output is, bit by bit, that of a run that
        does everything).
    """
    machine = zoo.machine_for(network)
    formats = network.formats(network.calibrate(picture[np.newaxis]))
    arithmetic = {name: Remembering(op, machine, formats[name]) for name, op in network.weight_nodes}
    last = network.nodes[-1].name
    network.evaluate(picture[np.newaxis], arithmetic)
    whole = {name: (layer.done, layer.cycles) for name, layer in arithmetic.items()}
    tables = []
    for one in changed:
        found = network.evaluate(one[np.newaxis], arithmetic)[last]
        expected = network.run(one[np.newaxis], machine, formats, reports=False).outputs
        rows = [
            (name, layer.done / whole[name][0], layer.cycles, whole[name][1], bool(np.array_equal(found, expected)))
            for name, layer in arithmetic.items()
        ]
        tables.append(pd.DataFrame(rows, columns=["layer", "done", "cycles", "all_cycles", "same"]))
    return tables


def _edits_of(number: int, pictures: Array, sides: Sequence[int] = SIDES) -> pd.DataFrame:
    """Edit one picture, with squares of the next."""
    picture, other = pictures[number : number + 2]
    tables = recomputed(zoo.squeezenet(), picture, [edited(picture, other, side, number) for side in sides])
    return pd.concat(
        [
            table.assign(picture=number, side=side, area=(side / imagenet.CROP) ** 2)
            for side, table in zip(sides, tables, strict=True)
        ],
        ignore_index=True,
    )


EXPERIMENT = Experiment(
    parts=partial(grid, picture=range(N_PICTURES), side=SIDES),
    make=lambda picture, side: _edits_of(picture, models.pictures(N_PICTURES + 1), [side]),
    seeds=range(N_PICTURES),
)


class Edits(Measured):
    """Work after an edit: rows by `picture` and `side`, with `area` (edited, 0..1) and what `recomputed` gives."""

    def work(self) -> pd.DataFrame:
        """Tabulate by side of an edit, all in %: `area`, `work`, its deviation `sd` over pictures, `first` and `last`.

        `work` is the share of all cycles; `first` and `last` the share of the first and the last layer's positions.
        """
        each = self.rows.groupby(["side", "picture"])
        work = 100 * each["cycles"].sum() / each["all_cycles"].sum()
        sides = work.groupby("side")
        return pd.DataFrame(
            {
                "area": 100 * self.rows.groupby("side")["area"].first(),
                "work": sides.mean(),
                "sd": sides.std(),
                "first": 100 * each["done"].first().groupby("side").mean(),
                "last": 100 * each["done"].last().groupby("side").mean(),
            }
        )

    def words(self) -> str:
        """Say the answer in words, with numbers."""
        table = self.work()
        small, large = table.loc[SIDES[2]], table.loc[SIDES[-1]]
        exact = "the same, bit by bit, as" if self.rows["same"].all() else "not always the same as"
        return (
            f"An edit of {small['area']:.1f} % of a picture takes {small['work']:.0f} ± {small['sd']:.0f} % of "
            f"SqueezeNet's cycles again, one of {large['area']:.0f} % takes {large['work']:.0f} ± {large['sd']:.0f} "
            f"%, and what comes out is {exact} when everything is done anew. An edit grows on its way: of the first "
            f"layer's positions the smaller one touches {small['first']:.1f} %, of the last layer's "
            f"{small['last']:.0f} %."
        )

    def plot(self) -> Figure:
        """Draw the share of the positions that are done again, layer by layer."""
        depth = {layer: place for place, layer in enumerate(dict.fromkeys(self.rows["layer"]), 1)}
        points = self.rows.assign(depth=self.rows["layer"].map(depth), done=100 * self.rows["done"])
        means = points.groupby(["side", "area", "depth"], as_index=False)["done"].mean()
        means["edit"] = [f"{100 * area:.1f} % of the picture" for area in means["area"]]
        labels = ("layer, from input to output", "positions done again, %")
        return panels.series_by_panel(means.assign(panel="SqueezeNet"), "panel", "depth", "done", "edit", *labels)


def edits(n_pictures: int | None = None) -> Edits:
    """Edit squares of pictures now, or read the committed table if no number is given.

    Raises
    ------
    FileNotFoundError
        When SqueezeNet or the pictures are needed and not at hand; the message says how to get them.
    """
    if n_pictures is None:
        return Edits(experiments.read("edits"))
    pictures = models.pictures(_check.integer("n_pictures", n_pictures, 1, 99) + 1)
    return Edits(pd.concat([_edits_of(i, pictures) for i in range(n_pictures)], ignore_index=True))
