import pytest

from eie.cli.main import main
from eie.hardware import build, fpga
from eie.hardware.geometry import Geometry
from eie.studies import fpga as study

needs_tools = pytest.mark.skipif(bool(fpga.missing_tools()), reason=fpga.missing_tools())

LOG = """
Info: Packing IOs..
Info: Creating initial analytic placement for 9 cells, random placement wirelen = 28.
Info: Running simulated annealing placer for refinement.
Info: Routing..
Info: Routing 200 arcs.
Info:            |   (re-)routed arcs  |   delta    | remaining|       time spent     |
Info:       1000 |     1545       8454 |  220   780 |       50|       8.13      77.61|
Info: Program finished normally.
"""
REPORT = {
    "fmax": {"clk": {"achieved": 91.5, "constraint": 100}},
    "utilization": {
        "TRELLIS_COMB": {"used": 1200, "available": 83640},
        "TRELLIS_FF": {"used": 500, "available": 83640},
        "DP16KD": {"used": 4, "available": 208},
    },
    "critical_paths": [
        {"from": "<async>", "to": "posedge clk", "path": []},
        {
            "from": "posedge clk",
            "to": "posedge clk",
            "path": [
                {"from": {"cell": "u_top.g_pe[1].u_pe.raddr_TRELLIS_FF_Q_1"}, "to": {"cell": "x"}},
                {"from": {"cell": "x"}, "to": {"cell": "u_top.u_control.full_q_TRELLIS_FF_Q"}},
            ],
        },
    ],
}


def test_memories_of_the_chip():
    assert fpga.geometry(16, 2) == Geometry(n_pe=16, row_bits=8, column_bits=11, reg_bits=6, pipelined=True)
    with pytest.raises(ValueError, match=r"spmat_kb must be a power of two of 1\.\.64, got 3"):
        fpga.geometry(16, 3)
    with pytest.raises(ValueError, match=r"n_pe must be an integer in 1\.\.64, got 65"):
        fpga.geometry(65, 2)


def test_stages_are_told_as_they_come():
    told = []
    assert fpga._followed(LOG.splitlines(), told.append) == "Program finished normally."
    assert told == ["pack", "place", "refine the placement", "route", "route, 75%"]


def test_the_report_is_read():
    found = fpga._read(REPORT, 12.5, 3e8)
    assert (found.mhz, found.luts, found.ffs, found.block_rams, found.multipliers) == (91.5, 1200, 500, 4, 0)
    assert (found.luts_available, found.block_rams_available) == (83640, 208)
    assert (found.cpu_s, found.memory_mb) == (12.5, 300)
    assert found.path == "g_pe[1].u_pe.raddr to u_control.full_q"


def test_missing_tools_are_named(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(fpga, "find_spec", lambda name: name == "pyosys" or None)
    assert f"pip install {fpga.NEXTPNR}=={fpga.TESTED}" in fpga.missing_tools()
    with pytest.raises(build.ToolError, match="place and route needs nextpnr"):
        fpga.route(tmp_path, 1)
    assert main(["rtl", "fpga", "--pe", "4"]) == 1
    assert "place and route needs nextpnr" in capsys.readouterr().err
    monkeypatch.setattr(fpga, "find_spec", lambda _name: None)
    assert "pip install 'eie[hardware]'" in fpga.missing_tools()


def test_the_command_keeps_the_worst_seed(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(fpga, "missing_tools", str)
    monkeypatch.setattr(study, "_netlist", lambda n_pe, spmat_kb: {"design.json": b"{}"})

    def route(folder, seed, said):
        said("route")
        assert (folder / "design.json").read_bytes() == b"{}"
        report = REPORT | {"fmax": {"clk": {"achieved": 90.0 - seed}}}
        return fpga._read(report, 1.0, 1e6)

    monkeypatch.setattr(fpga, "route", route)
    path = tmp_path / "fpga.csv"
    assert main(["rtl", "fpga", "--pe", "4", "--pe", "16", "--seeds", "2", "-o", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "4 PEs: 88.0 MHz with the worst of 2 seeds",
        "16 PEs: 88.0 MHz with the worst of 2 seeds",
    ]
    text = path.read_text(encoding="utf-8")
    assert "# command: eie rtl fpga --pe 4 --pe 16 --spmat-kb 2 --seeds 2\n" in text
    assert "# device: Lattice ECP5" in text
    assert list(tmp_path.iterdir()) == [path]
    assert main(["rtl", "fpga", "--spmat-kb", "5"]) == 2
    assert "power of two" in capsys.readouterr().err


@needs_tools
@pytest.mark.long
def test_four_pes_are_placed_and_routed(tmp_path):
    fpga.synthesise(fpga.geometry(4, 2), tmp_path)
    found = fpga.route(tmp_path, 1)
    assert found.mhz >= 85
    assert found.luts <= 0.35 * found.luts_available
    assert (found.block_rams, found.multipliers) == (16, 4)
