"""Tables of the synthesised hardware: areas and longest paths by module."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import metadata
from math import fsum
from typing import Any

from eie.hardware.geometry import Geometry
from eie.hardware.silicon import liberty
from eie.hardware.silicon.groups import licence_of
from eie.hardware.silicon.liberty import Library
from eie.hardware.silicon.netlist import Gate, Netlist
from eie.hardware.silicon.synthesis import RECIPES, parameters_of_pe, synthesise
from eie.hardware.silicon.timing import Path, Timing

Rows = list[dict[str, Any]]
MODULES = {
    "u_act_queue": "Act_queue",
    "u_ptr_read": "PtrRead",
    "u_spmat_read": "SpmatRead",
    "u_arithm_unit": "ArithmUnit",
    "u_act_rw": "ActRW",
    "": "PE glue",
}
"""Table II's name of each module of a PE, by its instance."""
CONTROL = "central control"
CHIPS = {"one PE with its control": False, "one PE with its control, pipelined": True}
"""Whole machines whose longest paths are told: whether their non-zero detection is pipelined, by name."""
NODE_INDEX_BITS = (1, 3, 5)
"""Bits of a child's index in the detection nodes of each level, leaves first."""


class LicenceError(PermissionError):
    """A library whose licence was not accepted; the message shows what the library says about it."""

    has_lines = True


def library(path: str, accepted: bool) -> Library:
    """Read a library whose licence the user accepts.

    Raises
    ------
    LicenceError
        When the licence was not accepted.
    FileNotFoundError, eie.formats.FormatError
        When the file is missing, or no library.
    """
    text = licence_of(path)
    if not accepted:
        raise LicenceError(
            f"{path} says:\n\n{text}\n\nIts owner decides who may use it, and for what. If you may, and accept its "
            "terms, run the same command with --accept-licence. Neither the library nor what is made of its cells is "
            "kept; only areas, times and energies are."
        )
    return liberty.read(path)


def facts(cells: Library) -> dict[str, str]:
    """Return what made a table: the library, its corner, and the version of yosys."""
    return {
        "library": f"{cells.name}, {cells.corner}; no wires unless a column says so, no clock tree",
        "synthesis": f"pyosys {metadata.version('pyosys')}, with its abc",
    }


def synthesis(cells: Library, target_ns: float) -> Iterator[tuple[Rows, Rows]]:
    """Synthesise a PE, the detection nodes and the central control by each recipe.

    Parameters
    ----------
    cells : Library
    target_ns : float
        Clock period that the sizes of gates are chosen for, ns.

    Yields
    ------
    areas, paths : lists of dict
        Rows of the two tables, one recipe at a time.
    """
    for recipe in RECIPES:
        found = synthesise(cells, "pe", parameters_of_pe(Geometry()), target_ns, recipe=recipe)
        areas, paths = of_netlist(found, recipe, MODULES), paths_of(found, recipe, "PE")
        for bits in NODE_INDEX_BITS:
            node = synthesise(cells, "lnzd_node", {"INDEX_BITS": bits}, target_ns, recipe=recipe)
            areas += of_netlist(node, recipe, {"": f"LNZD node, {bits} bits"})
            paths += paths_of(node, recipe, f"LNZD node, {bits} bits")
        control = synthesise(cells, "central_control", {}, target_ns, recipe=recipe)
        areas += of_netlist(control, recipe, {"": CONTROL})
        paths += paths_of(control, recipe, CONTROL)
        for name, pipelined in CHIPS.items():
            parameters = Geometry(n_pe=1, pipelined=pipelined).parameters
            paths += paths_of(synthesise(cells, "eie_top", parameters, target_ns, recipe=recipe), recipe, name)
        yield areas, paths


def summary(areas: Rows, paths: Rows) -> str:
    """Say in lines what a recipe gave: area of a PE's logic and of a leaf node, um2, and the longest path, ns."""
    logic = fsum(row["area_um2"] for row in areas if row["module"] in MODULES.values())
    node = next(row["area_um2"] for row in areas if row["module"].startswith("LNZD"))
    return (
        f"{areas[0]['recipe']}: {logic:,.0f} um2 of logic in a PE, {node:,.0f} um2 per leaf of the detection tree, "
        f"{period(paths):.2f} ns from register to register"
    )


def period(paths: Rows) -> float:
    """Return the longest path of a PE that starts and ends in it, ns; those through its memories are not among them."""
    from_registers = [row for row in paths if row["block"] == "PE" and row["start"] == "register"]
    return max(row["ns"] for row in from_registers if row["end"] != "port")


def as_csv(rows: Rows, facts: Mapping[str, str]) -> str:
    """Return rows as a CSV file, with facts in lines in front of it."""
    import pandas as pd

    lines = [f"# {name}: {value}\n" for name, value in facts.items()]
    return "".join(lines) + pd.DataFrame(rows).to_csv(index=False)


def of_netlist(found: Netlist, recipe: str, names: dict[str, str]) -> Rows:
    """Return gates and areas of each module of a netlist.

    Parameters
    ----------
    found : Netlist
    recipe : str
    names : dict of str to str
        Name of each module, by its instance.
    """
    rows = []
    for instance, name in names.items():
        gates = [gate for gate in found.gates if gate.module == instance]
        by_role = {role: [gate for gate in gates if gate.cell.role == role] for role in ("flip-flop", "clock gate")}
        rows.append(
            {
                "recipe": recipe,
                "module": name,
                "gates": len(gates),
                "flip_flops": len(by_role["flip-flop"]),
                "clock_gates": len(by_role["clock gate"]),
                "register_um2": _area(by_role["flip-flop"]),
                "clock_gate_um2": _area(by_role["clock gate"]),
                "area_um2": _area(gates),
            }
        )
    return rows


def paths_of(found: Netlist, recipe: str, block: str) -> Rows:
    """Return the longest paths of a netlist by where they start and end, without wires and with their estimate."""
    wired = Timing(replace(found, wires=True)) if found.library.wires else None
    bare, rows = Timing(found), []
    for start in ("register", "memory", "port"):
        with_wires = {(path.end, path.module): path for path in wired.worst(start)} if wired else {}
        for path in bare.worst(start):
            other = with_wires.get((path.end, path.module))
            rows.append(_row(path, recipe, block, other))
    return rows


def _row(path: Path, recipe: str, block: str, wired: Path | None) -> dict[str, Any]:
    return {
        "recipe": recipe,
        "block": block,
        "start": path.start,
        "end": path.end,
        "module": _named(path.module, block),
        "starts_in": _named(path.steps[0][0], block) if path.steps and path.start == "register" else "",
        "gates": len(path.steps),
        "ns": round(path.ns, 4),
        "wired_ns": round(wired.ns, 4) if wired else None,
    }


def _named(instance: str, block: str) -> str:
    """Return Table II's name of an instance; outside of a PE, the name of the block."""
    if not instance and block != "PE":
        return block
    return {**MODULES, "u_control": CONTROL}.get(instance, instance)


def _area(gates: list[Gate]) -> float:
    return round(fsum(gate.cell.area for gate in gates), 3)
