"""The nine layers of Table III and your own layers, drawn at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from eie import _check, published
from eie._display import Shown
from eie._files import read_toml
from eie.explore.spread import MEDIAN, Spread, typical_spread
from eie.explore.synthetic import draw_activations, draw_layer
from eie.layer import MAX_SIZE, CompressedLayer


@dataclass(frozen=True, slots=True)
class Benchmark(Shown):
    """A layer to draw: one of Table III, or your own.

    Its densities are the fractions of the weights kept and of the inputs that are not 0, 0..1; `model` is the network
    that the layer comes from.
    """

    name: str
    n_in: int
    n_out: int
    weight_density: float
    act_density: float
    model: str = "own"

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "n_in", _check.integer(f"inputs of {self.name}", self.n_in, 1, MAX_SIZE))
        set_(self, "n_out", _check.integer(f"outputs of {self.name}", self.n_out, 1, MAX_SIZE))
        set_(self, "weight_density", _check.fraction(f"weight density of {self.name}", self.weight_density))
        set_(self, "act_density", _check.fraction(f"activation density of {self.name}", self.act_density))

    @classmethod
    def named(cls, name: str, own_layers: Mapping[str, Sequence[float]] | None = None) -> Benchmark:
        """Find a layer by its name: one of `own_layers`, as for `select`, or else one of Table III.

        Raises
        ------
        ValueError
            When there is no such layer (the message lists Table III's), or its four numbers are not given.
        """
        own = _mapped(own_layers)
        (found,) = select([], {name: own[name]}) if name in own else select([name])
        return found

    @property
    def expected_entries(self) -> float:
        """Expected number of weights kept, the mean over draws."""
        return self.n_in * self.n_out * self.weight_density

    @property
    def expected_macs(self) -> float:
        """Expected number of multiplications with a weight and an input that are both not 0."""
        return self.expected_entries * self.act_density

    def spread(self, percentile: float = MEDIAN) -> Spread:
        """Return the typical spread of layers of this density and shape, see `eie.typical_spread`."""
        return typical_spread(self.weight_density, percentile, shape=self.n_out / self.n_in)

    def draw(
        self, seed: int = 0, draw: int = 0, spread: Spread | float | None = None
    ) -> tuple[CompressedLayer, NDArray[np.float32]]:
        """Draw the layer and an input for it.

        Parameters
        ----------
        seed, draw : int
            Random seed, and number of the draw. Together with the layer's name, they determine the random numbers.
        spread : Spread or float, optional
            Unevenness, or a percentile of `eie.typical_spread`, 10..90; the median, 50, if left out.
        """
        _check.seed(seed)
        for_layer, for_activations = np.random.SeedSequence([seed, draw, crc32(self.name.encode())]).spawn(2)
        layer = draw_layer(self.n_out, self.n_in, self.weight_density, for_layer, spread)
        return layer, draw_activations(self.n_in, self.act_density, for_activations)


@cache
def nine_layers() -> tuple[Benchmark, ...]:
    """Return the nine layers of Table III, in its order, at the densities it prints."""
    return tuple(
        Benchmark(row.layer, row.n_in, row.n_out, row.weight_density_pct / 100, row.act_density_pct / 100, row.model)
        for row in published.load("table3").itertuples()
    )


def select(names: Sequence[str] | None = None, own_layers: Mapping[str, Any] | None = None) -> list[Benchmark]:
    """Return some of the nine layers, and layers of your own.

    Parameters
    ----------
    names : sequence of str, optional
        Names from Table III, or of `own_layers`; all nine if left out. A single name stands for a list of one.
    own_layers : mapping of str to mapping or sequence, optional
        Further layers by name, each `{"inputs": 2048, "outputs": 1024, "weights": 0.1, "activations": 0.4}` or a list
        of these four in that order. The last two are densities: fractions of the weights kept and of the inputs
        that are not 0.

    Returns
    -------
    list of Benchmark
        The layers, in the order of the names.

    Raises
    ------
    ValueError
        When a name is not one of Table III's (the message lists them), a layer of your own does not have these four
        numbers, or a name is given twice.
    """
    known = {benchmark.name: benchmark for benchmark in nine_layers()}
    own = {name: _own(name, given) for name, given in _mapped(own_layers).items()}
    chosen = list(known) if names is None else _listed(names)
    for name in chosen:
        if name not in known | own:
            raise ValueError(f"unknown layer {name!r}; Table III has {', '.join(known)}")
    everything = [known.get(name) or own[name] for name in chosen]
    everything += [layer for name, layer in own.items() if name not in chosen or name in known]
    if not everything:
        raise ValueError("layers must name at least one layer, got none")
    if len({benchmark.name for benchmark in everything}) < len(everything):
        raise ValueError(f"every layer must have a name of its own, got {[b.name for b in everything]}")
    return everything


def columns_together() -> dict[str, int]:
    """Columns that belong together in some of the nine layers, by the networks' architecture (`data/blocks.toml`)."""
    return {name: block["columns"] for name, block in read_toml("blocks.toml").items()}


def _listed(names: Any) -> list[str]:
    names = _check.literal(names)
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"layers must be a list of names, got {names!r}")
    return list(names)


def _mapped(own_layers: Any) -> Mapping[str, Any]:
    own_layers = {} if own_layers is None else _check.literal(own_layers)
    if not isinstance(own_layers, Mapping) or not all(isinstance(name, str) for name in own_layers):
        raise ValueError(f"own_layers must be a mapping from names to layers, got {own_layers!r}")
    return own_layers


_OWN = ("inputs", "outputs", "weights", "activations")


def _own(name: str, given: Any) -> Benchmark:
    values = [given.get(key) for key in _OWN] if isinstance(given, Mapping) and set(given) == set(_OWN) else given
    if not isinstance(values, (list, tuple)) or len(values) != len(_OWN):
        raise ValueError(
            f"each of own_layers must give {', '.join(_OWN)} by name or in a list, got {given!r} for {name!r}"
        )
    return Benchmark(name, *values)
