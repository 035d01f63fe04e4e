"""Table II: power and area of one PE, as printed and as the models build them up."""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum

import pandas as pd

from eie import _check, chip, published
from eie.cycles import CycleReport, simulate
from eie.energy_model import EnergyReport, energy
from eie.explore.benchmarks import Benchmark
from eie.machine import Machine
from eie.studies import plots
from eie.studies.claim import Margin
from eie.studies.paper.series import machine_warning
from eie.studies.paper.setup import Setup, exhibit
from eie.technology import (
    chip_facts,
    memories,
    paper_value,
    pe_breakdown,
    plausible_settings,
    sram_table,
    variant,
)
from eie.writing.words import joined, percent_apart, signed

PARTS: dict[str, tuple[str, ...]] = {
    "memory, accesses": ("spmat read", "pointer read", "activation SRAM"),
    "memory, leakage": ("leakage",),
    "clock network": ("clock",),
    "register": ("codebook", "accumulators", "queues"),
    "combinational": ("multiply and add", "control"),
}
"""Components of the energy model by Table II's components; the latter's memory in two parts."""

AS_SHIPPED = "itrs-lop-as-shipped"
"""The setting with the gate leakage that CACTI 7 ships, which is a row of another table."""

GATE_LEAKAGE = "{:.3g} nA/µm"
"""Format of a gate leakage per width of a transistor."""


HEADS = {
    "power": ("power, mW", "published"),
    "power_share": ("share of the power, %", "published"),
    "power share, computed": ("share of the power, %", "computed"),
    "area": ("area, um2", "published"),
    "area_share": ("share of the area, %", "published"),
    "area share, computed": ("share of the area, %", "computed"),
}
"""Heads of Table II on the page."""

SETTINGS_HEADS = {
    "power, %": ("against Table II, %", "power"),
    "memory power, %": ("against Table II, %", "memory power"),
    "memory area, %": ("against Table II, %", "memory area"),
    "leakage, mW": "leakage, mW",
    "memory area, mm2": "memory area, mm2",
    "cycle, ns": "cycle, ns",
}
"""Heads of the table of settings."""

PLAUSIBLE_HEADS = {
    "matrix memory": ("power of the memories of a PE, mW", "matrix"),
    "pointer memory": ("power of the memories of a PE, mW", "pointer"),
    "memory": ("power of the memories of a PE, mW", "all"),
    "memory, leakage": ("power of the memories of a PE, mW", "leakage"),
    "layer, uJ": "energy of the layer, uJ",
}
"""Heads of the table of plausible settings."""


@dataclass(frozen=True, eq=False)
class Table2:
    """One PE, printed and bottom-up.

    Attributes
    ----------
    machine : Machine
        The chip that was modelled.
    layer : str
        The layer that it ran.
    printed : DataFrame
        Table II, one row per part: `group`, `part`, `power`, `power_share`, `area`, `area_share` as printed, and
        `power share, computed`, `area share, computed`.
    models : DataFrame
        One row per setting of the SRAM sweep: the parts of `PARTS` in mW per PE, `memory` (accesses and leakage),
        `total`, `memory area` (mm2 per PE) and `cycle` (ns, of the matrix memory).
    variants : DataFrame
        The same for the plausible settings and for the one as shipped; also `matrix memory` and
        `pointer memory`, mW per PE, and `layer, uJ`, the energy of the layer on the whole chip.
    """

    machine: Machine
    layer: str
    printed: pd.DataFrame
    models: pd.DataFrame
    variants: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """Table II with its shares computed again."""
        names = self.printed["group"] + ": " + self.printed["part"]  # both groups have a filler cell
        return self.printed.drop(columns=["group", "part"]).set_index(names.replace("total: total", "total"))

    def sums(self) -> pd.DataFrame:
        """Sum power (mW) and area (um2) over the components and over the modules, beside the published total."""
        sums = self.printed.groupby("group", sort=False)[["power", "area"]].sum()
        return sums.rename(index={"component": "components", "module": "modules", "total": "published total"})

    def chip(self) -> pd.DataFrame:
        """Area (mm2) and power (mW) of the whole chip by `eie.chip`, and what the paper prints for 64 PEs."""
        table5 = published.load("table5").query("platform == 'EIE 64PE'").set_index("quantity")["value"]
        paper = table5[["area", "power"]].astype(float)  # other rows of that table are words
        rows = pd.DataFrame(
            {
                "computed": [chip.area(self.machine), chip.power(self.machine)],
                "published, 64 PEs": [paper["area"], 1e3 * paper["power"]],
            },
            index=["area, mm2", "power, mW"],
        )
        rows["difference, %"] = 100 * (rows["computed"] / rows["published, 64 PEs"] - 1)
        return rows

    def bottom_up(self) -> pd.DataFrame:
        """Power in mW by Table II's components: printed, and one column per setting of the SRAM sweep."""
        printed = pd.Series(pe_breakdown("power", "component"))
        rows = [*printed.index, "total"]
        models = self.models[rows].T
        models.insert(0, "Table II", pd.Series({**printed, "total": printed.sum()}))
        return models

    def settings(self) -> pd.DataFrame:
        """How near each setting comes: total power, memory power and memory area against Table II; cycle time."""
        power, area = pe_breakdown("power", "component"), pe_breakdown("area", "component")
        return pd.DataFrame(
            {
                "power, %": 100 * (self.models["total"] / fsum(power.values()) - 1),
                "memory power, %": 100 * (self.models["memory"] / power["memory"] - 1),
                "leakage, mW": self.models["memory, leakage"],
                "memory area, mm2": self.models["memory area"],
                "memory area, %": 100 * (self.models["memory area"] / (area["memory"] * 1e-6) - 1),
                "cycle, ns": self.models["cycle"],
            }
        )

    def plausible(self) -> pd.DataFrame:
        """Power of one PE's memories in mW and energy of the layer in uJ, by setting; above, what Table II allows.

        A module of Table II holds one memory and some logic, so its power is an upper bound of the memory's.
        """
        columns = ["matrix memory", "pointer memory", "memory", "memory, leakage", "layer, uJ"]
        modules, memory = pe_breakdown("power", "module"), pe_breakdown("power", "component")["memory"]
        bounds = pd.DataFrame([[modules["SpmatRead"], modules["PtrRead"], memory]], ["Table II"], columns[:3])
        return pd.concat([bounds, self.variants[columns]])

    def finding(self) -> str:
        """Say what is wrong in CACTI 7's 45 nm data, with the evidence, and what it does to the memories' power."""
        default = chip_facts()["sram"]["setting"]
        with_it, without = self.variants.loc[AS_SHIPPED], self.variants.loc[default]
        published_mw = pe_breakdown("power", "component")["memory"]
        wrong, older, newer, used = (
            GATE_LEAKAGE.format(_gate_leakage(name))
            for name in (AS_SHIPPED, "itrs-lop-gate-65nm", "itrs-lop-gate-32nm", default)
        )
        return (
            "**CACTI 7 overstates leakage: its gate leakage of 45 nm low-operating-power transistors (ITRS-LOP) is a "
            "row of another table.** As shipped, the memories of a PE draw "
            f"{_beside(with_it['memory'], published_mw)} than in Table II; corrected, they draw "
            f"**{_beside(without['memory'], published_mw)}**. The evidence:\n\n"
            "1. The eleven numbers of the row are, digit for digit, the subthreshold leakage of 90 nm high-performance "
            "transistors (`I_off_n` in `90nm.dat`; `I_g_on_n` in `45nm.dat`).\n"
            "2. These numbers grow with temperature. Every other gate leakage in the files for 90, 65, 45 and 32 nm "
            "is the same at all temperatures.\n"
            f"3. At 300 K the row says {wrong}; the same row says {older} for 65 nm and {newer} for 32 nm.\n"
            f"4. {self._bounded(with_it, without)}\n\n"
            f"We interpolate between 65 and 32 nm on logarithmic axes ({used}); no publication gives a value."
        )

    def _bounded(self, with_it: pd.Series, without: pd.Series) -> str:
        """Say which power of the matrix and the pointer memory exceeds that of the modules that hold them."""
        modules = pe_breakdown("power", "module")
        bounds = {"matrix memory": modules["SpmatRead"], "pointer memory": modules["PtrRead"]}
        said = []
        for power in (with_it, without):
            above = [name for name, bound in bounds.items() if power[name] > bound]
            said.append(joined([f"the {name}" for name in above]) if above else "no memory")
        return (
            f"With the values as shipped, {said[0]} would exceed the power of the modules of Table II that contain "
            f"them; with the corrected value, {said[1]} would (the table of "
            "[uncertain settings](#what-remains-uncertain-about-the-memories) has the numbers)."
        )

    def correction(self) -> str:
        """Say how much more power the memories draw with the gate leakage that CACTI 7 ships."""
        shipped, used = (self.variants.loc[name, "memory"] for name in (AS_SHIPPED, chip_facts()["sram"]["setting"]))
        return (
            "CACTI 7, the memory model, has an error that we correct: for the gate leakage of its 45 nm "
            "low-operating-power transistors, it lists values of another table. With these values, the memories of a "
            f"PE would draw {shipped:.2f} mW, {_beside(shipped, used)} than with the value that we use "
            "(the section on gate leakage gives the evidence)."
        )

    def fast_enough(self) -> list[str]:
        """Settings whose matrix memory can be read in every cycle of the machine's clock."""
        return list(self.models.index[self.models["cycle"] <= 1e9 / self.machine.clock_hz])

    def plot(self) -> plots.Figure:
        """Power by component and memory area, one bar per setting."""
        printed = pd.Series(pe_breakdown("power", "component")).rename({"memory": "memory, one number in Table II"})
        power = pd.concat([printed.to_frame("Table II").T, self.models[list(PARTS)]]).fillna(0)
        power = power[[power.columns[0], *PARTS]]
        printed_area = pd.Series({"Table II": pe_breakdown("area", "component")["memory"] * 1e-6})
        area = pd.concat([printed_area, self.models["memory area"]])
        return plots.bars.stacked(power, area, "power of one PE, mW", "area of its memories, mm$^2$")

    def answer(self) -> str:
        """Say what a PE draws, counted and printed."""
        counted = float(self.models.loc[chip_facts()["sram"]["setting"], "total"])
        plausible = self.variants["total"].drop(AS_SHIPPED, errors="ignore")
        printed = fsum(pe_breakdown("power", "component").values())
        return (
            f"{machine_warning(self.machine)}Counted event by event, a PE that runs {self.layer} draws "
            f"**{counted:.1f} mW** ({plausible.min():.1f} to {plausible.max():.1f} mW over plausible settings of its "
            f"memories). Table II gives {printed:.2f} mW."
        )

    def words(self) -> str:
        """Whether the printed numbers add up, and how near the models come."""
        return f"{self._of_sums()} {self._of_chip()}\n\n{machine_warning(self.machine)}{self._of_models()}"

    def _of_sums(self) -> str:
        sums = self.sums()
        away = (sums.drop(index="published total") - sums.loc["published total"]).abs().max()
        area = "exactly" if away["area"] == 0 else f"within {away['area']:,.0f} µm²"
        off = max(
            (self.printed[f"{quantity} share, computed"] - self.printed[f"{quantity}_share"]).abs().max()
            for quantity in ("power", "area")
        )
        return (
            f"In Table II, the components and the modules both add up to the published power within "
            f"{away['power']:.3f} mW and to the published area {area}. Every recomputed share is within {off:.3f} "
            "points of the published one."
        )

    def _of_chip(self) -> str:
        rows, nodes = self.chip(), chip.lnzd_nodes(self.machine)
        area, power = rows.loc["area, mm2"], rows.loc["power, mW"]
        return (
            f"{self.machine.n_pe} PEs and {nodes} detection nodes make **{area['computed']:.2f} mm²** and "
            f"**{power['computed']:.1f} mW**; for the paper's chip, Table V gives {area['published, 64 PEs']:.1f} mm² "
            f"and {power['published, 64 PEs']:.0f} mW."
        )

    def _of_models(self) -> str:
        default = chip_facts()["sram"]["setting"]
        near, rows = self.settings(), self.bottom_up()
        closest = near["power, %"].abs().idxmin()
        mine, theirs = rows[default], rows["Table II"]
        lower = [name for name in ("clock network", "register", "combinational") if mine[name] < 0.99 * theirs[name]]
        named = [f"*{name}*" for name in lower]
        which = f"components {joined(named)} draw" if len(named) > 1 else f"component {''.join(named)} draws"
        wait = (
            f". The {which} less in this count than in Table II, because PEs sometimes wait and skip the "
            "arithmetic of padding zeros"
        )
        away = near.loc[default, "power, %"]
        return (
            f"**Counted event by event** on {self.layer}, with memories of the setting {default}, a PE draws "
            f"{percent_apart(away)} than in Table II. Its memories draw "
            f"**{mine['memory']:.2f} mW**, of which {near.loc[default, 'leakage, mW']:.2f} mW is leakage; Table II "
            f"gives {theirs['memory']:.2f} mW. The other components do not test the model, because their energies per "
            f"event are derived from Table II{wait if lower else ''}.\n\n{self._choice(default, closest, near)}"
        )

    def _choice(self, default: str, closest: str, near: pd.DataFrame) -> str:
        power, area, fits = near["power, %"], near["memory area, %"], self.fast_enough()
        period = f"{1e9 / self.machine.clock_hz:.2f} ns cycle"
        listed = f"Memories of {joined(fits)}" if fits else "No memories"
        of_default = signed(power[default])
        apart = (
            f"By power, {closest} is closer to Table II ({signed(power[closest])} %; {default}: {of_default} %)"
            if closest != default
            else f"We use {default}, which is the closest of all settings to Table II by power"
        )
        if default not in fits:
            return f"{apart}. Memories of {default} cannot be read once in every {period}. {listed} can."
        like = area.abs().idxmin()
        by_area = (
            f"also by area, {default} is the closest"
            if like == default
            else f"by area, {like} is the closest ({signed(area[like], '+.0f')} %; {default}: "
            f"{signed(area[default], '+.0f')} %)"
        )
        return f"{apart}; {by_area}. {listed} can be read once in every {period}."


@exhibit("n_pe", "fifo_depth", "seed", "own_layers")
def table2(setup: Setup, layer: str = "Alex-7", spmat_width_bits: int = 64, clock_mhz: float = 800.0) -> Table2:
    """Compute Table II.

    Parameters
    ----------
    layer : str
        The layer that the bottom-up model runs: a name from Table III or from `own_layers`.
    spmat_width_bits : int
        Width of the matrix memory; one that the SRAM sweep has.
    clock_mhz : float
        Clock in MHz.
    """
    clock_hz = 1e6 * _check.positive("clock_mhz", clock_mhz)
    machine = setup.machine(spmat_width_bits=spmat_width_bits, clock_hz=clock_hz)
    weights, activations = Benchmark.named(layer, setup.own_layers).draw(setup.seed)
    report = simulate(weights, activations, machine)
    models = pd.DataFrame({name: _model(report, machine, name) for name in settings_with(machine)}).T
    listed = [name for name in [*plausible_settings(), AS_SHIPPED] if variant(name).base in models.index]
    variants = pd.DataFrame({name: _model(report, machine, name) for name in listed}).T
    return Table2(machine, layer, _printed(), models, variants)


def settings_with(machine: Machine) -> list[str]:
    """Settings of the SRAM sweep that have all memories of one PE."""
    found = []
    for setting in dict.fromkeys(sram_table()["setting"]):
        try:
            memories(machine, setting)
        except ValueError:  # the sweep has only some sizes at some settings
            continue
        found.append(setting)
    if not found:  # no setting has this width: let the default setting say which there are
        memories(machine, chip_facts()["sram"]["setting"])
    return found


def per_pe_mw(report: EnergyReport, n_pe: int) -> dict[str, float]:
    """Mean power of one PE by the parts of `PARTS`, mW."""
    of_a_pe = 1e3 / report.seconds / n_pe
    return {part: of_a_pe * fsum(report.components[name] for name in names) for part, names in PARTS.items()}


def _model(report: CycleReport, machine: Machine, setting: str) -> dict[str, float]:
    joules, held = energy(report, machine, setting), memories(machine, setting)
    parts = per_pe_mw(joules, machine.n_pe)
    area = fsum(memory.area_mm2 * count for memory, count in held.values())
    memory = parts["memory, accesses"] + parts["memory, leakage"]
    own = {
        f"{name} memory": 1e3 * joules.components[reads] / report.seconds / machine.n_pe
        + held[part][0].leakage_mw * held[part][1]
        for name, reads, part in (("matrix", "spmat read", "spmat"), ("pointer", "pointer read", "pointer"))
    }
    return {
        **parts,
        **own,
        "memory": memory,
        "total": fsum(parts.values()),
        "layer, uJ": 1e6 * joules.total,
        "memory area": area,
        "cycle": held["spmat"][0].cycle_ns,
    }


def _gate_leakage(setting: str) -> float:
    """Return the gate leakage of the transistors of a low-operating-power setting, nA/um (`data/chip.toml`)."""
    facts = chip_facts()["sram"]
    return 1e9 * float(facts["variants"].get(setting, facts["transistor"])["gate"])


def _beside(value: float, published_value: float) -> str:
    """Say by how many percent a value is above or below a published one."""
    return percent_apart(100 * (value / published_value - 1))


def _printed() -> pd.DataFrame:
    long = published.load("table2")
    as_printed = pd.MultiIndex.from_frame(long[["group", "part"]].drop_duplicates())
    rows = long.pivot(index=["group", "part"], columns="quantity", values="value").loc[as_printed]
    for quantity in ("power", "area"):
        rows[f"{quantity} share, computed"] = 100 * rows[quantity] / rows.loc[("total", "total"), quantity]
    order = [f"{quantity}{end}" for quantity in ("power", "area") for end in ("", "_share", " share, computed")]
    return rows[order].reset_index()


def sum_of(group: str, quantity: str) -> float:
    """Add up the components or the modules of a PE: power in mW, area in um2."""
    return fsum(pe_breakdown(quantity, group).values())


def filler_holds_wider_arithmetic() -> Margin:
    """Compute what the filler cells have left if they held arithmetic unit and activation registers once more, um2."""
    area = pe_breakdown("area", "module")
    return Margin(area["filler cell"] - area["ArithmUnit"] - area["ActRW"], unit="µm²")


def lnzd_share_is_below_bound() -> Margin:
    """Compute how far a detection node's share of a PE's area is below the text's bound, points."""
    share = 100 * paper_value("lnzd-area") / sum_of("module", "area")
    return Margin(paper_value("lnzd-area-share") - share, unit="points")
