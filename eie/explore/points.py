"""Many points of a sweep at once, as columns: parameters, counters, and energy and area."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie import chip
from eie.cycles import CycleReport
from eie.energy_model import energy
from eie.explore.many_machines import Designs
from eie.machine import Machine
from eie.technology import sram_widths


def points_of(machines: Sequence[Machine], report: CycleReport) -> dict[str, Any]:
    """Return parameters of machines, the counters of all their reports, and what follows from them, by column.

    `report` has an array in place of each number that is not the same for all machines.
    """
    entries = np.asarray(report.entries)
    return (
        {name: np.array([getattr(machine, name) for machine in machines]) for name in Machine.__slots__}
        | {name: getattr(report, name) for name in CycleReport.__slots__}
        | {name: getattr(report, name) for name in ("theoretical_cycles", "load_balance")}
        | {"real_work": np.divide(report.macs, entries, out=np.ones(entries.shape), where=entries > 0)}
        | {name: getattr(report, name) for name in ("seconds", "theoretical_seconds")}
    )


def costs(designs: Designs) -> dict[str, NDArray[Any]]:
    """Compute energy and area of each run, or a note that says why there are none."""
    n, together = len(designs.machines), designs.together
    found = {name: np.full(n, np.nan) for name in ("energy_j", "time_times_power_j", "area_mm2")}
    note = np.full(n, None)
    areas: dict[tuple[float, ...], float] = {}
    for machine, places in _alike(designs.machines):
        width, known = machine.spmat_width_bits, sram_widths()
        if width not in known:
            listed = ", ".join(map(str, sorted(known)))
            note[places] = f"no energy and area: the SRAM sweep has memories of {listed} bits, not {width}"
            continue
        each: Any = {name: getattr(together, name)[places] for name in ("cycles", "padding", "spmat_reads")}
        joules = energy(replace(together, clock_hz=machine.clock_hz, **each), machine)
        found["energy_j"][places] = joules.total
        found["time_times_power_j"][places] = joules.time_times_power
        for place in places:
            one = designs.machines[place]
            key = one.fifo_depth, width, one.feature_nm
            found["area_mm2"][place] = areas[key] = areas.get(key) or chip.area(one)
    return found | {"note": note}


def _alike(machines: Sequence[Machine]) -> list[tuple[Machine, list[int]]]:
    """Group machines that differ in their queues' depth only: one of each group, and the places of all."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for place, machine in enumerate(machines):
        key = tuple(getattr(machine, name) for name in Machine.__slots__ if name != "fifo_depth")
        groups.setdefault(key, []).append(place)
    return [(machines[places[0]], places) for places in groups.values()]
