"""A Sphinx extension: on each page, the first mention of a term of the glossary leads to the glossary."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

GLOSSARY = "glossary"
OUT_OF_REACH = (
    nodes.title, nodes.reference, nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.raw,
    nodes.term, nodes.comment, nodes.caption, addnodes.desc_signature,
)  # fmt: skip
"""Where a link would disturb, or could not be."""


def terms_of(app: Sphinx) -> dict[str, tuple[str, str]]:
    """Return the terms of the glossary in lower case, each with its spelling and its anchor."""
    found = app.env.domains["std"].objects
    return {
        name.lower(): (name, anchor)
        for (kind, name), (page, anchor) in found.items()
        if kind == "term" and page == GLOSSARY
    }


def pattern(terms: dict[str, tuple[str, str]]) -> re.Pattern[str]:
    """Return what finds any term, in the singular or plural; an abbreviation only in its capitals."""
    names = sorted((spelling for spelling, _ in terms.values()), key=len, reverse=True)
    parts = [re.escape(name) if name.isupper() else f"(?i:{re.escape(name)})" for name in names]
    return re.compile(rf"(?<![\w-])({'|'.join(parts)})(?:s|es)?(?![\w-])")


def mentions(page: nodes.document) -> Iterator[nodes.Text]:
    """Yield the pieces of prose in which a term may become a link."""
    for text in list(page.findall(nodes.Text)):
        node: Any = text.parent
        while node is not None and not isinstance(node, OUT_OF_REACH):
            node = node.parent
        if node is None and not _in_raw_link(text):
            yield text


def _in_raw_link(text: nodes.Text) -> bool:
    """Tell whether a text stands in a link that is written as HTML: its tags are siblings of the text."""
    inside = False
    for node in text.parent.children if text.parent else ():
        if node is text:
            break
        if isinstance(node, nodes.raw) and node.astext().startswith(("<a ", "</a")):
            inside = node.astext().startswith("<a ")
    return inside


def link_terms(app: Sphinx, page: nodes.document, name: str) -> None:
    """Turn the first mention of each term on a page into a link."""
    terms = terms_of(app)
    if name == GLOSSARY or not terms:
        return
    finds, seen = pattern(terms), set[str]()
    where = app.builder.get_relative_uri(name, GLOSSARY)
    for text in mentions(page):
        pieces = list(_pieces(str(text), finds, terms, seen, where))
        if len(pieces) > 1 or not isinstance(pieces[0], nodes.Text):
            text.parent.replace(text, pieces)


def _pieces(
    text: str, finds: re.Pattern[str], terms: dict[str, tuple[str, str]], seen: set[str], where: str
) -> Iterator[nodes.Node]:
    """The text with links in it."""
    end = 0
    for match in finds.finditer(text):
        key = match[1].lower()
        if key not in seen:
            seen.add(key)
            yield from [nodes.Text(text[end : match.start()])] if match.start() > end else []
            link = nodes.reference("", match[0], internal=True, refuri=f"{where}#{terms[key][1]}", classes=["term"])
            yield link
            end = match.end()
    if end < len(text) or not text:
        yield nodes.Text(text[end:])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("doctree-resolved", link_terms)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
