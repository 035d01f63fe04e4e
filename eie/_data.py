"""Where the project's own `data/` folder is: beside the package in a checkout, inside it once installed."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parent


def resource(folder: str) -> Path:
    """Path of one of the folders that come with the package: `"data"` or `"notebooks"`."""
    installed = PACKAGE / folder
    return installed if installed.is_dir() else PACKAGE.parent / folder


def data_path(name: str) -> Path:
    """Path of a file below `data/`, such as `"published/fig08.csv"`.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    """
    path = resource("data") / name
    if not path.is_file():
        raise FileNotFoundError(f"the project has no data file {name!r} (looked for {path})")
    return path


def read_toml(name: str) -> dict[str, Any]:
    """Contents of a TOML file below `data/`."""
    with data_path(name).open("rb") as file:
        return tomllib.load(file)
