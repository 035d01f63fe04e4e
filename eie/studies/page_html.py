"""A page as one HTML file, made of its executed notebook by nbconvert."""

from __future__ import annotations

import base64
import re
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any

CITATION = re.compile(r"\s*\{cite:p\}`[^`]*`")
"""A citation, which only the whole book can resolve."""

LINK_TO_PAGE = re.compile(r"\[([^\]]+)\]\((?![a-z]+:)[^)]*\)")
"""A link to another page of the book, which is not beside this one."""

HIDDEN = {"enabled": True, "remove_cell_tags": ["remove-cell"], "remove_input_tags": ["remove-input"]}
"""What of the cells the book does not show."""


def written(executed: Path) -> str:
    """Return an executed page as HTML, with the cells and the captions that the book shows; needs nbconvert."""
    notebook = import_module("nbformat").read(executed, as_version=4)
    notebook.cells = [shown for cell in notebook.cells for shown in _cells(cell)]
    config = import_module("traitlets.config").Config({"TagRemovePreprocessor": HIDDEN})
    make = import_module("nbconvert").HTMLExporter
    exporter = make(config=config, exclude_input_prompt=True, exclude_output_prompt=True)
    html, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": executed.stem}})
    return str(html)


def _cells(cell: Any) -> list[Any]:
    """Return a cell without what only the book understands, and the caption of its figure below it."""
    if cell.cell_type == "markdown":
        cell.source = LINK_TO_PAGE.sub(r"\1", CITATION.sub("", cell.source))
        return [cell]
    shown = cell.metadata.get("mystnb", {})
    if alt := shown.get("image", {}).get("alt"):
        _describe(cell, alt)
    caption = shown.get("figure", {}).get("caption")
    return [cell, import_module("nbformat").v4.new_markdown_cell(f"*{caption}*")] if caption else [cell]


def _describe(cell: Any, alt: str) -> None:
    """Give the pictures of a cell their alternative text, which nbconvert does not take from the cell."""
    for output in cell.outputs:
        if picture := output.get("data", {}).get("image/svg+xml"):
            source = base64.b64encode(picture.encode()).decode()
            html = f'<img alt="{escape(alt)}" src="data:image/svg+xml;base64,{source}">'
            output["data"] = {"text/html": html}
