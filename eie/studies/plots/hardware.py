"""Drawings of the hardware, in the house style."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.patches import FancyBboxPatch, Rectangle

from eie.studies.plots.style import PALETTE, PUBLISHED, Drawn, in_house_style

CYCLES = (
    ("t", "broadcast\narrives", "Act_queue"),
    ("t+1", "head of queue,\npointers read", "PtrRead"),
    ("t+2", "entry\nis issued", "SpmatRead"),
    ("t+3", "SRAM reads\nthe row", "SpmatRead"),
    ("t+4", "entry picked\nfrom the row", "SpmatRead"),
    ("t+5", "code decoded,\naddress added", "ArithmUnit"),
    ("t+6", "sum read,\nmultiply", "ArithmUnit"),
    ("t+7", "shift,\nadd", "ArithmUnit"),
    ("t+8", "write", "ArithmUnit"),
)
"""What happens in each cycle of an entry's way through a PE whose queue is empty, and where; as in `pe.sv`."""

REGISTERS = (
    "pointer SRAM",
    "column",
    "1 Spmat address",
    "2 Spmat row",
    "3 entry",
    "4 weight, address",
    "5 product",
    "6 sum",
    "7 accumulator",
)
"""Register behind each of these cycles. The seven that the model counts have numbers."""
INSIDE_SRAM = ("pointer SRAM", "1 Spmat address")
"""Registers that are the address latch of an SRAM."""
_PER_LINE = 5


@in_house_style
def pipeline() -> Drawn:
    """Draw the cycles of an entry, and the registers between them."""
    lines = [range(_PER_LINE), range(_PER_LINE, len(CYCLES))]
    fig, axes = plt.subplots(2, 1, figsize=(6.8, 4.2))
    colours = dict(zip(dict.fromkeys(module for _, _, module in CYCLES), PALETTE, strict=False))
    for ax, line in zip(axes, lines, strict=True):
        for place, k in enumerate(line):
            _cycle(ax, place, k, colours)
        ax.set(xlim=(-0.05, _PER_LINE + 0.05), ylim=(-0.75, 1.5))
        ax.set_axis_off()
    rows = [{"cycle": cycle, "what": what.replace("\n", " "), "module": module} for cycle, what, module in CYCLES]
    return Drawn(fig, {"cycles": pd.DataFrame(rows).assign(register=REGISTERS)})


def _cycle(ax: Any, place: int, k: int, colours: dict[str, str]) -> None:
    """Draw a cycle, and the register at its end."""
    cycle, what, module = CYCLES[k]
    box: dict[str, Any] = {"facecolor": colours[module], "alpha": 0.16, "edgecolor": "none"}
    ax.add_patch(FancyBboxPatch((place + 0.05, 0.1), 0.74, 0.8, boxstyle="round,pad=0,rounding_size=0.06", **box))
    ax.text(place + 0.42, 0.5, what, ha="center", va="center", fontsize=9)
    ax.text(place + 0.42, 1.28, cycle, ha="center", va="center", fontsize=9, color=PUBLISHED)
    ax.text(place + 0.42, 1.02, module, ha="center", va="center", fontsize=9, color=colours[module])
    inside = REGISTERS[k] in INSIDE_SRAM
    style: dict[str, Any] = {"hatch": "////", "facecolor": "white"} if inside else {"facecolor": PUBLISHED}
    ax.add_patch(Rectangle((place + 0.86, 0), 0.07, 1.0, edgecolor=PUBLISHED, **style))
    ax.text(place + 0.9, -0.12, REGISTERS[k].replace(" ", "\n", 2), ha="center", va="top", fontsize=9)
