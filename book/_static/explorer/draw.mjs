// Pruned layers and inputs drawn at random, from the statistics that eie/synthetic.py draws from: each row and each column
// has a normal rate of its own, and cell (i, j) is kept with probability density x row rate i x column rate j.
// The random numbers are others than the library's, so a layer here is another draw of the same kind.

import { Exponentials, RandomBits } from "./random.mjs";

const STREAMS = { rates: 1, leaps: 2, kept: 3, inputs: 4 };
const WHOLE = 2 ** 32;

/**
 * Draw a pruned layer; see cycles.mjs for its fields. Time and memory go with the entries drawn.
 *
 * @param nOut, nIn Rows and columns.
 * @param density Expected fraction of the weights kept, 0..1.
 * @param seed The same seed draws the same layer.
 * @param spread { rowCv, columnCv, biasDensity }, as in the library's Spread.
 */
export function drawLayer(nOut, nIn, density, seed, spread) {
  const bits = new RandomBits(seed, STREAMS.rates);
  const [rowRate, columnRate] = fitting(rates(bits, nOut, spread.rowCv), rates(bits, nIn, spread.columnCv), density);
  const expected = nOut * nIn * density;
  const room = Math.ceil(expected + 10 * Math.sqrt(expected) + 100); // ten standard deviations are never exceeded
  const rows = new (nOut <= 2 ** 16 ? Uint16Array : Int32Array)(room + nOut);
  const indptr = new Int32Array(nIn + 2);
  drawColumns(
    rowRate,
    columnRate.map((rate) => rate * density),
    seed,
    rows,
    indptr,
  );
  let end = indptr[nIn];
  for (let i = 0; i < nOut; i++) if (bits.uniform() <= spread.biasDensity) rows[end++] = i;
  indptr[nIn + 1] = end;
  return { nOut, nIn, hasBias: true, indptr, rows: rows.subarray(0, end) };
}

/** Fill rows and indptr, leaping from candidate to candidate at the likeliest row's rate; the others stay in proportion. */
function drawColumns(rowRate, columnRate, seed, rows, indptr) {
  const leaps = new Exponentials(new RandomBits(seed, STREAMS.leaps));
  const chances = new RandomBits(seed, STREAMS.kept);
  const top = highest(rowRate);
  const kept = Uint32Array.from(rowRate, (rate) => (rate / top) * (WHOLE - 1)); // a candidate stays up to this
  const nOut = rowRate.length;
  let leap = leaps.refill();
  let chance = chances.refill();
  let at = 0;
  let end = 0;
  for (let j = 0; j < columnRate.length; j++) {
    const rate = columnRate[j] * top;
    const meanLeap = rate < 1 ? -1 / Math.log1p(-rate) : 0;
    let i = rate > 0 ? -1 : nOut;
    while (i < nOut) {
      if (at === leap.length) {
        leap = leaps.refill();
        chance = chances.refill();
        at = 0;
      }
      const far = leap[at] * meanLeap;
      if (far >= nOut - i - 1) i = nOut;
      else {
        i += 1 + (far | 0);
        if (chance[at] <= kept[i]) rows[end++] = i;
      }
      at++;
    }
    indptr[j + 1] = end;
  }
}

/** The order in which inputs become non-zero as their density rises: a random one for each seed. */
export function inputOrder(nIn, seed) {
  const bits = new RandomBits(seed, STREAMS.inputs);
  const order = Int32Array.from({ length: nIn }, (_, j) => j);
  for (let j = nIn - 1; j > 0; j--) {
    const other = Math.floor((bits.next() / WHOLE) * (j + 1));
    [order[j], order[other]] = [order[other], order[j]];
  }
  return order;
}

/** Inputs that are not zero, rising: exactly round(density x nIn) of them. */
export function activeInputs(order, density) {
  return order.slice(0, Math.round(density * order.length)).sort();
}

/** n normal rates of mean 1, none negative. */
function rates(bits, n, cv) {
  const drawn = Float64Array.from({ length: n }, () => Math.max(1 + cv * bits.normal(), 0));
  const mean = drawn.reduce((sum, rate) => sum + rate, 0) / n || 1;
  return drawn.map((rate) => rate / mean);
}

/** The rates, drawn towards 1 until no cell's probability passes 1: a full matrix has no spread. */
function fitting(rowRate, columnRate, density) {
  const [row, column] = [highest(rowRate) - 1, highest(columnRate) - 1];
  if (density * (1 + row) * (1 + column) <= 1) return [rowRate, columnRate];
  const [a, b, c] = [row * column, row + column, 1 - 1 / density];
  const t = c < 0 ? (-2 * c) / (b + Math.sqrt(b * b - 4 * a * c)) : 0;
  return [rowRate, columnRate].map((drawn) => drawn.map((rate) => 1 + t * (rate - 1)));
}

function highest(values) {
  return values.reduce((most, value) => Math.max(most, value), 0);
}
