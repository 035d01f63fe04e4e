import pytest

from eie.hardware.silicon.netlist import Gate, Memory, Netlist
from eie.hardware.silicon.timing import Timing


@pytest.fixture
def chain(toy):
    """A flip-flop, an inverter, a NAND gate with an input port, and a flip-flop; a memory at the inverter."""
    cells = toy.cells
    gates = [
        Gate("a", "u_act_rw", cells["DFF_X1"], {"D": 5, "C": 2, "Q": 3}),
        Gate("nand", "u_act_rw", cells["NAND2_X1"], {"A": 4, "B": 6, "Z": 5}),
        Gate("inv", "u_act_rw", cells["INV_X1"], {"A": 3, "Z": 4}),
    ]
    memory = Memory(
        "u_sram", "u_ptr_read", {"addr_i": (4,), "wdata_i": (0,), "rdata_o": (7,), "en_i": (1,), "we_i": (0,)}
    )
    ports = {"clk_i": (2,), "in_i": (6,), "out_o": (5,)}
    return Netlist(toy, gates, [memory], ports, ("clk_i", "in_i"), 8)


def test_arrival_is_the_sum_of_delays_and_setup(chain):
    by_end = {path.end: path for path in Timing(chain).worst("register")}
    launch, inverter, nand = 0.1 + 0.001, 0.01 + 0.001, 0.01 + 0.001  # a delay and the load of one pin each
    assert by_end["memory"].ns == pytest.approx(launch + inverter)
    assert by_end["port"].ns == pytest.approx(launch + inverter + nand)
    assert by_end["register"].ns == pytest.approx(launch + inverter + nand + 0.05)
    assert [cell for _, cell, _ in by_end["register"].steps] == ["DFF_X1", "INV_X1", "NAND2_X1"]
    assert by_end["register"].module == "u_act_rw"


def test_paths_from_ports_start_when_they_change(chain):
    by_end = {path.end: path for path in Timing(chain).worst("port")}
    assert by_end["register"].ns == pytest.approx(0.011 + 0.05)


def test_a_loop_is_refused(toy):
    cells = toy.cells
    gates = [Gate("x", "", cells["INV_X1"], {"A": 2, "Z": 3}), Gate("y", "", cells["INV_X1"], {"A": 3, "Z": 2})]
    with pytest.raises(ValueError, match="2 gates depend on themselves"):
        Timing(Netlist(toy, gates, [], {}, (), 4))
