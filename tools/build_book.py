"""Build the book from its prose and from notebooks that papermill has already run.

The executed notebooks are not in git while Sphinx wants one source folder, so one is assembled under --work. Nothing
in it is executed: a notebook is read as JSON, and its outputs are printed as they are. Where only texts of pages have
changed since the last build, Sphinx reads only these pages (`book_kept.py`). It writes all pages in any case.
"""

from __future__ import annotations

import argparse
import gc
import importlib.metadata
import json
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import book_kept
import book_pages
import book_speed
import citation
import explorer_bundle
import layout
import nbformat
from jupyter_book.config import get_final_config
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util.console import nocolor
from sphinx.util.docutils import docutils_namespace, patch_docutils
from sphinx_external_toc.parsing import MalformedError, parse_toc_yaml

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = "notebooks/"
SCORECARD = "scorecard"  # the page that carries the verdicts on all claims
BUILDERS = ("html", "singlehtml", "linkcheck")
SELDOM = 200_000  # new objects before Python looks for unused ones: trees of pages are many small objects, all in use
MOST_PROCESSES = 8  # each holds about 200 MB, and 54 pages give no more work than that
RUN_METADATA = ("papermill", "execution")
INJECTED = "injected-parameters"  # papermill's tag for the cell it adds, with a random id
LINES = (",\n", ": ")  # separators of JSON that break lines, as an indent would, and take a quarter of its time
ADDRESS = re.compile(r"(<[\w.]+[^<>\n]*) at 0x[0-9a-f]+>")  # as in "<Styler at 0x7fbb883fc8d0>"
MATHJAX = ["input/tex", "output/chtml", "a11y/assistive-mml"]
"""What of MathJax a page loads; the single file that has everything weighs half as much again."""

MATHJAX_FILES = ["startup", "core", *MATHJAX, "output/chtml/fonts/tex"]

MATHJAX_FONTS = "output/chtml/fonts/woff-v2"
TOO_HEAVY = re.compile(r"<script[^>]*/fontawesome\.js[^>]*></script>\n?")  # the theme's fonts have the same icons
BRAND = 'class="fab fa-github"'  # one sign of a font of 118 kB
SIGN = 'class="fas fa-code-branch"'
PLAIN_CODE = re.compile(r'<span class="[npw]">([^<]*)</span>')  # names, punctuation, spaces: the colour of all text
CSS_COMMENT = re.compile(r"/\*(?!!).*?\*/", re.DOTALL)  # one that begins with ! holds a licence
CSS_INDENT = re.compile(r"\n\s+")
CITATION_LIST = '<div role="list" class="citation-list">'  # the entries in it have a role that no list may hold


class BookError(Exception):
    """What stops a build, in one line for each fault."""


def repository_url(pyproject: Path) -> str:
    """Return the repository's URL from the one place that states it."""
    try:
        project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
        return str(project["urls"]["Repository"]).rstrip("/").removesuffix(".git")
    except (OSError, KeyError, tomllib.TOMLDecodeError) as error:
        raise BookError(f"{pyproject}: no [project.urls] Repository to link to ({error!r})") from error


def toc_notebooks(toc: Path) -> list[str]:
    """Return the file names of the notebooks that the table of contents lists."""
    try:
        pages = parse_toc_yaml(toc)
    except (OSError, MalformedError) as error:
        raise BookError(f"{toc}: {error}") from error
    return [Path(page).stem + ".ipynb" for page in pages if page.startswith(NOTEBOOKS)]


def faults(notebook: dict[str, Any]) -> Iterator[str]:
    """Yield what no reader should meet: cells not run, figures not shown, errors, and anything written to stderr."""
    for number, cell in enumerate(notebook["cells"], start=1):
        if cell["cell_type"] != "code":
            continue
        name = cell.get("id", number)
        if "".join(cell["source"]).strip() and cell["execution_count"] is None:
            yield f"cell {name} was not executed"
        if "figure" in cell["metadata"].get("mystnb", {}) and not cell["outputs"]:
            yield f"cell {name} has the caption of a figure, and shows nothing"
        for output in cell["outputs"]:
            if output["output_type"] == "error":
                yield f"cell {name} raised {output['ename']}: {output['evalue']}"
            if output.get("name") == "stderr":
                yield f"cell {name} wrote to stderr: {''.join(output['text'])}"


def normalised(notebook: dict[str, Any]) -> str:
    """Return the notebook as JSON without what differs from run to run: times, paths, a random id, and addresses."""
    notebook["metadata"].pop("papermill", None)
    for cell in notebook["cells"]:
        if INJECTED in cell["metadata"].get("tags", []):
            cell["id"] = INJECTED
        for key in RUN_METADATA:
            cell["metadata"].pop(key, None)
    text = json.dumps(notebook, ensure_ascii=False, sort_keys=True, separators=LINES)
    return ADDRESS.sub(r"\1>", text) + "\n"


def read_notebook(path: Path) -> str:
    """Return the text of one executed notebook that is fit to print."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        nbformat.validate(notebook)
    except (OSError, ValueError, AttributeError, nbformat.ValidationError) as error:
        raise BookError(f"{path}: no executed notebook: {str(error).splitlines()[0]}") from error
    found = [f"{path}: {' '.join(fault.split())[:200]}" for fault in faults(notebook)]
    if found:
        raise BookError("\n".join(found))
    return normalised(notebook)


def assemble(root: Path, executed: Path, source: Path, url: str) -> None:
    """Copy the prose and, beside it, the executed notebooks into the folder that Sphinx reads.

    What single cells show is written to `cells/PAGE/CELL.md` and `.svg`, where prose can include it.
    """
    shutil.copytree(root / "book", source)
    for notes in root.glob("C*.md"):  # the contributing notes and the changelog are pages as well
        (source / "texts").mkdir(exist_ok=True)
        shutil.copy(notes, source / "texts")
    if (root / "eie").is_dir():
        (source / "_static" / "layout.svg").write_text(layout.drawing(), encoding="utf-8")
    if (root / "CITATION.cff").is_file():
        (source / "texts" / "citation.md").write_text(citation.markdown(root / "CITATION.cff"), encoding="utf-8")
    folder = source / NOTEBOOKS
    folder.mkdir()
    names = toc_notebooks(root / "book" / "_toc.yml")
    notebooks = {Path(name).stem: json.loads(read_notebook(executed / name)) for name in names}
    claims = book_pages.claims_by_page(notebooks[SCORECARD]) if SCORECARD in notebooks else {}
    site = book_pages.Site(url, claims, root)
    for page, notebook in notebooks.items():
        book_pages.write_cells(notebook, source / "cells" / page)
        text = json.dumps(book_pages.furnish(notebook, page, site, folder), ensure_ascii=False, separators=LINES)
        (folder / f"{page}.ipynb").write_text(text + "\n", encoding="utf-8")


def copy_mathjax(static: Path) -> None:
    """Copy MathJax and its fonts from the package that carries them: no reader's browser then asks another host."""
    package = importlib.metadata.distribution("sphinx-mathjax-offline")
    mathjax = Path(str(package.locate_file("sphinx-mathjax-offline/static/mathjax")))
    shutil.copytree(mathjax / MATHJAX_FONTS, static / "mathjax" / MATHJAX_FONTS)
    for name in MATHJAX_FILES:
        target = static / "mathjax" / f"{name}.js"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(mathjax / f"{name}.js", target)


def sphinx_config(source: Path, url: str, static: Path) -> dict[str, Any]:
    """Return the Sphinx configuration: what jupyter-book makes of the YAML file, and what that file cannot know."""
    config, _ = get_final_config(
        user_yaml=source / "_config.yml", sourcedir=source, cli_config={"latex_individualpages": False}
    )
    config.pop("comments_config")  # of an extension that the book leaves out
    config["html_theme_options"] |= {"repository_url": url, "repository_branch": "main"}
    config["mathjax3_config"] = {"loader": {"load": MATHJAX}}
    config["html_static_path"].append(str(static))  # a script in book/_static would be put on every page
    config["html_css_files"] = [
        sheet for sheet in config["html_css_files"] if "/" not in sheet
    ]  # a folder is one page's
    return dict(config)


def point_at_source(_app: Sphinx, page: str, _template: str, context: dict[str, Any], _doctree: object) -> None:
    """Let the source and edit buttons of prose point into book/; a notebook's page has the path of its file."""
    context["doc_path"] = "" if page.startswith(NOTEBOOKS) else "book"


def run_sphinx(work: Path, url: str, builder: str, pages: list[str] | None = None) -> Any:
    """Turn work/source into work/html, and return Sphinx's environment; `pages` are those to read, None means all.

    A warning fails the build once all of them are printed.
    """
    source, html = work / "source", work / "html"
    config = sphinx_config(source, url, work / "static")
    if not sys.stderr.isatty():
        nocolor()
    with patch_docutils(str(source)), docutils_namespace():
        app = Sphinx(
            source,
            None,
            html,
            work / "doctrees",
            builder,
            config,
            status=None,
            warningiserror=True,
            keep_going=True,
            parallel=min((os.cpu_count() or 1) + 1, MOST_PROCESSES),  # one of them only hands out pages to write
        )
        # jupyter-book loads it, does not use it here, and it does not say that it may run in several processes.
        app.extensions["sphinx_multitoc_numbering"].parallel_read_safe = True
        app.connect("html-page-context", point_at_source, priority=400)  # before the theme makes its buttons
        book_kept.follow(app, pages)
        if builder == "html":
            book_speed.render_toctree_once(app.builder)
            book_speed.keep(app.builder, work / "compiled")
        app.build()
    if app.statuscode:
        raise BookError("the book has warnings (above), and they are errors")
    return app.env


def lighten(html: Path) -> None:
    """Take from the pages what the theme puts there and no reader needs."""
    for page in html.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        text = PLAIN_CODE.sub(r"\1", TOO_HEAVY.sub("", text))
        text = text.replace(BRAND, SIGN).replace(CITATION_LIST, '<div class="citation-list">')
        page.write_text(text, encoding="utf-8")
    for sheet in html.rglob("*.css"):
        text = CSS_COMMENT.sub("", sheet.read_text(encoding="utf-8"))
        sheet.write_text(CSS_INDENT.sub("\n", text), encoding="utf-8")
    (html / "_static" / "scripts" / "fontawesome.js").unlink(missing_ok=True)


def offer_notebooks(source: Path, html: Path) -> None:
    """Let the theme's download button give the notebooks as they ran, whose cells stand in the order of their code."""
    for notebook in (source / NOTEBOOKS / "files").rglob("*.ipynb"):
        shutil.copyfile(notebook, html / "_sources" / NOTEBOOKS / notebook.name)


def publish(html: Path, out: Path) -> None:
    """Move a finished build into place by renaming, so that a reader never meets half of one."""
    new, old = out.with_name(f"{out.name}.new"), out.with_name(f"{out.name}.old")
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    for unread in (*html.rglob(".buildinfo*"), *html.rglob("*.map")):
        unread.unlink()
    shutil.move(html, new)  # copies it if the two are on different disks
    if out.exists():
        out.rename(old)
    new.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def build(
    executed: Path, out: Path, work: Path, builder: str = "html", root: Path = ROOT, *, clean: bool = False
) -> None:
    """Assemble the sources, build them aside and publish the result; `clean` uses nothing of an earlier build."""
    url = repository_url(root / "pyproject.toml")
    if clean or builder != "html":
        book_kept.forget(work)
    for folder in ("assembled", "static", "html"):
        shutil.rmtree(work / folder, ignore_errors=True)
    assemble(root, executed, work / "assembled", url)
    copy_mathjax(work / "static")
    explorer_bundle.write(work / "static" / "explorer")
    now = book_kept.Kept(book_kept.around(root), book_kept.digests(work / "assembled"), {})
    pages = book_kept.prepare(work, work / "assembled", now)
    env = run_sphinx(work, url, builder, pages)
    lighten(work / "html")
    if builder == "html":
        offer_notebooks(work / "source", work / "html")
    publish(work / "html", out)
    book_kept.remember(work, now, env)


def main() -> int:
    """Read the command line; say in a line what is wrong."""
    parser = argparse.ArgumentParser(description="Build the book from its prose and from executed notebooks.")
    parser.add_argument("--notebooks", type=Path, required=True, help="folder of the executed notebooks")
    parser.add_argument("--out", type=Path, required=True, help="folder that the HTML replaces")
    parser.add_argument("--work", type=Path, default=Path("build/book-src"), help="folder for what is made on the way")
    parser.add_argument(
        "--builder", default="html", choices=BUILDERS, help="pages, one page for all, or a check of links"
    )
    parser.add_argument("--clean", action="store_true", help="use nothing of an earlier build")
    arguments = parser.parse_args()
    out, work = arguments.out.absolute(), arguments.work.absolute()
    try:
        build(arguments.notebooks, out, work, arguments.builder, clean=arguments.clean)
    except (BookError, SphinxError) as error:
        print(f"book: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    gc.set_threshold(SELDOM)
    sys.exit(main())
