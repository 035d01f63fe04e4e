"""Arrays out of a pickle file, without unpickling it.

A pickle is a program, and running it can do anything. The few instructions that dictionaries of NumPy arrays are made
of are interpreted here; any other, or any name but the three that NumPy writes, is refused. Nothing is imported or
called.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie.formats.errors import FormatError

MAX_INSTRUCTIONS = 100_000
"""A file may have no more instructions; the largest that is read here has about a thousand."""

NAMES = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
}
"""What a file may refer to."""

DTYPES = {"f4": "<f4"}
"""Kinds of numbers that are read, as the file and as NumPy name them."""


@dataclass
class _Name:
    module: str
    name: str


@dataclass
class _Made:
    """What a call would have made: an array or its dtype, until its state comes."""

    kind: str
    value: Any = None


class _Mark:
    pass


def read(path: str | Path) -> dict[str, NDArray[np.float32]]:
    """Read the arrays of a pickled dictionary of dictionaries of float32 arrays.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict
        Each array by its keys, joined with slashes; read-only. They take as much memory as the file, once.

    Raises
    ------
    FormatError
        When the file is damaged, or holds anything but such dictionaries.
    """
    data = Path(path).read_bytes()
    machine = _Machine(data)
    try:
        return dict(_flat(machine.run(), ""))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        # Instructions that do not go together: too few values on the stack, a key that is none, a number for a tuple.
        raise FormatError(f"{path}: {error or 'no dictionary of arrays'}, at byte {machine.at}") from error


def _flat(value: Any, name: str) -> Iterator[tuple[str, NDArray[np.float32]]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}/{key}" if name else str(key))
    elif isinstance(value, _Made) and isinstance(value.value, np.ndarray):
        yield name, value.value
    else:
        raise ValueError(f"{name or 'the whole'} must be a dictionary or an array")


class _Machine:
    """The stack machine of pickle, as far as arrays need it."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = memoryview(data), 0
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        """What the file holds."""
        for _ in range(MAX_INSTRUCTIONS):
            code = self._number(1)
            if code == ord("."):
                if self.at != len(self.data):
                    raise ValueError("there is more after the end")
                return self.stack.pop()
            self._step(code)
        raise ValueError(f"there must be at most {MAX_INSTRUCTIONS} instructions")

    def _step(self, code: int) -> None:
        match chr(code):
            case "\x80":
                self._number(1)  # version of the format
            case "q" | "r" as kind:
                self.memo[self._number(1 if kind == "q" else 4)] = self.stack[-1]
            case "(":
                self.stack.append(_Mark())
            case "s" | "u" as kind:
                self._set_items([self.stack.pop(), self.stack.pop()][::-1] if kind == "s" else self._since_mark())
            case "b":
                self._build(self.stack.pop())
            case _:
                self.stack.append(self._pushed(chr(code)))

    def _pushed(self, code: str) -> Any:
        """What an instruction that adds one value adds."""
        match code:
            case "}":
                return {}
            case "N" | "\x88" | "\x89":
                return {"N": None, "\x88": True, "\x89": False}[code]
            case "K" | "M":
                return self._number(1 if code == "K" else 2)
            case "J":
                return int.from_bytes(self._take(4), "little", signed=True)
            case "X":
                return bytes(self._take(self._number(4))).decode()
            case "C" | "B":
                return self._take(self._number(1 if code == "C" else 4))
            case "\x85" | "\x86" | "\x87":
                return tuple([self.stack.pop() for _ in range(ord(code) - 0x84)][::-1])
            case "t":
                return tuple(self._since_mark())
            case "c":
                return self._name()
            case "h" | "j":
                return self._remembered(self._number(1 if code == "h" else 4))
            case "R":
                return self._call()
        raise ValueError(f"instruction {ord(code):#x} is none that arrays are made of")

    def _take(self, count: int) -> memoryview:
        taken = self.data[self.at : self.at + count]
        if len(taken) < count:
            raise ValueError(f"{count} bytes are missing")
        self.at += count
        return taken

    def _number(self, size: int) -> int:
        return int.from_bytes(self._take(size), "little")

    def _since_mark(self) -> list[Any]:
        values = []
        while not isinstance(value := self.stack.pop(), _Mark):
            values.append(value)
        return values[::-1]

    def _remembered(self, number: int) -> Any:
        value = self.memo[number]
        if isinstance(value, dict) or (isinstance(value, _Made) and value.kind == "array"):
            raise ValueError("an array or a dictionary must stand in one place only")
        return value

    def _name(self) -> _Name:
        module, name = self._line(), self._line()
        if (module, name) not in NAMES:
            raise ValueError(f"{module}.{name} is not among the names that arrays need")
        return _Name(module, name)

    def _line(self) -> str:
        line = bytearray()
        while (byte := self._take(1)[0]) != ord("\n"):
            line.append(byte)
        return line.decode()

    def _set_items(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict) or len(values) % 2:
            raise ValueError("items are set of what is no dictionary")
        for key, value in zip(values[::2], values[1::2], strict=True):
            if not isinstance(key, str):
                raise ValueError(f"a key must be text, is {key!r}")
            target[key] = value

    def _call(self) -> _Made:
        arguments, called = self.stack.pop(), self.stack.pop()
        if called.name == "_reconstruct":
            return _Made("array")
        if called.name != "dtype" or arguments[0] not in DTYPES:
            raise ValueError(f"numbers must be of {', '.join(DTYPES)}, are of {arguments[0]!r}")
        return _Made("dtype", DTYPES[arguments[0]])

    def _build(self, state: Any) -> None:
        target = self.stack[-1]
        if target.kind == "dtype":
            if state[1] != "<":
                raise ValueError(f"numbers must be little endian, are {state[1]!r}")
            return
        _, shape, dtype, columns_first, numbers = state
        if columns_first or dtype.kind != "dtype":
            raise ValueError("an array must be stored row after row")
        values = np.frombuffer(numbers, dtype.value)
        if len(values) != math.prod(shape):
            raise ValueError(f"an array of shape {shape} must have {math.prod(shape)} numbers, has {len(values)}")
        target.value = values.reshape(shape)
