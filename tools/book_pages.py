"""Furnish executed notebooks for the book: put their cells in a reader's order and add what every page has.

Under the title stands a line that leads to the end of the page. Under each figure and table stand links to files with
its picture and its numbers. The page's claims come with their verdicts. At the end, folded away, stand command and
buttons that run the page again, its set-up code and the modules that it uses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import book_claims
import book_code
import book_order

DATA_MIME = "application/vnd.eie.data+json"  # as in eie/studies/plots/carry.py
SVG_MIME = "image/svg+xml"
RUN_AGAIN = "**Run this page again**"  # how the note on it begins
WHY = "why-they-differ"  # the cell that the page's claims follow
CHANGE = "change"  # the cell that says what would change the answer, which claims stand before
WORDS = re.compile(r"[^A-Za-z0-9]+")  # what stands between words, and in no file name

HOW_TO_OPEN = (
    "`make lab` opens notebooks in JupyterLab; VS Code opens them with `.venv` as their kernel. With `-o out.html` the "
    "command writes a page for any browser instead."
)
"""What to do with the notebook that the command writes."""

Cell = dict[str, Any]


@dataclass(frozen=True)
class Site:
    """What pages link to: the repository's URL, the claims by page, and the sources of the package."""

    url: str
    claims: Mapping[str, Sequence[Mapping[str, str]]]
    sources: Path


def furnish(notebook: dict[str, Any], page: str, site: Site, folder: Path) -> dict[str, Any]:
    """Furnish a page and return it; the files that it links to are written beside it, under `folder`."""
    parts = book_order.parted(notebook["cells"])
    cells = [*parts.title]
    if parts.run_again:
        cells.append(
            _markdown("to-the-end", f"{{.to-the-end}}\n[Run this page again, parameters, code](#{_run(page)})")
        )
    for cell in with_claims(parts.shown, site.claims.get(page, [])):
        cells += [cell, *_files(cell, page, folder)]
    if parts.run_again:
        cells.append(_markdown("run-again", _ending(parts, notebook, page, site, folder)))
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(DATA_MIME, None)  # in files now, and nothing that a page could show
    write_executed(notebook, page, folder)
    return notebook | {"cells": cells}


def with_claims(cells: Sequence[Cell], claims: Sequence[Mapping[str, str]]) -> list[Cell]:
    """Return the cells of a page with the verdicts on its claims, under a heading if the page itself has none."""
    if not claims:
        return [*cells]
    ids = [cell.get("id") for cell in cells]
    added = [_markdown("page-claims", book_claims.text(claims))]
    if WHY in ids:
        place = ids.index(WHY) + 1
    else:
        place = ids.index(CHANGE) if CHANGE in ids else len(ids)
        added.insert(0, _markdown(WHY, book_claims.heading(claims)))
    return [*cells[:place], *added, *cells[place:]]


def _files(cell: Cell, page: str, folder: Path) -> Iterator[Cell]:
    """Links to the files of a cell, if it has any."""
    files = write_files(cell, folder / "files" / page)
    if files:
        links = [f"{{download}}`{label} <files/{page}/{name}>`" for name, label in files]
        if any(name.endswith(".svg") for name, _ in files):
            links.append(f"[code](#{_run(page)})")
        yield _markdown(f"{cell['id']}-files", "{.files}\n" + " · ".join(links))


def _run(page: str) -> str:
    """The anchor of the end of a page."""
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


def _ending(parts: book_order.Parts, notebook: Mapping[str, Any], page: str, site: Site, folder: Path) -> str:
    """The end of a page, all of it folded away but the heading."""
    assert parts.run_again is not None  # by who calls it
    modules = book_code.code_of(notebook, site.sources)
    folds = [
        run_box("".join(parts.run_again["source"]), page, site.url),
        *book_code.setup_folds(parts.setup),
        *book_code.source_folds(modules, site.sources, folder),
    ]
    return f"({_run(page)})=\n## Run this page again\n\n" + "\n".join(folds)


def run_box(note: str, page: str, url: str) -> str:
    """Return the note on running a page again, with buttons, folded away; its first words lose their emphasis."""
    text = note.replace(RUN_AGAIN, RUN_AGAIN.strip("*"), 1)
    repository = url.removeprefix("https://github.com/")
    buttons = {
        "Open in Colab": f"https://colab.research.google.com/github/{repository}/blob/main/notebooks/{page}.ipynb",
        "Open in Binder": f"https://mybinder.org/v2/gh/{repository}/main?labpath=notebooks%2F{page}.ipynb",
        "The notebook's source": f"{url}/blob/main/notebooks/{page}.ipynb",
    }
    linked = [f"[{label}]({target})" for label, target in buttons.items()]
    executed = f"{{download}}`The notebook as it ran <files/{page}/{page}.ipynb>`"
    row = "{.buttons}\n" + "\n".join([*linked, executed])
    return f"::::{{dropdown}} Command, Colab, Binder, and the notebook\n{text}\n\n{HOW_TO_OPEN}\n\n{row}\n::::\n"


def write_executed(notebook: Mapping[str, Any], page: str, folder: Path) -> None:
    """Write the notebook as it ran, in its own order, for readers to fetch."""
    path = folder / "files" / page / f"{page}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def claims_by_page(scorecard: Mapping[str, Any]) -> dict[str, list[Mapping[str, str]]]:
    """Return the claims that the executed scorecard carries, by page."""
    return book_claims.by_page([data for cell in scorecard["cells"] for data in outputs_of(cell, DATA_MIME)])


def write_cells(notebook: Mapping[str, Any], folder: Path) -> None:
    """Write what single cells show, for prose elsewhere to include: text as NAME.md, pictures as NAME.svg."""
    for cell in notebook["cells"]:
        for mime, suffix in (("text/markdown", "md"), (SVG_MIME, "svg")):
            for text in outputs_of(cell, mime)[:1]:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f"{cell['id']}.{suffix}").write_text(text, encoding="utf-8")
