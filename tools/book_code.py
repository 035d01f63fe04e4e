"""Find the modules behind a page, and list them and the page's set-up code for its end."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

NOT_TELLING = ("eie.datasets", "eie.studies.experiments", "eie.studies.paper.display", "eie.studies.plots")
"""Modules, or wings, that a page uses although its numbers are computed elsewhere."""

INSTALL = "%pip install"  # in the cell that Colab needs


def code_of(notebook: Mapping[str, Any], sources: Path) -> list[str]:
    """Return the modules whose functions a page calls, as paths in the repository, exhibits first."""
    found = (name for name in modules_used(notebook, sources) if not name.startswith(NOT_TELLING))
    paths = (f"{name.replace('.', '/')}.py" for name in found)
    return [path for path in paths if (sources / path).is_file()]


def modules_used(notebook: Mapping[str, Any], sources: Path) -> list[str]:
    """Return the dotted names that a page's code imports from the package, and modules of exhibits before them."""
    code = ("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    tree = ast.parse("\n".join(text for text in code if INSTALL not in text))
    known = _exported(sources / "eie" / "studies" / "paper" / "__init__.py")
    called: dict[str, None] = {}
    named: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "paper":
            called[known.get(node.attr, "")] = None
        elif isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "eie":
            named |= dict.fromkeys([str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)])
    return list(filter(None, called | named))


@functools.cache
def _exported(init: Path) -> dict[str, str]:
    """Return the module of each name that `eie.studies.paper` re-exports; a module is its own."""
    if not init.is_file():
        return {}
    nodes = ast.walk(ast.parse(init.read_text(encoding="utf-8")))
    imported = (node for node in nodes if isinstance(node, ast.ImportFrom) and node.module)
    return {
        alias.name: f"{node.module}.{alias.name}" if node.module == "eie.studies.paper" else str(node.module)
        for node in imported
        for alias in node.names
    }


def setup_folds(setup: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the code of the set-up cells, folded away; what installs the package is for Colab alone."""
    texts = ["".join(cell["source"]) for cell in setup]
    code = "\n\n".join(text for text in texts if INSTALL not in text)
    if code:
        yield f"::::{{dropdown}} Parameters and set-up code\n```python\n{code}\n```\n::::\n"


def source_folds(modules: Sequence[str], sources: Path, folder: Path) -> Iterator[str]:
    """Yield each module behind a page, folded away; a copy for Sphinx to read is written under `folder`."""
    for module in modules:
        copy = folder / "code" / module
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text((sources / module).read_text(encoding="utf-8"), encoding="utf-8")
        shown = f"```{{literalinclude}} code/{module}\n:language: python\n```"
        yield f"::::{{dropdown}} {module}\n{{download}}`{Path(module).name} <code/{module}>`\n\n{shown}\n::::\n"
