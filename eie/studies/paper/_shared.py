"""Runs that several exhibits share."""

from __future__ import annotations

from functools import cache

from eie.explore.benchmarks import nine_layers
from eie.explore.sweep import sweep
from eie.machine import Machine
from eie.studies.paper import fig08, fig09


@cache
def run_together() -> None:
    """Simulate the depths of Figure 8 and the widths of Figure 9 in one go, so that each layer is drawn once.

    Later sweeps in this process find the reports of these machines, the paper's among them.
    """
    machines = [Machine(fifo_depth=depth) for depth in fig08.DEPTHS]
    machines += [Machine(spmat_width_bits=width) for width in fig09.WIDTHS]
    sweep(nine_layers(), list(dict.fromkeys(machines)), draws=5)
