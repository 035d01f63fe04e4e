"""Layers times machines: every combination simulated, as one tidy frame."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eie import _check
from eie._compile import pays
from eie.cycles import CycleReport
from eie.explore.benchmarks import Benchmark
from eie.explore.many_machines import Designs, memory_layout, numpy_seconds, simulate_many
from eie.explore.points import points_of
from eie.explore.spread import MEDIAN, Spread
from eie.explore.synthetic import HIT_SECONDS
from eie.layer import CompressedLayer
from eie.machine import Machine

if TYPE_CHECKING:
    import pandas as pd

MAX_DRAWS = 1000
LAYERS_KEPT = 2
"""Drawn layers that are kept for the next job: it often runs the same one."""

MACHINES_TOGETHER = 2**14
"""Machines of one pass: what it remembers of each takes less than 100 MB, and other passes run beside it."""

_reports: dict[Any, CycleReport] = {}
"""What this process has simulated, so that figures that share points compute each once."""

_drawing: defaultdict[Any, Lock] = defaultdict(Lock)


@dataclass(frozen=True, slots=True)
class Job:
    """One draw of a layer on machines of the same PEs: what one pass over its entries answers.

    All machines have one memory layout; `draw`, `seed` and `spread` are as for `Benchmark.draw`.
    """

    benchmark: Benchmark
    draw: int
    machines: tuple[Machine, ...]
    seed: int
    spread: Spread | float

    @property
    def source(self) -> tuple[Benchmark, int, int, Spread | float]:
        """Benchmark, draw, seed and spread: everything that the layer is drawn from."""
        return self.benchmark, self.draw, self.seed, self.spread

    @property
    def cost(self) -> float:
        """Work to expect, in steps of about a nanosecond: entries, and broadcasts x PEs x (depths + widths)."""
        depths = {machine.fifo_depth for machine in self.machines}
        widths = {machine.spmat_width_bits for machine in self.machines}
        columns = self.benchmark.n_in * (1 + self.benchmark.act_density * (len(depths) + len(widths)))
        index_bits = {machine.index_bits for machine in self.machines}
        return self.benchmark.expected_entries + columns * self.machines[0].n_pe * len(index_bits)

    @property
    def numpy_seconds(self) -> float:
        """Time, s, that NumPy takes at most when it does the work of kernels."""
        entries, n_in, n_pe = self.benchmark.expected_entries, self.benchmark.n_in, self.machines[0].n_pe
        return HIT_SECONDS * entries + len(self.machines) * numpy_seconds(entries, n_in, n_pe)

    def run(self) -> Designs:
        """Draw the layer, unless it is still there from another job, and simulate it on every machine."""
        return simulate_many(*_drawn(*self.source), self.machines)


def jobs(
    benchmarks: Sequence[Benchmark], machines: Sequence[Machine], seed: int, draws: int, spread: Spread | float | None
) -> Iterator[Job]:
    """Yield every draw of every layer on every machine, in few passes; machines alike keep their order."""
    _check.integer("draws", draws, 1, MAX_DRAWS)
    spread = MEDIAN if spread is None else spread
    alike = [list(group) for _, group in groupby(sorted(machines, key=memory_layout), key=memory_layout)]
    parts = [
        tuple(group[first : first + MACHINES_TOGETHER])
        for group in alike
        for first in range(0, len(group), MACHINES_TOGETHER)
    ]
    for benchmark in benchmarks:
        for draw in range(draws):
            for part in parts:
                yield Job(benchmark, draw, part, seed, spread)


def sweep(
    benchmarks: Sequence[Benchmark],
    machines: Sequence[Machine],
    *,
    seed: int = 0,
    draws: int = 1,
    spread: Spread | float | None = None,
) -> pd.DataFrame:
    """Simulate every layer on every machine, on all cores.

    Parameters
    ----------
    benchmarks : sequence of Benchmark
        Layers to draw. Each draw is made once, and simulated in one pass for all machines that store it alike.
    machines : sequence of Machine
        Chips to run them on.
    seed : int
        Random seed; equal seeds give equal layers.
    draws : int
        Independent draws of each layer, 1..1000.
    spread : Spread or float, optional
        Unevenness of the layers, or a percentile of `eie.typical_spread`; the median if left out.

    Returns
    -------
    pandas.DataFrame
        One row per layer, draw and machine, in that order: `layer`, `draw`, the machine's parameters, the report's
        counters, and `load_balance`, `real_work` (fractions), `seconds`, `theoretical_seconds`.
    """
    import pandas as pd

    spread = MEDIAN if spread is None else spread
    unknown = map(_unknown, jobs(benchmarks, machines, seed, draws, spread))
    largest_first = sorted((job for job in unknown if job.machines), key=lambda job: -job.benchmark.expected_entries)
    pays(sum(job.numpy_seconds for job in largest_first), begin=False)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for job, found in zip(largest_first, pool.map(Job.run, largest_first), strict=True):
            _reports.update({(*job.source, m): report for m, report in zip(job.machines, found.reports, strict=True)})
    keys = [(benchmark, draw) for benchmark in benchmarks for draw in range(draws)]
    reports = [_reports[benchmark, draw, seed, spread, machine] for benchmark, draw in keys for machine in machines]
    first = {
        "layer": [benchmark.name for benchmark, _ in keys for _ in machines],
        "draw": [draw for _, draw in keys for _ in machines],
    }
    return pd.DataFrame(first | points_of(list(machines) * len(keys), _stacked(reports)))


def _stacked(reports: Sequence[CycleReport]) -> CycleReport:
    """Put many reports into one that has an array in place of each number."""
    stacked: Any = {name: np.array([getattr(report, name) for report in reports]) for name in CycleReport.__slots__}
    return CycleReport(**stacked)


def geomean(values: Any) -> float:
    """Return the geometric mean of positive numbers, as the paper averages over its benchmarks."""
    return float(np.exp(np.log(np.asarray(values, dtype=float)).mean()))


def _unknown(job: Job) -> Job:
    """Return the same job without machines whose report is there already."""
    return replace(job, machines=tuple(machine for machine in job.machines if (*job.source, machine) not in _reports))


def _drawn(*source: Any) -> tuple[CompressedLayer, NDArray[np.float32]]:
    """Return the layer and its input; threads that want the same one wait for it rather than draw it twice."""
    with _drawing[source]:
        return _draw(*source)


@lru_cache(LAYERS_KEPT)
def _draw(
    benchmark: Benchmark, draw: int, seed: int, spread: Spread | float
) -> tuple[CompressedLayer, NDArray[np.float32]]:
    return benchmark.draw(seed, draw, spread)
