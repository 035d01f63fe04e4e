"""Keep the committed notebooks in one normal form: `python tools/notebooks.py check|write [FILE ...]`.

No outputs, no execution state, stable cell ids that say what a cell is for, one cell of parameters, short code cells,
and the order of cells that all pages have (`tools/book_order.py`).
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import book_order

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
LONGEST_CODE_CELL = 12
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def normal(notebook: dict[str, Any]) -> dict[str, Any]:
    """The notebook as it should be committed."""
    cells = [_normal_cell(cell) for cell in notebook["cells"]]
    return {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}


def _normal_cell(cell: dict[str, Any]) -> dict[str, Any]:
    kept = {key: cell[key] for key in ("cell_type", "id") if key in cell}
    metadata = {key: cell["metadata"][key] for key in ("mystnb", "tags") if cell["metadata"].get(key)}
    source = "".join(cell["source"]).strip("\n")
    result = kept | {"metadata": metadata, "source": source.splitlines(keepends=True)}
    if cell["cell_type"] == "code":
        result |= {"execution_count": None, "outputs": []}
    return result


def text_of(notebook: dict[str, Any]) -> str:
    """The bytes of a notebook in normal form."""
    return json.dumps(normal(notebook), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def faults(path: Path) -> list[str]:
    """Return what keeps a notebook from being in normal form, and from being a page."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return [*form_faults(path), *book_order.faults(notebook)]


def form_faults(path: Path) -> list[str]:
    """Return what keeps a notebook from being in normal form."""
    text = path.read_text(encoding="utf-8")
    notebook = json.loads(text)
    found = [] if text == text_of(notebook) else ["is not in normal form; run: python tools/notebooks.py write"]
    ids = [cell.get("id", "") for cell in notebook["cells"]]
    # A random id, as editors make them, has no word in it; a cell's id says what the cell is for.
    found += [
        f"cell id {i!r} must be lower-case words joined by '-'" for i in ids if not re.fullmatch(r"[a-z]+(-[a-z]+)*", i)
    ]
    found += [f"cell id {i!r} occurs twice" for i in sorted({i for i in ids if ids.count(i) > 1})]
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    found += [
        f"cell {cell.get('id')!r} has {_lines(cell)} lines, at most {LONGEST_CODE_CELL} belong in a notebook"
        for cell in code
        if _lines(cell) > LONGEST_CODE_CELL
    ]
    if sum("parameters" in cell["metadata"].get("tags", []) for cell in code) != 1:
        found.append("must have exactly one cell tagged 'parameters'")
    return found


def _lines(cell: dict[str, Any]) -> int:
    return len("".join(cell["source"]).splitlines())


def main(arguments: list[str]) -> int:
    """Check or rewrite notebooks; returns the exit status."""
    if not arguments or arguments[0] not in ("check", "write"):
        print(__doc__)
        return 2
    paths = [Path(name) for name in arguments[1:]] or sorted(FOLDER.glob("*.ipynb"))
    if arguments[0] == "write":
        for path in paths:
            path.write_text(text_of(json.loads(path.read_text(encoding="utf-8"))), encoding="utf-8")
    wrong = [f"{path.name}: {fault}" for path in paths for fault in faults(path)]
    print("\n".join(wrong) or f"{len(paths)} notebooks in normal form")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
