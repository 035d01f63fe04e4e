"""Longer experiments: one command each, and the tables that they left in `data/measured/`.

A table is a CSV file. Lines in front of it say what made it: the command, when, on what machine, from which commit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pandas as pd

from eie import _host
from eie._files import data_path, resource, written_aside
from eie.formats import FormatError

FOLDER = "measured"


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment: where the function is that makes its table, and what it is about."""

    module: str
    function: str
    about: str

    def table(self) -> pd.DataFrame:
        """Run it."""
        make: Callable[[], pd.DataFrame] = getattr(import_module(self.module), self.function)
        return make()


EXPERIMENTS = {
    "balance": Experiment(
        "eie.studies.retrospective.balance", "measure", "accuracy after pruning that evens out the PEs' work"
    ),
    "clouds": Experiment(
        "eie.studies.retrospective.point_clouds", "measure", "gather, multiply and scatter on point clouds"
    ),
    "edits": Experiment(
        "eie.studies.retrospective.edits", "measure", "work that an edit of a picture makes in SqueezeNet"
    ),
    "emerging": Experiment(
        "eie.studies.retrospective.emerging", "curve", "quality of two real networks over their density"
    ),
    "frames": Experiment(
        "eie.studies.retrospective.frames", "measure", "differences of successive frames as activations"
    ),
    "mapping": Experiment("eie.studies.retrospective.mapping", "measure", "layers of real networks on the machine"),
    "progressive": Experiment("eie.studies.retrospective.progressive", "measure", "attention by some bits of its keys"),
    "tokens": Experiment("eie.studies.retrospective.tokens", "measure", "translations with fewer tokens"),
    "patterns": Experiment(
        "eie.studies.retrospective.patterns", "measure", "accuracy of a LeNet pruned by several patterns"
    ),
    "w4a16": Experiment(
        "eie.studies.retrospective.w4a16", "measure", "weights of two real networks stored in a few bits"
    ),
}
"""Every experiment, by the name of its table."""


def run(name: str, output: str | Path | None = None) -> Path:
    """Run an experiment and write its table.

    Parameters
    ----------
    name : str
        One of `EXPERIMENTS`.
    output : path, optional
        CSV file; the one that comes with the project if left out.

    Returns
    -------
    Path
        What was written.

    Raises
    ------
    ValueError
        When there is no experiment of that name; the message lists them.
    FileNotFoundError
        When a network or data set that it needs is not at hand; the message says how to get it.
    """
    experiment = _known(name)
    target = resource("data") / FOLDER / f"{name}.csv" if output is None else Path(output)
    with written_aside(target) as aside:
        table = experiment.table()
        header = "".join(f"# {key}: {value}\n" for key, value in _made_by(name).items())
        aside.write_text(header + table.to_csv(index=False, float_format="%.6g"), encoding="utf-8")
    return target


def read(name: str) -> pd.DataFrame:
    """The committed table of an experiment.

    Raises
    ------
    ValueError
        When there is no experiment of that name; the message lists them.
    FormatError
        When the file is no table.
    """
    _known(name)
    path = data_path(f"{FOLDER}/{name}.csv")
    try:
        return pd.read_csv(path, comment="#")
    except ValueError as error:
        raise FormatError(f"{path}: no table: {error}") from error


def made_by(name: str) -> dict[str, str]:
    """What made the committed table of an experiment: `command`, `date`, `processor`, `cores`, `eie`, `commit`."""
    _known(name)
    lines = data_path(f"{FOLDER}/{name}.csv").read_text(encoding="utf-8").splitlines()
    facts = [line.removeprefix("# ").partition(": ") for line in lines if line.startswith("# ")]
    return {key: value for key, _, value in facts}


def about(name: str) -> str:
    """A sentence for a page: what made the committed table."""
    facts = made_by(name)
    return (
        f"Made by `{facts['command']}` on {facts['date']}, on {facts['cores']} cores of {facts['processor']}, "
        f"from commit {facts['commit'][:10]}."
    )


def _known(name: str) -> Experiment:
    if name not in EXPERIMENTS:
        raise ValueError(f"there is no experiment {name!r}; there are {', '.join(sorted(EXPERIMENTS))}")
    return EXPERIMENTS[name]


def _made_by(name: str) -> dict[str, str]:
    facts = {"command": f"eie experiment {name}", "date": f"{datetime.now(UTC):%Y-%m-%d}", **_host.summary()}
    return {key: str(value) for key, value in facts.items()} | {"commit": _host.commit()}
