import pytest


@pytest.fixture
def book_speed(tool):
    return tool("book_speed")


def test_what_was_computed_once_is_remembered(book_speed):
    class Counter:
        calls = 0

        def twice(self, number):
            self.calls += 1
            return 2 * number

    book_speed.once(Counter, "twice")
    counter = Counter()
    assert [counter.twice(number) for number in (3, 4, 3, 3)] == [6, 8, 6, 6]
    assert counter.calls == 2


def test_code_is_coloured_once_for_all_builds(book_speed, tmp_path):
    asked = []

    def highlight(source, lang, opts=None, force=False, location=None, **more):
        asked.append((source, lang, opts, force, location, more))
        return f"<pre>{source} in {lang}, {opts}, {more}</pre>\n\n"

    for _ in range(2):  # builds
        kept = book_speed.coloured(highlight, tmp_path)
        assert kept("x = 1", "python", {}, location="first") == "<pre>x = 1 in python, {}, {}</pre>\n\n"
        assert kept("x = 1", "python", {}, location="elsewhere") == "<pre>x = 1 in python, {}, {}</pre>\n\n"
        assert kept("x = 1", "python", linenos=True) == "<pre>x = 1 in python, None, {'linenos': True}</pre>\n\n"
        assert kept("µ = 1", "text") == "<pre>µ = 1 in text, None, {}</pre>\n\n"
    assert asked == [
        ("x = 1", "python", {}, False, "first", {}),
        ("x = 1", "python", None, False, None, {"linenos": True}),
        ("µ = 1", "text", None, False, None, {}),
    ]
    assert len(list(tmp_path.iterdir())) == 3


def test_pages_share_a_list_that_is_rendered_once(book_speed):
    class Builder:
        config = type("Config", (), {"root_doc": "index"})
        rendered = 0

        def _get_local_toctree(self, page, **options):
            self.rendered += 1
            links = "".join(
                f'<li class="toctree-l1"><a class="reference internal" href="{uri}">x</a></li>' for uri in self.uris
            )
            return f"<p>Part</p><ul>{links}</ul>"

        uris = ("fig01.html", "notebooks/fig02.html")

        def get_target_uri(self, page):
            return f"{page}.html"

    builder = Builder()
    book_speed.render_toctree_once(builder)
    here, below = (builder._get_local_toctree(page, maxdepth=1) for page in ("fig01", "notebooks/fig02"))
    assert builder.rendered == 1
    assert here == (
        '<p>Part</p><ul class="current"><li class="toctree-l1 current"><a class="current reference internal" href="#">'
        'x</a></li><li class="toctree-l1"><a class="reference internal" href="notebooks/fig02.html">x</a></li></ul>'
    )
    assert 'href="../fig01.html">' in below
    assert below.count("current") == 3
