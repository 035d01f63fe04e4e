import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
LISTED = ("glossary", "first", "second", "notebooks/third")
PAGES = {
    "_toc.yml": "format: jb-book\nroot: index\nchapters:\n" + "".join(f"  - file: {name}\n" for name in LISTED),
    "index.md": "# A book\n\n{cite:p}`han2016eie`\n\n```{include} texts/part.txt\n```\n",
    "texts/part.txt": "Included words.\n",
    "texts/part.md": "# Not in the list\n",
    "glossary.md": "# Glossary\n\n:::{glossary}\nqueue\n  What waits.\n:::\n\n```{bibliography}\n```\n",
    "first.md": "# First\n\nA queue, and [a place](second.md#there).\n\n```{include} texts/part.md\n```\n",
    "second.md": "# Second\n\n## There\n\n(mark)=\n### A target\n\nA picture: ![one](_static/logo.svg)\n",
}
BUILD = """
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
import build_book

root, out, *clean = map(Path, sys.argv[2:])
try:
    build_book.build(root / "executed", root / out, root / f"of-{out}", root=root, clean=bool(clean))
except build_book.BookError as error:
    sys.exit(str(error))
"""


@pytest.fixture
def book_kept(tool):
    return tool("book_kept")


@pytest.fixture
def before(book_kept):
    """The sources of an earlier build: two pages, one of which includes a text."""
    sources = {"a.md": "1", "b.ipynb": "2", "part.md": "3", "unread.md": "4", "picture.svg": "5"}
    readers = {"a.md": ["a"], "b.ipynb": ["b"], "part.md": ["a", "b"], "picture.svg": ["a"]}
    return book_kept.Kept("library and tools", sources, readers)


@pytest.mark.parametrize(
    ("changed", "pages"),
    [
        ([], []),
        (["a.md"], ["a"]),
        (["b.ipynb", "a.md"], ["a", "b"]),
        (["part.md"], ["a", "b"]),
        (["unread.md"], None),  # it should not be there, or nobody knows who reads it
        (["picture.svg"], None),
        (["a.md", "picture.svg"], None),
    ],
)
def test_pages_whose_texts_have_changed_are_read(book_kept, before, changed, pages):
    now = replace(before, sources=before.sources | dict.fromkeys(changed, "new"), readers={})
    assert book_kept.pages_to_read(before, now) == pages


def test_all_pages_are_read_if_anything_else_has_changed(book_kept, before):
    fewer = {name: found for name, found in before.sources.items() if name != "part.md"}
    assert book_kept.pages_to_read(None, before) is None
    assert book_kept.pages_to_read(before, replace(before, around="another library")) is None
    assert book_kept.pages_to_read(before, replace(before, sources=fewer)) is None
    assert book_kept.pages_to_read(before, replace(before, sources=before.sources | {"c.md": "1"})) is None


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"around": "1"}'])
def test_without_a_state_nothing_is_kept(book_kept, tmp_path, text):
    if text is not None:
        (tmp_path / book_kept.STATE).write_text(text)
    assert book_kept.read_state(tmp_path) is None


def test_sources_are_put_in_place(book_kept, before, tmp_path):
    def assembled(**texts):
        (tmp_path / "new").mkdir()
        for name, text in texts.items():
            (tmp_path / "new" / f"{name}.md").write_text(text)
        return book_kept.Kept("same", book_kept.digests(tmp_path / "new"), {"a.md": ["a"], "b.md": ["b"]})

    def found():
        return {path.name: path.read_text() for path in (tmp_path / "source").iterdir()}

    first = assembled(a="one", b="two")
    assert book_kept.prepare(tmp_path, tmp_path / "new", first) is None
    (tmp_path / book_kept.STATE).write_text(json.dumps(vars(first)))
    (tmp_path / "doctrees").mkdir()
    untouched = (tmp_path / "source" / "a.md").stat()
    assert book_kept.prepare(tmp_path, tmp_path / "new", assembled(a="one", b="three")) == ["b"]
    assert found() == {"a.md": "one", "b.md": "three"}
    assert (tmp_path / "source" / "a.md").stat().st_ino == untouched.st_ino
    assert (tmp_path / "doctrees").exists()
    # That build has not told that it has worked: the next one keeps nothing.
    assert book_kept.prepare(tmp_path, tmp_path / "new", assembled(a="one", b="three")) is None
    assert not (tmp_path / "doctrees").exists()


def test_what_is_around_the_pages_counts(book_kept, tmp_path):
    library = tmp_path / "eie" / "machine.py"
    library.parent.mkdir()
    library.write_text("n_pe = 64")
    first = book_kept.around(tmp_path)
    (tmp_path / "eie" / "__pycache__").mkdir()
    (tmp_path / "eie" / "__pycache__" / "machine.pyc").write_text("compiled")
    assert book_kept.around(tmp_path) == first
    library.write_text("n_pe = 65")
    assert book_kept.around(tmp_path) != first


@pytest.fixture
def book(tmp_path):
    """The root of a tiny book with the configuration of the real one."""
    shutil.copytree(TOOLS.parent / "book" / "_static", tmp_path / "book" / "_static")
    for name in ("book/_config.yml", "book/references.bib", "pyproject.toml"):
        shutil.copyfile(TOOLS.parent / name, tmp_path / name)
    for name, text in PAGES.items():
        (tmp_path / "book" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "book" / name).write_text(text)
    write_notebook(tmp_path, "# Third\n", "A queue of {ref}`words <mark>`.")
    return tmp_path


def write_notebook(root, *cells):
    kind = {"cell_type": "markdown", "metadata": {}}
    listed = [kind | {"id": name, "source": text} for name, text in zip(("title", "run-again"), cells, strict=True)]
    (root / "executed").mkdir(exist_ok=True)
    notebook = {"cells": listed, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (root / "executed" / "third.ipynb").write_text(json.dumps(notebook))


def run_build(root, out, *clean):
    arguments = [sys.executable, "-c", BUILD, TOOLS, root, out, *clean]
    return subprocess.run(list(map(str, arguments)), capture_output=True, text=True)


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def times(root):
    """When each page was read."""
    return {path.stem: path.stat().st_mtime_ns for path in (root / "of-html" / "doctrees").rglob("*.doctree")}


def build_twice(root):
    """Build on what is kept, and without it; both books must be the same. Return the pages that the first one read."""
    kept = times(root)
    for arguments in (["html"], ["again", "clean"]):
        done = run_build(root, *arguments)
        assert (done.returncode, done.stderr) == (0, "")
    assert contents(root / "html") == contents(root / "again")
    return {name for name, time in times(root).items() if kept.get(name) != time}


def change(root, name, old, new):
    path = root / "book" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.long
def test_a_build_that_reads_few_pages_is_like_one_that_reads_all(book):
    every = {"index", "glossary", "first", "second", "third"}
    assert build_twice(book) == every
    assert build_twice(book) == set()
    change(book, "first.md", "A queue", "Here some queues")
    assert build_twice(book) == {"first"}
    change(book, "second.md", "# Second", "# Another heading")  # it stands in the list on all pages
    change(book, "texts/part.md", "Not in", "Only in")
    assert build_twice(book) == {"first", "second"}
    change(book, "glossary.md", "queue", "place")
    assert build_twice(book) == {"glossary"}
    write_notebook(book, "# Third of all\n", "No term, but {ref}`words <mark>`.")
    assert build_twice(book) == {"third"}
    # A label moves to a page that is read before the one that had it.
    change(book, "second.md", "(mark)=\n", "")
    change(book, "glossary.md", "```{bib", "(mark)=\n## Sources\n\n```{bib")
    assert build_twice(book) == {"glossary", "second"}
    change(book, "texts/part.txt", "words", "letters")
    assert build_twice(book) == every
    (book / "book" / "second.md").unlink()
    change(book, "_toc.yml", "  - file: second\n", "")
    change(book, "first.md", "[a place](second.md#there)", "a place")
    assert build_twice(book) == every - {"second"}
    assert not (book / "html" / "second.html").exists()


@pytest.mark.long
def test_a_page_that_is_not_read_again_still_fails_the_build(book):
    assert run_build(book, "html").returncode == 0
    whole = contents(book / "html")
    change(book, "second.md", "## There", "## Elsewhere")
    for _ in range(2):
        failed = run_build(book, "html")
        assert failed.returncode == 1
        assert "first.md" in failed.stderr
        assert contents(book / "html") == whole
    change(book, "second.md", "## Elsewhere", "## There")
    assert build_twice(book) == {"index", "glossary", "first", "second", "third"}
    assert contents(book / "html") == whole
