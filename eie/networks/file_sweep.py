"""A network's file on every combination of machine parameters: each layer is read once, and encoded once per layout."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import reduce
from math import fsum
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from eie.cycles import CycleReport, simulate
from eie.energy_model import energy
from eie.explore.dense_array import EnergyOf
from eie.explore.own_technology import OwnTechnology
from eie.formats.container import EncodedLayer
from eie.machine import Machine
from eie.networks.baseline import dense_layer
from eie.networks.encoding import encoded
from eie.networks.inputs import Inputs
from eie.networks.memory_fit import memory_fit
from eie.technology import sram_widths
from eie.writing.aside import written_aside

TOTAL = "total"
"""Name of the rows that add up all layers."""

ENDINGS = (".parquet", ".csv", ".json")

_SUMMED = ("cycles", "seconds", "energy_j", "dense_seconds", "dense_energy_j")


def sweep_file(
    network: Any,
    machines: Sequence[Machine],
    *,
    activations: Any = None,
    act_density: float | None = None,
    density: float | Mapping[str, float] | None = None,
    seed: int = 0,
    signed: bool = False,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    technology: OwnTechnology | None = None,
) -> pd.DataFrame:
    """Run every layer of a network on several machines.

    Parameters
    ----------
    network, activations, act_density, density, seed, signed, input_shapes, technology
        As for `eie.evaluate`. All machines get the same inputs.
    machines : sequence of Machine

    Returns
    -------
    DataFrame
        One row per layer and machine, and for each machine a row `total`: `layer`, the machine's parameters, `vectors`
        (products per inference), `at_least` (whether they are a lower bound), and per inference `cycles`, `seconds`,
        `energy_j`, `dense_seconds` and `dense_energy_j` of a dense array; `load_balance`, `memory_fill` (of the fullest
        PE; 1 is full), `note` (why energy is missing)
        and `conditional` (a layer in a branch, which the total leaves out).

    Raises
    ------
    FormatError, ModuleNotFoundError, ValueError
        As `eie.evaluate` does.
    """
    if not machines:
        raise ValueError("machines must be at least one, got none")
    rows: dict[Machine, list[dict[str, Any]]] = {machine: [] for machine in machines}
    for layout in dict.fromkeys(map(_layout, machines)):
        alike = [machine for machine in machines if _layout(machine) == layout]
        given = encoded(network, alike[0], density=density, seed=seed, input_shapes=input_shapes)
        inputs = Inputs(given.activations if activations is None else activations, act_density, seed, signed)
        inputs.check_fit(given.sizes)
        for layer in given.layers:
            blocks = list(inputs.blocks(layer))
            for machine in alike:
                report = reduce(add, (simulate(layer.mem, block, machine, signed=True) for block in blocks))
                row = _row(layer, report, machine, *inputs.inferences(layer), technology)
                rows[machine].append(row | {"conditional": layer.conditional})
        inputs.check_all_used()
    found = [row for machine in machines for row in [*rows[machine], _total(rows[machine], machine)]]
    return pd.DataFrame(found)


def write(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a table as Parquet, CSV or JSON (a list of rows), by the file's ending.

    Raises
    ------
    ValueError
        When it has another ending.
    OSError
        When the file cannot be written; an old one is left as it was.
    """
    ending = check_ending(path)
    writers: dict[str, Callable[[Path], Any]] = {
        ".parquet": lambda aside: _write_parquet(frame, aside),
        ".csv": lambda aside: frame.to_csv(aside, index=False),
        ".json": lambda aside: aside.write_text(as_json(frame) + "\n", encoding="utf-8"),
    }
    with written_aside(path) as aside:
        writers[ending](aside)


def _write_parquet(frame: pd.DataFrame, path: Path) -> None:
    with path.open("wb") as file:  # pyarrow itself takes no name that is not UTF-8
        frame.to_parquet(file, index=False)


def check_ending(path: str | Path) -> str:
    """Return the ending of a table's file, or raise a `ValueError`."""
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise ValueError(f"a table must be written to a file that ends in {', '.join(ENDINGS)}, got {str(path)!r}")
    return ending


def as_json(frame: pd.DataFrame) -> str:
    """Write a table as JSON, a list of rows; what is missing is null."""
    return json.dumps(json.loads(frame.to_json(orient="records", double_precision=15)), indent=1)


def _layout(machine: Machine) -> tuple[int, int, int]:
    return machine.n_pe, machine.weight_bits, machine.index_bits


def _row(
    layer: EncodedLayer,
    report: CycleReport,
    machine: Machine,
    inferences: float,
    counted: bool,
    technology: OwnTechnology | None,
) -> dict[str, Any]:
    n = report.vectors / inferences
    energy_of, note = _energy(machine, technology)
    dense = None if energy_of is None else dense_layer(report.n_out, report.n_in, layer.groups, n, machine, energy_of)
    return {
        "layer": layer.name,
        **asdict(machine),
        "vectors": n,
        "at_least": not counted,
        "cycles": report.cycles / inferences,
        "seconds": report.seconds / inferences,
        "energy_j": np.nan if energy_of is None else energy_of(report, machine).total / inferences,
        "dense_seconds": np.nan if dense is None else dense.seconds,
        "dense_energy_j": np.nan if dense is None else dense.joules,
        "load_balance": report.load_balance,
        "memory_fill": memory_fit(layer.mem, machine).filled()["spmat"],
        "note": note,
    }


def _energy(machine: Machine, technology: OwnTechnology | None) -> tuple[EnergyOf | None, str]:
    if technology is not None:
        technology.check(machine)
        return technology.energy, ""
    width, known = machine.spmat_width_bits, sram_widths()
    if width in known:
        return energy, ""
    listed = ", ".join(map(str, sorted(known)))
    return None, f"no energy: the SRAM sweep has memories of {listed} bits, not {width}"


def _total(rows: Sequence[Mapping[str, Any]], machine: Machine) -> dict[str, Any]:
    """Add up the layers of one machine; the load balance is that of all cycles."""
    sure = [row for row in rows if not row["conditional"]] or [min(rows, key=lambda row: row["cycles"])]
    sums = {name: float(np.sum([row[name] for row in sure])) for name in _SUMMED}
    if sure[0]["conditional"]:  # of layers in branches alone, one is sure to run, and none is known to
        sums |= {name: float(np.min([row[name] for row in rows])) for name in _SUMMED if name != "cycles"}
    busy = fsum(row["load_balance"] * row["cycles"] for row in sure)
    return {
        "layer": TOTAL,
        **asdict(machine),
        "vectors": np.nan,
        "at_least": any(row["at_least"] for row in rows),
        **sums,
        "load_balance": busy / sums["cycles"],
        "memory_fill": fsum(row["memory_fill"] for row in rows),
        "note": rows[0]["note"],
        "conditional": False,
    }
