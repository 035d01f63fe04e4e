"""The project's own files: what is published and measured, in `data/`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

PACKAGE = Path(__file__).resolve().parent


def resource(folder: str) -> Path:
    """Return the path of `"data"` or `"notebooks"`: beside the package in a checkout, inside it once installed."""
    installed = PACKAGE / folder
    return installed if installed.is_dir() else PACKAGE.parent / folder


def data_path(name: str) -> Path:
    """Return the path of a file below `data/`, such as `"published/fig08.csv"`.

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
    """Read a TOML file below `data/`."""
    with data_path(name).open("rb") as file:
        return tomllib.load(file)


def read_csv(name: str) -> pd.DataFrame:
    """Read a table below `data/`, without its comments."""
    import pandas as pd

    return pd.read_csv(data_path(name), comment="#")
