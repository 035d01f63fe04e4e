"""What all layouts of a layer have in common, whatever kernel multiplies with them."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from eie import _check
from eie.interleaved import InterleavedCSC, encode
from eie.layer import CompressedLayer
from eie.machine import Machine

MAX_THREADS = 256
NIBBLE = 4
"""Bits of a code, and of a relative index: two in a byte."""
TOGETHER = 16
"""From so many inputs on, an entry is read once for all of them; fewer are multiplied one by one."""


def checked_threads(threads: int) -> int:
    """Return the number of threads.

    Raises
    ------
    ValueError
        When there are fewer than one or more than 256.
    """
    return _check.integer("threads", threads, 1, MAX_THREADS)


def encoded(layer: CompressedLayer, threads: int) -> InterleavedCSC:
    """Encode a layer for so many threads, one PE each; codes must have 4 bits."""
    return encode(layer, Machine(n_pe=threads, weight_bits=NIBBLE, index_bits=NIBBLE))


@dataclass(frozen=True, eq=False, slots=True)
class Packed:
    """A layer as a kernel reads it.

    Attributes
    ----------
    n_out, n_in : int
        Outputs and inputs.
    has_bias : bool
        Whether the last column is the bias.
    """

    n_out: int
    n_in: int
    has_bias: bool

    def checked(self, inputs: Any) -> NDArray[Any]:
        """Return inputs of shape `(n_in,)` or `(batch, n_in)` as an array.

        Raises
        ------
        ValueError
            When they have another shape.
        """
        given = np.asarray(inputs)
        if given.ndim not in (1, 2) or given.shape[-1] != self.n_in:
            raise ValueError(f"inputs must have shape ({self.n_in},) or (batch, {self.n_in}), got {given.shape}")
        return given


@dataclass(frozen=True, eq=False, slots=True)
class FloatLayer(Packed):
    """A layer of entries by columns, multiplied in single precision.

    Attributes
    ----------
    entries : array of shape `(n_entries,)`
        Code and place of each weight; one thread's or block's entries after the other's.
    start : int64 array
        Where the entries of a column begin.
    """

    entries: NDArray[Any]
    start: NDArray[np.int64]

    @property
    def n_bytes(self) -> int:
        """Size of entries and pointers."""
        return self.entries.nbytes + self.start.nbytes

    def copy(self) -> Self:
        """A copy elsewhere in memory."""
        return replace(self, entries=self.entries.copy(), start=self.start.copy())

    def multiply(self, inputs: Any) -> NDArray[np.float32]:
        """Multiply with one or more inputs, on all threads; every layout gives the same sums, bit by bit.

        Parameters
        ----------
        inputs : array of shape `(n_in,)` or `(batch, n_in)`
            Taken as float32.

        Returns
        -------
        float32 array of shape `(n_out,)` or `(batch, n_out)`

        Raises
        ------
        ValueError
            When an input has another length.
        """
        given = self.checked(inputs).astype(np.float32, copy=False)
        batch = np.atleast_2d(given)
        if self.has_bias:
            batch = np.append(batch, np.ones((len(batch), 1), np.float32), axis=1)
        if given.ndim == 1:
            return self._single(batch[0])
        if len(batch) >= TOGETHER:
            return self._together(batch)
        return np.array([self._single(x) for x in batch], np.float32).reshape(len(batch), self.n_out)

    @abstractmethod
    def _single(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Multiply with one input, and that of the bias."""

    @abstractmethod
    def _together(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Multiply with all inputs at once."""
