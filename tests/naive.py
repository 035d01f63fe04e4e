"""Slow and obvious implementations that the fast ones are compared with. Plain Python numbers and lists throughout."""

import numpy as np


def encode(codes, bias, n_pe, index_bits=4):
    """Memories of all PEs: lists of codes, skips and pointers, one triple a PE."""
    n_out, n_in = codes.shape
    columns = [codes[:, j] for j in range(n_in)] + ([bias] if bias is not None else [])
    most = 2**index_bits - 1
    memories = []
    for p in range(n_pe):
        v, z, pointers = [], [], [0]
        for column in columns:
            zeros = 0
            for row in range(p, n_out, n_pe):
                if column[row] == 0:
                    zeros += 1
                    continue
                while zeros > most:
                    v, z, zeros = [*v, 0], [*z, most], zeros - most - 1
                v, z, zeros = [*v, int(column[row])], [*z, zeros], 0
            pointers.append(len(v))
        memories.append((v, z, pointers))
    return memories


def scan(activations, has_bias, n_pe):
    """Cycle by cycle without waiting for queues: the (column, cycle) of each broadcast."""
    n_in = len(activations)
    addresses = [list(range(a, min(a + n_pe, n_in))) for a in range(0, n_in, n_pe)]
    if has_bias:
        addresses.append([n_in])
    cycle, found = 0, []
    for address in addresses:
        hits = [j for j in address if j == n_in or activations[j] != 0]
        for j in hits:
            found.append((j, cycle))
            cycle += 1
        last_bank = hits and hits[-1] < n_in and hits[-1] % n_pe == n_pe - 1
        if not last_bank:
            cycle += 1
    return found


class Timeline:
    """When everything happens, from the recurrence as it is written down."""

    def __init__(self, memories, activations, has_bias, n_pe, fifo_depth):
        found = scan(activations, has_bias, n_pe)
        self.columns = [j for j, _ in found]
        free_cycles = [cycle for _, cycle in found]
        counts = [[p[2][j + 1] - p[2][j] for p in memories] for j in self.columns]
        self.broadcast, self.ready, self.taken = [], [], []
        for k in range(len(found)):
            ready = free_cycles[0] if k == 0 else self.broadcast[-1] + free_cycles[k] - free_cycles[k - 1]
            room = max(self.taken[k - (fifo_depth - 1)]) + 1 if k >= fifo_depth - 1 else 0
            self.ready.append(ready)
            self.broadcast.append(max(ready, room))
            before = self.taken[-1] if k else [0] * n_pe
            busy = [max(n, 1) for n in counts[k - 1]] if k else [0] * n_pe
            self.taken.append([max(self.broadcast[k] + 1, before[p] + busy[p]) for p in range(n_pe)])
        ends = [self.taken[-1][p] + max(counts[-1][p], 1) for p in range(n_pe)] if found else []
        self.cycles = max(ends) + 7 if found else -(-len(activations) // n_pe)


def simulate(memories, activations, has_bias, n_pe, fifo_depth, entries_per_row):
    """All counters of one run."""
    time = Timeline(memories, activations, has_bias, n_pe, fifo_depth)
    macs = padding = spmat_reads = 0
    for codes, _, pointers in memories:
        row = None
        for j in time.columns:
            for entry in range(pointers[j], pointers[j + 1]):
                spmat_reads += row != entry // entries_per_row
                row = entry // entries_per_row
                macs += codes[entry] != 0
                padding += codes[entry] == 0
    return {
        "cycles": time.cycles,
        "broadcasts": len(time.columns),
        "macs": macs,
        "padding": padding,
        "ptr_reads": len(time.columns) * n_pe,
        "spmat_reads": spmat_reads,
    }


def authors_simulator_stops(memories, activations, n_pe, fifo_depth):
    """The cycle in which the authors' simulator ends: the first without a write once its scan has reached the bias.

    A PE does not write while it has nothing to do, or is at a padding zero; so it may end before its work does.
    """
    time = Timeline(memories, activations, True, n_pe, fifo_depth)
    writes = np.zeros(time.cycles + 2, bool)
    for p, (codes, _, pointers) in enumerate(memories):
        for k, j in enumerate(time.columns):
            real = np.flatnonzero(np.asarray(codes[pointers[j] : pointers[j + 1]], dtype=int))
            writes[time.taken[k][p] + 7 + real] = True
    return int(np.argmin(writes[time.ready[-1] :])) + time.ready[-1]


def infer(codes, bias, weights, activations, places, low, high, start=None):
    """Raw sums of every row and how many additions saturated, from raw weights and raw activations, bias's 1.0 last."""
    saturations, sums = 0, []
    for i in range(codes.shape[0]):
        total = int(start[i]) if start is not None else 0
        row = [*map(int, codes[i]), *([int(bias[i])] if bias is not None else [])]
        for code, activation in zip(row, activations, strict=True):
            if code == 0 or activation == 0:
                continue
            product = int(weights[code]) * int(activation)
            # Round to the nearest, halves up, with whole numbers only.
            term = (2 * product + 2**places) // 2 ** (places + 1) if places > 0 else product * 2**-places
            clipped = min(max(total + term, low), high)
            saturations += clipped != total + term
            total = clipped
        sums.append(total)
    return sums, saturations


def read_net(data, shapes):
    """Dense weights of each layer of a Deep Compression `.net` file, entry by entry."""
    at = 0

    def number(kind, size):
        nonlocal at
        at += size
        return np.frombuffer(data[at - size : at], kind)[0]

    def half_bytes(count):
        nonlocal at
        found = []
        while len(found) < count:
            found += [data[at] % 16, data[at] // 16]
            at += 1
        return found[:count]

    counts = [int(number("<u4", 4)) for _ in shapes]
    weights = {}
    for (name, shape), count in zip(shapes.items(), counts, strict=True):
        codebook = [number("<f4", 4) for _ in range(256 if "conv" in name else 16)]
        for _ in range(shape[0]):
            number("<f4", 4)
        codes = [number("u1", 1) for _ in range(count)] if "conv" in name else half_bytes(count)
        skips = half_bytes(count)
        flat, place = np.zeros(int(np.prod(shape)), np.float32), -1
        for code, skip in zip(codes, skips, strict=True):
            place += skip + 1
            flat[place] = codebook[code]
        weights[name] = flat.reshape(shape)
    assert at == len(data)
    return weights


def convolutions(trunk, picture):
    """What a trunk makes of one picture of shape (height, width, channels): channel after channel, row after row."""
    values = picture.astype(float)
    for number, (kernel, bias) in enumerate(zip(trunk.kernels, trunk.biases, strict=True)):
        pad, stride, (high, wide) = trunk.paddings[number], trunk.strides[number], kernel.shape[:2]
        padded = np.pad(values, [(pad, pad), (pad, pad), (0, 0)])
        values = windows(padded, high, wide, stride, lambda window, k=kernel, b=bias: np.tensordot(window, k, 3) + b)
        values = np.maximum(values, 0)
        if number + 1 in trunk.pool_after:
            values = windows(values, trunk.pool, trunk.pool, trunk.pool_stride, lambda window: window.max(axis=(0, 1)))
    return values.transpose(2, 0, 1).ravel()


def windows(values, high, wide, stride, compute):
    """What `compute` gives for each window of an array of shape (height, width, channels)."""
    rows = range(0, values.shape[0] - high + 1, stride)
    columns = range(0, values.shape[1] - wide + 1, stride)
    return np.array([[compute(values[i : i + high, j : j + wide]) for j in columns] for i in rows])
