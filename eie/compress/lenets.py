"""The two LeNets that Deep Compression compresses on MNIST: the networks, their training and the tables of results."""

from __future__ import annotations

import json
import subprocess
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from eie import _check, _host
from eie._files import PACKAGE, read_toml, written_aside
from eie.compress import export, packed, sizes
from eie.compress.packed import CompressedNetwork
from eie.compress.prune import weights
from eie.compress.train import Phase, Recipe, Run, compress
from eie.datasets import catalogue
from eie.formats import idx

FILE = "lenets.toml"
SCHEDULES = ("full", "short")
MAX_SEED = 2**31 - 1
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
            When it is not at hand; the message says how to get it.
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
        `"full"` or `"short"`.
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
        fresh(name, seed), recipe(name, schedule), _batches(name, mnist), seed=seed, path=path, progress=progress
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


def make(
    folder: str | Path,
    seeds: Sequence[int],
    schedule: str = "full",
    names: Sequence[str] | None = None,
    *,
    sweep: bool = False,
) -> None:
    """Make networks and tables, several at a time; what the folder has already is not made again.

    Parameters
    ----------
    folder : path
        Gets the table `lenets.csv`; of the first seed the networks, `lenets_centroids.csv`, `lenets_weights.csv` and,
        if wanted, `lenets_sweep.csv`; and checkpoints, from which an interrupted run goes on.
    seeds : sequence of int
    schedule : str
        See `recipe`.
    names : sequence of str, optional
        Networks; both if left out.
    sweep : bool
        Also prune the first seed's dense networks to other densities, and share them with other widths.
    """
    chosen = [_check.integer("each of seeds", seed, 0, MAX_SEED) for seed in seeds]
    names = packed.LENETS if names is None else names
    for name in names:
        recipe(name, schedule)
    catalogue.require("mnist")
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    tasks = [_Task(name, schedule, seed, place) for seed in chosen for name in names]
    with ProcessPoolExecutor(len(_host.own_cores()), mp_context=get_context("spawn")) as pool:
        rows = _in_order([pool.submit(_one, task) for task in tasks])
        _write(pd.DataFrame(rows), place / "lenets.csv")
        if sweep:
            kept_times = read_toml(FILE)["sweep"]["keep_times"]  # multiples of the fractions that a recipe keeps
            waiting = [pool.submit(_swept, task, times) for task in tasks[: len(names)] for times in kept_times]
            _write(pd.concat(_in_order(waiting)), place / "lenets_sweep.csv")
    runs = {task.name: task.run(Mnist.load()) for task in tasks[: len(names)]}
    for table, what in (("lenets_centroids", centroids), ("lenets_weights", histograms)):
        _write(pd.concat([what(name, run) for name, run in runs.items()]), place / f"{table}.csv")
    for task in tasks[: len(names)]:
        packed.write(place / f"{task.name}.safetensors", task.compressed(runs[task.name]))


@dataclass(frozen=True)
class _Task:
    """One network to make, and where its files are."""

    name: str
    schedule: str
    seed: int
    folder: Path

    def path(self, ending: str) -> Path:
        return self.folder / f"{self.name}-{self.schedule}-{self.seed}{ending}"

    def run(self, mnist: Mnist) -> Run:
        """Train it, or read it if that is done."""
        return train(self.name, self.schedule, self.seed, mnist, self.path(".checkpoint"), progress=False)

    def compressed(self, run: Run) -> CompressedNetwork:
        return export.compressed(self.name, run, _entry(self.name)["index_bits"])


def _in_order(waiting: Sequence[Future[Any]]) -> list[Any]:
    return [each.result() for each in tqdm(waiting, unit="network", disable=None, leave=False)]


def _one(task: _Task) -> dict[str, Any]:
    """Make one network; returns its row of the table."""
    return _kept(task.path(".json"), lambda: _made(task))


def _made(task: _Task) -> dict[str, Any]:
    started, mnist = time.process_time(), Mnist.load()
    run = task.run(mnist)
    row: dict[str, Any] = {"network": task.name, "schedule": task.schedule, "seed": task.seed}
    row |= judged(run, task.compressed(run), mnist)
    return row | {"cpu_seconds": round(time.process_time() - started)} | _provenance()


def _kept(path: Path, make: Callable[[], Any]) -> Any:
    """Read what a file has, or make it now and keep it there."""
    if not path.exists():
        made = json.dumps(make())
        with written_aside(path) as aside:
            aside.write_text(made, encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


def _swept(task: _Task, times: float) -> pd.DataFrame:
    """Compress a dense network to one other density, with several widths of codes.

    It is pruned as long as by the short schedule, and what k-means finds is not trained on.
    """
    return pd.DataFrame(_kept(task.path(f"-{times:g}.json"), lambda: _points(task, times)))


def _points(task: _Task, times: float) -> list[dict[str, Any]]:
    mnist, first = Mnist.load(), recipe(task.name, "short")
    batches, dense = _batches(task.name, mnist), task.run(mnist).dense
    keep = {name: min(1.0, times * rate) for name, rate in first.keep.items()}
    pruning = replace(first, train=NOTHING, share=NOTHING, keep=keep)
    pruned = compress(_with(task.name, dense), pruning, batches, seed=task.seed, progress=False).pruned
    rows = []
    for bits in read_toml(FILE)["sweep"]["bits"]:
        sharing = replace(pruning, prune=NOTHING, bits=dict.fromkeys(first.bits, bits))
        run = compress(_with(task.name, pruned), sharing, batches, seed=task.seed, progress=False)
        row = {"network": task.name, "keep_times": times, "bits": bits, "seed": task.seed}
        found = judged(run, task.compressed(run), mnist)
        rows.append(row | {key: value for key, value in found.items() if not key.startswith(("dense", "pruned"))})
    return rows


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


def _write(table: pd.DataFrame, path: Path) -> None:
    with written_aside(path) as aside:
        table.to_csv(aside, index=False, float_format="%.6g")


def _entry(name: str) -> dict[str, Any]:
    known: dict[str, dict[str, Any]] = read_toml(FILE)["networks"]
    if name not in known:
        raise ValueError(f"network must be one of {', '.join(known)}, got {name!r}")
    return known[name]


def _batches(name: str, mnist: Mnist) -> Digits:
    entry = _entry(name)
    return Digits(*mnist.train, entry["batch"], entry["shift"])


def _provenance() -> dict[str, str]:
    """When, from which commit and on what a row was made."""
    asked = subprocess.run(
        ["git", "-C", PACKAGE, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": asked.stdout.strip() or "unknown",
        "machine": _host.cpu_name(),
    }
