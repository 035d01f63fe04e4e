"""The one error that readers of files raise, and the guard that makes it of any other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_TOLD = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError, ModuleNotFoundError)
"""Errors that are no fault of a file's content, and that name the file or the package."""


class FormatError(ValueError):
    """Error for a file that is not valid in its format; the message names the file and the fault."""


@contextmanager
def report_damage(
    path: str | Path, fault: str, errors: type[Exception] | tuple[type[Exception], ...] = Exception
) -> Iterator[None]:
    """Turn errors of a library that reads a file into a `FormatError` that says `fault`.

    A damaged file can raise almost any error in the library that reads it; `errors` are those that are turned.
    """
    try:
        yield
    except (FormatError, PermissionError):  # the second is no fault of the file's content
        raise
    except MemoryError as error:
        raise FormatError(f"{path}: {_needs(error)}") from error
    except errors as error:
        raise FormatError(f"{path}: {fault}: {first_line(error)}") from error


@contextmanager
def guard(path: object) -> Iterator[None]:
    """Turn whatever reading a file raises into a `FormatError`, but not what names the file already.

    Numbers that are too large for float32 become infinite without a warning: what takes them says where they are.
    """
    import numpy as np

    try:
        with np.errstate(all="ignore"), report_damage(str(path), "cannot be read", ()):
            yield
    except _TOLD:
        raise
    except Exception as error:
        if what := mistaken(Path(str(path))):
            raise FormatError(f"{path}: {what}") from error
        if isinstance(error, ValueError) and str(path) in str(error):
            raise
        if _is_empty(Path(str(path))):
            raise FormatError(f"{path}: is empty") from error
        raise FormatError(f"{path}: cannot be read: {type(error).__name__}: {first_line(error)}") from error


_LFS = b"version https://git-lfs.github.com/spec/"
_WEB_PAGES = (b"<!doctype html", b"<html")
_PICTURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8")
_PICTURED = (".png", ".jpg", ".jpeg")
"""Endings of pictures, which a reader of pictures has its own words for."""
_ZIP = b"PK\x03\x04"
_ZIPPED = (".npz", ".pt", ".pth", ".bin", ".ckpt", ".tar", ".pkl")
"""Endings of formats that are zip archives themselves, or can be."""


def mistaken(path: Path) -> str:
    """Say what a file that cannot be read is instead of a network, as downloads often are; nothing if that is open."""
    if not path.is_file():
        return ""
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError:
        return ""
    if head.startswith(_LFS):
        return "is a pointer of Git LFS, not the file; get the file itself with: git lfs pull"
    if head.lstrip().lower().startswith(_WEB_PAGES):
        return "is a web page, such as an error of a server; download the file itself"
    if head.startswith(_PICTURES) and path.suffix.lower() not in _PICTURED:
        return "is a picture"
    if head.startswith(_ZIP) and path.suffix.lower() not in _ZIPPED:
        return "is a zip archive; unpack it, and give the file in it"
    return ""


def _is_empty(path: Path) -> bool:
    """Tell whether it is a file without a byte."""
    return path.is_file() and not path.stat().st_size


def guarded(read: Callable[P, R]) -> Callable[P, R]:
    """Decorate a reader, whose first argument is the file's path, with `guard`."""

    @wraps(read)
    def reader(*given: P.args, **options: P.kwargs) -> R:
        paths = (one for one in (*given, *options.values()) if isinstance(one, (str, Path)))
        with guard(next(paths, "the data set")):
            return read(*given, **options)

    return reader


def guarded_part(path: Path, read: Callable[[], R]) -> Callable[[], R]:
    """Guard the function that reads one part of a file later."""

    def reader() -> R:
        with guard(path):
            return read()

    return reader


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its kind if it has none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _needs(error: MemoryError) -> str:
    import psutil

    free = psutil.virtual_memory().available / 1e6
    said = str(error).strip()  # NumPy's names the bytes, the shape and the type of the array
    return f"needs more memory than there is, {free:.0f} MB" + (f": {first_line(error)}" if said else "")
