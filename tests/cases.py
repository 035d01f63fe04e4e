"""Layers and networks to test with: the golden runs' recipe, random ones, and what hypothesis draws."""

import hypothesis.strategies as st
import numpy as np

import eie
from eie.networks.operations import convolution_matrix

CODEBOOK = np.append(0.0, np.linspace(-1, 1, 15)).astype(np.float32)


def random_codes(rng, *shape):
    """Return codes of weights, about half of them pruned."""
    return np.where(rng.random(shape) < 0.5, rng.integers(1, 16, shape), 0).astype(np.uint8)


def layer_of(codes):
    """Return the layer of a matrix of codes, or of codes of shape `(n_out, channels, rows, columns)`."""
    return eie.CompressedLayer.from_codes(convolution_matrix(codes) if codes.ndim == 4 else codes, CODEBOOK)


def golden_case(seed):
    """The layer and machine of one golden run, from its seed."""
    rng = np.random.default_rng(seed)
    n_pe, depth = int(rng.choice([1, 2, 4, 8, 16, 32, 64])), int(rng.choice([2, 3, 4, 8, 16, 33]))
    rows, cols = int(rng.integers(n_pe, n_pe * 40 + 1)), int(rng.integers(8, 300))
    density, act_density = float(rng.uniform(0.02, 0.6)), float(rng.uniform(0.05, 1.0))
    kept = rng.random((rows, cols)) < density
    codes = np.where(kept, rng.integers(1, 16, (rows, cols)), 0).astype(np.uint8)
    active = rng.random(cols) < act_density
    activations = np.where(active, rng.uniform(0.1, 2.0, cols), 0).astype(np.float32)
    entries_per_row = int(rng.choice([2, 4, 8, 16]))
    with_bias = rng.random(rows) < 0.5
    bias = np.where(with_bias, rng.integers(1, 16, rows), 0).astype(np.uint8)
    machine = eie.Machine(n_pe=n_pe, fifo_depth=depth, spmat_width_bits=8 * entries_per_row)
    return machine, codes, activations, bias


@st.composite
def runs(draw):
    """A machine, codes, bias (or None) and activations: small, and often at an edge."""
    weight_bits, index_bits = draw(st.sampled_from([(4, 4), (4, 4), (4, 4), (3, 5), (8, 8), (5, 3), (4, 1)]))
    entries_per_row = draw(st.sampled_from([1, 2, 3, 8, 64]))
    machine = eie.Machine(
        n_pe=draw(st.sampled_from([1, 2, 3, 4, 5, 8, 16])),
        fifo_depth=draw(st.sampled_from([2, 3, 4, 8])),
        spmat_width_bits=entries_per_row * (weight_bits + index_bits),
        weight_bits=weight_bits,
        index_bits=index_bits,
    )
    n_out, n_in = draw(st.integers(1, 48)), draw(st.integers(1, 40))
    density = draw(st.sampled_from([0.0, 0.02, 0.2, 0.6, 1.0]))
    act_density = draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    top = machine.codebook_size
    kept = rng.random((n_out, n_in)) < density
    kept[:, rng.random(n_in) < 0.2] = False
    kept[rng.random(n_out) < 0.2] = False
    codes = np.where(kept, rng.integers(1, top, (n_out, n_in)), 0).astype(np.uint8)
    bias = None
    if draw(st.booleans()):
        bias = np.where(rng.random(n_out) < 0.5, rng.integers(1, top, n_out), 0).astype(np.uint8)
    activations = np.where(rng.random(n_in) < act_density, rng.uniform(1e-3, 2.0, n_in), 0.0)
    codebook = np.append(0.0, rng.normal(size=top - 1))
    return machine, codes, bias, activations, codebook


@st.composite
def batches(draw):
    """A machine, a layer and several vectors of activations, some of them without a non-zero."""
    machine, codes, bias, activations, codebook = draw(runs())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_vectors = draw(st.sampled_from([1, 3, 20]))
    vectors = activations * rng.choice([0.0, 0.5, 1.0], (n_vectors, len(activations)))
    return machine, eie.CompressedLayer.from_codes(codes, codebook, bias), vectors
