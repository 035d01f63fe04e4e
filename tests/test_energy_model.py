from dataclasses import replace

import pytest

import eie
from eie import chip
from eie.cycles import CycleReport
from eie.energy_model import energy_range
from eie.machine import EIE_45NM


@pytest.fixture(scope="module")
def report():
    layer = eie.draw_layer(n_out=512, n_in=256, density=0.1, seed=0)
    return eie.simulate(layer, eie.draw_activations(n_in=256, density=0.4, seed=1))


def busy_pe(cycles=64_000):
    """One PE that is always busy: a column of the printed length after the other, no padding."""
    columns = int(cycles / 6.4)
    return CycleReport(
        cycles=cycles,
        broadcasts=columns,
        macs=cycles,
        padding=0,
        ptr_reads=columns,
        spmat_reads=cycles // 8,
        n_in=columns,
        n_out=0,
        n_pe=1,
        clock_hz=800e6,
    )


def test_components_are_positive_and_add_up(report):
    found = eie.energy(report, EIE_45NM)
    assert min(found.components.values()) > 0
    assert found.total == pytest.approx(sum(found.components.values()))
    assert found.watts == pytest.approx(found.total / report.seconds)


def test_time_times_power(report):
    found = eie.energy(report, EIE_45NM)
    assert found.seconds == report.seconds
    assert found.time_times_power == pytest.approx(report.seconds * chip.power(EIE_45NM) * 1e-3)


def test_counted_components_by_hand(report):
    parts = eie.energy(report, EIE_45NM, "itrs-lop").components
    assert parts["spmat read"] == pytest.approx(15.545e-12 * report.spmat_reads)
    assert parts["pointer read"] == pytest.approx(2 * 5.39858e-12 * report.ptr_reads)
    assert parts["multiply and add"] == pytest.approx(0.65e-12 * report.macs)
    assert parts["activation SRAM"] == pytest.approx((1.31542 * 256 + 1.75245 * 512) / 4 * 1e-12)


def test_two_vectors_take_twice_the_energy_of_one(report):
    twice, once = eie.energy(report + report, EIE_45NM), eie.energy(report, EIE_45NM)
    assert twice.components == pytest.approx({name: 2 * joules for name, joules in once.components.items()})


def test_reports_add_up(report):
    one, other = eie.energy(report, EIE_45NM), eie.energy(report + report, EIE_45NM)
    both = one + other
    assert both.components == pytest.approx({name: 3 * joules for name, joules in one.components.items()})
    assert (both.seconds, both.time_times_power) == pytest.approx((3 * one.seconds, 3 * one.time_times_power))
    with pytest.raises(TypeError):
        one + 1


def test_leakage_by_hand(report):
    gate = 0.352729 + 2 * 0.0522723 + 0.00932047
    leaks = 0.593142 + 2 * 0.0819824 + 0.0118402 + gate
    parts = eie.energy(report, EIE_45NM, "itrs-lop").components
    assert parts["leakage"] == pytest.approx(1e-3 * leaks * 64 * report.seconds)


def test_a_busy_pe_has_the_registers_and_logic_of_table_2():
    report = busy_pe()
    parts = {
        name: 1e3 * joules / report.seconds
        for name, joules in eie.energy(report, replace(EIE_45NM, n_pe=report.n_pe)).components.items()
    }
    assert parts["codebook"] + parts["accumulators"] + parts["queues"] == pytest.approx(1.026)
    assert parts["multiply and add"] + parts["control"] == pytest.approx(0.841)
    assert parts["clock"] == pytest.approx(1.874)


def test_the_setting_changes_the_memories_only(report):
    default, other = (eie.energy(report, EIE_45NM, setting).components for setting in (None, "itrs-hp"))
    changed = {name for name in default if default[name] != other[name]}
    assert changed == {"spmat read", "pointer read", "activation SRAM", "leakage"}


def test_a_slower_clock_leaks_more_and_counts_the_same(report):
    slower = eie.energy(replace(report, clock_hz=400e6), replace(EIE_45NM, clock_hz=400e6))
    faster = eie.energy(report, EIE_45NM)
    assert slower.components.pop("leakage") == pytest.approx(2 * faster.components["leakage"])
    assert slower.components == {name: faster.components[name] for name in slower.components}


def test_unknown_setting_or_width(report):
    with pytest.raises(ValueError, match=r"setting itrs-hp, .*, not 'none'"):
        eie.energy(report, EIE_45NM, "none")
    with pytest.raises(ValueError, match="has width 32, 64, 128, 256, 512, not 96"):
        eie.energy(report, replace(EIE_45NM, spmat_width_bits=96))


def test_a_run_of_another_machine_is_refused(report):
    with pytest.raises(ValueError, match="the run had n_pe=64, the machine has 256"):
        eie.energy(report, replace(EIE_45NM, n_pe=256))
    with pytest.raises(ValueError, match="the run had clock_hz="):
        eie.energy(report, replace(EIE_45NM, clock_hz=1e9))


def test_plausible_settings_differ_from_the_default_in_memories_only(report):
    low, high = energy_range(report, EIE_45NM)
    assert low < eie.energy(report, EIE_45NM).total < high
    assert high < eie.energy(report, EIE_45NM, "itrs-lop-as-shipped").total


def test_detection_nodes_by_hand(report):
    joules = eie.energy(report, EIE_45NM).components["detection nodes"]
    assert joules == pytest.approx(21 * 0.023e-3 * report.seconds)


def test_another_technology_is_scaled_as_the_paper_scales_power():
    machine = replace(EIE_45NM, clock_hz=45 / 28 * 800e6, feature_nm=28)
    report = busy_pe()
    one, small = replace(EIE_45NM, n_pe=1), replace(machine, n_pe=1)
    here = eie.energy(report, one)
    there = eie.energy(replace(report, clock_hz=machine.clock_hz), small)
    assert there.watts == pytest.approx(here.watts)
    assert chip.power(small) == pytest.approx(chip.power(one))
    assert chip.area(small) == pytest.approx(chip.area(one) / (45 / 28) ** 2)


def test_the_projected_chip_has_no_energy_of_45_nm():
    layer = eie.Benchmark.named("NT-We")
    other = replace(eie.EIE_28NM, feature_nm=45)
    joules = [eie.energy(eie.simulate(*layer.draw(0), machine), machine).total for machine in (eie.EIE_28NM, other)]
    assert joules[0] < joules[1]
