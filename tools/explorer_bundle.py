"""Bundle the modules of the explorer, `book/explorer/`, into one classic script.

A browser loads neither modules nor workers for a page that was opened as a file, but it runs a classic script. In the
bundle each module is a function that returns what it exports; `bundled` is the bundle's own text, for the worker.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "book" / "explorer"
IMPORT = re.compile(r'^import (\{[^}]*\}|\w+) from "\./([\w.]+)"(?: with \{[^}]*\})?;\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:function\*?|class|const) (\w+))", re.MULTILINE)
LEFT = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)
OPENING = """// Made of book/explorer/ by tools/explorer_bundle.py.
(function explorer() {
"use strict";
const bundled = `(${explorer})();`;
const modules = {};
"""


def bundle(folder: Path = FOLDER, entry: str = "main.mjs") -> str:
    """Return the script that runs a module of a folder with all that it imports.

    Raises
    ------
    ValueError
        When a module imports or exports in a form that is not known here; the message has the line.
    """
    parts: dict[str, str] = {}
    _add(folder, entry, parts)
    return OPENING + "".join(parts.values()) + "})();\n"


def _add(folder: Path, name: str, parts: dict[str, str]) -> None:
    """Add a module after those that it imports."""
    if name in parts:
        return
    text = (folder / name).read_text(encoding="utf-8")
    if name.endswith(".json"):
        parts[name] = f'modules["{name}"] = {json.dumps(json.loads(text), ensure_ascii=False)};\n'
        return
    for _, imported in IMPORT.findall(text):
        _add(folder, imported, parts)
    exported = ", ".join(EXPORT.findall(text))
    text = EXPORT.sub("", IMPORT.sub(r'const \1 = modules["\2"];\n', text))
    if left := LEFT.search(text):
        raise ValueError(f"{name}: the bundle knows no such line: {left[0]}")
    parts[name] = f'modules["{name}"] = (() => {{\n{text}return {{ {exported} }};\n}})();\n'


def write(target: Path, folder: Path = FOLDER) -> None:
    """Write script and style sheet of the explorer to a folder."""
    target.mkdir(parents=True, exist_ok=True)
    (target / "explorer.js").write_text(bundle(folder), encoding="utf-8")
    shutil.copyfile(folder / "explorer.css", target / "explorer.css")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
