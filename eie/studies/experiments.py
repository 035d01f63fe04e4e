"""Measured tables: the runner that makes them, and those that it left in `data/measured/`.

An experiment is a list of parts that are computed one by one. Finished parts are kept beside the output in a file that
ends in `.part`, so that an interrupted run continues from there. A table says what made it: the command, when, on what
machine, from which commit and with which seeds; a CSV file does so in lines in front of it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd

from eie._files import data_path
from eie.formats import FormatError
from eie.studies import host
from eie.writing.aside import target_of, written_aside

FOLDER = "measured"

Part = dict[str, Any]
"""What tells a part of a table from the others, such as `{"network": "LeNet-5", "seed": 0}`."""

Slices = Mapping[str, str | Sequence[str]]
"""Wanted values by the name of a key of the parts or of a setting."""


def grid(**axes: Sequence[Any]) -> list[Part]:
    """List the parts of every combination of values, the last axis fastest."""
    return [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]


def as_csv(parts: Sequence[Any], facts: Mapping[str, Any], stamps: Mapping[str, str] | None = None) -> str:
    """Join rows of parts to a CSV file.

    Parameters
    ----------
    parts : sequence of lists of dict
        One list of rows per part.
    facts : mapping
        What made the table; written in lines in front of it.
    stamps : mapping of str to str, optional
        Columns to add, by the name of the fact that every row gets.
    """
    table = pd.DataFrame([row for part in parts for row in part])
    for column, fact in (stamps or {}).items():
        table[column] = facts[fact]
    told = {**facts, "seeds": ", ".join(map(str, facts["seeds"]))}
    lines = [f"# {name}: {value}\n" for name, value in told.items() if name != "settings"]
    return "".join(lines) + table.to_csv(index=False, float_format="%.6g")


@dataclass(frozen=True, kw_only=True, eq=False)
class Experiment:
    """A measured table: its parts, and how each is made.

    Attributes
    ----------
    parts : function of the settings
        Gives all parts, in the order of the table.
    make : function of a part's keys and of the settings
        Gives the part's rows as a frame, or anything that JSON holds.
    join : function of the parts' results and the facts
        Gives the text of the file.
    ending : str
        Of the file's name.
    settings : mapping of str to tuple
        What may be chosen beside parts: allowed values, the usual one first.
    facts : function
        Describes the machine. Parts that were made with other facts are not joined.
    seeds : sequence of int
        Seeds of the random numbers, where no part has a `seed` of its own.
    folder : bool
        Hand the output's folder to `make`, which keeps more files there.
    processes : bool
        Make as many parts at a time as there are cores; `make` must then be a function of a module.
    """

    parts: Callable[..., Sequence[Part]]
    make: Callable[..., Any]
    join: Callable[[Sequence[Any], Mapping[str, Any]], str] = as_csv
    ending: str = ".csv"
    settings: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    facts: Callable[[], dict[str, Any]] = host.summary
    seeds: Sequence[int] = (0,)
    folder: bool = False
    processes: bool = False


_RETROSPECTIVE, _PAPER, _BASELINES = (f"eie.studies.{wing}" for wing in ("retrospective", "paper", "baselines"))
EXPERIMENTS = {
    "balance": (f"{_RETROSPECTIVE}.evening:EXPERIMENT", "real pruned matrices with the PEs' work evened out"),
    "cpu_kernels": (f"{_BASELINES}.cpu_kernels:EXPERIMENT", "times of EIE's format on this processor and GPU"),
    "emerging": (f"{_RETROSPECTIVE}.emerging:EXPERIMENT", "quality of two real networks over their density"),
    "fpga": ("eie.studies.fpga:EXPERIMENT", "place and route of the RTL on an FPGA"),
    "fpga_lenet": ("eie.studies.fpga_lenet:EXPERIMENT", "LeNet-300-100 on the RTL of the FPGA's chip"),
    "lenets": (f"{_PAPER}.lenet_tables:LENETS", "the compressed LeNets, trained on MNIST"),
    "lenets_centroids": (f"{_PAPER}.lenet_tables:CENTROIDS", "shared weights of the LeNets while they are trained"),
    "lenets_sweep": (f"{_PAPER}.lenet_tables:SWEEP", "the LeNets compressed to other sizes"),
    "lenets_weights": (f"{_PAPER}.lenet_tables:WEIGHTS", "histograms of the LeNets' weights"),
    "mapping": (f"{_RETROSPECTIVE}.mapping:EXPERIMENT", "layers of real networks on the machine"),
    "patterns": (f"{_RETROSPECTIVE}.patterns:EXPERIMENT", "accuracy of a LeNet pruned by patterns and evenly"),
    "precision": (f"{_PAPER}.accuracy:EXPERIMENT", "accuracy of real networks by the width of arithmetic"),
    "pruned_layers": ("eie.studies.pruned.matrices:EXPERIMENT", "thousands of real pruned matrices on the machine"),
    "pruned_spreads": ("eie.studies.pruned.collection:EXPERIMENT", "how unevenly real pruned matrices are filled"),
    "reference": (f"{_BASELINES}.measure:EXPERIMENT", "times of the layers of Table III on this machine"),
    "tolerances": ("eie.studies.rounding:EXPERIMENT", "what rounded inputs and the draws do to every claim"),
    "w4a16": (f"{_RETROSPECTIVE}.w4a16:EXPERIMENT", "weights of two real networks stored in a few bits"),
}
"""Where each experiment is, and what it is about, by the name of its table."""


def listed() -> dict[str, str]:
    """Say in one line what each experiment is about, by the name of its table."""
    return {name: about for name, (_, about) in EXPERIMENTS.items()}


def run(name: str, output: str | Path | None = None, slices: Slices | None = None) -> Path:
    """Run an experiment and write its table.

    Parameters
    ----------
    name : str
        One of `listed`.
    output : path, optional
        File to write; one named after the table in the current folder if left out.
    slices : mapping, optional
        Parts to compute, such as `{"seed": "0"}` or `{"layer": ["Alex-6", "Alex-7"]}`, and settings; the whole table
        with the usual settings if left out.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    ValueError
        When the experiment, or a slice's name or value, is not known; the message lists those that are.
    FileNotFoundError
        When a network or data set is not available (the message says how to get it), or the folder of the output.
    """
    module, _, attribute = EXPERIMENTS[_known(name)][0].partition(":")
    experiment: Experiment = getattr(import_module(module), attribute)
    target = Path(f"{name}{experiment.ending}") if output is None else Path(output)
    return write(experiment, target, f"eie experiment {name}", slices or {})


def write(experiment: Experiment, target: Path, command: str, slices: Slices) -> Path:
    """Make the parts of an experiment that are not made yet, and write the table; as `run`."""
    from tqdm import tqdm

    target_of(target)  # a wrong one is reported before long work
    parts, settings = _chosen(experiment, slices)
    facts = {**experiment.facts(), "commit": host.commit()}
    aside = target.with_name(f"{target.name}.part")
    done = _kept(aside, facts | settings)
    todo = [part for part in parts if part not in [made for made, _ in done]]
    make = partial(experiment.make, **settings, **({"folder": target.parent} if experiment.folder else {}))
    try:
        made = _made(make, todo, experiment.processes)
        for finished in tqdm(made, total=len(todo), disable=None, leave=False, unit="part"):
            done.append(finished)
            _write(aside, json.dumps([facts | settings, *done]))
    except KeyboardInterrupt:
        if aside.exists():
            print(f"finished parts are kept in {aside}; the same command continues from there", file=sys.stderr)
        raise
    words = [f"{name}={value}" for name, given in slices.items() for value in _values(given)]
    told = {"command": " --slice ".join([command, *words]), "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M}", **facts}
    told["seeds"] = sorted({part["seed"] for part in parts if "seed" in part}) or list(experiment.seeds)
    results = [next(result for part, result in done if part == wanted) for wanted in parts]
    _write(target, experiment.join(results, told | {"settings": settings}))
    aside.unlink(missing_ok=True)
    return target


def _chosen(experiment: Experiment, slices: Slices) -> tuple[list[Part], dict[str, Any]]:
    """Find the parts and the settings that slices name."""
    settings = {name: allowed[0] for name, allowed in experiment.settings.items()}
    for name in settings.keys() & slices.keys():
        (settings[name],) = _of(name, experiment.settings[name], slices[name], most=1)
    parts = list(experiment.parts(**settings))
    names = list(dict.fromkeys([*(name for part in parts for name in part), *settings]))
    for name, wanted in slices.items():
        if name not in names:
            raise ValueError(f"there is no slice by {name!r}; there are {', '.join(names)}")
        if name not in settings:
            found = _of(name, [part[name] for part in parts if name in part], wanted)
            parts = [part for part in parts if name in part and part[name] in found]
    return parts, settings


def _of(name: str, allowed: Sequence[Any], wanted: str | Sequence[str], most: int | None = None) -> list[Any]:
    """Find values by their texts."""
    known = {str(value): value for value in allowed}
    asked = _values(wanted)
    for text in asked:
        if text not in known:
            raise ValueError(f"there is no {name} {text!r}; there are {_told(known)}")
    if not asked or len(asked) > (most or len(asked)):
        raise ValueError(f"{name} must have {'one value' if most else 'a value'} of {', '.join(known)}, got {asked}")
    return [known[text] for text in asked]


def _told(known: Mapping[str, Any]) -> str:
    numbers = list(known.values())
    if len(numbers) > 9 and numbers == list(range(len(numbers))):
        return f"0..{numbers[-1]}"
    return ", ".join(known)


def _values(wanted: str | Sequence[str]) -> list[str]:
    return [wanted] if isinstance(wanted, str) else list(wanted)


def _made(make: Callable[..., Any], parts: Sequence[Part], processes: bool) -> Iterator[list[Any]]:
    """Make parts, each as `[part, result]`; in processes, in the order in which they are finished."""
    if not processes or len(parts) < 2:
        for part in parts:
            yield [part, _as_json(make(**part))]
        return
    with ProcessPoolExecutor(len(host.own_cores()), mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(make, **part): part for part in parts}
        try:
            for future in as_completed(waiting):
                yield [waiting[future], _as_json(future.result())]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _as_json(result: Any) -> Any:
    """Bring a result into the form that a kept part has, so that an interrupted run ends as any other."""
    rows = result.to_dict("records") if isinstance(result, pd.DataFrame) else result
    return json.loads(json.dumps(rows, default=lambda value: value.item()))


def _kept(path: Path, setting: Mapping[str, Any]) -> list[list[Any]]:
    """Finished parts of an interrupted run, if it was made with the same setting."""
    with suppress(ValueError, TypeError, FileNotFoundError):
        first, *done = json.loads(path.read_text(encoding="utf-8"))
        if first == json.loads(json.dumps(setting)):
            return done
    return []


def _write(path: Path, text: str) -> None:
    with written_aside(path) as aside:
        aside.write_text(text, encoding="utf-8")


def read(name: str) -> pd.DataFrame:
    """Read the committed table of an experiment.

    Raises
    ------
    ValueError
        When there is no experiment of that name; the message lists them.
    FormatError
        When the file is not a table.
    """
    path = data_path(f"{FOLDER}/{_known(name)}.csv")
    try:
        return pd.read_csv(path, comment="#")
    except ValueError as error:
        raise FormatError(f"{path}: no table: {error}") from error


def made_by(name: str) -> dict[str, str]:
    """Read what made the committed table of an experiment: `command`, `date`, `processor`, `cores`, `eie`, `commit`."""
    lines = data_path(f"{FOLDER}/{_known(name)}.csv").read_text(encoding="utf-8").splitlines()
    facts = [line.removeprefix("# ").partition(": ") for line in lines if line.startswith("# ")]
    return {key: value for key, _, value in facts}


def about(name: str) -> str:
    """Say in a sentence for a page what made the committed table."""
    facts = made_by(name)
    return (
        f"`{facts['command']}` computed these numbers on {facts['date']}, on {facts['cores']} "
        f"cores ({facts['processor']}), from commit {facts['commit'][:10]}."
    )


def _known(name: str) -> str:
    if name not in EXPERIMENTS:
        raise ValueError(f"there is no experiment {name!r}; there are {', '.join(sorted(EXPERIMENTS))}")
    return name
