"""Data made by others: their place on this machine, and how they get there.

`data/datasets.toml` lists what the project can use: the files of each data set with their hashes, and sources that are
tried in order. Data are looked for in the folder that the environment variable `EIE_DATA` names, then in the user's
cache. What is fetched goes to the first of the two that may be written to, so `EIE_DATA` may name a folder that is not
to be touched. A data set that is found is never fetched again.

Nothing that is fetched is executed or installed: packages are unpacked as archives, only the files listed are taken of
them, and a file gets its name once its hash is right.
"""

from __future__ import annotations

import csv
import os
import shlex
import shutil
import stat
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock
from platformdirs import user_cache_path

from eie._files import data_path, read_toml
from eie.datasets.errors import FetchError
from eie.writing.words import joined

STAGING = ".fetching"
"""Folder, beside the data sets, of what is not whole yet."""


def root() -> Path:
    """Return the folder where data are looked for first."""
    given = os.environ.get("EIE_DATA")
    return Path(given).expanduser() if given else user_cache_path("eie")


def names() -> list[str]:
    """List the names of the data sets that the project can use."""
    return list(read_toml("datasets.toml"))


def title(name: str) -> str:
    """Describe a data set in a few words.

    Raises
    ------
    ValueError
        When there is no data set of that name; the message lists them.
    """
    return str(_entry(name)["title"])


def find(name: str) -> Path | None:
    """Find the folder of a data set; return None if it is not available.

    Raises
    ------
    ValueError
        When there is no data set of that name; the message lists them.
    """
    entry = _entry(name)
    shows = next(iter(entry["files"]))
    folders = [root() / entry["folder"], root(), user_cache_path("eie") / entry["folder"]]
    # EIE_DATA itself is among them: it may name the data set's own folder, too.
    places = [place for folder in folders for place in (folder, folder / entry.get("inside", ""))]
    return next((place for place in places if (place / shows).is_file()), None)


def require(name: str) -> Path:
    """Return the folder of a data set, or raise an error. Files are checked by size, which is fast.

    Raises
    ------
    FileNotFoundError
        When it is not available, or a file of it is missing; the message says how to get it.
    ValueError
        When a file does not have the expected size.
    """
    folder = find(name)
    if folder is None:
        raise FileNotFoundError(how_to_get(name))
    _check_sizes(name, folder)
    return folder


def _check_sizes(name: str, folder: Path) -> None:
    for file, (size, _) in _entry(name)["files"].items():
        found = (folder / file).stat().st_size if (folder / file).is_file() else None
        if found is None:
            raise FileNotFoundError(f"{folder / file} is missing; remove {folder} and run: eie data fetch {name}")
        if found != size:
            raise ValueError(
                f"{folder / file} must have {size} bytes, has {found}; remove it and run: eie data fetch {name}"
            )


def verify(name: str) -> list[str]:
    """Compare every file of a data set with its hash; return a sentence for each that is missing or wrong.

    Raises
    ------
    FileNotFoundError
        When the data set is not available; the message says how to get it.
    """
    from eie.datasets.sources import is_right

    folder = find(name)
    if folder is None:
        raise FileNotFoundError(how_to_get(name))
    wrong = [file for file, (_, digest) in _entry(name)["files"].items() if not is_right(folder / file, digest)]
    return [
        f"{folder / file} {'is not what it should be' if (folder / file).is_file() else 'is missing'}" for file in wrong
    ]


def how_to_get(*names: str, anywhere: bool = False) -> str:
    """Return a sentence on what is missing, and the command that fetches it.

    With `anywhere`, no folder of this computer is named, for text that is read elsewhere.
    """
    entries = [_entry(name) for name in names]
    what = joined(f"{entry['title']} ({_size(entry)}, licence: {entry['licence']})" for entry in entries)
    folders = joined((f"`{shlex.quote(str(root() / entry['folder']))}`" for entry in entries), " or ")
    where = "available when this page was made" if anywhere else f"in {folders}"
    command = f"To get {'it' if len(names) == 1 else 'them'}: `.venv/bin/eie data fetch {' '.join(names)}`"
    return f"{what}: not {where}. {command}" + (", then run the page again." if anywhere else "")


def overview() -> list[dict[str, str]]:
    """Return one row per data set: `name`, `title`, `size`, `licence`, and `folder`, empty when it is not available."""
    rows = []
    for name in names():
        entry = _entry(name)
        facts = {"name": name, "title": entry["title"], "size": _size(entry), "licence": entry["licence"]}
        rows.append(facts | {"folder": str(find(name) or "")})
    return rows


def fetch(name: str) -> Path:
    """Download a data set unless it is available, and return its folder; continue where an earlier attempt stopped.

    Raises
    ------
    ValueError
        When there is no data set of that name; the message lists them.
    FetchError
        An `OSError`: when no source has it, or there is no room; the message says what each source answered, and what
        to do.
    """
    entry = _entry(name)
    folder = find(name)
    if folder is not None:
        return folder
    base = _writable_root()
    staging = base / STAGING / entry["folder"]
    _check_room(base, entry)
    staging.mkdir(parents=True, exist_ok=True)
    with FileLock(staging.parent / f"{staging.name}.lock"):  # so that two processes do not write one file
        if find(name) is None:  # another process may have been at it meanwhile
            _from_first_that_has_it(name, entry, staging)
            _move_in(entry, staging, base / entry["folder"])
            shutil.rmtree(staging, ignore_errors=True)
    return require(name)


def files_of(name: str) -> dict[str, tuple[int, str]]:
    """List the files of a data set, each with its bytes and its hash.

    Raises
    ------
    ValueError
        When there is no data set of that name; the message lists them.
    """
    return dict(_entry(name)["files"])


def _entry(name: str) -> dict[str, Any]:
    known = read_toml("datasets.toml")
    if name not in known:
        raise ValueError(f"unknown data set {name!r}; there are {', '.join(known)}")
    entry: dict[str, Any] = known[name]
    return entry | {"files": _listed(entry["manifest"])} if "manifest" in entry else entry


@cache
def _listed(manifest: str) -> dict[str, tuple[int, str]]:
    with data_path(manifest).open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return {row["path"]: (int(row["bytes"]), f"git:{row['git_blob']}") for row in rows}


def _size(entry: dict[str, Any]) -> str:
    return f"{sum(length for length, _ in entry['files'].values()) / 1e6:.1f} MB"


def _writable_root() -> Path:
    """Return the first folder for data that may be written to.

    Permission bits count for root, too: a folder without them is meant to stay as it is.
    """
    given = root()
    nearest = next(path for path in (given, *given.absolute().parents) if path.exists())
    allowed = os.access(nearest, os.W_OK) and nearest.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)
    return given if allowed and nearest.is_dir() else user_cache_path("eie")


def _check_room(base: Path, entry: dict[str, Any]) -> None:
    needed = sum(length for length, _ in entry["files"].values())
    needed += max((source["bytes"] for source in entry["sources"]), default=0)
    try:
        base.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(base).free
    except OSError as error:
        raise FetchError(
            f"cannot write to {base}: {error.strerror}; set EIE_DATA to a folder that can be written to"
        ) from error
    if free < needed:
        raise FetchError(
            f"{base} has {free / 1e6:.0f} MB left, {entry['title']} needs {needed / 1e6:.0f} MB; make room, or let "
            f"EIE_DATA name another folder"
        )


def _from_first_that_has_it(name: str, entry: dict[str, Any], staging: Path) -> None:
    from eie.datasets import sources  # it needs what the network needs, which takes a while to import

    failures = []
    for source in entry["sources"]:
        try:
            return sources.collect(source, entry["files"], staging, name)
        except FetchError as error:
            failures.append(f"  {sources.source_name(source)}: {error}")
    files = list(entry["files"])
    listed = ", ".join(files[:4]) + (" .." if len(files) > 4 else "")
    raise FetchError(
        f"could not fetch {entry['title']}:\n" + "\n".join(failures) + f"\nTry again when these can be reached: `eie "
        f"data fetch {name}`. Or put {listed} into {root() / entry['folder']} by hand."
    )


def _move_in(entry: dict[str, Any], staging: Path, folder: Path) -> None:
    """Move files that are right to where they are looked for; the one that shows that they are there comes last."""
    for file in reversed(entry["files"]):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        os.replace(staging / file, folder / file)
