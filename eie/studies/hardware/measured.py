"""The committed tables of the synthesised hardware, beside Table II and the SRAM sweep."""

from __future__ import annotations

from functools import cache
from math import fsum

import pandas as pd

from eie._files import data_path, read_csv
from eie.machine import EIE_45NM
from eie.technology import chip_facts, memories, pe_breakdown, sram_table

MODULES = ("Act_queue", "PtrRead", "SpmatRead", "ArithmUnit", "ActRW")
"""The modules of a PE, in the order of Table II."""
GLUE = "PE glue"
"""Gates of a PE that lie in none of its modules."""
HEADLINE = "fast"
"""The recipe whose numbers are set beside the paper's, whose critical path holds at the worst corner and with wires."""
_MEMORIES = {"spmat": "SpmatRead", "pointer": "PtrRead", "activation": "ActRW"}
_LEVELS = {1: 16, 3: 4, 5: 1}
"""Detection nodes of a tree over 64 PEs, by the bits of a child's index."""
_LOGIC = ("clock network", "register", "combinational")


@cache
def table(name: str) -> pd.DataFrame:
    """Read a table of `data/measured`: `synthesis`, `synthesis_paths`, `gates` or `gates_power`."""
    return read_csv(f"measured/{name}.csv")


def made_by(name: str) -> dict[str, str]:
    """Read what made such a table: `command`, `date`, `commit`, `library` and `synthesis`."""
    lines = data_path(f"measured/{name}.csv").read_text(encoding="utf-8").splitlines()
    pairs = [line.removeprefix("# ").partition(": ") for line in lines if line.startswith("# ")]
    return {key: value for key, _, value in pairs}


def recipes() -> list[str]:
    """List the recipes, smallest area first."""
    return list(dict.fromkeys(table("synthesis")["recipe"]))


def logic_area(recipe: str = HEADLINE) -> float:
    """Return the area of a PE's logic, um2: all gates, no memory."""
    rows = table("synthesis").query("recipe == @recipe")
    return float(rows[rows["module"].isin((*MODULES, GLUE))]["area_um2"].sum())


def components(recipe: str = HEADLINE) -> pd.Series:
    """Return the area of a PE's logic by Table II's components, um2; its clock network is our clock gates."""
    rows = table("synthesis").query("recipe == @recipe")
    sums = rows[rows["module"].isin((*MODULES, GLUE))][["clock_gate_um2", "register_um2", "area_um2"]].sum()
    clock, register, area = (float(value) for value in sums)
    return pd.Series([clock, register, area - register - clock], index=list(_LOGIC))


def paper_logic_area() -> float:
    """Return what Table II has for it, um2: clock network, registers and combinational logic."""
    parts = pe_breakdown("area", "component")
    return fsum(parts[name] for name in _LOGIC)


def node_area(recipe: str = HEADLINE) -> float:
    """Return the mean area of the 21 detection nodes, um2."""
    rows = table("synthesis").query("recipe == @recipe").set_index("module")["area_um2"]
    areas = fsum(count * rows[f"LNZD node, {bits} bits"] for bits, count in _LEVELS.items())
    return float(areas / sum(_LEVELS.values()))


def period(recipe: str = HEADLINE, block: str = "PE", column: str = "ns") -> float:
    """Return the longest path from register to register of a block, ns; those through memories' outputs come on top."""
    return float(longest(recipe, block, column)[column])


def longest(recipe: str, block: str, column: str = "ns") -> pd.Series:
    """Return that path: gates and times, the module that it ends in, and the one that it `starts_in`."""
    rows = table("synthesis_paths").query("recipe == @recipe and block == @block and start == 'register'")
    rows = rows[rows["end"] != "port"]
    return rows.loc[rows[column].idxmax()]


def power(recipe: str = HEADLINE) -> pd.DataFrame:
    """Return power by module and component, mW, one row per module and one column per component."""
    rows = table("gates_power").query("recipe == @recipe")
    total = rows[["internal_mW", "switching_mW", "leakage_mW"]].sum(axis=1)
    return rows.assign(mW=total).pivot_table(index="module", columns="component", values="mW", aggfunc="sum")


def logic_power(recipe: str = HEADLINE) -> float:
    """Return the power of a PE's gates over Alex-8, mW."""
    return float(power(recipe).drop(columns="memory").sum().sum())


def paper_logic_power() -> float:
    """Return what Table II has for clock network, registers and combinational logic, mW."""
    parts = pe_breakdown("power", "component")
    return fsum(parts[name] for name in _LOGIC)


def sram_area() -> pd.Series:
    """Return the area of each module's memory, um2, as the SRAM sweep has it."""
    held = memories(EIE_45NM, chip_facts()["sram"]["setting"])
    areas = {_MEMORIES[name]: 1e6 * sram.area_mm2 * count for name, (sram, count) in held.items()}
    return pd.Series(areas).reindex(MODULES).fillna(0.0)


def matrix_sram(setting: str) -> pd.Series:
    """Return the row of the SRAM sweep for the sparse-matrix memory at a setting: times in ns, leakage in mW."""
    sweep, size = sram_table(), chip_facts()["sram"]["spmat_bytes"]
    rows = sweep[(sweep["setting"] == setting) & (sweep["size"] == size)].set_index("width")
    return rows.loc[EIE_45NM.spmat_width_bits]


def areas(recipe: str = HEADLINE) -> pd.DataFrame:
    """Set each module's gates and memory beside Table II, um2."""
    rows = table("synthesis").query("recipe == @recipe").set_index("module").loc[list(MODULES)]
    found = rows[["register_um2", "area_um2"]].assign(memory=sram_area())
    found["sum"] = found["area_um2"] + found["memory"]
    found["published"] = pd.Series(pe_breakdown("area", "module"))
    return found


def wrong_outputs() -> int:
    """Count outputs and results of the gates that are not the model's, over all recipes."""
    return int(table("gates")[["wrong", "wrong_results"]].sum().sum())


def ratio_of_logic(recipe: str = HEADLINE) -> float:
    """Return the area of a PE's logic over that of Table II."""
    return logic_area(recipe) / paper_logic_area()
