"""Files damaged at random: what reads them must refuse them with `FormatError`, or read them, within bounded memory."""

import random
import tracemalloc

from eie.formats import FormatError


def damaged(data, rng):
    """A copy with bits flipped, or bytes cut out, put in or written over, half the time in its first 100 bytes."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(max(1, len(data) if rng.random() < 0.5 else min(len(data), 100)))
        kind = rng.randrange(5)
        if kind == 0 and data:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del data[at : at + rng.randint(1, 8)]
        elif kind == 2:
            data[at:at] = rng.randbytes(rng.randint(1, 8))
        elif kind == 3:
            data[at : at + 4] = rng.choice([bytes(4), b"\xff" * 4, b"\xff\xff\xff\x7f", b"\x7f\xff\xff\xff"])
        elif rng.random() < 0.2:
            del data[at:]
    return bytes(data)


def mutants(content, n, seed=2016):
    """`n` damaged copies of a file's content."""
    rng = random.Random(seed)
    return (damaged(content, rng) for _ in range(n))


def refusals(path, read, limit, times=2000, seed=0):
    """How often `read` refuses a damaged copy of a file; asserts that nothing else goes wrong.

    `limit` is the memory in bytes that reading may take, for a file of so many bytes: a function.
    """
    rng, whole, refused = random.Random(seed), path.read_bytes(), []
    tracemalloc.start()
    try:
        for _ in range(times):
            copy = damaged(whole, rng)
            path.write_bytes(copy)
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            try:
                read(path)
            except FormatError as error:
                refused.append(str(error))
            assert tracemalloc.get_traced_memory()[1] - before < limit(len(copy))
    finally:
        tracemalloc.stop()
        path.write_bytes(whole)
    assert all(str(path) in message for message in refused)
    return len(refused)
