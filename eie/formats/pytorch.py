"""PyTorch checkpoints: state dicts, alone or under a usual name in a larger dict. Nothing in them is executed."""

from __future__ import annotations

import mmap
import pickle
import re
import sys
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from eie.formats import pickle_bounds, torch_zip
from eie.formats.checkpoint import layers_of
from eie.formats.errors import FormatError, guarded, report_damage
from eie.formats.tensors import Tensor
from eie.formats.weights import Unmapped, WeightFile, check_file

if TYPE_CHECKING:
    import torch

MAX_BYTES = 2**37
"""Bytes of a file: 128 GiB. They are mapped, not read."""

MAX_PICKLE_BYTES = 2**24
"""Bytes of the part that says which tensors there are; the weights lie beside it."""

MAX_OLD_BYTES = 2**31
"""Bytes of a file from before PyTorch 1.6, which cannot be mapped."""

OLD_PICKLES = 5
"""Pickles before the numbers in a file from before PyTorch 1.6."""

MAX_DEPTH = 8
"""Dictionaries within dictionaries."""

MAX_NAMES = 1_000_000
"""Names in all dictionaries of a file, those of a dictionary that stands in several places counted each time."""

_NAMES = (
    *("state_dict", "model_state_dict", "model_state", "model", "net", "network", "module", "weights", "params"),
    *("ema_state_dict", "model_ema", "params_ema", "ema", "state", "shadow"),
)
"""Names under which training scripts put the state dict, in order. A moving average comes last: it is a copy."""

_NO_NETWORK = re.compile(
    r"optim\w*|\w*scheduler\w*|scaler|amp|rng\w*|callbacks|loops|hyper_parameters|args|config|masks?"
)
_PREFIXES = ("module.", "_orig_mod.")


@guarded
def read(path: Path, key: str | None = None) -> WeightFile:
    """List the layers of a checkpoint; weights are read layer by layer, later.

    Parameters
    ----------
    path : path
    key : str, optional
        Where the state dict is in the file, such as `generator`, or `ema.model`; found by usual names if left out.

    Raises
    ------
    FormatError
        When the file is missing, too large, compressed, truncated or damaged, holds anything but tensors and plain
        values, or no state dict, or several.
    """
    size = check_file(path, MAX_BYTES)
    chosen, others = _state_dict(path, _loaded(path, size), key)
    return layers_of(path, {_short(name, chosen): _described(each, size) for name, each in chosen.items()}, others)


def of_state_dict(path: Path, tensors: Mapping[str, Any]) -> WeightFile:
    """List the layers of a state dict in memory, of PyTorch's tensors or NumPy's arrays; `path` is its name."""
    found = {name: _in_memory(value) for name, value in tensors.items()}
    return layers_of(path, {_short(name, tensors): value for name, value in found.items()})


def _in_memory(value: Any) -> Tensor:
    if _is_tensor(value):
        return _described(value.cpu() if hasattr(value, "cpu") else value, sys.maxsize)
    array = np.asarray(value)
    is_float = array.dtype.kind == "f"
    return Tensor(array.shape, is_float, lambda: array, "" if is_float else str(array.dtype))


def tensors_of(path: Path) -> dict[str, Tensor]:
    """Describe the tensors of one file of a checkpoint in several."""
    size = check_file(path, MAX_BYTES)
    return {name: _described(each, size) for name, each in _flat(_loaded(path, size)).items()}


def _short(name: str, names: Iterable[str]) -> str:
    """Drop what wrappers put before all names, DataParallel and torch.compile."""
    for prefix in _PREFIXES * 2:
        if all(each.startswith(prefix) for each in names):
            return _short(name.removeprefix(prefix), [each.removeprefix(prefix) for each in names])
    return name


def _loaded(path: Path, size: int) -> Any:
    with path.open("rb") as file:
        is_zip = file.read(4) == b"PK\3\4"  # as PyTorch tells
    if is_zip:
        _check_zip(path)
        plain = torch_zip.read(path, size)
        if plain is not None:
            return plain
    elif size > MAX_OLD_BYTES:
        raise FormatError(
            f"{path}: a file that is not a zip archive must have at most {MAX_OLD_BYTES} bytes, has {size}"
        )
    else:
        _check_old(path)
    import torch

    # PyTorch warns that sparse and quantised tensors are new, or old.
    with report_damage(path, "is not a complete PyTorch checkpoint"), warnings.catch_warnings(action="ignore"):
        try:
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
        except pickle.UnpicklingError as error:
            named = re.search(r"GLOBAL ([\w.]+)", str(error))
            raise FormatError(
                f"{path}: holds more than tensors and plain values{f', {named[1]}' if named else ''}, such as a whole "
                "pickled module, and nothing in a checkpoint may be executed; save the state dict alone, "
                "torch.save(model.state_dict(), ...), or as safetensors"
            ) from error
        except MemoryError:
            raise FormatError(f"{path}: says that it holds more than memory does") from None


def _check_zip(path: Path) -> None:
    """Refuse compressed files, which could unpack to any size: PyTorch never writes them."""
    with report_damage(path, "is not a complete zip archive"), zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if any(re.fullmatch(r"[^/]*/(constants\.pkl|code/.*)", entry.filename) for entry in entries):
            raise FormatError(
                f"{path}: is a TorchScript archive, whose code would have to be executed; save its weights with "
                "torch.save(torch.jit.load(FILE).state_dict(), 'weights.pt'), or export it to ONNX"
            )
        if any(entry.filename.endswith("archive_format") for entry in entries):
            raise FormatError(
                f"{path}: is a program of torch.export; save its weights with "
                "torch.save(torch.export.load(FILE).state_dict, 'weights.pt'), or export it to ONNX"
            )
        if len({entry.filename for entry in entries}) < len(entries):
            raise FormatError(f"{path}: has two parts of the same name")
        for entry in entries:
            name, size = entry.filename, entry.file_size
            if entry.compress_type != zipfile.ZIP_STORED:
                raise FormatError(f"{path}: {name} at byte {entry.header_offset} is compressed")
            if name.endswith(".pkl") and size > MAX_PICKLE_BYTES:
                raise FormatError(f"{path}: {name} must have at most {MAX_PICKLE_BYTES} bytes, has {size}")
            if name.endswith(".pkl"):
                with archive.open(entry) as file:
                    pickle_bounds.check(file)


def _check_old(path: Path) -> None:
    """Check the pickles that such a file begins with: magic number, version, machine, the whole, and its parts."""
    with (
        report_damage(path, "is not a complete PyTorch checkpoint"),
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,  # never makes room for more than there is
    ):
        for _ in range(OLD_PICKLES):
            pickle_bounds.check(data)


def _state_dict(path: Path, loaded: Any, key: str | None) -> tuple[Mapping[str, Any], list[Unmapped]]:
    """Find the state dict, and list other ones beside it."""
    if _is_tensor(loaded):
        loaded = {"weight": loaded}
    if key is not None:
        found = _flat(_at(path, loaded, key))
        if not found:
            raise FormatError(f"{path}: has no tensor at key {key!r}; {_keys(loaded)}")
        return found, []
    dicts = {name: _flat(part) for name, part in loaded.items()} if isinstance(loaded, Mapping) else {}
    dicts = {str(n): part for n, part in dicts.items() if _has_weights(part) and isinstance(loaded[n], Mapping)}
    dicts = {name: part for name, part in dicts.items() if not _NO_NETWORK.fullmatch(name.lower())}
    top = _tensors_of(loaded)
    usual = [name for name in _NAMES if name in dicts]
    if not dicts or (_has_weights(top) and not usual):
        found = _flat(loaded)
        if not found:
            raise FormatError(f"{path}: has no state dict, neither at its top nor under {', '.join(_NAMES)}")
        return found, []
    if len(dicts) > 1 and not usual:
        raise FormatError(
            f"{path}: has {len(dicts)} state dicts, {', '.join(dicts)}; choose one, such as --key {next(iter(dicts))}"
        )
    name = usual[0] if usual else next(iter(dicts))
    others = [Unmapped(each, "state dict", f"beside {name}, which is read; --key {each} reads it") for each in dicts]
    beside = [Unmapped(each, "parameter", f"beside the state dict {name}") for each in top]
    masks = _flat(next((loaded[each] for each in ("masks", "mask") if isinstance(loaded.get(each), Mapping)), {}))
    targets = {*dicts[name], *(weight.rpartition(".")[0] for weight in dicts[name])}
    with_masks = {f"masks.{each}": mask for each, mask in masks.items() if each in targets}
    lone = [Unmapped(each, "mask", f"a mask of no weight of {name}") for each in masks if each not in targets]
    return {**dicts[name], **with_masks}, [each for each in others if each.name != name] + beside + lone


def _at(path: Path, loaded: Any, key: str) -> Any:
    """Follow a key, whose parts are joined with dots."""
    if isinstance(loaded, Mapping):
        for name, part in loaded.items():
            if key == str(name):
                return part
            if key.startswith(f"{name}."):
                return _at(path, part, key[len(str(name)) + 1 :])
    raise FormatError(f"{path}: has no {key!r}; {_keys(loaded)}")


def _keys(loaded: Any) -> str:
    names = [str(name) for name in loaded][:20] if isinstance(loaded, Mapping) else []
    return f"it has {', '.join(names)}" if names else "it has no names"


def _tensors_of(part: Any) -> dict[str, Any]:
    return {str(k): v for k, v in part.items() if _is_tensor(v)} if isinstance(part, Mapping) else {}


def _has_weights(tensors: Mapping[str, Any]) -> bool:
    return any(len(tensor.shape) > 1 for tensor in tensors.values())


def _flat(part: Any) -> dict[str, Any]:
    """List tensors by their names in nested dictionaries, joined with dots; packed parameters are weight and bias.

    A dictionary may stand in many places of a file, and so on in those within it, which names can be.
    """
    found: dict[str, Any] = {}
    waiting: list[tuple[str, Any, int]] = [("", part, 0)]
    n_seen = 0
    while waiting:
        before, current, depth = waiting.pop()
        inner = []
        for name, value in _items(current):
            own = f"{before}{name}"
            n_seen += 1
            if n_seen > MAX_NAMES:
                raise FormatError(f"has more than {MAX_NAMES} names in dictionaries within dictionaries")
            if _is_tensor(value):
                found[own] = value
            elif own.endswith("_packed_params") and isinstance(value, tuple):
                module = own.removesuffix("_packed_params").rstrip(".").removesuffix("_packed_params")
                both = zip(("weight", "bias"), value, strict=False)
                found |= {f"{module}{each}": tensor for each, tensor in both if _is_tensor(tensor)}
            elif depth < MAX_DEPTH and (depth or not _NO_NETWORK.fullmatch(str(name).lower())):
                inner.append((f"{own}.", value, depth + 1))
        waiting += inner[::-1]
    return found


def _items(part: Any) -> Iterable[tuple[Any, Any]]:
    """List the names and values of a dictionary, or the places and values of a list."""
    if isinstance(part, Mapping):
        return part.items()
    return enumerate(part) if isinstance(part, (list, tuple)) else ()


def _is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")  # which is not needed for files of plain tensors
    return isinstance(value, Tensor) or (torch is not None and isinstance(value, torch.Tensor))


def _described(value: torch.Tensor | Tensor, file_size: int) -> Tensor:
    """Describe a tensor and how to read it. One that is larger than the file repeats a part of it, and is not taken."""
    if isinstance(value, Tensor):
        return value
    shape, kind = tuple(value.shape), str(value.dtype).removeprefix("torch.")
    if value.device.type != "cpu":
        return Tensor(shape, True, value.detach, fault=f"a tensor on {value.device.type}, without its numbers")
    if not all(part.numel() * part.element_size() <= file_size for part in _stored(value)):
        return Tensor(shape, False, value.detach, fault="says that it holds more numbers than its file does")
    if value.dtype.is_complex:
        return Tensor(shape, True, value.detach, kind, fault="complex numbers, of which the machine has none")
    if value.is_quantized:
        return Tensor(shape, True, lambda: np.asarray(value.detach().dequantize()), note=f"{kind} times its scale")
    if value.layout != _strided():
        note = f"stored as {str(value.layout).removeprefix('torch.')}"
        return Tensor(shape, value.is_floating_point(), lambda: _sparse(value.detach()), note=note)
    if value.is_floating_point():
        exact = kind if kind.startswith("float8") else ""
        return Tensor(shape, True, lambda: np.asarray(value.detach().float()), exact)
    return Tensor(shape, False, lambda: np.asarray(value.detach()), kind)


def _strided() -> torch.layout:
    import torch

    return torch.strided


def _stored(value: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """List the plain tensors that a sparse one is made of, or the tensor itself."""
    match str(value.layout).removeprefix("torch."):
        case "sparse_coo":
            return value._indices(), value._values()
        case "sparse_csr" | "sparse_bsr":
            return value.crow_indices(), value.col_indices(), value.values()
        case "sparse_csc" | "sparse_bsc":
            return value.ccol_indices(), value.row_indices(), value.values()
    return (value,)


def _sparse(value: torch.Tensor) -> Any:
    """Read a sparse matrix as SciPy's; a sparse array of more sides becomes dense."""
    import torch

    if value.dim() != 2 or value.dense_dim() or "sparse_bs" in str(value.layout):
        return np.asarray(value.to_dense().float())
    with warnings.catch_warnings(action="ignore"):
        entries = value.to_sparse_coo().coalesce()
    place = np.asarray(entries.indices().to(torch.int64))
    return sp.csc_array((np.asarray(entries.values().float()), (place[0], place[1])), shape=tuple(value.shape))
