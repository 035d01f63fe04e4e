"""A PE's part of a layer: what reaches its ports in each cycle, and what the stepped machine says of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eie.central_control import CentralControl
from eie.fixedpoint import LayerFormats
from eie.hardware import memories
from eie.hardware.chip import CODEBOOK, SOURCES
from eie.hardware.geometry import Geometry
from eie.hardware.silicon.gates import Activity, GateSimulation
from eie.hardware.waveforms import Values, signals_of
from eie.interleaved import InterleavedCSC
from eie.machine import Machine
from eie.stepped import ProcessingElement, busy

COMPARED = ("full_o", "busy_o", "row_read_o", "mac_o", "padding_o", "saturated_o")
"""Outputs of a PE that the stepped machine has, too."""
Ports = dict[str, NDArray[np.int64]]


@dataclass(frozen=True, eq=False, slots=True)
class Workload:
    """Values at the ports of a PE while a layer runs.

    Attributes
    ----------
    geometry : Geometry
    own : Memories
        Contents of the PE's memories.
    setup : dict of str to int array
        Values of its ports, one per cycle, in which it is reset, and registers and codebook are written.
    inputs : dict of str to int array
        The same for the cycles of the layer.
    expected : dict of str to int array
        Outputs in the cycles of the layer, those of `COMPARED`.
    results : int array
        Raw sums of the PE's rows.
    """

    geometry: Geometry
    own: memories.Memories
    setup: Ports
    inputs: Ports
    expected: Ports
    results: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Comparison of a netlist with the machine: cycles, output values and results compared, and how many are wrong."""

    cycles: int
    compared: int
    wrong: int
    results: int
    wrong_results: int


def of_layer(
    mem: InterleavedCSC, raw: NDArray[np.int64], machine: Machine, formats: LayerFormats, p: int = 0
) -> Workload:
    """Step a layer, and note what reaches PE `p`.

    Parameters
    ----------
    mem : InterleavedCSC
    raw : int array of shape `(n_in,)`
        Activations in their format.
    machine : Machine
    formats : LayerFormats
    p : int
        Number of the PE, 0..63.
    """
    weights, _ = formats.weight.quantize(mem.codebook)
    geometry = Geometry.fitting([mem], machine, [formats])
    pes = [ProcessingElement(mem, k, machine, weights, formats) for k in range(mem.n_pe)]
    rows = list(_steps(mem, raw, formats, pes, p))
    given = {name: np.array([row[name] or 0 for row, _ in rows]) for name in rows[0][0]}
    settings = {"rst_ni": 1, "id_i": p, "places_i": formats.places}
    inputs = given | {name: np.full(len(rows), value) for name, value in settings.items()}
    return Workload(
        geometry,
        memories.of_pe(mem, p, geometry),
        _setup(weights, raw[p :: mem.n_pe], p),
        inputs,
        {name: np.array([found[name] for _, found in rows]) for name in COMPARED},
        np.array(pes[p].registers.registers),
    )


def run(workload: Workload, simulation: GateSimulation) -> tuple[Verdict, Activity]:
    """Run a workload on a netlist of a PE, and compare every output of every cycle, and the results.

    Returns
    -------
    Verdict
    Activity
        Of the cycles of the layer.
    """
    simulation.load("u_even", workload.own.pointers[0::2])
    simulation.load("u_odd", workload.own.pointers[1::2])
    simulation.load("u_sram", workload.own.spmat)
    simulation.run(workload.setup)
    found, activity = simulation.run(workload.inputs)
    wrong = sum(int((found[name] != expected).sum()) for name, expected in workload.expected.items())
    count = len(workload.results)
    # The accumulators are the sources once the register files have swapped their roles.
    place = int(workload.inputs["id_i"][0])
    chosen = {"rst_ni": 1, "role_i": 1, "exact_i": 1, "id_i": place, "bank_i": place}
    reads = {name: np.full(count, value) for name, value in chosen.items()}
    after, _ = simulation.run({**reads, "src_addr_i": np.arange(count)})
    unused = 64 - workload.geometry.data_bits
    results = np.where(after["non_zero_o"], after["act_o"], 0) << unused >> unused
    compared = len(workload.expected) * activity.cycles
    return Verdict(activity.cycles, compared, wrong, count, int((results != workload.results).sum())), activity


def _steps(
    mem: InterleavedCSC, raw: NDArray[np.int64], formats: LayerFormats, pes: list[ProcessingElement], p: int
) -> Iterator[tuple[Values, Values]]:
    """Step the machine to its end; yield inputs and outputs of PE `p` in each cycle."""
    one, _ = formats.activation.quantize([1.0])
    control = CentralControl(raw, raw != 0, int(one[0]) if mem.has_bias else None, mem.n_pe)
    while not control.done or busy(pes):
        saturations = pes[p].arithmetic.saturations
        address, bank = control.address, control.bank
        control.propagate(any(pe.queue.full for pe in pes))
        for pe in pes:
            pe.propagate(control.sent)
        sent = control.sent
        given: Values = {
            "src_addr_i": address,
            "bank_i": bank,
            "push_i": int(sent is not None),
            "column_i": sent.column if sent else 0,
            "act_i": sent.activation if sent else 0,
        }
        yield given, signals_of(pes[p], pes[p].arithmetic.saturations > saturations)
        control.update()
        for pe in pes:
            pe.update()


def _setup(weights: NDArray[np.int64], sources: NDArray[np.int64], p: int) -> Ports:
    """Return what the ports get before a layer: reset, codebook, sources, cleared accumulators, start."""
    cycles: list[dict[str, int]] = [{"rst_ni": 0}]
    for target, values in ((CODEBOOK, weights), (SOURCES, sources)):
        for address, value in enumerate(values):
            written = {"io_target_i": target, "io_addr_i": address, "io_data_i": int(value)}
            cycles.append({"io_write_i": 1, **written})
    cycles += [{"clear_dst_i": 1}, {"start_i": 1}]
    names = {name: 0 for cycle in cycles for name in cycle} | {"rst_ni": 1, "id_i": p, "io_pe_i": p}
    return {name: np.array([cycle.get(name, usual) for cycle in cycles]) for name, usual in names.items()}
