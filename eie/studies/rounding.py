"""What the rounding of the paper's printed inputs leaves open of every claim, by Monte Carlo.

Each sample moves every printed input of `INPUTS` at random within half a unit of its last digit (or within its
reading error), draws other layers, and computes every claim again. Two standard deviations over the samples are the
spread of a claim. Where the claim is a whole figure, whose published value is no difference, the spread is
the distance that nineteen of twenty samples keep from their own mean, readings of the figure with their error included.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from eie import published
from eie._files import read_toml
from eie.studies import claims_file, experiments
from eie.studies.claim import Claim, Estimate, Evidence, Margin
from eie.studies.experiments import Experiment
from eie.studies.paper.series_claims import FIGURES
from eie.studies.paper.setup import other_usual, usual

SAMPLES = 24
INPUTS: dict[str, tuple[str, ...]] = {
    "table1": ("value",),
    "table2": ("value",),
    "table3": ("weight_density_pct", "act_density_pct"),
    "table4": ("time",),
    "power": ("power",),
    "fig06": ("speedup",),
    "fig07": ("energy_efficiency",),
    "fig09_reads": ("value",),
    "fig09_total": ("energy",),
    "text": ("value",),
}
"""Columns that hold printed or read inputs, by file of `data/published/`."""

ROUNDED_TEXT = (
    "critical-path",
    "dadiannao-power",
    "dadiannao-power-memory",
    "lnzd-area",
    "lnzd-power",
    "nt-we-density-section-6",
)
"""Numbers of the running text that are measured and rounded; the others are counts, or round on purpose."""

FINEST = {"table2": 0.5, "table3": 0.5, "table4": 0.05, "power": 0.5, "fig06": 0.5, "fig07": 0.5}
"""Half of the last digit, at the most, in files where a 0 at the end is printed and does not only fill."""

SERIES = "paper.series_claims.difference"
LABELS = "paper.versus_platforms.labels_that_follow"
SEED = 2016
EVERY = 95
"""Percent of the samples of a figure that lie within its spread."""


def moved(name: str, rng: np.random.Generator) -> pd.DataFrame:
    """Move the inputs of a published table at random within half a unit of their last digit or reading error."""
    table = published.load(name)
    for column in INPUTS[name]:
        digits = [min(published.half_digit(value), FINEST.get(name, np.inf)) for value in table[column]]
        reading = table.get("reading_error", 0.0)
        reach = np.where(np.asarray(reading) > 0, reading, digits)
        if name == "text":
            reach = np.where(table["id"].isin(ROUNDED_TEXT), reach, 0.0)
        if name in ("fig06", "fig07"):  # a platform over itself is 1 by definition
            reach = np.where(table["platform"] == "CPU Dense", 0.0, reach)
        if name == "table3":  # inputs that no ReLU precedes are full, exactly
            reach = np.where(table[column] == 100, 0.0, reach)
        table[column] = table[column] + reach * rng.uniform(-1, 1, len(table))
    return table


def forget() -> None:
    """Forget every number that functions of this library keep, so that it is computed from the tables again."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "eie":
            for each in vars(module).values():
                if callable(getattr(each, "cache_clear", None)):
                    each.cache_clear()


def sampled(claims: Sequence[Claim]) -> list[Claim]:
    """List the claims on the paper that depend on printed inputs or drawn layers; others bring an error bar along."""
    return [
        one
        for one in claims
        if one.finding.startswith("paper.")
        and one.finding != LABELS  # whether labels follow to the last digit is no question of what digits leave open
        and one.evidence is not Evidence.MEASURED
    ]


def make(sample: int) -> dict[str, Any]:
    """Compute every claim of one sample: values and margins by claim, and the points of each figure."""
    rng = np.random.default_rng([SEED, sample])
    tables = {name: moved(name, rng) for name in INPUTS}
    claims = sampled(claims_file.parse(read_toml(claims_file.FILE)))
    forget()
    try:
        with published.replaced(tables), other_usual(seed=1000 + sample, draws=1):
            values = {one.id: _number(one.compute()) for one in claims}
            points = {name: usual(figure).table().to_numpy().ravel().tolist() for name, figure in FIGURES.items()}
    finally:
        forget()
    return {"values": values, "points": points}


def _number(found: Any) -> float:
    return float(found.value if isinstance(found, Margin | Estimate) else found)


def join(parts: Sequence[Any], facts: Mapping[str, Any]) -> str:
    """Join the samples to a table: `id`, `spread`, `mean`, the `first` sample, and how many `samples` there are."""
    values = pd.DataFrame([part["values"] for part in parts])
    rows = pd.DataFrame({"id": values.columns, "spread": 2 * values.std().to_numpy(), "mean": values.mean().to_numpy()})
    rows["first"] = values.iloc[0].to_numpy()
    for one in claims_file.parse(read_toml(claims_file.FILE)):
        if one.finding == SERIES and one.tolerance:
            points = np.array([part["points"][one.arguments["figure"]] for part in parts])
            rows.loc[rows["id"] == one.id, "spread"] = figure_spread(points, one.tolerance.printed, one.unit == "%")
    rows = rows[rows["spread"] > 1e-9 * rows["mean"].abs()]
    return experiments.as_csv([rows.assign(samples=len(parts)).to_dict("records")], facts)


def figure_spread(points: np.ndarray, reading: float, relative: bool) -> float:
    """Find how far a figure is from its mean over samples: mean over the points, with errors of reading.

    Parameters
    ----------
    points : array of shape (samples, points)
        The figure of each sample.
    reading : float
        Reading error of a point, in its unit, or in % when `relative`.
    relative : bool
        Take differences in % of the mean.
    """
    rng = np.random.default_rng(SEED)
    mean = points.mean(axis=0)
    apart = 100 * (points / mean - 1) if relative else points - mean
    sizes = np.abs(apart + reading * rng.uniform(-1, 1, points.shape)).mean(axis=1)
    return float(np.percentile(sizes, EVERY))


EXPERIMENT = Experiment(
    parts=lambda: experiments.grid(sample=range(SAMPLES)), make=make, join=join, seeds=(SEED,), processes=True
)
