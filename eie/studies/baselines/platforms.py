"""Times and watts of the platforms EIE is compared with: the paper's, and those of the reader's own machine.

A result of `eie measure` is a JSON file of schema 1. `time_us` in it is the median time per input vector, in
microseconds, `low_us` and `high_us` its quartiles, and `watts`, where a counter could be read, the power meanwhile.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd

from eie._files import resource
from eie.datasets import catalogue
from eie.formats import FormatError
from eie.formats.weights import check_ordinary
from eie.published import load

SCHEMA = 1
NO_METER = "none readable"
"""Text of a result that has no power in watts, because no power meter could be read."""

PLATFORMS = ("CPU", "GPU", "mGPU")
VARIANTS = ("dense", "sparse", "int8", "int4", "csc-columns")
COLD = ("rotated", "evicted")
MAX_FILE_BYTES = 5 * 2**20
"""No result may be larger: one of nine layers has 30 kB."""


@dataclass(frozen=True, eq=False, slots=True)
class Measurement:
    """What `eie measure` found on one machine.

    Attributes
    ----------
    rows : pandas.DataFrame
        One row per timing: `platform`, `batch`, `variant`, `layer`, `time_us`, `low_us`, `high_us`, `repeats`,
        `library` (the fastest available), `copies`, `cold`, `watts` (NaN where none was read) and `slower` (medians of
        the other libraries by name, NaN where there is none).
    provenance : dict
        The machine, its libraries and the seed.
    left_out : pandas.DataFrame
        What was not timed, and the `reason`.
    power : str
        The counter that the watts are from, or `NO_METER`.
    date : str
        Day and time, UTC.
    is_readers_own : bool
        Whether the reader measured it; else it is the result that comes with the project.
    """

    rows: pd.DataFrame
    provenance: dict[str, Any]
    left_out: pd.DataFrame
    power: str
    date: str
    is_readers_own: bool = True


def published() -> pd.DataFrame:
    """Return times of the paper's CPU, GPU and mGPU, as `time_us` by `platform`, `batch`, `variant` and `layer`."""
    return _tidy("table4", "time", "us", "time_us")


def watts() -> pd.DataFrame:
    """Return the power of the paper's platforms, as `watts`; `origin` says which were printed and which are implied."""
    return _tidy("power", "power", "W", "watts")


def measured() -> Measurement | None:
    """Read the reader's own result, else the one that comes with the project; None where there is neither.

    The reader's is the file that the environment variable `EIE_MEASURED` names, or `own_path()`.

    Raises
    ------
    FileNotFoundError
        When `EIE_MEASURED` names a file that is not there.
    FormatError
        When the file is damaged; the message names the field.
    """
    named = os.environ.get("EIE_MEASURED")
    if named and not Path(named).expanduser().is_file():
        raise FileNotFoundError(f"the environment variable EIE_MEASURED names {named}, which does not exist")
    own, reference = own_path(), resource("data") / "measured" / "reference.json"
    if own.is_file() or os.environ.get("EIE_MEASURED"):
        return read(own)
    return read(reference, is_readers_own=False) if reference.is_file() else None


def own_path() -> Path:
    """Name the reader's own result: `EIE_MEASURED`, else `measured.json` in `eie.datasets.catalogue.root()`."""
    given = os.environ.get("EIE_MEASURED")
    return Path(given).expanduser() if given else catalogue.root() / "measured.json"


def read(path: str | Path, *, is_readers_own: bool = True) -> Measurement:
    """Read a result of `eie measure` from a JSON file.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    FormatError
        When it is too large, no JSON, of another schema, or a field is missing or out of range.
    """
    check_ordinary(Path(path))
    try:
        result = check(_loaded(Path(path)))
        rows = pd.DataFrame(result["rows"], columns=[*ROW, *ALSO_ROW])  # texts that are not Unicode fail only here
        rows = rows.astype(dict.fromkeys(("time_us", "low_us", "high_us", "watts"), float))
        left_out = pd.DataFrame(result["left_out"], columns=list(LEFT_OUT))
    except ValueError as error:
        raise FormatError(f"{path}: {error}") from error
    return Measurement(rows, result["provenance"], left_out, result["power"], result["date"], is_readers_own)


def check(result: Any) -> dict[str, Any]:
    """Return a result of `eie measure` if it is one.

    Raises
    ------
    ValueError
        When it is not; the message names the field, as in `rows[3].time_us`.
    """
    _check_fields("", result, RESULT)
    _check_fields("provenance", result["provenance"], PROVENANCE)
    for n, entry in enumerate(result["left_out"]):
        _check_fields(f"left_out[{n}]", entry, LEFT_OUT)
    seen = set()
    for n, row in enumerate(result["rows"]):
        _check_fields(f"rows[{n}]", row, {**ROW, **ALSO_ROW}, ALSO_ROW)
        if not row["low_us"] <= row["time_us"] <= row["high_us"]:
            raise ValueError(f"rows[{n}].time_us must lie between its quartiles, got {_shown(row['time_us'])}")
        key = (row["platform"], row["batch"], row["variant"], row["layer"])
        if key in seen:
            raise ValueError(f"rows[{n}] must differ from the rows before it, got {_shown(key)}")
        seen.add(key)
    return dict(result)


def _tidy(name: str, column: str, unit: str, renamed: str) -> pd.DataFrame:
    table = load(name)
    table = table[table["platform"].isin(PLATFORMS)].reset_index(drop=True)
    if set(table["unit"]) != {unit}:
        raise ValueError(f"units of published {name} must be {unit}, got {sorted(set(table['unit']))}")
    return table.rename(columns={column: renamed}).drop(columns="unit")


def _loaded(path: Path) -> Any:
    with path.open("rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"the file must have at most {MAX_FILE_BYTES} bytes")
    try:
        return json.loads(content, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("the file must be a result of `eie measure`, got JSON nested too deep") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"numbers must be finite, got {constant}")


def _check_fields(name: str, values: Any, kinds: Mapping[str, Kind], optional: Collection[str] = ()) -> None:
    """Compare the fields of an object with their kinds; `name` is that of the object, empty for the whole result."""
    if not isinstance(values, dict):
        raise ValueError(f"{name or 'a result'} must be an object, got {_shown(values)}")
    for field, (wanted, holds) in kinds.items():
        place = f"{name}.{field}" if name else field
        if field not in values and field not in optional:
            raise ValueError(f"{place} is missing")
        if field in values and not holds(values[field]):
            raise ValueError(f"{place} must be {wanted}, got {_shown(values[field])}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _one_of(names: tuple[str, ...]) -> Kind:
    return f"one of {', '.join(names)}", lambda value: isinstance(value, str) and value in names


def _or_null(kind: Kind) -> Kind:
    return f"{kind[0]}, or null", lambda value: value is None or kind[1](value)


def _object_of(kind: Kind) -> Kind:
    wanted, holds = kind
    return f"an object, each in it {wanted}", lambda value: isinstance(value, dict) and all(map(holds, value.values()))


Kind = tuple[str, Callable[[Any], bool]]
"""What a value must be, in words and as a test."""

_TEXT: Kind = ("a text", lambda value: isinstance(value, str) and value != "")
_COUNT: Kind = ("a whole number in 1..1e15", lambda value: type(value) is int and 1 <= value < 1e15)
_POSITIVE: Kind = ("a number above 0 and below 1e15", lambda value: type(value) in (int, float) and 0 < value < 1e15)

RESULT: Mapping[str, Kind] = {
    "schema": (f"{SCHEMA}", lambda value: type(value) is int and value == SCHEMA),
    "date": _TEXT,
    "provenance": ("an object", lambda value: isinstance(value, dict)),
    "power": _TEXT,
    "rows": ("a list of at least one", lambda value: isinstance(value, list) and value != []),
    "left_out": ("a list", lambda value: isinstance(value, list)),
}
PROVENANCE: Mapping[str, Kind] = {
    "cpu": _TEXT,
    "cores": _COUNT,
    "threads": _COUNT,
    "caches": _object_of(_COUNT),
    "last_level_cache_bytes": _COUNT,
    "memory_bytes": _or_null(_COUNT),
    "gpu": _or_null(_TEXT),
    "os": _TEXT,
    "libraries": _object_of(_TEXT),
    "eie": _TEXT,
}
ROW: Mapping[str, Kind] = {
    "platform": _one_of(PLATFORMS),
    "batch": _COUNT,
    "variant": _one_of(VARIANTS),
    "layer": _TEXT,
    "time_us": _POSITIVE,
    "low_us": _POSITIVE,
    "high_us": _POSITIVE,
    "repeats": _COUNT,
    "library": _TEXT,
    "copies": _COUNT,
    "cold": _one_of(COLD),
}
ALSO_ROW: Mapping[str, Kind] = {"watts": _POSITIVE, "n_bytes": _COUNT, "slower": _object_of(_POSITIVE)}
LEFT_OUT: Mapping[str, Kind] = {
    "platform": _one_of(PLATFORMS),
    "batch": _or_null(_COUNT),
    "variant": _TEXT,
    "layer": _TEXT,
    "reason": _TEXT,
}
