"""Waveforms of a run: of the RTL with all its signals, or of the stepped machine with those that both have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eie.central_control import CentralControl
from eie.cycles import encoded_for
from eie.fixedpoint import LayerFormats
from eie.hardware.chip import Chip, half_cycle
from eie.hardware.geometry import Geometry
from eie.hardware.simulation import raw_inputs, run_one
from eie.hardware.vcd import Writer
from eie.interleaved import InterleavedCSC
from eie.layer import CompressedLayer
from eie.machine import EIE_45NM, Machine
from eie.stepped import UNIT_FORMATS, Entry, ProcessingElement, Product, SteppedRun, busy, step
from eie.writing.aside import written_aside

Values = dict[str, int | None]


def trace(
    mem: InterleavedCSC | CompressedLayer,
    activations: Any,
    path: str | Path,
    machine: Machine = EIE_45NM,
    *,
    formats: LayerFormats = UNIT_FORMATS,
    signed: bool = False,
    stepped: bool = False,
) -> SteppedRun:
    """Run one layer and write its waveform as a VCD file, with one clock period per cycle.

    Parameters
    ----------
    mem, activations, machine, formats, signed
        As for `eie.hardware.simulate`, but one vector only.
    path : path
        File to write, .vcd.
    stepped : bool
        Trace the stepped machine, which needs no tools, not the RTL. It has fewer signals; the others have the names
        and the values of the RTL's.

    Returns
    -------
    SteppedRun

    Raises
    ------
    ValueError
        As `eie.hardware.simulate` does; also when `path` does not end in .vcd.
    eie.hardware.build.ToolError
        When a tool is missing.
    """
    if Path(path).suffix != ".vcd":
        raise ValueError(f"the waveform must be a .vcd file, got {str(path)!r}")
    mem = encoded_for(mem, machine)
    inputs = raw_inputs(mem, activations, formats, signed, several=False)
    with written_aside(path) as aside:
        if stepped:
            _trace_stepped(mem, inputs, aside, machine, formats)
            return step(mem, activations, machine, formats=formats, signed=signed)
        geometry = Geometry.fitting([mem], machine, [formats])
        with Chip(geometry, machine, vcd=aside) as chip:
            chip.add(mem)
            chip.set_codebook(formats.weight.quantize(mem.codebook)[0])
            return run_one(chip, mem, inputs, formats)


def _trace_stepped(mem: InterleavedCSC, inputs: Any, path: Path, machine: Machine, formats: LayerFormats) -> None:
    """Step the machine as `eie.step` does, and sample its signals before each clock edge."""
    one, _ = formats.activation.quantize([1.0])
    weights, _ = formats.weight.quantize(mem.codebook)
    control = CentralControl(inputs, inputs != 0, int(one[0]) if mem.has_bias else None, mem.n_pe)
    pes = [ProcessingElement(mem, p, machine, weights, formats) for p in range(mem.n_pe)]
    with path.open("w", encoding="ascii") as file:
        writer = Writer(file, _widths(mem, machine, formats), 2 * half_cycle(machine))
        while not control.done or busy(pes):
            before = [pe.arithmetic.saturations for pe in pes]
            control.propagate(any(pe.queue.full for pe in pes))
            for pe in pes:
                pe.propagate(control.sent)
            values = _of_control(control)
            for p, pe in enumerate(pes):
                of_pe = signals_of(pe, pe.arithmetic.saturations > before[p])
                values |= {f"eie_top g_pe[{p}].u_pe {name}": value for name, value in of_pe.items()}
            writer.sample(values)
            control.update()
            for pe in pes:
                pe.update()
        writer.end()


def _of_control(control: CentralControl) -> Values:
    sent = control.sent
    return {
        "eie_top scanning_o": int(not control.done),
        "eie_top push_o": int(sent is not None),
        "eie_top column": sent.column if sent else None,
        "eie_top act": sent.activation if sent else None,
    }


def signals_of(pe: ProcessingElement, saturated: bool) -> Values:
    """Return the signals of a PE in this cycle, by their names in the RTL; None where they mean nothing."""
    head, spmat, entry, added = pe.queue.head, pe.spmat_read, pe.spmat_read.entry_stage, pe.arithmetic.added
    issued = spmat.column is not None and spmat.column[0] < spmat.column[1]
    product = added if isinstance(added, Product) else None
    return {
        "full_o": int(pe.queue.full),
        "busy_o": int(not pe.idle),
        "head_valid": int(head is not None),
        "head_act": head.activation if head else None,
        "pop": int(pe.pointer_read.taken),
        "row_read_o": int(issued and spmat.at // spmat.entries_per_row != spmat.row_held),
        "slot": int(entry is not None),
        "entry": int(isinstance(entry, Entry)),
        "code": entry.code if isinstance(entry, Entry) else None,
        "skip": entry.skip if isinstance(entry, Entry) else None,
        "mac_o": int(product is not None and product.code != 0),
        "padding_o": int(product is not None and product.code == 0),
        "saturated_o": int(saturated),
        "waddr": product.accumulator if product and product.code else None,
        "wdata": product.total if product and product.code else None,
    }


def _widths(mem: InterleavedCSC, machine: Machine, formats: LayerFormats) -> dict[str, int]:
    """Return the bits of all signals."""
    geometry = Geometry.fitting([mem], machine, [formats])
    wide = {
        "column": geometry.column_bits,
        "code": geometry.code_bits,
        "skip": geometry.index_bits,
        "waddr": geometry.reg_bits,
        "act": geometry.data_bits,
        "head_act": geometry.data_bits,
        "wdata": geometry.data_bits,
    }
    control = ("scanning_o", "push_o", "column", "act")
    own = ("full_o", "busy_o", "head_valid", "head_act", "pop", "row_read_o", "slot", "entry", "code", "skip")
    results = ("mac_o", "padding_o", "saturated_o", "waddr", "wdata")
    names = [f"eie_top {name}" for name in control]
    names += [f"eie_top g_pe[{p}].u_pe {name}" for p in range(mem.n_pe) for name in own + results]
    return {name: wide.get(name.split(" ")[-1], 1) for name in names}
