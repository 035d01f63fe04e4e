"""Layers for the RTL, of every kind that its tests count: few sets of parameters, since each is a build."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

import eie
from eie.fixedpoint import FixedPoint, LayerFormats

SETS = (
    # PEs, depth of the queue, entries per row, bits of codes, indices and accumulators
    (1, 2, 8, 4, 4, 16),
    (2, 3, 2, 4, 4, 16),
    (4, 8, 8, 4, 4, 16),
    (5, 3, 3, 4, 4, 16),
    (8, 16, 1, 3, 5, 12),
    (16, 4, 4, 4, 4, 16),
    (32, 5, 8, 5, 3, 16),
    (64, 8, 8, 4, 4, 16),
)
KINDS = ("plain", "saturating", "padded", "empty columns", "nothing to send", "bias column", "signed", "batch", "start")


@dataclass
class Case:
    """A layer, its inputs and how to run it."""

    kind: str
    machine: eie.Machine
    mem: eie.InterleavedCSC
    activations: Any
    formats: LayerFormats
    bias: Any = None
    signed: bool = False


def machine_of(parameters):
    n_pe, depth, entries, weight_bits, index_bits, _ = parameters
    width = entries * (weight_bits + index_bits)
    return eie.Machine(n_pe, depth, width, weight_bits=weight_bits, index_bits=index_bits)


def formats_of(bits, kind, second):
    """Formats of some bits, of which the second have other binary points; sums saturate if they are to."""
    frac = bits - 4 - 2 * second
    return LayerFormats(
        FixedPoint(bits - second, bits - 3 - second),
        FixedPoint(bits, frac),
        FixedPoint(bits, bits - 1 if kind == "saturating" else frac - 2),
    )


def draw_case(parameters, kind, seed):
    """Draw a layer of a kind that fits the paper's 64 registers per PE."""
    rng = np.random.default_rng([seed, parameters[0], KINDS.index(kind)])
    machine, n_pe = machine_of(parameters), parameters[0]
    most = min(64 * n_pe, 160)
    n_out, n_in = int(rng.integers(n_pe + 1, most + 1)), int(rng.integers(2, min(most, 120) + 1))
    density = float(rng.uniform(0.05, 0.6))
    if kind == "padded":
        n_out, density = 64 * n_pe - int(rng.integers(0, n_pe)), 0.03
    codes = np.where(rng.random((n_out, n_in)) < density, rng.integers(1, machine.codebook_size, (n_out, n_in)), 0)
    if kind == "empty columns":
        codes[:, rng.random(n_in) < 0.5] = 0
    codebook = np.append(0.0, rng.normal(size=machine.codebook_size - 1).clip(-1.9, 1.9))
    bias_codes = rng.integers(0, machine.codebook_size, n_out).astype(np.uint8) if kind == "bias column" else None
    layer = eie.CompressedLayer.from_codes(codes.astype(np.uint8), codebook, bias_codes)
    formats = formats_of(parameters[-1], kind, seed % 2)
    shape = (3, n_in) if kind == "batch" else (n_in,)
    real = rng.uniform(-2 if kind == "signed" else 0.1, 2, shape) * (rng.random(shape) < rng.uniform(0.2, 0.9))
    activations = formats.activation.real(formats.activation.quantize(real * (kind != "nothing to send"))[0])
    bias = rng.normal(size=n_out) if kind == "start" else None
    return Case(kind, machine, eie.encode(layer, machine), activations, formats, bias, kind == "signed")


@cache
def cases(parameters):
    """All kinds of layers for a set of parameters."""
    return [draw_case(parameters, kind, seed) for seed, kind in enumerate(KINDS)]
