"""Table III: the nine benchmark layers, as printed and as drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from eie import published
from eie.explore.benchmarks import Benchmark
from eie.explore.spread import MEDIAN, spread_of
from eie.formats import authors
from eie.interleaved import decode
from eie.layer import CompressedLayer
from eie.studies import plots
from eie.studies.paper.setup import BAND, Setup, exhibit, usual
from eie.writing.words import joined

HEADS = {
    "inputs": ("size", "in"),
    "outputs": ("size", "out"),
    "weights %, paper": ("weights, %", "published"),
    "weights %, drawn": ("weights, %", "drawn"),
    "inputs %, paper": ("inputs, %", "published"),
    "inputs %, drawn": ("inputs, %", "drawn"),
    "FLOP %, paper": ("multiplications, %", "published"),
    "FLOP %, drawn": ("multiplications, %", "drawn"),
    "weights kept, millions": ("millions left", "weights"),
    "multiplications left, millions": ("millions left", "products"),
}
"""Heads of the table of the page."""

AUTHORS_HEADS = {
    "weights %": "weights, %",
    "inputs %": "inputs, %",
    "FLOP %": "multiplications, %",
    "weights kept, millions": "millions left: weights",
    "multiplications left, millions": "millions left: products",
    "spread of rows %": "spread of rows, %",
    "spread of columns %": "spread of columns, %",
    "biases %": "biases that are not 0, %",
}
"""Names of the rows of the table of the authors' own layer."""

SPREAD_HEADS = {
    "spread of rows %": ("spread, %", "of rows"),
    "spread of columns %": ("spread, %", "of columns"),
    "biases %": "biases that are not 0, %",
}
"""Heads of the table of how unevenly layers are filled."""


@dataclass(frozen=True, eq=False)
class Table3:
    """The layers drawn, beside what the paper prints.

    Attributes
    ----------
    rows : DataFrame
        One row per layer; percentages, except for sizes and entries.
    """

    rows: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """One row per layer."""
        return self.rows.set_index("layer")

    def plot(self) -> plots.Figure:
        """Weights as the dense layer has them, as kept, and multiplications left."""
        frame = pd.DataFrame(
            {
                "layer": self.rows["layer"],
                "dense": self.rows["inputs"] * self.rows["outputs"] / 1e6,
                "kept": self.rows["weights kept, millions"],
                "left": self.rows["multiplications left, millions"],
            }
        )
        names = {"dense": "weights of the dense layer", "kept": "weights kept", "left": "multiplications left"}
        return plots.bars.bars(frame, names, "millions", log_y=True)

    def answer(self) -> str:
        """Say how much is left of the layers, and how near the drawn densities are to the printed ones."""
        dense = (self.rows["inputs"] * self.rows["outputs"]).sum() / 1e6
        kept = self.rows["weights kept, millions"].sum()
        left = self.rows["multiplications left, millions"].sum()
        return (
            f"Of the {dense:.1f} million weights of these layers, pruning keeps **{kept:.1f} million** "
            f"({100 * kept / dense:.1f} %). When zero inputs are skipped as well, {left:.1f} million multiplications "
            f"remain."
        )

    def words(self) -> str:
        """How the drawn layers differ from the printed ones."""
        known = self.rows.dropna(subset=["FLOP %, paper"])
        off = (known["weights %, drawn"] - known["weights %, paper"]).abs().max() if len(known) else 0.0
        odd = known[(known["FLOP %, drawn"].round(2) - known["FLOP %, paper"]).abs() > 0.5]["layer"]
        said = (
            f"Their shares of multiplications round to the published whole percent, except in {joined(odd)}."
            if len(odd)
            else "Their shares of multiplications round to the published whole percent."
        )
        return (
            f"The weight densities of the drawn layers are within {off:.2f} percentage points of the published ones. "
            f"{said}"
        )


@exhibit("layers", "seed", "own_layers")
def table3(setup: Setup) -> Table3:
    """Draw the layers of Table III and measure them."""
    printed = published.load("table3").set_index("layer")
    return Table3(pd.DataFrame([_row(benchmark, setup.seed, printed) for benchmark in setup.benchmarks]))


def authors_layer() -> pd.DataFrame:
    """The spread of the authors' own layer.

    Raises
    ------
    FileNotFoundError
        When the layer is not available; the message says how to get it.
    """
    dump = authors.read()
    return pd.DataFrame([{"layer": "the authors' Alex-8"} | _measured(decode(dump.mem), dump.activations)]).set_index(
        "layer"
    )


@exhibit("layers", "own_layers")
def drawn_with(setup: Setup) -> pd.DataFrame:
    """List the spread that layers are drawn with, in percent: the median, and the ends of the band."""
    return pd.DataFrame(
        {
            benchmark.name: {
                f"{side}, {word}": 100 * getattr(benchmark.spread(percentile), f"{name}_cv")
                for side, name in (("rows", "row"), ("columns", "column"))
                for word, percentile in (("median", MEDIAN), ("even", BAND[0]), ("uneven", BAND[1]))
            }
            for benchmark in setup.benchmarks
        }
    )


def _row(benchmark: Benchmark, seed: int, printed: pd.DataFrame) -> dict[str, object]:
    measured = _measured(*benchmark.draw(seed))
    paper = printed.loc[benchmark.name] if benchmark.name in printed.index else pd.Series(dtype=float)
    return {
        "layer": benchmark.name,
        "inputs": benchmark.n_in,
        "outputs": benchmark.n_out,
        "weights %, paper": paper.get("weight_density_pct", np.nan),
        "weights %, drawn": measured.pop("weights %"),
        "inputs %, paper": paper.get("act_density_pct", np.nan),
        "inputs %, drawn": measured.pop("inputs %"),
        "FLOP %, paper": paper.get("flop_pct", np.nan),
        "FLOP %, drawn": measured.pop("FLOP %"),
    } | measured


def _measured(layer: CompressedLayer, activations: np.ndarray) -> dict[str, float]:
    macs = int(np.diff(layer.indptr)[activations != 0].sum())
    spread = spread_of(layer)
    return {
        "weights %": 100 * layer.density,
        "inputs %": 100 * float(np.mean(activations != 0)),
        "FLOP %": 100 * macs / (layer.n_in * layer.n_out),
        "weights kept, millions": layer.nnz / 1e6,
        "multiplications left, millions": macs / 1e6,
        "spread of rows %": 100 * spread.row_cv,
        "spread of columns %": 100 * spread.column_cv,
        "biases %": 100 * spread.bias_density,
    }


def flops(layer: str) -> float:
    """Compute the multiplications left of a layer drawn at Table III's densities, %."""
    return float(usual(table3).table().loc[layer, "FLOP %, drawn"])
