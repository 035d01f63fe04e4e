"""The project's own files, and files written aside and moved into place, so that no half-written file is left."""

from __future__ import annotations

import os
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

PACKAGE = Path(__file__).resolve().parent


class FetchError(OSError):
    """A file could not be fetched from the network; the message says why."""


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


@contextmanager
def written_aside(path: str | Path) -> Iterator[Path]:
    """Give a path to write to; move it to `path` if all went well, else remove it.

    The ending stays the same, since many writers go by it.

    Raises
    ------
    FileNotFoundError
        When the folder of `path` does not exist.
    OSError
        When nothing can be written there.
    ValueError
        When `path` is there and is no ordinary file: moving would put a file in place of a folder or a device.
    """
    target = target_of(path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.stem}-", suffix=target.suffix, dir=target.parent)
    except OSError as error:  # which names a file that nobody asked for
        raise type(error)(f"cannot write {path}: {error.strerror}") from error
    os.close(handle)
    aside = Path(name)
    try:
        yield aside
        os.chmod(aside, 0o666 & ~_umask())
        os.replace(aside, target)
    finally:
        aside.unlink(missing_ok=True)


def target_of(path: str | Path) -> Path:
    """Return the place of a file of that name, or raise the errors of `written_aside`; for use before long work."""
    target = Path(path).resolve()  # a link stays, and what it leads to is replaced
    if not target.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: there is no folder {target.parent}")
    if target.exists() and not target.is_file():
        raise ValueError(f"cannot write {path}: it is no ordinary file")
    return target


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
