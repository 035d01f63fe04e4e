// Pruned layers and inputs drawn at random, from the statistics that eie/explore/synthetic.py draws from: each row and each column
// has a normal rate of its own, and cell (i, j) is kept with probability density x row rate i x column rate j, nearly.
// The random numbers are others than the library's, so a layer here is another draw of the same kind.

import { Exponentials, RandomBits } from "./random.mjs";

const STREAMS = { rates: 1, leaps: 2, inputs: 3 };
const WHOLE = 2 ** 32;
const STEPS_A_ROW = 4;

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
  if (density > 0) (density < 1 ? drawColumns : fillColumns)(rowRate, columnRate, density, seed, rows, indptr);
  let end = indptr[nIn];
  for (let i = 0; i < nOut; i++) if (bits.uniform() <= spread.biasDensity) rows[end++] = i;
  indptr[nIn + 1] = end;
  return { nOut, nIn, hasBias: true, indptr, rows: rows.subarray(0, end) };
}

/**
 * Fill rows and indptr from the hits of a Poisson process: a cell of hazard h is hit with probability 1 - exp(-h), which
 * costs one random number a hit and none for the cells between. Row i has the hazard -log(1 - d r) for its rate r and the
 * density d, and column j so many times it that a row of rate 1 is kept with d c. So d r c is off only where row and
 * column both stand out, and there by the product of three small numbers.
 */
function drawColumns(rowRate, columnRate, density, seed, rows, indptr) {
  const leaps = new Exponentials(new RandomBits(seed, STREAMS.leaps));
  const until = cumulated(rowRate.map((rate) => hazard(density * rate)));
  const total = until.at(-1);
  const steps = (STEPS_A_ROW * until.length) / total;
  const near = firstRows(until, steps);
  let leap = leaps.refill();
  let at = 0;
  let end = 0;
  for (let j = 0; j < columnRate.length; j++) {
    const meanLeap = hazard(density) / hazard(density * columnRate[j]);
    for (let place = 0, last = -1; ;) {
      if (at === leap.length) {
        leap = leaps.refill();
        at = 0;
      }
      place += leap[at++] * meanLeap;
      if (!(place < total)) break;
      let i = near[(place * steps) | 0];
      while (until[i] <= place) i++;
      rows[end] = i;
      end += i > last ? 1 : 0; // a row that is hit again is kept once
      last = i;
    }
    indptr[j + 1] = end;
  }
}

/** Hazard of a cell that is kept with this probability; 40 is as good as certain. */
function hazard(probability) {
  return Math.min(-Math.log1p(-Math.min(probability, 1)), 40);
}

function cumulated(values) {
  let sum = 0;
  return values.map((value) => (sum += value));
}

/** For each step along the hazards, the first row that ends beyond it: where to start looking for a place. */
function firstRows(until, steps) {
  const near = new Int32Array(STEPS_A_ROW * until.length + 1);
  for (let step = 0, i = 0; step < near.length; step++) {
    while (i < until.length - 1 && until[i] <= step / steps) i++;
    near[step] = i;
  }
  return near;
}

/** Fill rows and indptr with a matrix from which nothing is pruned. */
function fillColumns(rowRate, columnRate, density, seed, rows, indptr) {
  const nOut = rowRate.length;
  for (let j = 0; j < columnRate.length; j++) {
    for (let i = 0; i < nOut; i++) rows[j * nOut + i] = i;
    indptr[j + 1] = (j + 1) * nOut;
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
