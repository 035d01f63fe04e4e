"""The Deep Learning Matrix Collection: patterns of 3,846 weight matrices that were really pruned.

The available matrices are those of its folder, or of an archive of the collection or of a part of it (`dlmc*.tar.gz`),
which is read as it is. Every file is compared with the catalogue's hash before it is used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from platformdirs import user_cache_path

from eie.datasets import catalogue
from eie.datasets.errors import FetchError
from eie.datasets.unpack import unpack

NAME = "dlmc"
ENDING = ".smtx"
TOP = "dlmc/"
"""Folder that holds everything in an archive."""

STATISTICS = "dlmc.csv"
"""File with the quality of each network, and the entries of each matrix."""

CONTROL = "random_pruning"
"""Method of the matrices that were pruned at random: nothing is uneven beyond chance."""

SLACK = 2
"""No more than this many times the stated bytes of a file are read: some are estimates."""

Files = Mapping[str, tuple[int, str]]
"""Bytes and hash of files, by their paths."""


class Group(NamedTuple):
    """The matrices of one network that one method pruned to one sparsity.

    `sparsity` is the aim, as the folder says it; variational dropout and L0 regularisation miss it.
    """

    model: str
    method: str
    sparsity: str


def groups() -> dict[Group, list[str]]:
    """List the paths of all matrices of the collection by their group, whether they are available or not."""
    found: dict[Group, list[str]] = {}
    for path in catalogue.files_of(NAME):
        if path.endswith(ENDING):
            found.setdefault(Group(*PurePosixPath(path).parts[:3]), []).append(path)
    return found


def at_hand() -> list[str]:
    """List the paths of the available matrices, in the order of the catalogue."""
    listed = [path for path in catalogue.files_of(NAME) if path.endswith(ENDING)]
    for folder in _folders():
        if found := [path for path in listed if (folder / path).is_file()]:
            return found
    for archive in _archives():
        inside = set(_names(archive))
        if found := [path for path in listed if TOP + path in inside]:
            return found
    return []


def contents(paths: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Read files of the collection; those that are not available are left out.

    Parameters
    ----------
    paths : collection of str
        As in `groups`.

    Yields
    ------
    str, bytes
        Path and content, in no fixed order.

    Raises
    ------
    FetchError
        When a file is not the one that the catalogue knows, or an archive is damaged.
    """
    files = catalogue.files_of(NAME)
    wanted = {path: files[path] for path in paths}
    folder = next((folder for folder in _folders() if any((folder / path).is_file() for path in wanted)), None)
    if folder is not None:
        for path in wanted:
            if (folder / path).is_file():
                yield path, _checked(path, (folder / path).read_bytes(), wanted)
        return
    for archive in _archives():
        if found := _taken(archive, wanted):
            yield from found
            return


def _taken(archive: Path, wanted: Files) -> list[tuple[str, bytes]]:
    found = []

    def take(member: str, stream: IO[bytes]) -> None:
        path = member.removeprefix(TOP)
        found.append((path, _checked(path, stream.read(SLACK * wanted[path][0]), wanted)))

    unpack(archive, {TOP + path for path in wanted}, take)
    return found


def _names(archive: Path) -> list[str]:
    found: list[str] = []
    unpack(archive, [TOP + path for path in catalogue.files_of(NAME)], lambda member, _: found.append(member))
    return found


def _checked(path: str, content: bytes, wanted: Files) -> bytes:
    """Return the content of a file if it is the one that the catalogue knows."""
    found = hashlib.sha1(f"blob {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()
    if f"git:{found}" != wanted[path][1]:
        raise FetchError(
            f"{path} of the collection does not have the expected content: its hash is not {wanted[path][1]}"
        )
    return content


def _roots() -> list[Path]:
    return [catalogue.root() / NAME, catalogue.root(), user_cache_path("eie") / NAME]


def _folders() -> list[Path]:
    return [place for root in _roots() for place in (root, root / NAME) if place.is_dir()]


def _archives() -> list[Path]:
    return [archive for root in _roots() for archive in sorted(root.glob(f"{NAME}*.tar.gz"))]
