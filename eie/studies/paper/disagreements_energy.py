"""Numbers of the paper's disagreements about power, energy, clock and technology."""

from __future__ import annotations

from typing import Any

from eie import chip, published
from eie.cycles import simulate
from eie.explore.benchmarks import Benchmark
from eie.machine import EIE_45NM
from eie.studies.paper.fig09 import left_product
from eie.studies.paper.projection import project
from eie.studies.paper.table2 import sum_of
from eie.studies.paper.versus_platforms import compressed_gain, figure7
from eie.technology import chip_facts, paper_value, sram


def chip_power(_seed: int) -> dict[str, Any]:
    """Compute the chip's power in mW, and how EIE's labels of Figure 7 follow at two powers that the text gives."""
    said = [paper_value(f"power-{place}") for place in ("abstract", "section-1")]
    return {"computed": chip.power(EIE_45NM), "at": [_labels_at(milliwatts) for milliwatts in said]}


def _labels_at(milliwatts: float) -> tuple[int, int, float]:
    """EIE's labels of Figure 7 that follow at a power, how many could, and the mean difference in %."""
    figure = figure7()
    layers = list(figure.checkable.index[figure.checkable["EIE"]])
    scale = paper_value("power-abstract") / milliwatts
    labels, values = figure.labels.loc[layers, "EIE"], figure.derived.loc[layers, "EIE"] * scale
    return int((values.round() == labels).sum()), len(layers), float((100 * (values / labels - 1)).abs().mean())


def projected_clock(_seed: int) -> dict[str, Any]:
    """Compute the clock of the projected chip in MHz: by Table V's throughput, and by the rule of its footnote."""
    small, large = (
        published.value("table5", platform=name, quantity="throughput") for name in ("EIE 64PE", "EIE 256PE")
    )
    factor = large / small / paper_value("scaling-256-over-64")
    facts = chip_facts()["technology"]
    rule = project(EIE_45NM, facts["paper_nm"], facts["projected_nm"])
    return {"factor": factor, "throughput_mhz": factor * EIE_45NM.clock_hz / 1e6, "rule_mhz": rule.clock_hz / 1e6}


def read_interval(seed: int) -> dict[str, Any]:
    """Count the cycles between two reads of Alex-6's matrix memory: by the figures, and computed."""
    report = simulate(*Benchmark.named("Alex-6").draw(seed))
    time = published.value("table4", "time", platform="EIE", variant="actual", layer="Alex-6")
    reads = published.value("fig09_reads", width_bits=EIE_45NM.spmat_width_bits, quantity="reads")
    return {
        "theirs": time * 1e-6 * EIE_45NM.clock_hz * EIE_45NM.n_pe / reads,
        "mine": report.cycles * report.n_pe / report.spmat_reads,
        "column": report.entries / report.ptr_reads,
    }


def panels_of_figure9(_seed: int) -> dict[str, Any]:
    """Compare the panels of Figure 9, and find the best widths in bits."""
    left = left_product()
    right = published.load("fig09_total").pivot(index="width_bits", columns="layer", values="energy")
    wins = [name for name in right if right[name].idxmin() == paper_value("best-width")]
    ratios = right["Alex-6"] / left
    return {
        "left": left.idxmin(),
        "right": right.sum(axis=1).idxmin(),
        "narrowest": ratios.iloc[0],
        "widest": ratios.iloc[-1],
        "wins": len(wins),
        "winners": ", ".join(wins),
        "layers": right.shape[1],
    }


def technologies(_seed: int) -> dict[str, Any]:
    """Compute how many times faster EIE would be in the GPU's process."""
    size = published.value("table5", platform="GPU", quantity="technology")
    return {"faster": project(EIE_45NM, paper_value("technology"), size).clock_hz / EIE_45NM.clock_hz}


def sram_energy(_seed: int) -> dict[str, Any]:
    """Compute the energy of reading 32 bits from a small and a large SRAM, pJ, and their ratios."""
    facts = chip_facts()["sram"]
    small, large = (sram(size, 32, facts["setting"]).read_pj for size in (32 * 1024, facts["spmat_bytes"]))
    said = published.value("table1", operation="32 bit 32KB SRAM", quantity="energy")
    bar = published.value("fig09_reads", width_bits=32, quantity="energy_per_read")
    return {
        "setting": facts["setting"],
        "small": small,
        "large": large,
        "published": bar / said,
        "swept": large / small,
    }


def mobile_gpu(_seed: int) -> dict[str, Any]:
    """Compute how much pruning gains on each platform in time and energy, beside what the text says."""
    rows = [
        f"| {of}, {platform} | {compressed_gain(platform, of):.2f} | {paper_value(f'dc-{key}-{platform.lower()}'):g} |"
        for key, of in (("speedup", "time"), ("energy", "energy"))
        for platform in ("CPU", "GPU", "mGPU")
    ]
    table = "\n".join(["| dense / pruned | tables | text |", "|---|---:|---:|", *rows])
    return {"gain": compressed_gain("mGPU", "time"), "gains": table}


def sum_of_modules(_seed: int) -> dict[str, Any]:
    """Add up Table II's powers of components and of modules, mW."""
    return {f"{group}s": sum_of(group, "power") for group in ("component", "module")}
