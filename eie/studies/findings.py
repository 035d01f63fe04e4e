"""What claims of the paper are held against: one small function a kind of finding.

Findings take what the pages show: each exhibit is computed with its own defaults, once a process. What a finding
returns is in the unit of the claim that names it in `data/published/claims.toml`, or a bool for a message in words.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from math import log2, prod

import numpy as np
import pandas as pd

from eie import chip as chips
from eie import published
from eie.cycles import CycleReport, simulate
from eie.explore.benchmarks import nine_layers, select
from eie.explore.sweep import geomean, sweep
from eie.explore.synthetic import draw_activations, draw_layer
from eie.interleaved import InterleavedCSC, encode
from eie.layer import CompressedLayer
from eie.machine import EIE_28NM, EIE_45NM, Machine
from eie.studies import experiments
from eie.studies.paper import disagreements, fig08, fig09, pe_counts
from eie.studies.paper.deep_compression import DeepCompression, deep_compression
from eie.studies.paper.fig10 import Figure10, figure10
from eie.studies.paper.format_example import FormatExample, figures2_3
from eie.studies.paper.ladder import STEPS, Ladder, ladder
from eie.studies.paper.partitioning import Partitioning, partitioning
from eie.studies.paper.series import Series
from eie.studies.paper.table1 import Table1
from eie.studies.paper.table1 import table1 as table_1
from eie.studies.paper.table3 import Table3
from eie.studies.paper.table3 import table3 as table_3
from eie.studies.paper.table4 import Table4
from eie.studies.paper.table4 import table4 as table_4
from eie.studies.paper.table5 import Table5
from eie.studies.paper.table5 import table5 as table_5
from eie.studies.paper.versus_platforms import GEOMEAN, Versus, figure6, figure7
from eie.studies.retrospective import edits, mapping, point_clouds, progressive, tokens
from eie.studies.retrospective import frames as videos
from eie.studies.retrospective.ablation import Ablation, ablation
from eie.studies.retrospective.balance import FREE, Balance, balance
from eie.studies.retrospective.capacity import COMPRESSED, DRAM, SRAM, Capacity, capacity
from eie.studies.retrospective.dense_array import DenseArray
from eie.studies.retrospective.density import ARRAYS, FAIREST, Density, density
from eie.studies.retrospective.emerging import KEPT
from eie.studies.retrospective.overheads import BY_BLOCK, UNSTRUCTURED, Overheads, overheads
from eie.studies.retrospective.patterns import FINE, PATTERNS, lowest
from eie.studies.retrospective.vector import Vector, vector
from eie.studies.retrospective.w4a16 import four_bit_weights
from eie.technology import chip_facts, paper_value, pe_breakdown, sram

PAST_THE_KNEE = 0.5
"""A depth is past the knee when doubling it gains less than this fraction of what the doubling before gained."""

NEAR_LINEAR = 0.5
"""Speed grows nearly linearly when N PEs are at least this fraction of N times as fast as one."""


@cache
def _together() -> None:
    """Run what several exhibits share in one go, so that each layer is drawn once."""
    machines = [Machine(fifo_depth=depth) for depth in fig08.DEPTHS]
    machines += [Machine(spmat_width_bits=width) for width in fig09.WIDTHS]
    sweep(nine_layers(), list(dict.fromkeys(machines)), draws=5)


@cache
def _table1() -> Table1:
    return table_1()


@cache
def _table3() -> Table3:
    return table_3()


@cache
def _table4() -> Table4:
    _together()
    return table_4()


@cache
def _table5() -> Table5:
    _together()
    return table_5()


@cache
def _versus(figure: str) -> Versus:
    _together()
    return {"fig06": figure6, "fig07": figure7}[figure]()


@cache
def _series(figure: str) -> Series:
    _together()
    exhibits = {
        "fig08": fig08.figure8,
        "fig11": pe_counts.figure11,
        "fig12": pe_counts.figure12,
        "fig13": pe_counts.figure13,
    }
    return exhibits[figure]()


@cache
def _figure9() -> fig09.Figure9:
    _together()
    return fig09.figure9()


@cache
def _figure10() -> Figure10:
    return figure10()


@cache
def _deep_compression() -> DeepCompression:
    return deep_compression(evaluate=False)


@cache
def _ladder() -> Ladder:
    return ladder()


@cache
def _partitioning() -> Partitioning:
    return partitioning()


@cache
def _density() -> Density:
    return density(draws=2)


@cache
def _ablation() -> Ablation:
    return ablation(draws=2)


@cache
def _overheads() -> Overheads:
    return overheads(draws=2)


@cache
def _capacity() -> Capacity:
    return capacity(draws=2)


@cache
def _vector() -> Vector:
    return vector(draws=2, live=False)


@cache
def _balance() -> Balance:
    return balance(["Alex-8", "NT-We"], [1], [256], [64], draws=2)


@cache
def _example() -> FormatExample:
    return figures2_3()


@cache
def _encoded(layer: str) -> tuple[InterleavedCSC, CycleReport]:
    """One layer as 64 PEs hold it, and its run."""
    (benchmark,) = select([layer])
    drawn, activations = benchmark.draw()
    mem = encode(drawn, EIE_45NM)
    return mem, simulate(mem, activations)


def table1_ratio(operation: str) -> float:
    """Energy of an operation of Table I over that of the cheapest one."""
    return float(_table1().table().loc[operation, "relative, computed"])


def dram_over_sram() -> float:
    """Energy of a DRAM read over that of an SRAM read, by Table I's energies."""
    return _table1().dram_over_sram


def dram_over_arithmetic() -> float:
    """Orders of magnitude between a DRAM read and arithmetic, mean over Table I's four operations."""
    energy = _table1().table()["energy, pJ"]
    arithmetic = energy[~energy.index.str.contains("RAM")]
    return float(np.log10(energy.max() / arithmetic).mean())


def dram_watts() -> float:
    """Power of the text's example, all weights from DRAM, W."""
    return _table1().dram_watts


def sram_read_pj(size: int, width: int) -> float:
    """Energy of a read by the SRAM sweep as the energy model uses it, pJ; size in bytes, width in bits."""
    return sram(size, width, chip_facts()["sram"]["setting"]).read_pj


def table2_sum(group: str, quantity: str) -> float:
    """What the components or the modules of a PE add up to: power in mW, area in um2."""
    return sum(pe_breakdown(quantity, group).values())


def filler_holds_wider_arithmetic() -> bool:
    """Whether the filler cells' area would hold the arithmetic unit and the activation registers once more."""
    area = pe_breakdown("area", "module")
    return area["filler cell"] >= area["ArithmUnit"] + area["ActRW"]


def flops(layer: str) -> float:
    """Multiplications left of a layer drawn at Table III's densities, %."""
    return float(_table3().table().loc[layer, "FLOP %, drawn"])


def table4(layer: str, row: str) -> float:
    """EIE's `"theoretical"` or `"actual"` time of a layer, us."""
    return float(_table4().table().loc[layer, row])


def slowdown(rows: str) -> float:
    """How much longer the actual time is than the theoretical one, geometric mean, %; `"computed"` or `"printed"`."""
    prefix = {"computed": "", "printed": "published "}[rows]
    table = _table4().table()
    return 100 * (geomean(table[f"{prefix}actual"] / table[f"{prefix}theoretical"]) - 1)


def frames(network: str, rows: str) -> float:
    """Rate of a network's fully-connected layers one after the other, 1/s; times `"computed"` or `"printed"`."""
    table = _table4().table()
    times = table.loc[table.index.str.startswith(network), {"computed": "actual", "printed": "published actual"}[rows]]
    return 1e6 / float(times.sum())


def speedup(over: str) -> float:
    """How many times faster EIE as computed is than a row of Figure 6, geometric mean of nine layers."""
    figure = _versus("fig06")
    return float(figure.computed[GEOMEAN] / figure.derived.loc[GEOMEAN, over])


def energy_saving(over: str) -> float:
    """How many times less energy EIE as computed takes than a row of Figure 7, geometric mean of nine layers."""
    figure = _versus("fig07")
    return float(figure.computed[GEOMEAN] / geomean(figure.labels[over].drop(GEOMEAN)))


def bar(figure: str, platform: str, layer: str = GEOMEAN) -> float:
    """A bar of Figure 6 or 7 worked out from the paper's own tables."""
    return float(_versus(figure).derived.loc[layer, platform])


def geomean_of_labels(figure: str, platform: str) -> float:
    """Geometric mean of the nine labels that a figure prints."""
    return geomean(_versus(figure).labels[platform].drop(GEOMEAN))


def labels_that_follow(figure: str) -> float:
    """Labels of Figure 6 or 7 that follow from the paper's tables as printed, % of those that can be checked."""
    good, could = _versus(figure).followed
    return 100 * good / could


def table5(platform: str, quantity: str) -> float:
    """One of EIE's cells of Table V, with the times computed here; in the table's unit."""
    value = float(_table5().computed.loc[quantity, platform])
    return 1e6 * value if quantity == "max_params" else value


def platform_frames(platform: str) -> float:
    """Rate of AlexNet's second layer on a platform by Table IV's dense time, 1/s."""
    row = published.row("table4", platform=platform, batch=1, variant="dense", layer="Alex-7")
    return 1e6 / float(row["time"])


def dadiannao_bandwidth() -> float:
    """Memory bandwidth of DaDianNao from its tiles, banks, width and clock, GB/s."""
    wires = prod(paper_value(f"dadiannao-{part}") for part in ("tiles", "banks", "bank-width", "clock"))
    return wires * 1e6 / 8 / 1e9


def dadiannao_frames() -> float:
    """Rate of DaDianNao when reading 16-bit weights of AlexNet's second layer bounds it, 1/s."""
    (layer,) = select(["Alex-7"])
    return paper_value("dadiannao-bandwidth") * 1e9 / (layer.n_in * layer.n_out * 2)


def over_dadiannao(quantity: str) -> float:
    """The projected chip over DaDianNao, in a quantity of Table V."""
    theirs = published.row("table5", platform="DaDianNao", quantity=quantity)["value"]
    return table5("EIE 256PE", quantity) / float(theirs)


def dadiannao_compressed_watts() -> float:
    """Power of DaDianNao if its memory held only a pruned network in EIE's entries, W."""
    memory = paper_value("dadiannao-power-memory")
    left = paper_value("matrix-density") / 100 * EIE_45NM.entry_bits / chip_facts()["arithmetic"]["bits"]
    return paper_value("dadiannao-power") - memory * (1 - left)


def parameters_on_titan_x() -> float:
    """Parameters that the projected chip would hold if it were as large as the Titan X."""
    area = published.row("table5", platform="GPU", quantity="area")["value"]
    return table5("EIE 256PE", "max_params") * float(area) / table5("EIE 256PE", "area")


def scaling() -> float:
    """Speed of 256 PEs over that of 64 on AlexNet's second layer, the clock being the same."""
    row = _series("fig11").table().loc["Alex-7"]
    return float(row[EIE_28NM.n_pe] / row[EIE_45NM.n_pe])


def chip(quantity: str) -> float:
    """A number of the paper's chip by the chip model: power in mW or W, areas in mm2, the peak rate in GOP/s."""
    compute = {
        "power": lambda: chips.power(EIE_45NM),
        "power, W": lambda: chips.power(EIE_45NM) / 1e3,
        "area": lambda: chips.area(EIE_45NM),
        "PE area": lambda: sum(chips.pe_area(EIE_45NM).values()),
        "PE power": lambda: sum(chips.pe_power(EIE_45NM).values()),
        "memory power": lambda: EIE_45NM.n_pe * pe_breakdown("power", "component")["memory"] / 1e3,
        "lnzd nodes": lambda: float(chips.lnzd_nodes(EIE_45NM)),
        "peak": lambda: 2 * EIE_45NM.n_pe * EIE_45NM.clock_hz / 1e9,
    }
    return compute[quantity]()


def lnzd_share_is_below_bound() -> bool:
    """Whether a detection node takes less of a PE's area than the text's bound."""
    share = 100 * paper_value("lnzd-area") / table2_sum("module", "area")
    return share < paper_value("lnzd-area-share")


def clock_fits_critical_path() -> bool:
    """Whether a cycle is at least as long as the critical path."""
    return 1e9 / EIE_45NM.clock_hz >= paper_value("critical-path")


def sram_kb(part: str) -> float:
    """SRAM of one PE in the chip model, KB: `"spmat"`, `"ptr"`, `"act"` or `"total"`."""
    facts = chip_facts()["sram"]
    sizes = {
        "spmat": facts["spmat_bytes"],
        "ptr": facts["pointer_bytes"] * facts["pointer_banks"],
        "act": facts["activation_bytes"],
    }
    return float(sizes.get(part, sum(sizes.values()))) / 1024


def weights_a_pe(dense: bool = False) -> float:
    """Weights that one PE holds; or, of AlexNet's layers before pruning, those that they stand for."""
    held = chips.weights_held(EIE_45NM) / EIE_45NM.n_pe
    alexnet = [benchmark for benchmark in nine_layers() if benchmark.model == "AlexNet"]
    kept = sum(layer.expected_entries for layer in alexnet) / sum(layer.n_in * layer.n_out for layer in alexnet)
    return held / kept if dense else held


def pointer_bits() -> float:
    """Bits that a pointer needs to reach every entry of a PE's sparse-matrix memory."""
    return log2(chips.weights_held(EIE_45NM) / EIE_45NM.n_pe)


def registers() -> float:
    """Activations that the register files of all PEs hold."""
    return paper_value("act-registers") * EIE_45NM.n_pe


def queue_holds(depth: int) -> float:
    """Activations that a queue of a depth holds before a broadcast must wait."""
    return float(disagreements.queue_holds(depth))


def padding_of_example() -> float:
    """Padding zeros that the encoding example of section III needs."""
    return float(disagreements.padding_after(int(paper_value("example-zeros"))))


def largest_jump() -> float:
    """Rows from one entry to the next at the most, without a padding zero."""
    return float(EIE_45NM.max_skip + 1)


def every_layer_fits() -> bool:
    """Whether each of the nine layers fits in the sparse-matrix memories of 64 PEs, padding zeros among the entries."""
    each = chips.weights_held(EIE_45NM) / EIE_45NM.n_pe
    return all(float(np.diff(_encoded(layer.name)[0].pe_start).max()) <= each for layer in nine_layers())


def entries_per_column(layer: str | None = None) -> float:
    """Entries of a column in one PE: of the text's example, or of a layer of Table III without padding."""
    if layer is None:
        return paper_value("example-column-rows") * paper_value("example-column-density") / 100 / EIE_45NM.n_pe
    (benchmark,) = select([layer])
    return benchmark.expected_entries / benchmark.n_in / EIE_45NM.n_pe


def cycles_between_reads(memory: str, layer: str) -> float:
    """Cycles from one read to the next of a PE's `"spmat"` or `"ptr"` memory while a layer runs."""
    report = _encoded(layer)[1]
    return report.cycles * report.n_pe / int(getattr(report, f"{memory}_reads"))


def cycles_saved() -> float:
    """Cycles saved by skipping zero activations, mean over the layers that have some, %."""
    return float(disagreements.cycles_saved().mean())


def ladder_factor(step: str, only_relu: bool = False) -> float:
    """What a step of the abstract's ladder saves, geometric mean of the layers, or of those that a ReLU precedes."""
    layers = [benchmark.name for benchmark in nine_layers() if benchmark.act_density < 1 or not only_relu]
    return geomean(_ladder().factors().loc[layers, step])


def ladder_shortfall() -> float:
    """How many times less the whole chip saves than the product of the four savings, bottom-up."""
    return ladder_factor("all four") / ladder_factor(STEPS[-1])


def product_of_savings() -> float:
    """The abstract's four savings multiplied."""
    return prod(paper_value(f"saving-{name}") for name in ("sram", "sparsity", "sharing", "activations"))


def dense_rate(by: str) -> float:
    """Rate of a dense accelerator as fast, TOP/s: by the text's `"factors"`, or `"computed"` where a ReLU feeds."""
    if by == "factors":
        factors = paper_value("weight-sparsity-factor") * paper_value("activation-sparsity-factor")
        return chip("peak") * factors / 1e3
    fed = [layer for layer in nine_layers() if layer.act_density < 1]
    return geomean([2 * layer.n_in * layer.n_out / table4(layer.name, "actual") / 1e6 for layer in fed])


def operations_saved() -> float:
    """Share of the dense rate that the text's two sparsity factors make unnecessary, %."""
    return 100 * (1 - 1 / (paper_value("weight-sparsity-factor") * paper_value("activation-sparsity-factor")))


def figure3_matches() -> bool:
    """Whether the memory of PE0 comes out of the encoder as Figure 3 prints it."""
    return not _example().unlike()


def column_empty_on(p: int, column: int) -> bool:
    """Whether a PE of Figure 2's example has nothing in a column."""
    pointers = _example().mem.pe(p)[2]
    return bool(pointers[column] == pointers[column + 1])


def figure_difference(figure: str) -> float:
    """Mean absolute difference of Figure 8, 11, 12 or 13 to what is computed; points, for Figure 11 %."""
    return _series(figure).mean_absolute_difference


def figure11_swapped() -> float:
    """Mean absolute difference of Figure 11's AlexNet and VGG layers with their labels swapped, %."""
    figure = _series("fig11")
    assert isinstance(figure, pe_counts.Figure11)
    return float(figure.swapped()["swapped"].mean())


def past_the_knee(depth: int) -> bool:
    """Whether queues twice as deep gain little over those of this depth, which gained over those half as deep."""
    mean = _series("fig08").table().mean()
    return bool(mean[2 * depth] - mean[depth] < PAST_THE_KNEE * (mean[depth] - mean[depth // 2]))


def one_layer_apart() -> bool:
    """Whether speed grows nearly linearly, up to the text's number of PEs, on all layers but NT-We, and not there."""
    most = int(paper_value("scalable-pe-count"))
    near = _series("fig11").table()[most] >= NEAR_LINEAR * most
    return list(near.index[~near]) == ["NT-We"]


def falls_with_pes(figure: str) -> bool:
    """Whether a series of Figure 12 or 13 falls from the fewest to the most PEs on every layer."""
    table = _series(figure).table()
    return bool((table.iloc[:, -1] < table.iloc[:, 0]).all())


def padding_falls() -> bool:
    """Whether the fraction of real work grows with the PEs on every layer."""
    return bool((_series("fig12").table().diff(axis=1).iloc[:, 1:] > -1e-9).all(axis=None))


def better_balanced_on(n_pe: int) -> bool:
    """Whether NT-We has a better load balance on so many PEs than on 64."""
    row = _series("fig13").table().loc["NT-We"]
    return bool(row[n_pe] > row[EIE_45NM.n_pe])


def nt_we_entries() -> float:
    """Entries of a column of NT-We in each of 64 PEs, at the density that section VI gives."""
    return paper_value("nt-we-rows") * paper_value("nt-we-density-section-6") / 100 / EIE_45NM.n_pe


def best_width(energies: str) -> float:
    """Width of the sparse-matrix memory with the least energy for all layers together, bits; by a table of energies."""
    if energies == "left panel":
        return float(disagreements.left_product().idxmin())
    if energies == "right panel":
        return float(_figure9().panel().sum().idxmin())
    return float(str(_figure9().least().loc[energies, fig09.ALL]))


def figure9_difference() -> float:
    """Mean absolute difference of Figure 9's right panel to computed reads times the energies it implies, %."""
    return _figure9().series().mean_absolute_difference


def multiplication_ratio(column: str) -> float:
    """Energy of a 32-bit multiplication of a kind over a 16-bit fixed-point one, by the arithmetic table."""
    return float(_figure10().table().loc[column, "energy"] / _figure10().table().loc["16b int", "energy"])


def rows_beat(grid: str) -> bool:
    """Whether dealing rows to PEs is faster on average than another way of dealing the matrix out."""
    return bool(_partitioning().table()[grid].mean() > 1)


def grid_balance_below(limit: float) -> bool:
    """Whether 2-D blocks leave the load unbalanced: mean balance, adding up counted as waiting, below a limit in %."""
    return bool(_partitioning().balance()["2-D blocks"].mean() < limit)


def winograd_saving(outputs: int, kernel: int) -> float:
    """How many times fewer multiplications a Winograd convolution needs for a square patch of outputs."""
    return (outputs * kernel) ** 2 / winograd_products(outputs, kernel)


def winograd_products(outputs: int, kernel: int) -> float:
    """Multiplications of one channel of a patch, each of which becomes a matrix-vector product over the channels."""
    return float((outputs + kernel - 1) ** 2)


def runs_on_64_pes(layer: str) -> bool:
    """Whether a layer runs on 64 PEs in batches of as many inputs as the registers hold, every input in one of them."""
    drawn, activations = select([layer])[0].draw()
    wanted = int(np.diff(drawn.indptr)[activations != 0].sum())
    return int(disagreements.batches(layer)["macs"].sum()) == wanted


def compressed_gain(platform: str, of: str) -> float:
    """Dense over pruned layers on a platform at batch 1, geometric mean of six layers: of `"time"` or `"energy"`."""
    return disagreements.compressed_gain(platform, of)


def half_a_percent(row: str = "actual", layer: str | None = None) -> float:
    """How much half of the whole percents that Table III prints moves a time, %; the mean over layers if none is named.

    `row` is `"theoretical"` or `"actual"`, as in Table IV.
    """
    moved = _half_a_percent()[row]
    return float(moved.mean() if layer is None else moved[layer])


@cache
def _half_a_percent() -> pd.DataFrame:
    half = 0.005
    columns = {"theoretical": "theoretical_seconds", "actual": "seconds"}
    changes = {}
    for layer in nine_layers():
        near = [replace(layer, weight_density=layer.weight_density + step) for step in (-half, half)]
        low, high = (sweep([other], [EIE_45NM]).iloc[0] for other in near)
        changes[layer.name] = {row: 100 * (high[column] / low[column] - 1) / 2 for row, column in columns.items()}
    return pd.DataFrame(changes).T


def pays_at_half_density(multipliers: str) -> bool:
    """Whether EIE takes no more energy than a dense array at the slide's density, at every density of the inputs.

    The array has `"as many"` multipliers as EIE, or one for each weight of `"a row"` of its memory.
    """
    array = {"as many": FAIREST, "a row": ARRAYS[-1]}[multipliers]
    even = _density().break_even("energy")[str(array)].mean()
    return bool((even >= published.row("retrospective", id="sparse-hardware-density")["value"]).all())


def saved_cycles(by: str) -> float:
    """Cycles of a dense layer over those left, at the slide's density of `"weights"` or of `"inputs"`."""
    sparsity = {"weights": "weight-sparsity", "inputs": "activation-sparsity"}[by]
    kept = 1 - published.row("retrospective", id=sparsity)["value"] / 100
    layer, x = _slide_layer(kept if by == "weights" else 1.0, 1.0 if by == "weights" else kept)
    full = DenseArray(EIE_45NM.weight_bits, skips_zeros=False).run(layer.n_out, x)
    return full.cycles / simulate(layer, x).cycles


def saved_memory(by: str) -> float:
    """Bits of a layer before over after: pruning (`"weights"`, index, padding and pointers counted) or `"sharing"`."""
    sparsity = published.row("retrospective", id="weight-sparsity")["value"] / 100
    layer, _ = _slide_layer(1 - sparsity, 1.0)
    weights, bits = layer.n_out * layer.n_in, EIE_45NM.weight_bits
    if by == "sharing":
        return 32 * weights / (bits * weights + 32 * EIE_45NM.codebook_size)
    mem = encode(layer, EIE_45NM)
    return bits * weights / (mem.spmat_bits + mem.pointer_bits(int(paper_value("pointer-bits"))))


@cache
def _slide_layer(weight_density: float, act_density: float) -> tuple[CompressedLayer, np.ndarray]:
    """A layer of Alex-7's size at the slide's densities."""
    (size,) = select(["Alex-7"])
    layer = draw_layer(size.n_out, size.n_in, weight_density, 0, bias=False)
    return layer, draw_activations(size.n_in, act_density, 0)


def skips_the_cycle() -> bool:
    """Whether skipping zeros takes fewer cycles, and less energy than gating them, on each of the nine layers."""
    wide = _ablation().ways.set_index(["layer", "seed", "way"]).unstack("way")
    fewer = wide["cycles"]["skip both"] < wide["cycles"]["nothing"]
    return bool((fewer & (wide["shared"]["skip both"] < wide["shared"]["gate both"])).all())


def dense_wins_in_batches() -> bool:
    """Whether dense int8 is faster than EIE's format on a processor, at the largest batch and the layer's density."""
    found = _vector()
    largest = int(found.times(1).index.unique("batch").max())
    return found.over("int8", batch=largest) < 1


def more_around_a_weight() -> bool:
    """Whether a kept weight takes more bits, and its multiplication more energy, beside itself than for itself."""
    row = _overheads().of_blocks().loc[UNSTRUCTURED, 1]
    return bool(row["bits"] > 2 * row["code"] and row["multiplier, %"] < 50)


def blocks_cost_less() -> bool:
    """Whether a layer pruned by the tallest blocks takes fewer bits and less energy a weight than one by one."""
    table = _overheads().of_blocks()
    tall = table.loc[BY_BLOCK].index.max()
    single, block = table.loc[UNSTRUCTURED, 1], table.loc[BY_BLOCK, tall]
    return bool(block["bits"] < single["bits"] and block["pJ"] < single["pJ"])


def sram_suits_only_the_small(small: str, large: str) -> bool:
    """Whether one model is on one chip and takes less energy than from DRAM, and the other is neither."""
    table = _capacity().table()
    saves = table[f"{COMPRESSED}, {SRAM}, mJ"] < table[f"{COMPRESSED}, {DRAM}, mJ"]
    fits = table["chips"] == 1
    return bool(fits[small] and saves[small] and not fits[large] and not saves[large])


def lenet_keeps_accuracy(network: str) -> bool:
    """Whether compression leaves the mean test error of a network of `eie compress` where it was, or lowers it."""
    return float(_deep_compression().rise(network).mean()) <= 0


def lenet_as_small_and_accurate(network: str) -> bool:
    """Whether every run errs no more, and gets no less small, than Deep Compression's Table 1 has it."""
    return _deep_compression().beats_published(network)


def four_bits_keep_translations(kind: str) -> bool:
    """Whether the translator keeps nine tenths of its output with 4-bit weights, in a `"codebook"` or `"uniform"`."""
    bits = int(published.row("retrospective", id="weight-bits")["value"])
    return bool(four_bit_weights().best("translator", bits, kind)["quality"] >= 100 * KEPT)


def convolutions_map_worse() -> bool:
    """Whether fewer of the PEs' cycles multiply a weight in SqueezeNet's convolutions than in AlexNet's last layers."""
    found = mapping.mapping()
    return found.useful("convolution")[1] < found.useful(mapping.FULLY_CONNECTED)[1]


def transformers_map_as_well() -> bool:
    """Whether no fewer of the PEs' cycles multiply a weight in the translator's matrices than in AlexNet's layers."""
    found = mapping.mapping()
    return found.useful("", "translator")[1] >= found.useful(mapping.FULLY_CONNECTED)[1]


def edits_save_work() -> bool:
    """Whether work after every edit is less than for the whole picture, and outputs are the same bit by bit."""
    found = edits.edits()
    return bool(found.rows["same"].all() and (found.work()["work"] < 100).all())


def least_attention_is_best_dropped() -> bool:
    """Whether dropping the tokens that receive least attention keeps better translations than dropping by chance."""
    return tokens.tokens().attention_helps()


def two_steps_pay() -> bool:
    """Whether keys in two steps misplace less attention than as many bits for all keys alike."""
    return progressive.precision().pays()


def differences_halve_work(video: str) -> bool:
    """Whether exact differences of a `"pan"` or an `"object"` take no more than half of the products."""
    return bool(videos.frames().table().loc[(video, 0.0), "products, %"] <= 50)


def padding_for_launches() -> bool:
    """Whether more launches have less padding, down to none."""
    padding = point_clouds.clouds().padding()["padding"]
    return bool(padding.iloc[0] > 0 and padding.is_monotonic_decreasing and padding.iloc[-1] == 0)


def one_by_one_goes_furthest() -> bool:
    """Whether pruning one by one is unharmed at fewer weights than each pattern that could go as far."""
    frame = experiments.read("patterns")
    fine = lowest(frame, FINE)
    others = [name for name, pattern in PATTERNS.items() if name != FINE and fine and pattern.least <= fine]
    return fine is not None and all((lowest(frame, name) or 1.0) > fine for name in others)


def even_pruning_beats_queues() -> bool:
    """Whether layers pruned evenly by column are better balanced, with usual queues, than others with deep ones."""
    found = _balance()
    return bool(found.usual[1].min() > found.deepest[FREE].max())
