"""Damaged copies of a good file: each must be refused with an error that names it, or still be read."""

import numpy as np


def mutants(content, n, seed=2016):
    """Copies with bytes flipped, runs overwritten, ends cut off or added."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        mutant, kind = bytearray(content), rng.integers(4)
        if kind == 0:
            for at in rng.integers(len(mutant), size=rng.integers(1, 6)):
                mutant[at] ^= rng.integers(1, 256)
        elif kind == 1:
            at = int(rng.integers(len(mutant)))
            mutant[at : at + 8] = rng.choice([0, 255, 127], 1).astype(np.uint8).tobytes() * 8
        elif kind == 2:
            del mutant[rng.integers(len(mutant)) :]
        else:
            at = int(rng.integers(len(mutant)))
            mutant[at:at] = rng.bytes(int(rng.integers(1, 9)))
        yield bytes(mutant)
