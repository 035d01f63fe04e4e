"""Code that the modules of this folder share: seeds of independent draws, and results read off a measured table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from numpy.random import SeedSequence

from eie import _check


def draws(n: int, seed: int = 0) -> Iterator[tuple[int, SeedSequence, SeedSequence]]:
    """Number independent draws, each with a seed for its layer and one for its inputs.

    Raises
    ------
    ValueError
        When there are not 2..100 draws: one has no spread.
    """
    for draw in range(_check.integer("draws", n, 2, 100)):
        yield draw, SeedSequence([seed, draw]), SeedSequence([seed, draw, 1])


@dataclass(frozen=True, eq=False)
class Measured:
    """Result that is read off one measured table."""

    rows: pd.DataFrame
    """As `measure` of the module returns it."""
