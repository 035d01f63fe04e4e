import numpy as np
import pytest
from rtl_layers import formats_of, machine_of

import eie
from eie.hardware import build
from eie.hardware.silicon import gate_level, gates, synthesis, workload
from eie.hardware.silicon.gates import GateSimulation
from eie.hardware.silicon.netlist import HIGH, Gate, Memory, Netlist
from eie.hardware.silicon.power import CLOCK, LOGIC, OUTSIDE, REGISTER, power
from eie.hardware.silicon.timing import Timing
from eie.technology import Sram

needs_tools = pytest.mark.skipif(bool(build.missing_tools()), reason=build.missing_tools())
MACHINE = machine_of((2, 3, 2, 2, 2, 6))


def layer():
    rng = np.random.default_rng(3)
    codes = np.where(rng.random((25, 14)) < 0.25, rng.integers(1, 4, (25, 14)), 0).astype(np.uint8)
    return eie.encode(eie.CompressedLayer.from_codes(codes, np.array([0, 0.5, -0.75, 1.0])), MACHINE)


@pytest.fixture(scope="module")
def work():
    mem, formats = layer(), formats_of(6, "plain", 0)
    raw = np.arange(14) % 4 * 3
    return workload.of_layer(mem, raw, MACHINE, formats, p=1)


@pytest.fixture(scope="module")
def found_netlist(toy, work):
    return synthesis.synthesise(toy, "pe", synthesis.parameters_of_pe(work.geometry), 1.25)


@needs_tools
def test_every_output_of_every_cycle_is_the_stepped_machines(found_netlist, work):
    verdict, activity = workload.run(work, GateSimulation(found_netlist))
    assert (verdict.wrong, verdict.wrong_results) == (0, 0)
    assert (verdict.compared, verdict.results) == (6 * activity.cycles, 12)
    assert work.expected["mac_o"].sum() >= 20
    assert work.expected["padding_o"].sum() > 0
    assert len(set(work.results)) > 1


@needs_tools
def test_a_wrong_gate_is_seen(found_netlist, work):
    other = {"NAND2_X1": "NOR2_X1", "NOR2_X1": "NAND2_X1", "INV_X1": "BUF_X1"}
    gates_ = [g for g in found_netlist.gates if g.module == "u_arithm_unit" and g.cell.name in other]
    seen = []
    for gate in gates_[:: len(gates_) // 8]:
        changed = found_netlist.with_drives({gate.name: other[gate.cell.name]})
        verdict, _ = workload.run(work, GateSimulation(changed))
        seen.append(verdict.wrong + verdict.wrong_results > 0)
    assert len(seen) >= 8
    assert sum(seen) >= len(seen) / 2  # some gates serve what this layer does not do


def counter(toy):
    """A flip-flop that changes in every cycle, one whose clock is gated, and a memory that its address chooses from."""
    cells = toy.cells
    gates_ = [
        Gate("inv", "u_act_rw", cells["INV_X1"], {"A": 3, "Z": 4}),
        Gate("flop", "u_act_rw", cells["DFF_X1"], {"D": 4, "C": 2, "Q": 3}),
        Gate("gate", "u_act_rw", cells["GATE_X1"], {"E": 5, "C": 2, "G": 6}),
        Gate("held", "u_act_rw", cells["DFF_X1"], {"D": 3, "C": 6, "Q": 7}),
    ]
    wires = {"addr_i": (3,), "wdata_i": (0,), "rdata_o": (8,), "en_i": (HIGH,), "we_i": (0,)}
    memory = Memory("u_sram", "u_ptr_read", wires)
    ports = {"clk_i": (2,), "en_i": (5,), "held_o": (7,), "word_o": (8,), "q_o": (3,)}
    return Netlist(toy, gates_, [memory], ports, ("clk_i", "en_i"), 9)


def test_registers_clock_gates_and_memories_run(toy):
    simulation = GateSimulation(counter(toy))
    simulation.load("u_sram", np.array([[0], [1]], np.uint32))
    simulation.run({"en_i": [1, 1]})
    found, activity = simulation.run({"en_i": [1, 0, 0, 0, 1, 0]})
    first = found["q_o"][0]
    assert found["q_o"].tolist() == [first, 1 - first] * 3
    assert found["word_o"].tolist() == [1 - first, first] * 3  # what stood at the address in the cycle before
    held = found["held_o"]
    assert held[1] == first
    assert held[1] == held[2] == held[3] == held[4]
    assert held[5] == first
    assert activity.gated.tolist() == [[4, 2]]
    assert activity.words.tolist() == [[6, 0]]
    assert activity.toggles[3] == 6


def test_power_is_the_sum_of_what_changed(toy):
    netlist = counter(toy)
    simulation = GateSimulation(netlist)
    simulation.run({"en_i": [0, 0]})
    _, activity = simulation.run({"en_i": [0, 0, 0, 0]})
    drawn = power(simulation, activity, Timing(netlist), 1.0)
    at = {component: ("u_act_rw", component) for component in (CLOCK, LOGIC, REGISTER, OUTSIDE)}
    # The inverter changes once per cycle: 3 fJ inside; its net has one pin of 1 fF, half of which is charged at 1 V.
    assert drawn.internal[at[LOGIC]] == pytest.approx(3e-3)
    assert drawn.switching[at[LOGIC]] == pytest.approx(0.5e-3)
    # One flip-flop changes at each edge: 7 fJ, and 5 fJ when the clock falls; its input changes: 1/2 fJ on average.
    # The input of the other changes while its clock stands still: 1 fJ.
    assert drawn.internal[at[REGISTER]] == pytest.approx((7 + 5 + 0.5 + 1) * 1e-3)
    assert drawn.switching[at[REGISTER]] == pytest.approx(2 * 0.5e-3)
    # The clock gate stays closed: two changes of 2 fJ. Two clock pins of 0.5 fF are charged in each cycle.
    assert drawn.internal[at[CLOCK]] == pytest.approx(4e-3)
    assert drawn.switching[at[CLOCK]] == pytest.approx(2 * 0.5e-3)
    assert drawn.leakage[at[REGISTER]] == pytest.approx(2 * 20e-6)
    assert drawn.switching[at[OUTSIDE]] == 0


@needs_tools
def test_the_tables_of_a_layer(toy, found_netlist, monkeypatch):
    monkeypatch.setattr(gate_level, "synthesise", lambda *_, **__: found_netlist)
    monkeypatch.setattr(gate_level, "RECIPES", {"small": ""})
    formats, activations = formats_of(6, "plain", 0), np.arange(14) % 4 * 3 / 4
    held = dict.fromkeys(("spmat", "pointer", "activation"), (Sram(2.0, 2.0, 0.5, 0.1, 1.0), 1))
    monkeypatch.setattr(gate_level, "memories", lambda *_: held)
    ((runs, powers),) = gate_level.measure(toy, layer(), activations, MACHINE, formats=formats)
    assert (runs[0]["wrong"], runs[0]["wrong_results"]) == (0, 0)
    assert runs[0]["row_reads"] > 0
    assert {row["component"] for row in powers} == {CLOCK, LOGIC, REGISTER, OUTSIDE, "memory"}
    assert "outputs in" in gate_level.summary(runs, powers)


def test_latches_are_refused(toy):
    flop = toy.cells["DFF_X1"]
    latch = type(flop)("LATCH", 1.0, 1.0, flop.pins, "latch", "", "")
    with pytest.raises(ValueError, match="the netlist has LATCH"):
        gates.GateSimulation(Netlist(toy, [Gate("x", "", latch, {})], [], {}, (), 2))
