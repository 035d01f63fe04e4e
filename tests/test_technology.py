import pytest

from eie import technology
from eie.machine import Machine


def test_a_memory_of_the_sweep():
    memory = technology.sram(131072, 64, "itrs-lop")
    assert (memory.read_pj, memory.write_pj, memory.area_mm2) == (15.545, 10.5387, 0.42967)
    assert memory.leakage_mw == pytest.approx(0.593142 + 2.202 * 0.1602, rel=1e-4)


def test_the_value_as_shipped_is_a_setting():
    memory = technology.sram(131072, 64, "itrs-lop-as-shipped")
    assert memory.leakage_mw == pytest.approx(0.593142 + 2.202, rel=1e-5)


def test_two_blocks_leak_as_much_and_a_read_opens_one():
    blocks, count = technology.memories(Machine(), "itrs-lop-two-blocks")["spmat"]
    assert (blocks, count) == (technology.sram(65536, 64, "itrs-lop"), 2)


def test_a_warmer_memory_leaks_more():
    warm, usual = (technology.sram(131072, 64, name) for name in ("itrs-lop-360K", "itrs-lop"))
    assert warm.leakage_mw - usual.leakage_mw == pytest.approx(0.593142 * (12.7 / 4.03 - 1))


@pytest.mark.parametrize(
    ("memory", "message"),
    [
        ((131072, 96, "itrs-lop"), r"the SRAM sweep has width 32, 64, 128, 256, 512, not 96"),
        ((4096, 64, "itrs-lop"), r"has size 2048, 8192, 16384, 32768, 65536, 131072, not 4096"),
        ((131072, 64, "fast"), r"has setting itrs-hp, .*lstp-hpperi, not 'fast'"),
        ((16384, 64, "itrs-hp-360K"), r"has size 32768, 131072, not 16384"),
    ],
)
def test_a_memory_that_the_sweep_has_not(memory, message):
    with pytest.raises(ValueError, match=message):
        technology.sram(*memory)


def test_wider_reads_take_more_energy_but_less_a_bit():
    sweep = technology.sram_table().query("setting == 'itrs-lop' and size == 131072").sort_values("width")
    assert sweep["read_pJ"].is_monotonic_increasing
    assert (sweep["read_pJ"] / sweep["width"]).is_monotonic_decreasing


def test_arithmetic():
    assert technology.operation_pj("multiply", "int", 16) == 0.60
    with pytest.raises(ValueError, match="no 16-bit float multiply"):
        technology.operation_pj("multiply", "float", 16)


def test_memories_of_one_pe():
    memories = technology.memories(Machine(), "itrs-lop")
    assert {name: count for name, (_, count) in memories.items()} == {"spmat": 1, "pointer": 2, "activation": 1}


def test_table_2_by_component_adds_up():
    assert sum(technology.pe_breakdown("power", "component").values()) == pytest.approx(9.157, abs=1e-9)
    assert sum(technology.pe_breakdown("area", "module").values()) == 638024


def test_reference_clock():
    assert technology.reference_clock_hz() == Machine().clock_hz
