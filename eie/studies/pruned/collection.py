"""The spread of every matrix of the Deep Learning Matrix Collection, from the collection's own statistics.

They hold the mean and the standard deviation of the entries per row and per column of all matrices, also of those that
are not available.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from eie.datasets import catalogue, dlmc
from eie.explore.spread import cv_beyond_chance
from eie.studies.experiments import Experiment, Part


def rows() -> list[dict[str, str]]:
    """Read the collection's own table; empty if it is not available."""
    content = dict(dlmc.contents([dlmc.STATISTICS])).get(dlmc.STATISTICS, b"")
    return list(csv.DictReader(io.StringIO(content.decode("utf-8"))))


def parts() -> list[Part]:
    """List the networks of the collection."""
    return [{"model": model} for model in dict.fromkeys(group.model for group in dlmc.groups())]


def measure(model: str) -> list[dict[str, Any]]:
    """Return the spread of each real pruned matrix of a network that is not empty.

    Raises
    ------
    FileNotFoundError
        When the collection's table is not available; the message says how to get it.
    """
    told = rows()
    if not told:
        raise FileNotFoundError(catalogue.how_to_get(dlmc.NAME))
    found = [(PurePosixPath(row["name"]), row) for row in told if float(row["nnz"])]
    wanted = [(path, row) for path, row in found if path.parts[0] == model and path.parts[1] != dlmc.CONTROL]
    return [_spread(path, row) for path, row in sorted(wanted, key=lambda one: one[0])]


def _spread(path: PurePosixPath, row: Mapping[str, str]) -> dict[str, Any]:
    n_out, n_in = int(row["nrows"]), int(row["ncols"])
    group = dlmc.Group(*path.parts[:3])._asdict()
    size = {"layer": path.name, "n_out": n_out, "n_in": n_in, "entries": int(float(row["nnz"]))}
    return group | size | {"row_cv": _beyond_chance(row, "row", n_in), "column_cv": _beyond_chance(row, "col", n_out)}


def _beyond_chance(row: Mapping[str, str], side: str, trials: int) -> float:
    """Return the coefficient of variation of a side's entries beyond the binomial, to a ten-thousandth."""
    mean, deviation = (float(row[f"{kind}_nnz_per_{side}"]) for kind in ("mean", "std"))
    return round(cv_beyond_chance(mean, deviation**2, trials), 4)


EXPERIMENT = Experiment(parts=parts, make=measure, seeds=())
