"""Plot how cost grows with the entries of a layer: `python tools/plot_scaling.py RESULTS.json PLOT.svg`.

RESULTS.json is what pytest-benchmark wrote (`make bench`).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib as mpl
import pandas as pd

mpl.use("Agg")

import matplotlib.pyplot as plt

from eie.studies.plots import style


def medians(results: Path) -> pd.DataFrame:
    """Median seconds of each step at each number of entries."""
    runs = json.loads(results.read_text(encoding="utf-8"))["benchmarks"]
    rows = [run["extra_info"] | {"seconds": run["stats"]["median"]} for run in runs if "step" in run["extra_info"]]
    return pd.DataFrame(rows).sort_values("entries")


def main(arguments: list[str]) -> int:
    """Draw the plot."""
    if len(arguments) != 2:
        print(__doc__)
        return 2
    with mpl.rc_context(style.STYLE):
        fig, ax = plt.subplots(figsize=(6.4, 4.4))
        for (step, runs), colour in zip(medians(Path(arguments[0])).groupby("step"), style.PALETTE, strict=False):
            each = 1e9 * (runs["seconds"] / runs["entries"]).iloc[-1]
            ax.loglog(
                runs["entries"], 1e3 * runs["seconds"], "o-", color=colour, label=f"{step}: {each:.2g} ns an entry"
            )
            line = 1e-6 * each * runs["entries"]
            ax.loglog(runs["entries"], line, ":", color=colour)
        ax.set(xlabel="entries of the layer", ylabel="time, ms", title="Cost of each step (dotted: proportional)")
        ax.legend()
        fig.savefig(arguments[1])
    print(f"written to {arguments[1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
