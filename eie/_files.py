"""Files written aside and moved into place, so that an interrupted run leaves the old file or none."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class FetchError(OSError):
    """A file could not be fetched from the network; the message says why."""


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
    """Where a file of that name would be put, or the errors of `written_aside`. For asking before long work."""
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
