"""A host that writes a network to `fpga_host.sv`, and its run in Icarus Verilog, on the RTL or on a netlist."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie.fixedpoint import LayerFormats
from eie.hardware import fpga, icarus, memories
from eie.hardware.build import RTL, ToolError, sources
from eie.hardware.chip import ACCUMULATORS, CODEBOOK, POINTERS, SOURCES, SPMAT
from eie.hardware.geometry import Geometry, pointers_taken, rows_taken
from eie.hardware.images import settings
from eie.interleaved import InterleavedCSC

TESTBENCH = Path(__file__).resolve().parent / "bench" / "host_bench.sv"
BLOCKS = tuple(TESTBENCH.with_name(f"{name}.sv") for name in ("dp16kd", "mult18x18d"))
"""Models of the ECP5's block RAM and multiplier."""
_CELLS = ("LUT2", "LUT4", "PFUMX", "L6MUX21", "CCU2C", "TRELLIS_FF", "TRELLIS_DPR16X4")
_PRELOAD = "preload.v"
_READ = 5
"""Number of the memory that stands for reading sources."""
_PORTS = {"addresses_i": 8, "one_i": 9, "first_column_i": 10, "bias_column_i": 11, "places_i": 12}
_WORD, _ADDRESS, _PLACE, _PULSES = 0, 4, 5, 13
_CLEAR_ACCUMULATORS, _CLEAR_SOURCES, _SWAP, _START = 1, 2, 4, 8
_HIGH = 1 << 15

Write = tuple[int, int]
"""A register and its new value."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer in the chip's memories.

    Attributes
    ----------
    mem : InterleavedCSC
    formats : LayerFormats
    start : int array, optional
        Start values of the accumulators.
    """

    mem: InterleavedCSC
    formats: LayerFormats
    start: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class HostRun:
    """A run as a host sees it.

    Attributes
    ----------
    cycles : list of int
        Cycles in which the chip was busy, one number per layer and vector.
    raw : int array of shape `(n_vectors, n_out)`
        Results before ReLU.
    """

    cycles: list[int]
    raw: NDArray[np.int64]


def load_memories(layers: Sequence[Layer], size: Geometry) -> Iterator[Write]:
    """Yield the writes that put sparse matrices and pointers into the memories, once for all vectors."""
    row = column = 0
    for layer in layers:
        for p in range(size.n_pe):
            own = memories.of_pe(layer.mem, p, size, row)
            yield from _words(SPMAT, p, row, own.spmat, -(-size.row_width // 16))
            yield from _words(POINTERS, p, column, own.pointers, 1)
        row += rows_taken(layer.mem, size.entries)
        column += pointers_taken(layer.mem)


def load_inputs(raw: NDArray[np.int64], size: Geometry) -> Iterator[Write]:
    """Yield the writes that put a vector into the sources."""
    yield _PULSES, _CLEAR_SOURCES
    yield from _words(SOURCES, 0, 0, memories.words(raw, size.data_bits), 1)


def load_layer(layer: Layer, first_column: int, size: Geometry, *, relu: bool) -> Iterator[Write]:
    """Yield the writes that set a layer's ports, shared weights and start values, all but the start."""
    yield _PULSES, _CLEAR_ACCUMULATORS
    raw, _ = layer.formats.weight.quantize(layer.mem.codebook)
    yield from _words(CODEBOOK, 0, 1, memories.words(raw[1:], size.data_bits), 1)
    if layer.start is not None:
        yield from _words(ACCUMULATORS, 0, 0, memories.words(layer.start, size.data_bits), 1)
    ports = settings(layer.mem, layer.formats, first_column)
    ports["addresses_i"] |= ports.pop("has_bias_i") * _HIGH
    ports["places_i"] |= relu * _HIGH
    yield from ((_PORTS[name], value) for name, value in ports.items())


def _words(target: int, p: int, first: int, words: memories.Words, parts: int) -> Iterator[Write]:
    """Yield the writes of words to places that follow each other; `parts` registers per word."""
    yield _ADDRESS, first
    yield _PLACE, target << 8 | p
    for word in words:
        for part in reversed(range(parts)):
            yield _WORD + part, int(word[part // 2]) >> 16 * (part % 2) & 0xFFFF


def first_columns(layers: Sequence[Layer]) -> list[int]:
    """Return the number of each layer's first pointer."""
    taken = np.cumsum([0, *(pointers_taken(layer.mem) for layer in layers)])
    return [int(column) for column in taken[:-1]]


def loading(layers: Sequence[Layer], size: Geometry) -> dict[str, int]:
    """Count the cycles in which a host writes: once for the memories, and for each vector."""
    vector = np.zeros(layers[0].mem.n_in, np.int64)
    return {
        "memories": sum(1 for _ in load_memories(layers, size)),
        "inputs": sum(1 for _ in load_inputs(vector, size)),
        "between layers": sum(1 for layer in layers for _ in load_layer(layer, 0, size, relu=True)),
    }


def simulate(
    layers: Sequence[Layer], vectors: NDArray[np.int64], size: Geometry, netlist: Path | None = None
) -> HostRun:
    """Run vectors through layers, one after the other, through the pins alone.

    Parameters
    ----------
    layers : sequence of Layer
        All are in the memories at the same time; each sees the ReLU of the results before.
    vectors : int array of shape `(n_vectors, n_in)`
        Raw inputs.
    size : Geometry
        Parameters of the RTL.
    netlist : path, optional
        What `eie.hardware.fpga.synthesise` made of this RTL; the RTL itself if left out. Sparse matrices and pointers
        are then placed in its block RAMs, since the simulation of a netlist is slow.

    Raises
    ------
    eie.hardware.build.ToolError
        When Icarus Verilog is not installed or finds fault.
    ValueError
        When an output is unknown.
    """
    if not icarus.installed():
        raise ToolError("a run through the pins needs Icarus Verilog: iverilog and vvp, from the system's packages")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        loads = load_memories(layers, size) if netlist is None else ()
        program = [*map(_line, loads), *_program(layers, vectors, size)]
        (folder / "program.hex").write_text("\n".join(program), encoding="ascii")
        if netlist is not None:
            _place(layers, size, folder)
        files, flags = _design(size, netlist, folder)
        command = ["iverilog", "-g2012", "-o", "run", "-s", "host_bench", *flags, *map(str, files), str(TESTBENCH)]
        icarus.run_tool(command, folder)
        said = icarus.run_tool(["vvp", "-n", "run"], folder)
    lines = [line.split() for line in said.splitlines() if line.startswith(("busy ", "data "))]
    outputs = [text for kind, text in lines if kind == "data"]
    if unknown := [text for text in outputs if not text.lstrip("-").isdigit()]:
        raise ValueError(f"an output is unknown: {unknown[0]}")
    raw = np.array(outputs, np.int64).reshape(len(vectors), layers[-1].mem.n_out)
    return HostRun([int(text) for kind, text in lines if kind == "busy"], raw)


def _design(size: Geometry, netlist: Path | None, folder: Path) -> tuple[list[Path], list[str]]:
    """Return the files of the design, and the flags that they need."""
    if netlist is None:
        changes = [f"-Phost_bench.{key}={value}" for key, value in size.parameters.items()]
        return sources(RTL), [f"-I{RTL}", "-DRTL", *changes]
    cells = folder / "cells.v"
    cells.write_text(_cells(), encoding="utf-8")
    return [netlist, cells, *BLOCKS, folder / _PRELOAD], ["-s", Path(_PRELOAD).stem]


def _place(layers: Sequence[Layer], size: Geometry, folder: Path) -> None:
    """Write files with the contents of the block RAMs, and the module that reads them in.

    Two block RAMs of 36 bits hold the rows, each word as two halves of 18 bits; one of 18 bits holds each bank of
    pointers. This is where yosys puts them.
    """
    lines = [f"module {Path(_PRELOAD).stem};", "initial begin"]
    for p in range(size.n_pe):
        rows, pointers = _contents(layers, size, p)
        halves = [[row >> 18 * k & 0x3FFFF for row in rows for k in (part, part + 1)] for part in (0, 2)]
        held = {
            "u_spmat_read.u_sram.mem.0.0": halves[0],
            "u_spmat_read.u_sram.mem.0.1": halves[1],
            "u_ptr_read.u_even.mem.0.0": pointers[0::2],
            "u_ptr_read.u_odd.mem.0.0": pointers[1::2],
        }
        for name, words in held.items():
            file = f"pe{p:02d}_{name}.hex"
            (folder / file).write_text("\n".join(f"{word:05x}" for word in words), encoding="ascii")
            lines.append(f'  $readmemh("{file}", host_bench.dut.\\u_top.g_pe[{p}].u_pe.{name} .mem);')
    (folder / _PRELOAD).write_text("\n".join([*lines, "end", "endmodule", ""]), encoding="ascii")


def _contents(layers: Sequence[Layer], size: Geometry, p: int) -> tuple[list[int], list[int]]:
    """Return all rows and all pointers of a PE, as integers."""
    rows: list[int] = []
    pointers: list[int] = []
    for layer in layers:
        own = memories.of_pe(layer.mem, p, size, len(rows))
        some = [sum(int(chunk) << 32 * k for k, chunk in enumerate(word)) for word in own.spmat]
        rows += some + [0] * (rows_taken(layer.mem, size.entries) - len(some))
        own_pointers = [int(word) for word in own.pointers[:, 0]]
        pointers += own_pointers + [0] * (pointers_taken(layer.mem) - len(own_pointers))
    return rows, pointers


def _cells() -> str:
    """Return the simulation models of yosys for the small cells; it has none for block RAMs and multipliers."""
    spec = find_spec("pyosys")
    if spec is None or spec.origin is None:
        raise ToolError(fpga.missing_tools())
    share = Path(spec.origin).parent / "share" / "ecp5"
    text = "".join((share / name).read_text(encoding="utf-8") for name in ("common_sim.vh", "ccu2c_sim.vh"))
    modules = re.findall(r"^module .*?^endmodule$", text, re.MULTILINE | re.DOTALL)
    return "\n".join(module for module in modules if re.split(r"\W", module.removeprefix("module "))[0] in _CELLS)


def _program(layers: Sequence[Layer], vectors: NDArray[np.int64], size: Geometry) -> Iterator[str]:
    """Yield the lines of the testbench: writes, waits for the end of a layer, and reads."""
    columns = first_columns(layers)
    for vector in vectors:
        yield from map(_line, load_inputs(vector, size))
        for k, (layer, column) in enumerate(zip(layers, columns, strict=True)):
            yield from map(_line, load_layer(layer, column, size, relu=k > 0))
            yield _line((_PULSES, _START))
            yield _BUSY
            yield _line((_PULSES, _SWAP))
        places = settings(layers[-1].mem, layers[-1].formats)["places_i"]
        yield _line((_PORTS["places_i"], places))  # read without ReLU
        yield _line((_ADDRESS, 0))
        yield _line((_PLACE, _READ << 8))
        for _ in range(layers[-1].mem.n_out):
            yield _DATA
            yield _line((_WORD, 0))
        yield _line((_PLACE, 0))
    yield _END


_BUSY, _DATA, _END = "100000", "200000", "300000"


def _line(write: Write) -> str:
    register, value = write
    return f"0{register:x}{value & 0xFFFF:04x}"


def layers_of(mems: Sequence[InterleavedCSC], formats: Sequence[LayerFormats], biases: Sequence[Any]) -> list[Layer]:
    """Join layers with their formats and start values."""
    starts = [None if bias is None else fmt.output.quantize(bias)[0] for bias, fmt in zip(biases, formats, strict=True)]
    return [Layer(*each) for each in zip(mems, formats, starts, strict=True)]
