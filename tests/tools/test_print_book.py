import sys

import pytest


@pytest.fixture
def book(tmp_path):
    """A book of three pages."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "_static").mkdir()
    for name in ("index", "notebooks/fig13_load_balance", "notebooks/fig01", "notebooks/fig01_more", "_static/figure"):
        text = f'<title>{name}</title><p>{name}</p><a href="other.html">elsewhere</a>'
        (tmp_path / f"{name}.html").write_text(f"<!doctype html>{text}", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("index", "index.html"),
        ("fig13", "notebooks/fig13_load_balance.html"),
        ("fig01", "notebooks/fig01.html"),  # a whole name wins over a longer one
    ],
)
def test_page_is_found(book, tool, name, path):
    assert tool("print_book").page_of(book, name) == path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fig", "3 pages begin with 'fig'; they are fig01, fig01_more, fig13_load_balance"),
        ("nope", "no pages begin with 'nope'; pages are fig01, fig01_more, fig13_load_balance, index"),
    ],
)
def test_no_single_page_is_said(book, tool, monkeypatch, capsys, name, message):
    monkeypatch.setattr("sys.argv", ["print_book.py", str(book), str(book / "out.pdf"), "--page", name])
    assert tool("print_book").main() == 1
    assert message in capsys.readouterr().err
    assert not (book / "out.pdf").exists()


def test_missing_chromium_is_said(book, tool, monkeypatch, capsys):
    printing = tool("print_book")
    monkeypatch.setattr(sys.modules["browser"].shutil, "which", lambda name: None)
    monkeypatch.setattr("sys.argv", ["print_book.py", str(book), str(book / "out.pdf")])
    assert printing.main() == 1
    assert "apt-get install chromium" in capsys.readouterr().err


@pytest.mark.long
def test_one_page_is_printed(book, tool, monkeypatch):
    out = book / "out.pdf"
    monkeypatch.setattr("sys.argv", ["print_book.py", str(book), str(out), "--page", "fig13"])
    assert tool("print_book").main() == 0
    assert out.read_bytes().startswith(b"%PDF")
