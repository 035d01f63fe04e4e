"""PyTorch checkpoints: state dicts, alone or under a usual name in a larger dict. Nothing in them is executed."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eie.formats.checkpoint import Tensor, layers_of
from eie.formats.errors import FormatError, report_damage
from eie.formats.weights import WeightFile, check_file

if TYPE_CHECKING:
    import torch

MAX_BYTES = 2**37
"""Bytes of a file: 128 GiB. They are mapped, not read."""

MAX_PICKLE_BYTES = 2**24
"""Bytes of the part that says which tensors there are; the weights lie beside it."""

MAX_OLD_BYTES = 2**31
"""Bytes of a file from before PyTorch 1.6, which cannot be mapped."""

_NAMES = ("state_dict", "model_state_dict", "model", "net", "network", "module", "params", "ema")
"""Where training scripts put the state dict."""


def read(path: Path) -> WeightFile:
    """List the layers of a checkpoint; weights are read layer by layer, later.

    Raises
    ------
    FormatError
        When the file is missing, too large, compressed, truncated or damaged, holds anything but tensors and plain
        values, or no state dict.
    """
    size = check_file(path, MAX_BYTES)
    state = _state_dict(path, _loaded(path, size))
    return layers_of(path, {name: _tensor(value, size) for name, value in state.items()})


def _loaded(path: Path, size: int) -> Any:
    import torch

    is_zip = zipfile.is_zipfile(path)
    if is_zip:
        _check_zip(path)
    elif size > MAX_OLD_BYTES:
        raise FormatError(f"{path}: a file that is no zip archive must have at most {MAX_OLD_BYTES} bytes, has {size}")
    with report_damage(path, "is no whole PyTorch checkpoint"):
        try:
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
        except pickle.UnpicklingError as error:
            raise FormatError(
                f"{path}: holds more than tensors and plain values, and nothing in a checkpoint may be executed; save "
                "the state dict alone, torch.save(model.state_dict(), ...), or as safetensors"
            ) from error
        except MemoryError:
            raise FormatError(f"{path}: says that it holds more than memory does") from None


def _check_zip(path: Path) -> None:
    """Refuse compressed files, which could unpack to any size: PyTorch never writes them."""
    with report_damage(path, "is no whole zip archive"), zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            name, size = entry.filename, entry.file_size
            if entry.compress_type != zipfile.ZIP_STORED:
                raise FormatError(f"{path}: {name} at byte {entry.header_offset} is compressed")
            if name.endswith(".pkl") and size > MAX_PICKLE_BYTES:
                raise FormatError(f"{path}: {name} must have at most {MAX_PICKLE_BYTES} bytes, has {size}")


def _state_dict(path: Path, loaded: Any) -> Mapping[str, torch.Tensor]:
    import torch

    for part in (loaded, *(loaded.get(name) for name in _NAMES if isinstance(loaded, Mapping))):
        if isinstance(part, Mapping):
            found = {str(name): value for name, value in part.items() if isinstance(value, torch.Tensor)}
            if found:
                return found
    raise FormatError(f"{path}: has no state dict, neither at its top nor under {', '.join(_NAMES)}")


def _tensor(value: torch.Tensor, file_size: int) -> Tensor:
    """Describe a tensor and how to read it. One that is larger than the file repeats a part of it, and is not taken."""
    plain = str(value.layout) == "torch.strided" and value.device.type == "cpu" and not value.is_quantized
    honest = plain and value.numel() * value.element_size() <= file_size
    return Tensor(tuple(value.shape), honest and value.is_floating_point(), lambda: np.asarray(value.detach().float()))
