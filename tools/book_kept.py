"""Keep the pages that Sphinx has read from one build to the next, which then reads only pages whose texts have changed.

A build assembles its sources anew and compares them with those of the build before. It reads single pages only if that
build had no warning, and if nothing but texts of pages differs: no file was added, removed or renamed, and neither the
library nor the tools changed. Otherwise it reads all pages. In either case it writes all pages.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

STATE = "kept.json"
"""File with the digests of the kept pages' sources; without it, a build reads all pages."""

FOLDERS = ("source", "doctrees", "jupyter_execute", "compiled")
"""Folders of sources, of pages as Sphinx has read them, of their pictures, and of the caches of `book_speed.py`."""

TEXTS = (".md", ".ipynb")
"""Endings of the files that may change without all pages being read again."""

AROUND = ("eie", "data", "tools", "pyproject.toml", "requirements.lock")
"""Files and folders of the repository, beside the sources, that what a page says may depend on."""


@dataclass(frozen=True)
class Kept:
    """The sources of a build, and everything else that it depends on.

    Attributes
    ----------
    around : str
        Digest of all that is no source: library, tools, and installed packages.
    sources : dict of str to str
        Digest of each source, by its path in the folder of sources.
    readers : dict of str to list of str
        Pages that each source is part of.
    """

    around: str
    sources: dict[str, str]
    readers: dict[str, list[str]]


def digest(root: Path, paths: Iterable[Path]) -> str:
    """Return a digest of what files hold and where they lie under `root`."""
    found = hashlib.sha256()
    for path in sorted(paths):
        found.update(f"{path.relative_to(root)}\0{path.stat().st_size}\0".encode())
        found.update(path.read_bytes())
    return found.hexdigest()


def files(folder: Path) -> list[Path]:
    """Return the files in a folder, or a single file itself; no compiled modules."""
    found = folder.rglob("*") if folder.is_dir() else [folder]
    return [path for path in found if path.is_file() and "__pycache__" not in path.parts]


def around(root: Path) -> str:
    """Return a digest of all that pages depend on beside their sources."""
    sources = digest(root, (path for name in AROUND for path in files(root / name)))
    installed = sorted(path.name for path in Path(sysconfig.get_path("purelib")).glob("*.dist-info"))
    return hashlib.sha256("\0".join([sources, sys.version, *installed]).encode()).hexdigest()


def digests(source: Path) -> dict[str, str]:
    """Return the digest of each file in a folder of sources."""
    return {path.relative_to(source).as_posix(): digest(source, [path]) for path in files(source)}


def read_state(work: Path) -> Kept | None:
    """Return what the kept pages were made from, or None if there are none."""
    try:
        return Kept(**json.loads((work / STATE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def forget(work: Path) -> None:
    """Let the next build read all pages."""
    (work / STATE).unlink(missing_ok=True)


def pages_to_read(before: Kept | None, now: Kept) -> list[str] | None:
    """Return the pages to read again, or None if these are all."""
    if before is None or before.around != now.around or before.sources.keys() != now.sources.keys():
        return None
    changed = [name for name, found in now.sources.items() if before.sources[name] != found]
    if not all(name.endswith(TEXTS) and name in before.readers for name in changed):
        return None
    return sorted({page for name in changed for page in before.readers[name]})


def prepare(work: Path, assembled: Path, now: Kept) -> list[str] | None:
    """Put new sources in place, and throw away what can be kept no longer; return the pages to read, or None for all.

    The state is removed before anything else: a build that is interrupted, or fails, leaves nothing to go on from.
    """
    before = read_state(work)
    pages = pages_to_read(before, now)
    forget(work)
    if pages is None or before is None:
        for folder in FOLDERS:
            shutil.rmtree(work / folder, ignore_errors=True)
        assembled.rename(work / "source")
        return None
    for name, found in now.sources.items():
        if before.sources[name] != found:
            os.replace(assembled / name, work / "source" / name)
    shutil.rmtree(assembled)
    return pages


def follow(app: Sphinx, pages: list[str] | None) -> None:
    """Let Sphinx read the named pages as if all pages were read: forget them first, and keep nothing in memory."""

    def changed(_app: Sphinx, _env: Any, *_sets: set[str]) -> list[str]:
        return pages or []

    def purge(app: Sphinx, env: Any, names: list[str]) -> None:
        for name in names:  # all before the first is read: a label may have moved from one to another
            app.emit("env-purge-doc", env, name)
            env.clear_doc(name)

    def unload(_app: Sphinx, env: Any) -> list[str]:
        env._write_doc_doctree_cache.clear()  # pages are written from what is on disk, whether just read or kept
        return []

    app.connect("env-get-outdated", changed)
    app.connect("env-before-read-docs", purge)
    app.connect("env-updated", unload)


def readers(env: Any) -> dict[str, list[str]]:
    """Return the pages that each source is part of: those made from it, and those that include it or link to it."""
    found: dict[str, set[str]] = {}
    for page in env.all_docs:
        for name in (env.doc2path(page, base=False), *env.dependencies[page]):
            found.setdefault(os.path.normpath(name), set()).add(page)
    return {name: sorted(pages) for name, pages in sorted(found.items())}


def remember(work: Path, now: Kept, env: Any) -> None:
    """Write down what the pages were made from; only a build without a warning may do so."""
    state = Kept(now.around, now.sources, readers(env))
    aside = work / f"{STATE}.new"
    aside.write_text(json.dumps(asdict(state), indent=1), encoding="utf-8")
    aside.replace(work / STATE)
