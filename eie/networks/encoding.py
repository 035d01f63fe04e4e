"""Networks of any kind as encoded layers, one at a time: only one layer's weights are in memory at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie.cycles import encoded_for
from eie.explore.benchmarks import nine_layers, select
from eie.formats import container
from eie.formats.container import EncodedLayer
from eie.formats.weights import WeightFile, WeightLayer
from eie.interleaved import InterleavedCSC, encode
from eie.layer import CompressedLayer
from eie.machine import EIE_45NM, Machine
from eie.networks import importing
from eie.networks.models import as_file


@dataclass(frozen=True, eq=False, slots=True)
class Encoded:
    """A network in the form in which a machine holds it.

    It has the name of its file or layer. Each of its `count` layers is made for `machine` when it is needed.
    `activations` are inputs that come with some of them, by layer; `sizes` are the numbers of inputs of all layers, by
    name. `on_machine` is the fraction of the weights of its file that are in layers, 0..1; None without a file.
    """

    name: str
    layers: Iterator[EncodedLayer]
    count: int
    machine: Machine
    activations: Mapping[str, NDArray[Any]]
    sizes: Mapping[str, int]
    on_machine: float | None = None


def encoded(
    network: Any,
    machine: Machine | None = None,
    *,
    density: float | Mapping[str, float] | None = None,
    seed: int = 0,
    only: str | None = None,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
) -> Encoded:
    """Prepare a network for a machine.

    Parameters
    ----------
    network : path or str, WeightFile, model, module, mapping, matrix, sequence of EncodedLayer, or Network
        A file that `eie.networks.importing.read` takes, or an `.eie` file; the name of a layer of Table III, which is
        synthetic; a `WeightFile` from your own reader; an ONNX model, a PyTorch module or a state dict; a matrix of
        NumPy or SciPy, outputs x inputs; layers by name, each a CompressedLayer or InterleavedCSC;
        encoded layers; or an `eie.networks.network.Network`.
    machine : Machine, optional
        The paper's if left out; for encoded layers, the paper's with the PEs and bits that they were encoded for.
    density : float or mapping of str to float, optional
        Fraction of the weights to keep in layers of a file that are not pruned yet; by layer if a mapping, where `*`
        stands for all others.
    seed : int
        Random seed of synthetic layers: those of Table III, and those of a file that has sizes only.
    only : str, optional
        Name of a single layer to take.
    input_shapes : mapping of str to sequence of int, optional
        Sides of inputs that an ONNX file leaves open, as for `eie.networks.importing.read`.

    Raises
    ------
    FormatError, ModuleNotFoundError
        As `eie.networks.importing.read` and `eie.formats.container.read` do.
    ValueError
        When it is none of these, a layer is encoded for another machine, or a density is given for a layer that does
        not exist or is compressed already.
    """
    if isinstance(network, (str, Path)):
        found = _named(network, density, seed, input_shapes)
    elif (file := network if isinstance(network, WeightFile) else as_file(network)) is not None:
        found = _of_file(file, density, seed)
    elif isinstance(network, Mapping) and network:
        _refuse(density, "these layers are compressed already")
        found = _Source("layers", [_Part(name, "linear", layer) for name, layer in network.items()])
    elif isinstance(network, Sequence) and network and all(isinstance(layer, EncodedLayer) for layer in network):
        _refuse(density, "these layers are encoded already")
        found = _Source("layers", list(network))
    elif hasattr(network, "weight_nodes"):
        _refuse(density, "this network is compressed already")
        found = _Source("network", _parts_of(network))
    else:
        raise ValueError(
            "the network must be a file, a layer of Table III, layers by name, or an eie.networks.network.Network, "
            f"got {type(network).__name__}"
        )
    if input_shapes and not isinstance(network, (str, Path)):
        raise ValueError("sizes of inputs are for ONNX files")
    parts = _chosen(found, only)
    chip = machine or _own_machine(parts[0])
    layers = (_encoded_part(found.name, part, chip) for part in parts)
    sizes = {part.name: _matrix_of(part).n_in for part in found.parts}
    return Encoded(found.name, layers, len(parts), chip, found.activations, sizes, found.on_machine)


def save(encoded_network: Encoded, path: str | Path, *, progress: bool = False) -> None:
    """Write all layers to an `.eie` file, and show a progress bar if `progress` is true.

    Raises
    ------
    ValueError, OSError
        As `eie.formats.container.write` does.
    """
    from tqdm import tqdm

    container.check_path(path)
    layers = tqdm(encoded_network.layers, total=encoded_network.count, unit="layer", disable=not progress, leave=False)
    container.write(path, list(layers))


@dataclass(frozen=True, eq=False, slots=True)
class _Part:
    """A matrix that is not encoded yet: as codes, or as weights of a file, to be pruned to `density`."""

    name: str
    kind: str
    layer: CompressedLayer | InterleavedCSC | WeightLayer
    bias: NDArray[np.float32] | None = None
    vectors: int = 1
    note: str = ""
    density: float | None = None
    counted: bool = True
    seed: int = 0


@dataclass(frozen=True, eq=False, slots=True)
class _Source:
    """The parts of a network, and inputs that come with it."""

    name: str
    parts: Sequence[_Part | EncodedLayer]
    activations: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    on_machine: float | None = None


def _named(
    network: str | Path, density: Any, seed: int, input_shapes: Mapping[str, Sequence[int]] | None = None
) -> _Source:
    path = Path(network)
    known = [benchmark.name for benchmark in nine_layers()]
    if input_shapes and (str(network) in known or path.suffix.lower() == container.ENDING):
        raise ValueError(f"sizes of inputs are for ONNX files, {network} is not one")
    if str(network) in known:
        _refuse(density, f"{network} is drawn at the density of Table III")
        layer, activations = select([str(network)])[0].draw(seed)
        part = _Part(str(network), "linear", layer, note="drawn at random, as Table III has it")
        return _Source(str(network), [part], {str(network): activations})
    if path.suffix.lower() == container.ENDING:
        _refuse(density, f"{path} holds encoded layers; give it when they are encoded")
        return _Source(path.name, container.read(path))
    if not path.exists() and not path.suffix:
        raise ValueError(f"there is no file {network}, and Table III has no such layer; it has {', '.join(known)}")
    return _of_file(importing.read(path, None, input_shapes), density, seed)


def _refuse(density: Any, why: str) -> None:
    """Raise a `ValueError` if a density is given where nothing can be pruned to it."""
    if density is not None:
        raise ValueError(f"a density is only for layers that are not pruned yet, got {density!r}: {why}")


def _of_file(file: WeightFile, density: Any, seed: int) -> _Source:
    names = [layer.name for layer in file.layers]
    unknown = [name for name in density if name not in (*names, "*")] if isinstance(density, Mapping) else []
    if unknown:
        raise ValueError(f"there is no layer {', '.join(unknown)} to prune; the layers are {', '.join(names)}")
    parts = [
        _Part(one.name, one.kind, one, None, one.vectors, one.note, kept, one.counted, seed)
        for one, kept in zip(file.layers, [importing.density_for(name, density) for name in names], strict=True)
    ]
    return _Source(file.path.name, parts, on_machine=file.on_machine)


def _chosen(source: _Source, only: str | None) -> Sequence[_Part | EncodedLayer]:
    if only is None:
        return source.parts
    found = [part for part in source.parts if part.name == only]
    if not found:
        listed = ", ".join(part.name for part in source.parts)
        raise ValueError(f"{source.name} has no layer {only!r}; it has {listed}")
    return found


def _encoded_part(source: str, part: _Part | EncodedLayer, machine: Machine) -> EncodedLayer:
    if isinstance(part, EncodedLayer):
        try:
            encoded_for(part.mem, machine)
        except ValueError as error:
            raise ValueError(f"{source}, {part.name}: {error}; encode the network again for this machine") from None
        return part
    if isinstance(part.layer, WeightLayer):
        return _imported(part, part.layer, machine)
    mem = encoded_for(part.layer, machine)
    return EncodedLayer(part.name, part.kind, mem, part.bias, part.vectors, part.note, part.counted)


def _imported(part: _Part, layer: WeightLayer, machine: Machine) -> EncodedLayer:
    compressed, was_pruned = importing.compress(layer, part.density, machine.weight_bits, part.seed)
    bias = layer.bias() if layer.bias is not None else None
    if bias is not None and not np.isfinite(bias).all():
        raise ValueError(f"{part.name}: bias must be finite, got {bias[~np.isfinite(bias)][0]}")
    origin = "dense; --prune-to prunes it" if part.density is None else "pruned, but not retrained"
    if layer.sizes_only:
        origin = "drawn at random, since the file has sizes only"
    note = "; ".join(filter(None, ["" if was_pruned else origin, part.note]))
    mem = encode(compressed, machine)
    return EncodedLayer(
        part.name, part.kind, mem, bias, part.vectors, note, part.counted, layer.groups, layer.conditional
    )


def _own_machine(part: _Part | EncodedLayer) -> Machine:
    """Return the paper's machine, or that of an encoded layer."""
    mem = _matrix_of(part)
    return machine_of(mem) if isinstance(mem, InterleavedCSC) else EIE_45NM


def _matrix_of(part: _Part | EncodedLayer) -> CompressedLayer | InterleavedCSC | WeightLayer:
    return part.mem if isinstance(part, EncodedLayer) else part.layer


def machine_of(mem: InterleavedCSC) -> Machine:
    """Return the paper's machine with the PEs and bits that a layer was encoded for."""
    return replace(EIE_45NM, n_pe=mem.n_pe, weight_bits=mem.weight_bits, index_bits=mem.index_bits)


def machine_for(network: str | Path, changes: Mapping[str, Any]) -> Machine:
    """Return the machine of a file's encoded layers (else the paper's), with some of its parameters changed."""
    path = Path(network)
    base = machine_of(container.read(path)[0].mem) if path.suffix.lower() == container.ENDING else EIE_45NM
    return replace(base, **changes)


def _parts_of(network: Any) -> list[_Part]:
    """List the matrices of a `Network`; this module does not import that one, and uses only its attributes."""
    inputs = {node.name: node.inputs[0] for node in network.nodes}
    found = []
    for name, op in network.weight_nodes:
        vectors = op.vectors(network.shapes[inputs[name]])
        names = [name] if len(op.layers) == 1 else [f"{name}[{i}]" for i in range(len(op.layers))]
        found += [
            _Part(own, op.kind, layer, bias, vectors)
            for own, layer, bias in zip(names, op.layers, op.biases, strict=True)
        ]
    return found
