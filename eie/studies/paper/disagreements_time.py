"""Numbers of the paper's disagreements about times, speed-ups and load balance."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from eie import published
from eie.explore.benchmarks import Benchmark, nine_layers
from eie.explore.sweep import geomean, sweep
from eie.machine import Machine
from eie.studies.paper import pe_counts
from eie.studies.paper import table4 as exhibit4
from eie.studies.paper.chip_claims import cycles_saved, queue_holds
from eie.studies.paper.versus_platforms import GEOMEAN, figure6
from eie.technology import paper_value
from eie.writing.words import joined, signed


@cache
def figure11(seed: int) -> pe_counts.Figure11:
    """Compute Figure 11, which two cases and the page's plot share."""
    found: pe_counts.Figure11 = pe_counts.figure11(seed=seed)
    return found


@cache
def _table4(seed: int) -> pd.DataFrame:
    return exhibit4.table4(seed=seed).table()


def redundant_cycles(seed: int) -> dict[str, Any]:
    """Compute the cycles saved by skipping zero activations and the share of zeros, both in %, mean over layers."""
    saved = cycles_saved(seed)
    zeros = [100 * (1 - layer.act_density) for layer in nine_layers() if layer.act_density < 1]
    return {"layers": len(saved), "saved": saved.mean(), "zeros": pd.Series(zeros).mean()}


def speedup_labels(seed: int) -> dict[str, Any]:
    """Compute the times in us of the two layers whose labels in Figure 6 do not follow, and geometric means of all."""
    figure = figure6(seed=seed)
    first, second = (row | _implied(row, seed) for row in figure.unlike().to_dict("records"))
    return {
        "first": first,
        "second": second,
        "labels": geomean(figure.labels["EIE"].drop(GEOMEAN)),
        "table": figure.derived.loc[GEOMEAN, "EIE"],
        "computed": figure.computed[GEOMEAN],
    }


def _implied(row: dict[Any, Any], seed: int) -> dict[Any, Any]:
    """The time that a label of Figure 6 implies, and those of Table IV, us."""
    dense = published.value("table4", "time", platform="CPU", batch=1, variant="dense", layer=row["layer"])
    return {"implied": dense / row["label"]} | _table4(seed).loc[row["layer"]].to_dict()


def frame_rate(seed: int) -> dict[str, Any]:
    """Compute the rate of AlexNet's fully-connected layers in frames/s: by Table IV, and by the computed times."""
    rows = _table4(seed)
    alexnet = rows[rows.index.str.startswith("Alex")]
    theirs, mine = (1e6 / alexnet[column].sum() for column in ("published actual", "actual"))
    said = paper_value("alexnet-frames")
    difference = signed(100 * (said / theirs - 1))
    return {"theirs": theirs, "mine": mine, "difference": difference, "more_us": 1e6 / said - 1e6 / theirs}


def slowdown_of_layers(seed: int) -> dict[str, Any]:
    """Compute how much longer the actual time is than the theoretical one in %, by Table IV and computed."""
    rows = _table4(seed)
    theirs = 100 * (rows["published actual"] / rows["published theoretical"] - 1)
    mine = 100 * (rows["actual"] / rows["theoretical"] - 1)
    return {
        "theirs": _gain(theirs),
        "median": theirs.median(),
        "least": theirs.min(),
        "most": theirs.max(),
        "near": (theirs <= paper_value("slowdown-imbalance")).sum(),
        "layers": len(theirs),
        "mine": _gain(mine),
        "my_median": mine.median(),
    }


def _gain(percent: pd.Series) -> float:
    return 100 * (geomean(1 + percent / 100) - 1)


def queue_depth(seed: int) -> dict[str, Any]:
    """Compute how far Figure 8 is from queues that have as many slots as its depths, and from ones that hold so many.

    Both are means of absolute differences over layers and depths, in points.
    """
    depths = (2, 4, 8)
    machines = [Machine(fifo_depth=depth + more) for depth in depths for more in (0, 1)]
    runs = sweep(nine_layers(), machines, seed=seed).set_index(["layer", "fifo_depth"])["load_balance"] * 100
    figure = published.load("fig08").set_index(["layer", "fifo_depth"])["load_balance"]
    points = [(layer.name, depth) for layer in nine_layers() for depth in depths]
    as_slots, as_held = (
        float(np.mean([abs(runs[name, depth + more] - figure[name, depth]) for name, depth in points]))
        for more in (0, 1)
    )
    holds = queue_holds(int(paper_value("fifo-depth")))
    return {
        "depths": joined(depths),
        "as_slots": as_slots,
        "as_held": as_held,
        "holds": holds,
    }


def stalled_cycles(_seed: int) -> dict[str, Any]:
    """Compute the load balance of one PE in %, beside Figure 13's point."""
    balance = sweep([Benchmark.named("Alex-7")], [Machine(n_pe=1)])["load_balance"][0]
    return {"one": published.row("fig13", layer="Alex-7", n_pe=1), "computed": 100 * float(balance)}


def labels_of_figure11(seed: int) -> dict[str, Any]:
    """Compute two points of Figure 11, and how far all are from it in % as labelled and with labels swapped."""
    apart, speed = figure11(seed).swapped(), figure11(seed).table()[128]
    better = int((apart["swapped"] < apart["as labelled"]).sum())
    speeds = {"alexnet": speed["Alex-7"], "vgg": speed["VGG-7"]}
    return {"means": apart.mean(), "better": better, "layers": len(apart)} | speeds


def speedup_of_256_pes(seed: int) -> dict[str, Any]:
    """Compute how much faster 256 PEs are than 64, and what Figures 12 and 13 give."""
    speed = figure11(seed).table()
    computed = speed[256] / speed[64]
    given = {name: _from_figures_12_13(name) for name in ("Alex-7", "VGG-7")}
    nearest = min(given, key=lambda name: abs(given[name] - paper_value("scaling-256-over-64")))
    return {"published": given, "computed": computed, "nearest": nearest}


def _from_figures_12_13(layer: str) -> float:
    """Speed of 256 PEs over 64 by Figures 12 and 13."""

    def quotient(file: str, column: str) -> float:
        many, few = (published.value(file, column, layer=layer, n_pe=n) for n in (256, 64))
        return many / few

    return 256 / 64 * quotient("fig12", "real_work") * quotient("fig13", "load_balance")
