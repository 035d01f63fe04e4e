"""Disagreements of the paper about power, energy, clock and technology."""

from __future__ import annotations

from eie import chip, published
from eie.cycles import simulate
from eie.explore.benchmarks import select
from eie.machine import EIE_45NM
from eie.studies.paper.disagreement import BOTH, NEITHER, ONE, OPEN, Disagreement, Statement
from eie.studies.paper.fig09 import left_product
from eie.studies.paper.versus_platforms import compressed_gain, figure7
from eie.technology import chip_facts, paper_value, pe_breakdown, sram


def chip_power(_seed: int) -> Disagreement:
    """Settle which power the chip has."""
    watts = {said: paper_value(said) for said in ("power-abstract", "power-section-1")}
    followed = {mw: _labels_at(mw) for mw in watts.values()}
    first, second = watts.values()
    computed = chip.power(EIE_45NM)
    return Disagreement(
        "Power of the chip",
        (
            Statement.of_text("power-abstract"),
            Statement.of_text("power-section-1"),
            Statement.of_text("power-section-8"),
            Statement.of_cell("", "table5", platform="EIE 64PE", quantity="power"),
        ),
        f"Table II's PE times {EIE_45NM.n_pe} with the detection nodes is {computed:.1f} mW. Figure 7 shows what was "
        f"used: of EIE's {followed[first][1]} labels that can be checked, {followed[first][0]} follow from Table IV "
        f"and the published watts at {first:g} mW, and {followed[second][0]} at {second:g} mW, where labels are "
        f"{followed[second][2]:.1f} % off.",
        ONE,
        f"Figure 7 and all its averages rest on {first:g} mW. The sum of Table II is nearer to {second:g} mW, so "
        f"{first:g} is a rounding up, and the energy savings are understated by that much.",
    )


def _labels_at(milliwatts: float) -> tuple[int, int, float]:
    """EIE's labels of Figure 7 that follow at a power, how many could, and the mean difference in %."""
    figure = figure7()
    layers = list(figure.checkable.index[figure.checkable["EIE"]])
    scale = paper_value("power-abstract") / milliwatts
    labels, values = figure.labels.loc[layers, "EIE"], figure.derived.loc[layers, "EIE"] * scale
    return int((values.round() == labels).sum()), len(layers), float((100 * (values / labels - 1)).abs().mean())


def projected_clock(_seed: int) -> Disagreement:
    """Settle the clock of the projected chip."""
    small, large = (
        float(published.row("table5", platform=name, quantity="throughput")["value"])
        for name in ("EIE 64PE", "EIE 256PE")
    )
    factor = large / small / paper_value("scaling-256-over-64")
    rule = chip.project(EIE_45NM, chip_facts()["technology"]["paper_nm"], chip_facts()["technology"]["projected_nm"])
    return Disagreement(
        "Clock of the projected chip",
        (
            Statement.of_cell("", "table5", platform="EIE 256PE", quantity="clock"),
            Statement("ISCA 2016 Table V", f"{factor * EIE_45NM.clock_hz / 1e6:,.0f} MHz, from its throughput"),
        ),
        f"The projected throughput is that of 64 PEs times the speed-up of footnote 3 times {factor:.3f}. By the "
        f"footnote's own rule, linear in the feature size, the clock is {rule.clock_hz / 1e6:,.0f} MHz.",
        ONE,
        "The throughput's clock follows the rule, rounded to two digits. The clock row does not, and nothing else in "
        "the table rests on it.",
    )


def read_interval(seed: int) -> Disagreement:
    """Settle how many cycles lie between two reads of the matrix memory."""
    layer, activations = select(["Alex-6"])[0].draw(seed)
    report = simulate(layer, activations)
    time = float(published.row("table4", platform="EIE", variant="actual", layer="Alex-6")["time"])
    reads = float(published.row("fig09_reads", width_bits=EIE_45NM.spmat_width_bits, quantity="reads")["value"])
    theirs = time * 1e-6 * EIE_45NM.clock_hz * EIE_45NM.n_pe / reads
    return Disagreement(
        "Cycles between reads of the matrix memory",
        (
            Statement.of_text("spmat-read-interval"),
            Statement(
                "ISCA 2016 Figure 9 left and Table IV", f"{theirs:.1f} cycles, from the reads and the time of Alex-6"
            ),
        ),
        f"Computed are {report.cycles * report.n_pe / report.spmat_reads:.1f} for the same layer. Columns of "
        f"{report.entries / report.ptr_reads:.1f} entries on average do not begin where a row of the memory does.",
        ONE,
        "The reads of Figure 9 are nearer to the computed ones. The text's number is the bound for one long column.",
    )


def panels_of_figure9(_seed: int) -> Disagreement:
    """Settle whether the panels of Figure 9 agree, and which width is best."""
    left, right = (
        left_product(),
        published.load("fig09_total").pivot(index="width_bits", columns="layer", values="energy"),
    )
    layer = "Alex-6"
    ratio = right[layer] / left
    wins = [name for name in right if right[name].idxmin() == paper_value("best-width")]
    return Disagreement(
        "Figure 9: the two panels, and the best width",
        (
            Statement.of_text("best-width", "least energy at "),
            Statement("ISCA 2016 Figure 9 left", f"least product at {left.idxmin()} bit"),
            Statement("ISCA 2016 Figure 9 right", f"least sum of all layers at {right.sum(axis=1).idxmin()} bit"),
        ),
        f"The right panel's {layer} over the product of the left panel's curves is "
        f"{', '.join(f'{value:.2f}' for value in ratio)} from the narrowest to the widest. By the right panel, "
        f"{len(wins)} of {right.shape[1]} layers have their least at the chosen width ({', '.join(wins)}).",
        NEITHER,
        "The panels were drawn with different energies a read. Which width is best depends on them more than on the "
        "layers; the page on Figure 9 computes it under several tables of energies.",
    )


def technologies(_seed: int) -> Disagreement:
    """Settle what the comparison of platforms compares."""
    size = {
        name: float(published.row("table5", platform=name, quantity="technology")["value"]) for name in ("CPU", "GPU")
    }
    rule = chip.project(EIE_45NM, paper_value("technology"), size["GPU"])
    return Disagreement(
        "What is compared with what",
        (
            Statement.of_cell("EIE: ", "table5", platform="EIE 64PE", quantity="technology"),
            *(Statement.of_cell(f"{name}: ", "table5", platform=name, quantity="technology") for name in size),
        ),
        "EIE's power is that of a layout without DRAM, the others' that of boards at work; the others' sparse "
        "kernels read 32-bit weights. Projected to the GPU's process, EIE would be "
        f"{rule.clock_hz / EIE_45NM.clock_hz:.2f} times faster at the same power.",
        OPEN,
        "The process counts against EIE, what is left out of its power counts for it. How much the latter is worth "
        "needs the boards.",
    )


def sram_energy(_seed: int) -> Disagreement:
    """Settle the energy of reading 32 bits from SRAM."""
    setting, width = chip_facts()["sram"]["setting"], 32
    small, large = (sram(size, width, setting).read_pj for size in (32 * 1024, chip_facts()["sram"]["spmat_bytes"]))
    said = float(published.row("table1", operation="32 bit 32KB SRAM", quantity="energy")["value"])
    bar = float(published.row("fig09_reads", width_bits=width, quantity="energy_per_read")["value"])
    return Disagreement(
        "Energy of reading 32 bits from SRAM",
        (
            Statement.of_cell("a memory of 32 KB: ", "table1", operation="32 bit 32KB SRAM", quantity="energy"),
            Statement.of_cell("the matrix memory: ", "fig09_reads", width_bits=width, quantity="energy_per_read"),
        ),
        f"The memories are of different size. The figure's bar is {bar / said:.2f} times Table I's; the SRAM sweep "
        f"({setting}) has {small:.1f} and {large:.1f} pJ, {large / small:.2f} times.",
        BOTH,
        "The larger memory explains most of the difference.",
    )


def mobile_gpu(_seed: int) -> Disagreement:
    """Settle how much faster pruned layers are on the mobile GPU."""
    names = {"CPU": "cpu", "GPU": "gpu", "mGPU": "mgpu"}
    found = [
        f"{platform} {compressed_gain(platform, of):.2f} ({paper_value(f'dc-{key}-{name}'):g})"
        for key, of in (("speedup", "time"), ("energy", "energy"))
        for platform, name in names.items()
    ]
    return Disagreement(
        "How much faster pruned layers are on the mobile GPU",
        (
            Statement.of_text("dc-speedup-mgpu", "time: "),
            Statement(
                "ISCA 2016 Table IV", f"{compressed_gain('mGPU', 'time'):.2f} x, from the same six layers' times"
            ),
        ),
        f"Dense over pruned in the geometric mean, from the tables (in the text): time {', '.join(found[:3])}; energy "
        f"{', '.join(found[3:])}.",
        ONE,
        "The tables hold. All else follows from them, and the number in the text is the one that energy has.",
    )


def sum_of_modules(_seed: int) -> Disagreement:
    """Settle the sum of Table II."""
    sums = {group: sum(pe_breakdown("power", group).values()) for group in ("component", "module")}
    return Disagreement(
        "The sum of Table II",
        (
            Statement.of_cell("", "table2", group="total", part="total", quantity="power"),
            Statement("ISCA 2016 Table II", f"{sums['module']:.3f} mW, its modules added up"),
        ),
        f"The components add up to {sums['component']:.3f} mW; the areas add up either way.",
        BOTH,
        "Five rounded numbers may miss their rounded sum by that much.",
    )
