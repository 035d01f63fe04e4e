"""Sums of a layer's products in plain loops, which any processor runs: by column for one vector, by row for many.

Each kernel stands twice: with every addition clipped, and without clipping in 32 bits, which tells whether any sum left
its range and so has to be computed again.
"""

import numpy as np

from eie._compile import Kernel

FREE_BITS = 30
"""Bits of sums and products that leave room, in 32, to see that one left its range."""


@Kernel
def add_by_column(indptr, rows, codes, activations, weights, start, places, low, high, peak):  # type: ignore[no-untyped-def]
    """Add up one vector, column by column; sums are of shape `(1, n_out)`."""
    out = start.copy().reshape(1, -1)
    sums = out[0]
    saturations = 0
    right, left = max(places, 0), max(-places, 0)
    half = (1 << right) >> 1  # added before the shift, it rounds halves up; 0 where nothing is shifted right
    terms = np.zeros(256, np.int64)
    for j in range(len(activations)):
        if activations[j] == 0:
            continue
        # A column has one activation, so its products are as many as there are shared weights.
        for v in range(1, len(weights)):
            terms[v] = (((weights[v] * activations[j]) << left) + half) >> right
        for e in range(indptr[j], indptr[j + 1]):
            # Saturation makes the order matter: columns rise, as on the machine.
            total = sums[rows[e]] + terms[codes[e]]
            clipped = min(max(total, low), high)
            saturations += clipped != total
            sums[rows[e]] = clipped
            peak = max(peak, abs(clipped))
    return out, saturations, peak


@Kernel
def add_freely_by_column(indptr, rows, codes, activations, weights, start, places, low, bits):  # type: ignore[no-untyped-def]
    """Add up one vector without clipping; return sums `(1, n_out)`, and whether any was ever out of its range."""
    right, left = max(places, 0), max(-places, 0)
    half = (1 << right) >> 1
    terms = np.zeros(256, np.uint32)
    sums = np.empty(len(start), np.uint32)  # above `low`, so that a sum in its range has no bit beyond the lowest
    for i in range(len(start)):
        sums[i] = start[i] - low
    seen = np.uint32(0)
    for j in range(len(activations)):
        if activations[j] == 0:
            continue
        for v in range(1, len(weights)):
            term = (((weights[v] * activations[j]) << left) + half) >> right
            terms[v] = term
            if abs(term) >> (FREE_BITS + 1):  # a sum could come all the way round
                seen = ~np.uint32(0)
        for e in range(indptr[j], indptr[j + 1]):
            row = np.uint32(rows[e])  # numba asks of a signed index whether it counts from the end
            total = np.uint32(sums[row] + terms[codes[e]])
            sums[row] = total
            seen |= total
    out = np.empty((1, len(start)), np.int64)
    for i in range(len(start)):
        out[0, i] = np.int64(sums[i]) + low
    return out, (seen >> np.uint32(bits)) != 0


@Kernel
def by_row(indptr, rows, codes, n_out):  # type: ignore[no-untyped-def]
    """Sort the matrix by rows: row i has the columns and codes from `first[i]` to `first[i + 1]`, columns rising."""
    first = np.zeros(n_out + 1, np.int64)
    for row in rows:
        first[row + 1] += 1
    for i in range(n_out):
        first[i + 1] += first[i]
    place = first[:-1].copy()
    columns = np.empty(len(codes), np.int32)
    row_codes = np.empty(len(codes), np.uint8)
    for j in range(len(indptr) - 1):
        for e in range(indptr[j], indptr[j + 1]):
            at = place[rows[e]]
            columns[at] = j
            row_codes[at] = codes[e]
            place[rows[e]] = at + 1
    return first, columns, row_codes


@Kernel
def add_by_row(first, columns, codes, activations, weights, start, places, low, high, peak):  # type: ignore[no-untyped-def]
    """Add up a block of vectors, row by row; sums are `(n_vectors, n_out)`, inputs `(n_columns, n_vectors)`."""
    n_vectors = activations.shape[1]
    sums = np.empty((n_vectors, len(start)), np.int64)
    saturations = 0
    right, left = max(places, 0), max(-places, 0)
    half = (1 << right) >> 1
    row = np.empty(n_vectors, np.int64)
    for i in range(len(start)):
        row[:] = start[i]
        for e in range(first[i], first[i + 1]):
            weight, j = weights[codes[e]], columns[e]
            # The innermost loop runs over vectors: they are independent, so the compiler can use vector instructions.
            for v in range(n_vectors):
                total = row[v] + ((((weight * activations[j, v]) << left) + half) >> right)
                clipped = min(max(total, low), high)
                saturations += clipped != total
                peak = max(peak, abs(clipped))
                row[v] = clipped
        for v in range(n_vectors):
            sums[v, i] = row[v]
    return sums, saturations, peak


@Kernel
def add_freely_by_row(first, columns, codes, activations, weights, start, places, low, bits):  # type: ignore[no-untyped-def]
    """Add up a block of vectors as `add_by_row` does, without clipping; tell whether any sum was out of its range."""
    n_vectors = activations.shape[1]
    sums = np.empty((n_vectors, len(start)), np.int64)
    right, half = places & 31, np.int32((1 << places) >> 1)  # never over 31, which the compiler could not know
    row = np.empty(n_vectors, np.uint32)
    seen = np.uint32(0)
    for i in range(len(start)):
        row[:] = np.uint32(start[i] - low)
        for e in range(first[i], first[i + 1]):
            weight, j = np.int32(weights[codes[e]]), columns[e]
            for v in range(n_vectors):
                product = np.int32(np.int32(weight * activations[j, v]) + half)
                total = np.uint32(row[v] + np.uint32(product >> right))
                row[v] = total
                seen |= total
        for v in range(n_vectors):
            sums[v, i] = np.int64(row[v]) + low
    return sums, (seen >> np.uint32(bits)) != 0
