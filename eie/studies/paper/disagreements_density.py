"""Numbers of the paper's disagreements about densities of weights and inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from eie import published
from eie.explore.benchmarks import Benchmark
from eie.explore.sweep import sweep
from eie.machine import EIE_45NM, Machine
from eie.studies.paper.table4 import at_measured_densities
from eie.technology import paper_value
from eie.writing.words import joined


def density_of_nt_we(seed: int) -> dict[str, Any]:
    """Compare NT-We at both weight densities that the text gives with what is published."""
    found = _by_density("NT-We", [paper_value(f"nt-we-density-section-{section}") for section in (6, 7)], seed)
    off, nearest = found["off"], found["nearest"]
    return found | {"wins": int((off.idxmin() == nearest).sum()), "comparisons": off.shape[1]}


def multiplications_left(seed: int) -> dict[str, Any]:
    """Find products of densities that do not round to the printed multiplications; compare densities of NT-LSTM."""
    table = published.load("table3").set_index("layer")
    product = table["weight_density_pct"] * table["act_density_pct"] / 100
    unlike = table.index[(product - table["flop_pct"]).abs() > 0.5]
    low, high = (float(table.loc["NT-LSTM", column]) for column in ("weight_density_pct", "flop_pct"))
    products = joined(f"{product[name]:.2f} % for {name}" for name in unlike)
    return {"products": products} | _by_density("NT-LSTM", [low, (low + high) / 2, high], seed)


def density_of_one_input(seed: int) -> dict[str, Any]:
    """Run Alex-8 with the printed density of its input and with that of the authors' input."""
    cases = at_measured_densities(seed=seed)
    return {"printed": cases.loc["published densities"], "measured": cases.loc["measured input density"]}


def _by_density(name: str, densities: Sequence[float], seed: int) -> dict[str, Any]:
    """Compare a layer at several weight densities in percent with what is published.

    Returns
    -------
    dict
        `off`, differences in %, one row per density, one column per table or figure; the same as a Markdown table,
        `listed`; and the density that fits best on average, `nearest`.
    """
    off = pd.DataFrame({f"{percent:g} %": _off(name, percent, seed) for percent in densities}).T
    heads = " | ".join(f"at a density of {density}" for density in off.index)
    rows = (f"| {where} | {' | '.join(f'{value:.1f} %' for value in column)} |" for where, column in off.items())
    listed = "\n".join([f"| compared with | {heads} |", f"|---|{'---:|' * len(off)}", *rows])
    return {"off": off, "listed": listed, "nearest": str(off.mean(axis=1).idxmin())}


def _off(name: str, percent: float, seed: int) -> pd.Series:
    """Differences of a layer at a weight density to Table IV, Figure 12 and Figure 13 in %, mean of sizes."""
    layer = replace(Benchmark.named(name), weight_density=percent / 100)
    runs = sweep([layer], [Machine(n_pe=2**n) for n in range(9)], seed=seed).set_index("n_pe")
    off = {}
    for row, column in (("theoretical", "theoretical_seconds"), ("actual", "seconds")):
        time = published.value("table4", "time", platform="EIE", variant=row, layer=name)
        off[f"Table IV, {row}"] = abs(1e8 * runs.loc[EIE_45NM.n_pe, column] / time - 100)
    for figure, column in (("fig12", "real_work"), ("fig13", "load_balance")):
        points = published.load(figure).query("layer == @name").set_index("n_pe")[column]
        off[f"Figure {figure[3:]}"] = float((100 * (100 * runs[column] / points - 1)).abs().mean())
    return pd.Series(off)
