"""Writes waveforms as value change dumps (IEEE 1364), which GTKWave and Surfer open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

Widths = Mapping[str, int]
"""Bits of each signal, by its name: scopes and signal with a space between them."""


class Writer:
    """A value change dump of signals that are sampled once per cycle.

    Parameters
    ----------
    file : text file
    widths : dict
        Bits of each signal, by its name, such as `"eie_top u_control push_o"`.
    cycle_ps : int
        Picoseconds per cycle.
    """

    def __init__(self, file: TextIO, widths: Widths, cycle_ps: int) -> None:
        self._file, self._widths, self._cycle_ps = file, dict(sorted(widths.items())), cycle_ps
        self._keys = {name: _key(k) for k, name in enumerate(self._widths)}
        self._last: dict[str, int | None] = {}
        self._cycle = 0
        self._header()

    def sample(self, values: Mapping[str, int | None]) -> None:
        """Write the signals that changed since the last cycle; None is unknown."""
        self._file.write(f"#{self._cycle * self._cycle_ps}\n")
        for name, value in values.items():
            if name not in self._last or self._last[name] != value:
                self._file.write(f"{_digits(value, self._widths[name])}{self._keys[name]}\n")
                self._last[name] = value
        self._cycle += 1

    def end(self) -> None:
        """Mark the end of the last cycle."""
        self._file.write(f"#{self._cycle * self._cycle_ps}\n")

    def _header(self) -> None:
        """Declare all signals in their scopes."""
        self._file.write("$timescale 1 ps $end\n")
        here: list[str] = []
        for name, width in self._widths.items():
            *scopes, signal = name.split(" ")
            shared = 0
            while shared < min(len(here), len(scopes)) and here[shared] == scopes[shared]:
                shared += 1
            self._file.write("$upscope $end\n" * (len(here) - shared))
            self._file.writelines(f"$scope module {scope} $end\n" for scope in scopes[shared:])
            self._file.write(f"$var wire {width} {self._keys[name]} {signal} $end\n")
            here = scopes
        self._file.write("$upscope $end\n" * len(here) + "$enddefinitions $end\n")


def _key(number: int) -> str:
    """Return a short identifier of printable characters."""
    text = ""
    while True:
        number, digit = divmod(number, 94)
        text += chr(33 + digit)
        if number == 0:
            return text


def _digits(value: int | None, width: int) -> str:
    if width == 1:
        return "x" if value is None else str(value)
    return "bx " if value is None else f"b{value & ((1 << width) - 1):b} "


def read(text: str) -> dict[str, list[tuple[int, int | None]]]:
    """Read a dump: for each signal, the times and values of its changes; None is a value with unknown bits."""
    names: dict[str, list[str]] = {}
    scopes: list[str] = []
    found: dict[str, list[tuple[int, int | None]]] = {}
    time = 0
    for line in text.splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "$scope":
            scopes.append(words[2])
        elif words[0] == "$upscope":
            scopes.pop()
        elif words[0] == "$var":
            name = " ".join([*scopes, words[4]])
            names.setdefault(words[3], []).append(name)
            found[name] = []
        elif line[0] == "#":
            time = int(line[1:])
        elif line[0] in "01xzb":
            digits, key = line[1:].split(" ") if line[0] == "b" else (line[0], line[1:])
            value = int(digits, 2) if set(digits) <= {"0", "1"} else None
            for name in names[key]:
                found[name].append((time, value))
    return found
