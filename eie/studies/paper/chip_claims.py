"""What claims say of the machine itself: sizes, powers and rates by the chip model, and single runs of a layer."""

from __future__ import annotations

from functools import cache
from math import fsum, log2

import numpy as np
import pandas as pd

from eie import chip
from eie.central_control import Broadcast
from eie.cycles import CycleReport, simulate
from eie.explore.benchmarks import nine_layers, select
from eie.explore.sweep import geomean
from eie.interleaved import InterleavedCSC, encode
from eie.layer import CompressedLayer
from eie.machine import EIE_45NM
from eie.stepped import ActivationQueue
from eie.studies.claim import Estimate, Margin
from eie.studies.paper.table4 import layer_us
from eie.technology import chip_facts, paper_value, pe_breakdown, sram


@cache
def _encoded(layer: str) -> tuple[InterleavedCSC, CycleReport]:
    """One layer as 64 PEs hold it, and its run."""
    (benchmark,) = select([layer])
    drawn, activations = benchmark.draw()
    mem = encode(drawn, EIE_45NM)
    return mem, simulate(mem, activations)


def sram_read_pj(size: int, width: int) -> Estimate:
    """Compute the energy of a read by the SRAM sweep as the energy model uses it, pJ; size in bytes, width in bits.

    Its error is what the number of blocks leaves open: a memory of two blocks opens one of half the size.
    """
    setting = chip_facts()["sram"]["setting"]
    whole, half = (sram(each, width, setting).read_pj for each in (size, size // 2))
    return Estimate(whole, abs(whole - half), "memory of one block or of two")


def paper_chip(quantity: str) -> float:
    """Return a number of the paper's chip by the chip model: power in mW or W, areas in mm2, the peak rate in GOP/s.

    The largest jump is the number of rows from one entry to the next at the most, without a padding zero.
    """
    compute = {
        "power": lambda: chip.power(EIE_45NM),
        "power, W": lambda: chip.power(EIE_45NM) / 1e3,
        "area": lambda: chip.area(EIE_45NM),
        "PE area": lambda: fsum(chip.pe_area(EIE_45NM).values()),
        "PE power": lambda: fsum(chip.pe_power(EIE_45NM).values()),
        "memory power": lambda: EIE_45NM.n_pe * pe_breakdown("power", "component")["memory"] / 1e3,
        "lnzd nodes": lambda: float(chip.lnzd_nodes(EIE_45NM)),
        "peak": lambda: 2 * EIE_45NM.n_pe * EIE_45NM.clock_hz / 1e9,
        "bits to point to every entry": lambda: log2(weights_per_pe()),
        "largest jump": lambda: float(EIE_45NM.max_skip + 1),
    }
    return compute[quantity]()


def clock_fits_critical_path() -> Margin:
    """Compute how much longer a cycle is than the critical path, ns."""
    return Margin(1e9 / EIE_45NM.clock_hz - paper_value("critical-path"), unit="ns")


def sram_kb(part: str) -> float:
    """Compute the SRAM of one PE in the chip model, KB: `"spmat"`, `"ptr"`, `"act"` or `"total"`."""
    facts = chip_facts()["sram"]
    sizes = {
        "spmat": facts["spmat_bytes"],
        "ptr": facts["pointer_bytes"] * facts["pointer_banks"],
        "act": facts["activation_bytes"],
    }
    return float(sizes.get(part, sum(sizes.values()))) / 1024


def weights_per_pe(dense: bool = False) -> float:
    """Count the weights that one PE holds; or, of AlexNet's layers before pruning, those that they stand for."""
    held = chip.weights_held(EIE_45NM) / EIE_45NM.n_pe
    alexnet = [benchmark for benchmark in nine_layers() if benchmark.model == "AlexNet"]
    kept = sum(layer.expected_entries for layer in alexnet) / sum(layer.n_in * layer.n_out for layer in alexnet)
    return held / kept if dense else held


def registers() -> float:
    """Count the activations that the register files of all PEs hold."""
    return paper_value("act-registers") * EIE_45NM.n_pe


def queue_holds(depth: int) -> int:
    """Count the activations that the ring buffer takes before it is full."""
    queue = ActivationQueue(depth)
    while not queue.full:
        queue.propagate(Broadcast(0, 1), taken=False)
        queue.update()
    return len(queue.slots)


def every_layer_fits() -> Margin:
    """Compute how much the fullest PE's sparse-matrix memory has left, over the nine layers with their padding, %."""
    most = max(int(np.diff(_encoded(layer.name)[0].pe_start).max()) for layer in nine_layers())
    return Margin(100 * (1 - most / weights_per_pe()), unit="%")


def entries_per_column(rows: str, density: str) -> float:
    """Count the entries of a column in each of 64 PEs, by the ids of numbers of the text: rows, and a density in %."""
    return paper_value(rows) * paper_value(density) / 100 / EIE_45NM.n_pe


def cycles_between_reads(memory: str, layer: str) -> float:
    """Count the cycles from one read to the next of a PE's `"spmat"` or `"ptr"` memory while a layer runs."""
    report = _encoded(layer)[1]
    return report.cycles * report.n_pe / int(getattr(report, f"{memory}_reads"))


@cache
def cycles_saved(seed: int = 0) -> pd.Series:
    """Cycles saved by skipping zero activations in %, a value a layer that has some."""
    saved = {}
    for benchmark in (layer for layer in nine_layers() if layer.act_density < 1):
        layer, activations = benchmark.draw(seed)
        mem = encode(layer, EIE_45NM)
        sparse, full = (simulate(mem, vector).cycles for vector in (activations, np.ones(benchmark.n_in)))
        saved[benchmark.name] = 100 * (1 - sparse / full)
    return pd.Series(saved)


def mean_cycles_saved() -> float:
    """Compute the cycles saved by skipping zero activations, mean over the layers that have some, %."""
    return float(cycles_saved().mean())


@cache
def batches(layer: str, seed: int = 0) -> pd.DataFrame:
    """A layer in batches of as many inputs as registers hold: `inputs`, `cycles`, `macs`, `most` entries in a PE."""
    (benchmark,) = select([layer])
    drawn, activations = benchmark.draw(seed)
    columns, step = drawn.to_scipy(), int(paper_value("act-registers-chip"))
    rows = []
    for start in range(0, benchmark.n_in, step):
        part = columns[:, start : start + step]
        n_in = part.shape[1]
        own = CompressedLayer(drawn.n_out, n_in, part.indptr, part.indices, part.data, drawn.codebook)
        mem = encode(own, EIE_45NM)
        report = simulate(mem, activations[start : start + n_in])
        rows.append(
            {"inputs": n_in, "cycles": report.cycles, "macs": report.macs, "most": int(np.diff(mem.pe_start).max())}
        )
    return pd.DataFrame(rows)


def runs_on_64_pes(layer: str) -> bool:
    """Tell whether a layer runs on 64 PEs in batches of as many inputs as the registers hold, each input once."""
    drawn, activations = select([layer])[0].draw()
    wanted = int(np.diff(drawn.indptr)[activations != 0].sum())
    return int(batches(layer)["macs"].sum()) == wanted


def dense_rate() -> float:
    """Compute the rate of an equally fast dense accelerator over the layers whose inputs come from a ReLU, TOP/s."""
    fed = [layer for layer in nine_layers() if layer.act_density < 1]
    return geomean([2 * layer.n_in * layer.n_out / layer_us(layer.name, "actual") / 1e6 for layer in fed])
