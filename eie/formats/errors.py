"""The one error that readers of files raise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class FormatError(ValueError):
    """Error for a file that is not as its format says; the message names the file and the fault."""


@contextmanager
def report_damage(
    path: str | Path, fault: str, errors: type[Exception] | tuple[type[Exception], ...] = Exception
) -> Iterator[None]:
    """Turn errors of a library that reads a file into a `FormatError` that says `fault`.

    A damaged file can raise almost any error in the library that reads it; `errors` are those that are turned.
    """
    try:
        yield
    except FormatError:
        raise
    except errors as error:
        why = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise FormatError(f"{path}: {fault}: {why}") from error
