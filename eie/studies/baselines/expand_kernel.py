"""A pruned, weight-shared layer as bitmaps and packed codes, in 8-bit or in EIE's saturating 16-bit arithmetic.

The layout and its instructions are those of `eie._sums`; where the processor has no such
instructions, plain loops give the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from eie._sums import add
from eie._sums.bitmap import SUM_BITS, Bitmaps, aligned, can_expand
from eie._sums.bits import lay_out
from eie.fixedpoint import LayerFormats
from eie.layer import CompressedLayer
from eie.studies.baselines import dot_kernel as dot
from eie.studies.baselines import plain_expand as plain
from eie.studies.baselines.kernels import TINY
from eie.studies.baselines.packed import Packed, checked_threads, encoded

TIMES_BY_ONE, TIMES_TO_EXPAND = 3.5, 5.8
"""Costs of a column: to multiply it with one input alone, and to expand it for a batch.

The unit is the time that an expanded column takes for each input of a batch. Both were measured on a Zen 5. Only one by
one, the columns of zero inputs are skipped.
"""
WEIGHT_LEVELS, INPUT_LEVELS = 127, 255
"""Largest weight and largest input in 8 bits."""


@dataclass(frozen=True, eq=False, slots=True)
class ExpandLayer(Packed):
    """A layer whose kept weights are marked in bitmaps. Made by `pack`.

    Attributes
    ----------
    n_out, n_in, has_bias
        As in `Packed`.
    bitmaps : Bitmaps
        Masks, codes, and where columns begin.
    codebook : float32 array of shape `(16,)`
        The shared weights.
    table : uint8 array of shape `(16,)`
        The shared weights in 8 bits, as bytes.
    scale : float
        What a step of them is worth.
    """

    bitmaps: Bitmaps
    codebook: NDArray[np.float32]
    table: NDArray[np.uint8]
    scale: float

    @classmethod
    def pack(cls, layer: CompressedLayer, threads: int = 1) -> Self:
        """Lay out a layer for so many threads.

        Raises
        ------
        ValueError
            When there are fewer than one or more than 256 threads, or codes have other than 4 bits.
        """
        threads, mem = checked_threads(threads), encoded(layer, 1)
        bitmaps = lay_out(*mem.by_column(), layer.n_out, threads)
        scale = max(float(np.abs(mem.codebook).max()), TINY) / WEIGHT_LEVELS
        table = np.rint(mem.codebook / np.float32(scale)).astype(np.int8).view(np.uint8)
        return cls(layer.n_out, layer.n_in, mem.has_bias, bitmaps, mem.codebook, table, scale)

    @property
    def n_bytes(self) -> int:
        """Size of bitmaps, codes and pointers."""
        return self.bitmaps.n_bytes

    def copy(self) -> ExpandLayer:
        """A copy elsewhere in memory."""
        return replace(self, bitmaps=self.bitmaps.copy())

    def multiply(self, inputs: Any) -> NDArray[np.float32]:
        """Multiply 8-bit weights and inputs, summed in 32 bits; one scale for all weights, and one for all inputs.

        Parameters
        ----------
        inputs : array of shape `(n_in,)` or `(batch, n_in)`
            Taken as float32, 0 or more; rounded to 255 steps.

        Returns
        -------
        float32 array of shape `(n_out,)` or `(batch, n_out)`

        Raises
        ------
        ValueError
            When an input has another length, is negative or is not finite.
        """
        given = self.checked(inputs).astype(np.float32, copy=False)
        low, high = (float(given.min()), float(given.max())) if given.size else (0.0, 0.0)
        if not 0 <= low <= high < np.inf:
            raise ValueError(f"inputs must be finite and 0 or more, as after a ReLU, got {high if low >= 0 else low}")
        step = max(high, float(self.has_bias), TINY) / INPUT_LEVELS
        batch = np.atleast_2d(given)
        levels = np.empty((len(batch), self._empty + 1), np.uint8)
        dot.in_8_bits(batch, np.float32(1 / step), round(1 / step) if self.has_bias else 0, levels)
        products = self._products(levels, np.float32(self.scale * step))
        return products.reshape(*given.shape[:-1], self.n_out)

    def saturating(self, inputs: Any, formats: LayerFormats) -> NDArray[np.int16]:
        """Compute EIE's sums in 16 bits, each addition clipped, as `eie.infer` does without ReLU.

        Parameters
        ----------
        inputs : integer array of shape `(n_in,)` or `(batch, n_in)`
            In the format of activations.
        formats : LayerFormats
            Fixed-point formats; the accumulator's has 16 bits.

        Raises
        ------
        ValueError
            When an input has another length, the accumulator another width, or a term does not fit 16 bits.
        """
        given = self.checked(inputs)
        if formats.output.bits != SUM_BITS:
            raise ValueError(f"the accumulator must have {SUM_BITS} bits, got {formats.output}")
        columns = np.atleast_2d(given).astype(np.int64, copy=False)
        if self.has_bias:
            one, _ = formats.activation.quantize(np.ones(len(columns)))
            columns = np.column_stack([columns, one])
        weights = formats.weight.quantize(self.codebook)[0]
        return self._saturated(weights, columns, formats).reshape(*given.shape[:-1], self.n_out)

    @property
    def _empty(self) -> int:
        """Number of the empty column."""
        return self.n_in + self.has_bias

    def _products(self, levels: NDArray[np.uint8], worth: np.float32) -> NDArray[np.float32]:
        """Multiply inputs of 8 bits, those of the empty column last, in the way that takes the least time."""
        if not dot.can_dot():
            return self._plain_products(levels[:, :-1], worth)
        out = np.empty((len(levels), self.n_out), np.float32)
        active = np.flatnonzero(levels.any(axis=0)) if len(levels) > 1 else np.empty(0, np.int64)
        one_by_one = TIMES_BY_ONE * np.count_nonzero(levels) if len(levels) > 1 else 0
        if one_by_one <= len(active) * (TIMES_TO_EXPAND + len(levels)):
            for x, products in zip(levels, out, strict=True):
                self._on_threads(dot.multiply, dot.multiply_on_threads, x[:-1], worth, products)
        else:
            active = np.append(active, np.full(-len(active) % dot.FOUR, self._empty))
            x = np.ascontiguousarray(levels[:, active])
            self._on_threads(dot.multiply_batch, dot.multiply_batch_on_threads, x, active, worth, out)
        return out

    def _on_threads(self, on_one: Any, on_several: Any, *arguments: Any) -> None:
        """Call the kernel for one part, or the one for several, each on a thread of its own."""
        maps = self.bitmaps
        if maps.parts == 1:
            on_one(*maps.part(0), self.table, *arguments)
        else:
            on_several(*maps, self.table, *arguments)

    def _plain_products(self, levels: NDArray[np.uint8], worth: np.float32) -> NDArray[np.float32]:
        """Multiply on any processor."""
        maps = self.bitmaps
        sums = np.zeros((len(levels), maps.parts, maps.height), np.int32)
        for x, own in zip(levels, sums, strict=True):
            for part in range(maps.parts):
                plain.multiply(*maps.part(part), self.table, x, own[part])
        return sums.reshape(len(levels), maps.parts * maps.height)[:, : self.n_out].astype(np.float32) * worth

    def _saturated(self, weights: NDArray[np.int64], x: NDArray[np.int64], formats: LayerFormats) -> NDArray[np.int16]:
        maps, height = self.bitmaps, self.bitmaps.height
        out, room = np.empty((len(x), maps.parts * height), np.int16), aligned((height,), np.int16)
        begin = np.zeros(height, np.int16)
        kernel = add.add if can_expand() else plain.add
        shifts = max(-formats.places, 0), max(formats.places, 0)
        for part in range(maps.parts):
            rows = out[:, part * height : (part + 1) * height]
            if not kernel(*maps.part(part), weights, x, *shifts, begin, room, rows)[0]:
                raise ValueError(f"a weight times an input must fit 16 bits in {formats.output}")
        return out[:, : self.n_out]
