import pytest

INDEX = "index.html"


@pytest.fixture
def check_book(tool):
    return tool("check_book")


@pytest.fixture
def faults(check_book, tmp_path):
    """A function that gives the faults of a book of these files; the first argument is the body of its index."""

    def found(body="", **files):
        for name, content in {INDEX: body, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        return list(check_book.book_faults(tmp_path))

    return found


@pytest.mark.parametrize(
    "body",
    [
        '<a href="sub/other.html">x</a> <a href="sub/other.html#there">x</a> <a href="#here">x</a> <p id="here">',
        '<a href="">x</a> <a href="#">x</a> <a href="?highlight=pe">x</a>',
        '<a name="old"></a><a href="#old">x</a>',
        '<a href="a%20file.txt">x</a> <p id="ü"> <a href="#%C3%BC">x</a>',
        '<a href="https://arxiv.org/abs/1602.01528#page">x</a> <a href="//host/x">x</a> <a href="mailto:a@b.c">x</a>',
        '<link rel="canonical" href="https://host/index.html"> <link rel="next" href="sub/other.html">',
        '<img src="sub/p.svg" alt="A plot"> <img src="data:image/png;base64,AA==" alt="A dot">',
        '<link rel="stylesheet" href="sub/style.css?digest=1"> <script src="sub/code.js"></script>',
        '<img srcset="sub/p.svg 1x, sub/p.svg#2 2x" alt="A plot">',
        "<p>Call url(https://host/x) in prose.</p> <pre>@import 'https://host/x'</pre>",
    ],
)
def test_no_fault(faults, body):
    others = {
        "sub/other.html": '<p id="there"> <a href="../index.html">x</a>',
        "sub/p.svg": "<svg/>",
        "sub/style.css": "p { background: url(p.svg) } /* https://host is only a comment */",
        "sub/code.js": "",
        "a file.txt": "",
    }
    assert faults(body, **others) == []


@pytest.mark.parametrize(
    "tag",
    [
        '<a href="nowhere.html">x</a>',
        '<a href="nowhere.html#here">x</a>',
        '<a href="sub">x</a>',
        '<img src="nowhere.html" alt="A plot">',
        '<link rel="next" href="nowhere.html">',
        '<link rel="stylesheet" href="nowhere.html">',
        '<script src="nowhere.html"></script>',
        '<img alt="A plot" srcset="index.html 1x, nowhere.html 2x">',
        '<p style="background: url(nowhere.html)">',
    ],
)
def test_leads_nowhere(faults, tag):
    (fault,) = faults(tag, **{"sub/other.html": ""})
    assert fault.startswith(f"{INDEX}: leads nowhere: ")
    assert fault.split(": ")[-1] in tag


def test_links_are_relative_to_their_page(faults):
    assert faults("", **{"sub/other.html": '<a href="index.html">x</a>'}) == [
        "sub/other.html: leads nowhere: index.html"
    ]


@pytest.mark.parametrize("url", ["#there", "other.html#here", "other.html#There"])
def test_no_such_anchor(faults, url):
    body, other = f'<p id="here"> <a href="{url}">x</a>', '<p id="there">'
    assert faults(body, **{"other.html": other}) == [f"{INDEX}: no such anchor: {url}"]


@pytest.mark.parametrize("alt", ["", 'alt=""', "alt", 'alt="  "', 'alt="p.svg"', 'alt="_images/3f2a.PNG"'])
def test_image_without_alternative_text(faults, alt):
    assert faults(f'<img src="p.svg" {alt}>', **{"p.svg": "<svg/>"}) == [f"{INDEX}: image without alt text: p.svg"]


@pytest.mark.parametrize("host", ["https://host/x", "http://host/x", "//host/x"])
@pytest.mark.parametrize(
    "tag",
    [
        '<script src="{}"></script>',
        '<img src="{}" alt="A plot">',
        '<img srcset="{} 2x" alt="A plot">',
        '<iframe src="{}"></iframe>',
        '<object data="{}"></object>',
        '<video poster="{}"></video>',
        '<link rel="stylesheet" href="{}">',
        '<link rel="shortcut icon" href="{}">',
        '<link rel="preconnect" href="{}">',
        '<svg><use href="{}"/></svg>',
        '<p style="background: url({})">',
        "<style>p {{ background: url( '{}' ) }}</style>",
        '<style>@import "{}";</style>',
    ],
)
def test_fetched_from_another_host(faults, tag, host):
    assert faults(tag.format(host)) == [f"{INDEX}: fetched from another host: {host}"]


@pytest.mark.parametrize("css", ["@import url(https://host/x);", "@font-face { src: url('https://host/x') }"])
def test_style_sheet_fetches_from_another_host(faults, css):
    assert faults("", **{"_static/style.css": css}) == ["_static/style.css: fetched from another host: https://host/x"]


def test_same_fault_is_told_once_a_page(faults):
    body = '<a href="x.html">x</a>' * 2
    assert faults(body, **{"other.html": body}) == [f"{page}: leads nowhere: x.html" for page in (INDEX, "other.html")]


def test_pages_of_a_theme_are_no_pages_of_the_book(faults):
    assert faults("", **{"_static/demo.html": '<img src="x.png">'}) == []


def test_no_index(check_book, tmp_path):
    assert list(check_book.book_faults(tmp_path)) == [f"{tmp_path}: no index.html"]


@pytest.mark.parametrize(("body", "status"), [('<a href="#">x</a>', 0), ('<a href="#gone">x</a>', 1)])
def test_main_prints_faults_and_tells_by_its_status(check_book, faults, tmp_path, capsys, monkeypatch, body, status):
    found = faults(body)
    monkeypatch.setattr("sys.argv", ["check_book.py", str(tmp_path)])
    assert check_book.main() == status
    assert capsys.readouterr().out == "".join(f"{fault}\n" for fault in found)
    assert len(found) == status


@pytest.mark.parametrize("arguments", [[], ["a", "b"]])
def test_wrong_command_line(check_book, capsys, monkeypatch, arguments):
    monkeypatch.setattr("sys.argv", ["check_book.py", *arguments])
    assert check_book.main() == 2
    assert "usage" in capsys.readouterr().err
