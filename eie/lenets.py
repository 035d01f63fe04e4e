"""The compressed LeNets of the book: how they are made, and the tables of what came of it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from eie import _check, datasets, measure, networks
from eie._data import PACKAGE, read_toml
from eie._files import written_aside
from eie.compress import export, lenet, sizes
from eie.compress.train import Phase, Recipe, Run, compress
from eie.formats import idx
from eie.networks import CompressedNetwork

FILE = "lenets.toml"
SCHEDULES = ("full", "short")
MAX_SEED = 2**31 - 1
BINS = 60
"""Bars of a histogram of weights."""


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
    folder = datasets.require("mnist")
    return idx.read(folder / f"{part}-images-idx3-ubyte"), idx.read(folder / f"{part}-labels-idx1-ubyte")


def recipe(name: str, schedule: str = "full") -> Recipe:
    """How a network is compressed, from `data/lenets.toml`.

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
    return Recipe(**phases, bits=entry["bits"], keep=entry["keep"], ramp=entry["ramp"], init=entry["init"])


def fresh(name: str, seed: int) -> nn.Sequential:
    """A network as training starts from it."""
    _entry(name)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return lenet.NETWORKS[name]()


def train(name: str, schedule: str, seed: int, mnist: Mnist, path: str | Path | None, *, progress: bool = True) -> Run:
    """Train and compress one network; the run goes on from its checkpoint at `path`, if that is there."""
    return compress(
        fresh(name, seed), recipe(name, schedule), _batches(name, mnist), seed=seed, path=path, progress=progress
    )


def judged(run: Run, network: CompressedNetwork, mnist: Mnist) -> dict[str, float]:
    """Errors in percent and sizes of a run: dense, pruned and compressed, on test and validation pictures."""
    errors = {}
    for stage, state in (("dense", run.dense), ("pruned", run.pruned), ("compressed", run.model.state_dict())):
        module = lenet.NETWORKS[network.name]()
        module.load_state_dict(state)
        errors[f"{stage}_error"] = lenet.error(module, *mnist.test)
        errors[f"{stage}_validation_error"] = lenet.error(module, *mnist.validation)
    layers = network.sizes
    return errors | {
        "kept": 100 * sum(layer.kept for layer in layers) / sum(layer.weights for layer in layers),
        "factor": sizes.factor(layers),
        "factor_without_tables": sizes.factor(layers, tables=False),
        "factor_shared": sizes.factor(layers, huffman_coded=False),
    }


def make(seeds: Iterable[int], schedule: str, folder: str | Path, names: Sequence[str] = networks.LENETS) -> None:
    """Make the networks and the tables; what is in the folder already is not made again.

    Parameters
    ----------
    seeds : iterable of int
        The first one's networks are those that the book shows.
    schedule : str
        See `recipe`.
    folder : path
        Gets `lenets.csv`, and of the first seed `lenets_centroids.csv`, `lenets_weights.csv`, `lenets_sweep.csv` and the
        networks; also checkpoints, from which an interrupted run goes on.
    names : sequence of str
        Which networks.
    """
    chosen = [_check.integer("each of seeds", seed, 0, MAX_SEED) for seed in seeds]
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    Mnist.load()  # before any work, say what is missing
    tasks = [(name, schedule, seed, place) for seed in chosen for name in names]
    rows = _side_by_side(_one, tasks)
    _write(pd.DataFrame(rows), place / "lenets.csv")
    runs = {name: _finished(name, schedule, chosen[0], place) for name in names}
    _write(pd.concat([centroids(name, run) for name, run in runs.items()]), place / "lenets_centroids.csv")
    _write(pd.concat([histograms(name, run) for name, run in runs.items()]), place / "lenets_weights.csv")


def _side_by_side(work: Any, tasks: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Results of tasks in their order, computed in as many processes as there are cores."""
    with ProcessPoolExecutor(len(measure.own_cores()), mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(work, *task) for task in tasks]
        return [each.result() for each in tqdm(waiting, unit="network", disable=None, leave=False)]


def _one(name: str, schedule: str, seed: int, folder: Path) -> dict[str, Any]:
    """Make one network; returns its row of the table."""
    target = folder / f"{name}-{schedule}-{seed}.json"
    if target.exists():
        row: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
        return row
    started = time.process_time()
    mnist = Mnist.load()
    run = train(name, schedule, seed, mnist, _checkpoint(name, schedule, seed, folder), progress=False)
    network = export.compressed(name, run, _entry(name)["index_bits"])
    networks.write(folder / f"{name}-{schedule}-{seed}.safetensors", network)
    row = {"network": name, "schedule": schedule, "seed": seed} | judged(run, network, mnist)
    row |= {"cpu_seconds": round(time.process_time() - started)} | _provenance()
    with written_aside(target) as aside:
        aside.write_text(json.dumps(row), encoding="utf-8")
    return row


def _checkpoint(name: str, schedule: str, seed: int, folder: Path) -> Path:
    return folder / f"{name}-{schedule}-{seed}.checkpoint"


def _finished(name: str, schedule: str, seed: int, folder: Path) -> Run:
    """A run that has ended, from its checkpoint."""
    path = _checkpoint(name, schedule, seed, folder)
    return train(name, schedule, seed, Mnist.load(), path, progress=False)


def centroids(name: str, run: Run) -> pd.DataFrame:
    """Shared weights over the last phase, a row a layer, epoch and code."""
    rows = [
        {"network": name, "layer": layer, "epoch": epoch, "code": code, "value": float(value)}
        for layer, books in run.trace.items()
        for epoch, book in enumerate(books)
        for code, value in enumerate(book)
        if code
    ]
    return pd.DataFrame(rows)


def histograms(name: str, run: Run) -> pd.DataFrame:
    """How often weights are how large before and after pruning, a row a layer, stage and bin; zeros are left out."""
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


def _batches(name: str, mnist: Mnist) -> lenet.Digits:
    entry = _entry(name)
    return lenet.Digits(*mnist.train, entry["batch"], entry["shift"])


def _provenance() -> dict[str, str]:
    """When, from which commit and on what a row was made."""
    asked = subprocess.run(
        ["git", "-C", PACKAGE, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": asked.stdout.strip() or "unknown",
        "machine": measure.cpu_name(),
    }
