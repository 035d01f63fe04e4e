"""Numbers of the paper's disagreements about the compressed format and what its memories hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from eie import chip, published
from eie.explore.benchmarks import nine_layers
from eie.interleaved import encode
from eie.machine import EIE_45NM
from eie.studies.paper.chip_claims import batches, weights_per_pe
from eie.studies.paper.format_example import padding_after
from eie.technology import paper_value


def pointer_width(seed: int) -> dict[str, Any]:
    """Count the entries that pointers of the text's bits reach, and find layers with more in a PE."""
    bits = int(paper_value("pointer-bits"))
    held = chip.weights_held(EIE_45NM) // EIE_45NM.n_pe
    large = [layer for layer in nine_layers() if layer.expected_entries / EIE_45NM.n_pe > 2**15]
    most = {layer.name: int(np.diff(encode(layer.draw(seed)[0], EIE_45NM).pe_start).max()) for layer in large}
    beyond = [f"{name} ({entries:,} in the fullest PE)" for name, entries in most.items() if entries > 2**bits]
    return {
        "bits": bits,
        "reach": 2**bits,
        "held": held,
        "share": 100 * 2**bits / held,
        "needed": (held - 1).bit_length(),
        "beyond": ", ".join(beyond) or "none",
    }


def pointers_of_largest_layer(seed: int) -> dict[str, Any]:
    """Count the pointers and entries of VGG-6, in one go and in batches, and time the batches in us."""
    runs = batches("VGG-6", seed)
    return {
        "held": int(paper_value("sram-ptr") * 1024 * 8 / int(paper_value("pointer-bits"))),
        "needed": int(paper_value("largest-input")) + 1,
        "batches": len(runs),
        "pointers": runs["inputs"].max() + 1,
        "entries": runs["most"].max(),
        "time_us": runs["cycles"].sum() / EIE_45NM.clock_hz * 1e6,
    }


def padding_rule(_seed: int) -> dict[str, Any]:
    """Count padding zeros on both sides of the rule's bound."""
    zeros = int(paper_value("max-zeros"))
    return {
        "zeros": zeros,
        "jump": zeros + 1,
        "padding": padding_after(zeros),
        "padding_beyond": padding_after(zeros + 1),
    }


def weight_width(_seed: int) -> dict[str, Any]:
    """Look up by how many points Deep Compression's error rises with weights of five and of four bits."""
    rise = {"table": 6, "quantity": "top1_error_increase"}
    rows = {bits: published.row("deep_compression", variant=f"conv/fc bits 8/{bits}", **rise) for bits in (5, 4)}
    return {f"of_{bits}_bits": row["value"] for bits, row in rows.items()}


def dense_weights(_seed: int) -> dict[str, Any]:
    """Compute the densities in percent at which a PE's entries stand for the dense weights that the paper gives."""
    held, total = weights_per_pe(), paper_value("max-parameters-64pe") / EIE_45NM.n_pe
    densities = {"by_text": 100 * held / paper_value("pe-weights-dense"), "by_table": 100 * held / total}
    return {"held": held, "total": total} | densities


def labels_of_figure2(_seed: int) -> dict[str, Any]:
    """Find the labels of Figure 2 that are not those of their places."""
    weights = published.load("fig02").query("what == 'weight'").astype({"row": int, "column": int})
    weights["at"] = [f"w{row},{column}" for row, column in zip(weights["row"], weights["column"], strict=True)]
    wrong = weights[weights["printed"] != weights["at"]]
    doubled = [label for label in wrong["printed"] if label in set(weights["at"])]
    return {
        "first": wrong.iloc[0],
        "others": len(wrong) - 1,
        "misprinted": ", ".join(f"{row.printed} at {row.at}" for row in wrong.itertuples()),
        "doubles": len(doubled),
        "doubled": ", ".join(doubled),
    }


def deep_compression_totals(_seed: int) -> dict[str, Any]:
    """Find the totals of Deep Compression that its layers do not give, and the one that misses most."""
    off = _totals_that_miss()
    missed = [
        f"{row['network']}, {row['variant']}: {row['total']:g} % published, {row['over layers']:.2f} % over layers"
        for _, row in off.iterrows()
    ]
    return {"worst": off.iloc[(off["over layers"] / off["total"] - 1).abs().argmax()], "missed": "; ".join(missed)}


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
