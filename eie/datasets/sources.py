"""From a source of a data set to files whose hashes are right."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlsplit

from eie.datasets import registries
from eie.datasets.download import CHUNK_BYTES, download
from eie.datasets.errors import FetchError
from eie.datasets.unpack import DAMAGED, gunzipped, unpack
from eie.writing.aside import written_aside

SLACK = 4
"""A download, and a file of it, may have this many times the bytes that the registry states: some are estimates."""

Take = Callable[[str, IO[bytes]], None]
Read = Callable[[Path, Collection[str], Take], None]


def source_name(source: Mapping[str, Any]) -> str:
    """Return the name of a source for messages."""
    kinds = {"pypi": "Python package", "npm": "npm package", "debian": "Debian package"}
    named = [f"{words} {source[kind]}" for kind, words in kinds.items() if kind in source]
    return named[0] if named else str(urlsplit(source["url"]).hostname)


def collect(source: Mapping[str, Any], files: Mapping[str, tuple[int, str]], folder: Path, label: str) -> None:
    """Fetch the files that a folder lacks from one source; a file appears there once its hash is right.

    Parameters
    ----------
    source : mapping
        As in `data/datasets.toml`.
    files : mapping
        File names, each with its bytes and its hash.
    folder : path
        Where they go, and what is half done.
    label : str
        What progress bars say.

    Raises
    ------
    FetchError
        When the source cannot be reached, or holds something else.
    """
    missing = [file for file in files if not is_right(folder / file, files[file][1])]
    if not missing:
        return
    limit = SLACK * source["bytes"]
    if "{file}" in source.get("url", ""):
        for count, file in enumerate(missing, 1):
            url = source["url"].replace("{file}", quote(file))
            at = f"{label} {count}/{len(missing)}"
            _bring((url, True), {urlsplit(url).path: file}, files, folder, _whole, limit, at)
    else:
        members = source.get("members", {})
        wanted = {members.get(file) or source["member"].replace("{file}", file): file for file in missing}
        _bring(_address(source), wanted, files, folder, unpack, limit, label)


def is_right(path: Path, wanted: str) -> bool:
    """Tell whether a file is there and has the content `wanted`: `sha256:` or `git:` and the digest.

    Git's blob id is the SHA-1 of a header with the length, and the content.
    """
    if not path.is_file():
        return False
    kind, _, digest = wanted.partition(":")
    start = hashlib.sha256()
    if kind == "git":
        start = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: start).hexdigest() == digest


def _address(source: Mapping[str, Any]) -> tuple[str, bool | str]:
    if "pypi" in source:
        return registries.pypi(source["pypi"], source["file"])
    if "npm" in source:
        return registries.npm(source["npm"]), True
    if "debian" in source:
        return registries.debian(source["debian"]), True
    return source["url"], True


def _bring(
    address: tuple[str, bool | str],
    wanted: dict[str, str],
    files: Mapping[str, tuple[int, str]],
    folder: Path,
    read: Read,
    limit: int,
    label: str,
) -> None:
    """Download one file, and take what is wanted out of it."""
    url, verify = address
    kept = folder / f".{hashlib.sha256(url.encode()).hexdigest()[:16]}-{Path(urlsplit(url).path).name[-40:]}"
    resumed = download(url, kept, limit=limit, label=label, verify=verify)
    try:
        _take_all(kept, wanted, files, folder, read)
    except FetchError:
        if not resumed:
            raise
        # What an earlier try left may be at fault: once more from the start.
        download(url, kept, limit=limit, label=label, verify=verify)
        _take_all(kept, wanted, files, folder, read)
    finally:
        kept.unlink(missing_ok=True)


def _take_all(
    kept: Path, wanted: dict[str, str], files: Mapping[str, tuple[int, str]], folder: Path, read: Read
) -> None:
    left = set(wanted)

    def take(member: str, stream: IO[bytes]) -> None:
        file = wanted[member]
        packed = member.endswith(".gz") and not file.endswith(".gz")
        _store(gunzipped(stream) if packed else stream, folder / file, *files[file])
        left.discard(member)

    read(kept, wanted, take)
    if left:
        raise FetchError(f"it holds no {sorted(left)[0]}")


def _whole(path: Path, names: Collection[str], take: Take) -> None:
    """Read a download that is not an archive but the one file wanted."""
    try:
        with path.open("rb") as stream:
            take(next(iter(names)), stream)
    except DAMAGED as error:
        raise FetchError(f"{path.name} is damaged ({error})") from error


def _store(stream: IO[bytes], path: Path, size: int, wanted: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(path) as aside:
        copied = 0
        with aside.open("wb") as file:
            while chunk := stream.read(CHUNK_BYTES):
                copied += len(chunk)
                if copied > SLACK * size:
                    raise FetchError(f"{path.name} has more than {SLACK * size} bytes, expected {size}")
                file.write(chunk)
        if not is_right(aside, wanted):
            raise FetchError(f"{path.name} does not have the expected content: its hash is not {wanted}")
