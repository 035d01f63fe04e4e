"""Power of a netlist from what changed in a run: the energies that its library gives, and the loads of its nets.

Per change of a net, half of C V^2 for the pins on it, and the internal energy of the gate that drives it. Inputs that
change while the output stays have energies of their own, as have clock edges. Each gate leaks on average over its
states. There are no wires, no clock tree and no glitches before layout: what the layout adds comes on
top.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import fsum

from eie.hardware.silicon.functions import possible
from eie.hardware.silicon.gates import Activity, GateSimulation
from eie.hardware.silicon.liberty import Energy, Pin
from eie.hardware.silicon.netlist import Gate
from eie.hardware.silicon.timing import CLOCK_SLEW_NS, FALL, RISE, Timing

CLOCK, REGISTER, LOGIC, OUTSIDE = "clock network", "register", "combinational", "driven from outside"
"""Table II's components, and nets whose driver is a port or a memory."""
_MW_PER_FJ_NS, _MW_PER_NW = 1e-3, 1e-6
_NO_LOAD = 0.0


@dataclass(eq=False, slots=True)
class Power:
    """Power by module and component, mW: inside of cells, of the nets that they charge, and leakage.

    Attributes
    ----------
    internal, switching, leakage : dict of (str, str) to float
        By instance and component.
    """

    internal: dict[tuple[str, str], float] = field(default_factory=dict)
    switching: dict[tuple[str, str], float] = field(default_factory=dict)
    leakage: dict[tuple[str, str], float] = field(default_factory=dict)

    @property
    def parts(self) -> tuple[dict[tuple[str, str], float], ...]:
        """All three."""
        return self.internal, self.switching, self.leakage

    def places(self) -> list[tuple[str, str]]:
        """Return all pairs of instance and component."""
        return sorted({key for part in self.parts for key in part})


def power(simulation: GateSimulation, activity: Activity, timing: Timing, period_ns: float) -> Power:
    """Work out the mean power of a run.

    Parameters
    ----------
    simulation : GateSimulation
    activity : Activity
        What it counted.
    timing : Timing
        Slews of the same netlist.
    period_ns : float
        Clock period, ns.
    """
    return _Sum(simulation, activity, timing, _MW_PER_FJ_NS / (activity.cycles * period_ns)).power()


@dataclass(frozen=True, eq=False, slots=True)
class _Sum:
    """The sum over all gates; `scale` makes mW of fJ in the run."""

    simulation: GateSimulation
    activity: Activity
    timing: Timing
    scale: float
    found: Power = field(default_factory=Power)

    def power(self) -> Power:
        self.logic()
        for k, gate in enumerate(self.simulation.flops):
            self.flop(k, gate)
        for k, gate in enumerate(self.simulation.clock_gates):
            self.clock_gate(k, gate)
        self.outside()
        for gate in self.simulation.netlist.gates:
            component = {"flip-flop": REGISTER, "clock gate": CLOCK}.get(gate.cell.role, LOGIC)
            _add(self.found.leakage, gate, component, _MW_PER_NW * gate.cell.leakage)
        return self.found

    def logic(self) -> None:
        """Add combinational gates: changes of the output, and of inputs that leave it as it is."""
        for k, node in enumerate(self.simulation.nodes):
            gate, net = node.gate, node.gate.nets[node.pin]
            energies = gate.cell.pins[node.pin].energies
            joined = fsum(self.change(gate, energy, net) for energy in energies) / max(1, len(energies))
            total = joined * int(self.activity.toggles[net])
            for i, name in enumerate(node.inputs):
                slew = self.timing.slew(gate.nets[name])
                total += int(self.activity.silent[k, i]) * _mean(gate.cell.pins[name], slew, {})
            _add(self.found.internal, gate, LOGIC, self.scale * total)
            self.charge(gate, LOGIC, net, int(self.activity.toggles[net]))

    def change(self, gate: Gate, energy: Energy, net: int) -> float:
        """Return the internal energy of a change that one input makes, fJ."""
        return energy.mean(self.timing.slew(gate.nets[energy.related]), self.load(net))

    def flop(self, k: int, gate: Gate) -> None:
        """Add a flip-flop: clock edges by what they meet, changes of its input, and of its outputs."""
        cell, edges = gate.cell, self.activity.edges[k]
        clock = next(pin for pin in cell.inputs if pin.clock)
        total = 0.0
        for given in (0, 1):
            for state in (0, 1):
                known = {"D": given, **{p.name: state ^ (p.function != cell.state) for p in cell.outputs}}
                kept = given == state
                rising = _of_edge(clock, CLOCK_SLEW_NS, RISE, known) if kept else self.taken(gate, given)
                falling = _of_edge(clock, CLOCK_SLEW_NS, FALL, known)
                total += int(edges[0, given, state]) * rising + int(edges[1, given, state]) * falling
        slew = self.timing.slew(gate.nets["D"])
        still, ran = map(int, self.activity.inputs[k])
        total += still * _mean(cell.pins["D"], slew, {clock.name: 0}) + ran * _mean(cell.pins["D"], slew, {})
        _add(self.found.internal, gate, REGISTER, self.scale * total)
        for name in gate.driving:
            net = gate.nets[name]
            self.charge(gate, REGISTER, net, int(self.activity.toggles[net]))
        self.charge_clock(gate, clock, int(edges[0].sum()))

    def taken(self, gate: Gate, given: int) -> float:
        """Return the energy of a clock edge at which a flip-flop changes, fJ."""
        total = 0.0
        for pin in gate.cell.outputs:
            load = self.load(gate.nets[pin.name]) if pin.name in gate.nets else _NO_LOAD
            rises = bool(given) == (pin.function == gate.cell.state)
            tables = [energy.tables[RISE if rises else FALL].at(CLOCK_SLEW_NS, load) for energy in pin.energies]
            total += fsum(tables) / max(1, len(tables))
        return total

    def clock_gate(self, k: int, gate: Gate) -> None:
        """Add a clock gate: the clock that stops in it or goes through, and changes of what opens it."""
        closed, opened = map(int, self.activity.gated[k])
        clock = next(pin for pin in gate.cell.inputs if pin.clock)
        enable = next(pin for pin in gate.cell.inputs if not pin.clock and pin.name in gate.nets)
        out = gate.cell.pins[gate.driving[0]]
        load = self.load(gate.nets[out.name])
        stopped = 2 * _mean(clock, CLOCK_SLEW_NS, {enable.name: 0, out.name: 0})
        passed = [energy for energy in out.energies if possible(energy.when, {enable.name: 1})]
        through = 2 * fsum(energy.mean(CLOCK_SLEW_NS, load) for energy in passed) / max(1, len(passed))
        toggles = int(self.activity.toggles[gate.nets[enable.name]])
        total = closed * stopped + opened * through
        total += toggles * _mean(enable, self.timing.slew(gate.nets[enable.name]), {})
        _add(self.found.internal, gate, CLOCK, self.scale * total)
        self.charge_clock(gate, clock, closed + opened)

    def outside(self) -> None:
        """Add the pins that ports and memories charge, but for the clock's."""
        netlist = self.simulation.netlist
        for gate in netlist.gates:
            for pin in gate.cell.inputs:
                net = gate.nets.get(pin.name)
                if net is not None and not pin.clock and net not in netlist.driver:
                    volts = netlist.library.voltage**2
                    energy = int(self.activity.toggles[net]) * _capacitance(pin) * volts / 2
                    _add(self.found.switching, gate, OUTSIDE, self.scale * energy)

    def charge(self, gate: Gate, component: str, net: int, toggles: int) -> None:
        """Add the energy that a gate charges its net with."""
        energy = toggles * self.load(net) * self.simulation.netlist.library.voltage**2 / 2
        _add(self.found.switching, gate, component, self.scale * energy)

    def charge_clock(self, gate: Gate, clock: Pin, edges: int) -> None:
        """Add a pin of the clock: charged and discharged once per cycle in which the clock reaches it."""
        energy = edges * _capacitance(clock) * self.simulation.netlist.library.voltage**2
        _add(self.found.switching, gate, CLOCK, self.scale * energy)

    def load(self, net: int) -> float:
        loads = self.simulation.netlist.loads
        return (loads[RISE][net] + loads[FALL][net]) / 2


def _add(parts: dict[tuple[str, str], float], gate: Gate, component: str, value: float) -> None:
    key = (gate.module, component)
    parts[key] = parts.get(key, 0.0) + value


def _capacitance(pin: Pin) -> float:
    return fsum(pin.capacitance.values()) / 2


def _possible(pin: Pin, known: Mapping[str, int]) -> list[Energy]:
    return [energy for energy in pin.energies if possible(energy.when, known)]


def _mean(pin: Pin, slew: float, known: Mapping[str, int]) -> float:
    """Return the mean energy of a change of an input that leaves the outputs as they are, fJ."""
    energies = _possible(pin, known)
    return fsum(energy.mean(slew, _NO_LOAD) for energy in energies) / max(1, len(energies))


def _of_edge(pin: Pin, slew: float, way: str, known: Mapping[str, int]) -> float:
    """Return the energy of a clock edge that leaves the outputs as they are, fJ."""
    energies = _possible(pin, known)
    return fsum(energy.tables[way].at(slew, _NO_LOAD) for energy in energies) / max(1, len(energies))
