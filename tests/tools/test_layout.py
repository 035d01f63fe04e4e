import re

import pytest


@pytest.fixture(scope="module")
def layout(tool):
    return tool("layout")


@pytest.fixture(scope="module")
def graph(layout):
    return layout.imports()


def test_modules_of_no_wing_are_the_machine(layout, graph):
    assert layout.wing("eie.cycles", graph) == layout.wing("eie._check", graph) == "machine"
    assert layout.wing("eie.formats", graph) == layout.wing("eie.formats.onnx", graph) == "formats"


def test_wings_import_what_their_modules_import(layout, graph):
    wings = layout.wings(graph)
    assert wings["machine"] == set()
    assert "studies" in wings["cli"]
    assert {"machine", "compress", "formats"} <= wings["networks"]


def test_contents_are_modules_and_folders_without_helpers(layout, graph):
    contents = layout.contents(graph)
    assert {"machine", "cycles", "energy_model"} <= set(contents["machine"])
    assert not any(name.startswith("_") for names in contents.values() for name in names)
    inside = len(graph.find_descendants("eie.studies.paper"))
    assert f"paper/ ({inside})" in contents["studies"]


def test_arrow_that_a_longer_way_says_is_left_out(layout):
    graph = {"c": {"a", "b"}, "b": {"a"}, "a": set()}
    assert layout.reduced(graph) == {"c": {"b"}, "b": {"a"}, "a": set()}


def test_a_box_spans_the_rows_it_may_stand_in(layout):
    graph = {"d": {"c", "side"}, "c": {"b"}, "b": {"a"}, "side": {"a"}, "a": set()}
    assert layout.floors(graph) == {"a": (0, 0), "b": (1, 1), "c": (2, 2), "d": (3, 3), "side": (1, 2)}
    boxes, _ = layout.placed(graph, {})
    assert boxes["side"].y == boxes["c"].y
    assert boxes["side"].y + boxes["side"].height == boxes["b"].y + boxes["b"].height


def test_each_box_stands_above_what_it_imports_beside_no_other_and_inside_the_drawing(layout, graph):
    wings = layout.wings(graph)
    boxes, height = layout.placed(wings, layout.contents(graph))
    for name, targets in wings.items():
        assert all(boxes[name].y + boxes[name].height < boxes[target].y for target in targets)
    for box in boxes.values():
        assert 0 < box.x < box.x + box.width < layout.WIDTH
        assert 0 < box.y < box.y + box.height < height
        assert layout.LINE * (1 + len(box.lines)) < box.height
        for other in set(boxes.values()) - {box}:
            apart_across = box.x + box.width < other.x or other.x + other.width < box.x
            assert apart_across or box.y + box.height < other.y or other.y + other.height < box.y


def test_drawing_has_every_module_and_fits_a_screen(layout, graph):
    drawing = layout.drawing()
    words = set(re.findall(r"[\w/*.]+", " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", drawing))))
    assert {name.split(" ")[0] for names in layout.contents(graph).values() for name in names} <= words
    assert int(re.search(r'height="(\d+)"', drawing)[1]) <= 800
