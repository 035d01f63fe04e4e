"""Layers times machines: every combination simulated, as one tidy frame."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from eie import _check
from eie.benchmarks import Benchmark
from eie.cycles import CycleReport, simulate
from eie.interleaved import encode
from eie.machine import Machine
from eie.synthetic import Spread, measured_spread

MAX_DRAWS = 1000

_reports: dict[Any, CycleReport] = {}
"""What this process has simulated, so that figures that share points compute each once."""


def sweep(
    benchmarks: Sequence[Benchmark],
    machines: Sequence[Machine],
    *,
    seed: int = 0,
    draws: int = 1,
    spread: Spread | None = None,
) -> pd.DataFrame:
    """Simulate every layer on every machine, on all cores.

    Parameters
    ----------
    benchmarks : sequence of Benchmark
        Layers to draw. Each draw is made once, and encoded once for machines that hold it alike.
    machines : sequence of Machine
        Chips to run them on.
    seed : int
        Names the random numbers.
    draws : int
        Independent draws of each layer, 1..1000.
    spread : Spread, optional
        Unevenness of the layers; as measured on the authors' layer if left out.

    Returns
    -------
    pandas.DataFrame
        A row for each layer, draw and machine, in that order: `layer`, `draw`, the machine's parameters, the report's
        counters, and `load_balance`, `real_work` (fractions), `seconds`, `theoretical_seconds`.
    """
    _check.integer("draws", draws, 1, MAX_DRAWS)
    spread = spread or measured_spread()
    jobs = [(benchmark, draw) for benchmark in benchmarks for draw in range(draws)]
    largest_first = sorted(jobs, key=lambda job: -job[0].expected_entries)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda job: _run(job[0], job[1], machines, seed, spread), largest_first)
        done = dict(zip(largest_first, results, strict=True))
    return pd.DataFrame([row for job in jobs for row in done[job]])


def _run(
    benchmark: Benchmark, draw: int, machines: Sequence[Machine], seed: int, spread: Spread | None
) -> list[dict[str, Any]]:
    run = (benchmark, draw, seed, spread)
    missing = [machine for machine in machines if (run, machine) not in _reports]
    if missing:
        layer, activations = benchmark.draw(seed, draw, spread)
        for _, alike in groupby(sorted(missing, key=_memory_layout), key=_memory_layout):
            group = list(alike)
            mem = encode(layer, group[0])
            _reports.update({(run, machine): simulate(mem, activations, machine) for machine in group})
    return [_row(benchmark, draw, machine, _reports[run, machine]) for machine in machines]


def _memory_layout(machine: Machine) -> tuple[int, int, int]:
    """Machines that agree in this hold a layer alike."""
    return machine.n_pe, machine.weight_bits, machine.index_bits


def _row(benchmark: Benchmark, draw: int, machine: Machine, report: CycleReport) -> dict[str, Any]:
    derived = ("theoretical_cycles", "load_balance", "real_work", "seconds", "theoretical_seconds")
    return (
        {"layer": benchmark.name, "draw": draw}
        | asdict(machine)
        | asdict(report)
        | {name: getattr(report, name) for name in derived}
    )


def geomean(values: Any) -> float:
    """Geometric mean of positive numbers, as the paper averages over its benchmarks."""
    return float(np.exp(np.log(np.asarray(values, dtype=float)).mean()))
