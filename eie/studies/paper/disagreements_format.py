"""Disagreements of the paper about the compressed format and what its memories hold."""

from __future__ import annotations

import numpy as np
import pandas as pd

from eie import chip, published
from eie.explore.benchmarks import Benchmark, nine_layers
from eie.interleaved import encode
from eie.machine import EIE_45NM
from eie.studies.paper.chip_claims import batches
from eie.studies.paper.disagreement import BOTH, ONE, OPEN, Disagreement, Statement, plain
from eie.studies.paper.format_example import padding_after
from eie.technology import paper_value


def pointer_width(seed: int) -> Disagreement:
    """Settle how many bits a pointer has."""
    bits = int(paper_value("pointer-bits"))
    held = chip.weights_held(EIE_45NM) // EIE_45NM.n_pe
    most = {layer.name: int(np.diff(encode(layer.draw(seed)[0], EIE_45NM).pe_start).max()) for layer in _largest()}
    beyond = {name: entries for name, entries in most.items() if entries > 2**bits}
    listed = ", ".join(f"{name} ({entries:,} in the fullest PE)" for name, entries in beyond.items())
    return Disagreement(
        "Bits of a pointer",
        (Statement.of_text("pointer-bits"), Statement.of_text("sram-spmat", f"{held:,} entries in ")),
        f"Pointers of {bits} bits reach {2**bits:,} entries, {100 * 2**bits / held:.0f} % of the memory; all of it "
        f"needs {(held - 1).bit_length()}. Of the nine layers, those with more than that are: {listed or 'none'}.",
        OPEN,
        "The pointers as described cannot reach the second half of the memory. A base address for each batch of "
        "columns would do; the paper mentions a start address, but not what it is added to.",
    )


def _largest() -> list[Benchmark]:
    """The layers that could have more entries than short pointers reach."""
    return [layer for layer in nine_layers() if layer.expected_entries / EIE_45NM.n_pe > 2**15]


def pointers_of_largest_layer(seed: int) -> Disagreement:
    """Settle whether the pointers of the largest layer fit."""
    runs = batches("VGG-6", seed)
    bits = int(paper_value("pointer-bits"))
    held = int(paper_value("sram-ptr") * 1024 * 8 / bits)
    needed = int(paper_value("largest-input")) + 1
    return Disagreement(
        "Pointers of the largest layer",
        (Statement.of_text("largest-input", "runs with "), Statement.of_text("sram-ptr", f"{held:,} pointers in ")),
        f"VGG-6 needs {needed:,} pointers. In batches of as many inputs as the registers hold there are {len(runs)}, "
        f"each with at most {runs['inputs'].max() + 1:,} pointers and {runs['most'].max():,} entries a PE; all "
        f"together take {runs['cycles'].sum() / EIE_45NM.clock_hz * 1e6:.1f} us.",
        BOTH,
        "The layer runs, but its pointers do not all fit at once: they must be loaded batch by batch. The registers "
        "ask for batches as well; the time to load pointers is not in Table IV.",
    )


def padding_rule(_seed: int) -> Disagreement:
    """Settle when a padding zero is needed."""
    zeros = int(paper_value("max-zeros"))
    return Disagreement(
        "When a padding zero is needed",
        (Statement.of_text("max-zeros", "beyond "), Statement.of_text("max-jump", "beyond a jump of ")),
        f"With {zeros} zeros between two entries the encoder writes {padding_after(zeros)} padding zeros, with "
        f"{zeros + 1} it writes {padding_after(zeros + 1)}; {zeros} zeros are a jump of {zeros + 1} rows.",
        BOTH,
        "It is one rule: one place counts the zeros in between, the other the rows from entry to entry.",
    )


def weight_width(_seed: int) -> Disagreement:
    """Settle how many bits a weight has."""
    fc6 = published.row(
        "deep_compression", table=4, network="AlexNet", layer="fc6", variant="P+Q", quantity="weight_bits"
    )
    more = [
        published.row("deep_compression", table=6, variant=f"conv/fc bits 8/{bits}", quantity="top1_error_increase")[
            "value"
        ]
        for bits in (5, 4)
    ]
    return Disagreement(
        "Bits of a weight",
        (Statement.of_text("weight-bits"), Statement(fc6["place"], f"{plain(fc6['value'])} {fc6['unit']}")),
        f"Deep Compression's Table 6 puts the increase of the top-1 error at {more[0]:g} points with that many bits "
        f"and at {more[1]:g} with EIE's.",
        BOTH,
        "The networks of the benchmarks are compressed a little more than in the paper they are taken from. Accuracy "
        "changes hardly; whether the densities stay is not said, and Table III repeats them.",
    )


def dense_weights(_seed: int) -> Disagreement:
    """Settle for how many weights of the dense model one PE stands."""
    held = chip.weights_held(EIE_45NM) / EIE_45NM.n_pe
    total = paper_value("max-parameters-64pe") / EIE_45NM.n_pe
    said = paper_value("pe-weights-dense")
    return Disagreement(
        "Weights of the dense model that one PE stands for",
        (
            Statement.of_text("pe-weights-dense"),
            Statement("ISCA 2016 Table V", f"{total:,.0f} weights, its largest model over {EIE_45NM.n_pe} PEs"),
        ),
        f"A PE holds {held:,.0f} entries. The text's number needs a density of {100 * held / said:.1f} %, Table V's "
        f"{100 * held / total:.1f} %.",
        BOTH,
        "Two densities stand behind them. Neither counts padding zeros, which take entries too.",
    )


def labels_of_figure2(_seed: int) -> Disagreement:
    """Settle which labels of Figure 2 are misprinted."""
    weights = published.load("fig02").query("what == 'weight'").astype({"row": int, "column": int})
    weights["at"] = [f"w{row},{column}" for row, column in zip(weights["row"], weights["column"], strict=True)]
    wrong = weights[weights["printed"] != weights["at"]]
    twice = [label for label in wrong["printed"] if label in set(weights["at"])]
    first = wrong.iloc[0]
    return Disagreement(
        "Labels in Figure 2",
        (
            Statement(first["place"], f"an element labelled {first['printed']}"),
            Statement(first["place"], f"which stands at {first['at']}, as {len(wrong) - 1} others stand elsewhere"),
        ),
        f"Misprinted are {', '.join(f'{row.printed} at {row.at}' for row in wrong.itertuples())}. Of these labels "
        f"{len(twice)} belong to another element as well ({', '.join(twice)}). None is on PE0, whose memory Figure 3 "
        "prints.",
        ONE,
        "The positions hold: by the labels one element would be there twice, and others would not match the row that "
        "they stand in.",
    )


def deep_compression_totals(_seed: int) -> Disagreement:
    """Settle Deep Compression's totals."""
    off = _totals_that_miss()
    worst = off.iloc[(off["over layers"] / off["total"] - 1).abs().argmax()]
    listed = "; ".join(
        f"{row.network}, {row.variant}: {row.total:g} % printed, {row._4:.2f} % over layers" for row in off.itertuples()
    )
    return Disagreement(
        "Deep Compression's totals",
        (
            Statement(worst["place"], f"{worst['network']}, {worst['variant']}: {worst['total']:g} % of the size left"),
            Statement(worst["place"], f"{worst['over layers']:.2f} % from the same table's layers"),
        ),
        "Layers' sizes weighted with their weights should give the total. They miss it by more than what rounding of "
        f"the layers explains in: {listed}.",
        OPEN,
        "Either layers or totals were updated alone. EIE takes only densities of single layers from there.",
    )


def _totals_that_miss(more_than: float = 0.07) -> pd.DataFrame:
    """Totals of Deep Compression's Tables 2 to 5 that its layers do not give, by more than a fraction."""
    rows = []
    every = published.load("deep_compression")
    for number in range(2, 6):
        table = every[every["table"] == number]
        network, place = table[["network", "place"]].iloc[0]
        cells = table.pivot(index="layer", columns=["variant", "quantity"], values="value")
        layers, weights = cells.drop("total"), cells.drop("total")["original", "weights"]
        for variant in ("P+Q", "P+Q+H"):
            total = cells.loc["total", (variant, "size")]
            mean = float((layers[variant, "size"] * weights).sum() / weights.sum())
            if abs(mean / total - 1) > more_than:
                rows.append([network, variant, total, mean, place])
    return pd.DataFrame(rows, columns=["network", "variant", "total", "over layers", "place"])
