"""Weight layers in whole numbers, one product after the other: what networks on the machine are compared with."""

import math

import naive
import numpy as np


def to_raw(values, fmt):
    """Raw numbers, and how many did not fit."""
    steps = [math.floor(float(value) * 2.0**fmt.frac + 0.5) for value in np.ravel(values)]
    raw = [min(max(step, fmt.low), fmt.high) for step in steps]
    return np.reshape(raw, np.shape(values)), sum(a != b for a, b in zip(raw, steps, strict=True))


def to_real(raw, fmt):
    return np.asarray(raw, dtype=float) / 2.0**fmt.frac


def product(codes, codebook, bias, raw, formats):
    """Raw sums of one vector of raw inputs, and how many biases and additions saturated."""
    weights, _ = to_raw(codebook, formats.weight)
    start, clipped = to_raw(np.zeros(len(codes)) if bias is None else bias, formats.output)
    limits = (formats.output.low, formats.output.high)
    sums, saturations = naive.infer(codes, None, weights, raw, formats.places, *limits, start)
    return sums, saturations + clipped


def linear(codes, codebook, bias, values, formats):
    """Outputs for one vector of real inputs, and all saturations."""
    raw, clipped = to_raw(values, formats.activation)
    sums, saturations = product(codes, codebook, bias, raw, formats)
    return to_real(sums, formats.output), saturations + clipped


def convolution(codes, codebook, bias, image, formats, stride, padding, groups):
    """Output of one image, from codes of shape `(n_out, channels // groups, rows, columns)`, and all saturations."""
    raw, total = to_raw(image, formats.activation)
    top, left, bottom, right = padding
    raw = np.pad(raw, [(0, 0), (top, bottom), (left, right)])
    n_out, channels, rows, columns = codes.shape
    down, across = (raw.shape[1] - rows) // stride[0] + 1, (raw.shape[2] - columns) // stride[1] + 1
    outputs = np.zeros((n_out, down, across))
    for i in range(n_out):
        first = i // (n_out // groups) * channels
        for y in range(down):
            for x in range(across):
                taps = [(r, c, k) for r in range(rows) for c in range(columns) for k in range(channels)]
                row = np.array([[codes[i, k, r, c] for r, c, k in taps]])
                seen = [raw[first + k, y * stride[0] + r, x * stride[1] + c] for r, c, k in taps]
                (value,), saturations = product(row, codebook, None if bias is None else bias[i : i + 1], seen, formats)
                outputs[i, y, x] = value
                total += saturations
    return to_real(outputs, formats.output), total


def lstm(codes, codebook, bias, values, formats):
    """States after every step, and all saturations."""
    hidden, total = len(codes) // 4, 0
    state, cell, states = np.zeros(hidden), np.zeros(hidden), []
    for step in values:
        gates, saturations = linear(codes, codebook, bias, np.concatenate([step, state]), formats)
        total += saturations
        take_in, forget, new, put_out = gates.reshape(4, hidden)
        cell = cell * sigmoid(forget) + sigmoid(take_in) * np.tanh(new)
        state = np.tanh(cell) * sigmoid(put_out)
        states.append(state)
    return np.array(states), total


def sigmoid(values):
    return 0.5 * (1 + np.tanh(0.5 * values))
