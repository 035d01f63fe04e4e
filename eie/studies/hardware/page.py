"""What the chapter on the hardware says and shows."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from eie.studies import plots
from eie.studies.hardware import measured
from eie.studies.hardware.measured import MODULES
from eie.technology import paper_value, pe_breakdown
from eie.writing.words import significant

REASONS = {
    "Act_queue": "We hold the queue's 8 × 30 bits in flip-flops. These alone take more than the paper's area, so the "
    "paper's queue must use latches, a register file, or fewer bits.",
    "PtrRead": "Nearly all of the area is memory, for 2 × 8,192 pointers. In the model, each bank has words of 32 "
    "bits, the narrowest that it offers.",
    "SpmatRead": "Nearly all of the area is memory, 128 KB in one block. Figure 5 shows two blocks, and the memories "
    "of a memory compiler differ from the model's.",
    "ArithmUnit": "The fast recipe optimises the multiplier for speed; the other recipes make it smaller and slower. "
    "The paper's tool has a library of multipliers.",
    "ActRW": "We hold the 128 activations of 16 bits in flip-flops, with a 64-input multiplexer per bit and file. "
    "Latches or a register file of memory cells would be smaller.",
}
"""Why the area of a module is not that of Table II."""
WAYS = {
    "small": "for area",
    "balanced": "for area flow (the area of shared gates divided among their users)",
    "fast": "for delay",
}
"""Aim of each synthesis recipe when it chooses gates."""
TREE, PLAIN, PIPELINED = "LNZD node", "one PE with its control", "one PE with its control, pipelined"
ALONE = "one PE, between its registers: arithmetic unit"
SCAN = "scan path, 64 PEs: three detection nodes more"
CUT = "one PE with its control, scan pipelined: register file of ActRW"
THROUGH = {"ArithmUnit": "the arithmetic unit", "SpmatRead": "the read of the matrix"}
"""Modules in words, as the place that a path leads through."""
LOW_POWER, FAST = "itrs-lop", "itrs-hp"
"""Settings of the SRAM sweep that the chapter compares."""
SRAM = {
    LOW_POWER: "matrix SRAM, low operating power, and the gates behind it",
    FAST: "matrix SRAM, high performance, and the gates behind it",
}
"""Rows of the table of paths: settings of the SRAM sweep by what the table calls them, and others."""
CRITICAL = {
    SCAN: "the scan path across 64 PEs",
    CUT: "the read of a register file once the scan is pipelined",
    SRAM[LOW_POWER]: "the read of the matrix SRAM in low-operating-power transistors",
}
"""Rows of that table, in words, whose paths the answer counts if they are longer than the clock period."""
COUNTED = ("no", "one", "two", "three")
"""Numbers of such paths in words."""


@dataclass(frozen=True, eq=False, slots=True)
class Hardware:
    """The synthesised PE by one recipe, beside Table II.

    Attributes
    ----------
    recipe : str
    """

    recipe: str

    def answer(self) -> str:
        """Say area and timing, each with its range over the recipes."""
        area, paper = measured.logic_area(self.recipe), measured.paper_logic_area()
        areas = [_hundreds(measured.logic_area(recipe)) for recipe in measured.recipes()]
        return (
            f"In open 45 nm cells, the logic of a PE takes **{_hundreds(area)} µm²** ({areas[0]} to {areas[-1]} µm² "
            f"by synthesis recipe), {area / paper:.2f} times the area of the logic in Table II. {self._timing()}"
        )

    def _timing(self) -> str:
        """Say whether the longest path of one PE fits into the clock period, and how many others do not."""
        ns, limit = self.clock()["ns"], 1e3 / paper_value("clock")
        alone = [measured.period(recipe) for recipe in measured.recipes()]
        slow = [row for row in CRITICAL if ns[row] > limit]
        others = ""
        if slow:
            longest = ns[slow].idxmax()
            others = (
                f"; {COUNTED[len(slow)]} other path{'s are' if len(slow) > 1 else ' is'} longer than the period, up to "
                f"{ns[longest]:.2f} ns for {CRITICAL[longest]}"
            )
        return (
            f"Before layout, the longest path between the registers of one PE takes **{ns[ALONE]:.2f} ns** "
            f"({min(alone):.2f} to {max(alone):.2f} ns by recipe), {_against(ns[ALONE], limit)} of {limit:.2f} "
            f"ns{others}."
        )

    def gates_words(self) -> str:
        """Say whether the gates compute what the model computes."""
        runs = measured.table("gates").query("recipe == @self.recipe").iloc[0]
        wrong, count = int(runs["wrong"] + runs["wrong_results"]), int(runs["compared"] + runs["results"])
        return (
            f"In the {int(runs['cycles']):,} cycles of Alex-8, {wrong or 'none'} of the {count:,} outputs of the gates "
            f"differed from the stepped machine's."
        )

    def plot(self) -> plots.Figure:
        """Area by module: Table II, gates and memory, and gates alone."""
        found = measured.areas(self.recipe)
        frame = pd.DataFrame(
            {
                "layer": list(found.index),
                "published": found["published"].to_numpy(),
                "sum": found["sum"].to_numpy(),
                "gates": found["area_um2"].to_numpy(),
            }
        )
        series = {"published": "Table II", "sum": "gates, and memory by the model", "gates": "gates alone"}
        return plots.bars.bars(frame, series, "area, µm$^2$", log_y=True)

    def plot_pipeline(self) -> plots.Figure:
        """The cycles of an entry, and the registers between them."""
        return plots.hardware.pipeline()

    def areas(self) -> pd.DataFrame:
        """Each module beside Table II."""
        found = measured.areas(self.recipe)
        return pd.DataFrame(
            {
                "flip-flops, µm²": found["register_um2"],
                "all gates, µm²": found["area_um2"],
                "memory, µm²": found["memory"],
                "computed, µm²": found["sum"],
                "published, µm²": found["published"],
                "computed / published": found["sum"] / found["published"],
            }
        )

    def components(self) -> pd.DataFrame:
        """Area of a PE's logic by component beside Table II, um2."""
        found = measured.components(self.recipe).rename_axis(None).to_frame("computed, µm²")
        found["published, µm²"] = pd.Series(pe_breakdown("area", "component"))
        found.loc["sum"] = found.sum()
        found["computed / published"] = found["computed, µm²"] / found["published, µm²"]
        return found

    def reasons(self) -> str:
        """Say for each module why its area is not that of Table II, as a list."""
        return "\n".join(f"* **{module}.** {REASONS[module]}" for module in MODULES)

    def ways(self) -> pd.DataFrame:
        """The recipes side by side."""
        rows = {
            f"{recipe}: {WAYS[recipe]}": {
                "logic of a PE, µm²": measured.logic_area(recipe),
                "logic / Table II": measured.ratio_of_logic(recipe),
                "detection node, µm²": measured.node_area(recipe),
                "longest path of one PE, ns": measured.period(recipe),
                "longest path with estimated wires, ns": measured.period(recipe, column="wired_ns"),
                "power of the logic, mW": measured.logic_power(recipe),
            }
            for recipe in measured.recipes()
        }
        return pd.DataFrame(rows).T

    def clock(self) -> pd.DataFrame:
        """The paths that limit the clock, ns, and how much of the period they leave."""
        tree = measured.table("synthesis_paths").query("recipe == @self.recipe")
        tree = tree[tree["block"].str.startswith(TREE)]
        memory = measured.table("synthesis_paths").query(
            "recipe == @self.recipe and block == 'PE' and start == 'memory' and end == 'register'"
        )["ns"]
        scan = measured.period(self.recipe, PLAIN)
        rows = {
            ALONE: measured.period(self.recipe),
            "one PE, between its registers, with estimated wires": measured.period(self.recipe, column="wired_ns"),
            "scan path, one PE: source register, control, queue, pointer SRAM": scan,
            SCAN: scan + float(tree["ns"].sum()),
            CUT: measured.period(self.recipe, PIPELINED),
            **{
                name: float(measured.matrix_sram(setting)["access_ns"]) + float(memory.max())
                for setting, name in SRAM.items()
            },
        }
        found = pd.DataFrame({"ns": pd.Series(rows)})
        found["left of the period, ns"] = 1e3 / paper_value("clock") - found["ns"]
        return found

    def clock_words(self, limit: float | None = None) -> str:
        """Say what limits the clock if its period is `limit` ns, that of the paper if left out."""
        found, limit = self.clock()["ns"], limit or 1e3 / paper_value("clock")
        longest = measured.longest(self.recipe, "PE")["module"]
        return (
            f"The longest path between the registers of one PE leads through {THROUGH.get(longest, longest)} and takes "
            f"{found[ALONE]:.2f} ns, {_against(found[ALONE], limit)} of {limit:.2f} ns. Three other paths may limit "
            f"the clock:\n\n"
            f"* **The scan path** leads across the chip: within one cycle, it finds the next non-zero activation of "
            f"all PEs and sends it to all queues. {_scan_words(found[SCAN], limit)}\n"
            f"* **The register file.** {self._cut_words(limit)}\n"
            f"* **The matrix SRAM.** {_sram_words(found[SRAM[LOW_POWER]], limit)}"
        )

    def _cut_words(self, limit: float) -> str:
        """Say which path is the longest once the non-zero detection is pipelined, and whether that is enough."""
        longest = measured.longest(self.recipe, PIPELINED)
        start, end = longest["starts_in"], longest["module"]
        enough = "" if longest["ns"] <= limit else ", so in this flow a pipelined scan is not enough"
        through = (
            f"the read address of a register file in {start}, through the 64-input multiplexers of the file, to a "
            f"register in {end}. A bit of the address drives up to several hundred gates, because this flow inserts no "
            f"buffers after flip-flops; a layout tool would."
        )
        return (
            f"Once the scan is pipelined, the longest path of a PE with its control takes {longest['ns']:.2f} ns, "
            f"{_against(longest['ns'], limit)}{enough}. It leads from "
            f"{through if start == 'ActRW' else f'{start} to a register in {end}.'}"
        )

    def power(self) -> pd.DataFrame:
        """Power by component, mW: the gates over Alex-8, and Table II."""
        drawn = measured.power(self.recipe).sum()
        printed = pe_breakdown("power", "component")
        names = ["memory", "clock network", "register", "combinational"]
        outside = drawn.drop(names)
        found = pd.DataFrame({"computed, mW": drawn[names], "published, mW": pd.Series(printed)[names]})
        found.loc["input pins of the PE"] = {"computed, mW": float(outside.sum()), "published, mW": float("nan")}
        found.loc["sum"] = found.sum()
        found["computed / published"] = found["computed, mW"] / found["published, mW"]
        return found

    def power_by_module(self) -> pd.DataFrame:
        """Power by module, mW: gates, memory, and Table II."""
        drawn, printed = measured.power(self.recipe), pe_breakdown("power", "module")
        found = pd.DataFrame({"gates, mW": drawn.drop(columns="memory").sum(axis=1), "memory, mW": drawn["memory"]})
        found = found.fillna(0.0).loc[list(MODULES)]
        found["computed, mW"] = found.sum(axis=1)
        found["published, mW"] = pd.Series(printed)
        found["computed / published"] = found["computed, mW"] / found["published, mW"]
        return found

    def power_words(self) -> str:
        """Say the logic's power, and what it is made of."""
        logic, paper = measured.logic_power(self.recipe), measured.paper_logic_power()
        by_module = measured.power(self.recipe).drop(columns="memory").sum(axis=1).sort_values(ascending=False)
        listed = [measured.logic_power(recipe) for recipe in measured.recipes()]
        printed = pe_breakdown("power", "component")
        share, memory = 100 * float(by_module.iloc[0]) / logic, measured.power(self.recipe)["memory"].sum()
        return (
            f"The logic draws **{logic:.1f} mW** ({min(listed):.1f} to {max(listed):.1f} mW by recipe), "
            f"{logic / paper:.1f} times the {paper:.2f} mW of Table II. {by_module.index[0]} takes {share:.0f} % of "
            f"it: every written value reaches the inputs of all 64 registers of a file, and every read passes through "
            f"a 64-input multiplexer per bit. A register file of memory cells avoids both. According to the SRAM "
            f"model, the memories draw {memory:.2f} mW while Alex-8 runs; Table II gives {printed['memory']:.2f} mW."
        )

    def paper_says(self) -> str:
        """Say what the paper did and found."""
        return (
            "The authors described EIE in Verilog and checked it against their simulator. They synthesised it for "
            "TSMC's 45 nm process at the worst corner (the slowest combination of process, voltage and temperature), "
            "and placed and routed it. Table II lists area and power of one PE by module and by component. The "
            f"critical path takes {paper_value('critical-path'):g} ns, the clock runs at {paper_value('clock'):g} MHz, "
            f"and a node of the non-zero detection takes {paper_value('lnzd-area'):g} µm²."
        )

    def made(self) -> str:
        """Say what made the tables."""
        facts = measured.made_by("synthesis")
        library = re.sub(r"\.0+ C$", " °C", facts["library"].split(";")[0])
        return (
            f"`{facts['command']}` and `{measured.made_by('gates')['command']}` made the tables with "
            f"{facts['synthesis']}, on {library}, on {facts['date']}, from commit {facts['commit'][:10]}. The owner of "
            f"the cell library restricts its use: each user must obtain it and accept its licence. The tables contain "
            "only areas, times and energies."
        )


def _hundreds(value: float) -> str:
    """Write a number to the nearest hundred."""
    return f"{round(value, -2):,.0f}"


def _scan_words(ns: float, limit: float) -> str:
    """Say whether the scan path of 64 PEs has to be pipelined."""
    must = "The scan therefore has to be pipelined" if ns > limit else "If they are long, the scan has to be pipelined"
    return (
        f"With 64 PEs its gates alone take {ns:.2f} ns, {_against(ns, limit)}, and its wires come on top. {must}, as "
        f"`Geometry(pipelined=True)` does."
    )


def _sram_words(whole_ns: float, limit: float) -> str:
    """Say whether the matrix SRAM can be read once per cycle, and whether what it reads arrives within one."""
    low, high = (measured.matrix_sram(setting) for setting in (LOW_POWER, FAST))
    starts, arrives = low["cycle_ns"] <= limit, whole_ns <= limit
    return (
        f"One access takes {low['access_ns']:.2f} ns in low-operating-power transistors, which [the energy model "
        f"uses](table2_pe.ipynb). The memory {'can' if starts else 'cannot'} start a read in every cycle, "
        f"{'and' if starts == arrives else 'but'} its output {'reaches' if arrives else 'does not reach'} the row "
        f"register within {limit:.2f} ns. High-performance transistors take {high['access_ns']:.2f} ns and leak "
        f"{significant(high['leakage_mW'] / low['leakage_mW'], 2)} times as much power."
    )


def _against(ns: float, limit: float) -> str:
    """Say whether a path fits into the clock period."""
    return "more than the clock period" if ns > limit else "less than the clock period"


def hardware(recipe: str = measured.HEADLINE) -> Hardware:
    """Look up the synthesised PE.

    Parameters
    ----------
    recipe : str
        How gates are chosen: `"small"`, `"balanced"` or `"fast"`.

    Raises
    ------
    ValueError
        When there is no such recipe.
    """
    if recipe not in measured.recipes():
        raise ValueError(f"there is no recipe {recipe!r}; there are {', '.join(measured.recipes())}")
    return Hardware(recipe)
