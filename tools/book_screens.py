"""Ask a page in Chromium what a reader sees of it without scrolling, and what does not fit into its column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from playwright.async_api import Page

FIRST_SCREEN = {"desktop": 900, "phone": 1000}  # px from the top of a page at each width, for a number and a picture
PAGES = "notebooks/"  # these have an answer
LOST = 1  # px that rounding may add to a width

SEEN = """() => {
  const article = document.querySelector(".bd-article");
  const top = (range) => range.getBoundingClientRect().top + window.scrollY;
  const texts = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
  let number = null;
  for (let text = texts.nextNode(); text && number === null; text = texts.nextNode()) {
    if (text.parentElement.closest("h1, .to-the-end, script, style") || !/\\d/.test(text.data)) continue;
    const range = document.createRange();
    range.setStart(text, text.data.search(/\\d/));
    range.setEnd(text, text.data.search(/\\d/) + 1);
    number = top(range);
  }
  const picture = article.querySelector("figure img, .cell_output :is(img, svg, [role=img]), table");
  return {number, picture: picture && top(picture)};
}"""
"""The tops of the first number in prose and of the first picture or table of a page, px; null where there is none."""

TOO_WIDE = """(lost) => {
  const found = [];
  for (const part of document.querySelectorAll(".bd-article *")) {
    const scrolls = getComputedStyle(part).overflowX !== "visible" && part.clientWidth > 0;
    if (scrolls && part.scrollWidth > part.clientWidth + lost && !part.closest("pre, details:not([open]), .math"))
      found.push({
        what: part.querySelector("table") ? "a table" : "something",
        by: part.scrollWidth - part.clientWidth,
        text: part.textContent.trim().replace(/\\s+/g, " ").slice(0, 60),
      });
  }
  return found;
}"""
"""Parts of a page that are wider than the room they have: how much of them is cut, px, and how their text begins."""


def screen_faults(seen: dict[str, Any], limit: int) -> Iterator[str]:
    """Yield what the first screen of a page lacks; `limit` is its height, px."""
    for name, thing in (("number", "number"), ("picture", "picture or table")):
        if seen[name] is None:
            yield f"has no {thing}"
        elif seen[name] > limit:
            what = f"a {thing}" if name == "number" else f"the top of a {thing}"
            yield f"shows {what} only {seen[name]:.0f} px down, not within {limit} px"


async def layout_faults(page: Page, name: str, width: str) -> list[str]:
    """Return the faults of the layout of an open page at one width, by its name in `FIRST_SCREEN`."""
    faults = list(screen_faults(await page.evaluate(SEEN), FIRST_SCREEN[width])) if name.startswith(PAGES) else []
    if width == "desktop":
        wide = await page.evaluate(TOO_WIDE, LOST)
        faults += [f"{part['what']} is {part['by']} px wider than its column: {part['text']!r}" for part in wide]
    return faults
