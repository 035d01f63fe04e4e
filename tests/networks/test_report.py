import json
from html.parser import HTMLParser

import numpy as np
import onnx_models as make
import pandas as pd
import pytest

import eie
from eie.explore.explain import Timeline
from eie.networks import report
from eie.networks.evaluate import evaluate
from eie.networks.report import si

MACHINE = eie.Machine(n_pe=4)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    path, _ = make.small(tmp_path_factory.mktemp("report") / "net.onnx")
    return evaluate(path, machine=MACHINE, act_density=0.4, density=0.3)


class Page(HTMLParser):
    """What the page refers to, and its text and structure."""

    def __init__(self, text):
        super().__init__()
        self.outside, self.words, self.open, self.bars = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.outside += [given[name] for name in ("src", "href") if name in given]
        assert tag not in ("script", "iframe", "object")
        assert not any(name.startswith("on") for name in given)
        if tag not in ("meta", "rect", "path", "line", "col"):
            self.open.append(tag)
        if tag == "svg" and given.get("role") == "img":
            assert "aria-label" in given
        if tag == "rect" and "x" in given:
            self.bars.append((float(given["x"][:-1]), float(given["width"][:-1])))

    def handle_endtag(self, tag):
        if tag in self.open:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_page_is_whole_and_needs_nothing_else(found):
    page = Page(report.html(found))
    assert page.open == []
    assert page.outside == []
    words = " ".join(page.words)
    for part in ("net.onnx on EIE", "conv", "fc1", "fc2", "Who waited when", "not retrained", "128 KB"):
        assert part in words
    assert all(begin >= 0 and begin + width <= 100.01 for begin, width in page.bars)


def test_names_of_a_hostile_network_are_only_text():
    name = "<script>alert(1)</script>\"'&"
    evaluation = evaluate({name: eie.draw_layer(20, 10, 0.5, 0)}, machine=MACHINE, act_density=0.5)
    text = report.html(evaluation)
    assert "<script" not in text
    assert name in " ".join(Page(text).words)


def test_the_same_evaluation_gives_the_same_page(found):
    assert report.html(found) == report.html(found)


def test_files(found, tmp_path):
    written = report.write(found, tmp_path / "report")
    assert [path.name for path in written] == ["layers.csv", "layers.json", "report.html"]
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == sorted(path.name for path in written)
    table = pd.read_csv(written[0], index_col="layer")
    assert table["cycles"].tolist() == [layer.run.report.cycles for layer in found.layers]
    assert json.loads(written[1].read_text())["total"]["chips"] == 1
    assert report.write(found, tmp_path / "report") == written


def test_what_cannot_be_a_folder(found, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match="it is not a folder"):
        report.write(found, tmp_path / "file")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        report.write(found, tmp_path / "no" / "report")


def test_text(found):
    lines = report.text(found).splitlines()
    assert [line.split()[0] for line in lines[5:8]] == ["conv", "fc1", "fc2"]
    assert "5 x 27" in lines[5]
    assert lines[1].startswith("A dense array with the same multipliers and memories takes ")
    assert lines[0].startswith(
        f"{report.si(found.seconds, 's')} and {report.si(found.energy.total, 'J')} per inference"
    )
    assert "98.99 % of the file's weights are on the machine." in lines
    assert lines[-1] == "conv, fc1, fc2: pruned, but not retrained"
    assert max(map(len, lines)) <= 110


def test_waiting_by_hand():
    """Three broadcasts, in cycles 0, 2 and 5; PE 1 waits one of the first cycle, none of the next two, two of three."""
    time = Timeline(np.array([0, 2, 5]), np.array([[1, 1], [0, 0], [0, 2]], np.int32), 20)
    np.testing.assert_allclose(report.waiting_shares(time), [[1, 0, 0], [1, 0, 2 / 3]])


def test_waiting_of_many_is_averaged(monkeypatch):
    monkeypatch.setattr(report, "MAP_COLUMNS", 2)
    monkeypatch.setattr(report, "MAP_ROWS", 1)
    time = Timeline(np.array([0, 2, 5]), np.array([[1, 1], [0, 0], [0, 2]], np.int32), 20)
    np.testing.assert_allclose(report.waiting_shares(time), [[1, 2 / 10]])


def test_nothing_broadcast_is_an_empty_map():
    assert report.waiting_shares(Timeline(np.zeros(0, int), np.zeros((0, 4), np.int32), 3)).tolist() == [[0.0]]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (9.908e-6, "9.91 µs"),
        (1.0, "1.00 s"),
        (0.0123456, "12.3 ms"),
        (999.96e-6, "1.00 ms"),
        (123.4e-9, "123 ns"),
        (4.2e-12, "4.20 ps"),
        (0.0, "0.00 ps"),
        (1234.5, "1,234 s"),
    ],
)
def test_numbers_with_prefixes(value, expected):
    assert si(value, "s") == expected


def test_path_of_cells():
    assert report._path(np.array([[True, True, False], [False, False, True]])) == "M0 0h2v1h-2zM2 1h1v1h-1z"
