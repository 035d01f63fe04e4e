"""Networks of any kind as encoded layers, one at a time: only one layer's weights are in memory at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie import importing
from eie.benchmarks import select, table3
from eie.cycles import encoded_for
from eie.formats import container
from eie.formats.container import EncodedLayer
from eie.interleaved import InterleavedCSC, encode
from eie.layer import CompressedLayer
from eie.machine import EIE_45NM, Machine


@dataclass(frozen=True, eq=False, slots=True)
class Encoded:
    """A network as a machine holds it.

    Attributes
    ----------
    name : str
        Of the file or the layer.
    layers : iterable of EncodedLayer
        Can be gone through once; each layer is made when its turn comes.
    count : int
        How many layers there are.
    machine : Machine
        The machine that they are encoded for.
    activations : mapping of str to array
        Inputs that come with some layers.
    """

    name: str
    layers: Iterator[EncodedLayer]
    count: int
    machine: Machine
    activations: Mapping[str, NDArray[Any]]


def encoded(
    network: Any,
    machine: Machine | None = None,
    *,
    density: float | Mapping[str, float] | None = None,
    seed: int = 0,
) -> Encoded:
    """Prepare a network for a machine.

    Parameters
    ----------
    network : path or str, mapping, sequence of EncodedLayer, or Network
        A file that `eie.importing.read` takes, or an `.eie` file; the name of a layer of Table III, which is drawn;
        layers by name, each a CompressedLayer or InterleavedCSC; encoded layers; or an `eie.network.Network`.
    machine : Machine, optional
        The paper's if left out; for encoded layers, the paper's with the PEs and bits that they were encoded for.
    density : float or mapping of str to float, optional
        Fraction of the weights to keep in layers of a file that nobody has pruned; by layer if a mapping, where `*`
        stands for all others.
    seed : int
        Names the random numbers of a drawn layer.

    Raises
    ------
    FormatError, ModuleNotFoundError
        As `eie.importing.read` and `eie.formats.container.read` do.
    ValueError
        When it is none of these, a layer is encoded for another machine, or a density is given for no layer.
    """
    if isinstance(network, (str, Path)):
        return _named(network, machine, density, seed)
    if isinstance(network, Mapping) and network:
        chip = machine or EIE_45NM
        layers = (EncodedLayer(name, "linear", encoded_for(layer, chip)) for name, layer in network.items())
        return Encoded("layers", layers, len(network), chip, {})
    if isinstance(network, Sequence) and network and all(isinstance(layer, EncodedLayer) for layer in network):
        return _as_they_are("layers", network, machine)
    if hasattr(network, "weight_nodes"):
        chip = machine or EIE_45NM
        parts = _parts_of(network)
        return Encoded("network", (_encoded_part(part, chip) for part in parts), len(parts), chip, {})
    raise ValueError(
        "the network must be a file, a layer of Table III, layers by name, or an eie.network.Network, "
        f"got {type(network).__name__}"
    )


def save(encoded_network: Encoded, path: str | Path) -> None:
    """Write all layers to an `.eie` file.

    Raises
    ------
    ValueError, OSError
        As `eie.formats.container.write` does.
    """
    container.check_path(path)
    container.write(path, list(encoded_network.layers))


def _named(network: str | Path, machine: Machine | None, density: Any, seed: int) -> Encoded:
    path = Path(network)
    if str(network) in {benchmark.name for benchmark in table3()}:
        chip = machine or EIE_45NM
        layer, activations = select([str(network)])[0].draw(seed)
        drawn = EncodedLayer(str(network), "linear", encode(layer, chip), note="drawn at random, as Table III has it")
        return Encoded(str(network), iter([drawn]), 1, chip, {str(network): activations})
    if path.suffix.lower() == container.ENDING:
        return _as_they_are(path.name, container.read(path), machine)
    if not path.exists() and not path.suffix:
        names = ", ".join(benchmark.name for benchmark in table3())
        raise ValueError(f"there is no file {network}, and Table III has no such layer; it has {names}")
    return _imported(path, machine or EIE_45NM, density)


def _imported(path: Path, machine: Machine, density: float | Mapping[str, float] | None) -> Encoded:
    file = importing.read(path)
    if isinstance(density, Mapping):
        names = [layer.name for layer in file.layers]
        unknown = [name for name in density if name not in names and name != "*"]
        if unknown:
            raise ValueError(f"a density is given for {', '.join(unknown)}; the layers are {', '.join(names)}")

    def layers() -> Iterator[EncodedLayer]:
        for layer in file.layers:
            asked = importing.density_for(layer.name, density)
            compressed, was_pruned = importing.compress(layer, asked, machine.weight_bits)
            bias = layer.bias() if layer.bias is not None else None
            note = _noted(layer.note, was_pruned, asked)
            yield EncodedLayer(layer.name, layer.kind, encode(compressed, machine), bias, layer.vectors, note)

    return Encoded(path.name, layers(), len(file.layers), machine, {})


def _noted(note: str, was_pruned: bool, asked: float | None) -> str:
    how = "" if was_pruned else "dense: --density prunes it" if asked is None else "pruned here, not trained again"
    return "; ".join(filter(None, [how, note]))


def _as_they_are(name: str, layers: Sequence[EncodedLayer], machine: Machine | None) -> Encoded:
    chip = machine or machine_of(layers[0].mem)
    for layer in layers:
        try:
            encoded_for(layer.mem, chip)
        except ValueError as error:
            raise ValueError(f"{name}, {layer.name}: {error}; encode the network again for this machine") from None
    return Encoded(name, iter(layers), len(layers), chip, {})


def machine_of(mem: InterleavedCSC) -> Machine:
    """The paper's machine with the PEs and bits that a layer was encoded for."""
    width = EIE_45NM.entries_per_row * (mem.weight_bits + mem.index_bits)
    return replace(
        EIE_45NM,
        n_pe=mem.n_pe,
        weight_bits=mem.weight_bits,
        index_bits=mem.index_bits,
        spmat_width_bits=width,
    )


@dataclass(frozen=True, eq=False, slots=True)
class _Part:
    """One matrix of a node of a `Network`."""

    name: str
    kind: str
    layer: CompressedLayer
    bias: NDArray[np.float32] | None
    vectors: int


def _parts_of(network: Any) -> list[_Part]:
    """The matrices of a `Network`, which is known here by what it offers: this module is no user of that one."""
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


def _encoded_part(part: _Part, machine: Machine) -> EncodedLayer:
    return EncodedLayer(part.name, part.kind, encode(part.layer, machine), part.bias, part.vectors)
