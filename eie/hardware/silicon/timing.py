"""Static timing: when signals arrive at the latest, from the delays of a library, with an ideal clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import fsum

from eie.hardware.silicon.liberty import Arc
from eie.hardware.silicon.netlist import HIGH, LOW, Gate, Netlist

CLOCK_SLEW_NS = 0.02
"""Slew of the clock at every flip-flop, ns: that of a strong buffer with a light load."""
INPUT_SLEW_NS = 0.02
"""Slew of signals that come from ports and memories, ns."""
NEVER = float("-inf")
RISE, FALL = "rise", "fall"
_SOURCES = {"positive_unate": {RISE: (RISE,), FALL: (FALL,)}, "negative_unate": {RISE: (FALL,), FALL: (RISE,)}}
_EITHER = {RISE: (RISE, FALL), FALL: (RISE, FALL)}
Edge = tuple[int, str]
"""A net and a direction, "rise" or "fall"."""


@dataclass(frozen=True, slots=True)
class Path:
    """A path between two places.

    Attributes
    ----------
    start, end : str
        "register", "memory", "clock gate" or "port".
    module : str
        Instance in which it ends.
    ns : float
        From the clock edge, or the port's or memory's change, to the end; setup time included.
    steps : tuple of (str, str, float)
        Instance, cell, and time of arrival at its output, ns.
    """

    start: str
    end: str
    module: str
    ns: float
    steps: tuple[tuple[str, str, float], ...]


@dataclass(eq=False)
class Timing:
    """Arrival times in a netlist.

    Parameters
    ----------
    netlist : Netlist
    """

    netlist: Netlist
    slews: dict[Edge, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._order = self.netlist.in_order()
        self._flops = [gate for gate in self.netlist.gates if gate.cell.role == "flip-flop"]
        self._gating = [gate for gate in self.netlist.gates if gate.cell.role == "clock gate"]
        everything = {edge: 0.0 for kind in ("port", "memory") for edge in self._starts(kind)}
        self._propagate(everything | self._launch(), learn=True)

    def worst(self, start: str) -> list[Path]:
        """Return the longest path from one kind of place to each kind of end in each module, longest first."""
        launch = self._launch() if start == "register" else dict.fromkeys(self._starts(start), 0.0)
        arrivals, origins = self._propagate(launch)
        worst: dict[tuple[str, str], tuple[float, Edge]] = {}
        for end, module, edge, setup in self._ends():
            ns = arrivals.get(edge, NEVER) + setup
            if ns > worst.get((end, module), (NEVER, edge))[0]:
                worst[end, module] = (ns, edge)
        paths = [
            Path(start, end, module, ns, tuple(self._steps(edge, arrivals, origins)))
            for (end, module), (ns, edge) in worst.items()
        ]
        return sorted(paths, key=lambda path: -path.ns)

    def slew(self, net: int) -> float:
        """Return the mean slew of a net's rise and fall, ns."""
        return fsum(self.slews.get((net, way), INPUT_SLEW_NS) for way in (RISE, FALL)) / 2

    def _starts(self, kind: str) -> list[Edge]:
        """Return the edges of input ports, or of the outputs of memories."""
        found = self.netlist
        if kind == "port":
            nets = [net for name in found.inputs for net in found.ports[name]]
        else:
            nets = [net for memory in found.memories for net in memory.ports["rdata_o"]]
        return [(net, way) for net in nets for way in (RISE, FALL)]

    def _launch(self) -> dict[Edge, float]:
        """Return when the outputs of flip-flops change after the clock edge."""
        found = {}
        for gate in self._flops:
            for name in gate.driving:
                net, arc = gate.nets[name], gate.cell.pins[name].arcs[0]
                for way in (RISE, FALL):
                    load = self.netlist.loads[way][net]
                    found[net, way] = arc.delay[way].at(CLOCK_SLEW_NS, load)
                    self.slews[net, way] = arc.slew[way].at(CLOCK_SLEW_NS, load)
        return found

    def _propagate(
        self, launch: dict[Edge, float], *, learn: bool = False
    ) -> tuple[dict[Edge, float], dict[Edge, tuple[Gate, Edge]]]:
        """Carry arrival times through the gates; learn the slews, the slowest of all inputs, the first time."""
        arrivals, origins = dict(launch), dict[Edge, tuple[Gate, Edge]]()
        for gate in self._order:
            for name in gate.driving:
                for arc in gate.cell.pins[name].arcs:
                    self._through(gate, arc, gate.nets[name], arrivals, origins, learn)
        return arrivals, origins

    def _through(
        self,
        gate: Gate,
        arc: Arc,
        out: int,
        arrivals: dict[Edge, float],
        origins: dict[Edge, tuple[Gate, Edge]],
        learn: bool,
    ) -> None:
        net = gate.nets[arc.related]
        if net in (LOW, HIGH):
            return
        for way, sources in _SOURCES.get(arc.sense, _EITHER).items():
            for source in sources:
                before = (net, source)
                if before not in arrivals or way not in arc.delay:
                    continue
                slew, load = self.slews.get(before, INPUT_SLEW_NS), self.netlist.loads[way][out]
                arrival = arrivals[before] + arc.delay[way].at(slew, load)
                if arrival > arrivals.get((out, way), NEVER):
                    arrivals[out, way] = arrival
                    origins[out, way] = (gate, before)
                if learn:
                    found = arc.slew[way].at(slew, load)
                    self.slews[out, way] = max(self.slews.get((out, way), 0.0), found)

    def _ends(self) -> Iterable[tuple[str, str, Edge, float]]:
        """Yield where paths end: kind, instance, edge, and setup time."""
        for kind, gates in (("register", self._flops), ("clock gate", self._gating)):
            for gate in gates:
                for pin in gate.cell.inputs:
                    for arc in pin.arcs:
                        if arc.kind == "setup_rising":
                            for way in (RISE, FALL):
                                edge = (gate.nets[pin.name], way)
                                slew = self.slews.get(edge, INPUT_SLEW_NS)
                                yield kind, gate.module, edge, arc.delay[way].at(slew, CLOCK_SLEW_NS)
        for memory in self.netlist.memories:
            for port, nets in memory.ports.items():
                if port != "rdata_o":
                    yield from (("memory", memory.module, (net, way), 0.0) for net in nets for way in (RISE, FALL))
        for name, nets in self.netlist.ports.items():
            if name not in self.netlist.inputs:
                yield from (("port", "", (net, way), 0.0) for net in nets for way in (RISE, FALL))

    def _steps(
        self, edge: Edge, arrivals: dict[Edge, float], origins: dict[Edge, tuple[Gate, Edge]]
    ) -> list[tuple[str, str, float]]:
        """Follow a path back to its start."""
        steps = []
        while edge in origins:
            gate, before = origins[edge]
            steps.append((gate.module, gate.cell.name, arrivals[edge]))
            edge = before
        if edge[0] in self.netlist.driver:
            gate, _ = self.netlist.driver[edge[0]]
            steps.append((gate.module, gate.cell.name, arrivals[edge]))
        return steps[::-1]
