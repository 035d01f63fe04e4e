"""Activations of the layers of a network: given ones, or random ones of a density, for whole inferences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import floor
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from eie import _check
from eie.cycles import checked_activations
from eie.formats.container import EncodedLayer

BLOCK_NUMBERS = 2**24
"""Activations that are drawn at one time, to bound the memory."""


class Inputs:
    """Activations of layers: given or random ones.

    Parameters
    ----------
    activations : array or mapping of str to array
        As for `eie.networks.evaluate.evaluate`.
    act_density : float, optional
        Fraction of the drawn inputs that are not 0, 0..1.
    seed : int
        Random seed.
    signed : bool
        Allow negative values.
    own : str
        Name of the benchmark that the activations come with; empty if the caller gave them.
    """

    def __init__(self, activations: Any, act_density: float | None, seed: int, signed: bool, own: str = "") -> None:
        self.given = activations if isinstance(activations, Mapping) else {"": np.asarray(activations)}
        self.act_density = None if act_density is None else _check.fraction("act_density", act_density)
        self.seed = _check.seed(seed)
        self.signed = signed
        self.own = own
        self._used: set[str] = set()
        self._drew = False

    def blocks(self, layer: EncodedLayer) -> Iterator[NDArray[Any]]:
        """Yield the vectors of one layer in blocks of shape `(n_vectors, n_in)`."""
        key = self._key(layer)
        if key is not None:
            self._used.add(key)
            yield self._rows(layer, key)
        elif self.act_density is None:
            raise ValueError(
                f"{layer.name} has no activations: give {layer.mem.n_in} per vector by its name, or give the density "
                "of its inputs (act_density; --act-density on the command line)"
            )
        else:
            self._drew = True
            yield from self._drawn(layer.name, layer.mem.n_in, layer.vectors)

    def inferences(self, layer: EncodedLayer) -> tuple[float, bool]:
        """Return the number of inferences in a layer's vectors, and whether the products per inference are known.

        Each row is a product, so rows are divided by the products per inference. Three axes say it themselves: they are
        inferences, products and inputs.
        """
        key = self._key(layer)
        shape = () if key is None else np.shape(self.given[key])
        if key is None:
            return 1, layer.counted
        if len(shape) < 3:
            return (shape[0] if len(shape) == 2 else 1) / layer.vectors, layer.counted
        if layer.counted and shape[1] != layer.vectors:
            raise ValueError(
                f"{layer.name}: takes {layer.vectors} products per inference, the activations have {shape[1]}"
            )
        return shape[0], True

    def check_fit(self, sizes: Mapping[str, int]) -> None:
        """Raise a `ValueError` if some activations fit none of the layers, given as inputs by name."""
        listed = ", ".join(f"{name} with {n_in} inputs" for name, n_in in sizes.items())
        for name, array in self.given.items():
            shape = np.shape(array)
            if (name and name not in sizes) or (not name and shape and shape[-1] not in sizes.values()):
                turned = [layer for layer, n_in in sizes.items() if not name and len(shape) == 2 and shape[0] == n_in]
                remedy = f"; transposed, {shape[::-1]}, they would fit {turned[0]}" if turned else ""
                of = f" for {name}" if name else ""
                raise ValueError(f"activations{of} of shape {shape} do not fit any layer; there are {listed}{remedy}")

    def check_all_used(self) -> None:
        """Raise a `ValueError` if a density was given and nothing was drawn."""
        if self.act_density is not None and not self._drew:
            why = f"{self.own} has inputs of its own" if self.own else "every layer has activations"
            raise ValueError(f"act_density is not used: {why}; leave it out (--act-density on the command line)")

    def described(self) -> str:
        """Describe the origin of the activations in words."""
        if self.act_density is None:
            return "given"
        drawn = f"drawn at random, {100 * self.act_density:g} % not 0, seed {self.seed}"
        return f"some given, the others {drawn}" if self._used else drawn

    def _key(self, layer: EncodedLayer) -> str | None:
        """Return the name under which the activations of a layer are given; None if they are to be drawn."""
        if layer.name in self.given:
            return layer.name
        return "" if "" in self.given and np.shape(self.given[""])[-1:] == (layer.mem.n_in,) else None

    def _rows(self, layer: EncodedLayer, key: str) -> NDArray[Any]:
        array, n_in = np.asarray(self.given[key]), layer.mem.n_in
        if array.ndim == 3 and array.shape[2] == n_in:
            array = array.reshape(-1, n_in)
        try:
            return np.atleast_2d(checked_activations(array, n_in, self.signed, several=True))
        except ValueError as error:
            option = " (--signed on the command line)" * ("signed=True" in str(error))
            is_turned = array.ndim == 2 and len(array) == n_in
            turned = f"; transposed, they would have the shape {array.T.shape}" * is_turned
            raise ValueError(f"{layer.name}: {error}{option}{turned}") from None

    def _drawn(self, name: str, n_in: int, n_vectors: int) -> Iterator[NDArray[np.uint8]]:
        """Draw ones at random places: the values of the non-zero inputs do not change the time.

        Vectors have the next whole number of ones below or above the density, so that it holds on average.
        """
        assert self.act_density is not None
        rng = np.random.default_rng([self.seed, crc32(name.encode())])
        wanted, each = self.act_density * n_in, max(1, BLOCK_NUMBERS // n_in)
        for start in range(0, n_vectors, each):
            n = min(each, n_vectors - start)
            ones = floor(wanted) + (rng.random(n) < wanted - floor(wanted))
            pattern = (np.arange(n_in) < ones[:, np.newaxis]).astype(np.uint8)
            yield rng.permuted(pattern, axis=1)
