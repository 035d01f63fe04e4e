"""`.eie` files: encoded layers of a network, written once and mapped into memory when they are read.

An `.eie` file is a safetensors file: eight bytes with the length of a header, the header as JSON, then the numbers. The
header's `__metadata__` has one text, `eie`, which is JSON itself, an object of

- `version`: 1;
- `layers`: a list with one object per layer: `name`, `kind`, `note`, `n_out`, `n_in`, `n_pe`, `weight_bits`,
  `index_bits`, `has_bias` (whether the last column is the bias), `vectors` (products per inference), `counted` (whether
  the network's file told them; true if left out), `groups` (blocks along the diagonal; 1 if left out) and `conditional`
  (whether an inference may do without it; false if left out);
- `checksums`: the CRC-32 of every tensor's bytes, by its name;
- `checksum`: the CRC-32 of the text of a JSON list, its keys sorted and without spaces: an object of the three above,
  and one of the type and the shape of every tensor by its name.

Layer i has the tensors `i.codes` and `i.skips` (U8, an entry each, PE after PE), `i.pe_start` (I64, a PE each and an
end), `i.pointers` (I32, columns + 1 by PEs), `i.column_macs` (I64, a column each), `i.codebook` (F32) and, where the
accumulators start from a bias, `i.bias` (F32, an output each): the attributes of `eie.InterleavedCSC`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie import _check
from eie._compile import Kernel
from eie.formats.errors import FormatError, guarded, report_damage
from eie.formats.weights import ENCODED, check_file
from eie.interleaved import MAX_ENTRIES, InterleavedCSC
from eie.layer import MAX_SIZE
from eie.machine import MAX_PE
from eie.writing.aside import target_of, written_aside

ENDING = ENCODED
VERSION = 1

MAX_BYTES = 2**40
"""Bytes of a file, which is mapped, not read."""

MAX_HEADER_BYTES = 2**24
"""Bytes of the header."""

MAX_VECTORS = 2**40
"""Products of a layer in one inference."""

_PARTS = {
    "codes": "U8",
    "skips": "U8",
    "pe_start": "I64",
    "pointers": "I32",
    "column_macs": "I64",
    "codebook": "F32",
}
_FLAGS = ("counted", "groups", "conditional")
_DTYPES = {"U8": "u1", "I32": "<i4", "I64": "<i8", "F32": "<f4"}
_NUMBERS = {
    "n_out": (1, MAX_SIZE),
    "n_in": (1, MAX_SIZE),
    "n_pe": (1, MAX_PE),
    "weight_bits": (1, 8),
    "index_bits": (1, 8),
    "vectors": (1, MAX_VECTORS),
}


@dataclass(frozen=True, eq=False, slots=True)
class EncodedLayer:
    """One layer of a network in the form in which the PEs hold it.

    Its accumulators start from `bias`, of shape `(n_out,)`. The others are as in `eie.formats.weights.WeightLayer`.
    """

    name: str
    kind: str
    mem: InterleavedCSC
    bias: NDArray[np.float32] | None = None
    vectors: int = 1
    note: str = ""
    counted: bool = True
    groups: int = 1
    conditional: bool = False

    @property
    def weights(self) -> int:
        """Number of weights in the matrix, or in its blocks if it has groups."""
        return self.mem.n_out * self.mem.n_in // self.groups

    @property
    def density(self) -> float:
        """Fraction of the weights that is not 0, 0..1."""
        return int(self.mem.column_macs[: self.mem.n_in].sum()) / self.weights


def write(path: str | Path, layers: Sequence[EncodedLayer]) -> None:
    """Write encoded layers.

    Raises
    ------
    ValueError
        When there is no layer, or the path does not end in `.eie`.
    OSError
        When the file cannot be written; an old one is left as it was.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    check_path(path)
    if not layers:
        raise ValueError(f"{path}: a file of layers must have at least one, got none")
    tensors = {name: array for i, layer in enumerate(layers) for name, array in _tensors(i, layer)}
    facts: dict[str, Any] = {
        "version": VERSION,
        "layers": [_described(layer) for layer in layers],
        "checksums": {name: _crc(array) for name, array in tensors.items()},
    }
    kinds = {np.dtype(dtype): kind for kind, dtype in _DTYPES.items()}
    shapes = {name: (kinds[array.dtype], array.shape) for name, array in tensors.items()}
    text = json.dumps(facts | {"checksum": _header_checksum(facts, shapes)})
    with written_aside(path) as aside:
        try:
            save_file(tensors, aside, {"eie": text})
        except SafetensorError as error:
            raise OSError(f"cannot write {path}: {error}") from error


def check_path(path: str | Path) -> None:
    """Raise an error, before any work, if a path does not end in `.eie` or nothing can be written there."""
    if Path(path).suffix != ENDING:
        raise ValueError(f"a file of encoded layers must end in {ENDING}, got {path}")
    target_of(path)


@guarded
def read(path: str | Path) -> tuple[EncodedLayer, ...]:
    """Read encoded layers. Their arrays are mapped into memory: they are read from the file when they are used.

    Raises
    ------
    FormatError
        When the file is missing, truncated or damaged, of another version, or holds no encoded layer.
    """
    path = Path(path)
    header, facts, start = _header(path, check_file(path, MAX_BYTES))
    checksums = facts["checksums"]
    arrays = {name: _mapped(path, name, part, start, checksums.get(name)) for name, part in header.items()}
    return tuple(_layer(path, i, layer, arrays) for i, layer in enumerate(facts["layers"]))


def _tensors(i: int, layer: EncodedLayer) -> list[tuple[str, NDArray[Any]]]:
    parts = [
        (f"{i}.{name}", np.ascontiguousarray(getattr(layer.mem, name), _DTYPES[kind])) for name, kind in _PARTS.items()
    ]
    return parts if layer.bias is None else [*parts, (f"{i}.bias", np.ascontiguousarray(layer.bias, np.float32))]


def _described(layer: EncodedLayer) -> dict[str, Any]:
    facts = {
        name: getattr(layer, name) for name in ("name", "kind", "note", "vectors", "counted", "groups", "conditional")
    }
    return facts | {name: getattr(layer.mem, name) for name in (*_NUMBERS, "has_bias") if name not in facts}


def _crc(array: NDArray[Any]) -> int:
    return zlib.crc32(array.reshape(-1).view(np.uint8).data)


def _header_checksum(facts: Mapping[str, Any], shapes: Mapping[str, tuple[str, Sequence[int]]]) -> int:
    """Compute the CRC-32 of facts and of types and shapes by tensor, as JSON with sorted keys and no spaces."""
    said = [
        {key: value for key, value in facts.items() if key != "checksum"},
        {name: [dtype, list(shape)] for name, (dtype, shape) in shapes.items()},
    ]
    return zlib.crc32(json.dumps(said, sort_keys=True, separators=(",", ":")).encode())


def _header(path: Path, size: int) -> tuple[dict[str, Any], dict[str, Any], int]:
    """Read tensors, facts, and the start of the numbers. The safetensors library checks that tensors fit the file."""
    from safetensors import safe_open

    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
            raise FormatError(f"{path}: the header at byte 8 must have 2..{MAX_HEADER_BYTES} bytes, says {length}")
        text = file.read(length)
    fault = "the header at byte 8 is damaged, or the file is cut off"
    with report_damage(path, fault), safe_open(path, framework="numpy"):
        header = json.loads(text)
        said = (header.pop("__metadata__", None) or {}).get("eie")
        facts = json.loads(said) if said is not None else None
    if facts is None:
        raise FormatError(f"{path}: is not a file in the {ENDING} format: the header at byte 8 does not say so")
    _check_facts(path, facts, {name: (part["dtype"], part["shape"]) for name, part in header.items()})
    return header, facts, 8 + length


def _check_facts(path: Path, facts: Any, shapes: Mapping[str, tuple[str, Sequence[int]]]) -> None:
    kinds = {"version": int, "layers": list, "checksums": dict, "checksum": int}
    if not isinstance(facts, dict) or not all(isinstance(facts.get(key), kind) for key, kind in kinds.items()):
        raise FormatError(f"{path}: the header at byte 8 must have {', '.join(kinds)}")
    if facts["version"] != VERSION:
        raise FormatError(f"{path}: has version {facts['version']}, this program reads version {VERSION}")
    if facts["checksum"] != _header_checksum(facts, shapes) or not facts["layers"]:
        raise FormatError(f"{path}: the header at byte 8 is damaged: its checksum does not match")


def _mapped(path: Path, name: str, part: Mapping[str, Any], start: int, checksum: Any) -> NDArray[Any]:
    begin, end = (start + offset for offset in part["data_offsets"])
    dtype = _DTYPES.get(part["dtype"])
    if dtype is None:
        raise FormatError(f"{path}: {name} at byte {begin} must be of {', '.join(_DTYPES)}, is {part['dtype']}")
    array = np.asarray(np.memmap(path, dtype, "r", begin, tuple(part["shape"]))) if end > begin else np.zeros(0, dtype)
    if _crc(array) != checksum:
        raise FormatError(f"{path}: {name} at byte {begin} is damaged: its checksum does not match")
    return array


def _layer(path: Path, i: int, facts: Any, arrays: Mapping[str, NDArray[Any]]) -> EncodedLayer:
    with report_damage(path, f"layer {i} is not an encoded layer", (ValueError, KeyError, TypeError)):
        return _checked_layer(i, facts, arrays)


def _checked_layer(i: int, facts: Any, arrays: Mapping[str, NDArray[Any]]) -> EncodedLayer:
    numbers = {name: _check.integer(name, facts[name], *limits) for name, limits in _NUMBERS.items()}
    vectors = numbers.pop("vectors")
    name, kind, note, has_bias = (facts[key] for key in ("name", "kind", "note", "has_bias"))
    counted, groups = facts.get("counted", True), _check.integer("groups", facts.get("groups", 1), 1, numbers["n_out"])
    if not all(isinstance(text, str) for text in (name, kind, note)):
        raise ValueError("name, kind and note must be texts")
    conditional = facts.get("conditional", False)
    if not all(isinstance(truth, bool) for truth in (has_bias, counted, conditional)):
        raise ValueError("has_bias, counted and conditional must be true or false")
    parts = {part: arrays[f"{i}.{part}"] for part in _PARTS}
    bias = arrays.get(f"{i}.bias")
    n_columns, n_entries, n_pe = numbers["n_in"] + has_bias, len(parts["codes"]), numbers["n_pe"]
    shapes = {
        "codes": (min(n_entries, MAX_ENTRIES),),
        "skips": (n_entries,),
        "pe_start": (n_pe + 1,),
        "pointers": (n_columns + 1, n_pe),
        "column_macs": (n_columns,),
        "codebook": (1 << numbers["weight_bits"],),
        "bias": (numbers["n_out"],),
    }
    for part, array in (parts | ({"bias": bias} if bias is not None else {})).items():
        if array.shape != shapes[part] or array.dtype != _DTYPES[_PARTS.get(part, "F32")]:
            raise ValueError(f"{part} must have shape {shapes[part]}, has {array.shape} of {array.dtype}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{part} must be finite")
    if parts["codebook"][0] != 0:
        raise ValueError(f"the first shared weight must be 0, is {parts['codebook'][0]}")
    everything: dict[str, Any] = {**numbers, **parts, "has_bias": has_bias}
    mem = InterleavedCSC(**everything)
    _check_memories(mem)
    return EncodedLayer(name, kind, mem, bias, vectors, note, counted, groups, conditional)


def _check_memories(mem: InterleavedCSC) -> None:
    """Check that no pointer and no relative index leads out of the memories or below the last row."""
    starts, ends = mem.pe_start[:-1], mem.pe_start[1:]
    if mem.pe_start[0] != 0 or mem.pe_start[-1] != mem.n_entries or (starts > ends).any():
        raise ValueError(f"pe_start must rise from 0 to {mem.n_entries}")
    if mem.pointers[0].any() or (mem.pointers[-1] != ends - starts).any():
        raise ValueError("pointers of a PE must run from 0 to the number of its entries")
    if mem.n_entries and (mem.codes.max() >> mem.weight_bits or mem.skips.max() >> mem.index_bits):
        raise ValueError(f"entries must be of {mem.weight_bits} and {mem.index_bits} bits")
    p, j = _first_wrong(mem.codes, mem.skips, mem.pe_start, mem.pointers, mem.n_out)
    if p >= 0:
        raise ValueError(f"the pointers or relative indices of column {j} on PE {p} lead out of the layer")
    if not np.array_equal(_count(mem.codes, mem.pe_start, mem.pointers), mem.column_macs):
        raise ValueError("column_macs must count the entries that are not padding zeros")


@Kernel
def _first_wrong(codes, skips, pe_start, pointers, n_out):  # type: ignore[no-untyped-def]
    """Find PE and column of the first pointer that falls or row that does not exist, or (-1, -1)."""
    n_pe = len(pe_start) - 1
    # Pointers first: the second pass follows them, and a pointer that falls would lead it out of the arrays.
    for p in range(n_pe):
        for j in range(pointers.shape[0] - 1):
            if pointers[j + 1, p] < pointers[j, p]:
                return p, j
    for p in range(n_pe):
        for j in range(pointers.shape[0] - 1):
            local = -1  # the row within PE p; PEs take rows in turn, so that it is row `local * n_pe + p` of the layer
            for e in range(pe_start[p] + pointers[j, p], pe_start[p] + pointers[j + 1, p]):
                local += skips[e] + 1
            if local * n_pe + p >= n_out and local >= 0:
                return p, j
    return -1, -1


@Kernel
def _count(codes, pe_start, pointers):  # type: ignore[no-untyped-def]
    """Count the entries of each column that are not padding zeros, over all PEs."""
    found = np.zeros(pointers.shape[0] - 1, np.int64)
    for p in range(len(pe_start) - 1):
        for j in range(len(found)):
            for e in range(pe_start[p] + pointers[j, p], pe_start[p] + pointers[j + 1, p]):
                found[j] += codes[e] != 0
    return found
