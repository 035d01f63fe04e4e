"""Print the book that is one long page into one PDF: `python tools/print_book.py FOLDER_OF_HTML FILE.pdf`.

Chromium does it, with the style sheet that a reader's own printing uses.
"""

from __future__ import annotations

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


def print_book(html: Path, out: Path, program: str) -> None:
    """Print `html`/index.html to the file `out`."""
    with served(html) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        page = browser.new_page(color_scheme="light")
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{address}/index.html", wait_until="networkidle")
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
    if len(sys.argv) != 3 or not Path(sys.argv[1], "index.html").is_file():
        print("usage: python tools/print_book.py FOLDER_OF_HTML FILE.pdf (both made by `make pdf`)", file=sys.stderr)
        return 2
    try:
        print_book(Path(sys.argv[1]), Path(sys.argv[2]), chromium())
    except Missing as error:
        print(f"pdf: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
