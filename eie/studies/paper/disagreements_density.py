"""Disagreements of the paper about densities of weights and inputs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from eie import published
from eie._files import read_toml
from eie.explore.benchmarks import select
from eie.explore.sweep import sweep
from eie.machine import EIE_45NM, Machine
from eie.studies.paper import table4 as exhibit4
from eie.studies.paper.disagreement import ONE, OPEN, Disagreement, Statement, percents
from eie.technology import paper_value


def density_of_nt_we(seed: int) -> Disagreement:
    """Settle the weight density of NT-We."""
    sections = {paper_value(f"nt-we-density-section-{section}"): section for section in ("6", "7")}
    off = _by_density("NT-We", sections, seed)
    nearest = str(off.mean(axis=1).idxmin())
    wins = int((off.idxmin() == nearest).sum())
    return Disagreement(
        "Weight density of NT-We",
        (
            Statement.of_cell("", "table3", "weight_density_pct", layer="NT-We"),
            Statement.of_text("nt-we-density-section-7"),
            Statement.of_text("nt-we-density-section-6"),
        ),
        f"Mean differences of what is computed to what is published: {_listed_off(off)}.",
        ONE,
        f"A density of {nearest} fits better in {wins} of {off.shape[1]} comparisons. Two wholly different ones, of "
        "times and of padding zeros, agree in that.",
    )


def multiplications_left(seed: int) -> Disagreement:
    """Settle two numbers of multiplications in Table III."""
    table = published.load("table3").set_index("layer")
    product = table["weight_density_pct"] * table["act_density_pct"] / 100
    unlike = table.index[(product - table["flop_pct"]).abs() > 0.5]
    products = ", ".join(f"{name} {product[name]:.2f} %" for name in unlike)
    return Disagreement(
        "Multiplications left in Table III",
        tuple(Statement.of_cell(f"{name}: ", "table3", "flop_pct", layer=name) for name in unlike),
        f"The product of the two densities printed in the same rows is {products}; everywhere else it rounds to what "
        f"is printed. {_lstm(seed)}",
        OPEN,
        "Densities a little above the printed ones would explain both: the tables were rounded apart, or from other "
        "averages.",
    )


def _lstm(seed: int) -> str:
    row = published.row("table3", layer="NT-LSTM")
    low, high = float(row["weight_density_pct"]), float(row["flop_pct"])
    off = _by_density("NT-LSTM", (low, (low + high) / 2, high), seed)
    return (
        f"What NT-LSTM's weight density was, its times and padding zeros tell: {_listed_off(off)}. "
        f"{off.mean(axis=1).idxmin()} fits best on average."
    )


def _by_density(name: str, percents: Any, seed: int) -> pd.DataFrame:
    """Differences to what is published in %, a row a density, a column a table or figure."""
    return pd.DataFrame({f"{percent:g} %": _off(_at_density(name, percent, seed)) for percent in percents}).T


def _listed_off(off: pd.DataFrame) -> str:
    return "; ".join(f"at {density}: {percents(row)}" for density, row in off.iterrows())


def _at_density(name: str, percent: float, seed: int) -> pd.DataFrame:
    (layer,) = select([name])
    machines = [Machine(n_pe=2**n) for n in range(9)]
    return sweep([replace(layer, weight_density=percent / 100)], machines, seed=seed).set_index("n_pe")


def _off(runs: pd.DataFrame) -> pd.Series:
    """Differences of one layer's runs to Table IV, Figure 12 and Figure 13 in %, mean of sizes."""
    name = str(runs["layer"].iloc[0])
    off = {}
    for row, column in (("theoretical", "theoretical_seconds"), ("actual", "seconds")):
        time = published.row("table4", platform="EIE", variant=row, layer=name)["time"]
        off[f"Table IV, {row}"] = abs(1e8 * runs.loc[EIE_45NM.n_pe, column] / time - 100)
    for figure, column in (("fig12", "real_work"), ("fig13", "load_balance")):
        points = published.load(figure).query("layer == @name").set_index("n_pe")[column]
        off[f"Figure {figure[3:]}"] = float((100 * (100 * runs[column] / points - 1)).abs().mean())
    return pd.Series(off)


def density_of_one_input(seed: int) -> Disagreement:
    """Settle how full the input of Alex-8 is."""
    cases = exhibit4.at_measured_densities(seed=seed)
    (name,) = [read_toml("authors_layer.toml")["layer"]["benchmark"]]
    asked, measured = cases.loc["printed densities"], cases.loc["measured input density"]
    return Disagreement(
        "How full the input of Alex-8 is",
        (
            Statement.of_cell("", "table3", "act_density_pct", layer=name),
            Statement("the input that the authors published", f"{measured['inputs %']:.1f} %"),
        ),
        f"At the printed density the layer takes {asked['actual']:.1f} us, at the measured one "
        f"{measured['actual']:.1f}; Table IV prints {asked['published actual']:.1f}.",
        ONE,
        "This layer of Table IV was timed on that one input, Table III has an average over many. The inputs of the "
        "other layers are not known, so whether the same is true of them cannot be told.",
    )
