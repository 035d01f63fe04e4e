import asyncio
import sys

import pytest

pytestmark = pytest.mark.long

PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title>'
    '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">{head}</head>'
    '<body><main class="bd-article"><h1>A page</h1>{body}</main></body></html>'
)
DARK_GREY = "<style>@media (prefers-color-scheme: dark) {p {background: #000; color: #333}}</style>"
CUT = (
    '<div class="bd-article"><figure style="margin: 0; overflow: auto"><a href="plot.svg"><img alt="a plot" '
    'src="plot.svg" style="width: 600px; max-width: none"></a></figure></div>'
)
WIDE = '<div style="width: 1000px">wide</div>'
TABLE = (
    '<div style="width: 200px; overflow: auto" tabindex="0">'
    '<table style="width: 300px"><tr><td>a</td></tr></table></div>'
)
PICTURE = "data:image/svg+xml,<svg xmlns=%22http://www.w3.org/2000/svg%22/>"
SQUARE = f'<figure><img alt="A square" width="9" src="{PICTURE}"></figure>'
FAULTS = {
    "good": ("", "<p>Nothing is wrong here.</p>", []),
    "scripts": (
        '<script src="http://127.0.0.2:9/x.js"></script><script src="gone.js"></script><script src="heavy.js"></script>'
        "<script>console.error('oh'); nowhere()</script>",
        "",
        [
            "fetched from another host: http://127.0.0.2:9/x",
            "missing (404): ",
            "weighs 2,000,",
            "console: oh",
            "script error: nowhere is not defined",
        ],
    ),
    "wide": ("", WIDE, ["phone: scrolls sideways by "]),
    "cut": ("", CUT, ["phone: plot wider than the page: plot.svg"]),
    "summary": ("", '<div style="height: 1200px">It is long.</div>', ["desktop: takes 2 sheets of A4 instead of one"]),
    "unseen": (
        "",
        f'{TABLE}<p style="background: #fff; color: #ddd">pale</p><button></button>',
        [
            "desktop: a table is 100 px wider than its column: 'a'",
            "accessibility, serious, color-contrast",
            "accessibility, critical, button-name",
        ],
    ),
    "notebooks/good": ("", f"<p>It is 7.</p>{SQUARE}", []),
    "notebooks/late": (
        "",
        f'<p style="margin-top: 1100px">It is 7.</p>{SQUARE}',
        ["shows a number only 1", "shows the top of a picture or table only 1"],
    ),
    "notebooks/mute": ("", "<p>Nothing was found.</p>", ["has no number", "has no picture or table"]),
    "dark": (DARK_GREY, "<p>Dark on dark.</p>", ["dark: accessibility, serious, color-contrast"]),
}


@pytest.fixture(scope="module")
def check_browser(tool):
    return tool("check_browser")


@pytest.fixture(scope="module")
def found(check_browser, tmp_path_factory):
    """What the check says of a book that has a page for each kind of fault."""
    root = tmp_path_factory.mktemp("book")
    for name, (head, body, _) in FAULTS.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / f"{name}.html").write_text(PAGE.format(head=head, body=body), encoding="utf-8")
    (root / "plot.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="600" height="9"/>')
    (root / "heavy.js").write_text(f"// {' ' * check_browser.MAX_BYTES}")
    browser = sys.modules["browser"]
    program, axe = browser.chromium(), browser.axe(check_browser.AXE_CACHE)
    return asyncio.run(check_browser.browser_faults(root, check_browser.pages_of(root), program, axe))


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_found_on_its_page_and_nowhere_else(found, name):
    said = [fault for fault in found if fault.startswith(f"{name}.html, ")]
    for expected in FAULTS[name][2]:
        assert any(expected in fault for fault in said), said
    assert bool(said) == bool(FAULTS[name][2]), said


def test_width_and_scheme_are_told(found):
    assert {fault.split(": ")[0] for fault in found if fault.startswith(("wide", "dark"))} == {
        "wide.html, phone",
        "dark.html, desktop",
        "dark.html, phone",
    }


def test_plots_do_not_count_as_weight(check_browser, tmp_path):
    (tmp_path / "_images").mkdir()
    for name in ("_images/plot.svg", "page.html"):
        (tmp_path / name).write_text("12345")
    assert check_browser.weight(tmp_path, {"_images/plot.svg", "page.html", "gone.css"}) == 5


def test_an_altered_archive_is_refused(check_browser, tmp_path):
    browser = sys.modules["browser"]
    (tmp_path / "axe-core-4.11.0.tgz").write_bytes(b"something else")
    with pytest.raises(browser.Missing, match=r"axe-core-4\.11\.0\.tgz is not axe-core@4\.11\.0: its hash is sha512-"):
        browser.axe(tmp_path)


@pytest.mark.parametrize(
    ("what", "message"), [("chromium", "checked in Chromium, which is not"), ("npm", "npm, which")]
)
def test_what_cannot_be_had_is_named(check_browser, tmp_path, monkeypatch, what, message):
    browser = sys.modules["browser"]
    monkeypatch.setattr(browser.shutil, "which", lambda name: None)
    with pytest.raises(browser.Missing, match=message):
        browser.chromium() if what == "chromium" else browser.axe(tmp_path)


def test_no_book_is_no_success(check_browser, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["check_browser.py", str(tmp_path)])
    assert check_browser.main() == 2
    assert "made by `make book`" in capsys.readouterr().err


def test_pages_can_be_chosen(check_browser, tmp_path, monkeypatch, capsys):
    for name in ("index", "fig08", "fig09"):
        (tmp_path / f"{name}.html").touch()
    assert check_browser.pages_of(tmp_path, ["fig08", "index"]) == ["fig08.html", "index.html"]
    monkeypatch.setattr("sys.argv", ["check_browser.py", str(tmp_path), "fig10"])
    assert check_browser.main() == 2
    assert "no page has fig10 in its name" in capsys.readouterr().err
