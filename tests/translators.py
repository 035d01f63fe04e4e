"""Files of translation models, and a small translator of random weights."""

import struct

import numpy as np

from eie.formats import marian
from eie.models import translator

STEPS = 64.0
"""Steps of an integer weight per 1.0."""

WIDTH, HIDDEN, TOKENS = 16, 24, 11


def float_tensor(values):
    """Return a tensor of floating-point numbers as it lies in the file."""
    return marian.FLOAT32, values.shape, values.astype("<f4").tobytes()


def int_tensor(stored, shape):
    """Return integer weights as they lie in the file, with their scale, filled up to a multiple of 256 bytes."""
    data = stored.tobytes() + struct.pack("<f", STEPS)
    return marian.INT8, shape, data + bytes(-len(data) % 256)


def model_bytes(tensors):
    """Return a whole file of these tensors."""
    names = [name.encode() + b"\0" for name in tensors]
    parts = [struct.pack("<QQ", 1, len(tensors))]
    parts += [
        struct.pack("<QQQQ", len(name), kind, len(shape), len(data))
        for name, (kind, shape, data) in zip(names, tensors.values(), strict=True)
    ]
    parts += names
    parts += [struct.pack(f"<{len(shape)}i", *shape) for _, shape, _ in tensors.values()]
    parts.append(struct.pack("<Q", 7) + bytes(7))
    return b"".join(parts + [data for _, _, data in tensors.values()])


class Letters:
    """A vocabulary of ten letters and an end mark."""

    def encode(self, text):
        return [ord(letter) - ord("a") for letter in text]

    def decode(self, tokens):
        return "".join(chr(ord("a") + token) for token in tokens)

    def eos_id(self):
        return 10


def random_tensors():
    """Return the tensors of a translator of the real one's architecture, but narrow."""
    rng = np.random.default_rng(0)
    names = {"decoder_l1_ffn_W1": np.zeros((WIDTH, HIDDEN))}
    names |= {f"encoder_l{layer}_ffn_W1": np.zeros((WIDTH, HIDDEN)) for layer in range(1, 7)}
    names["decoder_l2_ffn_W1"] = np.zeros((WIDTH, HIDDEN))
    shapes = translator._shapes(TOKENS, WIDTH, names) | {"Wemb": (TOKENS, WIDTH)}
    return {name: rng.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}
