"""Figure 5: the floor plan of one PE, drawn from areas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any

import numpy as np
import pandas as pd

from eie import chip
from eie.machine import EIE_45NM, Machine
from eie.studies import plots
from eie.studies.hardware import measured
from eie.technology import chip_facts, memories, paper_value
from eie.writing.words import percent_apart

BLOCKS: dict[str, str] = {
    "SpMat_0": "SpmatRead",
    "SpMat_1": "SpmatRead",
    "Ptr_Even": "PtrRead",
    "Ptr_Odd": "PtrRead",
    "Act_0": "ActRW",
    "Act_1": "ActRW",
    "Arithm": "ArithmUnit",
    "Act_queue": "Act_queue",
    "filler cell": "filler cell",
}
"""The blocks of Figure 5, and the modules of Table II that they are (equal) parts of. The figure names no queue."""

PLAN: Any = (
    ("SpMat_0", "SpMat_1"),
    ("Ptr_Even", "Ptr_Odd", "filler cell", ("Act_0", "Act_1"), ("Arithm", "Act_queue")),
)
"""What lies beside what: split in turn from left to right and from bottom to top."""


@dataclass(frozen=True, eq=False)
class Figure5:
    """A PE cut into rectangles.

    Attributes
    ----------
    machine : Machine
        The chip that the PE is of.
    blocks : DataFrame
        One row per rectangle: `block`, `module`, `area, mm2`, and in mm `x`, `y` (of the lower left corner), `width`
        and `height`.
    outline_mm2 : float, optional
        Area of the square that is drawn around them, mm2, where it is larger than they are.
    """

    machine: Machine
    blocks: pd.DataFrame
    outline_mm2: float | None = None

    @property
    def area_mm2(self) -> float:
        """Area of the PE, mm2."""
        return float(self.blocks["area, mm2"].sum())

    def table(self) -> pd.DataFrame:
        """Area and share of each block, largest first."""
        rows = self.blocks.set_index("block")[["module", "area, mm2"]]
        rows["share, %"] = 100 * rows["area, mm2"] / self.area_mm2
        return rows.sort_values("area, mm2", ascending=False, kind="stable")

    def plot(self) -> plots.Figure:
        """The rectangles, to scale."""
        return plots.pictures.floorplan(self.blocks, float(np.sqrt(self.outline_mm2 or self.area_mm2)))

    def answer(self) -> str:
        """Say how large a PE is and what fills it."""
        shares = self.blocks.groupby("module")["area, mm2"].sum() / self.area_mm2
        memory = shares["SpmatRead"] + shares["PtrRead"]
        return (
            f"A processing element (PE) takes **{self.area_mm2:.3f} mm²**. Its matrix and pointer memories, with their "
            f"logic, fill **{100 * memory:.0f} %** of it, and the arithmetic unit {100 * shares['ArithmUnit']:.1f} %."
        )

    def words(self) -> str:
        """What takes the area."""
        by_module = self.blocks.groupby("module")["area, mm2"].sum() / self.area_mm2
        arithmetic = by_module["ArithmUnit"]
        paper = paper_value("pe-area")
        same = chip.pe_area(self.machine) == chip.pe_area(EIE_45NM)
        beside = f"The paper's text {'also ' if same else ''}gives {paper:g} mm² for its PE"
        return (
            f"{beside}. The PE is {1 / arithmetic:.0f} times as large as its arithmetic unit. The picture draws the "
            "areas of Table II to scale. The places, the shapes and the square outline are ours; we also assume that "
            f"the two blocks of a module are equally large. {self._macros()}"
        )

    def _macros(self) -> str:
        setting = chip_facts()["sram"]["setting"]
        macro, _ = memories(self.machine, setting)["spmat"]
        module = self.blocks.loc[self.blocks["module"] == "SpmatRead", "area, mm2"].sum()
        return (
            f"Our memory model (CACTI, setting [{setting}](energy_model.ipynb)) gives {macro.area_mm2:.3f} mm² for the "
            f"matrix memory alone; the module that contains it takes {module:.3f} mm² in the picture."
        )


def figure5(spmat_width_bits: int = 64, fifo_depth: int = 8) -> Figure5:
    """Draw the floor plan of one PE.

    Parameters
    ----------
    spmat_width_bits : int
        Width of the matrix memory; one that the SRAM sweep has. Its area follows the sweep's.
    fifo_depth : int
        Depth of the activation queue, 2..1048576. Its area grows with it.
    """
    machine = Machine(spmat_width_bits=spmat_width_bits, fifo_depth=fifo_depth)
    areas, modules = chip.pe_area(machine), list(BLOCKS.values())
    parts = {block: areas[module] / modules.count(module) for block, module in BLOCKS.items()}
    side = float(np.sqrt(fsum(parts.values())))
    cut = slice_and_dice(PLAN, parts, 0.0, 0.0, side, side)
    rows = [{"block": block, "module": BLOCKS[block], "area, mm2": parts[block], **cut[block]} for block in BLOCKS]
    return Figure5(machine, pd.DataFrame(rows))


def synthesised() -> Figure5:
    """Draw the same floor plan with the areas of the synthesised gates and the modelled memories.

    The square is as large as the one of Table II; what the blocks leave has no wires, clock tree or filler cells in it.
    """
    areas, modules = 1e-6 * measured.areas()["sum"], list(BLOCKS.values())
    names = [block for block, module in BLOCKS.items() if module in areas.index]
    parts = {block: float(areas[BLOCKS[block]]) / modules.count(BLOCKS[block]) for block in names}
    whole = fsum(chip.pe_area(EIE_45NM).values())
    parts["filler cell"] = max(0.0, whole - fsum(parts.values()))
    side = float(np.sqrt(fsum(parts.values())))
    cut = slice_and_dice(PLAN, parts, 0.0, 0.0, side, side)
    rows = [{"block": block, "module": BLOCKS[block], "area, mm2": parts[block], **cut[block]} for block in names]
    return Figure5(EIE_45NM, pd.DataFrame(rows), side**2)


def synthesised_words() -> str:
    """Say how large the synthesised PE is beside Table II's."""
    mine, theirs = synthesised().area_mm2, chip.pe_area(EIE_45NM)
    used = fsum(area for module, area in theirs.items() if module != "filler cell")
    return (
        "The gates synthesised from [our hardware description](hardware.ipynb) and the memories of our memory model "
        f"together take {mine:.3f} mm². That is {percent_apart(100 * (mine / used - 1))} than "
        f"the {used:.3f} mm² of Table II's modules without filler cells. The "
        "square in the picture below is as large as Table II's PE; its white part is left for wires, the clock tree "
        "and filler cells, which our areas do not contain."
    )


def slice_and_dice(
    plan: Any, areas: dict[str, float], x: float, y: float, width: float, height: float, *, across: bool = True
) -> dict[str, dict[str, float]]:
    """Cut a rectangle into rectangles of given areas.

    Parameters
    ----------
    plan : nested tuple of str
        Names of the parts. Parts of one level lie beside each other if `across`, else on top of each other; the next
        level is cut the other way.
    areas : dict of str to float
        Area of each part; together those of the rectangle.
    x, y, width, height : float
        The rectangle.
    across : bool
        Cut from left to right, not from bottom to top.

    Returns
    -------
    dict of str to dict
        `x`, `y`, `width` and `height` of each part.
    """
    if isinstance(plan, str):
        return {plan: {"x": x, "y": y, "width": width, "height": height}}
    whole = _area(plan, areas)
    found: dict[str, dict[str, float]] = {}
    for part in plan:
        share = _area(part, areas) / whole
        own_width, own_height = (width * share, height) if across else (width, height * share)
        found |= slice_and_dice(part, areas, x, y, own_width, own_height, across=not across)
        x, y = (x + own_width, y) if across else (x, y + own_height)
    return found


def _area(plan: str | Sequence[Any], areas: dict[str, float]) -> float:
    return areas[plan] if isinstance(plan, str) else fsum(_area(part, areas) for part in plan)
