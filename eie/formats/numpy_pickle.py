"""Arrays out of a pickle file, without unpickling it.

A pickle is a program, and running it can do anything. `pickletools` splits the file into instructions; the few that
dictionaries of NumPy arrays are made of are interpreted here, and any other, or any name but the three that NumPy
writes, is refused. Nothing is imported or called.

`pickle.Unpickler` with a `find_class` of our own would execute nothing either, but a hostile file could still stop the
program: 9 bytes that name a high place in the memo take gigabytes, a deeply nested tuple as a key crashes the
interpreter, and one that holds itself twice at each of 40 levels keeps it busy for hours.
"""

from __future__ import annotations

import math
import mmap
import pickletools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr  # of a hostile tuple, a whole one would not end
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie.formats.errors import FormatError, guarded

MAX_INSTRUCTIONS = 100_000
"""Most instructions of a file; the largest that is read here has about a thousand."""

NAMES = ("numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct", "numpy ndarray", "numpy dtype")
"""Modules and names that a file may refer to."""

DTYPES = {"f4": "<f4"}
"""Kinds of numbers that are read, as the file and as NumPy name them."""

_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}


@dataclass
class _Name:
    """A name of a module that the file refers to."""

    text: str


@dataclass
class _Made:
    """The result of a call: an array or its dtype, without value until its state comes."""

    kind: str
    value: Any = None


class _Mark:
    """A mark on the stack."""


@guarded
def read(path: str | Path) -> dict[str, NDArray[np.float32]]:
    """Read the arrays of a pickled dictionary of dictionaries of float32 arrays, by their keys joined with slashes.

    The arrays are read-only. They take as much memory as the file, once.

    Raises
    ------
    FormatError
        When the file is damaged, or holds anything but such dictionaries.
    """
    path = Path(path)
    if not path.stat().st_size:
        raise FormatError(f"{path}: is empty")
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        # Warnings about odd texts, which are refused only after `pickletools` read them.
        warnings.catch_warnings(action="ignore"),
    ):
        try:
            return dict(_flat(_run(data), ""))
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
            # Instructions that do not fit each other: too few values on the stack, no string for a key, a number where
            # a tuple should be.
            raise FormatError(f"{path}: {error or 'no dictionary of arrays'}, at byte {data.tell()}") from error


def _flat(value: Any, name: str) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Walk through nested dictionaries."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}/{key}" if name else str(key))
    elif isinstance(value, _Made) and isinstance(value.value, np.ndarray):
        yield name, value.value
    else:
        raise ValueError(f"{name or 'the whole'} must be a dictionary or an array")


def _run(data: mmap.mmap) -> Any:
    """Follow the instructions, and return the value of the whole file."""
    machine = _Machine()
    # A mapped file never makes room for more bytes than it has, whatever length an instruction states.
    for number, (instruction, argument, _) in enumerate(pickletools.genops(data)):  # type: ignore[arg-type]
        if number >= MAX_INSTRUCTIONS:
            raise ValueError(f"there must be at most {MAX_INSTRUCTIONS} instructions")
        machine.step(instruction.name, argument, ord(instruction.code))
    if data.tell() != len(data):
        raise ValueError("there is more after the end")
    return machine.stack.pop()


class _Machine:
    """The stack machine of pickle, as far as arrays need it."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any, code: int) -> None:
        """Follow one instruction, named as in `pickletools`."""
        match name:
            case "PROTO" | "STOP":
                pass
            case "BINPUT" | "LONG_BINPUT":
                self.memo[argument] = self.stack[-1]
            case "SETITEM":
                self._set_items([self.stack.pop(), self.stack.pop()][::-1])
            case "SETITEMS":
                self._set_items(self._since_mark())
            case "BUILD":
                self._build(self.stack.pop())
            case _:
                self.stack.append(self._pushed(name, argument, code))

    def _pushed(self, name: str, argument: Any, code: int) -> Any:
        """Return the value that an instruction adds to the stack."""
        match name:
            case "MARK":
                return _Mark()
            case "EMPTY_DICT":
                return {}
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                return _CONSTANTS[name]
            case "BININT" | "BININT1" | "BININT2" | "BINUNICODE" | "BINBYTES" | "SHORT_BINBYTES":
                return argument
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                return tuple([self.stack.pop() for _ in range(int(name[-1]))][::-1])
            case "TUPLE":
                return tuple(self._since_mark())
            case "GLOBAL":
                if argument not in NAMES:
                    raise ValueError(f"{argument.replace(' ', '.')} is not among the names that arrays need")
                return _Name(argument)
            case "BINGET" | "LONG_BINGET":
                return self._remembered(argument)
            case "REDUCE":
                return self._call()
        raise ValueError(f"instruction {code:#x} is not one that arrays are made of")

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

    def _set_items(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict) or len(values) % 2:
            raise ValueError("items are set of a value that is not a dictionary")
        for key, value in zip(values[::2], values[1::2], strict=True):
            if not isinstance(key, str):
                raise ValueError(f"a key must be text, is {repr(key)}")
            target[key] = value

    def _call(self) -> _Made:
        arguments, called = self.stack.pop(), self.stack.pop()
        if called.text.endswith(" _reconstruct"):
            return _Made("array")
        if called.text != "numpy dtype" or not isinstance(arguments[0], str) or arguments[0] not in DTYPES:
            raise ValueError(f"numbers must be of {', '.join(DTYPES)}, are of {repr(arguments[0])}")
        return _Made("dtype", DTYPES[arguments[0]])

    def _build(self, state: Any) -> None:
        target = self.stack[-1]
        if target.kind == "dtype":
            if state[1] != "<":
                raise ValueError(f"numbers must be little endian, are {repr(state[1])}")
            return
        _, shape, dtype, columns_first, numbers = state
        if columns_first or dtype.kind != "dtype":
            raise ValueError("an array must be stored row after row")
        if not all(isinstance(side, int) for side in shape):
            raise ValueError(f"a shape must be whole numbers, is {repr(shape)}")
        values = np.frombuffer(numbers, dtype.value)
        if len(values) != math.prod(shape):
            raise ValueError(f"an array of shape {shape} must have {math.prod(shape)} numbers, has {len(values)}")
        target.value = values.reshape(shape)
