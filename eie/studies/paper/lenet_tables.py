"""The measured tables of the book's compressed LeNets."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from eie.compress import lenets, packed
from eie.compress.lenets import SCHEDULES, Mnist, Training, sweep_densities
from eie.studies import host
from eie.studies.experiments import Experiment, Part, as_csv, grid

SEEDS = (0, 1, 2, 3, 4)
FIRST = SEEDS[0]
"""Seed of the networks that come with the project, and of the tables that look at one run."""
RESULTS = [
    *(f"{stage}_{kind}" for stage in ("dense", "pruned", "compressed") for kind in ("error", "validation_error")),
    *("kept", "factor", "factor_without_tables", "factor_shared"),
]
"""Columns that hang on nothing but the training."""
STAMPS = {"date": "date", "commit": "commit", "machine": "processor"}
SETTINGS = {"schedule": SCHEDULES}


def _facts() -> dict[str, Any]:
    """Describe the machine, and what decides in which order PyTorch sums."""
    return host.summary() | host.torch_facts()


def _networks(schedule: str) -> list[Part]:
    return grid(seed=SEEDS, network=packed.LENETS)


def _firsts(schedule: str) -> list[Part]:
    return grid(network=packed.LENETS)


def _row(seed: int, network: str, schedule: str, folder: Path) -> list[dict[str, Any]]:
    training = Training(network, schedule, seed, folder)
    row = training.row()
    if seed == FIRST:
        training.write()
    return [row]


def _points_of(network: str, keep_times: float, schedule: str, folder: Path) -> list[dict[str, Any]]:
    return Training(network, schedule, FIRST, folder).points(keep_times)


def _swept(schedule: str) -> list[Part]:
    return grid(network=packed.LENETS, keep_times=sweep_densities())


def _centroids(network: str, schedule: str, folder: Path) -> pd.DataFrame:
    return lenets.centroids(network, Training(network, schedule, FIRST, folder).run(Mnist.load()))


def _histograms(network: str, schedule: str, folder: Path) -> pd.DataFrame:
    return lenets.histograms(network, Training(network, schedule, FIRST, folder).run(Mnist.load()))


_experiment = partial(Experiment, settings=SETTINGS, folder=True, processes=True)
LENETS = _experiment(parts=_networks, make=_row, facts=_facts, join=partial(as_csv, stamps=STAMPS))
SWEEP = _experiment(parts=_swept, make=_points_of, join=partial(as_csv, stamps=STAMPS))
CENTROIDS = _experiment(parts=_firsts, make=_centroids)
WEIGHTS = _experiment(parts=_firsts, make=_histograms)
