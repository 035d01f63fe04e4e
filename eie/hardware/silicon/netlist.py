"""The netlist of a synthesised design: cells of a library, memories, and the nets between them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from eie.hardware.silicon.liberty import Cell, Library

LOW, HIGH = 0, 1
"""Nets that are constant."""
SRAM = "sram"
_INSTANCE = re.compile(r"u_(?:act_queue|ptr_read|spmat_read|arithm_unit|act_rw|lnzd_tree|control)\b")


@dataclass(frozen=True, eq=False, slots=True)
class Gate:
    """A cell of the library in the netlist.

    Attributes
    ----------
    name : str
    module : str
        Name of the instance that it lies in, such as "u_act_queue"; empty at the top.
    cell : Cell
    nets : dict of str to int
        Net of each pin.
    """

    name: str
    module: str
    cell: Cell
    nets: Mapping[str, int]

    @property
    def driving(self) -> list[str]:
        """Output pins that have a net."""
        return [pin.name for pin in self.cell.outputs if pin.name in self.nets]


@dataclass(frozen=True, eq=False, slots=True)
class Memory:
    """An SRAM in the netlist: the nets of each port, the lowest bit first."""

    name: str
    module: str
    ports: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class Netlist:
    """A flat netlist.

    Attributes
    ----------
    library : Library
    gates : list of Gate
    memories : list of Memory
    ports : dict of str to tuple of int
        Nets of each port of the top module, the lowest bit first.
    inputs : tuple of str
        Those of the ports that are inputs.
    n_nets : int
    wires : bool
        Add the library's estimate of wires to the loads.
    """

    library: Library
    gates: list[Gate]
    memories: list[Memory]
    ports: dict[str, tuple[int, ...]]
    inputs: tuple[str, ...]
    n_nets: int
    wires: bool = False

    @cached_property
    def driver(self) -> dict[int, tuple[Gate, str]]:
        """Gate and output pin that drive each net, where it is a gate."""
        return {gate.nets[name]: (gate, name) for gate in self.gates for name in gate.driving}

    @cached_property
    def loads(self) -> dict[str, list[float]]:
        """Capacitance on each net, fF, by the direction of the change: that of its pins, and of its estimated wire."""
        found = {way: [0.0] * self.n_nets for way in ("rise", "fall")}
        for gate in self.gates:
            for pin in gate.cell.inputs:
                if pin.name in gate.nets:
                    for way, capacitance in pin.capacitance.items():
                        found[way][gate.nets[pin.name]] += capacitance
        if self.wires:
            estimate = self.library.wires
            if estimate is None:
                raise ValueError(f"{self.library.name} has no estimate of wires")
            for net, pins in self.fan_out.items():
                for loads in found.values():
                    loads[net] += estimate.load(pins)
        return found

    @cached_property
    def fan_out(self) -> Counter[int]:
        """Input pins on each net."""
        return Counter(gate.nets[pin.name] for gate in self.gates for pin in gate.cell.inputs if pin.name in gate.nets)

    def in_order(self) -> list[Gate]:
        """Return the combinational gates, each after those that it depends on.

        Raises
        ------
        ValueError
            When there is a loop.
        """
        logic = [gate for gate in self.gates if gate.cell.role == "logic"]
        made_by = {gate.nets[name]: k for k, gate in enumerate(logic) for name in gate.driving}
        waits = [0] * len(logic)
        readers: dict[int, list[int]] = {}
        for k, gate in enumerate(logic):
            for pin in gate.cell.inputs:
                source = made_by.get(gate.nets[pin.name])
                if source is not None:
                    waits[k] += 1
                    readers.setdefault(source, []).append(k)
        ready = [k for k, count in enumerate(waits) if count == 0]
        order = []
        for k in ready:
            order.append(logic[k])
            for reader in readers.get(k, ()):
                waits[reader] -= 1
                if waits[reader] == 0:
                    ready.append(reader)
        if len(order) < len(logic):
            raise ValueError(f"the netlist has a loop: {len(logic) - len(order)} gates depend on themselves")
        return order

    def with_drives(self, changes: Mapping[str, str]) -> Netlist:
        """Return the netlist with other cells of the same function in place of some gates, by the gates' names."""
        cells = self.library.cells
        gates = [replace(gate, cell=cells[changes[gate.name]]) if gate.name in changes else gate for gate in self.gates]
        return replace(self, gates=gates)


def read(path: Path, library: Library, top: str) -> Netlist:
    """Read a flat netlist that yosys wrote as JSON.

    Raises
    ------
    ValueError
        When it holds cells that are not in the library.
    """
    module: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["modules"][top]
    gates, memories, unknown = [], [], Counter[str]()
    highest = HIGH
    for name, cell in module["cells"].items():
        nets = {pin: tuple(_net(bit) for bit in bits) for pin, bits in cell["connections"].items()}
        highest = max([highest, *(net for bits in nets.values() for net in bits)])
        place = _INSTANCE.search(name)
        instance = place[0] if place else ""
        if cell["type"] in library.cells:
            single = {pin: bits[0] for pin, bits in nets.items() if bits}
            gates.append(Gate(name, instance, library.cells[cell["type"]], single))
        elif cell["type"].endswith(SRAM):
            memories.append(Memory(name, instance, nets))
        else:
            unknown[cell["type"]] += 1
    if unknown:
        raise ValueError(f"the netlist has cells that are not in {library.name}: {', '.join(sorted(unknown))}")
    ports = {name: tuple(_net(bit) for bit in port["bits"]) for name, port in module["ports"].items()}
    highest = max([highest, *(net for bits in ports.values() for net in bits)])
    inputs = tuple(name for name, port in module["ports"].items() if port["direction"] == "input")
    return Netlist(library, gates, memories, ports, inputs, highest + 1)


def _net(bit: int | str) -> int:
    """Return a net's number; yosys counts from 2, and writes constants as text. What is unknown is low."""
    return (HIGH if bit == "1" else LOW) if isinstance(bit, str) else bit
