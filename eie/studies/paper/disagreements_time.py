"""Disagreements of the paper about times, speed-ups and load balance."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from eie import published
from eie.explore.benchmarks import nine_layers, select
from eie.explore.sweep import geomean, sweep
from eie.machine import Machine
from eie.studies.paper import table4 as exhibit4
from eie.studies.paper.chip_claims import cycles_saved, queue_holds
from eie.studies.paper.disagreement import ONE, OPEN, Disagreement, Statement
from eie.studies.paper.pe_counts import Figure11
from eie.studies.paper.versus_platforms import GEOMEAN, Versus, figure6
from eie.technology import paper_value


def redundant_cycles(seed: int) -> Disagreement:
    """Settle how many cycles are saved by skipping zero activations."""
    saved = cycles_saved(seed)
    zeros = pd.Series({layer.name: 100 * (1 - layer.act_density) for layer in nine_layers() if layer.act_density < 1})
    return Disagreement(
        "Cycles saved by skipping zero activations",
        (Statement.of_text("redundant-cycles-section-1"), Statement.of_text("redundant-cycles-section-6")),
        f"Running the {len(saved)} layers that have zero activations once as they are and once with full inputs saves "
        f"{saved.mean():.2f} % of the cycles on average; of their inputs {zeros.mean():.2f} % are zero.",
        OPEN,
        "The two numbers are nearer to each other than Table III's densities are exact. The computed mean supports "
        "either, and no way of averaging is given.",
    )


def speedup_labels(seed: int) -> Disagreement:
    """Settle two labels of Figure 6 and the average of all."""
    figure = _figure6(seed)
    unlike = figure.unlike()
    times = _table4(seed)
    said = [
        Statement("ISCA 2016 Figure 6", f"{row.layer}: {row.label:g} times faster than the CPU")
        for row in unlike.itertuples()
    ]
    said += [Statement("ISCA 2016 Table IV", f"{row.layer}: {row._4:.1f} times") for row in unlike.itertuples()]
    implied = {
        row.layer: published.row("table4", platform="CPU", batch=1, variant="dense", layer=row.layer)["time"]
        / row.label
        for row in unlike.itertuples()
    }
    listed = "; ".join(
        f"{layer}: the label implies {us:.1f} us, Table IV prints {times.loc[layer, 'published actual']:.1f}, "
        f"computed are {times.loc[layer, 'actual']:.1f}"
        for layer, us in implied.items()
    )
    return Disagreement(
        "Two speed-ups of Figure 6, and the average of all",
        (*said, *_geomean_sides(figure)),
        f"{listed}. The geometric mean of the labels is {geomean(figure.labels['EIE'].drop(GEOMEAN)):.1f}, that of "
        f"Table IV {figure.derived.loc[GEOMEAN, 'EIE']:.1f}, that of the computed times "
        f"{figure.computed[GEOMEAN]:.1f}.",
        ONE,
        "Table IV holds: the computed times of both layers are nearer to it. The labels, and with them the speed-up "
        "in the abstract, must come from other, longer times.",
    )


def _geomean_sides(figure: Versus) -> tuple[Statement, Statement]:
    table = figure.derived.loc[GEOMEAN, "EIE"]
    return Statement.of_text("speedup-cpu", "average: "), Statement("ISCA 2016 Table IV", f"average: {table:.1f} x")


def frame_rate(seed: int) -> Disagreement:
    """Settle the frame rate of AlexNet's fully-connected layers."""
    rows = _table4(seed)
    alexnet = rows[rows.index.str.startswith("Alex")]
    theirs, mine = (1e6 / alexnet[column].sum() for column in ("published actual", "actual"))
    said = paper_value("alexnet-frames")
    return Disagreement(
        "Frames a second of AlexNet's fully-connected layers",
        (
            Statement.of_text("alexnet-frames"),
            Statement("ISCA 2016 Table IV", f"{theirs:,.0f} frames/s, from the three times"),
        ),
        f"The abstract's rate differs from that of Table IV by {100 * (said / theirs - 1):+.1f} %. The computed times "
        f"give {mine:,.0f} frames/s.",
        ONE,
        "Table IV is nearer to the computed rate, and its times are what the other results rest on; the abstract's "
        f"rate needs {1e6 / said - 1e6 / theirs:.1f} us more than the three layers take.",
    )


def slowdown_of_layers(seed: int) -> Disagreement:
    """Settle how much longer the actual time is than the theoretical one."""
    rows = _table4(seed)
    theirs = 100 * (rows["published actual"] / rows["published theoretical"] - 1)
    mine = 100 * (rows["actual"] / rows["theoretical"] - 1)
    limit = paper_value("slowdown-imbalance")
    return Disagreement(
        "How much longer the actual time is than the theoretical one",
        (
            Statement.of_text("slowdown-imbalance", "about "),
            Statement("ISCA 2016 Table IV", f"{theirs.min():.0f} to {theirs.max():.0f} %, by layer"),
        ),
        f"In Table IV the geometric mean is {_gain(theirs):.1f} % and the median {theirs.median():.1f} %; "
        f"{(theirs <= limit).sum()} of {len(theirs)} layers are at {limit:g} % or below. Computed, the geometric mean "
        f"is {_gain(mine):.1f} % and the median {mine.median():.1f} %.",
        ONE,
        "Table IV holds. The text's number describes a typical layer, not the average, which one layer (NT-We) raises.",
    )


def _gain(percent: pd.Series) -> float:
    return 100 * (geomean(1 + percent / 100) - 1)


def queue_depth(seed: int) -> Disagreement:
    """Settle what the depth of a queue means."""
    depths = (2, 4, 8)
    machines = [Machine(fifo_depth=depth + more) for depth in depths for more in (0, 1)]
    runs = sweep(nine_layers(), machines, seed=seed).set_index(["layer", "fifo_depth"])["load_balance"] * 100
    figure = published.load("fig08").set_index(["layer", "fifo_depth"])["load_balance"]
    names = [layer.name for layer in nine_layers()]
    off = {
        more: float(np.mean([abs(runs[name, d + more] - figure[name, d]) for name in names for d in depths]))
        for more in (0, 1)
    }
    chosen = int(paper_value("fifo-depth"))
    return Disagreement(
        f"What a queue of depth {chosen} holds",
        (
            Statement.of_text("fifo-depth"),
            Statement(
                "the authors' published simulator", f"a ring buffer of {chosen} slots, full at {queue_holds(chosen)}"
            ),
        ),
        f"Read as slots of that ring buffer, depths {', '.join(map(str, depths))} of Figure 8 differ from what is "
        f"computed by {off[0]:.1f} points on average; read as what the queue holds, by {off[1]:.1f}. The figure has a "
        "depth of 1 as well, with which the ring buffer would hold nothing and never finish.",
        ONE,
        f"The figure's depths are slots: with depth {chosen}, {queue_holds(chosen)} activations wait at the most. "
        "What its depth 1 stands for cannot be told.",
    )


def stalled_cycles(_seed: int) -> Disagreement:
    """Settle what Figure 13 plots."""
    one = published.row("fig13", layer="Alex-7", n_pe=1)
    return Disagreement(
        "What Figure 13 plots",
        (
            Statement("ISCA 2016 Figure 13 caption", "cycles stalled, of all cycles"),
            Statement(one["place"], f"{one['load_balance']:g} {one['unit']} with one PE, which has nobody to wait for"),
        ),
        f"Computed is {100 * _balance_of_one('Alex-7'):.1f} % of the cycles at work with one PE.",
        ONE,
        "The figure plots the complement of what the caption says, as the text on load balance defines it.",
    )


def _balance_of_one(name: str) -> float:
    return float(sweep(select([name]), [Machine(n_pe=1)])["load_balance"][0])


def labels_of_figure11(figure: Figure11) -> Disagreement:
    """Settle which layers Figure 11 labels as AlexNet and as VGG."""
    apart = figure.swapped()
    better = [name for name in apart.index if apart.loc[name, "swapped"] < apart.loc[name, "as labelled"]]
    means = apart.mean()
    return Disagreement(
        "Figure 11: AlexNet and VGG",
        tuple(
            Statement.of_cell(f"{name} on 128 PEs: ", "fig11", "speedup", layer=name, n_pe=128)
            for name in ("Alex-7", "VGG-7")
        ),
        f"Computed are {figure.table().loc['Alex-7', 128]:.0f} and {figure.table().loc['VGG-7', 128]:.0f}. Over all "
        f"points of the six layers the difference is {means['as labelled']:.1f} % as labelled and "
        f"{means['swapped']:.1f} % with labels swapped; {len(better)} of {len(apart)} layers come nearer. Figures 12 "
        "and 13 have the same layers under the names that fit.",
        ONE,
        "The labels of the two groups are swapped in Figure 11.",
    )


def speedup_of_256_pes(figure: Figure11) -> Disagreement:
    """Settle how much faster 256 PEs are than 64."""
    table = figure.table()
    gains = {name: table.loc[name, 256] / table.loc[name, 64] for name in ("Alex-7", "VGG-7")}
    from_figures = {name: _from_figures_12_13(name) for name in gains}
    said = paper_value("scaling-256-over-64")
    nearest = min(from_figures, key=lambda name: abs(from_figures[name] - said))
    return Disagreement(
        "Speed-up from 64 to 256 PEs",
        (
            Statement.of_text("scaling-256-over-64"),
            Statement("ISCA 2016 Figures 12 and 13", f"{from_figures['Alex-7']:.2f} x, from their points for Alex-7"),
        ),
        "Figures 12 and 13 together give the speed-up, since work and balance are all there is to it: "
        f"{_times(from_figures)}. Computed: {_times(gains)}. Figure 11 cannot tell, its axis ends below.",
        OPEN,
        f"Footnote 3 says Table V's layer, but its number is nearest to {nearest}'s, as if labels were swapped here "
        "too.",
    )


def _from_figures_12_13(layer: str) -> float:
    """Speed of 256 PEs over 64 by Figures 12 and 13."""

    def quotient(file: str, column: str) -> float:
        many, few = (float(published.row(file, layer=layer, n_pe=n)[column]) for n in (256, 64))
        return many / few

    return 256 / 64 * quotient("fig12", "real_work") * quotient("fig13", "load_balance")


def _times(values: dict[str, float]) -> str:
    return ", ".join(f"{value:.2f} ({name})" for name, value in values.items())


@cache
def _figure6(seed: int) -> Versus:
    return figure6(seed=seed)


@cache
def _table4(seed: int) -> pd.DataFrame:
    return exhibit4.table4(seed=seed).table()
