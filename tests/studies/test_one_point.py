"""Every page that rests on the simulator computes one point of its result in a cell that shows how."""

import ast
import io
import json
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest

import eie
from eie.datasets import catalogue
from eie.models import backbones

ROOT = Path(__file__).resolve().parents[2]
CELLS = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))["cells"] for path in (ROOT / "notebooks").glob("*.ipynb")
}
ONE_POINT = "one-point"
PRINTED = re.compile(r".+: (.+) here, \1 (in|among) the (page's )?\w+")

WITHOUT_SIMULATOR = {
    "deep_compression": "trains and stores networks",
    "exercises": "solutions, which test_exercises.py runs",
    "fig05_layout": "area alone",
    "hardware": "tables of a synthesis, and waveforms",
    "fig10_precision": "accuracy of whole networks, and energy of single multiplications",
    "retro_patterns": "trains networks",
    "retro_points": "a list of what was said",
    "retro_w4a16": "stores the weights of networks",
    "scorecard": "a list of claims",
    "start_here": "an introduction with examples of a few numbers",
    "table1_energy": "energies of single operations",
}

LONGEST_ANSWER = 700
"""Letters of the answer at the head of a page."""

LAYERS = {"layers": ["NT-We"], "draws": 2}
OWN = {"layers": [], "draws": 2, "own": {"mine": [300, 200, 0.2, 0.4]}}
SMALL = {
    "abstract_ladder": OWN,
    "disagreements": {},
    "energy_model": {"layer": "mine", "own": OWN["own"], "n_pe": 16},
    "fig02_fig03_format": {"n_pe": 2},
    "fig06_speedup": LAYERS,
    "fig07_energy": LAYERS | {"n_pe": 32},
    "fig08_fifo_depth": OWN | {"fifo_depths": [4, 8], "n_pe": 16},
    "fig09_sram_width": OWN | {"widths": [64, 128]},
    "fig11_scaling": OWN | {"n_pes": [4, 16]},
    "fig12_padding": OWN | {"n_pes": [4, 16]},
    "fig13_load_balance": OWN | {"n_pes": [4, 16]},
    "one_inference": {"picture": 3, "n_pe": 4},
    "pareto": OWN | {"n_pes": [32], "fifo_depths": [4], "widths": [64], "index_bits": [4]},
    "real_activations": {"most": {"Alex-6": 1}, "n_pe": 32},
    "retro_ablation": OWN | {"seed": 3},
    "pruned_layers": {"groups": []},
    "retro_balance": {"layers": ["NT-We"], "fifo_depths": [4], "n_pes": [16], "groups": [4], "draws": 2},
    "retro_capacity": {"draws": 2},
    "retro_density": {"n_in": 300, "n_out": 200, "densities": [0.1, 0.5], "act_densities": [0.5, 1.0], "draws": 2},
    "retro_emerging": {"n_sentences": 1, "n_strings": 1, "n_pe": 32},
    "retro_mapping": {},
    "retro_overheads": {"n_in": 300, "n_out": 200, "heights": [2], "draws": 2, "seed": 1, "n_pe": 16},
    "retro_vector": {"live": False, "lane_counts": [8], "draws": 2},
    "sec7_partitioning": OWN | {"n_pe": 16},
    "table2_pe": {"layer": "mine", "own": OWN["own"], "clock_mhz": 400.0},
    "table3_benchmarks": OWN,
    "table4_wall_clock": OWN | {"clock_mhz": 400.0},
    "table5_platforms": {"layer": "NT-We", "draws": 2},
}
"""Parameters with which each page is quick; `own` are layers that Table III does not have."""

NEEDS = {
    "one_inference": ["mnist"],
    "real_activations": ["trunks", *backbones.SETS],
    "retro_emerging": ["translator", "ddddocr"],
}
"""Data that a page cannot do without."""

SLOW = {"disagreements", "real_activations", "retro_emerging"}


def source(page, name):
    (cell,) = [cell for cell in CELLS[page] if cell["id"] == name]
    return "".join(cell["source"])


def shown(page, name, names):
    """What a cell shows: the value of its last expression."""
    *before, last = ast.parse(source(page, name)).body
    exec(compile(ast.Module(before, []), name, "exec"), names)
    return eval(compile(ast.Expression(last.value), name, "eval"), names)


def parameters(page):
    """The page's parameters, changed to those of `SMALL`."""
    known = {}
    exec(source(page, "parameters"), known)
    changes = dict(SMALL[page])
    if "own" in changes:
        changes[next(name for name, value in known.items() if value == {})] = changes.pop("own")
    return known | {name: value for name, value in changes.items() if name in known}


def test_every_page_has_one_or_does_not_simulate():
    with_one = {page for page, cells in CELLS.items() if any(cell["id"] == ONE_POINT for cell in cells)}
    assert with_one == set(SMALL)
    assert with_one | set(WITHOUT_SIMULATOR) == set(CELLS)
    assert not with_one & set(WITHOUT_SIMULATOR)


@pytest.mark.parametrize("page", sorted(SMALL))
def test_cell_is_short_and_follows_a_sentence(page):
    ids = [cell["id"] for cell in CELLS[page]]
    assert 5 <= len(source(page, ONE_POINT).splitlines()) <= 12
    assert CELLS[page][ids.index(ONE_POINT) - 1]["cell_type"] == "markdown"
    assert ids.index("compute") < ids.index(ONE_POINT)


@pytest.mark.parametrize("page", sorted(SMALL))
def test_cell_uses_the_public_library_alone(page):
    tree = ast.parse(source(page, ONE_POINT))
    nodes = list(ast.walk(tree))
    assert not any(isinstance(node, ast.ImportFrom) for node in nodes)
    assert {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names} <= {"eie", "numpy"}
    used = {node.attr for node in nodes if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "eie"}
    assert used <= {*eie.__all__, "chip", "explore", "networks", "published"}
    assert used & {"simulate", "Benchmark"}


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=pytest.mark.long if page in SLOW else ()) for page in sorted(SMALL)]
)
def test_cell_prints_the_number_of_the_page(page):
    if missing := [name for name in NEEDS.get(page, ()) if catalogue.find(name) is None]:
        pytest.skip(f"{', '.join(missing)} not available")
    names = parameters(page)
    exec(source(page, "compute"), names)
    with redirect_stdout(io.StringIO()) as printed:
        exec(source(page, ONE_POINT), names)
    assert PRINTED.fullmatch(printed.getvalue().strip()), printed.getvalue()
    answer = shown(page, "answer", names).data
    assert 30 < len(answer) < LONGEST_ANSWER, answer
    assert re.search(r"\d", answer), answer
    assert "nan" not in answer.split(), answer


@pytest.mark.parametrize("page", sorted(NEEDS))
def test_without_its_data_the_cell_prints_nothing(page, monkeypatch, capsys):
    monkeypatch.setattr(catalogue, "find", lambda name: None)
    names = parameters(page)
    exec(source(page, "compute"), names)
    exec(source(page, ONE_POINT), names)
    assert capsys.readouterr().out == ""
