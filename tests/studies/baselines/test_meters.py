import time
from types import SimpleNamespace

import pytest

from eie.studies.baselines import meters


@pytest.fixture
def counters(tmp_path, monkeypatch):
    """RAPL's folder with two sockets' counters, and time that passes at will."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(meters.time, "perf_counter", lambda: clock.now)
    monkeypatch.setattr(meters.Rapl, "FOLDER", tmp_path)

    def zone(folder, name, microjoules, top="1000000000"):
        (tmp_path / folder).mkdir(exist_ok=True)
        for file, text in (("name", name), ("energy_uj", microjoules), ("max_energy_range_uj", top)):
            (tmp_path / folder / file).write_text(f"{text}\n")

    zone("intel-rapl:0", "package-0", 500)
    zone("intel-rapl:0:0", "core", 100)
    zone("intel-rapl:0:1", "dram", 40)
    zone("intel-rapl:1", "psys", 900)
    zone("intel-rapl-mmio:0", "package-0", 500)
    return SimpleNamespace(zone=zone, clock=clock, folder=tmp_path)


def test_power_of_sockets_and_memory(counters):
    with meters.Rapl.find() as meter:
        counters.zone("intel-rapl:0", "package-0", 60_000_500)
        counters.zone("intel-rapl:0:1", "dram", 10_000_040)
        counters.clock.now += 2
    assert meter.name == "RAPL (package-0, dram)"
    assert meter.watts == pytest.approx(35)


def test_counter_that_starts_again_at_zero(counters):
    with meters.Rapl.find() as meter:
        counters.zone("intel-rapl:0", "package-0", 250, top="600")
        counters.clock.now += 1
    assert meter.watts == pytest.approx(350e-6)


def test_time_too_short_for_the_counters(counters):
    with meters.Rapl.find() as meter:
        counters.clock.now += 0.01
    assert meter.watts is None


def test_counters_that_cannot_be_read(counters):
    counters.zone("intel-rapl:0", "package-0", "")
    (counters.folder / "intel-rapl:0:1" / "energy_uj").unlink()
    assert meters.Rapl.find() is None


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    """Put a program of that name in the way."""

    def make(says):
        program = tmp_path / "nvidia-smi"
        program.write_text(
            f'#!/bin/sh\nfor word in {says}; do echo "$word"; done\n'
            f'case "$*" in *loop*) : > {tmp_path}/said; exec sleep 60;; esac\n'
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return make


def test_power_of_a_gpu(nvidia_smi, tmp_path):
    nvidia_smi("50.5 10 100.5 200.5")
    with meters.NvidiaSmi.find("GPU-1") as meter:
        while not (tmp_path / "said").exists():
            time.sleep(0.01)
    assert meter.watts == pytest.approx(150.5)


@pytest.mark.parametrize("says", ["'[N/A]'", "'No devices were found'"])
def test_gpu_that_tells_no_power(nvidia_smi, says):
    nvidia_smi(says)
    assert meters.NvidiaSmi.find("GPU-1") is None


def test_no_nvidia_smi(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert meters.NvidiaSmi.find("GPU-1") is None
