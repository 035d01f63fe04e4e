"""Finished jobs of a sweep, each a file of its own until the sweep is whole.

A part is a stream of Arrow, read several times faster than Parquet. Behind it is the SHA-256 of the sweep's plan,
the part's name and the stream. So a part that is damaged, changed, of another sweep or of another version counts as
missing, and is computed again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from eie.writing.aside import written_aside

if TYPE_CHECKING:
    import pyarrow as pa

ENDING = ".part"
PLAN_FILE = "plan.json"
READ_TOGETHER = 2**17
"""Points that are in memory at a time, about, when parts are put together: 25 MB as numbers."""
_DIGEST_BYTES = 32
_LOCK = ".lock"


@contextmanager
def folder_of(target: Path, plan: str) -> Iterator[Path]:
    """Make the folder of parts beside a sweep's file, or go on with it; nobody else writes there meanwhile.

    Raises
    ------
    ValueError
        When another program made the folder, its parts are of another sweep, or another process is at it.
    """
    folder = target.with_name(f"{target.name}.parts")
    _check_ours(folder)
    folder.mkdir(exist_ok=True)
    try:
        with FileLock(folder / _LOCK, timeout=0):
            _check_plan(folder, plan)
            yield folder
    except Timeout:
        raise ValueError(f"another sweep is writing {target}: wait for it, or write to another file") from None


def packed(table: pa.Table) -> bytes:
    """Return the points of one job as `write` takes them."""
    import pyarrow as pa

    stream, options = pa.BufferOutputStream(), pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_stream(stream, table.schema, options=options) as writer:
        writer.write_table(table)
    return bytes(stream.getvalue())


def write(part: Path, content: bytes, plan: str) -> None:
    """Write the points of one job."""
    with written_aside(part) as aside:
        aside.write_bytes(content + _digest(part, content, plan))


def read(part: Path, plan: str) -> pa.Table | None:
    """Read the points of one job; None if the part is missing, damaged, or of another sweep."""
    import pyarrow as pa

    try:
        whole = part.read_bytes()
    except FileNotFoundError:
        return None
    content, digest = whole[:-_DIGEST_BYTES], whole[-_DIGEST_BYTES:]
    return pa.ipc.open_stream(content).read_all() if digest == _digest(part, content, plan) else None


def read_some(paths: list[Path], plan: str) -> Iterator[list[pa.Table]]:
    """Read parts in their order; yield some at a time.

    Raises
    ------
    OSError
        When one is no longer there, or damaged.
    """
    some: list[pa.Table] = []
    held = 0
    for part in paths:
        found = read(part, plan)
        if found is None:
            raise OSError(f"{part} was damaged since it was written; run the command again to compute it again")
        some.append(found)
        held += len(found)
        if held >= READ_TOGETHER:
            yield some
            some, held = [], 0
    if some:
        yield some


def _digest(part: Path, content: bytes, plan: str) -> bytes:
    return hashlib.sha256(f"{len(plan)} {plan} {part.name} ".encode() + content).digest()


def _check_plan(folder: Path, plan: str) -> None:
    """Note the plan, or see that the parts are of the same sweep."""
    kept = folder / PLAN_FILE
    if not kept.exists():
        try:
            with written_aside(kept) as aside:
                aside.write_text(plan, encoding="utf-8")
        except BaseException:  # a full disk, say: nothing was begun that could be continued
            with suppress(OSError):
                (folder / _LOCK).unlink()
                folder.rmdir()
            raise
    elif kept.read_bytes() != plan.encode():
        raise ValueError(
            f"{folder} holds the parts of an unfinished sweep with other parameters: give those to finish it, "
            "remove the folder to drop it, or write to another file"
        )


def _check_ours(folder: Path) -> None:
    """Refuse a folder that some other program made: it will be removed in the end."""
    if folder.exists() and not (folder / PLAN_FILE).is_file():
        found = [path.name for path in folder.glob("*") if not path.name.startswith(".")]
        if found:
            raise ValueError(
                f"{folder} exists, is not the folder of a sweep, and holds {found[0]}: write to another file"
            )
