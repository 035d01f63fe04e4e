"""Fixed-point numbers as the arithmetic unit holds them (ISCA 2016, sections III-B and IV)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie import _check
from eie._display import Shown

MAX_BITS = 32
"""Widest format: a product of two must fit 64 bits."""

FINEST = 48
"""Most bits after the binary point that are chosen by themselves: finer steps would shift a product too far."""


@dataclass(frozen=True, slots=True)
class FixedPoint(Shown):
    """A signed fixed-point format: a whole number of steps of 2**-frac, in two's complement.

    Attributes
    ----------
    bits : int
        Width in bits, 2..32. Paper: 16 (section VI-C).
    frac : int
        Bits after the binary point, -64..64; may exceed `bits` for small numbers.

    Raises
    ------
    ValueError
        When `bits` or `frac` is out of its range.
    """

    bits: int = 16
    frac: int = 8

    def __post_init__(self) -> None:
        _check.integer("bits", self.bits, 2, MAX_BITS)
        _check.integer("frac", self.frac, -64, 64)

    @classmethod
    def covering(cls, limit: float, bits: int = 16) -> FixedPoint:
        """Return the finest format of `bits` bits that holds every number from `-limit` to `limit`."""
        limit = _check.real("limit", limit)
        if not 0 <= limit < math.inf:
            raise ValueError(f"limit must be finite and 0 or more, got {limit!r}")
        if limit == 0:
            return cls(bits, bits - 1)
        frac = min(bits - 1 - math.frexp(limit)[1], FINEST)
        if frac < -64:
            raise ValueError(f"limit must be below 2**{63 + bits} for {bits} bits, got {limit!r}")
        # Rounding may carry the limit past the largest number: 0.99999 in 8 bits is 1.0, which needs a bit more.
        return cls(bits, frac - (math.floor(limit * 2.0**frac + 0.5) > (1 << (bits - 1)) - 1))

    @property
    def low(self) -> int:
        """The smallest raw number."""
        return -(1 << (self.bits - 1))

    @property
    def high(self) -> int:
        """The largest raw number."""
        return (1 << (self.bits - 1)) - 1

    def quantize(self, values: Any) -> tuple[NDArray[np.int64], int]:
        """Round real numbers to the nearest step, halves up.

        Parameters
        ----------
        values : array of real numbers

        Returns
        -------
        raw : int64 array of the same shape
            Whole numbers of steps, clipped to the format's range.
        saturations : int
            Number of values that were clipped.

        Raises
        ------
        ValueError
            When a value is not finite.
        """
        array = np.asarray(values, dtype=np.float64)
        if not np.isfinite(array).all():
            raise ValueError(f"values must be finite, got {array[~np.isfinite(array)].flat[0]}")
        steps = np.floor(np.ldexp(array, self.frac) + 0.5)
        clipped = np.clip(steps, self.low, self.high)
        return clipped.astype(np.int64), int(np.count_nonzero(clipped != steps))

    def real(self, raw: Any) -> NDArray[np.float64]:
        """Return the real numbers that raw numbers stand for."""
        return np.ldexp(np.asarray(raw, dtype=np.float64), -self.frac)


def shift(product: int, places: int) -> int:
    """Shift a product right by `places` bits, rounding halves up; left when `places` is negative."""
    if places <= 0:
        return product << -places
    return (product + (1 << (places - 1))) >> places


def saturate(value: int, fmt: FixedPoint) -> tuple[int, bool]:
    """Clip `value` to the format's range, and tell whether that changed it."""
    clipped = min(max(value, fmt.low), fmt.high)
    return clipped, clipped != value


@dataclass(frozen=True, slots=True)
class LayerFormats(Shown):
    """The three formats of one layer's arithmetic.

    Attributes
    ----------
    weight : FixedPoint
        Format of the decoded weights.
    activation : FixedPoint
        Format of the inputs, which must hold the 1.0 of the bias.
    output : FixedPoint
        Format of the accumulators and the outputs.

    Raises
    ------
    ValueError
        When a product, shifted to the accumulator's binary point, would not fit 64 bits.
    """

    weight: FixedPoint
    activation: FixedPoint
    output: FixedPoint

    def __post_init__(self) -> None:
        room = 64 - self.weight.bits - self.activation.bits
        if not -room <= self.places <= 62:
            raise ValueError(f"the shift of a product must be in {-room}..62 places, got {self.places} for {self}")

    @property
    def places(self) -> int:
        """Bits by which a product is shifted right before it is added."""
        return self.weight.frac + self.activation.frac - self.output.frac
