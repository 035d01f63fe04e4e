"""The paper's choices and their reasons, as a table of the book's introduction; the reasons are computed."""

from __future__ import annotations

from eie import chip
from eie.explore.benchmarks import nine_layers
from eie.explore.sweep import sweep
from eie.machine import EIE_45NM, Machine
from eie.studies import experiments
from eie.studies.paper.setup import Setup
from eie.technology import chip_facts, operation_pj, paper_value

Row = tuple[str, str, str]
"""A choice, the reason for it, and links to the pages that explain it."""

NETWORK = ("lenet-300-100", "LeNet-300-100")
"""Network whose error is given by the width of its codes: its name in the measurements, and in print."""


def table(seed: int = 0) -> str:
    """Write one row per choice as Markdown: the choice, its reason, and the pages about it."""
    rows = [_pes(), _queues(seed), _codes(), _indices(), _reads(), _arithmetic(), _clock()]
    return "\n".join(["| choice | reason | page |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)])


def _pes() -> Row:
    children = chip_facts()["lnzd"]["children"]
    return (
        f"{EIE_45NM.n_pe} PEs",
        f"Their memories hold the largest layer. Each node of the tree that finds non-zero inputs has {children} "
        f"children, so {EIE_45NM.n_pe} PEs make a full tree of {chip.lnzd_nodes(EIE_45NM)} nodes. More PEs are faster, "
        f"but less evenly loaded.",
        "[Figure 11](fig11_scaling.ipynb), [Figure 13](fig13_load_balance.ipynb)",
    )


def _queues(seed: int) -> Row:
    chosen = EIE_45NM.fifo_depth
    half, usual, double = _balance([chosen // 2, chosen, 2 * chosen], seed)
    larger = chip.area(Machine(fifo_depth=2 * chosen)) / chip.area(EIE_45NM) - 1
    return (
        f"queues of depth {chosen}",
        f"From depth {chosen // 2} to {chosen}, the load balance rises by {usual - half:.1f} points on average; from "
        f"{chosen} to {2 * chosen}, by only {double - usual:.1f} points. (The paper gives no cost of depth "
        f"{2 * chosen}; by our model of the area, the chip would be {100 * larger:.1f} % larger.)",
        "[Figure 8](fig08_fifo_depth.ipynb)",
    )


def _balance(depths: list[int], seed: int) -> list[float]:
    """Compute the load balance by depth, mean over the nine layers, %."""
    machines = [Machine(fifo_depth=depth) for depth in depths]
    runs = sweep(nine_layers(), machines, seed=seed, draws=Setup().draws)  # as on the page of Figure 8
    return (100 * runs.groupby("fifo_depth")["load_balance"].mean()).loc[depths].tolist()


def _codes() -> Row:
    bits = EIE_45NM.weight_bits
    runs = experiments.read("lenets_sweep")
    errors = runs[(runs["network"] == NETWORK[0]) & (runs["keep_times"] == 1)].set_index("bits")["compressed_error"]
    before = experiments.read("lenets").query("network == @NETWORK[0] and seed == 0")["dense_error"].iloc[0]
    few = errors.index.min()
    return (
        f"codes of {bits} bits",
        f"{EIE_45NM.codebook_size - 1} shared weights nearly keep the accuracy. In one run, the error of {NETWORK[1]} "
        f"is {before:.2f} % before compression, {errors[bits]:.2f} % with codes of {bits} bits, and "
        f"{errors[few]:.2f} % with {few} bits.",
        "[Deep Compression](deep_compression.ipynb)",
    )


def _indices() -> Row:
    return (
        f"indices of {EIE_45NM.index_bits} bits",
        f"Code and index together are {EIE_45NM.entry_bits} bits, one byte. Narrower indices need more padding zeros; "
        f"wider ones make each entry larger.",
        "[Figure 12](fig12_padding.ipynb), [an exercise](exercises.ipynb)",
    )


def _reads() -> Row:
    return (
        f"reads of {EIE_45NM.spmat_width_bits} bits",
        f"One read brings {EIE_45NM.entries_per_row} entries, slightly more than a PE has in one column "
        f"({paper_value('entries-per-column'):g} in the paper's example). The paper finds the lowest energy at this "
        f"width; we find that the best width depends on the memory.",
        "[Figure 9](fig09_sram_width.ipynb)",
    )


def _arithmetic() -> Row:
    width = int(chip_facts()["arithmetic"]["bits"])
    less = operation_pj("multiply", "int", 2 * width) / operation_pj("multiply", "int", width)
    lost = paper_value("accuracy-float32") - paper_value("accuracy-int16")
    return (
        f"{width}-bit fixed point",
        f"A multiplication takes {less:.1f} times less energy than with {2 * width} bits. In the paper, AlexNet loses "
        f"{lost:.1f} points of accuracy.",
        "[Figure 10](fig10_precision.ipynb)",
    )


def _clock() -> Row:
    return (
        f"clock of {EIE_45NM.clock_hz / 1e6:.0f} MHz",
        f"The slowest path through the logic of a PE takes {paper_value('critical-path'):.2f} ns, which fits into a "
        f"cycle of {1e9 / EIE_45NM.clock_hz:.2f} ns.",
        "[Table II](table2_pe.ipynb)",
    )
