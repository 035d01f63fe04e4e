"""Check a built book in Chromium: `python tools/check_browser.py FOLDER_OF_HTML [PAGE ...]`.

Every page, or each one whose path contains a given PAGE, at desktop and phone width, light and dark: nothing fetched
from another host or missing, no error of a script, no scrolling sideways, a weight below the limit, a number and a
picture on the first screen of a notebook, no table wider than its column, no plot wider than the page, no serious
accessibility fault that axe-core finds, and the one-page summary printed on one sheet of A4.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from book_screens import layout_faults
from browser import FLAGS, Missing, axe, chromium, served
from playwright.async_api import Browser, Page, Response, ViewportSize, async_playwright
from print_book import MARGINS

AXE_CACHE = Path(__file__).resolve().parent.parent / "build" / "axe"
WIDTHS: dict[str, ViewportSize] = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
MAX_BYTES = 2_000_000
PLOTS = ("_images/", "_downloads/")  # drawn from data, so their size is that of the data
PAGES_AT_ONCE = 4
ONE_SHEET = "summary.html"  # the page that readers print
SERIOUS = ("serious", "critical")

RUN_AXE = "(more) => axe.run({resultTypes: ['violations'], preload: false, ...more}).then((found) => found.violations)"
COLOUR_RULES = ["color-contrast", "link-in-text-block"]
STILL = "*, *::before, *::after {transition: none !important}"  # half-way from light to dark no colours fit
IS_DARK = "() => (document.documentElement.dataset.theme ?? 'dark') === 'dark'"
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(null))))"
WIDER_BY = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
CUT_PLOTS = """() => [...document.querySelectorAll(".bd-article :is(figure, .cell_output) img")]
  .filter((plot) => plot.getBoundingClientRect().right > document.documentElement.clientWidth)
  .map((plot) => plot.getAttribute("src"))"""
"""Plots that are wider than the page, so that a part of them or of their legend can be seen only by scrolling."""

MATHS_DONE = "() => window.MathJax?.startup?.promise?.then(() => null)"


@dataclass
class Visit:
    """What a browser had to say while it showed one page."""

    host: str
    faults: list[str] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)

    def listen(self, page: Page) -> None:
        """Note what goes wrong on a page from now on, and what it fetches."""
        page.on("pageerror", lambda error: self.faults.append(f"script error: {error}"))
        page.on("console", lambda line: self.faults.append(f"console: {line.text}") if line.type == "error" else None)
        page.on("request", lambda request: self._note(request.url))
        page.on("response", self._note_failure)

    def _note(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https", "ws", "wss"):
            if parts.netloc == self.host:
                self.paths.add(unquote(parts.path).lstrip("/"))
            else:
                self.faults.append(f"fetched from another host: {url}")

    def _note_failure(self, response: Response) -> None:
        if response.status >= 400:
            self.faults.append(f"missing ({response.status}): {response.url}")


def pages_of(root: Path, wanted: Sequence[str] = ()) -> list[str]:
    """Return the pages of a book, by their paths in it; those that contain one of `wanted`, if there are any."""
    paths = (path.relative_to(root) for path in sorted(root.rglob("*.html")))
    names = [path.as_posix() for path in paths if path.parts[0] != "_static"]
    return [name for name in names if not wanted or any(part in name for part in wanted)]


def weight(root: Path, paths: set[str]) -> int:
    """Return the bytes of what a page fetches, without its plots."""
    files = (root / path for path in paths if not path.startswith(PLOTS))
    return sum(path.stat().st_size for path in files if path.is_file())


def axe_faults(violations: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the serious ones of axe-core's findings, each with the first element that has it."""
    for found in violations:
        if found["impact"] in SERIOUS:
            node = found["nodes"][0]
            where = f"{len(found['nodes'])} x, first {' '.join(map(str, node['target']))}: {node['html'][:120]}"
            why = " ".join(node.get("failureSummary", "").split()[:40])
            yield f"accessibility, {found['impact']}, {found['id']}: {found['help']} ({where}) {why}"


async def look(page: Page, seen: Visit, width: str, axe_script: str) -> list[str]:
    """Return the faults of an open page, those that depend on colours in each scheme."""
    faults = [f"scrolls sideways by {wider} px"] if (wider := await page.evaluate(WIDER_BY)) > 0 else []
    faults += [f"plot wider than the page: {plot}" for plot in await page.evaluate(CUT_PLOTS)]
    await page.add_style_tag(content=STILL)
    await page.evaluate(axe_script)
    faults += axe_faults(await page.evaluate(RUN_AXE, {}))
    await page.emulate_media(color_scheme="dark")
    await page.wait_for_function(IS_DARK)
    await page.evaluate(TWO_FRAMES)
    faults += (f"dark: {fault}" for fault in axe_faults(await page.evaluate(RUN_AXE, {"runOnly": COLOUR_RULES})))
    return [f"{width}: {fault}" for fault in seen.faults + faults]


async def sheet_faults(page: Page) -> list[str]:
    """Return a fault if the open page does not fit on one sheet of A4."""
    pdf = await page.pdf(format="A4", margin=MARGINS)
    sheets = max(int(count) for count in re.findall(rb"/Type /Pages\s[^>]*/Count (\d+)", pdf))
    return [f"takes {sheets} sheets of A4 instead of one"] if sheets > 1 else []


async def visit(browser: Browser, width: str, address: str, name: str, root: Path, axe_script: str) -> list[str]:
    """Open one page at one width, light and then dark, and return its faults."""
    page = await browser.new_page(viewport=WIDTHS[width], color_scheme="light")
    seen = Visit(urlsplit(address).netloc)
    seen.listen(page)
    try:
        await page.goto(f"{address}/{name}", wait_until="networkidle")
        await page.evaluate(MATHS_DONE)
        if (total := weight(root, seen.paths)) > MAX_BYTES:
            seen.faults.append(f"weighs {total:,} bytes without its plots, more than {MAX_BYTES:,}")
        seen.faults += await layout_faults(page, name, width)
        if name == ONE_SHEET and width == "desktop":
            seen.faults += await sheet_faults(page)
        found = await look(page, seen, width, axe_script)
    finally:
        await page.close()
    return [f"{name}, {fault}" for fault in dict.fromkeys(found)]


async def browser_faults(root: Path, pages: Sequence[str], program: str, axe_script: str) -> list[str]:
    """Return every fault of pages of a built book, each with its page and view."""
    with served(root) as address:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=program, args=FLAGS)
            turn = asyncio.Semaphore(PAGES_AT_ONCE)

            async def one(width: str, name: str) -> list[str]:
                async with turn:
                    return await visit(browser, width, address, name, root, axe_script)

            faults = await asyncio.gather(*(one(*view) for view in product(WIDTHS, pages)))
            await browser.close()
    return [fault for found in faults for fault in found]


def main() -> int:
    """Print the faults of the book in the folder that the command line names."""
    parser = argparse.ArgumentParser(description="Check a built book in Chromium.")
    parser.add_argument("folder", type=Path, help="folder of HTML, made by `make book`")
    parser.add_argument("pages", nargs="*", help="parts of the names of pages, such as fig08; all pages without them")
    arguments = parser.parse_args()
    root = arguments.folder.resolve()
    pages = pages_of(root, arguments.pages)
    if not (root / "index.html").is_file() or not pages:
        what = f"no page has {' or '.join(arguments.pages)} in its name" if pages_of(root) else "no page at all"
        print(f"check: {root} has {what}; a book is made by `make book`", file=sys.stderr)
        return 2
    try:
        faults = asyncio.run(browser_faults(root, pages, chromium(), axe(AXE_CACHE)))
    except Missing as error:
        print(f"check: {error}", file=sys.stderr)
        return 1
    print("\n".join(faults) or f"{len(pages)} pages, at {' and '.join(WIDTHS)} width, light and dark: no fault")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
