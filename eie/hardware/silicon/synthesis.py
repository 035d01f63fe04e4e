"""Synthesis: yosys maps the RTL to the cells of a library; what comes out is a flat netlist."""

from __future__ import annotations

import tempfile
from pathlib import Path

from eie.hardware.build import RTL, read_script, yosys
from eie.hardware.geometry import Geometry
from eie.hardware.silicon import netlist
from eie.hardware.silicon.liberty import Library
from eie.hardware.silicon.netlist import Netlist

RECIPES = {
    "small": "strash\ndch -f\namap\n",
    "balanced": "strash\n&get -n\n&st\n&dch\n&nf\n&put\n",
    "fast": "strash\ndch -f\nmap -B 0.9\n",
}
"""Scripts of abc by recipe: they map for area, for area flow, or for delay."""
_SIZES = "topo\nbuffer -p -N 16\nupsize {D}\ndnsize {D}\n"
"""Then it puts buffers where more than 16 pins hang on a gate, and chooses sizes for the target."""
MODULES = {
    "pe": ("act_queue", "ptr_read", "spmat_read", "arithm_unit", "act_rw"),
    "eie_top": ("pe", "act_queue", "ptr_read", "spmat_read", "arithm_unit", "act_rw"),
}
"""Modules within a top module whose gates are told apart."""
_PS_PER_NS = 1000
_GATED_BITS = 4
"""Registers of at least so many bits with one enable get a clock gate."""
_STRONG_FAN_OUT = 4
"""A flip-flop that drives more pins than this gets the next drive strength."""


def synthesise(
    library: Library,
    top: str,
    parameters: dict[str, int],
    target_ns: float,
    *,
    recipe: str = "small",
    rtl: Path = RTL,
) -> Netlist:
    """Map a module of the RTL to cells.

    Memories stay black boxes. The hierarchy is kept while gates are chosen, so that each gate belongs to one module.

    Parameters
    ----------
    library : Library
    top : str
        Name of the module.
    parameters : dict of str to int
        Its parameters.
    target_ns : float
        Clock period that the sizes of gates are chosen for, ns.
    recipe : str
        One of `RECIPES`.
    rtl : Path
        Folder of the RTL.

    Raises
    ------
    ValueError
        When there is no such recipe.
    eie.hardware.build.ToolError
        When pyosys is missing or fails.
    """
    if recipe not in RECIPES:
        raise ValueError(f"there is no recipe {recipe!r}; there are {', '.join(RECIPES)}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "abc.script").write_text(RECIPES[recipe] + _SIZES, encoding="ascii")
        yosys(script(library, top, parameters, target_ns, rtl), folder)
        found = netlist.read(folder / "netlist.json", library, top)
    return strengthened(found)


def script(library: Library, top: str, parameters: dict[str, int], target_ns: float, rtl: Path = RTL) -> list[str]:
    """Return the commands of yosys."""
    kept = " ".join(f"A:hdlname={name}" for name in MODULES.get(top, ()))
    liberty = f"-liberty {library.path.resolve()}"
    gated = any(cell.role == "clock gate" for cell in library.cells.values())
    return [
        *read_script(parameters, top, rtl),
        "blackbox A:hdlname=sram",
        *([f"setattr -mod -set keep_hierarchy 1 {kept}"] if kept else []),
        "flatten",
        "proc",
        "opt -nodffe -nosdff",
        "fsm",
        "opt",
        "wreduce",
        "peepopt",
        "opt_clean",
        "booth",
        "alumacc",
        "share",
        "opt",
        "memory -nomap",
        "memory_map",
        "opt -undriven -fine",
        "techmap -map +/techmap.v -map +/choices/kogge-stone.v",
        "opt -fast",
        *([f"clockgate {liberty} -min_net_size {_GATED_BITS}", "opt -fast"] if gated else []),
        "dfflegalize -cell $_DFF_P_ 01",
        f"dfflibmap {liberty}",
        "opt -fast",
        f"abc {liberty} -script abc.script -D {_PS_PER_NS * target_ns:.0f}",
        "opt_clean -purge",
        *([f"setattr -mod -unset keep_hierarchy {kept}"] if kept else []),
        "flatten",
        "opt_clean -purge",
        "write_json netlist.json",
    ]


def parameters_of_pe(geometry: Geometry) -> dict[str, int]:
    """Return the parameters of `pe.sv` for a geometry."""
    found = {name: value for name, value in geometry.parameters.items() if name != "N"}
    return found | {"BANK_BITS": max(1, (geometry.n_pe - 1).bit_length())}


def strengthened(found: Netlist) -> Netlist:
    """Give flip-flops that drive many pins the next drive strength, which yosys does not choose."""
    changes = {}
    for gate in found.gates:
        if gate.cell.role == "flip-flop" and gate.cell.name.endswith("_X1"):
            stronger = gate.cell.name.removesuffix("1") + "2"
            fan_out = sum(found.fan_out[gate.nets[name]] for name in gate.driving)
            if fan_out > _STRONG_FAN_OUT and stronger in found.library.cells:
                changes[gate.name] = stronger
    return found.with_drives(changes)
