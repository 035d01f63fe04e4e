"""Temporal sparsity: what changes from one frame to the next as the activations of a layer.

A layer keeps its sums, and of each input the value that it was sent last. An input is sent again when it is further
from that than a threshold, as the difference, which is what the machine multiplies: differences of 0 cost nothing.
With a threshold of 0 the sums are exact but for rounding; with a larger one no input is ever further off than that.

Frames are windows of real pictures: one pans over a picture; in the other an object, cut from a second picture, moves
over a still background.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from eie import _check
from eie.models import zoo
from eie.networks.network import Network
from eie.networks.operations import WeightOperation
from eie.studies import experiments
from eie.studies.experiments import Experiment, grid
from eie.studies.plots import panels
from eie.studies.retrospective import models
from eie.studies.retrospective._shared import Measured

Array = NDArray[Any]

VIDEOS = ("pan", "object")
N_PICTURES, N_FRAMES = 3, 4
"""Pictures of the table, and frames of the video that is made of each."""
THRESHOLDS = (0.0, 0.02, 0.05, 0.1)
"""Of an input, in fractions of the largest magnitude that its layer saw in the first frame."""
STEP = 2
"""Pixels that the window or the object moves from frame to frame."""
OBJECT = 64
"""Side of the object that moves, pixels."""


MEASURES = ["sent", "products", "error", "same_class"]
"""Columns that `followed` gives."""


class Differences:
    """A layer's arithmetic in float32 that is sent only what has changed.

    `counts` has, of the last run, inputs `there` (not 0) and `sent`, and the products of their weights: `usual` with
    the inputs that are there, `products` with what was sent.
    """

    def __init__(self, op: WeightOperation, threshold: float) -> None:
        self._weights = [models.dense(layer).T for layer in op.layers]
        self._biases = op.biases
        self._threshold = threshold
        self._kept: dict[int, tuple[Array, Array, float]] = {}
        self.counts: Counter[str] = Counter()

    def quantize_inputs(self, values: Array) -> Array:
        """Take real numbers as they are, and begin a new run."""
        self.counts.clear()
        return np.asarray(values, np.float32)

    def multiply(self, part: int, vectors: Array) -> Array:
        """Add to the products of the run before those of what has changed since."""
        weights, bias = self._weights[part], self._biases[part]
        first = (np.zeros_like(vectors), np.float32(0), 0.0)  # with no limit, so that the first run is sent whole
        last, sums, limit = self._kept.get(part, first)
        change = np.where(np.abs(vectors - last) > limit, vectors - last, np.float32(0))
        sums = sums + change @ weights
        limit = limit or self._threshold * float(np.abs(vectors).max())
        self._kept[part] = (last + change, sums, limit)
        self._count(vectors, change, np.count_nonzero(weights, axis=1))
        return sums if bias is None else sums + bias

    def _count(self, vectors: Array, change: Array, a_column: Array) -> None:
        for values, inputs, products in ((vectors, "there", "usual"), (change, "sent", "products")):
            found = np.count_nonzero(values, axis=0)
            self.counts.update({inputs: int(found.sum()), products: int(found @ a_column)})


def video(kind: str, picture: Array, other: Array, n_frames: int, side: int) -> Array:
    """Make frames of real pictures.

    Parameters
    ----------
    kind : {"pan", "object"}
        A window that moves over `picture`; or a square of `other` that moves over it.
    picture, other : arrays of shape `(channels, height, width)`
    n_frames : int
    side : int
        Of a frame, pixels.

    Returns
    -------
    array of shape `(n_frames, channels, side, side)`
    """
    if kind not in VIDEOS:
        raise ValueError(f"kind must be one of {', '.join(VIDEOS)}, got {kind!r}")
    moves = [STEP * i for i in range(n_frames)]
    if kind == "pan":
        return np.stack([picture[:, :side, at : at + side] for at in moves])
    frames = np.repeat(picture[np.newaxis, :, :side, :side], n_frames, axis=0)
    small = min(OBJECT, side // 2)
    for frame, at in zip(frames, moves, strict=True):
        frame[:, small // 2 : small // 2 + small, at : at + small] = other[:, :small, :small]
    return frames


def followed(network: Network, frames: Array, threshold: float, expected: Array) -> pd.DataFrame:
    """Run a network on frames one after the other, each layer sent only what has changed.

    Parameters
    ----------
    network : Network
    frames : array of shape `(n_frames, *network.input_shape)`
    threshold : float
        In fractions of a layer's largest input in the first frame, 0..1.
    expected : array of shape `(n_frames, n_scores)`
        The scores when every frame begins anew.

    Returns
    -------
    DataFrame
        One row per frame but the first: `sent` (inputs sent, over those that are not 0), `products` (of a weight and
        what was sent, over those of a run that begins anew), `error` of the scores (size of the difference over size),
        and `same_class`, whether the largest score is of the same class.
    """
    arithmetic = {name: Differences(op, threshold) for name, op in network.weight_nodes}
    last, rows = network.nodes[-1].name, []
    for frame, right in zip(frames, expected, strict=True):
        found = network.evaluate(frame[np.newaxis], arithmetic)[last][0]
        n = sum((layer.counts for layer in arithmetic.values()), Counter[str]())
        same_class = bool(found.argmax() == right.argmax())
        rows.append((n["sent"] / n["there"], n["products"] / n["usual"], models.error(found, right), same_class))
    return pd.DataFrame(rows[1:], columns=MEASURES)


def _frames_of(kind: str, number: int, pictures: Array) -> pd.DataFrame:
    """Follow the video of one picture, an object in it from the next."""
    side = pictures.shape[2] - STEP * (N_FRAMES - 1)
    smaller = Network((3, side, side), zoo.squeezenet().nodes)
    frames = video(kind, pictures[number], pictures[number + 1], N_FRAMES, side)
    expected = smaller.reference(frames)
    tables = [
        followed(smaller, frames, threshold, expected).assign(
            video=kind, picture=number, threshold=threshold, frame=range(1, N_FRAMES)
        )
        for threshold in THRESHOLDS
    ]
    return pd.concat(tables, ignore_index=True)


EXPERIMENT = Experiment(
    parts=partial(grid, video=VIDEOS, picture=range(N_PICTURES)),
    make=lambda video, picture: _frames_of(video, picture, models.pictures(N_PICTURES + 1)),
)


class Frames(Measured):
    """Inputs sent to a network: rows by `video`, `picture`, `threshold` and `frame`, with what `followed` gives."""

    def table(self) -> pd.DataFrame:
        """Tabulate by video and threshold: means over frames, with the standard deviation over pictures, all in %."""
        each = 100 * self.rows.groupby(["video", "threshold", "picture"], sort=False)[MEASURES].mean()
        means, spread = (getattr(each.groupby(["video", "threshold"], sort=False), how)() for how in ("mean", "std"))
        return pd.DataFrame(
            {
                "inputs sent, %": means["sent"],
                "products, %": means["products"],
                "spread": spread["products"],
                "error, %": means["error"],
                "spread of error": spread["error"],
                "same class, %": means["same_class"],
            }
        )

    def shown(self) -> pd.DataFrame:
        """Give `table` with a text for each row."""
        table = self.table()
        return table.set_axis([f"{video}, threshold {100 * threshold:g} %" for video, threshold in table.index])

    def words(self) -> str:
        """Say the answer in words, with numbers."""
        table, small = self.table(), THRESHOLDS[1]
        still, pan = table.loc[("object", 0.0)], table.loc[("pan", 0.0)]
        mild = table.loc[("pan", small)]
        n_frames = int(((self.rows["video"] == "pan") & (self.rows["threshold"] == small)).sum())
        return (
            "When an object moves over a still background, the differences from frame to frame take "
            f"{still['products, %']:.1f} ± {still['spread']:.1f} % of the products that the activations themselves "
            f"take, without error but for rounding; when the whole picture moves, {pan['products, %']:.1f} ± "
            f"{pan['spread']:.1f} %, since inputs that were 0 and no longer are, and the other way round, both count. "
            f"A threshold of {100 * small:g} % of a layer's largest input leaves {mild['products, %']:.0f} % of them, "
            f"at an error of {mild['error, %']:.0f} % in the scores, which keep their class in "
            f"{mild['same class, %']:.0f} % of {n_frames} frames."
        )

    def plot(self) -> Figure:
        """Draw products and error over the threshold."""
        names = {"products, %": "products, of those of the activations", "error, %": "error of the scores"}
        table = self.table()[list(names)].rename(columns=names).reset_index()
        points = table.melt(["video", "threshold"], var_name="line", value_name="share")
        points["threshold"] *= 100
        labels = ("threshold, % of a layer's largest input", "%")
        return panels.series_by_panel(points, "video", "threshold", "share", "line", *labels)


def frames(n_pictures: int | None = None) -> Frames:
    """Follow videos made of pictures with SqueezeNet now, or read the committed table if no number is given.

    Raises
    ------
    FileNotFoundError
        When SqueezeNet or the pictures are needed and not at hand; the message says how to get them.
    """
    if n_pictures is None:
        return Frames(experiments.read("frames"))
    pictures = models.pictures(_check.integer("n_pictures", n_pictures, 1, 99) + 1)
    tables = [_frames_of(kind, i, pictures) for kind in VIDEOS for i in range(n_pictures)]
    return Frames(pd.concat(tables, ignore_index=True))
