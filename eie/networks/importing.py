"""Network files of other tools as layers of the machine: the choice of the reader, pruning and sharing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from eie import _check
from eie.compress.kmeans import prune_and_share
from eie.formats import container, matrix_market, onnx, pytorch, safetensors, scipy_npz
from eie.formats.container import EncodedLayer
from eie.formats.errors import FormatError
from eie.formats.weights import WeightFile, WeightLayer
from eie.layer import CompressedLayer

PRUNED_BELOW = 0.9
"""A layer of a lower density has been pruned by its makers: training alone leaves almost no weight at exactly 0."""

Reader = Callable[[Path], WeightFile]

_READERS: dict[str, Reader] = {
    ".onnx": onnx.read,
    ".safetensors": safetensors.read,
    **dict.fromkeys((".pt", ".pth", ".bin", ".ckpt"), pytorch.read),
    ".npz": scipy_npz.read,
    **dict.fromkeys((".mtx", ".mtx.gz"), matrix_market.read),
}
"""Readers by the ending of their files; a format's own library is imported when a file is read."""


def endings() -> tuple[str, ...]:
    """List the endings of the files that can be imported."""
    return tuple(_READERS)


def register(ending: str, reader: Reader) -> None:
    """Register a reader for one more file format; all functions that take a file then take it.

    Parameters
    ----------
    ending : str
        Of its files, such as `.json`, or of two parts, such as `.json.gz`. A reader that it had before is replaced.
    reader : callable
        From a path to a `WeightFile`; raises `FormatError` for a file that is missing, damaged or too large.

    Raises
    ------
    ValueError
        When the ending does not begin with a dot.
    """
    if not ending.startswith(".") or ending == ".":
        raise ValueError(f"an ending must begin with a dot, such as .json, got {ending!r}")
    _READERS[ending.lower()] = reader


def read(path: str | Path) -> WeightFile:
    """List the layers of a network's file; the weights are read layer by layer, later.

    The ending says which format it is: ONNX (`.onnx`), PyTorch (`.pt`, `.pth`, `.bin`, `.ckpt`), safetensors, SciPy's
    `.npz` of one sparse matrix, or Matrix Market (`.mtx`, `.mtx.gz`).

    Raises
    ------
    FormatError
        When the file is missing, damaged or too large, or could execute something.
    ModuleNotFoundError
        When the format's own library is not installed; the message says how to get it.
    ValueError
        When the ending is none of these.
    """
    path = Path(path)
    reader = _READERS.get("".join(path.suffixes[-2:]).lower()) or _READERS.get(path.suffix.lower())
    if reader is None:
        raise ValueError(f"{path}: can import files that end in {', '.join(_READERS)}, not {path.suffix or 'none'!r}")
    try:
        found = reader(path)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{path}: needs the package {error.name}; install it with: pip install 'eie[networks]'", name=error.name
        ) from error
    if not found.layers:
        why = "; ".join(f"{part.name}: {part.why}" for part in found.unmapped[:3])
        raise FormatError(f"{path}: has no layer that the machine runs{': ' if why else ''}{why}")
    return found


def compress(layer: WeightLayer, density: float | None = None, weight_bits: int = 4) -> tuple[CompressedLayer, bool]:
    """Read one layer's weights, prune them if nobody has yet, and share them.

    Parameters
    ----------
    layer : WeightLayer
    density : float, optional
        Fraction of the weights to keep, 0..1, where the layer is dense; all if left out. A layer that is pruned already
        stays as it is.
    weight_bits : int
        Bits of a code, 1..8.

    Returns
    -------
    CompressedLayer
        Without bias: that stays a float vector, from which the accumulators start.
    bool
        Whether the layer was pruned already.

    Raises
    ------
    FormatError
        When the weights are damaged or not finite.
    ValueError
        When a parameter is out of range.
    """
    weights = _weights(layer)
    was_pruned = density_of(weights) < PRUNED_BELOW
    kept = 1.0 if density is None or was_pruned else _check.fraction("density", density)
    try:
        return prune_and_share(weights, weight_bits, kept), was_pruned
    except ValueError as error:
        raise FormatError(f"{layer.name}: {error}") from error


def density_of(weights: Any) -> float:
    """Return the fraction of a matrix that is not 0, 0..1."""
    n_kept = weights.count_nonzero() if sp.issparse(weights) else np.count_nonzero(weights)
    return float(n_kept) / (weights.shape[0] * weights.shape[1])


def _weights(layer: WeightLayer) -> Any:
    weights = layer.read()
    if weights.shape != (layer.n_out, layer.n_in):
        raise FormatError(f"{layer.name} must have shape ({layer.n_out}, {layer.n_in}), has {weights.shape}")
    return weights


def density_for(name: str, densities: float | Mapping[str, float] | None) -> float | None:
    """Look up the density for one layer: that of its name, else that of `*`."""
    if isinstance(densities, Mapping):
        return densities.get(name, densities.get("*"))
    return densities


def inspect(path: str | Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """List the layers of a file that the machine runs, and the other parts with the reasons. It may be an `.eie` file.

    Returns
    -------
    DataFrame
        One row per layer: `layer`, `kind`, `n_out`, `n_in`, `vectors` (products per inference), `weights`, `density`
        (fraction that is not 0), `note`.
    DataFrame
        One row for every other part: `part`, `kind`, `why`.

    Raises
    ------
    FormatError, ModuleNotFoundError, ValueError
        As `read` does.
    """
    rest = pd.DataFrame(columns=["part", "kind", "why"])
    if Path(path).suffix.lower() == container.ENDING:
        return pd.DataFrame([_described(layer, layer.mem, layer.density) for layer in container.read(path)]), rest
    found = read(path)
    runs = [_described(layer, layer, density_of(_weights(layer))) for layer in found.layers]
    parts = [{"part": part.name, "kind": part.kind, "why": part.why} for part in found.unmapped]
    return pd.DataFrame(runs), pd.DataFrame(parts) if parts else rest


def _described(layer: WeightLayer | EncodedLayer, matrix: Any, density: float) -> dict[str, Any]:
    """Make a row of the table; `matrix` tells the shape."""
    facts = {"layer": layer.name, "kind": layer.kind, "n_out": matrix.n_out, "n_in": matrix.n_in}
    sizes = {"vectors": layer.vectors, "weights": matrix.n_out * matrix.n_in, "density": density}
    return facts | sizes | {"note": layer.note}
