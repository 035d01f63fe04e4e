"""Canonical Huffman coding of small whole numbers, with codewords of bounded length.

A code is told by the lengths of its codewords alone (canonical: codewords of a length are consecutive, and rise with
the symbol). Lengths are at most 15, so a table takes 4 bits a symbol.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie import _check
from eie._compile import Kernel

MAX_LENGTH = 15
"""Longest codeword in bits: what fits into the 4 bits of a table's entry."""

TABLE_BITS = 4
"""Bits a symbol in a table."""

MAX_SYMBOLS = 256
"""Symbols are bytes."""


def lengths(counts: Any) -> NDArray[np.uint8]:
    """Find the lengths of the codewords that make the whole shortest, none over `MAX_LENGTH` bits.

    By package-merge (Larmore and Hirschberg, JACM 1990): Huffman's own lengths wherever those are short enough.

    Parameters
    ----------
    counts : integer array of shape `(n,)`
        How often each of the symbols 0 .. n - 1 comes; 1 to 256 of them.

    Returns
    -------
    uint8 array of shape `(n,)`
        In bits; 0 for a symbol that never comes.
    """
    counts = _check.int64_array("counts", counts)
    if counts.ndim != 1 or not 1 <= len(counts) <= MAX_SYMBOLS or counts.min() < 0:
        raise ValueError(f"counts must be 1..{MAX_SYMBOLS} integers of 0 or more, got {counts!r}")
    used = np.flatnonzero(counts)
    found = np.zeros(len(counts), np.uint8)
    if len(used) < 2:
        found[used] = 1
        return found
    single: list[tuple[int, tuple[int, ...]]] = sorted((int(counts[symbol]), (int(symbol),)) for symbol in used)
    row = single
    for _ in range(MAX_LENGTH - 1):
        pairs = zip(row[::2], row[1::2], strict=False)
        row = sorted([*single, *((a[0] + b[0], a[1] + b[1]) for a, b in pairs)])
    for _, symbols in row[: 2 * len(used) - 2]:
        np.add.at(found, list(symbols), 1)
    return found


def total_bits(counts: Any, code_lengths: Any) -> int:
    """Count the bits of symbols that occur so often."""
    return int(np.dot(_check.int64_array("counts", counts), _check.int64_array("code_lengths", code_lengths)))


def codewords(code_lengths: Any) -> NDArray[np.int64]:
    """Return the canonical codewords, as integers whose `length` low bits are written from the highest on.

    Raises
    ------
    ValueError
        When no prefix code has these lengths, or one has that leaves codewords unused (a lone symbol may).
    """
    bits = checked_lengths(code_lengths)
    words = np.zeros(len(bits), np.int64)
    word = 0
    for length in range(1, MAX_LENGTH + 1):
        of_length = np.flatnonzero(bits == length)
        words[of_length] = word + np.arange(len(of_length))
        word = (word + len(of_length)) * 2
    return words


def checked_lengths(code_lengths: Any) -> NDArray[np.uint8]:
    """Return the lengths of a complete prefix code, or raise a `ValueError`."""
    bits = _check.whole_numbers("code_lengths", code_lengths, MAX_LENGTH)
    if bits.ndim != 1 or not 1 <= len(bits) <= MAX_SYMBOLS:
        raise ValueError(f"code_lengths must be a vector of 1..{MAX_SYMBOLS}, got shape {bits.shape}")
    used = bits[bits > 0].astype(np.int64)
    whole = 1 << MAX_LENGTH
    taken = int((whole >> used).sum())
    lone = len(used) == 1 and used[0] == 1
    if len(used) and taken != whole and not lone:
        raise ValueError(f"code_lengths must make a complete prefix code, they take {taken / whole:g} of one")
    return bits


def pack_table(code_lengths: Any) -> bytes:
    """Write a table as bytes: 4 bits per symbol, the lower half of a byte first."""
    bits = checked_lengths(code_lengths)
    halves = np.append(bits, np.zeros(len(bits) % 2, np.uint8))
    return (halves[::2] | halves[1::2] << TABLE_BITS).tobytes()


def unpack_table(data: bytes, symbols: int) -> NDArray[np.uint8]:
    """Lengths from `pack_table`, for a known number of symbols.

    Raises
    ------
    ValueError
        When the table has another size or its lengths make no code.
    """
    if len(data) != (symbols + 1) // 2:
        raise ValueError(f"a table of {symbols} symbols must have {(symbols + 1) // 2} bytes, has {len(data)}")
    pairs = np.frombuffer(data, np.uint8)
    halves = np.stack([pairs & MAX_LENGTH, pairs >> TABLE_BITS], axis=1).ravel()
    if halves[symbols:].any():
        raise ValueError(f"a table of {symbols} symbols must end with 4 bits of zero, has {halves[-1]}")
    return checked_lengths(halves[:symbols])


def encode_symbols(symbols: Any, code_lengths: Any) -> bytes:
    """Write symbols one after another, filling the last byte up with zeros.

    Raises
    ------
    ValueError
        When a symbol has no codeword.
    """
    bits, words = checked_lengths(code_lengths), codewords(code_lengths)
    given = _check.whole_numbers("symbols", symbols, len(bits) - 1)
    size = bits[given].astype(np.int64)
    if not size.all():
        raise ValueError(f"each symbol must have a codeword, {given[np.argmin(size)]} has none")
    ends = np.cumsum(size)
    places = np.repeat(ends, size) - 1 - np.arange(size.sum())  # bits of the same word that follow
    return np.packbits(np.repeat(words[given], size) >> places & 1).tobytes()


def decode_symbols(data: bytes, count: int, code_lengths: Any) -> NDArray[np.uint8]:
    """Read `count` symbols that `encode_symbols` wrote.

    Raises
    ------
    ValueError
        When the data end too soon, hold a word that is none, or have something behind the last symbol.
    """
    bits = checked_lengths(code_lengths)
    count = _check.integer("count", count, 0, 8 * len(data))  # a symbol takes a bit or more
    order = np.lexsort((np.arange(len(bits)), bits))
    ranked = order[bits[order] > 0]
    of_length = np.bincount(bits[bits > 0], minlength=MAX_LENGTH + 1)
    symbols = np.empty(count, np.uint8)
    read = _decode(np.frombuffer(data, np.uint8), of_length, ranked, symbols)
    if read < 0:
        raise ValueError(f"the data must hold {count} symbols, symbol {-read - 1} of them cannot be read")
    rest = np.unpackbits(np.frombuffer(data, np.uint8)[read // 8 :])[read % 8 :]
    if len(rest) >= 8 or rest.any():
        raise ValueError(f"the data must end with bit {read}, filled up with zeros to a byte; {len(rest)} bits follow")
    return symbols


@Kernel
def _decode(data, of_length, ranked, symbols):  # type: ignore[no-untyped-def]
    """Read all symbols; return the bits read, or -1 - i when symbol i cannot be read."""
    at = 0
    for i in range(len(symbols)):
        word = first = before = length = 0  # first word of this length, and how many words are shorter
        while True:
            length += 1
            if length >= len(of_length) or at >= 8 * len(data):
                return -1 - i
            word = 2 * word + (data[at >> 3] >> (7 - (at & 7)) & 1)
            at += 1
            if word - first < of_length[length]:
                symbols[i] = ranked[before + word - first]
                break
            before += of_length[length]
            first = 2 * (first + of_length[length])
    return at
