"""Check a built book without a browser: its links, what it would fetch from elsewhere, and its images' alt texts."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser fetches by itself; a link that waits for a click (`a`, or `link rel="canonical"`) may go anywhere.
FETCHED_RELS = {"stylesheet", "icon", "shortcut", "preload", "prefetch", "modulepreload", "preconnect", "manifest"}
CSS_URL = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""")
MANY = 20  # pages that take longer than starting processes for them
FILE_NAME = re.compile(r"\S+\.(svg|png|jpe?g|gif|webp)", re.IGNORECASE)


@dataclass
class Page(HTMLParser):
    """What one HTML page holds: the ids to link to, its links, what it fetches, and its images without alt text."""

    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    mute: list[str] = field(default_factory=list)
    in_style: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Sort the attributes of one element into the lists."""
        values = {key: value or "" for key, value in attrs}
        self.in_style = tag == "style"
        self.ids |= {values[key] for key in ("id", "name") if values.get(key) and (key == "id" or tag == "a")}
        self.fetched += [values[key] for key in ("src", "poster", "data") if values.get(key)]
        self.fetched += [part.split()[0] for part in values.get("srcset", "").split(",") if part.strip()]
        self.fetched += css_urls(values.get("style", ""))
        if tag == "img" and not alt_text(values):
            self.mute.append(values.get("src", ""))
        if "href" in values:
            is_fetched = tag not in ("a", "area") and (
                tag != "link" or FETCHED_RELS & set(values.get("rel", "").split())
            )
            (self.fetched if is_fetched else self.links).append(values["href"])

    def handle_endtag(self, tag: str) -> None:
        """Leave a style element."""
        self.in_style &= tag != "style"

    def handle_data(self, data: str) -> None:
        """Look for addresses in a style element."""
        if self.in_style:
            self.fetched += css_urls(data)


def alt_text(values: dict[str, str]) -> str:
    """Return an image's alternative text; a file name, which Sphinx puts where there is none, does not count."""
    text = values.get("alt", "").strip()
    return "" if FILE_NAME.fullmatch(text) else text


def css_urls(css: str) -> list[str]:
    """Return every address in a piece of CSS."""
    return [first or second for first, second in CSS_URL.findall(css)]


def is_foreign(url: str) -> bool:
    """Tell whether a URL leads to another host."""
    return bool(urlsplit(url).netloc)


@functools.cache
def file_at(folder: Path, path: str) -> Path | None:
    """Return the file that a path in a folder leads to, or None if there is none."""
    target = (folder / path).resolve()
    return target if target.is_file() else None


def target_fault(url: str, source: Path, pages: dict[Path, Page]) -> str:
    """Say what is wrong with a URL that `source` holds; nothing if it leads away, or to something that exists."""
    parts = urlsplit(url)
    if parts.scheme or parts.netloc:
        return ""
    target = file_at(source.parent, unquote(parts.path)) if parts.path else source
    if target is None:
        return f"leads nowhere: {url}"
    anchor = unquote(parts.fragment)
    return f"no such anchor: {url}" if anchor and target in pages and anchor not in pages[target].ids else ""


def page_faults(source: Path, page: Page, pages: dict[Path, Page]) -> Iterator[str]:
    """Yield the faults of one page."""
    yield from (f"image without alt text: {src}" for src in page.mute)
    yield from (f"fetched from another host: {url}" for url in page.fetched if is_foreign(url))
    yield from filter(None, (target_fault(url, source, pages) for url in page.links + page.fetched))


def read_page(path: Path) -> Page:
    """Parse one HTML file."""
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def read_pages(paths: Sequence[Path]) -> list[Page]:
    """Parse HTML files, side by side if there are many."""
    if len(paths) < MANY:
        return [read_page(path) for path in paths]
    with ProcessPoolExecutor() as processes:
        return list(processes.map(read_page, paths, chunksize=4))


def book_faults(root: Path) -> Iterator[str]:
    """Yield every fault of a built book, each with the file it is in."""
    paths = [path for path in sorted(root.rglob("*.html")) if "_static" not in path.relative_to(root).parts]
    pages = dict(zip(paths, read_pages(paths), strict=True))
    for source, page in pages.items():
        yield from (f"{source.relative_to(root)}: {fault}" for fault in sorted(set(page_faults(source, page, pages))))
    for sheet in sorted(root.rglob("*.css")):
        urls = css_urls(sheet.read_text(encoding="utf-8"))
        yield from (f"{sheet.relative_to(root)}: fetched from another host: {url}" for url in urls if is_foreign(url))
    if root / "index.html" not in pages:
        yield f"{root}: no index.html"


def main() -> int:
    """Print the faults of the book in the folder that the command line names."""
    if len(sys.argv) != 2:
        print("usage: python tools/check_book.py FOLDER_OF_HTML", file=sys.stderr)
        return 2
    faults = list(book_faults(Path(sys.argv[1]).resolve()))
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
