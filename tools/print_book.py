"""Print the book that is one long page into one PDF: `python tools/print_book.py FOLDER_OF_HTML FILE.pdf`.

With `--page fig13` it prints that page of a book of many pages. Chromium does it, with the style sheet that a reader's
own printing uses.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from browser import FLAGS, Missing, chromium, served
from playwright.sync_api import PdfMargins, sync_playwright

PATIENCE_MS = 300_000  # for hundreds of pages
FOOTER = '<div style="font-size: 8px; width: 100%; text-align: center"><span class="pageNumber"></span></div>'
MARGINS: PdfMargins = {"top": "16mm", "bottom": "18mm", "left": "16mm", "right": "16mm"}
MATHS_DONE = "() => window.MathJax?.startup?.promise?.then(() => null)"

INWARD = """() => {
  for (const link of document.querySelectorAll("a[href*='#']")) {
    const id = decodeURIComponent(link.hash.slice(1));
    if (link.host === location.host && id && document.getElementById(id)) link.setAttribute("href", "#" + id);
  }
}"""
"""Links to other pages lead to where those stand in this one."""

AWAY = """() => {
  for (const link of document.querySelectorAll("a[href]")) {
    if (link.host === location.host && !link.getAttribute("href").startsWith("#")) link.removeAttribute("href");
  }
}"""
"""What is not in the file cannot be a link."""


class NoPage(Exception):
    """There is no such page; the message lists those that there are."""


def page_of(html: Path, name: str) -> str:
    """Return the path, within the book, of the page whose name is `name` or begins with it.

    Raises
    ------
    NoPage
        When no page fits, or several do.
    """
    paths = (path.relative_to(html) for path in sorted(html.rglob("*.html")))
    pages = {path.stem: path.as_posix() for path in paths if not path.parts[0].startswith("_")}
    found = [name] if name in pages else sorted(stem for stem in pages if stem.startswith(name))
    if len(found) != 1:
        listed = ", ".join(found or sorted(pages))
        raise NoPage(f"{len(found) or 'no'} pages begin with {name!r}; {'they' if found else 'pages'} are {listed}")
    return pages[found[0]]


def print_book(html: Path, page_path: str, out: Path, program: str) -> None:
    """Print a page of the book to the file `out`."""
    with served(html) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        page = browser.new_page(color_scheme="light")
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{address}/{page_path}", wait_until="networkidle")
        for script in (MATHS_DONE, INWARD, AWAY):
            page.evaluate(script)
        page.pdf(
            path=out,
            format="A4",
            margin=MARGINS,
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=FOOTER,
            print_background=True,
            outline=True,
            tagged=True,
        )
        browser.close()


def main() -> int:
    """Read the command line; say in a line what is missing."""
    parser = argparse.ArgumentParser(description="Print a built book, or a page of it, into one PDF.")
    parser.add_argument("html", type=Path, help="folder of HTML, made by `make pdf`")
    parser.add_argument("out", type=Path, help="the .pdf file to write")
    parser.add_argument("--page", default="index", help="the page, or how its name begins (default: the first)")
    arguments = parser.parse_args()
    try:
        print_book(arguments.html, page_of(arguments.html, arguments.page), arguments.out, chromium())
    except (Missing, NoPage) as error:
        print(f"pdf: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
