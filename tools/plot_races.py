"""Plot what `make bench` measured: `python tools/plot_races.py RACES.json PLOT.svg`.

On the left each ratio over its limit, on the right how cost grows with entries, PEs and designs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd

mpl.use("Agg")

import matplotlib.pyplot as plt

from eie.studies.plots import style


def plot_ratios(ax: Any, races: list[dict[str, Any]]) -> None:
    """Draw a bar for each race, as long as its ratio over the limit."""
    names = [f"{race['work']}\n/ {race['reference']}" for race in races]
    shares = [race["ratio"] / race["limit"] for race in races]
    ax.barh(names, shares, color=[style.PALETTE[share > 1] for share in shares])
    ax.axvline(1, color="black", linestyle=":")
    ax.set(xscale="log", xlabel="ratio / its limit")
    ax.tick_params(axis="y", labelsize=6)
    ax.invert_yaxis()


def plot_growth(ax: Any, races: list[dict[str, Any]]) -> None:
    """Draw the time of each step against its size, and a dotted line in proportion."""
    points = pd.DataFrame([point for race in races for point in race["points"]], columns=["step", "size", "seconds"])
    for (step, runs), colour in zip(points.groupby("step"), style.PALETTE, strict=False):
        runs = runs.sort_values("size")
        each = (runs["seconds"] / runs["size"]).iloc[-1]
        ax.loglog(runs["size"], 1e3 * runs["seconds"], "o-", color=colour, label=f"{step}: {1e9 * each:.2g} ns each")
        ax.loglog(runs["size"], 1e3 * each * runs["size"], ":", color=colour)
    ax.set(xlabel="entries, PEs or designs", ylabel="time, ms", title="Cost against size (dotted: proportional)")
    if len(points):
        ax.legend()


def main(arguments: list[str]) -> int:
    """Draw the plot."""
    if len(arguments) != 2:
        print(__doc__)
        return 2
    races = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    with mpl.rc_context(style.STYLE):
        fig, (left, right) = plt.subplots(1, 2, figsize=(13, 1 + 0.3 * len(races)), layout="constrained")
        plot_ratios(left, races)
        plot_growth(right, races)
        fig.savefig(arguments[1])
    print(f"written to {arguments[1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
