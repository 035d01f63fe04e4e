"""What the claims on the synthesised hardware compare with the paper, all by the recipe `measured.HEADLINE`."""

from __future__ import annotations

from eie.studies.hardware import measured
from eie.studies.hardware.measured import GLUE, HEADLINE, MODULES


def module_area(module: str) -> float:
    """Return the area of a module, um2: its gates, and its memory by the model."""
    return float(measured.areas().loc[module, "sum"])


def component_area(component: str) -> float:
    """Return the area of a component of a PE's logic, um2: register or combinational."""
    rows = measured.table("synthesis")
    rows = rows[(rows["recipe"] == HEADLINE) & rows["module"].isin((*MODULES, GLUE))]
    if component == "register":
        return float(rows["register_um2"].sum())
    return float((rows["area_um2"] - rows["register_um2"] - rows["clock_gate_um2"]).sum())


def node_area() -> float:
    """Return the mean area of the 21 detection nodes, um2."""
    return measured.node_area()


def critical_path() -> float:
    """Return the longest path in a PE from register to register, ns, at the typical corner with estimated wires."""
    return measured.period(column="wired_ns")


def module_power(module: str) -> float:
    """Return the power of a module over Alex-8, mW: its gates, and its memory by the model."""
    return float(measured.power().loc[module].sum())


def component_power(component: str) -> float:
    """Return the power of a component over Alex-8, mW: clock network, register, or combinational."""
    return float(measured.power()[component].sum())
