"""Accuracy of real compressed networks by the width of the machine's arithmetic (Figure 10, measured)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eie.compress import packed
from eie.datasets import catalogue
from eie.formats import idx
from eie.models import imagenet, zoo
from eie.networks.network import Network
from eie.studies.experiments import Experiment, Part, as_csv

WIDTHS = ((32, 32), (16, 16), (8, 8), (8, 16))
"""Bits of weights and activations, and of accumulators: the integers of Figure 10, and a mixture."""

FLOAT = "32b float"
MNIST_CALIBRATION = 256
"""Training images by which the formats for MNIST are chosen."""
IMAGENET_CALIBRATION = 20
"""Pictures by which SqueezeNet's formats are chosen."""
IMAGENET = {"imagenet-samples": "*.JPEG", "pictures": "imagenet_*.jpg"}
"""Data sets of pictures, and how their files are called."""

WHITE = 255
BLOCKS = 20
"""Inputs are run in so many blocks, to need less memory."""
LENETS = {name: name.replace("lenet", "LeNet") for name in packed.LENETS}
SQUEEZENET = "SqueezeNet"


@dataclass(frozen=True, eq=False)
class Task:
    """A network, pictures to measure its accuracy on, and others by which its fixed-point formats are chosen.

    Attributes
    ----------
    network_name, pictures_name : str
    network : Network
    inputs : array of shape `(n, *input_shape)`
    labels : integer array of shape `(n,)`
    calibration : array of shape `(m, *input_shape)`
    calibration_name : str
    """

    network_name: str
    pictures_name: str
    network: Network
    inputs: NDArray[np.float32]
    labels: NDArray[np.int64]
    calibration: NDArray[np.float32]
    calibration_name: str


def measure(task: Task, widths: Sequence[tuple[int, int]] = WIDTHS) -> pd.DataFrame:
    """Accuracy of one network in float32 and in fixed point of several widths, of the same compressed weights.

    Formats follow from `Network.calibrate` on the task's calibration pictures by the rule of `Network.formats`.

    Parameters
    ----------
    task : Task
    widths : sequence of (int, int)
        Bits of weights and activations, and of accumulators, 2..32 each.

    Returns
    -------
    DataFrame
        One row per arithmetic, floating point first: `network`, `pictures`, `count`, `calibrated on`, `precision`,
        `top-1, %`, `top-5, %`, `as in float, %` (of pictures whose first answer is that of float32) and `saturations`.
    """
    network = task.network
    machine, ranges = zoo.machine_for(network), network.calibrate(task.calibration)
    blocks = np.array_split(task.inputs, min(BLOCKS, len(task.inputs)))
    reference = np.concatenate([network.reference(block) for block in blocks])
    rows = [_row(task, FLOAT, reference, reference, 0)]
    for bits, sum_bits in widths:
        formats = network.formats(ranges, bits, sum_bits)
        runs = [network.run(block, machine, formats, reports=False) for block in blocks]
        outputs = np.concatenate([run.outputs for run in runs])
        saturations = sum(sum(run.saturations.values()) for run in runs)
        rows.append(_row(task, _named(bits, sum_bits), outputs, reference, saturations))
    return pd.DataFrame(rows)


def _named(bits: int, sum_bits: int) -> str:
    """An integer arithmetic as Figure 10 calls it."""
    return f"{bits}b int" if sum_bits == bits else f"{bits}b int, {sum_bits}b sums"


def _row(
    task: Task, precision: str, outputs: NDArray[Any], reference: NDArray[Any], saturations: int
) -> dict[str, object]:
    best = np.argsort(-outputs, axis=1, kind="stable")[:, :5]
    hits = best == task.labels[:, None]
    return {
        "network": task.network_name,
        "pictures": task.pictures_name,
        "count": len(task.labels),
        "calibrated on": task.calibration_name,
        "precision": precision,
        "top-1, %": 100 * hits[:, 0].mean(),
        "top-5, %": 100 * hits.any(axis=1).mean(),
        "as in float, %": 100 * (best[:, 0] == reference.argmax(axis=1)).mean(),
        "saturations": saturations,
    }


def mnist_tasks(count: int | None = None) -> list[Task]:
    """The two LeNets on the first `count` of MNIST's test images, all of them if left out; empty without MNIST."""
    folder = catalogue.find("mnist")
    if folder is None:
        return []
    test, labels = _digits(folder, "t10k", count)
    train, _ = _digits(folder, "train", MNIST_CALIBRATION)
    described = f"{len(train)} training images"
    return [
        Task(shown, "mnist", zoo.lenet_network(name), test, labels, train, described) for name, shown in LENETS.items()
    ]


def _digits(folder: Path, part: str, count: int | None) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    images = idx.read(folder / f"{part}-images-idx3-ubyte")[:count]
    labels = idx.read(folder / f"{part}-labels-idx1-ubyte")[:count]
    return np.divide(images[:, None], WHITE, dtype=np.float32), labels.astype(np.int64)


def imagenet_tasks(count: int | None = None) -> list[Task]:
    """SqueezeNet on two sets of pictures, `count` of each, all of them if left out; formats are chosen by the other.

    Empty without SqueezeNet or either set.
    """
    folders = {name: catalogue.find(name) for name in ("squeezenet", *IMAGENET)}
    if None in folders.values():
        return []
    paths = {name: sorted(found.glob(ending)) for name, ending in IMAGENET.items() if (found := folders[name])}
    network, others = zoo.squeezenet(), list(IMAGENET)[::-1]
    return [
        _imagenet_task(network, _spread(paths[name], count), _spread(paths[other], IMAGENET_CALIBRATION), name, other)
        for name, other in zip(IMAGENET, others, strict=True)
    ]


def _imagenet_task(network: Network, paths: list[Path], others: list[Path], name: str, other: str) -> Task:
    labels = np.array([imagenet.class_of(path) for path in paths])
    described = f"{len(others)} of {other}"
    return Task(SQUEEZENET, name, network, imagenet.caffe_input(paths), labels, imagenet.caffe_input(others), described)


def _spread(paths: list[Path], count: int | None) -> list[Path]:
    """`count` of the paths, evenly spread."""
    if count is None or count >= len(paths):
        return paths
    return [paths[int(i)] for i in np.linspace(0, len(paths) - 1, count).round()]


def missing() -> list[str]:
    """List instructions for getting the data sets that the measurement needs and that are missing."""
    names = ("mnist", "squeezenet", *IMAGENET)
    return [catalogue.how_to_get(name, anywhere=True) for name in names if catalogue.find(name) is None]


def _tasks() -> Iterator[tuple[Part, Callable[[], list[Task]]]]:
    """Pair the keys of each task with a function that loads it and others."""
    for name in LENETS.values():
        yield {"network": name, "pictures": "mnist"}, mnist_tasks
    for name in IMAGENET:
        yield {"network": SQUEEZENET, "pictures": name}, imagenet_tasks


def _parts() -> list[Part]:
    return [part for part, _ in _tasks()]


def _one(**part: str) -> pd.DataFrame:
    for name in ("mnist",) if part["pictures"] == "mnist" else ("squeezenet", *IMAGENET):
        catalogue.require(name)
    load = next(load for known, load in _tasks() if known == part)
    return measure(next(task for task in load() if [task.network_name, task.pictures_name] == [*part.values()]))


EXPERIMENT = Experiment(parts=_parts, make=_one, join=partial(as_csv, stamps={"date": "date", "commit": "commit"}))
