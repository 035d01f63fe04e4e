"""The netlist of a PE over a whole layer: whether each output is right, and what power the run draws."""

from __future__ import annotations

from collections.abc import Iterator
from math import fsum
from typing import Any

import numpy as np

from eie.cycles import encoded_for
from eie.fixedpoint import LayerFormats
from eie.hardware.silicon import workload
from eie.hardware.silicon.gates import Activity, GateSimulation
from eie.hardware.silicon.liberty import Library
from eie.hardware.silicon.power import power
from eie.hardware.silicon.synthesis import RECIPES, parameters_of_pe, synthesise
from eie.hardware.silicon.tables import MODULES, Rows
from eie.hardware.silicon.timing import Timing
from eie.hardware.simulation import raw_inputs
from eie.interleaved import InterleavedCSC
from eie.layer import CompressedLayer
from eie.machine import EIE_45NM, Machine
from eie.technology import chip_facts, memories

MEMORY = "memory"
_MW_PER_PJ_NS = 1.0


def measure(
    cells: Library,
    mem: InterleavedCSC | CompressedLayer,
    activations: Any,
    machine: Machine = EIE_45NM,
    *,
    formats: LayerFormats,
    p: int = 0,
) -> Iterator[tuple[Rows, Rows]]:
    """Run a layer on the netlist of a PE, by each recipe.

    Parameters
    ----------
    cells : Library
    mem, activations, machine, formats
        As for `eie.hardware.simulate`, but one vector only.
    p : int
        Number of the PE.

    Yields
    ------
    runs, powers : lists of dict
        Rows of the two tables, one recipe at a time: what was compared; power in mW by module and component.
    """
    encoded = encoded_for(mem, machine)
    raw = raw_inputs(encoded, activations, formats, False, several=False)
    work = workload.of_layer(encoded, np.asarray(raw), machine, formats, p)
    period_ns = 1e9 / machine.clock_hz
    for recipe in RECIPES:
        netlist = synthesise(cells, "pe", parameters_of_pe(work.geometry), period_ns, recipe=recipe)
        simulation = GateSimulation(netlist)
        verdict, activity = workload.run(work, simulation)
        drawn = power(simulation, activity, Timing(netlist), period_ns)
        reads = _reads(simulation, activity)
        run = {
            "recipe": recipe,
            "pe": p,
            "cycles": verdict.cycles,
            "compared": verdict.compared,
            "wrong": verdict.wrong,
            "results": verdict.results,
            "wrong_results": verdict.wrong_results,
            "pointer_reads": reads["PtrRead"] // 2,
            "row_reads": reads["SpmatRead"],
            "products": int(work.expected["mac_o"].sum()),
            "changes_per_cycle": round(int(activity.toggles.sum()) / activity.cycles, 1),
        }
        parts = [
            _row(recipe, MODULES[module], component, *(part.get((module, component), 0.0) for part in drawn.parts))
            for module, component in drawn.places()
        ]
        yield [run], parts + _of_memories(recipe, reads, machine, verdict.cycles * period_ns)


def summary(runs: Rows, powers: Rows) -> str:
    """Say in a line what a recipe gave."""
    (run,) = runs
    gates = [row for row in powers if row["component"] != MEMORY]
    logic = fsum(row[f"{part}_mW"] for row in gates for part in ("internal", "switching", "leakage"))
    return (
        f"{run['recipe']}: {run['wrong']} of {run['compared']:,} outputs in {run['cycles']:,} cycles are wrong, "
        f"{run['wrong_results']} of {run['results']} results; the logic draws {logic:.2f} mW"
    )


def _reads(simulation: GateSimulation, activity: Activity) -> dict[str, int]:
    """Count words read from the memories of each module."""
    found = dict.fromkeys(("PtrRead", "SpmatRead"), 0)
    for memory, (read, _) in zip(simulation.netlist.memories, activity.words, strict=True):
        found[MODULES[memory.module]] += int(read)
    return found


def _of_memories(recipe: str, reads: dict[str, int], machine: Machine, run_ns: float) -> Rows:
    """Return the power of the memories: words read times the energy of one, and leakage. The registers' is not used."""
    held, rows = memories(machine, chip_facts()["sram"]["setting"]), []
    for part, module in (("spmat", "SpmatRead"), ("pointer", "PtrRead"), ("activation", "ActRW")):
        sram, count = held[part]
        accesses = _MW_PER_PJ_NS * reads.get(module, 0) * sram.read_pj / run_ns
        rows.append(_row(recipe, module, MEMORY, accesses, 0.0, sram.leakage_mw * count))
    return rows


def _row(recipe: str, module: str, component: str, internal: float, switching: float, leakage: float) -> dict[str, Any]:
    return {
        "recipe": recipe,
        "module": module,
        "component": component,
        "internal_mW": round(internal, 5),
        "switching_mW": round(switching, 5),
        "leakage_mW": round(leakage, 5),
    }
