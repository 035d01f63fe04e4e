"""What the chapter on the hardware says and shows."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from eie.studies import plots
from eie.studies.hardware import measured
from eie.studies.hardware.measured import MODULES
from eie.technology import paper_value, pe_breakdown

REASONS = {
    "Act_queue": "The queue holds 8 × 30 bits in flip-flops. These alone take more than the paper's area, so the "
    "paper's queue must use latches, a register file, or fewer bits.",
    "PtrRead": "Nearly all of it is memory for 2 × 8,192 pointers. In the model, each bank has words of 32 bits, the "
    "narrowest of the sweep.",
    "SpmatRead": "Nearly all of it is memory, 128 KB in one block. Figure 5 shows two blocks, and the memories of a "
    "memory compiler differ from the model's.",
    "ArithmUnit": "This recipe optimises the multiplier for speed; the others make it smaller and slower. The paper's "
    "tool has a library of multipliers.",
    "ActRW": "The 128 registers of 16 bits are flip-flops, with a 64-input multiplexer per bit and file. Latches or a "
    "register file of memory cells would be smaller.",
}
"""Why the area of a module is not that of Table II."""
WAYS = {
    "small": "maps for area",
    "balanced": "maps for area flow",
    "fast": "maps for delay",
}
"""The recipes in words."""
TREE, PLAIN, PIPELINED = "LNZD node", "one PE with its control", "one PE with its control, pipelined"
ALONE = "one PE alone, between its registers: arithmetic unit"
SCAN = "scan path, 64 PEs: three detection nodes more"
CUT = "one PE with its control, scan pipelined: register file of ActRW"
SRAM = {
    "itrs-lop": "matrix SRAM, low operating power, and the gates behind it",
    "itrs-hp": "matrix SRAM, high performance, and the gates behind it",
}
"""Rows of the table of paths: settings of the SRAM sweep by what the table calls them, and others."""
CRITICAL = {
    SCAN: "the scan path across 64 PEs",
    CUT: "the read of a register file once the scan is pipelined",
    SRAM["itrs-lop"]: "the read of the matrix SRAM in low-operating-power transistors",
}
"""Rows of that table that the answer names where they are longer than the clock period, in words."""


@dataclass(frozen=True, eq=False, slots=True)
class Hardware:
    """The synthesised PE by one recipe, beside Table II.

    Attributes
    ----------
    recipe : str
    """

    recipe: str

    def answer(self) -> str:
        """Say area and timing, and whether the gates are right."""
        runs = measured.table("gates").query("recipe == @self.recipe").iloc[0]
        area, paper = measured.logic_area(self.recipe), measured.paper_logic_area()
        low, high = min(map(measured.logic_area, measured.recipes())), max(map(measured.logic_area, measured.recipes()))
        wrong = int(runs["wrong"] + runs["wrong_results"])
        return (
            f"In open 45 nm cells, the logic of a PE takes **{area:,.0f} µm²** ({low:,.0f} to {high:,.0f} µm², "
            f"depending on the synthesis recipe), {area / paper:.2f} times Table II's {paper:,.0f} µm². "
            f"{self._timing()} In a gate-level simulation of Alex-8 ({int(runs['cycles']):,} "
            f"cycles), {wrong or 'none'} of {int(runs['compared'] + runs['results']):,} outputs "
            f"{'was' if wrong == 1 else 'were'} wrong."
        )

    def _timing(self) -> str:
        """Say which paths fit into the clock period before layout, and which do not."""
        ns, limit = self.clock()["ns"], 1e3 / paper_value("clock")
        slow = [f"{name} ({ns[row]:.2f} ns)" for row, name in CRITICAL.items() if ns[row] > limit]
        return (
            f"Before layout, the longest path between the registers of one PE alone takes **{ns[ALONE]:.2f} ns**, "
            f"{_against(ns[ALONE], limit)} of {limit:.2f} ns. "
            + (f"But other paths are longer than the period in this flow: {', '.join(slow)}." if slow else "")
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
                "sum, µm²": found["sum"],
                "Table II, µm²": found["published"],
                "sum / Table II": found["sum"] / found["published"],
            }
        )

    def components(self) -> pd.DataFrame:
        """Area of a PE's logic by component beside Table II, um2."""
        found = measured.components(self.recipe).rename_axis(None).to_frame("here")
        found["Table II"] = pd.Series(pe_breakdown("area", "component"))
        found.loc["sum"] = found.sum()
        found["here / Table II"] = found["here"] / found["Table II"]
        return found.rename(columns={"here": "here, µm²", "Table II": "Table II, µm²"})

    def reasons(self) -> str:
        """Say for each module why its area is not that of Table II, as a list."""
        ratio = self.areas()["sum / Table II"]
        lines = [f"* **{module}**, {ratio[module]:.2f} times Table II. {REASONS[module]}" for module in MODULES]
        return "\n".join(lines)

    def ways(self) -> pd.DataFrame:
        """The recipes side by side."""
        rows = {
            f"{recipe}: {WAYS[recipe]}": {
                "logic of a PE, µm²": measured.logic_area(recipe),
                "over Table II": measured.ratio_of_logic(recipe),
                "detection node, µm²": measured.node_area(recipe),
                "longest path of a PE alone, ns": measured.period(recipe),
                "the same with estimated wires, ns": measured.period(recipe, column="wired_ns"),
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
            "the same with estimated wires": measured.period(self.recipe, column="wired_ns"),
            "scan path, one PE: source register, control, queue, pointer SRAM": scan,
            SCAN: scan + float(tree["ns"].sum()),
            CUT: measured.period(self.recipe, PIPELINED),
            **{name: measured.access_ns(setting) + float(memory.max()) for setting, name in SRAM.items()},
        }
        found = pd.DataFrame({"ns": pd.Series(rows)})
        found["left of the period, ns"] = 1e3 / paper_value("clock") - found["ns"]
        return found

    def clock_words(self) -> str:
        """Say what limits the clock."""
        found, limit = self.clock()["ns"], 1e3 / paper_value("clock")
        low, high = (f"{measured.access_ns(setting):.2f} ns" for setting in SRAM)
        return (
            f"The first two rows of the table below are paths between the registers of one PE alone: the longest leads "
            f"through the arithmetic unit and takes {found[ALONE]:.2f} ns, {_against(found[ALONE], limit)} of "
            f"{limit:.2f} ns. Paths that begin outside of the PE or at a memory are in the other rows. The scan path "
            f"leads across the chip: with 64 PEs, its gates take at least {found[SCAN]:.2f} ns, "
            f"{_against(found[SCAN], limit)}, without any wires. {self._cut_words(limit)} "
            f"The matrix SRAM is the other limit. Its access takes {low} in low-operating-power "
            f"transistors, which the energy model uses because their power is closest to Table II's. It can start a "
            f"read in every cycle, but its output does not reach the row register within {limit:.2f} ns. "
            f"High-performance transistors need {high} but leak far more."
        )

    def _cut_words(self, limit: float) -> str:
        """Say which path is the longest once the non-zero detection is pipelined, and whether that is enough."""
        rows = measured.table("synthesis_paths").query("recipe == @self.recipe and block == @PIPELINED")
        rows = rows[(rows["start"] == "register") & (rows["end"] != "port")]
        longest = rows.loc[rows["ns"].idxmax()]
        enough = "" if longest["ns"] <= limit else ", but in this flow that is not enough"
        return (
            f"The non-zero detection therefore has to be pipelined, as `Geometry(pipelined=True)` does{enough}: the "
            f"longest path of a PE with its control then takes {longest['ns']:.2f} ns, "
            f"{_against(longest['ns'], limit)}. It leads from the read address of a register file in "
            f"{longest['starts_in']}, through the 64-input multiplexers of the file, to a register in "
            f"{longest['module']}. There, each register of the address drives up to hundreds of gates, because this "
            f"flow inserts no buffers after flip-flops; a layout tool would."
        )

    def power(self) -> pd.DataFrame:
        """Power by component, mW: the gates over Alex-8, and Table II."""
        drawn = measured.power(self.recipe).sum()
        printed = pe_breakdown("power", "component")
        names = ["memory", "clock network", "register", "combinational"]
        outside = drawn.drop(names)
        found = pd.DataFrame({"here": drawn[names], "Table II": pd.Series(printed)[names]})
        found.loc["pins driven from outside"] = {"here": float(outside.sum()), "Table II": float("nan")}
        found.loc["sum"] = found.sum()
        found["here / Table II"] = found["here"] / found["Table II"]
        return found.rename(columns={"here": "here, mW", "Table II": "Table II, mW"})

    def power_by_module(self) -> pd.DataFrame:
        """Power by module, mW: gates, memory, and Table II."""
        drawn, printed = measured.power(self.recipe), pe_breakdown("power", "module")
        found = pd.DataFrame({"gates, mW": drawn.drop(columns="memory").sum(axis=1), "memory, mW": drawn["memory"]})
        found = found.fillna(0.0).loc[list(MODULES)]
        found["sum, mW"] = found.sum(axis=1)
        found["Table II, mW"] = pd.Series(printed)
        found["sum / Table II"] = found["sum, mW"] / found["Table II, mW"]
        return found

    def power_words(self) -> str:
        """Say the logic's power, and what it is made of."""
        logic, paper = measured.logic_power(self.recipe), measured.paper_logic_power()
        by_module = measured.power(self.recipe).drop(columns="memory").sum(axis=1).sort_values(ascending=False)
        listed = [measured.logic_power(recipe) for recipe in measured.recipes()]
        share, memory = 100 * float(by_module.iloc[0]) / logic, measured.power(self.recipe)["memory"].sum()
        return (
            f"The logic draws **{logic:.1f} mW** ({min(listed):.1f} to {max(listed):.1f} by recipe); Table II gives "
            f"{paper:.2f} mW. {by_module.index[0]} takes {share:.0f} % of it: every written value reaches the inputs "
            f"of all 64 registers of a file, and every read passes through a 64-input multiplexer per bit. A register "
            f"file of memory cells avoids both. According to the model, the memories draw {memory:.2f} mW, compared "
            f"with "
            f"{pe_breakdown('power', 'component')['memory']:.2f} mW in Table II."
        )

    def paper_says(self) -> str:
        """Say what the paper did and found."""
        return (
            "The authors described EIE in Verilog, checked it against their simulator, synthesised it for TSMC's 45 nm "
            "process at the worst corner, and placed and routed it. Table II has area and power "
            f"of one PE by module and by component. The critical path is {paper_value('critical-path'):g} ns for a "
            f"clock of {paper_value('clock'):g} MHz, and a detection node takes {paper_value('lnzd-area'):g} µm²."
        )

    def made(self) -> str:
        """Say what made the tables."""
        facts = measured.made_by("synthesis")
        return (
            f"The tables were made by `{facts['command']}` and `{measured.made_by('gates')['command']}` with "
            f"{facts['synthesis']}, on {facts['library'].split(';')[0]}, on {facts['date']}, from commit "
            f"{facts['commit'][:10]}. Neither library nor netlist is kept."
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
