"""Reads standard-cell libraries in the Liberty format: areas, functions, delays and energies of cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import fsum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eie.formats import FormatError
from eie.formats.errors import guarded
from eie.hardware.silicon.groups import Group, licence_of, parse

TIME_UNITS = {"1ns": 1.0, "100ps": 0.1, "10ps": 0.01, "1ps": 0.001}
CAP_UNITS = {"ff": 1.0, "pf": 1000.0}
LEAKAGE_UNITS = {"1nW": 1.0, "1uW": 1e3, "1mW": 1e6, "100pW": 0.1, "10pW": 0.01, "1pW": 0.001}
"""Size of a library's units in ours: ns, fF and nW."""


@dataclass(frozen=True, eq=False, slots=True)
class Table:
    """Values over input slew (ns) and output load (fF); linear in between, and beyond.

    A setup time is a table over the slew of the input and, in place of the load, that of the clock (ns).
    """

    slews: NDArray[np.float64]
    loads: NDArray[np.float64]
    values: NDArray[np.float64]

    def at(self, slew: float, load: float) -> float:
        """Return the value at a slew and a load."""
        row, y = _between(self.slews, slew)
        column, x = _between(self.loads, load)
        if len(self.loads) == 1:
            return float((1 - y) * self.values[row, 0] + y * self.values[min(row + 1, len(self.slews) - 1), 0])
        low, high = self.values[row], self.values[min(row + 1, len(self.slews) - 1)]
        left = (1 - y) * low[column] + y * high[column]
        return float((1 - x) * left + x * ((1 - y) * low[column + 1] + y * high[column + 1]))


@dataclass(frozen=True, eq=False, slots=True)
class Arc:
    """Delay (ns) from one input to an output, or the setup time of an input before a clock.

    Attributes
    ----------
    related : str
        The input, or the clock of a setup time.
    kind : str
        `timing_type` of the library, "combinational" if it has none.
    sense : str
        Whether the output follows the input: "positive_unate", "negative_unate" or "non_unate".
    delay, slew : dict of str to Table
        By the direction of the output, "rise" and "fall". A setup time has no slew.
    """

    related: str
    kind: str
    sense: str
    delay: dict[str, Table]
    slew: dict[str, Table]


@dataclass(frozen=True, eq=False, slots=True)
class Energy:
    """Internal energy (fJ) of a change, by its direction; `when` names the state of the other pins."""

    related: str
    when: str
    tables: dict[str, Table]

    def mean(self, slew: float, load: float) -> float:
        """Return the mean energy of a rise and a fall, fJ."""
        return fsum(table.at(slew, load) for table in self.tables.values()) / 2


@dataclass(frozen=True, eq=False, slots=True)
class Pin:
    """A pin of a cell.

    Attributes
    ----------
    name : str
    output, clock : bool
        Whether it is an output, and whether it is a clock.
    capacitance : dict of str to float
        fF, by the direction of the change, "rise" and "fall".
    function : str
        Of an output, from the inputs and the state.
    arcs : tuple of Arc
        Delays to an output, setup times of an input.
    energies : tuple of Energy
        Of changes of an output; of changes of an input that leave the outputs as they are.
    """

    name: str
    output: bool
    clock: bool
    capacitance: dict[str, float]
    function: str
    arcs: tuple[Arc, ...]
    energies: tuple[Energy, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Cell:
    """A cell: area (um2), leakage (nW), pins, and what it stores.

    Attributes
    ----------
    role : str
        "logic", "flip-flop", "latch", "clock gate" or "other".
    next_state : str
        Of a flip-flop, what it takes at the clock edge.
    state : str
        Of a flip-flop, the name of its state in the functions of its outputs.
    """

    name: str
    area: float
    leakage: float
    pins: dict[str, Pin]
    role: str
    next_state: str
    state: str

    @property
    def inputs(self) -> list[Pin]:
        """Input pins, in the order of the library."""
        return [pin for pin in self.pins.values() if not pin.output]

    @property
    def outputs(self) -> list[Pin]:
        """Output pins, in the order of the library."""
        return [pin for pin in self.pins.values() if pin.output]


@dataclass(frozen=True, eq=False, slots=True)
class Wires:
    """An estimate of a wire's capacitance (fF) from the number of pins that it leads to.

    Attributes
    ----------
    per_length : float
        fF per unit of length.
    lengths : list of (float, float)
        Pins and length, with growing numbers of pins.
    slope : float
        Length per further pin.
    """

    per_length: float
    lengths: list[tuple[float, float]]
    slope: float

    def load(self, pins: int) -> float:
        """Return the capacitance of the wire to some pins, fF."""
        counts, lengths = zip(*self.lengths, strict=True)
        beyond = max(0, pins - counts[-1]) * self.slope
        return self.per_length * (float(np.interp(pins, (0, *counts), (0.0, *lengths))) + beyond)


@dataclass(frozen=True, eq=False, slots=True)
class Library:
    """A standard-cell library at one corner.

    Attributes
    ----------
    name : str
    path : Path
    licence : str
        The comment that the file begins with.
    voltage : float
        Supply, V.
    wires : Wires or None
        Its default estimate of the wires before layout.
    corner : str
        Name, voltage and temperature of its operating conditions.
    cells : dict of str to Cell
    """

    name: str
    path: Path
    licence: str
    voltage: float
    wires: Wires | None
    corner: str
    cells: dict[str, Cell]


@guarded
def read(path: str | Path) -> Library:
    """Read a library.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    FormatError
        When it is not a Liberty library, is damaged, or has units that are not supported.
    """
    file = Path(path)
    top = parse(file)
    units = _units(top, file)
    conditions = top.first("operating_conditions")
    voltage = float(top.values.get("nom_voltage", "0") if conditions is None else conditions.values["voltage"])
    corner = f"{'' if conditions is None else conditions.name} {voltage:g} V {top.values.get('nom_temperature', '')} C"
    templates = {group.name: group for kind in ("lu_table_template", "power_lut_template") for group in top.all(kind)}
    reader = _Reader(templates, *units)
    cells = {group.name: reader.cell(group) for group in top.all("cell")}
    if not cells:
        raise FormatError(f"{path}: no cell in the library")
    return Library(top.name, file, licence_of(path), voltage, _wires(top, units[1]), corner.strip(), cells)


def _units(top: Group, path: Path) -> tuple[float, float, float]:
    """Return how many ns, fF and nW the library's units are."""
    load = top.values.get("capacitive_load_unit", "").split(",")
    try:
        time, leakage = TIME_UNITS[top.values["time_unit"]], LEAKAGE_UNITS[top.values["leakage_power_unit"]]
        return time, float(load[0]) * CAP_UNITS[load[1].lower()], leakage
    except (KeyError, IndexError, ValueError) as error:
        raise FormatError(f"{path}: the library's units are not supported: {error}") from error


def _wires(top: Group, unit: float) -> Wires | None:
    """Return the library's default estimate of wires, if it has one."""
    name = top.values.get("default_wire_load", "")
    for group in top.all("wire_load"):
        if group.name == name:
            pairs = [tuple(map(float, text.split(","))) for text in group.lists.get("fanout_length", [])]
            lengths = sorted((pair[0], pair[1]) for pair in pairs)
            return Wires(unit * float(group.values["capacitance"]), lengths, float(group.values["slope"]))
    return None


def _between(axis: NDArray[np.float64], value: float) -> tuple[int, float]:
    """Return the place of a value on an axis: the point before it, and the fraction of the way to the next."""
    if len(axis) == 1:
        return 0, 0.0
    place = min(max(int(np.searchsorted(axis, value)) - 1, 0), len(axis) - 2)
    return place, float((value - axis[place]) / (axis[place + 1] - axis[place]))


@dataclass(frozen=True, eq=False, slots=True)
class _Reader:
    """Turns groups into cells; knows the templates of tables and the units."""

    templates: dict[str, Group]
    time: float
    load: float
    leakage: float

    def cell(self, group: Group) -> Cell:
        pins = {pin.name: self.pin(pin) for pin in group.all("pin") if pin.values.get("direction") != "internal"}
        flop = group.first("ff")
        gate = "clock_gating_integrated_cell" in group.values
        role = "clock gate" if gate else "flip-flop" if flop else "latch" if group.first("latch") else "logic"
        if role == "logic" and not all(pin.function for pin in pins.values() if pin.output):
            role = "other"
        return Cell(
            group.name,
            float(group.values.get("area", "0")),
            self.leakage * float(group.values.get("cell_leakage_power", "0")),
            pins,
            role,
            flop.values["next_state"] if flop else "",
            flop.name.split(",")[0] if flop else "",
        )

    def pin(self, group: Group) -> Pin:
        values = group.values
        both = values.get("capacitance", "0")
        return Pin(
            group.name,
            values.get("direction") == "output",
            "true" in (values.get("clock"), values.get("clock_gate_clock_pin")),
            {way: self.load * float(values.get(f"{way}_capacitance", both)) for way in ("rise", "fall")},
            values.get("function", ""),
            tuple(self.arc(timing) for timing in group.all("timing")),
            tuple(self.energy(power) for power in group.all("internal_power")),
        )

    def arc(self, group: Group) -> Arc:
        values = group.values
        delay = self.tables(group, lambda way: (f"cell_{way}", f"{way}_constraint"), self.time)
        slew = self.tables(group, lambda way: (f"{way}_transition",), self.time)
        sense = values.get("timing_sense", "non_unate")
        return Arc(values.get("related_pin", ""), values.get("timing_type", "combinational"), sense, delay, slew)

    def energy(self, group: Group) -> Energy:
        tables = self.tables(group, lambda way: (f"{way}_power",), self.load)
        return Energy(group.values.get("related_pin", ""), group.values.get("when", ""), tables)

    def tables(self, group: Group, names: Callable[[str], tuple[str, ...]], unit: float) -> dict[str, Table]:
        found = {}
        for way in ("rise", "fall"):
            for inner in group.groups:
                if inner.kind in names(way):
                    found[way] = self.table(inner, unit)
        return found

    def table(self, group: Group, unit: float) -> Table:
        """Read a table over slew and load, over two slews (a setup time), or over one of them."""
        template = self.templates.get(group.name, Group("", ""))
        axes: list[NDArray[np.float64]] = []
        values = np.array(_numbers(group.values["values"]))
        swapped = False
        for k in (1, 2):
            text = group.values.get(f"index_{k}") or template.values.get(f"index_{k}")
            capacitance = "capacitance" in template.values.get(f"variable_{k}", "")
            swapped |= k == 1 and capacitance
            axes.append((self.load if capacitance else self.time) * np.array(_numbers(text) if text else [0.0]))
        shaped = unit * values.reshape(len(axes[0]), len(axes[1]))
        return Table(axes[1], axes[0], shaped.T) if swapped else Table(axes[0], axes[1], shaped)


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.replace(",", " ").split()]
