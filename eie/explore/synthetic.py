"""Pruned layers and activations drawn at random, with the unevenness of real ones.

The entries of a real pruned layer are not spread evenly: they vary over its rows and columns by far more than chance.
So each row and each column gets a rate, and a cell is kept if it is hit at least once by random hits of the hazard
h x row rate x column rate, that is with probability 1 - exp(-hazard). Rates are gamma distributed with mean 1: the
entries per row and column of real pruned layers are skewed as those are. `eie.explore.spread` says by how
much they vary.

Hits cost a random number each, and cells without one cost nothing: a column's number of hits is Poisson distributed,
and Walker's alias method (1977) finds the row of each. Bits of words mark which rows were hit.
"""

from __future__ import annotations

from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie import _check
from eie._bits import ones
from eie._compile import Kernel, Part, pays
from eie._uncompiled import drawing
from eie.explore.spread import MAX_CV, Spread, resolved
from eie.layer import MAX_SIZE, CompressedLayer

MAX_DRAWN = 2**28
"""Rows, columns, and entries of a drawn layer: it and what is needed to draw it stay below 4 GB."""

MAX_HITS = 8.0
"""Hits per entry, on average; the usual spreads need less than two."""

_HITS_AT_ONCE = 2**18
"""Hits whose random numbers are drawn in one go; they stay in the cache."""

HIT_SECONDS, CELL_SECONDS, ROW_SECONDS = 2e-8, 5e-9, 5e-7
"""Times that NumPy takes to draw a hit, to look at a cell for whether it is pruned, and to pair a row (on a Zen 5)."""

_GROUPS = 64
"""Rates are averaged over so many groups where the mean over all cells is computed."""


def draw_layer(
    n_out: int,
    n_in: int,
    density: float,
    seed: int | np.random.SeedSequence,
    spread: Spread | float | None = None,
    *,
    bias: bool = True,
    weight_bits: int = 4,
) -> CompressedLayer:
    """Draw a pruned layer. Memory and time grow with the entries drawn, not with `n_out` x `n_in`.

    Parameters
    ----------
    n_out, n_in : int
        Rows and columns.
    density : float
        Expected fraction of the weights kept, 0..1.
    seed : int or SeedSequence
        Random seed; equal seeds give equal layers.
    spread : Spread or float, optional
        Unevenness, or a percentile of `typical_spread`, 10..90; the median, 50, if left out.
    bias : bool
        Whether the layer has a bias.
    weight_bits : int
        Bits of a code. Codes are uniform over 1 to `2**weight_bits - 1`; their weights are spaced evenly, none is 0.

    Returns
    -------
    CompressedLayer
        The layer; its codebook has evenly spaced weights.

    Raises
    ------
    ValueError
        When a size, the density, the seed or the spread is out of range.
    """
    n_out = _check.integer("n_out", n_out, 1, MAX_DRAWN)
    n_in = _check.integer("n_in", n_in, 1, MAX_DRAWN)
    density = _check.fraction("density", density)
    if density * n_out * n_in > MAX_DRAWN:
        raise ValueError(f"a drawn layer must have at most {MAX_DRAWN} entries, got {density * n_out * n_in:.3g}")
    top = (1 << _check.integer("weight_bits", weight_bits, 1, 8)) - 1
    chosen = resolved(spread, density, n_out / n_in)
    rng = _check.generator(seed)
    indptr, rows, codes = _draw(rng, n_out, n_in, density, chosen, top)
    bias_codes = None
    if bias:
        drawn = rng.integers(1, top + 1, n_out)
        bias_codes = np.where(rng.random(n_out) < chosen.bias_density, drawn, 0).astype(np.uint8)
    weights = even_codebook(n_in * density, weight_bits)
    return CompressedLayer.trusted(n_out, n_in, indptr, rows, codes, weights, bias_codes)


def even_codebook(entries_per_row: float, weight_bits: int = 4) -> NDArray[np.float32]:
    """Make evenly spaced weights, none of them 0, scaled so that a sum over a row of that many stays near 1.

    The first of `2**weight_bits` even steps from -1 to 1 gives way to the padding zero.
    """
    values = np.linspace(-1, 1, 1 << weight_bits) / np.sqrt(max(entries_per_row, 1.0))
    values[0] = 0.0
    return values.astype(np.float32)


def draw_activations(n_in: int, density: float, seed: int | np.random.SeedSequence) -> NDArray[np.float32]:
    """Draw activations as after a ReLU: exactly `round(density * n_in)` of them above 0, at random places.

    Returns
    -------
    float array of shape `(n_in,)`
        The activations.

    Raises
    ------
    ValueError
        When `n_in`, `density` or `seed` is out of range.
    """
    n_in = _check.integer("n_in", n_in, 1, MAX_SIZE)
    n_active = round(_check.fraction("density", density) * n_in)
    rng = _check.generator(seed)
    active = rng.permutation(n_in)[:n_active]  # drawn first: less dense inputs of a seed lie within denser ones
    activations = np.zeros(n_in, np.float32)
    activations[active] = np.abs(rng.standard_normal(n_active)) + 2.0**-6
    return activations


def _draw(
    rng: np.random.Generator, n_out: int, n_in: int, density: float, spread: Spread, top: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint8]]:
    """Draw column pointers, rows and codes."""
    if density in (0.0, 1.0):
        return _all_or_none(rng, n_out, n_in, bool(density), top)
    holes = density > 0.5  # then the places of pruned weights are drawn: there are fewer
    share = 1 - density if holes else density
    wanted = np.array([spread.row_cv, spread.column_cv]) * (density / share)
    row_rate, column_rate = (_rates(rng, n, cv) for n, cv in zip((n_out, n_in), _rate_cvs(share, wanted), strict=True))
    row_rates, columns_each = _by_block(rng, row_rate, n_in, spread, share)
    column_rate *= _hazard(np.outer(*map(_averaged, (row_rates.ravel(), column_rate))), share)
    hits = rng.poisson(column_rate * row_rates.sum(axis=1)[np.arange(n_in) // columns_each])
    return _fill(rng, hits, row_rates, columns_each, holes, top)


def _all_or_none(
    rng: np.random.Generator, n_out: int, n_in: int, kept: bool, top: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint8]]:
    """Return an empty matrix, or one from which nothing is pruned."""
    rows = np.tile(np.arange(n_out, dtype=np.int32), n_in * kept)
    codes = rng.integers(1, top + 1, len(rows), np.uint8)
    return np.arange(n_in + 1, dtype=np.int64) * n_out * kept, rows, codes


def _rates(rng: np.random.Generator, n: int, cv: float) -> NDArray[np.float64]:
    """Draw `n` gamma distributed rates of mean 1."""
    if not cv:
        return np.ones(n)
    rates = rng.gamma(cv**-2, cv**2, n)
    return rates / rates.mean() if rates.any() else np.ones(n)


def _by_block(
    rng: np.random.Generator, row_rate: NDArray[np.float64], n_in: int, spread: Spread, density: float
) -> tuple[NDArray[np.float64], int]:
    """Return the row rates of each block of columns, shape `(blocks, n_out)`, and the columns in a block."""
    if not spread.block_cv:
        return row_rate[np.newaxis], n_in
    shape = (-(-n_in // spread.block_columns), len(row_rate))
    cv, _ = _rate_cvs(density, np.array([spread.block_cv, 0.0]))
    rates = row_rate * rng.gamma(cv**-2, cv**2, shape)
    return rates / np.maximum(rates.mean(axis=1, keepdims=True), 2.0**-1000), spread.block_columns


def _rate_cvs(density: float, wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Find the spread of row and of column rates that gives a spread of entries.

    The entries vary less than the rates, since a cell that is hit twice is kept once; a grid says how much less.
    """
    cvs = wanted.copy()
    for _ in range(4):
        cvs = _bounded(density, cvs)
        grids = [_grid(cv) for cv in cvs]
        cells = np.outer(*grids)
        kept = 1 - np.exp(-_hazard(cells, density) * cells)
        for side in np.flatnonzero(wanted):
            passed_on = kept.mean(axis=1 - side).std() / density / grids[side].std()
            if passed_on:  # else the density is too small for a float next to 1, and no cell is hit twice
                cvs[side] = min(wanted[side] / passed_on, MAX_CV)
    return _bounded(density, cvs)


def _bounded(density: float, cvs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pull the spread of rates in until no more than so many hits an entry are needed: a full row cannot get fuller.

    If the product of both rates were gamma distributed, the density would be 1 - (1 + h v)**(-1 / v) for the hazard h
    and the variance v.
    """
    for _ in range(100):
        variance = (1 + cvs[0] ** 2) * (1 + cvs[1] ** 2) - 1
        if np.expm1(min(-variance * np.log1p(-density), 700.0)) <= variance * MAX_HITS * density:
            break
        cvs = 0.9 * cvs
    return cvs


def _grid(cv: float) -> NDArray[np.float64]:
    """Return gamma distributed rates of mean 1 at even steps of probability (Wilson and Hilferty, 1931)."""
    cv = min(cv, 2.5)  # the approximation has no rate above 0 left from 3 on
    rates = np.maximum(1 - cv**2 / 9 + cv / 3 * _normal_grid(), 0.0) ** 3
    return np.asarray(rates / rates.mean())


@cache
def _normal_grid() -> NDArray[np.float64]:
    return np.array([NormalDist().inv_cdf((k + 0.5) / _GROUPS) for k in range(_GROUPS)])


def _hazard(cells: NDArray[np.float64], density: float) -> float:
    """Find the factor of all cells' rates that gives a density, by Newton's method.

    The density rises ever more slowly with the factor, and that of equal rates is too little; so each step ends below
    the answer.
    """
    hazard = -np.log1p(-density)
    for _ in range(50):
        spared = np.exp(-hazard * cells)
        step = (density - 1 + spared.mean()) / max((cells * spared).mean(), 1e-300)
        hazard = min(hazard + step, 1e6)
        if abs(step) < 1e-9 * hazard:
            break
    return float(hazard)


def _averaged(rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average rates over groups of similar ones, of equal size nearly; each group stands for the same share."""
    if len(rates) <= _GROUPS:
        return rates
    edges = np.linspace(0, len(rates), _GROUPS + 1)[:-1].astype(np.intp)
    return np.add.reduceat(np.sort(rates), edges) / np.diff(np.append(edges, len(rates)))


def _fill(
    rng: np.random.Generator,
    hits: NDArray[np.int64],
    row_rates: NDArray[np.float64],
    columns_each: int,
    holes: bool,
    top: int,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint8]]:
    """Draw the rows that so many hits per column find, or with `holes` those that they do not, and codes for them."""
    n_in, n_out = len(hits), row_rates.shape[1]
    ends = np.cumsum(hits)
    pays(HIT_SECONDS * int(ends[-1]) + CELL_SECONDS * n_in * n_out * holes + ROW_SECONDS * len(row_rates) * n_out)
    indptr = np.zeros(n_in + 1, np.int64)
    room = n_out * n_in if holes else ends[-1]
    rows, codes = np.empty(room + _WRITTEN_AHEAD, np.int32), np.empty(room, np.uint8)
    marked = np.zeros(-(-n_out // 64), np.uint64)
    turned = _turned(n_out, holes)
    first = 0
    while first < n_in:
        block, column = divmod(first, columns_each)
        if not column:
            alias = _alias(row_rates[block])
        before = ends[first] - hits[first]
        last = max(int(np.searchsorted(ends, before + _HITS_AT_ONCE, "right")), first + 1)
        last = min(last, (block + 1) * columns_each, n_in)
        n = int(ends[last - 1] - before)
        keys = rng.integers(2**64, size=2, dtype=np.uint64)
        bits = _random_bits(keys[0], n, 32)
        given = first, hits[first:last], bits, alias, indptr, rows
        if n * 32 < len(marked) * (last - first) and not holes:
            _sort_columns(*given)
        else:
            _mark_columns(*given, marked, turned)
        part = codes[indptr[first] : indptr[last]]
        _draw_codes(_random_bits(keys[1], len(part), 16), top, part)
        first = last
    return indptr, rows[: indptr[-1]], codes[: indptr[-1]]


def _turned(n_out: int, holes: bool) -> NDArray[np.uint64]:
    """Make words of 64 rows with a bit for each row of which the marks are wanted the other way round: all or none."""
    bits = np.zeros(-(-n_out // 64) * 64, np.uint8)
    bits[:n_out] = holes
    return np.packbits(bits, bitorder="little").view("<u8").astype(np.uint64)


def _random_bits(key: np.uint64, n: int, width: int) -> NDArray[Any]:
    """Make `n` or a few more random numbers of so many bits, 16 or 32, from a key; on any machine the same."""
    _mix(key, words := np.empty(-(-n * width // 64), "<u8"))
    return words.view(f"<u{width // 8}")


# Words are of 64 bits, and so are these: numba makes floats of an int64 and a uint64.
_ONE, _WORD, _IN_WORD = np.uint64(1), np.uint64(6), np.uint64(63)
_HALF, _LOW_HALF = np.uint64(32), np.uint64(0xFFFFFFFF)

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST_FACTOR, _SECOND_FACTOR = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_TWENTY_SEVEN, _THIRTY, _THIRTY_ONE = np.uint64(27), np.uint64(30), np.uint64(31)

_WRITTEN_AHEAD = 64
"""Room after the last row: rows of a word are written some at a time, and what is too much is written over."""


@Kernel.after(drawing.mix)
def _mix(key, words):  # type: ignore[no-untyped-def]
    """Fill words with the random numbers of SplitMix64 (Steele, Lea and Flood, 2014); each is made by itself."""
    for i in range(len(words)):
        key += _STEP
        word = (key ^ (key >> _THIRTY)) * _FIRST_FACTOR
        word = (word ^ (word >> _TWENTY_SEVEN)) * _SECOND_FACTOR
        words[i] = word ^ (word >> _THIRTY_ONE)


def _alias(rates: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Make the alias table of rates: a threshold of 32 bits above the other row, for each row."""
    n = len(rates)
    share = rates * (n / max(np.add.accumulate(rates)[-1], 1e-300))  # in order; `sum` adds as a processor likes
    small, large = np.flatnonzero(share < 1.0), np.flatnonzero(share >= 1.0)
    table = np.arange(n, dtype=np.uint64) | (_LOW_HALF << _HALF)
    _pair(share, np.concatenate([small, large[::-1]]), len(small), table)
    return table


@Kernel.after(drawing.pair)
def _pair(share, waiting, n_small, table):  # type: ignore[no-untyped-def]
    """Give each row below its share the rest of one above it. Those below wait from the front, others from the back."""
    n_large = len(share) - n_small
    while n_small > 0 and n_large > 0:
        n_small -= 1
        small, large = waiting[n_small], waiting[len(share) - n_large]
        table[small] = (np.uint64(share[small] * 4294967295.0) << _HALF) | np.uint64(large)
        share[large] -= 1.0 - share[small]
        if share[large] < 1.0:
            n_large -= 1
            waiting[n_small] = large
            n_small += 1


@Kernel.after(drawing.fill_columns)
def _mark_columns(first, hits, bits, alias, indptr, rows, marked, turned):  # type: ignore[no-untyped-def]
    """Fill the rows of columns from `first` on: mark those that are hit in words, then write them and wipe the marks.

    The marks that `turned` has are wanted the other way round: it has all rows, or none.
    """
    at, end, n_out = np.uint64(0), np.uint64(indptr[first]), np.uint64(len(alias))
    for j in range(len(hits)):
        until = at + np.uint64(hits[j])
        for e in range(at, until):
            place = bits[e] * n_out  # from here as in `_row_hit`: numba takes long to put it in
            row = place >> _HALF
            entry = alias[row]
            if (place & _LOW_HALF) > (entry >> _HALF):
                row = entry & _LOW_HALF
            marked[row >> _WORD] |= _ONE << (row & _IN_WORD)
        for w in range(np.uint64(len(marked))):
            word = marked[w] ^ turned[w]
            marked[w] = 0
            after = end + ones(word)
            # Four rows of a word are written before it is asked whether there are more: processors guess that well.
            while True:
                for _ in range(4):
                    below = word - _ONE
                    rows[end] = (w << _WORD) + ones(~word & below)
                    word &= below
                    end += _ONE
                if word == 0:
                    break
            end = after
        at = until
        indptr[first + j + 1] = end


@Kernel.after(drawing.fill_columns)
def _sort_columns(first, hits, bits, alias, indptr, rows):  # type: ignore[no-untyped-def]
    """Fill the rows of high columns with few hits from `first` on: sort those that are hit, and keep each once."""
    at, kept = np.uint64(0), np.uint64(indptr[first])
    for j in range(len(hits)):
        end, n = kept, np.uint64(hits[j])
        for e in range(n):
            rows[end + e] = _row_hit(bits[at + e], alias)
        gap = n >> _ONE
        while gap > 0:  # Shell's sort: numba's own takes a second to compile
            for e in range(gap, n):
                row, place = rows[end + e], np.uint64(e)
                while place >= gap and rows[end + place - gap] > row:
                    rows[end + place] = rows[end + place - gap]
                    place -= gap
                rows[end + place] = row
            gap >>= _ONE
        for e in range(n):
            row = rows[end + e]
            if e == 0 or row != rows[kept - _ONE]:
                rows[kept] = row
                kept += _ONE
        at += n
        indptr[first + j + 1] = kept


@Part
def _row_hit(bits, alias):  # type: ignore[no-untyped-def]
    """Find the row that 32 random bits hit."""
    place = np.uint64(bits) * np.uint64(len(alias))
    row = place >> _HALF
    entry = alias[row]
    below = (place & _LOW_HALF) <= (entry >> _HALF)
    return row if below else entry & _LOW_HALF


@Kernel.after(drawing.draw_codes)
def _draw_codes(bits, top, codes):  # type: ignore[no-untyped-def]
    """Make a code of 1 to `top` from each 16 random bits."""
    for e in range(len(codes)):
        codes[e] = np.uint8(1 + ((np.uint32(bits[e]) * np.uint32(top)) >> np.uint32(16)))
