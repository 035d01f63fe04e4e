"""The values that the machine computes, bit by bit.

A 4-bit code is decoded to a 16-bit fixed-point weight, multiplied by a 16-bit activation, shifted (rounding halves up)
to the accumulator's binary point and added with saturation; ReLU is applied when the outputs are written
(ISCA 2016, section IV). Which PE a row lives on does not change its value: its products arrive in column order anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

from eie.cycles import checked_activations, encoded_for
from eie.fixedpoint import FixedPoint, LayerFormats
from eie.interleaved import InterleavedCSC
from eie.layer import CompressedLayer
from eie.machine import EIE_45NM, Machine

_EXACT_BITS = 62


@dataclass(frozen=True, eq=False, slots=True)
class Inference:
    """The outputs of one layer. Acts as a NumPy array of real numbers: `np.asarray(y)`, `y[i]`, `len(y)`.

    Attributes
    ----------
    raw : int64 array of shape `(n_out,)`
        What the output registers hold.
    formats : LayerFormats
        What the raw numbers mean.
    saturations : int
        Additions that ran into the end of the accumulator's range.
    input_saturations : int
        Activations that did not fit their format.
    """

    raw: NDArray[np.int64]
    formats: LayerFormats
    saturations: int
    input_saturations: int

    @property
    def values(self) -> NDArray[np.float64]:
        """The outputs as real numbers, shape `(n_out,)`."""
        return self.formats.output.real(self.raw)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("outputs are worked out from raw numbers, which needs a copy")
        return np.asarray(self.values, dtype=dtype)

    def __len__(self) -> int:
        return len(self.raw)

    def __getitem__(self, index: Any) -> Any:
        return self.values[index]


def infer(
    mem: InterleavedCSC | CompressedLayer,
    activations: Any,
    machine: Machine = EIE_45NM,
    *,
    formats: LayerFormats | None = None,
    relu: bool = True,
    signed: bool = False,
) -> Inference:
    """Compute one layer as the hardware does.

    Parameters
    ----------
    mem : InterleavedCSC or CompressedLayer
        The layer; if not yet encoded, it is encoded for `machine`.
    activations : array of shape `(n_in,)`
        Inputs, 0 or more unless `signed`.
    machine : Machine
        The chip.
    formats : LayerFormats, optional
        Fixed-point formats; `calibrate(mem, activations)` if left out.
    relu : bool
        Write negative sums as 0.
    signed : bool
        Allow negative activations, for inputs that no ReLU precedes.

    Returns
    -------
    Inference

    Raises
    ------
    ValueError
        As `simulate` does; also when the bias's 1.0 does not fit the activation format.
    """
    mem = encoded_for(mem, machine)
    formats = formats or calibrate(mem, activations, machine, signed=signed)
    values = checked_activations(activations, mem.n_in, signed)
    raw_activations, clipped = _raw_activations(values, mem.has_bias, formats.activation)
    raw, saturations, _ = _sums(mem, raw_activations, formats, (formats.output.low, formats.output.high))
    return Inference(np.maximum(raw, 0) if relu else raw, formats, saturations, clipped)


def calibrate(
    mem: InterleavedCSC | CompressedLayer,
    activations: Any,
    machine: Machine = EIE_45NM,
    *,
    bits: int = 16,
    signed: bool = False,
) -> LayerFormats:
    """The finest formats of `bits` bits in which nothing of this layer on these inputs saturates.

    Weights get the format that covers the codebook, activations the one that covers them and the bias's 1.0, and the
    accumulators the one that covers the largest partial sum of the exact products.
    """
    mem = encoded_for(mem, machine)
    values = checked_activations(activations, mem.n_in, signed)
    weight = FixedPoint.covering(float(np.abs(mem.codebook).max()), bits)
    activation = FixedPoint.covering(max(float(np.abs(values).max()), 1.0 * mem.has_bias), bits)
    raw_activations, _ = _raw_activations(values, mem.has_bias, activation)
    # Sums of exact products, less the bits that keep the sum of all columns within 64.
    spare = max(0, 2 * bits - 2 + mem.n_columns.bit_length() - _EXACT_BITS)
    exact = LayerFormats(weight, activation, FixedPoint(bits, min(weight.frac + activation.frac - spare, 64)))
    _, _, peak = _sums(mem, raw_activations, exact, (-(1 << _EXACT_BITS), 1 << _EXACT_BITS))
    formats = LayerFormats(weight, activation, FixedPoint.covering(float(exact.output.real(peak)), bits))
    while _sums(mem, raw_activations, formats, (formats.output.low, formats.output.high))[1]:
        # Products rounded to the accumulator's step may add up to a little more than the exact ones did.
        formats = LayerFormats(weight, activation, FixedPoint(bits, formats.output.frac - 1))
    return formats


def _raw_activations(values: NDArray[Any], has_bias: bool, fmt: FixedPoint) -> tuple[NDArray[np.int64], int]:
    """Raw activations, the bias's 1.0 last, and how many did not fit."""
    if has_bias and 1 << max(fmt.frac, 0) > fmt.high:
        raise ValueError(f"the activation format must hold the bias's 1.0, got {fmt}")
    return fmt.quantize(np.append(values, 1.0) if has_bias else values)


def _sums(
    mem: InterleavedCSC, raw_activations: NDArray[np.int64], formats: LayerFormats, limits: tuple[int, int]
) -> tuple[NDArray[np.int64], int, int]:
    """Raw sums of every row, additions clipped to `limits`, and the largest magnitude that any sum passed through."""
    weights, _ = formats.weight.quantize(mem.codebook)
    (columns,) = np.nonzero(raw_activations)
    raw, saturations, peak = _accumulate(
        mem.codes,
        mem.skips,
        mem.pe_start,
        mem.pointers,
        weights,
        raw_activations,
        columns,
        formats.places,
        *limits,
        mem.n_out,
    )
    return raw, int(saturations), int(peak)


@nb.njit(cache=True, nogil=True)
def _accumulate(codes, skips, pe_start, pointers, weights, activations, columns, places, low, high, n_out):  # type: ignore[no-untyped-def]
    n_pe = len(pe_start) - 1
    sums = np.zeros(n_out, np.int64)
    saturations, peak = 0, 0
    right, left = max(places, 0), max(-places, 0)
    half = (1 << right) >> 1
    terms = np.zeros(256, np.int64)
    for j in columns:
        # A column has one activation, so its products are as many as there are shared weights.
        for v in range(1, len(weights)):
            terms[v] = (((weights[v] * activations[j]) << left) + half) >> right
        for p in range(n_pe):
            row = p - n_pe
            for e in range(pe_start[p] + pointers[j, p], pe_start[p] + pointers[j + 1, p]):
                row += (skips[e] + 1) * n_pe
                total = sums[row] + terms[codes[e]]
                clipped = min(max(total, low), high)
                saturations += clipped != total
                sums[row] = clipped
                peak = max(peak, abs(clipped))
    return sums, saturations, peak
