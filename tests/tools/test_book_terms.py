import pytest
from docutils import nodes

TERMS = {"pe": ("PE", "term-PE"), "padding zero": ("padding zero", "term-padding-zero")}


@pytest.fixture
def pieces(tool):
    """A function that links the terms in a text; gives its parts, links as (text, target)."""
    book_terms = tool("book_terms")

    def link(text, seen=None):
        found = book_terms._pieces(text, book_terms.pattern(TERMS), TERMS, set() if seen is None else seen, "g.html")
        return [(str(n.astext()), n["refuri"]) if isinstance(n, nodes.reference) else str(n) for n in found]

    return link


def test_first_mention_becomes_a_link(pieces):
    assert pieces("A PE and a PE.") == ["A ", ("PE", "g.html#term-PE"), " and a PE."]


@pytest.mark.parametrize("word", ["PEs", "Padding zeros", "padding zero"])
def test_plural_and_capitals(pieces, word):
    ((text, _),) = pieces(word)
    assert text == word


@pytest.mark.parametrize("text", ["pe", "SPEC", "PE-wise", "padding zeroed", "", "nothing"])
def test_other_words_stay(pieces, text):
    assert pieces(text) == [text]


def test_a_term_is_linked_once_a_page(pieces):
    seen = set()
    pieces("PE", seen)
    assert pieces("PE", seen) == ["PE"]


def test_no_link_inside_links_titles_or_code(tool):
    book_terms = tool("book_terms")
    page = nodes.section("", nodes.title("", "PE"), nodes.paragraph("", "PE ", nodes.literal("", "PE")))
    page += nodes.paragraph("", "", nodes.reference("", "PE"), nodes.emphasis("", "PEs"))
    assert [str(text) for text in book_terms.mentions(page)] == ["PE ", "PEs"]


def test_no_link_inside_a_link_that_is_html(tool):
    book_terms = tool("book_terms")
    tags = [nodes.raw("", tag, format="html") for tag in ('<a href="x">', "</a>")]
    page = nodes.section("", nodes.paragraph("", "", tags[0], nodes.Text("PE"), tags[1], nodes.Text("a PE")))
    assert [str(text) for text in book_terms.mentions(page)] == ["a PE"]
