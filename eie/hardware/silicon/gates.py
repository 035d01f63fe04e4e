"""Runs a netlist gate by gate, cycle by cycle, and counts what changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie._compile import Kernel
from eie.hardware.silicon.functions import MAX_INPUTS, table
from eie.hardware.silicon.netlist import HIGH, LOW, Gate, Memory, Netlist

Bits = NDArray[np.uint8]


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """An output of a combinational gate."""

    gate: Gate
    pin: str
    inputs: tuple[str, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Activity:
    """Changes of nets in a run. There are no glitches: each net changes at most once per cycle.

    Attributes
    ----------
    cycles : int
    toggles : int array of shape `(n_nets,)`
        Changes of each net.
    silent : int array of shape `(n_nodes, 6)`
        Changes of each input of a combinational gate that left the output as it was.
    edges : int array of shape `(n_flops, 2, 2, 2)`
        Clock edges that reached each flip-flop, by their direction (rise, fall), the input and the state at that time.
    inputs : int array of shape `(n_flops, 2)`
        Changes of each flip-flop's input, in cycles in which the clock stood still, and in which it ran.
    gated : int array of shape `(n_clock_gates, 2)`
        Cycles in which each clock gate was closed and open.
    words : int array of shape `(n_memories, 2)`
        Reads and writes of each memory.
    """

    cycles: int
    toggles: NDArray[np.int64]
    silent: NDArray[np.int64]
    edges: NDArray[np.int64]
    inputs: NDArray[np.int64]
    gated: NDArray[np.int64]
    words: NDArray[np.int64]


class GateSimulation:
    """A netlist that runs. Its flip-flops and memories start from random values.

    Parameters
    ----------
    netlist : Netlist
    seed : int
        Seed of the random values.

    Raises
    ------
    ValueError
        When there are latches, or flip-flops with set and reset, which no synthesis of this project gives.
    """

    def __init__(self, netlist: Netlist, seed: int = 1) -> None:
        self.netlist = netlist
        cells = {gate.cell.name: gate.cell for gate in netlist.gates}
        wrong = {name for name, cell in cells.items() if cell.role in ("latch", "other")}
        wrong |= {name for name, cell in cells.items() if cell.role == "flip-flop" and cell.next_state != "D"}
        if wrong:
            raise ValueError(f"the simulation knows plain flip-flops only, the netlist has {', '.join(sorted(wrong))}")
        self.nodes = [
            Node(gate, name, tuple(pin.name for pin in gate.cell.inputs))
            for gate in netlist.in_order()
            for name in gate.driving
        ]
        self.flops = [gate for gate in netlist.gates if gate.cell.role == "flip-flop"]
        self.clock_gates = [gate for gate in netlist.gates if gate.cell.role == "clock gate"]
        self._rng = np.random.default_rng(seed)
        nets = self._rng.integers(0, 2, netlist.n_nets + 1).astype(np.uint8)  # the last is that of unused outputs
        nets[[LOW, HIGH]] = 0, 1
        self._state = (nets, np.zeros_like(nets), *np.zeros((2, len(self.flops)), np.uint8))
        self._logic = self._node_tables()
        self._clocked = self._flop_table()
        self._stores, self._places = self._memory_tables()
        self._contents = self._rng.integers(0, 2, self._size).astype(np.uint8)

    def load(self, name: str, words: NDArray[np.uint32]) -> None:
        """Place words in a memory, from its first on; 32 bits per chunk, the lowest first.

        Parameters
        ----------
        name : str
            End of the memory's name, such as "u_even".
        words : uint32 array of shape `(n_words, chunks)`
        """
        k = next(k for k, memory in enumerate(self.netlist.memories) if memory.name.endswith(name))
        first, width = self._places[k]
        bits = np.unpackbits(np.ascontiguousarray(words, "<u4").view(np.uint8), axis=1, bitorder="little")[:, :width]
        self._contents[first : first + bits.size] = bits.ravel()

    def run(self, inputs: Mapping[str, Sequence[int] | NDArray[Any]]) -> tuple[dict[str, NDArray[np.int64]], Activity]:
        """Run as many cycles as there are values of each input.

        Parameters
        ----------
        inputs : mapping of str to sequence of int
            Values of each input port, one per cycle; an input that is missing is 0. The clock is none of them.

        Returns
        -------
        outputs : dict of str to int array
            Values of each output port, one per cycle, before the clock edge.
        Activity
        """
        netlist = self.netlist
        cycles = len(next(iter(inputs.values())))
        driven = [name for name in netlist.inputs if name != "clk_i"]
        nets = np.array([net for name in driven for net in netlist.ports[name]], np.int32)
        given = np.zeros((cycles, len(nets)), np.uint8)
        place = 0
        for name in driven:
            width = len(netlist.ports[name])
            values = np.asarray(inputs.get(name, np.zeros(cycles)), np.int64)
            given[:, place : place + width] = values[:, None] >> np.arange(width) & 1
            place += width
        outputs = [name for name in netlist.ports if name not in netlist.inputs]
        wanted = np.array([net for name in outputs for net in netlist.ports[name]], np.int32)
        seen = np.zeros((cycles, len(wanted)), np.uint8)
        activity = Activity(
            cycles,
            np.zeros(netlist.n_nets, np.int64),
            np.zeros((len(self.nodes), MAX_INPUTS), np.int64),
            np.zeros((len(self.flops), 2, 2, 2), np.int64),
            np.zeros((len(self.flops), 2), np.int64),
            np.zeros((len(self.clock_gates), 2), np.int64),
            np.zeros((len(netlist.memories), 2), np.int64),
        )
        counted = (activity.toggles, activity.silent, activity.edges, activity.inputs, activity.gated, activity.words)
        _run(self._state, nets, given, wanted, seen, self._logic, self._clocked, self._stores, self._contents, counted)
        found, place = {}, 0
        for name in outputs:
            width = len(netlist.ports[name])
            found[name] = (seen[:, place : place + width].astype(np.int64) << np.arange(width)).sum(axis=1)
            place += width
        return found, activity

    def _node_tables(self) -> tuple[NDArray[np.int32], NDArray[np.uint64], NDArray[np.int32]]:
        """Return inputs, truth table and output of each node; unused inputs are low."""
        inputs = np.full((len(self.nodes), MAX_INPUTS), LOW, np.int32)
        for k, node in enumerate(self.nodes):
            inputs[k, : len(node.inputs)] = [node.gate.nets[name] for name in node.inputs]
        made = [table(node.gate.cell.pins[node.pin].function, node.inputs) for node in self.nodes]
        outputs = [node.gate.nets[node.pin] for node in self.nodes]
        return inputs, np.array(made, np.uint64), np.array(outputs, np.int32)

    def _flop_table(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return input, output, inverted output and enable of each flip-flop; then the enable of each clock gate."""
        gating = [_enable_of(gate) for gate in self.clock_gates]
        running = {gate.nets[gate.driving[0]]: net for gate, net in zip(self.clock_gates, gating, strict=True)}
        unused, rows = self.netlist.n_nets, []
        for gate in self.flops:
            clock = next(pin.name for pin in gate.cell.inputs if pin.clock)
            by_function = {pin.function: gate.nets.get(pin.name, unused) for pin in gate.cell.outputs}
            plain = by_function.pop(gate.cell.state)
            inverted = next(iter(by_function.values()), unused)
            rows.append((gate.nets["D"], plain, inverted, running.get(gate.nets[clock], HIGH)))
        return np.array(rows, np.int32).reshape(-1, 4), np.array(gating, np.int32)

    def _memory_tables(self) -> tuple[NDArray[np.int32], list[tuple[int, int]]]:
        """Return nets and places of all memories as rows, and where each begins, and its width."""
        rows, places, first = [], [], 0
        for memory in self.netlist.memories:
            address, width = memory.ports["addr_i"], len(memory.ports["rdata_o"])
            rows.append(_memory_row(memory, first))
            places.append((first, width))
            first += width << len(address)
        self._size = first
        longest = max(map(len, rows), default=0)
        return np.array([row + [LOW] * (longest - len(row)) for row in rows], np.int32).reshape(len(rows), -1), places


def _enable_of(gate: Gate) -> int:
    """Return the net that opens a clock gate."""
    (name,) = (pin.name for pin in gate.cell.inputs if not pin.clock and pin.name in gate.nets)
    return gate.nets[name]


def _memory_row(memory: Memory, first: int) -> list[int]:
    ports = memory.ports
    address, data, read = ports["addr_i"], ports["wdata_i"], ports["rdata_o"]
    return [first, len(address), len(read), ports["en_i"][0], ports["we_i"][0], *address, *data, *read]


@Kernel
def _run(
    state: tuple[Bits, Bits, Bits, Bits],
    driven: NDArray[np.int32],
    given: Bits,
    wanted: NDArray[np.int32],
    seen: Bits,
    logic: Any,
    clocked: Any,
    stores: NDArray[np.int32],
    contents: Bits,
    counted: Any,
) -> None:
    """Take all cycles: drive the inputs, let the gates settle, look at the outputs, take the clock edge."""
    nets, changed = state[0], state[1]
    for t in range(len(given)):
        for k in range(len(driven)):
            changed[driven[k]] = nets[driven[k]] != given[t, k]
            nets[driven[k]] = given[t, k]
        _settle(nets, changed, logic, counted[1])
        _count(state, clocked, counted)
        for k in range(len(wanted)):
            seen[t, k] = nets[wanted[k]]
        _take(state, clocked, counted)
        _access(nets, changed, stores, contents, counted[5])
        _show(state, clocked)


@Kernel
def _settle(nets: Bits, changed: Bits, logic: Any, silent: NDArray[np.int64]) -> None:
    """Work out every gate, each after those that it depends on."""
    inputs, tables, outputs = logic
    for k in range(len(tables)):
        place = np.int64(0)
        for i in range(6):
            place |= np.int64(nets[inputs[k, i]]) << i
        new = np.uint8((tables[k] >> np.uint64(place)) & np.uint64(1))
        out = outputs[k]
        changed[out] = new != nets[out]
        nets[out] = new
        if not changed[out]:
            for i in range(6):
                silent[k, i] += changed[inputs[k, i]]


@Kernel
def _count(state: tuple[Bits, Bits, Bits, Bits], clocked: Any, counted: Any) -> None:
    """Count what changed since the last cycle, and the falling clock edges in between."""
    nets, changed, ran, _ = state
    flops, _ = clocked
    toggles, _, edges, inputs, _, _ = counted
    for net in range(len(toggles)):
        toggles[net] += changed[net]
    for k in range(len(flops)):
        given = flops[k, 0]
        inputs[k, ran[k]] += changed[given]
        if ran[k]:
            edges[k, 1, nets[given], nets[flops[k, 1]]] += 1


@Kernel
def _take(state: tuple[Bits, Bits, Bits, Bits], clocked: Any, counted: Any) -> None:
    """Take the rising clock edge: flip-flops whose clock runs take their inputs, but do not show them yet."""
    nets, _, ran, taken = state
    flops, enables = clocked
    edges, gated = counted[2], counted[4]
    for k in range(len(enables)):
        gated[k, nets[enables[k]]] += 1
    for k in range(len(flops)):
        ran[k] = nets[flops[k, 3]]
        taken[k] = nets[flops[k, 0]] if ran[k] else nets[flops[k, 1]]
        if ran[k]:
            edges[k, 0, nets[flops[k, 0]], nets[flops[k, 1]]] += 1


@Kernel
def _access(nets: Bits, changed: Bits, stores: NDArray[np.int32], contents: Bits, words: NDArray[np.int64]) -> None:
    """Read or write the memories; a row of `stores` is made by `_memory_row`."""
    for k in range(len(stores)):
        first, depth, width = stores[k, 0], stores[k, 1], stores[k, 2]
        address, data = 5, 5 + depth
        read = data + width
        word = np.int64(0)
        for i in range(depth):
            word |= np.int64(nets[stores[k, address + i]]) << i
        enabled, writes = nets[stores[k, 3]], nets[stores[k, 4]]
        words[k, 0] += enabled and not writes
        words[k, 1] += enabled and writes
        for i in range(width):
            place, out = first + word * width + i, stores[k, read + i]
            changed[out] = 0
            if enabled and writes:
                contents[place] = nets[stores[k, data + i]]
            elif enabled:
                changed[out] = nets[out] != contents[place]
                nets[out] = contents[place]


@Kernel
def _show(state: tuple[Bits, Bits, Bits, Bits], clocked: Any) -> None:
    """Let the outputs of flip-flops follow what they took."""
    nets, changed, _, taken = state
    flops, _ = clocked
    for k in range(len(flops)):
        out, inverted = flops[k, 1], flops[k, 2]
        changed[out] = nets[out] != taken[k]
        nets[out] = taken[k]
        changed[inverted] = nets[inverted] != 1 - taken[k]
        nets[inverted] = 1 - taken[k]
