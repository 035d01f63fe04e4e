// Pruned layers and inputs drawn at random, from the statistics that eie/explore/synthetic.py draws from: each row and each
// column has a gamma distributed rate, and a cell is kept with probability 1 - exp(-h x row rate x column rate).
// The random numbers are others than the library's, so a layer here is another draw of the same kind.

import { Exponentials, RandomBits } from "./random.mjs";

const STREAMS = { rates: 1, leaps: 2, inputs: 3 };
const WHOLE = 2 ** 32;
const STEPS_A_ROW = 4;
const GROUPS = 64;
const BLOCK = 2 ** 16; // rows
const MAX_CV = 1; // of rates; more is needed only where hardly a cell is empty

/**
 * Draw a pruned layer; see cycles.mjs for its fields. Each call of `columns` draws the same ones anew, in the order in
 * which they are read, so that a layer needs no memory; `kept` keeps them.
 *
 * @param nOut, nIn Rows, 65536 at most, and columns.
 * @param density Expected fraction of the weights kept, 0..1.
 * @param seed The same seed draws the same layer.
 * @param spread { row, column, biasDensity, minDensity, shapes }, the fit of the library's typical_spread.
 */
export function drawLayer(nOut, nIn, density, seed, spread) {
  const bits = new RandomBits(seed, STREAMS.rates);
  const { rowCv, columnCv } = typicalSpread(nOut, nIn, density, spread);
  const narrowed = density < 1 ? (hazard(density) * (1 - density)) / Math.max(density, spread.minDensity) : 1;
  const [rowRate, columnRate] = [
    rates(bits, nOut, Math.min(rowCv / narrowed, MAX_CV)),
    rates(bits, nIn, Math.min(columnCv / narrowed, MAX_CV)),
  ];
  const all = Uint16Array.from({ length: nOut }, (_, i) => i);
  const bias = all.filter(() => bits.uniform() <= spread.biasDensity);
  const isPruned = density > 0 && density < 1;
  const factor = isPruned ? commonHazard(averaged(rowRate), averaged(columnRate), density) : 0;
  const columns = () => {
    const draw = isPruned ? columnDrawer(rowRate, columnRate, factor, seed) : () => (density ? all : all.subarray(0, 0));
    let column = 0;
    return () => (column < nIn ? draw(column++) : bias);
  };
  return { nOut, nIn, hasBias: true, columns };
}

/** The same layer, with each column kept once it has been read: side by side in blocks, which is faster to read again. */
export function kept(layer) {
  const draw = layer.columns();
  const found = [];
  let block = new Uint16Array(0);
  let used = 0;
  const keep = (rows) => {
    if (used + rows.length > block.length) {
      block = new Uint16Array(Math.max(BLOCK, rows.length));
      used = 0;
    }
    block.set(rows, used);
    used += rows.length;
    return block.subarray(used - rows.length, used);
  };
  const columns = () => {
    let column = 0;
    return () => {
      if (column === found.length) found.push(keep(draw()));
      return found[column++];
    };
  };
  return { ...layer, columns };
}

/** Spread of the entries of real pruned layers of a size and density: the library's typical_spread, the median. */
export function typicalSpread(nOut, nIn, density, spread) {
  const odds = 1 / Math.max(density, spread.minDensity) - 1;
  const shape = Math.min(Math.max(nOut / nIn, spread.shapes[0]), spread.shapes[1]);
  const [rowCv, columnCv] = [spread.row, spread.column].map(([a, b, c]) => a * odds ** b * shape ** c);
  return { rowCv, columnCv };
}

/**
 * A function that draws the columns one after the other from the hits of a Poisson process: a cell of hazard h is hit
 * with probability 1 - exp(-h), which costs one random number a hit and none for the cells between.
 */
function columnDrawer(rowRate, columnRate, factor, seed) {
  const leaps = new Exponentials(new RandomBits(seed, STREAMS.leaps));
  const until = cumulated(rowRate.map((rate) => factor * rate));
  const total = until.at(-1);
  const steps = (STEPS_A_ROW * until.length) / total;
  const near = firstRows(until, steps);
  const rows = new Uint16Array(until.length + 1);
  let block = leaps.refill();
  let used = 0;
  return (column) => {
    const meanLeap = 1 / columnRate[column];
    let [leap, at, end] = [block, used, 0]; // the loop is faster with variables of its own
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
    [block, used] = [leap, at];
    return rows.subarray(0, end);
  };
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

/** Hazard of a cell of rates 1 that gives a density, by Newton's method; see the library's _hazard. */
function commonHazard(rowRate, columnRate, density) {
  let found = hazard(density);
  for (let step = 1, n = 0; n < 50 && Math.abs(step) > 1e-9 * found; n++) {
    let [spared, slope] = [0, 0];
    for (const row of rowRate) {
      for (const column of columnRate) {
        const left = Math.exp(-found * row * column);
        spared += left;
        slope += left * row * column;
      }
    }
    step = ((density - 1) * rowRate.length * columnRate.length + spared) / Math.max(slope, 1e-300);
    found = Math.min(found + step, 40);
  }
  return found;
}

/** Rates averaged over groups of similar ones. */
function averaged(all) {
  if (all.length <= GROUPS) return all;
  const sorted = Float64Array.from(all).sort();
  const edge = (group) => Math.floor((group * all.length) / GROUPS);
  return Float64Array.from({ length: GROUPS }, (_, group) => {
    const part = sorted.subarray(edge(group), edge(group + 1));
    return part.reduce((sum, rate) => sum + rate, 0) / part.length;
  });
}

/** n gamma distributed rates of mean 1. */
function rates(bits, n, cv) {
  const drawn = Float64Array.from({ length: n }, () => (cv ? cv * cv * gamma(bits, 1 / (cv * cv)) : 1));
  const mean = drawn.reduce((sum, rate) => sum + rate, 0) / n || 1;
  return drawn.map((rate) => rate / mean);
}

/** A gamma distributed number of a shape of 1 or more (Marsaglia and Tsang, 2000). */
function gamma(bits, shape) {
  const d = shape - 1 / 3;
  for (;;) {
    const x = bits.normal();
    const v = (1 + x / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && Math.log(bits.uniform()) < x * x / 2 + d * (1 - v + Math.log(v))) return d * v;
  }
}
