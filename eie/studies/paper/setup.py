"""Parameters that most exhibits share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import cache, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import pandas as pd

from eie.explore.benchmarks import Benchmark, select
from eie.explore.spread import Spread
from eie.explore.sweep import sweep
from eie.machine import Machine

BAND = (10, 90)
"""Percentiles of the spread of real pruned layers: the ends of the band that simulated results are shown with."""

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Setup:
    """Layers and chip that an exhibit is computed for.

    Attributes
    ----------
    layers : sequence of str, optional
        Names from Table III; all nine if left out.
    n_pe : int
        Processing elements, 1..65536.
    fifo_depth : int
        Queue depth, 2..1048576. A queue of depth D holds D - 1 activations.
    seed : int
        Random seed, 0 or more; equal seeds give equal layers and inputs.
    draws : int
        Draws of each layer to average over, 1..1000.
    own_layers : mapping of str to mapping or sequence, optional
        Layers of your own beside those of `layers`, as `eie.explore.benchmarks.select` takes them.
    """

    layers: Sequence[str] | None = None
    n_pe: int = 64
    fifo_depth: int = 8
    seed: int = 0
    draws: int = 5
    own_layers: Mapping[str, Any] | None = None

    @property
    def benchmarks(self) -> list[Benchmark]:
        """The layers."""
        return select(self.layers, self.own_layers)

    def machine(self, **changes: Any) -> Machine:
        """Return the chip, with further parameters of `Machine`."""
        return replace(Machine(n_pe=self.n_pe, fifo_depth=self.fifo_depth), **changes)

    def sweep(self, machines: Sequence[Machine], spread: Spread | float | None = None) -> pd.DataFrame:
        """Run all draws of all layers on each machine, see `eie.explore.sweep.sweep`."""
        return sweep(self.benchmarks, machines, seed=self.seed, draws=self.draws, spread=spread)

    def ends(self, machines: Sequence[Machine]) -> list[pd.DataFrame]:
        """Run one draw of all layers with the spread of each percentile of `BAND`."""
        return [replace(self, draws=1).sweep(machines, percentile) for percentile in BAND]


def exhibit(*shared: str, **defaults: Any) -> Callable[[Callable[Concatenate[Setup, P], T]], Callable[..., T]]:
    """Decorate a function that makes an exhibit from a `Setup` and parameters of its own.

    It is then called with fields of the setup and its own parameters side by side: `layers`, its own, and the other
    fields in the order of `Setup`.

    Parameters
    ----------
    *shared : str
        Fields of the setup that the exhibit takes.
    **defaults
        Fields that it takes with another default than `Setup` has.
    """
    taken = {field.name: defaults.get(field.name, field.default) for field in fields(Setup)}
    taken = {name: default for name, default in taken.items() if name in {*shared, *defaults}}
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    common = [inspect.Parameter(name, kind, default=default) for name, default in taken.items()]
    n_first = int("layers" in taken)

    def decorate(make: Callable[Concatenate[Setup, P], T]) -> Callable[..., T]:
        own = list(inspect.signature(make).parameters.values())[1:]
        signature = inspect.Signature([*common[:n_first], *own, *common[n_first:]])

        @wraps(make)
        def made(*args: Any, **kwargs: Any) -> T:
            given = signature.bind(*args, **kwargs)
            given.apply_defaults()
            setup = Setup(**{name: given.arguments.pop(name) for name in taken})
            return make(setup, **given.arguments)  # type: ignore[call-arg]

        made.__dict__["__signature__"] = signature
        made.__doc__ = f"{inspect.getdoc(make)}\n\nFields of `Setup` that it also takes: {', '.join(taken)}."
        return made

    return decorate


_others: dict[str, Any] = {}


@contextmanager
def other_usual(**parameters: Any) -> Iterator[None]:
    """Compute exhibits for findings with these parameters where they have them, such as another seed."""
    _others.update(parameters)
    try:
        yield
    finally:
        _others.clear()


def usual(make: Callable[..., T], **parameters: Any) -> T:
    """Compute an exhibit for findings, once in a process: with its usual parameters, except for those given."""
    has = inspect.signature(make).parameters
    return _usual(make, **({name: value for name, value in _others.items() if name in has} | parameters))


@cache
def _usual(make: Callable[..., T], **parameters: Any) -> T:
    return make(**parameters)
