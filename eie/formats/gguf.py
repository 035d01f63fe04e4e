"""Checkpoints in the GGUF format of llama.cpp: named tensors, most of them in blocks of small codes with scales.

The header is walked here, within the file's bounds: the format's own reader believes every length that a file states.
What the blocks of each kind of codes stand for is that library's to say.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie.formats.checkpoint import layers_of
from eie.formats.errors import FormatError, guarded, report_damage
from eie.formats.tensors import Tensor
from eie.formats.weights import WeightFile, as_float32, check_file

MAX_BYTES = 2**37
"""Bytes of a file: 128 GiB. They are mapped, not read."""

MAX_DIMENSIONS = 4
"""Dimensions of a tensor in this format."""

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_ALIGNMENT = 32
_STRING, _ARRAY, _UINT32 = 8, 9, 4
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, _UINT32: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of one number of each kind of value in the header."""


@guarded
def read(path: Path) -> WeightFile:
    """List the layers of a GGUF file; weights are read layer by layer, later.

    Raises
    ------
    FormatError
        When the file is missing, too large, truncated or damaged.
    ModuleNotFoundError
        When the library of the format is not installed.
    """
    check_file(path, MAX_BYTES, min_bytes=24)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        header = _Header(path, content)
        infos, start = list(header.tensors()), header.at
        start += -start % header.alignment
        tensors = {info[0]: _tensor(path, len(content), start, *info[1:]) for info in infos}
    return layers_of(path, tensors)


class _Header:
    """A walk through the header, which stops at the end of the file."""

    def __init__(self, path: Path, content: mmap.mmap) -> None:
        self.path, self.content, self.at, self.alignment = path, content, 0, _ALIGNMENT
        magic, version = self._bytes(4), self._number("<I")
        if magic != _MAGIC or version not in _VERSIONS:
            raise FormatError(f"{path}: must be a little-endian GGUF file of version 2 or 3, got {magic!r}, {version}")
        self.n_tensors, n_values = self._number("<Q"), self._number("<Q")
        for _ in range(n_values):
            self._pass_pair()

    def tensors(self) -> Iterator[tuple[str, tuple[int, ...], int, int]]:
        """Yield name, shape, kind and place of each tensor; the file states the fastest dimension first."""
        for _ in range(self.n_tensors):
            name, n_dimensions = self._text(), self._number("<I")
            if n_dimensions > MAX_DIMENSIONS:
                raise FormatError(f"{self.path}: {name} must have 0..{MAX_DIMENSIONS} dimensions, has {n_dimensions}")
            shape = tuple(self._number("<Q") for _ in range(n_dimensions))[::-1]
            yield name, shape, self._number("<I"), self._number("<Q")

    def _bytes(self, count: int) -> bytes:
        if count > len(self.content) - self.at:
            raise FormatError(f"{self.path}: ends at {len(self.content)} bytes, in the middle of its header")
        self.at += count
        return self.content[self.at - count : self.at]

    def _number(self, form: str) -> int:
        return int(struct.unpack(form, self._bytes(struct.calcsize(form)))[0])

    def _text(self) -> str:
        return self._bytes(self._number("<Q")).decode("utf-8", errors="replace")

    def _pass_pair(self) -> None:
        name, kind = self._text(), self._number("<I")
        if name == "general.alignment" and kind == _UINT32:
            self.alignment = max(1, self._number("<I"))
        elif kind == _ARRAY:
            self._pass_values(name, self._number("<I"), self._number("<Q"))
        else:
            self._pass_values(name, kind, 1)

    def _pass_values(self, name: str, kind: int, count: int) -> None:
        if kind in _SIZES:
            self._bytes(_SIZES[kind] * count)
        elif kind == _STRING:
            for _ in range(count):
                self._bytes(self._number("<Q"))
        else:
            raise FormatError(f"{self.path}: value {name!r} is of an unknown kind, {kind}")


def _tensor(path: Path, n_bytes: int, start: int, shape: tuple[int, ...], kind: int, offset: int) -> Tensor:
    """Describe a tensor whose numbers stand in the file from `start + offset` on."""
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    with report_damage(path, f"has a tensor of an unknown kind, {kind}"):
        quantised = GGMLQuantizationType(kind)
        block, block_bytes = GGML_QUANT_SIZES[quantised]
    if shape and shape[-1] % block:
        raise FormatError(f"{path}: rows of {quantised.name} must be of whole blocks of {block}, have {shape[-1]}")
    size, place = prod(shape) // block * block_bytes, start + offset
    if place + size > n_bytes:
        raise FormatError(f"{path}: has {n_bytes} bytes, but a tensor lies at {place} to {place + size}")
    is_float = not quantised.name.startswith(("I8", "I16", "I32", "I64"))
    fault = "" if _can_decode(quantised) else f"{quantised.name} codes, which the format's library cannot decode"
    if len(shape) > 2:
        fault = "weights of several experts: the input says which of them run"
    note = "" if block == 1 else f"{quantised.name} codes times their scales"
    return Tensor(shape, is_float, lambda: _values(path, quantised, shape, place, size), note=note, fault=fault)


@cache
def _can_decode(kind: Any) -> bool:
    from gguf import GGML_QUANT_SIZES

    try:
        _decoded(np.zeros((1, GGML_QUANT_SIZES[kind][1]), np.uint8), kind)
    except NotImplementedError:
        return False
    return True


def _decoded(raw: NDArray[np.uint8], kind: Any) -> NDArray[Any]:
    """Decode rows of bytes; the library leaves plain numbers of other kinds than its own three to NumPy."""
    from gguf.quants import dequantize

    plain = {"F64": np.float64, "I8": np.int8, "I16": np.int16, "I32": np.int32, "I64": np.int64}.get(kind.name)
    return dequantize(raw, kind) if plain is None else raw.view(plain)


def _values(path: Path, kind: Any, shape: tuple[int, ...], place: int, size: int) -> NDArray[np.float32]:
    """Read the numbers of one tensor; the mapping goes when they have been converted."""
    if not size:
        return np.zeros(shape, np.float32)
    with report_damage(path, "was changed while it was read"):
        raw = np.asarray(np.memmap(path, np.uint8, "r", place, (size,)))
        return as_float32(_decoded(raw.reshape(-1, size * shape[-1] // prod(shape)), kind)).reshape(shape)
