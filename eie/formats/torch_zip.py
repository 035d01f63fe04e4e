"""Plain tensors out of a PyTorch file without PyTorch, which takes seconds to load and keeps what it maps.

A PyTorch file is a zip archive of one pickle and the stored numbers beside it. As in `numpy_pickle`, the instructions
that make dictionaries of tensors are interpreted here, and nothing is imported or called. A file that has anything
else, such as sparse tensors of other layouts than 2:4, or quantised ones, is left to PyTorch.
"""

from __future__ import annotations

import io
import pickletools
import struct
import warnings
import zipfile
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie.formats import semi_structured
from eie.formats.errors import FormatError, report_damage
from eie.formats.tensors import Tensor

MAX_INSTRUCTIONS = 2_000_000
"""Instructions of a pickle; a network of a thousand layers has about a hundred thousand."""

_STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}
_NAMES = (
    *(f"torch {name}" for name in _STORAGES),
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    *("torch._tensor _rebuild_from_type_v2", "torch._utils _rebuild_wrapper_subclass"),
    *(f"torch.sparse.semi_structured {name}" for name in (semi_structured.CUTLASS, semi_structured.CUSPARSELT)),
    *("torch.serialization _get_layout", "torch device"),
    *(f"torch {name}" for name in ("float16", "bfloat16", "float32", "int8")),
)
"""Modules and names that a file of plain tensors refers to."""

_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_NUMBERS = ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINSTRING")


def read(path: Path, file_size: int) -> Any | None:
    """Read the dictionaries of a file, with tensors described and not read yet; None for a file of another kind."""
    try:
        # Odd texts, about which Python warns, are not names of tensors.
        with zipfile.ZipFile(path) as archive, warnings.catch_warnings(action="ignore"):
            (name,) = (each for each in archive.namelist() if each.endswith("/data.pkl"))
            folder = name.removesuffix("data.pkl")
            if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
                return None
            entries = {each.filename.removeprefix(f"{folder}data/"): each for each in archive.infolist()}
            reader = _Reader(path, file_size, entries)
            return reader.run(archive.read(name))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError, OSError, struct.error):
        return None  # PyTorch says what is wrong with it


class _Mark:
    """A mark on the stack."""


class _Reader:
    """The stack machine of pickle, as far as tensors need it."""

    def __init__(self, path: Path, file_size: int, entries: dict[str, zipfile.ZipInfo]) -> None:
        self.path, self.file_size, self.entries = path, file_size, entries
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, pickle: bytes) -> Any:
        """Follow the instructions, and return the value of the whole."""
        for number, (instruction, argument, _) in enumerate(pickletools.genops(io.BytesIO(pickle))):
            if number >= MAX_INSTRUCTIONS:
                raise ValueError("too many instructions")
            self._step(instruction.name, argument)
        return self.stack.pop()

    def _step(self, name: str, argument: Any) -> None:
        match name:
            case "PROTO" | "STOP":
                pass
            case "BINPUT" | "LONG_BINPUT":
                self.memo[argument] = self.stack[-1]
            case "SETITEM":
                self._set_items([self.stack.pop(), self.stack.pop()][::-1])
            case "SETITEMS":
                self._set_items(self._since_mark())
            case "APPEND":
                value = self.stack.pop()
                self.stack[-1].append(value)
            case "APPENDS":
                values = self._since_mark()
                self.stack[-1].extend(values)
            case "BUILD":
                self.stack.pop()  # attributes of a dictionary, such as versions of modules
            case _:
                self.stack.append(self._pushed(name, argument))

    def _pushed(self, name: str, argument: Any) -> Any:
        match name:
            case "MARK":
                return _Mark()
            case "EMPTY_DICT" | "EMPTY_LIST" | "EMPTY_TUPLE":
                return {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}[name]()
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                return tuple([self.stack.pop() for _ in range(int(name[-1]))][::-1])
            case "TUPLE":
                return tuple(self._since_mark())
            case "BINGET" | "LONG_BINGET":
                return self.memo[argument]
            case "GLOBAL" if argument in _NAMES:
                return ("name", argument.split(" ")[1])
            case "BINPERSID":
                return ("storage", *self.stack.pop())
            case "REDUCE":
                return self._call()
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        if name in _NUMBERS:
            return argument
        raise ValueError(f"instruction {name} is not one that tensors are made of")

    def _since_mark(self) -> list[Any]:
        values = []
        while not isinstance(value := self.stack.pop(), _Mark):
            values.append(value)
        return values[::-1]

    def _set_items(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise TypeError("items are set of a value that is not a dictionary")
        target.update(zip(values[::2], values[1::2], strict=True))

    def _call(self) -> Any:
        arguments, (_, called) = self.stack.pop(), self.stack.pop()
        if called == "OrderedDict":
            return dict(arguments[0]) if arguments else {}
        if called == "_rebuild_parameter":
            return arguments[0]
        if called in ("_get_layout", "device"):
            return called
        if called == "_rebuild_from_type_v2":
            _, _, ((_, kind), _, shape, *_), state = arguments
            return semi_structured.tensor(kind, shape, {name: part for each in state for name, part in each.items()})
        if called != "_rebuild_tensor_v2":
            raise ValueError(f"{called} is not called in a file of plain tensors")
        (_, _, (_, storage), key, _, n_numbers), start, shape, strides = arguments[:4]
        return self._tensor(_STORAGES[storage], key, n_numbers, start, shape, strides)

    def _tensor(
        self, kind: str, key: str, n_numbers: int, start: int, shape: tuple[int, ...], strides: tuple[int, ...]
    ) -> Tensor:
        """Describe a tensor, which is a view of stored numbers."""
        import ml_dtypes  # noqa: F401 - registers bfloat16 with NumPy

        dtype, entry = np.dtype(kind), self.entries[key]
        whole = all(type(n) is int and n >= 0 for n in (n_numbers, start, *shape, *strides))
        last = start + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
        fits = n_numbers * dtype.itemsize <= entry.file_size and (0 in shape or last < n_numbers)
        if not whole or not fits or entry.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{key} has not the numbers that its tensor needs")
        is_float = kind.startswith(("float", "bfloat"))
        named = "" if is_float else kind
        if prod(shape) * dtype.itemsize > self.file_size:
            fault = "says that it holds more numbers than its file does"
            return Tensor(shape, False, tuple, named, fault=fault)
        return Tensor(shape, is_float, self._mapped(entry, dtype, n_numbers, start, shape, strides), named)

    def _mapped(
        self,
        entry: zipfile.ZipInfo,
        dtype: np.dtype[Any],
        n_numbers: int,
        start: int,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
    ) -> Callable[[], NDArray[Any]]:
        def read() -> NDArray[Any]:
            if 0 in shape:
                return np.zeros(shape, dtype)
            with report_damage(self.path, f"{entry.filename} cannot be mapped"):
                numbers = np.memmap(self.path, np.uint8, "r", self._place(entry), (n_numbers * dtype.itemsize,))
                steps = [stride * dtype.itemsize for stride in strides]
                return np.lib.stride_tricks.as_strided(np.asarray(numbers).view(dtype)[start:], shape, steps)

        return read

    def _place(self, entry: zipfile.ZipInfo) -> int:
        """Find the first byte of an entry, behind its own header, whose length the directory does not say."""
        with self.path.open("rb") as file:
            file.seek(entry.header_offset)
            header = file.read(30)
            if len(header) < 30 or header[:4] != b"PK\x03\x04":
                raise FormatError(f"{self.path}: {entry.filename} has no header at byte {entry.header_offset}")
            return entry.header_offset + 30 + sum(struct.unpack("<HH", header[26:30]))
