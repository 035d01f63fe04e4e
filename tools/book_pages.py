"""Furnish executed notebooks for the book: what every page has and no notebook need repeat.

Under each figure and table stand links to files with its picture and its numbers; the note on running a page again
becomes a box with buttons; the page's claims come with their verdicts; the code that made the page is at its end.
"""

from __future__ import annotations

import ast
import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA_MIME = "application/vnd.eie.data+json"  # as in eie/studies/plots/carry.py
SVG_MIME = "image/svg+xml"
SIGNS = {"reproduced": "✓", "close": "≈", "undecided": "?", "differs": "✗", "not testable": r"\-"}
NOT_TELLING = ("eie.datasets", "eie.studies.experiments", "eie.studies.paper.display", "eie.studies.plots")
"""Modules, or wings, that a page uses although its numbers are computed elsewhere."""

LEAD = re.compile(
    r"^\*\*(What the (?:paper|retrospective) says|What we do|What we get|Why they differ)\.\*\* ", re.MULTILINE
)
"""How a page that has no headings yet begins its parts."""

RUN_AGAIN = "**Run this page again**"  # how the note on it begins
INSTALL = "%pip install"  # in the cell that Colab needs
WORDS = re.compile(r"[^A-Za-z0-9]+")  # what stands between words, and in no file name

Cell = dict[str, Any]


@dataclass(frozen=True)
class Site:
    """What pages link to: the repository's URL, the claims by page, and the sources of the package."""

    url: str
    claims: Mapping[str, Sequence[Mapping[str, str]]]
    sources: Path


def furnish(notebook: dict[str, Any], page: str, site: Site, folder: Path) -> dict[str, Any]:
    """Furnish a page and return it; the files that it links to are written beside it, under `folder`."""
    modules = code_of(notebook, site.sources)
    ids = {cell.get("id") for cell in notebook["cells"]}
    cells: list[Cell] = []
    for cell in notebook["cells"]:
        cells.append(_in_form(cell, page, site.url))
        cells += _after(cell, page, site, folder, bool(modules))
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(DATA_MIME, None)  # in files now, and nothing that a page could show
    if "why-they-differ" not in ids and page in site.claims:
        cells.append(_markdown("why-they-differ", "## Why they differ"))
        cells.append(_markdown("page-claims", claims_text(site.claims[page])))
    cells += _code_cells(modules, site.sources, folder)
    return notebook | {"cells": cells}


def _is_run_again(cell: Cell) -> bool:
    return "".join(cell["source"]).startswith(RUN_AGAIN)


def _in_form(cell: Cell, page: str, url: str) -> Cell:
    """A cell of prose in the book's form; any other as it is."""
    if _is_run_again(cell):
        return _markdown(cell["id"], run_box(cell, page, url))
    if cell["cell_type"] == "markdown":
        return cell | {"source": LEAD.sub(r"## \1\n\n", "".join(cell["source"])).splitlines(keepends=True)}
    return cell


def _after(cell: Cell, page: str, site: Site, folder: Path, has_code: bool) -> Iterator[Cell]:
    """What follows a cell: links to its files, or the claims."""
    if cell.get("id") == "why-they-differ":
        yield _markdown("page-claims", claims_text(site.claims.get(page, [])))
    files = write_files(cell, folder / "files" / page)
    if files:
        links = [f"{{download}}`{label} <files/{page}/{name}>`" for name, label in files]
        if has_code and any(name.endswith(".svg") for name, _ in files):
            links += ["[code](#the-code-behind-this-page)", f"[run it again](#{_run_label(page)})"]
        yield _markdown(f"{cell['id']}-files", "{.files}\n" + " · ".join(links))


def _run_label(page: str) -> str:
    return f"run-{page.replace('_', '-')}"


def _markdown(name: str, text: str) -> Cell:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": text.splitlines(keepends=True)}


def outputs_of(cell: Cell, mime: str) -> list[Any]:
    """Return what the outputs of a cell hold under one MIME type."""
    found = [output["data"][mime] for output in cell.get("outputs", []) if mime in output.get("data", {})]
    return ["".join(one) if isinstance(one, list) else one for one in found]


def write_files(cell: Cell, folder: Path) -> list[tuple[str, str]]:
    """Write the pictures and numbers of a cell; return their file names, and what to call them."""
    name = cell["metadata"].get("mystnb", {}).get("figure", {}).get("name", cell.get("id", "cell"))
    pictures = outputs_of(cell, SVG_MIME)
    tables = [pair for data in outputs_of(cell, DATA_MIME) for pair in data.items()]
    texts = [(f"{name}.svg", "picture (SVG)", picture) for picture in pictures[:1]]
    for number, (table, text) in enumerate(tables):
        more = f": {table}" if len(tables) > 1 else ""
        ending = f"-{WORDS.sub('-', table).strip('-')}" if number else ""
        texts.append((f"{name}{ending}.csv", f"data{more} (CSV)", text))
    for file, _, text in texts:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text, encoding="utf-8")
    return [(file, label) for file, label, _ in texts]


def run_box(cell: Cell, page: str, url: str) -> str:
    """Return the note on running a page again as a box with buttons; its first words become the title."""
    text = "".join(cell["source"]).replace(f"{RUN_AGAIN}, with", "With", 1)
    repository = url.removeprefix("https://github.com/")
    buttons = {
        "Open in Colab": f"https://colab.research.google.com/github/{repository}/blob/main/notebooks/{page}.ipynb",
        "Open in Binder": f"https://mybinder.org/v2/gh/{repository}/main?labpath=notebooks%2F{page}.ipynb",
        "The notebook's source": f"{url}/blob/main/notebooks/{page}.ipynb",
    }
    linked = [f"[{label}]({target})" for label, target in buttons.items()]
    executed = f"{{download}}`The notebook as it ran <{page}.ipynb>`"
    row = "{.buttons}\n" + "\n".join([*linked, executed])
    box = f"````{{admonition}} Run this page again\n:class: tip run-again\n\n{text}\n\n{row}\n````\n"
    return f"({_run_label(page)})=\n{box}"


def claims_by_page(scorecard: Mapping[str, Any]) -> dict[str, list[dict[str, str]]]:
    """Return the claims that the executed scorecard carries, by page."""
    found: dict[str, list[dict[str, str]]] = {}
    for cell in scorecard["cells"]:
        for data in outputs_of(cell, DATA_MIME):
            for row in csv.DictReader(io.StringIO(data.get("claims", ""))):
                found.setdefault(row["page"], []).append(row)
    return found


def claims_text(claims: Sequence[Mapping[str, str]]) -> str:
    """Return the verdicts on a page's claims: those that are not reproduced with the reason, the others folded away."""
    apart = [claim for claim in claims if claim["verdict"] != "reproduced"]
    same = [claim for claim in claims if claim["verdict"] == "reproduced"]
    if not claims:
        return ""
    said = f"Claims of this page that the [scorecard](scorecard.ipynb) finds reproduced: {len(same)} of {len(claims)}."
    parts = [said, "\n".join(map(_claim, apart))]
    if same:
        listed = "\n".join(map(_claim, same))
        parts.append(f":::{{dropdown}} What is reproduced ({len(same)})\n{listed}\n:::")
    return "\n\n".join(filter(None, parts))


def _claim(claim: Mapping[str, str]) -> str:
    """One claim as an item of a list."""
    computed = f", computed {claim['computed']}" if claim["computed"] != "-" else ""
    numbers = f"published {claim['published']}{computed}"
    unit = "" if claim["unit"] == "yes or no" else f" ({claim['unit']})"
    why = f" {claim['reason']}" if claim["reason"] else ""
    where = f'<a href="scorecard.html#claim-{claim["id"]}">{claim["statement"]}</a>'
    return f"- {SIGNS[claim['verdict']]} *{claim['verdict']}* ({claim['evidence']}): {where}; {numbers}{unit}.{why}"


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


def _code_cells(modules: Sequence[str], sources: Path, folder: Path) -> Iterator[Cell]:
    """The code behind a page, folded away, and copies of it for Sphinx to read."""
    if not modules:
        return
    parts = ["## The code behind this page\n"]
    for module in modules:
        copy = folder / "code" / module
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text((sources / module).read_text(encoding="utf-8"), encoding="utf-8")
        shown = f"```{{literalinclude}} code/{module}\n:language: python\n```"
        parts.append(f"::::{{dropdown}} {module}\n{{download}}`{Path(module).name} <code/{module}>`\n\n{shown}\n::::\n")
    yield _markdown("code-behind", "\n".join(parts))


def write_cells(notebook: Mapping[str, Any], folder: Path) -> None:
    """Write what single cells show, for prose elsewhere to include: text as NAME.md, pictures as NAME.svg."""
    for cell in notebook["cells"]:
        for mime, suffix in (("text/markdown", "md"), (SVG_MIME, "svg")):
            for text in outputs_of(cell, mime)[:1]:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f"{cell['id']}.{suffix}").write_text(text, encoding="utf-8")


def read(text: str) -> dict[str, Any]:
    """Parse a notebook."""
    return dict(json.loads(text))
