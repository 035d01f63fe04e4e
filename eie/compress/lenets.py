"""The two LeNets that Deep Compression compresses on MNIST: the networks, their training and the tables of results."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from eie._files import read_toml
from eie.compress import export, packed, sizes
from eie.compress.packed import CompressedNetwork
from eie.compress.prune import weights
from eie.compress.train import Phase, Recipe, Run, compress
from eie.datasets import catalogue
from eie.formats import idx

FILE = "lenets.toml"
SCHEDULES = ("full", "short", "brief")
NOTHING = Phase(0, 0.0)
"""A phase that is left out."""

WHITE = 255
"""Largest value of a pixel."""

BINS = 60
"""Bars of a histogram of weights."""


def lenet_300_100() -> nn.Sequential:
    """LeNet-300-100: three fully connected layers with ReLU, input `(n, 1, 28, 28)`, ten outputs."""
    return nn.Sequential(
        OrderedDict(
            flatten=nn.Flatten(),
            ip1=nn.Linear(784, 300),
            relu1=nn.ReLU(),
            ip2=nn.Linear(300, 100),
            relu2=nn.ReLU(),
            ip3=nn.Linear(100, 10),
        )
    )


def lenet_5() -> nn.Sequential:
    """Caffe's LeNet-5, input `(n, 1, 28, 28)`, ten outputs.

    Unlike Caffe's, the pooled maps go through a ReLU: EIE reads only inputs above 0.
    """
    network = nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 20, 5),
            pool1=nn.MaxPool2d(2),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(20, 50, 5),
            pool2=nn.MaxPool2d(2),
            relu2=nn.ReLU(),
            flatten=nn.Flatten(),
            ip1=nn.Linear(800, 500),
            relu3=nn.ReLU(),
            ip2=nn.Linear(500, 10),
        )
    )
    for weight in weights(network).values():
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)  # twice as fast on a CPU
    return network


NETWORKS: dict[str, Callable[[], nn.Sequential]] = {"lenet-300-100": lenet_300_100, "lenet-5": lenet_5}
"""Networks by name, freshly initialised."""


@dataclass(frozen=True, eq=False)
class Digits:
    """Pictures and labels, handed out in random order and shifted by a few pixels.

    Attributes
    ----------
    images : uint8 array of shape `(n, 28, 28)`
    labels : array of shape `(n,)`
        Digits 0..9.
    batch : int
        Pictures a step.
    shift : int
        Each picture is moved by up to so many pixels each way.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    batch: int
    shift: int = 0

    def __len__(self) -> int:
        """Steps an epoch; a smaller last batch counts."""
        return -(-len(self.labels) // self.batch)

    def epoch(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield batches of float pictures `(batch, 1, 28, 28)`, 0..1, and labels `(batch,)`."""
        padded = np.pad(self.images, ((0, 0), (self.shift,) * 2, (self.shift,) * 2))
        windows = torch.from_numpy(padded).unfold(1, 28, 1).unfold(2, 28, 1)
        labels = torch.tensor(self.labels).long()
        for chosen in torch.randperm(len(labels), generator=generator).split(self.batch):
            down, right = torch.randint(2 * self.shift + 1, (2, len(chosen)), generator=generator)
            yield as_inputs(windows[chosen, down, right]), labels[chosen]


def as_inputs(images: Tensor) -> Tensor:
    """Return pixels 0..255 of shape `(n, 28, 28)` as the networks take them: float, 0..1, shape `(n, 1, 28, 28)`."""
    return images[:, None].float() / WHITE


@torch.no_grad()
def error_percent(model: nn.Module, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> float:
    """Return the share of pictures that a network takes for another digit, percent."""
    wrong = 0
    for x, y in zip(torch.tensor(images).split(1000), torch.tensor(labels).split(1000), strict=True):
        wrong += int((model(as_inputs(x)).argmax(1) != y).sum())
    return 100 * wrong / len(labels)


@dataclass(frozen=True, eq=False)
class Mnist:
    """Digits to train on, to choose by and to judge by: pairs of pictures `(n, 28, 28)` and labels `(n,)`, bytes."""

    train: tuple[NDArray[np.uint8], NDArray[np.uint8]]
    validation: tuple[NDArray[np.uint8], NDArray[np.uint8]]
    test: tuple[NDArray[np.uint8], NDArray[np.uint8]]

    @classmethod
    def load(cls) -> Self:
        """Read MNIST; the last training pictures are those to choose by.

        Raises
        ------
        FileNotFoundError
            When it is not available; the message says how to get it.
        FormatError
            When a file is damaged.
        """
        images, labels = _pair("train")
        kept = len(labels) - read_toml(FILE)["validation"]
        return cls((images[:kept], labels[:kept]), (images[kept:], labels[kept:]), _pair("t10k"))


def _pair(part: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    folder = catalogue.require("mnist")
    return idx.read(folder / f"{part}-images-idx3-ubyte"), idx.read(folder / f"{part}-labels-idx1-ubyte")


def recipe(name: str, schedule: str = "full") -> Recipe:
    """Read how a network is compressed from `data/lenets.toml`.

    Parameters
    ----------
    name : str
        `"lenet-300-100"` or `"lenet-5"`.
    schedule : str
        `"full"`, `"short"` or `"brief"`.
    """
    if schedule not in SCHEDULES:
        raise ValueError(f"schedule must be one of {', '.join(SCHEDULES)}, got {schedule!r}")
    entry = _entry(name)
    phases = {phase: Phase(*given) for phase, given in entry["schedules"][schedule].items()}
    more = {key: entry[key] for key in ("bits", "keep", "ramp", "init")}
    return Recipe(phases["train"], phases["prune"], phases["share"], **more)


def fresh(name: str, seed: int) -> nn.Sequential:
    """Make a network as training starts from it."""
    _entry(name)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return NETWORKS[name]()


def train(name: str, schedule: str, seed: int, mnist: Mnist, path: str | Path | None, *, progress: bool = True) -> Run:
    """Train and compress one network; the run goes on from its checkpoint at `path`, if that is there."""
    return compress(
        fresh(name, seed),
        recipe(name, schedule),
        batches(name, mnist, schedule),
        seed=seed,
        path=path,
        progress=progress,
    )


def judged(run: Run, network: CompressedNetwork, mnist: Mnist) -> dict[str, float]:
    """Measure errors in percent and sizes of a run: dense, pruned and compressed, on test and validation pictures."""
    errors = {}
    for stage, state in (("dense", run.dense), ("pruned", run.pruned), ("compressed", run.model.state_dict())):
        module = _with(network.name, state)
        errors[f"{stage}_error"] = error_percent(module, *mnist.test)
        errors[f"{stage}_validation_error"] = error_percent(module, *mnist.validation)
    layers = network.sizes
    return errors | {
        "kept": 100 * sum(layer.kept for layer in layers) / sum(layer.weights for layer in layers),
        "factor": sizes.compression_factor(layers),
        "factor_without_tables": sizes.compression_factor(layers, tables=False),
        "factor_shared": sizes.compression_factor(layers, huffman_coded=False),
    }


def test_error(network: CompressedNetwork) -> float:
    """Return the share of MNIST's test pictures that a compressed network takes for another digit, percent."""
    return error_percent(export.load(network, NETWORKS[network.name]()), *_pair("t10k"))


@dataclass(frozen=True)
class Training:
    """One network to train, and the folder of its checkpoint, from which an interrupted run goes on."""

    name: str
    schedule: str
    seed: int
    folder: Path

    def run(self, mnist: Mnist) -> Run:
        """Train it, or read it if that is done."""
        path = self.folder / f"{self.name}-{self.schedule}-{self.seed}.checkpoint"
        return train(self.name, self.schedule, self.seed, mnist, path, progress=False)

    def compressed(self, run: Run) -> CompressedNetwork:
        """Compress what a run has trained."""
        return export.compressed(self.name, run, _entry(self.name)["index_bits"])

    def row(self) -> dict[str, Any]:
        """Train it, and judge it: a row of the table of networks."""
        started, mnist = time.process_time(), Mnist.load()
        run = self.run(mnist)
        row: dict[str, Any] = {"network": self.name, "schedule": self.schedule, "seed": self.seed}
        row |= judged(run, self.compressed(run), mnist)
        return row | {"cpu_seconds": round(time.process_time() - started)}

    def write(self) -> None:
        """Write the compressed network to the folder."""
        packed.write(self.folder / f"{self.name}.safetensors", self.compressed(self.run(Mnist.load())))

    def points(self, keep_times: float) -> list[dict[str, Any]]:
        """Compress the dense network to one other density, with several widths of codes.

        It is pruned as long as by the short schedule, and what k-means finds is not trained on.
        """
        mnist, first = Mnist.load(), recipe(self.name, "short")
        digits, dense = batches(self.name, mnist, self.schedule), self.run(mnist).dense
        keep = {name: min(1.0, keep_times * rate) for name, rate in first.keep.items()}
        pruning = replace(first, train=NOTHING, share=NOTHING, keep=keep)
        pruned = compress(_with(self.name, dense), pruning, digits, seed=self.seed, progress=False).pruned
        rows = []
        for bits in read_toml(FILE)["sweep"]["bits"]:
            sharing = replace(pruning, prune=NOTHING, bits=dict.fromkeys(first.bits, bits))
            run = compress(_with(self.name, pruned), sharing, digits, seed=self.seed, progress=False)
            row = {"network": self.name, "keep_times": keep_times, "bits": bits, "seed": self.seed}
            found = judged(run, self.compressed(run), mnist)
            rows.append(row | {key: value for key, value in found.items() if not key.startswith(("dense", "pruned"))})
        return rows


def sweep_densities() -> list[float]:
    """List the multiples of a recipe's fractions that the sweep keeps."""
    found: list[float] = read_toml(FILE)["sweep"]["keep_times"]
    return found


def _with(name: str, state: Mapping[str, Tensor]) -> nn.Sequential:
    module = NETWORKS[name]()
    module.load_state_dict(state)
    return module


def centroids(name: str, run: Run) -> pd.DataFrame:
    """List shared weights over the last phase, one row per layer, epoch and code."""
    rows = [
        {"network": name, "layer": layer, "epoch": epoch, "code": code, "value": float(value)}
        for layer, books in run.trace.items()
        for epoch, book in enumerate(books)
        for code, value in enumerate(book)
        if code
    ]
    return pd.DataFrame(rows)


def histograms(name: str, run: Run) -> pd.DataFrame:
    """Count weights by size before and after pruning, one row per layer, stage and bin; zeros are left out."""
    rows = []
    for layer in run.codes:
        stages = {"dense": run.dense, "pruned": run.pruned}
        values = {stage: state[f"{layer}.weight"].numpy().ravel() for stage, state in stages.items()}
        reach = max(float(np.abs(value).max()) for value in values.values())
        for stage, value in values.items():
            counts, edges = np.histogram(value[value != 0], BINS, (-reach, reach))
            rows += [
                {"network": name, "layer": layer, "stage": stage, "low": low, "high": high, "count": count}
                for low, high, count in zip(edges, edges[1:], counts, strict=False)
            ]
    return pd.DataFrame(rows)


def _entry(name: str) -> dict[str, Any]:
    known: dict[str, dict[str, Any]] = read_toml(FILE)["networks"]
    if name not in known:
        raise ValueError(f"network must be one of {', '.join(known)}, got {name!r}")
    return known[name]


def batches(name: str, mnist: Mnist, schedule: str = "full") -> Digits:
    """Hand out MNIST's training pictures as a network's recipe and schedule want them."""
    entry, most = _entry(name), read_toml(FILE)["pictures"].get(schedule)
    images, labels = mnist.train
    return Digits(images[:most], labels[:most], entry["batch"], entry["shift"])
