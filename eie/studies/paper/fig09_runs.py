"""Figure 9's reads when the non-zero inputs of a layer come in runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eie import _check
from eie.cycles import simulate
from eie.explore.benchmarks import Benchmark, select
from eie.interleaved import encode
from eie.machine import MAX_SPMAT_WIDTH_BITS, Machine
from eie.studies.paper.fig09 import MARKERS_LAYER, WIDTHS, left_panel


@dataclass(frozen=True, eq=False)
class Runs:
    """Reads of one layer when its non-zero inputs come in runs.

    Attributes
    ----------
    layer : str
        The layer.
    rows : DataFrame
        Columns `run` (mean length), `width_bits`, `reads`, and `difference` to the left panel's markers in percent.
    """

    layer: str
    rows: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """Differences to the markers in percent, one row per mean length, by width, and their mean absolute value."""
        wide = self.rows.pivot(index="run", columns="width_bits", values="difference")
        wide.index = pd.Index([f"{run:.2f}" for run in wide.index], name="run")
        return wide.assign(**{"mean absolute": wide.abs().mean(axis=1)})

    def words(self) -> str:
        """Which length of runs fits."""
        table = self.table()
        sizes = table["mean absolute"]
        over = ", on average over the widths" if len(table.columns) > 2 else ""
        return (
            f"With runs of {sizes.idxmin()} inputs on average, the reads of {self.layer} differ from the markers by "
            f"{sizes.min():.1f} %{over}; with inputs independent of each other (runs of {sizes.index[0]}), they differ "
            f"by {sizes.iloc[0]:.1f} %."
        )


def in_runs(
    lengths: Sequence[float] = (2.0, 2.5, 3.0, 4.0), widths: Sequence[int] = WIDTHS, n_pe: int = 64, seed: int = 0
) -> Runs:
    """Run the layer of the left panel's markers on inputs whose non-zero ones stand together.

    Parameters
    ----------
    lengths : sequence of float
        Mean lengths of the runs, each at least that of independent inputs, which is always among them.
    widths, n_pe, seed
        As for `figure9`.
    """
    (benchmark,) = select([MARKERS_LAYER])
    markers = left_panel("reads")
    bits = _check.integers("widths", widths, 8, MAX_SPMAT_WIDTH_BITS)
    machines = [Machine(n_pe=n_pe, spmat_width_bits=width) for width in bits]
    layer, _ = benchmark.draw(seed)
    mem = encode(layer, machines[0])
    rows = []
    independent = 1 / (1 - benchmark.act_density)
    for run in [independent, *(_run_length(length, independent) for length in lengths)]:
        inputs = draw_runs(benchmark, run, np.random.default_rng(seed))
        for machine in machines:
            reads = simulate(mem, inputs, machine).spmat_reads
            rows.append({"run": run, "width_bits": machine.spmat_width_bits, "reads": reads})
    found = pd.DataFrame(rows)
    found["difference"] = 100 * (found["reads"] / found["width_bits"].map(markers) - 1)
    return Runs(benchmark.name, found)


def _run_length(length: float, independent: float) -> float:
    value = _check.positive("each of lengths", length)
    if value < independent:
        raise ValueError(
            f"each of lengths must be at least {independent:.3g}, as of independent inputs, got {length!r}"
        )
    return value


def draw_runs(benchmark: Benchmark, run: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Inputs of a layer, as many not 0 as its density says, in runs of a given mean length with gaps between them."""
    ones = round(benchmark.n_in * benchmark.act_density)
    n_runs = min(max(round(ones / run), 1), benchmark.n_in - ones)
    lengths = _parts(ones, n_runs, rng)
    gaps = _parts(benchmark.n_in - ones, n_runs, rng)
    values = np.tile(np.array([0.0, 1.0], dtype=np.float32), n_runs)
    return np.repeat(values, np.column_stack([gaps, lengths]).ravel())


def _parts(whole: int, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """`whole` cut into `n` parts of at least 1, every way as likely."""
    cuts = np.sort(rng.choice(whole - 1, n - 1, replace=False)) + 1
    return np.diff(np.concatenate([[0], cuts, [whole]]))
