import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def layout(tool):
    return tool("layout")


@pytest.fixture
def package(tmp_path):
    """A function that writes modules of a package `eie`; gives its folder."""

    def write(**files):
        for name, text in files.items():
            path = tmp_path / "eie" / f"{name.replace('__in__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path / "eie"

    return write


def test_imports_are_those_when_loaded(layout, package):
    lazy = "from eie import low\nif TYPE_CHECKING:\n  from eie.side import x\ndef f():\n  import eie.side\n"
    graph = layout.imports(package(low="", side="", top=lazy, user="from eie.low import thing\n"))
    assert graph == {"low": set(), "side": set(), "top": {"low"}, "user": {"low"}}


def test_package_is_one_box_unless_others_stand_between(layout):
    assert layout.rooms({"p.a": {"x"}, "p.b": {"p.a"}, "x": set()}) == {"p": {"x"}, "x": set()}
    between = {"p.a": {"x"}, "x": {"p.b"}, "p.b": set()}
    assert layout.rooms(between) == between


def test_helpers_are_not_drawn(layout):
    assert layout.rooms({"_check": set(), "a": {"_check"}}) == {"a": set()}


def test_arrow_that_a_longer_way_says_is_left_out(layout):
    graph = {"c": {"a", "b"}, "b": {"a"}, "a": set()}
    assert layout.reduced(graph) == {"c": {"b"}, "b": {"a"}, "a": set()}


def test_each_box_stands_above_what_it_imports_and_none_is_outside(layout):
    graph = layout.rooms(layout.imports(ROOT / "eie"))
    rows = layout.levels(graph)
    level = {name: number for number, row in enumerate(rows) for name in row}
    assert all(level[name] > level[target] for name, targets in graph.items() for target in targets)
    for row in rows:
        for x, width in layout._places(row).values():
            assert width / 2 <= x <= layout.WIDTH - width / 2


def test_drawing_has_every_module_of_the_package(layout):
    drawn = set(re.findall(r"<text[^>]*>([^<]*)</text>", layout.drawing(ROOT / "eie")))
    public = {path.stem for path in (ROOT / "eie").glob("*.py") if not path.stem.startswith("_")}
    assert public <= drawn
    assert {"machine", "cycles", "cli"} <= drawn
