"""Network files of other tools as layers of the machine: the choice of the reader, pruning and sharing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
import scipy.sparse as sp

from eie import _check
from eie.formats import decoder_config, gguf, matrix_market, onnx, pytorch, safetensors, scipy_npz, smtx
from eie.formats.errors import FormatError, guarded
from eie.formats.weights import ENCODED, WeightFile, WeightLayer

if TYPE_CHECKING:
    # To list what a file holds needs no tables and no compiler, which take seconds to load.
    import pandas as pd

    from eie.formats.container import EncodedLayer
    from eie.layer import CompressedLayer

PRUNED_BELOW = 0.9
"""A layer of a lower density has been pruned by its makers: training alone leaves almost no weight at exactly 0."""

Reader = Callable[[Path], WeightFile]

_READERS: dict[str, Reader] = {
    ".onnx": onnx.read,
    ".safetensors": safetensors.read,
    **dict.fromkeys((".pt", ".pth", ".bin", ".ckpt", ".pth.tar", ".pt.tar", ".tar"), pytorch.read),
    ".index.json": safetensors.read_index,
    ".npz": scipy_npz.read,
    ".npy": scipy_npz.read_array,
    **dict.fromkeys((".mtx", ".mtx.gz"), matrix_market.read),
    ".smtx": smtx.read,
    ".gguf": gguf.read,
    decoder_config.ENDING: decoder_config.read,
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
        Ending of the files, such as `.json`, or of two parts, such as `.json.gz`. A reader registered for it before is
        replaced.
    reader : callable
        From a path to a `WeightFile`; raises `FormatError` for a file that is missing, damaged or too large.

    Raises
    ------
    ValueError
        When the ending does not begin with a dot.
    """
    if not ending.startswith(".") or ending == ".":
        raise ValueError(f"an ending must begin with a dot, such as .json, got {ending!r}")
    _READERS[ending.lower()] = guarded(reader)


def read(
    path: str | Path, key: str | None = None, input_shapes: Mapping[str, Sequence[int]] | None = None
) -> WeightFile:
    """List the layers of a network's file; the weights are read layer by layer, later.

    The ending of the name determines the format: ONNX (`.onnx`), PyTorch (`.pt`, `.pth`, `.bin`, `.ckpt`, `.pth.tar`),
    safetensors, the index of a checkpoint in several files (`.index.json`), a matrix of SciPy or plain ones of NumPy
    (`.npz`, `.npy`), Matrix Market (`.mtx`, `.mtx.gz`), a pattern (`.smtx`), llama.cpp's GGUF (`.gguf`), or the sizes
    of a decoder (`config.json`).

    Parameters
    ----------
    path : path
    key : str, optional
        Key of the state dict to read in a PyTorch file with several, such as `generator`.
    input_shapes : mapping of str to sequence of int, optional
        Sides of inputs that an ONNX file leaves open, by name; the empty name stands for the only input. The products
        per inference follow from them.

    Raises
    ------
    FormatError
        When the file is missing, damaged or too large, or could execute something.
    ModuleNotFoundError
        When the format's own library is not installed; the message says how to get it.
    ValueError
        When the ending is none of these, a key is given for a file that has no state dicts, or shapes for one that has
        no graph or other inputs.
    """
    path = Path(path)
    known = [ending for ending in _READERS if path.name.lower().endswith(ending)]
    reader = _READERS[max(known, key=len)] if known else None
    if reader is None:
        what = "is a folder; " if path.is_dir() else "" if path.exists() else "there is no such file; "
        ending = f"got {path.suffix!r}" if path.suffix else "it has none"
        raise ValueError(f"{path}: {what}the ending must be one of {', '.join(_READERS)}; {ending}")
    if key is not None and reader is not pytorch.read:
        raise ValueError(f"{path}: a key chooses a state dict of a PyTorch file, got {key!r} for another format")
    if input_shapes and reader is not onnx.read:
        raise ValueError(f"{path}: sizes of inputs are for ONNX files; this file does not say how its layers are used")
    try:
        if key is not None:
            found = pytorch.read(path, key)
        else:
            found = onnx.read(path, input_shapes) if input_shapes else reader(path)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{path}: needs the package {error.name}; install it with: pip install 'eie[networks]'", name=error.name
        ) from error
    if not found.layers:
        why = "; ".join(f"{part.name}: {part.why}" for part in found.unmapped[:3])
        raise FormatError(f"{path}: has no layer that the machine runs{': ' if why else ''}{why}")
    return found


def compress(
    layer: WeightLayer, density: float | None = None, weight_bits: int = 4, seed: int = 0
) -> tuple[CompressedLayer, bool]:
    """Read one layer's weights, prune them unless they are pruned already, and share them.

    If the file has no weights, they are drawn.

    Parameters
    ----------
    layer : WeightLayer
    density : float, optional
        Fraction of the weights to keep, 0..1, where the layer is dense; all if left out. A layer that is pruned already
        stays as it is.
    weight_bits : int
        Bits of a code, 1..8.
    seed : int
        Random seed of a layer that is drawn.

    Returns
    -------
    CompressedLayer
        The layer without its bias, which stays a float vector from which the accumulators start.
    bool
        Whether the layer was pruned already.

    Raises
    ------
    FormatError
        When the weights are damaged or not finite.
    ValueError
        When a parameter is out of range.
    """
    from eie.compress.kmeans import prune_and_share

    if layer.sizes_only:
        return _drawn(layer, density, weight_bits, seed), False
    weights = _weights(layer)
    was_pruned = density_of(weights) * layer.groups < PRUNED_BELOW
    kept = 1.0 if density is None or was_pruned else _check.fraction("density", density) / layer.groups
    try:
        return prune_and_share(weights, weight_bits, kept), was_pruned
    except ValueError as error:
        raise FormatError(f"{layer.name}: {error}") from error


def _drawn(layer: WeightLayer, density: float | None, weight_bits: int, seed: int) -> CompressedLayer:
    """Draw a layer as uneven as real pruned ones are on average."""
    from eie.explore.synthetic import draw_layer

    if density is None:
        raise ValueError(
            f"{layer.name} has a size but no weights: give the density at which it is drawn (density; --prune-to on "
            "the command line)"
        )
    seeds = np.random.SeedSequence([_check.seed(seed), crc32(layer.name.encode())])
    return draw_layer(layer.n_out, layer.n_in, density, seeds, bias=False, weight_bits=weight_bits)


def density_of(weights: Any) -> float:
    """Return the fraction of a matrix that is not 0, 0..1."""
    return _n_kept(weights) / (weights.shape[0] * weights.shape[1])


def _n_kept(weights: Any) -> int:
    return int(weights.count_nonzero() if sp.issparse(weights) else np.count_nonzero(weights))


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


def described(
    path: str | Path, key: str | None = None, input_shapes: Mapping[str, Sequence[int]] | None = None
) -> dict[str, Any]:
    """Describe a file in numbers and words that JSON has: its matrices as the file has them, and what is not mapped.

    Returns
    -------
    dict
        `layers`: one dict per matrix with `name`, `kind`, `n_out`, `n_in`, `weights`, `nonzeros`, `vectors` (products
        per inference; both are null where the file does not tell) and `note`; matrices that the machine holds side by
        side, such as those of an LSTM or of the groups of a convolution, name the layer under `part_of`. `unmapped`:
        `name`, `kind`, `reason` and `weights` of every other part.
        `weights_on_machine`: fraction of the file's weights that are in layers, 0..1.

    Raises
    ------
    FormatError, ModuleNotFoundError, ValueError
        As `read` does.
    """
    if Path(path).suffix.lower() == ENCODED:
        return {"layers": _encoded_matrices(path), "unmapped": [], "weights_on_machine": 1.0}
    found = read(path, key, input_shapes)
    return {
        "layers": [matrix for layer in found.layers for matrix in _matrices(layer)],
        "unmapped": [
            {"name": part.name, "kind": part.kind, "reason": part.why, "weights": part.weights}
            for part in found.unmapped
        ],
        "weights_on_machine": found.on_machine,
    }


def _encoded_matrices(path: str | Path) -> list[dict[str, Any]]:
    from eie.formats import container

    rows = (_described(layer, layer.mem, layer.density) for layer in container.read(path))
    return [_matrix(row, row["layer"], row["n_in"], round(row["density"] * row["weights"])) for row in rows]


def _matrices(layer: WeightLayer) -> list[dict[str, Any]]:
    """Describe the matrices of one layer."""
    row = _described(layer, layer, 0.0)
    if layer.sizes_only:
        return [_matrix(row, layer.name, layer.n_in, None)]
    weights = _weights(layer)
    if layer.groups > 1:
        return _group_matrices(layer, row, weights)
    if not layer.parts:
        return [_matrix(row, layer.name, layer.n_in, _n_kept(weights))]
    ends = np.cumsum([0, *(n_in for _, n_in in layer.parts)])
    counts = [_n_kept(weights[:, start:end]) for start, end in pairwise(ends)]
    return [
        _matrix(row, name, n_in, n_kept) | {"part_of": layer.name}
        for (name, n_in), n_kept in zip(layer.parts, counts, strict=True)
    ]


def _group_matrices(layer: WeightLayer, row: dict[str, Any], weights: Any) -> list[dict[str, Any]]:
    """Describe the matrix of each group of a convolution."""
    n_out = layer.n_out // layer.groups
    counts = np.diff(sp.csr_array(weights).indptr)[: layer.n_out].reshape(layer.groups, n_out).sum(axis=1).tolist()
    return [
        _matrix(row | {"n_out": n_out}, f"{layer.name}[{group}]", layer.n_in // layer.groups, n_kept)
        | {"part_of": layer.name}
        for group, n_kept in enumerate(counts)
    ]


def _matrix(row: dict[str, Any], name: str, n_in: int, nonzeros: int | None) -> dict[str, Any]:
    sizes = {"n_in": n_in, "weights": row["n_out"] * n_in, "nonzeros": nonzeros}
    names = {"name": name, "kind": row["kind"], "n_out": row["n_out"]}
    return names | sizes | {"vectors": row["vectors"], "note": row["note"]}


def inspect(
    path: str | Path, key: str | None = None, input_shapes: Mapping[str, Sequence[int]] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """List the layers of a file that the machine runs, and the other parts with the reasons. It may be an `.eie` file.

    Returns
    -------
    DataFrame
        One row per layer: `layer`, `kind`, `n_out`, `n_in`, `vectors` (products per inference, None where the file does
        not tell), `weights`, `density` (fraction that is not 0; NaN where the file has sizes only), `note`.
    DataFrame
        One row for every other part: `part`, `kind`, `why`, `weights`.

    Raises
    ------
    FormatError, ModuleNotFoundError, ValueError
        As `read` does.
    """
    import pandas as pd

    rest = pd.DataFrame(columns=["part", "kind", "why", "weights"])
    if Path(path).suffix.lower() == ENCODED:
        from eie.formats import container

        rows = [_described(layer, layer.mem, layer.density) for layer in container.read(path)]
        return pd.DataFrame(rows).astype({"vectors": object}), rest
    found = read(path, key, input_shapes)
    runs = [_described(layer, layer, _density(layer)) for layer in found.layers]
    parts = [
        {"part": part.name, "kind": part.kind, "why": part.why, "weights": part.weights} for part in found.unmapped
    ]
    return pd.DataFrame(runs).astype({"vectors": object}), pd.DataFrame(parts) if parts else rest


def _density(layer: WeightLayer) -> float:
    return nan if layer.sizes_only else density_of(_weights(layer)) * layer.groups


def _described(layer: WeightLayer | EncodedLayer, matrix: Any, density: float) -> dict[str, Any]:
    """Make a row of the table; `matrix` tells the shape."""
    facts = {"layer": layer.name, "kind": layer.kind, "n_out": matrix.n_out, "n_in": matrix.n_in}
    vectors = layer.vectors if layer.counted else None
    sizes = {"vectors": vectors, "weights": layer.weights, "density": density}
    return facts | sizes | {"note": layer.note}
