import json
from dataclasses import replace

import pytest
import toy_cells

from eie.cli.main import main
from eie.hardware import build
from eie.hardware.geometry import Geometry
from eie.hardware.silicon import netlist, synthesis, tables
from eie.hardware.silicon.timing import Timing

needs_tools = pytest.mark.skipif(bool(build.missing_tools()), reason=build.missing_tools())
SMALL = Geometry(
    n_pe=2, depth=2, entries=2, code_bits=2, index_bits=2, data_bits=4, row_bits=3, column_bits=3, reg_bits=2
)


@pytest.fixture(scope="module")
def small_pe(toy):
    return synthesis.synthesise(toy, "pe", synthesis.parameters_of_pe(SMALL), 1.25)


@needs_tools
def test_gates_know_their_module(small_pe):
    rows = {row["module"]: row for row in tables.of_netlist(small_pe, "small", tables.MODULES)}
    assert sum(row["gates"] for row in rows.values()) == len(small_pe.gates)
    assert sum(row["area_um2"] for row in rows.values()) == pytest.approx(sum(g.cell.area for g in small_pe.gates))
    # The registers of both files, the bits that say which are written, and a clock gate for each wide register.
    assert rows["ActRW"]["flip_flops"] == 2 * (4 * 4 + 4)
    assert rows["ActRW"]["clock_gates"] == 2 * 4
    assert rows["PE glue"]["flip_flops"] == 0
    assert {memory.module for memory in small_pe.memories} == {"u_ptr_read", "u_spmat_read"}


@needs_tools
def test_flip_flops_with_many_readers_are_strong(small_pe):
    for gate in small_pe.gates:
        if gate.cell.role == "flip-flop":
            readers = small_pe.fan_out[gate.nets["Q"]] if "Q" in gate.nets else 0
            assert gate.cell.name == ("DFF_X2" if readers > 4 else "DFF_X1")


@needs_tools
def test_wires_make_paths_longer(small_pe):
    rows = tables.paths_of(small_pe, "small", "PE")
    assert {(row["start"], row["end"]) for row in rows} >= {("register", "register"), ("memory", "register")}
    assert all(row["wired_ns"] > row["ns"] for row in rows if row["gates"])
    assert tables.period(rows) == max(
        path.ns for path in Timing(small_pe).worst("register") if path.end != "port"
    ).__round__(4)


@needs_tools
def test_the_command_writes_tables(toy_path, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(synthesis, "RECIPES", {"small": synthesis.RECIPES["small"]})
    monkeypatch.setattr(tables, "RECIPES", {"small": synthesis.RECIPES["small"]})
    monkeypatch.setattr(tables, "Geometry", lambda **given: replace(SMALL, **given))
    monkeypatch.setattr(tables, "NODE_INDEX_BITS", (1,))
    given = ["rtl", "synthesise", "--library", str(toy_path), "--accept-licence", "-o", str(tmp_path / "tables")]
    assert main(given) == 0
    assert "um2 of logic in a PE" in capsys.readouterr().out
    lines = (tmp_path / "tables" / "synthesis.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# command: eie rtl synthesise"
    assert any(line.startswith("# library: toy, usual 1 V 25 C") for line in lines)
    assert sum(line.startswith("small,") for line in lines) == len(tables.MODULES) + 2
    assert (tmp_path / "tables" / "synthesis_paths.csv").is_file()
    # CSV has the areas and nothing else.
    areas = [{"module": "PtrRead", "area_um2": 168.112}]
    monkeypatch.setattr(tables, "synthesis", lambda *_: [(areas, [])])
    assert main([*given[:-2], "--csv"]) == 0
    assert capsys.readouterr().out.splitlines() == ["module,area_um2", "PtrRead,168.112"]


def test_nothing_runs_before_the_licence_is_accepted(toy_path, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(synthesis, "yosys", lambda *_: pytest.fail("ran all the same"))
    assert main(["rtl", "synthesise", "--library", str(toy_path), "-o", str(tmp_path / "tables")]) == 1
    said = capsys.readouterr().err
    assert toy_cells.LICENCE in said
    assert "--accept-licence" in said
    assert not (tmp_path / "tables").exists()


def test_a_file_that_is_no_library_is_refused(tmp_path, capsys):
    (tmp_path / "a.lib").write_text("/* mine */ nothing", encoding="ascii")
    assert main(["rtl", "synthesise", "--library", str(tmp_path / "a.lib"), "--accept-licence"]) == 2
    assert "not a Liberty library" in capsys.readouterr().err


def test_a_recipe_that_is_not_known_is_named(toy):
    with pytest.raises(ValueError, match="no recipe 'tiny'; there are small, balanced, fast"):
        synthesis.synthesise(toy, "pe", {}, 1.0, recipe="tiny")


def written(path, cells):
    module = {"ports": {"a_i": {"direction": "input", "bits": [2]}}, "cells": cells}
    path.write_text(json.dumps({"modules": {"top": module}}), encoding="ascii")
    return path


def test_constants_and_unknown_bits_of_a_netlist(tmp_path, toy):
    cell = {"type": "NAND2_X1", "connections": {"A": ["x"], "B": ["1"], "Z": [7]}}
    found = netlist.read(written(tmp_path / "n.json", {"g": cell}), toy, "top")
    assert found.gates[0].nets == {"A": netlist.LOW, "B": netlist.HIGH, "Z": 7}
    assert (found.n_nets, found.inputs) == (8, ("a_i",))


def test_cells_that_are_not_in_the_library_are_named(tmp_path, toy):
    cell = {"type": "$_AND_", "connections": {"A": [2], "B": [3], "Y": [4]}}
    with pytest.raises(ValueError, match=r"cells that are not in toy: \$_AND_"):
        netlist.read(written(tmp_path / "n.json", {"g": cell}), toy, "top")


@needs_tools
def test_an_estimate_of_wires_is_needed_to_add_it(small_pe):
    bare = replace(small_pe, library=replace(small_pe.library, wires=None), wires=True)
    with pytest.raises(ValueError, match="toy has no estimate of wires"):
        Timing(bare)
