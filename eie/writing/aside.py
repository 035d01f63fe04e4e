"""Files written aside and moved into place, so that no half-written file is left."""

from __future__ import annotations

import errno
import glob
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)


class MissingFolderError(FileNotFoundError, ValueError):
    """Error for a file that is to be written into a folder which is not there: a wrong value, since none is made."""


@contextmanager
def written_aside(path: str | Path) -> Iterator[Path]:
    """Give a path to write to; move it to `path` if all went well, else remove it.

    The ending stays the same, since many writers go by it.

    Raises
    ------
    MissingFolderError
        When the folder of `path` does not exist.
    OSError
        When nothing can be written there.
    ValueError
        When `path` exists and is not an ordinary file: moving would put a file in place of a folder or a device.
    """
    target = target_of(path)
    _remove_abandoned(target)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.stem}-", suffix=target.suffix, dir=target.parent)
    except OSError as error:  # which names a file that nobody asked for
        raise type(error)(f"cannot write {path}: {error.strerror}") from error
    aside = Path(name)
    try:
        _lock(handle)
        yield aside
        os.chmod(aside, 0o666 & ~_umask())
        os.replace(aside, target)
    except OSError as error:  # such as a full disk, which names no file or the one aside
        if error.errno is None or (error.errno not in _NO_ROOM and error.filename != str(aside)):
            raise
        raise OSError(error.errno, f"cannot write {path}: {os.strerror(error.errno)}") from error
    finally:
        os.close(handle)
        aside.unlink(missing_ok=True)


def _remove_abandoned(target: Path) -> None:
    """Remove files that a killed process left aside for `target`: those that nobody has locked."""
    for aside in target.parent.glob(f".{glob.escape(target.stem)}-*{glob.escape(target.suffix)}"):
        if re.fullmatch(r"[a-z0-9_]{8}", aside.name[len(target.stem) + 2 : len(aside.name) - len(target.suffix)]):
            with suppress(OSError):
                handle = os.open(aside, os.O_RDWR)
                try:
                    if _lock(handle):
                        aside.unlink()
                finally:
                    os.close(handle)


def _lock(handle: int) -> bool:
    """Lock an open file until it is closed, or the process ends; false when another has it or no system does this."""
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return False
    return True


def write_together(folder: str | Path, texts: Iterable[tuple[str, str]]) -> None:
    """Write text files, names and contents, into a folder; they are moved into place once all of them are whole.

    The folder is made if it is not there.

    Raises
    ------
    OSError
        When nothing can be written there.
    ValueError
        When a file is there, not a folder.
    """
    place = Path(folder)
    is_new = not place.exists()
    if not is_new and not place.is_dir():
        raise ValueError(f"cannot write into {folder}: it is not a folder")
    if is_new:
        check_writable(folder, next(parent for parent in resolved(folder).parents if parent.exists()))
    place.mkdir(parents=True, exist_ok=True)
    try:
        with ExitStack() as together:
            for name, text in texts:
                aside = together.enter_context(written_aside(place / name))
                aside.write_text(text, encoding="utf-8", errors="replace")
    except BaseException:
        if is_new and not any(place.iterdir()):
            place.rmdir()
        raise


def target_of(path: str | Path) -> Path:
    """Return the place of a file of that name, or raise the errors of `written_aside`; for use before long work."""
    target = resolved(path)  # a link stays, and what it leads to is replaced
    if not target.parent.is_dir():
        raise MissingFolderError(f"cannot write {path}: there is no folder {target.parent}")
    if target.exists() and not target.is_file():
        raise ValueError(f"cannot write {path}: it is not an ordinary file")
    check_writable(path, target.parent)
    return target


def resolved(path: str | Path) -> Path:
    """Follow links to where a file is or will be, or raise a `ValueError` where they go round in a circle."""
    try:
        target = Path(path).resolve()
        is_circle = target.is_symlink()
    except (OSError, RuntimeError) as error:  # as Python before 3.13 has it
        if not isinstance(error, RuntimeError) and error.errno != errno.ELOOP:
            raise
        is_circle = True
    if is_circle:
        raise ValueError(f"cannot write {path}: it is a link that leads to itself")
    return target


def check_writable(path: str | Path, folder: Path) -> None:
    """Raise a `PermissionError` if nothing can be written into `folder`, where `path` is to be."""
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"cannot write {path}: the folder {folder} may not be written to")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
