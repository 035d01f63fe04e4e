"""The values that the machine computes, bit by bit.

A 4-bit code is decoded to a 16-bit fixed-point weight, multiplied by a 16-bit activation, shifted (rounding halves up)
to the accumulator's binary point and added with saturation; ReLU is applied when the outputs are written
(ISCA 2016, section IV). Which PE a row lives on does not change its value: its products arrive in column order anyway.
So one vector is done column by column, as the machine does, skipping activations of 0, and many vectors row by row,
each weight read once for a block of them: the additions of every sum, and their order, are the same. A large layer
that is used often is turned into bitmaps where the processor can expand them (`eie._sums`), for the same sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie import _check
from eie._blocks import map_blocks
from eie._display import Shown
from eie._sums import plain
from eie._sums.bitmap import CODES, SUM_BITS
from eie.cycles import checked_activations, encoded_for
from eie.fixedpoint import FixedPoint, LayerFormats
from eie.interleaved import InterleavedCSC
from eie.layer import CompressedLayer
from eie.machine import EIE_45NM, Machine

_EXACT_BITS = 62
_FEW = 8
"""Vectors: fewer are not worth sorting the entries by rows."""
_BLOCK_NUMBERS = 1 << 20
"""Inputs of a block of vectors, about: few enough to stay in a processor's cache."""
_BLOCK_VECTORS = 64, 256
"""Vectors of a block, least and most: enough to fill the processor's vector units for each weight."""


@dataclass(frozen=True, eq=False, slots=True)
class Inference(Shown):
    """The outputs of one layer, for one vector or several.

    Acts as a NumPy array of real numbers: `np.asarray(y)`, `y[i]`, `len(y)`.

    Attributes
    ----------
    raw : int64 array of shape `(n_out,)` or `(n_vectors, n_out)`
        Content of the output registers.
    formats : LayerFormats
        Formats of the raw numbers.
    saturations : int
        Number of additions whose sum exceeded the accumulator's range.
    input_saturations : int
        Number of activations that did not fit their format.
    """

    raw: NDArray[np.int64]
    formats: LayerFormats
    saturations: int
    input_saturations: int

    @property
    def values(self) -> NDArray[np.float64]:
        """The outputs as real numbers, in the shape of `raw`."""
        return self.formats.output.real(self.raw)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("outputs are worked out from raw numbers, which needs a copy")
        return np.asarray(self.values, dtype=dtype)

    def __len__(self) -> int:
        return len(self.raw)

    def __repr__(self) -> str:
        return f"Inference(outputs of shape {self.raw.shape}, {self.saturations} saturations)"

    def __getitem__(self, index: Any) -> Any:
        return self.values[index]


def infer(
    mem: InterleavedCSC | CompressedLayer,
    activations: Any,
    machine: Machine = EIE_45NM,
    *,
    formats: LayerFormats | None = None,
    bias: Any = None,
    relu: bool = True,
    signed: bool = False,
) -> Inference:
    """Compute the outputs of one layer as the hardware does, bit by bit.

    Parameters
    ----------
    mem : InterleavedCSC or CompressedLayer
        The layer; if not yet encoded, it is encoded for `machine`.
    activations : array of shape `(n_in,)` or `(n_vectors, n_in)`
        Inputs, 0 or more unless `signed`.
    machine : Machine
        The chip.
    formats : LayerFormats, optional
        Fixed-point formats; `calibrate(mem, activations)` if left out.
    bias : float array of shape `(n_out,)`, optional
        Start values of the accumulators, rounded to their format. The paper does not say how a bias is stored. The
        biases of real networks are not among the shared weights, so they are not stored as codes; those of the authors'
        simulator are (`CompressedLayer.bias_codes`).
    relu : bool
        Write negative sums as 0.
    signed : bool
        Allow negative activations, for inputs that no ReLU precedes.

    Returns
    -------
    Inference
        Outputs as raw numbers and as real numbers, and the number of saturations.

    Raises
    ------
    ValueError
        As `simulate` does; also when the bias is of the wrong length or not finite, and when the 1.0 that drives a bias
        column does not fit the activation format.
    """
    mem = encoded_for(mem, machine)
    formats = formats or calibrate(mem, activations, machine, bias=bias, signed=signed)
    _check.kind("formats", formats, LayerFormats)
    values = checked_activations(activations, mem.n_in, signed, several=True)
    inputs, clipped = formats.activation.quantize(np.atleast_2d(values))
    raw, saturations = multiply(mem, inputs, formats, bias)
    raw = raw.reshape(*values.shape[:-1], mem.n_out)
    return Inference(np.maximum(raw, 0) if relu else raw, formats, saturations, clipped)


def multiply(
    mem: InterleavedCSC, inputs: NDArray[Any], formats: LayerFormats, bias: Any = None
) -> tuple[NDArray[np.int64], int]:
    """Compute raw sums of raw inputs, of shape `(n_vectors, n_in)`, and how many biases and additions saturated.

    This is the part of `infer` between the rounding of inputs and ReLU, for inputs in the activation format already.

    Raises
    ------
    ValueError
        As `infer` does, of the bias.
    """
    start, clipped = formats.output.quantize(_checked_bias(bias, mem.n_out))
    inputs = _with_one(mem, inputs, formats.activation)
    (raw, beyond), saturations = _expanded_sums(mem, inputs, formats, start), 0
    if raw is None and not beyond:
        raw = _free_sums(mem, inputs, formats, start)
    if raw is None:
        raw, saturations, _ = _sums(mem, inputs, formats, start, (formats.output.low, formats.output.high))
    return raw, saturations + clipped * len(inputs)


def calibrate(
    mem: InterleavedCSC | CompressedLayer,
    activations: Any,
    machine: Machine = EIE_45NM,
    *,
    bits: int = 16,
    bias: Any = None,
    signed: bool = False,
) -> LayerFormats:
    """Find the finest formats of `bits` bits in which nothing of this layer on these inputs saturates.

    Weights get the format that covers the codebook, activations the one that covers them and the 1.0 of a bias column,
    and the accumulators the one that covers the largest partial sum of the exact products, starting from the bias.

    Returns
    -------
    LayerFormats
        Formats of weights, activations and accumulators.
    """
    mem = encoded_for(mem, machine)
    values = checked_activations(activations, mem.n_in, signed, several=True)
    weight = FixedPoint.covering(float(np.abs(mem.codebook).max()), bits)
    activation = FixedPoint.covering(max(float(np.abs(values).max()), 1.0 * mem.has_bias), bits)
    inputs, _ = activation.quantize(np.atleast_2d(values))
    peak = largest_sum(mem, inputs, weight, activation, bias)
    formats = LayerFormats(weight, activation, FixedPoint.covering(peak, bits))
    while multiply(mem, inputs, formats, bias)[1]:
        # Products rounded to the accumulator's step may add up to a little more than the exact ones did.
        formats = LayerFormats(weight, activation, FixedPoint(bits, formats.output.frac - 1))
    return formats


def largest_sum(
    mem: InterleavedCSC, inputs: NDArray[Any], weight: FixedPoint, activation: FixedPoint, bias: Any = None
) -> float:
    """Find the largest magnitude that any sum of exact products of raw inputs goes through, from the bias on."""
    bias = _checked_bias(bias, mem.n_out)
    exact = LayerFormats(weight, activation, _exact_sums(weight, activation, bias, mem.n_columns))
    start = np.floor(np.ldexp(bias, exact.output.frac) + 0.5).astype(np.int64)
    limits = (-(1 << _EXACT_BITS), 1 << _EXACT_BITS)
    _, _, peak = _sums(mem, _with_one(mem, inputs, activation), exact, start, limits)
    return float(exact.output.real(peak))


def _exact_sums(weight: FixedPoint, activation: FixedPoint, bias: NDArray[np.float64], n_columns: int) -> FixedPoint:
    """Choose the steps of exact products, but coarse enough for the sum of all columns and the bias to fit 64 bits."""
    spare = max(0, weight.bits + activation.bits - 2 + (n_columns + 1).bit_length() - _EXACT_BITS)
    for_bias = _EXACT_BITS - 1 - int(np.frexp(np.abs(bias).max())[1])
    return FixedPoint(weight.bits, max(-64, min(weight.frac + activation.frac - spare, for_bias, 64)))


def _checked_bias(bias: Any, n_out: int) -> NDArray[np.float64]:
    """Return the bias as an array of shape `(n_out,)`, all 0 where there is none."""
    if bias is None:
        return np.zeros(n_out)
    values = np.asarray(bias, dtype=np.float64)
    if values.shape != (n_out,):
        raise ValueError(f"bias must have shape ({n_out},), one per output, got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"bias must be finite, got {values[~np.isfinite(values)][0]}")
    return values


def _with_one(mem: InterleavedCSC, inputs: NDArray[Any], fmt: FixedPoint) -> NDArray[Any]:
    """Return raw inputs, and last the 1.0 that drives a bias column, where there is one."""
    if not mem.has_bias:
        return inputs
    if 1 << max(fmt.frac, 0) > fmt.high:
        raise ValueError(f"the activation format must hold the bias's 1.0, got {fmt}")
    one, _ = fmt.quantize(np.ones(len(inputs)))
    return np.column_stack([inputs, one])


def _sums(
    mem: InterleavedCSC,
    inputs: NDArray[Any],
    formats: LayerFormats,
    start: NDArray[np.int64],
    limits: tuple[int, int],
) -> tuple[NDArray[np.int64], int, int]:
    """Compute raw sums `(n_vectors, n_out)`, additions clipped to `limits`, and the largest magnitude of any sum.

    Every sum starts from `start`, of shape `(n_out,)`.
    """
    weights, _ = formats.weight.quantize(mem.codebook)
    setting = (weights, start, formats.places, *limits, np.abs(start).max())
    if len(inputs) < _FEW:
        parts = [plain.add_by_column(*mem.by_column(), vector.astype(np.int64), *setting) for vector in inputs]
    else:
        by_row = plain.by_row(*mem.by_column(), mem.n_out)
        parts = map_blocks(lambda block: plain.add_by_row(*by_row, _by_column(block), *setting), inputs, _block(mem))
    sums, saturations, peaks = zip(*parts, strict=True)
    return np.concatenate(sums), sum(map(int, saturations)), int(max(peaks))


def _expanded_sums(
    mem: InterleavedCSC, inputs: NDArray[Any], formats: LayerFormats, start: NDArray[np.int64]
) -> tuple[NDArray[np.int64] | None, bool]:
    """Compute raw sums as `_sums` does, from bitmaps; None where they are not worth it, or a sum left its range.

    Whether one is known to have done so comes second.
    """
    if formats.output.bits != SUM_BITS or len(mem.codebook) != CODES:
        return None, False
    weights, _ = formats.weight.quantize(mem.codebook)
    return mem.expansion.sums(mem.by_column(), inputs, weights, formats.places, start, by_rows=len(inputs) >= _FEW)


def _free_sums(
    mem: InterleavedCSC, inputs: NDArray[Any], formats: LayerFormats, start: NDArray[np.int64]
) -> NDArray[np.int64] | None:
    """Compute raw sums as `_sums` does, in 32 bits and without clipping; None when one left its range."""
    weights, _ = formats.weight.quantize(mem.codebook)
    setting = (weights, start, formats.places, formats.output.low, formats.output.bits)
    if formats.output.bits > plain.FREE_BITS:
        return None
    if len(inputs) < _FEW:
        parts = [plain.add_freely_by_column(*mem.by_column(), vector.astype(np.int64), *setting) for vector in inputs]
    else:
        product_bits = formats.weight.bits + formats.activation.bits - 2
        if not (product_bits <= plain.FREE_BITS and 0 <= formats.places <= plain.FREE_BITS):
            return None
        by_row = plain.by_row(*mem.by_column(), mem.n_out)
        parts = map_blocks(
            lambda block: plain.add_freely_by_row(*by_row, _by_column(block), *setting), inputs, _block(mem)
        )
    return None if any(beyond for _, beyond in parts) else np.concatenate([sums for sums, _ in parts])


def _block(mem: InterleavedCSC) -> int:
    least, most = _BLOCK_VECTORS
    return max(least, min(most, _BLOCK_NUMBERS // mem.n_columns))


def _by_column(block: NDArray[Any]) -> NDArray[np.int32]:
    return np.ascontiguousarray(block.T, np.int32)
