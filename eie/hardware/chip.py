"""One simulated chip: its memories are written, layers run on it, and results are read."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie.cycles import CycleReport
from eie.fixedpoint import LayerFormats
from eie.hardware import memories
from eie.hardware.build import RTL, library
from eie.hardware.geometry import Geometry, pointers_taken, rows_taken
from eie.hardware.images import settings
from eie.interleaved import InterleavedCSC
from eie.machine import Machine

SOURCES, ACCUMULATORS, POINTERS, SPMAT, CODEBOOK = range(5)
"""Memories, as input/output mode numbers them."""
_SWAP, _CLEAR_SOURCES, _CLEAR_ACCUMULATORS = range(3)
_COUNTERS = ("cycles", "broadcasts", "macs", "padding", "ptr_reads", "spmat_reads", "saturations")


class Chip(AbstractContextManager["Chip"]):
    """A chip in reset, with memories full of random words.

    Parameters
    ----------
    geometry : Geometry
        Parameters of the RTL.
    machine : Machine
        Gives the clock.
    through_ports : bool
        Write all memories by input/output mode, a word per cycle, instead of placing their contents there.
    rtl : Path
        Folder of the RTL.
    vcd : Path, optional
        Waveform to write.
    seed : int
        Seed of the random words.
    """

    def __init__(
        self,
        geometry: Geometry,
        machine: Machine,
        *,
        through_ports: bool = False,
        rtl: Path = RTL,
        vcd: Path | None = None,
        seed: int = 1,
    ) -> None:
        self.geometry, self.machine, self.through_ports = geometry, machine, through_ports
        self._library = ctypes.CDLL(str(library(geometry, rtl=rtl, trace=vcd is not None)))
        self._library.eie_new.restype = ctypes.c_void_p
        file = str(vcd).encode() if vcd else b""
        half_cycle_ps = str(half_cycle(machine)).encode()
        self._handle = ctypes.c_void_p(self._library.eie_new(seed, file, half_cycle_ps))
        self._row = self._column = 0
        self._at: dict[int, int] = {}

    def __exit__(self, *_: object) -> None:
        self._library.eie_delete(self._handle)

    def add(self, mem: InterleavedCSC) -> None:
        """Write a layer's sparse matrix and pointers behind those of the layers before."""
        put = self._write if self.through_ports else self._place
        for p in range(mem.n_pe):
            own = memories.of_pe(mem, p, self.geometry, self._row)
            put(SPMAT, p, self._row, own.spmat)
            put(POINTERS, p, self._column, own.pointers)
        self._at[id(mem)] = self._column
        # The next layer begins with a row of its own, as if it were alone, and with an even pointer.
        self._row += rows_taken(mem, self.geometry.entries)
        self._column += pointers_taken(mem)

    def set_codebook(self, raw: NDArray[np.int64]) -> None:
        """Write the shared weights."""
        self._write(CODEBOOK, 0, 0, memories.words(raw, self.geometry.data_bits))

    def set_sources(self, raw: NDArray[Any]) -> None:
        """Clear the sources and write activations into them."""
        self._library.eie_pulse(self._handle, _CLEAR_SOURCES)
        self._spread(SOURCES, raw)

    def set_accumulators(self, raw: NDArray[Any] | None) -> None:
        """Clear the accumulators and write start values into them, if there are any."""
        self._library.eie_pulse(self._handle, _CLEAR_ACCUMULATORS)
        if raw is not None:
            self._spread(ACCUMULATORS, raw)

    def run(self, mem: InterleavedCSC, formats: LayerFormats, *, relu: bool = False) -> tuple[CycleReport, int]:
        """Run a layer on what is in the registers; return its counters and the additions that saturated.

        Parameters
        ----------
        mem : InterleavedCSC
            A layer that was added.
        formats : LayerFormats
            Its formats.
        relu : bool
            Read negative sources as 0.
        """
        setting = [*settings(mem, formats, self._at[id(mem)]).values(), int(relu)]
        found = (ctypes.c_int64 * len(_COUNTERS))()
        most = mem.n_entries + 2 * mem.n_columns + 100  # even if one PE did all the work
        values = (ctypes.c_uint32 * len(setting))(*setting)
        if self._library.eie_run(self._handle, values, ctypes.c_int64(most), found):
            raise RuntimeError(f"the RTL was not done after {most} cycles")
        counters = dict(zip(_COUNTERS, map(int, found), strict=True))
        saturations = counters.pop("saturations")
        return report_of(counters, mem, self.machine), saturations

    def swap(self) -> None:
        """Let the accumulators be the sources of the next layer."""
        self._library.eie_pulse(self._handle, _SWAP)

    def sources(self, count: int, *, relu: bool = False) -> NDArray[np.int64]:
        """Read the first `count` sources."""
        addresses = -(-count // self.geometry.n_pe)
        found = np.empty(addresses * self.geometry.n_pe, np.uint32)
        self._library.eie_read(self._handle, addresses, int(relu), _pointer(found))
        unused = 64 - self.geometry.data_bits
        return (found.astype(np.int64) << unused >> unused)[:count]

    def _spread(self, target: int, raw: NDArray[Any]) -> None:
        """Write value i into register i // n_pe of PE i % n_pe."""
        for i, word in enumerate(memories.words(raw, self.geometry.data_bits)):
            self._write(target, i % self.geometry.n_pe, i // self.geometry.n_pe, word[None])

    def _write(self, target: int, p: int, first: int, words: memories.Words) -> None:
        """Write words by input/output mode, one per cycle."""
        padded = np.zeros(-(-self.geometry.io_width // 32), np.uint32)
        write: Callable[..., None] = self._library.eie_write
        for k, word in enumerate(words):
            padded[: len(word)] = word
            write(self._handle, target, p, first + k, _pointer(padded))

    def _place(self, target: int, p: int, first: int, words: memories.Words) -> None:
        """Place words in a memory without a cycle, as $readmemh does."""
        held = np.ascontiguousarray(words)
        self._library.eie_load(self._handle, target, p, first, len(held), _pointer(held))


def half_cycle(machine: Machine) -> int:
    """Return half a clock period in picoseconds, at least 1."""
    return max(1, round(0.5e12 / machine.clock_hz))


def report_of(counters: dict[str, int], mem: InterleavedCSC, machine: Machine) -> CycleReport:
    """Return the report of a run of a layer from its counters, by name."""
    return CycleReport(**counters, n_in=mem.n_in, n_out=mem.n_out, n_pe=mem.n_pe, clock_hz=machine.clock_hz)


def _pointer(words: NDArray[np.uint32]) -> Any:
    return words.ctypes.data_as(ctypes.POINTER(ctypes.c_uint32))
