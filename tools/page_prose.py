"""Give executed notebooks the prose of their sources: words in Markdown cells change nothing that is computed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROSE = "markdown"
"""The type of cells that are not executed."""


def code(source: Mapping[str, Any]) -> str:
    """Return all of a notebook that its execution may depend on, as text: everything but its prose."""
    cells = [cell for cell in source["cells"] if cell["cell_type"] != PROSE]
    return json.dumps({**source, "cells": cells}, sort_keys=True)


def with_prose(executed: Mapping[str, Any], source: Mapping[str, Any]) -> dict[str, Any]:
    """Return an executed notebook with the prose of its source, which has the same code.

    Raises
    ------
    ValueError
        When their code is not the same.
    """
    ran = iter([cell for cell in executed["cells"] if cell["cell_type"] != PROSE])
    cells = [_as_executed(cell) if cell["cell_type"] == PROSE else next(ran, {}) for cell in source["cells"]]
    if [cell.get("id") for cell in cells] != [cell.get("id") for cell in source["cells"]] or any(ran):
        raise ValueError("the executed notebook has other cells than its source")
    return {**executed, "cells": cells}


def _as_executed(cell: Mapping[str, Any]) -> dict[str, Any]:
    """Return a cell of prose as papermill leaves it: with a list of tags, although it may be empty."""
    return {**cell, "metadata": {"tags": [], **cell["metadata"]}}


def refresh(executed: Path, source: Path) -> None:
    """Bring the prose of an executed notebook up to date."""
    before = json.loads(executed.read_text(encoding="utf-8"))
    after = with_prose(before, json.loads(source.read_text(encoding="utf-8")))
    if _words(before) == _words(after):
        return
    aside = executed.with_suffix(".new")
    text = json.dumps(after, indent=1, ensure_ascii=False, sort_keys=True)  # as nbformat writes it
    aside.write_text(text + "\n", encoding="utf-8")
    aside.replace(executed)


def _words(notebook: Mapping[str, Any]) -> list[Any]:
    """The cells without what papermill wrote about them."""
    return [(cell["id"], "".join(cell["source"]), cell["metadata"].get("tags")) for cell in notebook["cells"]]
