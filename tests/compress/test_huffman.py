import heapq
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eie.compress import huffman

COUNTS = st.lists(st.integers(0, 10**6), min_size=1, max_size=40).filter(any)
SYMBOLS = st.lists(st.integers(0, 255), max_size=300)


def shortest(counts):
    """Bits that Huffman's own tree takes: the sum of all its inner nodes."""
    heap = [count for count in counts if count]
    if len(heap) == 1:
        return heap[0]
    heapq.heapify(heap)
    total = 0
    while len(heap) > 1:
        both = heapq.heappop(heap) + heapq.heappop(heap)
        total += both
        heapq.heappush(heap, both)
    return total


def words_of(lengths):
    """Codewords as text."""
    return [
        f"{word:0{size}b}" if size else None
        for word, size in zip(huffman.codewords(lengths), map(int, lengths), strict=True)
    ]


@given(COUNTS)
def test_is_as_short_as_huffmans_tree(counts):
    # counts up to a million over up to 40 symbols can need words of more than 15 bits; the bound is tested below
    lengths = huffman.lengths(counts)
    total = huffman.total_bits(counts, lengths)
    assert total >= shortest(counts)
    if lengths.max() < huffman.MAX_LENGTH:
        assert total == shortest(counts)


def test_long_words_are_bounded():
    fibonacci = [1, 1]
    while len(fibonacci) < 24:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    lengths = huffman.lengths(fibonacci)
    assert lengths.max() == huffman.MAX_LENGTH
    assert shortest(fibonacci) < huffman.total_bits(fibonacci, lengths) < 1.001 * shortest(fibonacci)


def best_of_all(counts, longest):
    """Fewest bits over every choice of lengths that a prefix code can have."""
    choices = product(range(1, longest + 1), repeat=len(counts))
    fits = (lengths for lengths in choices if sum(2.0**-length for length in lengths) <= 1)
    return min(sum(map(int.__mul__, counts, lengths)) for lengths in fits)


@pytest.mark.parametrize("longest", [3, 4])
def test_bounded_words_are_the_best_there_are(monkeypatch, longest):
    monkeypatch.setattr(huffman, "MAX_LENGTH", longest)
    for counts in ([1, 1, 2, 4, 8], [1, 2, 3, 5, 8], [1, 1, 1, 1, 50], [9, 9, 9, 9, 9], [1, 10, 20, 21, 100]):
        assert huffman.total_bits(counts, huffman.lengths(counts)) == best_of_all(counts, longest)


def test_hand_solved():
    assert huffman.lengths([4, 2, 1, 1]).tolist() == [1, 2, 3, 3]
    assert words_of([1, 2, 3, 3]) == ["0", "10", "110", "111"]
    assert words_of([3, 1, 3, 2]) == ["110", "0", "111", "10"]
    assert huffman.encode_symbols([0, 1, 2, 3, 0], [1, 2, 3, 3]) == bytes([0b01011011, 0b10000000])
    assert huffman.pack_table([1, 2, 3, 3]) == bytes([0x21, 0x33])


@given(COUNTS)
def test_no_word_begins_another(counts):
    words = sorted(word for word in words_of(huffman.lengths(counts)) if word)
    assert all(not b.startswith(a) for a, b in pairwise(words))


@settings(deadline=None)  # the first call compiles
@given(SYMBOLS)
def test_round_trip(symbols):
    lengths = huffman.lengths(np.bincount(np.array(symbols, np.int64), minlength=256))
    data = huffman.encode_symbols(np.array(symbols, np.uint8), lengths)
    bits = sum(int(lengths[symbol]) for symbol in symbols)
    assert len(data) == -(-bits // 8)
    again = huffman.unpack_table(huffman.pack_table(lengths), 256)
    assert huffman.decode_symbols(data, len(symbols), again).tolist() == symbols


def test_lone_symbol_and_none():
    assert huffman.lengths([0, 7, 0]).tolist() == [0, 1, 0]
    assert huffman.decode_symbols(huffman.encode_symbols([1, 1, 1], [0, 1, 0]), 3, [0, 1, 0]).tolist() == [1, 1, 1]
    assert huffman.lengths([0, 0]).tolist() == [0, 0]
    assert huffman.encode_symbols([], [0, 0]) == b""
    assert huffman.decode_symbols(b"", 0, [0, 0]).tolist() == []


@settings(deadline=None)
@given(st.binary(max_size=40), st.integers(0, 400), st.binary(min_size=8, max_size=8))
def test_damaged_data_are_refused_or_read(data, count, table):
    try:
        symbols = huffman.decode_symbols(data, count, huffman.unpack_table(table, 16))
    except ValueError:
        return
    assert len(symbols) == count


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: huffman.lengths([]), "1..256"),
        (lambda: huffman.lengths([1, -1]), "0 or more"),
        (lambda: huffman.codewords([1, 1, 1]), "1.5 of one"),
        (lambda: huffman.codewords([1, 2]), "0.75 of one"),
        (lambda: huffman.codewords([16, 1]), "0..15, got 16"),
        (lambda: huffman.encode_symbols([1], [1, 0]), "1 has none"),
        (lambda: huffman.decode_symbols(b"\x00", 9, [1, 1]), "0..8, got 9"),
        (lambda: huffman.decode_symbols(b"\xff", 8, [1, 2, 3, 3]), "symbol 2 of them"),
        (lambda: huffman.decode_symbols(b"\x80", 1, [1, 0]), "symbol 0 of them"),
        (lambda: huffman.decode_symbols(b"\x01", 1, [1, 1]), "7 bits follow"),
        (lambda: huffman.decode_symbols(b"\x00\x00", 1, [1, 1]), "15 bits follow"),
        (lambda: huffman.unpack_table(b"\x21", 4), "must have 2 bytes, has 1"),
        (lambda: huffman.unpack_table(b"\x11\x10", 3), "end with 4 bits of zero"),
    ],
)
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()
