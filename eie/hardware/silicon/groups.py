"""The syntax of Liberty files: groups with attributes and groups in them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from eie.formats import FormatError

_TOKEN = re.compile(r'"[^"]*"|[{}();:,]|[^\s{}();:,"]+')
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_MAX_BYTES = 1 << 28


@dataclass(eq=False, slots=True)
class Group:
    """A group of a Liberty file, such as a cell or a table, with the attributes and groups in it.

    `lists` has all values of attributes that stand several times.
    """

    kind: str
    name: str
    values: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)

    def all(self, kind: str) -> list[Group]:
        """Return the groups of one kind."""
        return [group for group in self.groups if group.kind == kind]

    def first(self, kind: str) -> Group | None:
        """Return the first group of one kind, if there is one."""
        return next(iter(self.all(kind)), None)


def licence_of(path: str | Path) -> str:
    """Return the comment that a library begins with, in which its owner says who may use it.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    FormatError
        When it does not begin with a comment.
    """
    text = _text_of(Path(path))
    found = re.match(r"\s*/\*(.*?)\*/", text, re.DOTALL)
    if not found:
        raise FormatError(f"{path}: not a Liberty library with a licence: it does not begin with a comment")
    lines = [line.strip(" *\t") for line in found[1].splitlines()]
    return "\n".join(line for line in lines if line)


def _text_of(path: Path) -> str:
    if not path.is_file():
        raise FileNotFoundError(f"there is no library {path}")
    if path.stat().st_size > _MAX_BYTES:
        raise FormatError(f"{path}: a library has at most {_MAX_BYTES:,} bytes, this file has {path.stat().st_size:,}")
    return path.read_text(encoding="utf-8", errors="replace")


def parse(path: Path) -> Group:
    """Read the group `library` of a file.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    FormatError
        When it is not a Liberty library.
    """
    words = _TOKEN.findall(_COMMENT.sub(" ", _text_of(path)).replace("\\\n", " "))[::-1]
    top = Group("file", "")
    try:
        while words:
            _fill(top, words)
    except (IndexError, RecursionError):
        raise FormatError(f"{path}: not a Liberty library: it ends within a group") from None
    library = top.first("library")
    if library is None:
        raise FormatError(f"{path}: not a Liberty library: it has no group 'library'")
    return library


def _fill(group: Group, words: list[str]) -> None:
    """Read attributes and groups until the closing brace, the next word last in the list; at the top, only one."""
    while (word := words.pop()) != "}":
        if word == ";":
            continue
        if words.pop() == ":":
            group.values[word] = _until(";", words)
            continue
        arguments = _until(")", words)
        if words and words[-1] == "{":
            words.pop()
            inner = Group(word, arguments)
            _fill(inner, words)
            group.groups.append(inner)
        else:
            group.values[word] = arguments
            group.lists.setdefault(word, []).append(arguments)
        if group.kind == "file":
            return


def _until(mark: str, words: list[str]) -> str:
    found = []
    while (word := words.pop()) != mark:
        found.append(word.strip('"'))
    return "".join(found) if mark == ")" else " ".join(found)
