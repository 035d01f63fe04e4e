"""Where data made by others are on this machine, and how to get those that are not.

Data live in the folder that the environment variable `EIE_DATA` names, else in the user's cache. `data/datasets.toml`
lists what the project can use.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from eie._data import read_toml


def root() -> Path:
    """The folder where data are looked for."""
    given = os.environ.get("EIE_DATA")
    return Path(given).expanduser() if given else user_cache_path("eie")


def names() -> list[str]:
    """Names of the data sets that the project can use."""
    return list(read_toml("datasets.toml"))


def find(name: str) -> Path | None:
    """Folder of a data set, or None when it is not at hand.

    Raises
    ------
    ValueError
        When there is no data set of that name; the message lists them.
    """
    entry = _entry(name)
    folders = [root() / entry["folder"], root()]  # EIE_DATA may name the data set's own folder, too
    places = [place for folder in folders for place in (folder, folder / entry["inside"])]
    return next((place for place in places if (place / entry["has"]).is_file()), None)


def require(name: str) -> Path:
    """Folder of a data set.

    Raises
    ------
    FileNotFoundError
        When it is not at hand; the message says how to get it.
    """
    folder = find(name)
    if folder is None:
        raise FileNotFoundError(how_to_get(name))
    return folder


def how_to_get(name: str, *, anywhere: bool = False) -> str:
    """A sentence on what is missing, and the commands that fetch it.

    With `anywhere`, no folder of this machine is named, for text that others will read on theirs.
    """
    entry = _entry(name)
    target = entry["folder"] if anywhere else shlex.quote(str(root() / entry["folder"]))
    fetch = f"git clone {entry['url']} {target} && git -C {target} checkout {entry['commit']}"
    if anywhere:
        return (
            f"{entry['title']} was not at hand when this page was made. To get it (licence: {entry['licence']}): "
            f"`{fetch}`, then set `EIE_DATA` to that folder (`export EIE_DATA=$PWD/{target}`) and run the page again."
        )
    return f"{entry['title']} is not in `{target}`. To get it (licence: {entry['licence']}): `{fetch}`"


def _entry(name: str) -> dict[str, Any]:
    known = read_toml("datasets.toml")
    if name not in known:
        raise ValueError(f"unknown data set {name!r}; there are {', '.join(known)}")
    return known[name]
