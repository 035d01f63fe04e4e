"""What the claims on the synthesised hardware compare with the paper.

Values are those of the recipe `measured.HEADLINE`; the error bar is the farthest that another recipe is from it.
"""

from __future__ import annotations

from collections.abc import Callable

from eie.studies.claim import Estimate
from eie.studies.hardware import measured
from eie.studies.hardware.measured import HEADLINE


def module_area(module: str) -> Estimate:
    """Return the area of a module, um2: its gates, and its memory by the model."""
    return _over_recipes(lambda recipe: float(measured.areas(recipe).loc[module, "sum"]))


def component_area(component: str) -> Estimate:
    """Return the area of a component of a PE's logic, um2: register or combinational."""
    return _over_recipes(lambda recipe: float(measured.components(recipe)[component]))


def node_area() -> Estimate:
    """Return the mean area of the 21 detection nodes, um2."""
    return _over_recipes(measured.node_area)


def critical_path() -> Estimate:
    """Return the longest path in a PE from register to register, ns, at the typical corner with estimated wires."""
    return _over_recipes(lambda recipe: measured.period(recipe, column="wired_ns"))


def module_power(module: str) -> Estimate:
    """Return the power of a module over Alex-8, mW: its gates, and its memory by the model."""
    return _over_recipes(lambda recipe: float(measured.power(recipe).loc[module].sum()))


def _over_recipes(value: Callable[[str], float]) -> Estimate:
    values = {recipe: value(recipe) for recipe in measured.recipes()}
    chosen = values[HEADLINE]
    return Estimate(
        chosen,
        max(abs(other - chosen) for other in values.values()),
        "choice of what synthesis optimises, speed or area",
    )
