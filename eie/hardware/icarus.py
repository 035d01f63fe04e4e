"""A second opinion from Icarus Verilog: four-state simulation, in which whatever was never set or reset is unknown."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from eie.cycles import encoded_for
from eie.fixedpoint import LayerFormats
from eie.hardware import memories
from eie.hardware.build import RTL, ToolError, sources
from eie.hardware.chip import report_of
from eie.hardware.geometry import Geometry, chosen
from eie.hardware.images import hexadecimal, images, settings
from eie.hardware.simulation import raw_inputs
from eie.interleaved import InterleavedCSC
from eie.layer import CompressedLayer
from eie.machine import EIE_45NM, Machine
from eie.stepped import UNIT_FORMATS, SteppedRun

TESTBENCH = Path(__file__).resolve().parent / "bench" / "testbench.sv"


def installed() -> bool:
    """Tell whether Icarus Verilog is there."""
    return shutil.which("iverilog") is not None and shutil.which("vvp") is not None


def simulate(
    mem: InterleavedCSC | CompressedLayer,
    activations: Any,
    machine: Machine = EIE_45NM,
    *,
    formats: LayerFormats = UNIT_FORMATS,
    signed: bool = False,
    geometry: Geometry | None = None,
) -> SteppedRun:
    """Run one layer in Icarus Verilog, on memories read from files.

    Parameters
    ----------
    mem, activations, machine, formats, signed, geometry
        As for `eie.hardware.simulate`, but one vector only.

    Returns
    -------
    SteppedRun

    Raises
    ------
    eie.hardware.build.ToolError
        When Icarus Verilog is not installed, or rejects the RTL.
    ValueError
        As `eie.hardware.simulate` does; also when an output is unknown.
    """
    if not installed():
        raise ToolError("the second opinion needs Icarus Verilog: iverilog and vvp, from the system's packages")
    mem = encoded_for(mem, machine)
    inputs = raw_inputs(mem, activations, formats, signed, several=False)
    size = chosen(geometry, [mem], machine, [formats])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images(mem, folder, machine, formats=formats, geometry=size)
        words = hexadecimal(memories.words(inputs, size.data_bits))
        (folder / "inputs.hex").write_text("\n".join(words), encoding="ascii")
        parameters = [f"-Ptestbench.{key}={value}" for key, value in size.parameters.items()]
        files = [str(path) for path in [*sources(RTL), TESTBENCH]]
        run_tool(["iverilog", "-g2012", "-o", "run", "-s", "testbench", f"-I{RTL}", *parameters, *files], folder)
        ports = {**settings(mem, formats), "n_in": mem.n_in, "n_out": mem.n_out}
        said = run_tool(["vvp", "-n", "run", *(f"+{key}={value}" for key, value in ports.items())], folder)
    return _read(said, mem, machine)


def run_tool(command: list[str], folder: Path) -> str:
    """Run one of the simulator's programs in a folder; return what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    if done.returncode:
        raise ToolError(f"{command[0]} failed: {(done.stderr or done.stdout).strip()[:400]}")
    return done.stdout


def _read(said: str, mem: InterleavedCSC, machine: Machine) -> SteppedRun:
    """Read counters and outputs from the lines of the testbench."""
    lines = [line.split() for line in said.splitlines() if not line.startswith(("WARNING", "/"))]
    outputs = [text for name, text in lines if name == "output"]
    unknown = [i for i, text in enumerate(outputs) if not text.lstrip("-").isdigit()]
    if unknown:
        raise ValueError(f"output {unknown[0]} of the RTL is unknown: {outputs[unknown[0]]}")
    counters = {name: int(text) for name, text in lines if name != "output"}
    saturations = counters.pop("saturations")
    return SteppedRun(report_of(counters, mem, machine), np.array(outputs, np.int64), saturations)
