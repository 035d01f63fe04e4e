// The exact timing of one layer on an array of PEs: what eie/interleaved.py and eie/cycles.py do, in one pass over the
// columns. With b[k] the cycle of broadcast k, r[p, k] the cycle in which PE p takes it from its queue, and n[p, k] the
// entries that PE p holds for it,
//
//   b[k]    = max(scanReady[k], max over p of r[p, k - (D - 1)] + 1)
//   r[p, k] = max(b[k] + 1, r[p, k - 1] + max(n[p, k - 1], 1))
//   cycles  = max over p of (r[p, K - 1] + max(n[p, K - 1], 1)) + pipelineCycles
//
// A layer is { nOut, nIn, hasBias, columns }: `columns()` gives a function that returns the rows kept in the next column,
// rising, at each call; the bias, where there is one, is the last column. What it returned before may then be overwritten.
// A machine is { nPe, fifoDepth, entriesPerRow, indexBits }.

const COLUMNS_A_STEP = 32;

/**
 * Columns in the order of their broadcasts, and the cycles that the scan wastes before each.
 *
 * Input j sits in bank j % nPe at address j / nPe. Going on to the next address costs a cycle unless the last broadcast
 * came from the last bank, and an address without a non-zero costs one.
 */
export function scan(active, nIn, nPe, hasBias) {
  const n = active.length + (hasBias ? 1 : 0);
  const columns = new Int32Array(n);
  const idle = new Int32Array(n);
  columns.set(active);
  if (hasBias) columns[n - 1] = nIn;
  let address = 0;
  let fromLastBank = false;
  for (let k = 0; k < n; k++) {
    const place = k < active.length ? active[k] : Math.ceil(nIn / nPe) * nPe;
    const next = Math.floor(place / nPe);
    idle[k] = next - address - (next > address && fromLastBank ? 1 : 0);
    address = next;
    fromLastBank = place % nPe === nPe - 1;
  }
  return { columns, idle };
}

/**
 * Time one layer on one vector, exactly, one column after the other; now and then it yields the fraction that is done.
 *
 * @param layer The layer.
 * @param active Inputs that are not zero, rising.
 * @param machine The machine.
 * @param pipelineCycles Cycles in which the pipeline empties.
 * @param watch Called after each broadcast with { column, cycle, rows, start, end, free }: PE p holds the entries start[p]
 *   to end[p] of the column and is free again in cycle free[p]. The arrays are the machine's own; copy what is kept.
 * @returns Counters with the names and meanings of the library's CycleReport, and `fullest`, the entries of the PE that
 *   holds the most.
 */
export function* simulate(layer, active, machine, pipelineCycles, watch = null) {
  const { nPe, fifoDepth, entriesPerRow } = machine;
  const { columns, idle } = scan(active, layer.nIn, nPe, layer.hasBias);
  const nColumns = layer.nIn + (layer.hasBias ? 1 : 0);
  const rowsOfNext = layer.columns();
  const deal = dealer(layer.nOut, machine);
  const holds = fifoDepth - 1;
  const taken = new Int32Array(holds).fill(-1); // the cycle in which the last PE took each of the latest broadcasts
  const free = new Int32Array(nPe); // the cycle from which each PE can take its next activation
  const row = new Int32Array(nPe).fill(-1); // the Spmat row that each PE read last
  const start = new Int32Array(nPe);
  const end = new Int32Array(nPe);
  let [broadcast, k, macs, entries, spmatReads] = [-1, 0, 0, 0, 0];
  for (let column = 0; column < nColumns; column++) {
    const rows = rowsOfNext();
    start.set(end);
    deal(rows, end);
    if (column === columns[k]) {
      broadcast = Math.max(broadcast + 1 + idle[k], taken[k % holds] + 1);
      taken[k % holds] = take(start, end, broadcast, free);
      spmatReads += read(start, end, entriesPerRow, row);
      entries += total(start, end);
      macs += rows.length;
      if (watch) watch({ column, cycle: broadcast, rows, start, end, free });
      k++;
    }
    if (column % COLUMNS_A_STEP === 0) yield column / nColumns;
  }
  const sent = columns.length;
  const cycles = sent ? highest(free) + pipelineCycles : Math.ceil(layer.nIn / nPe);
  const padding = entries - macs;
  return { cycles, broadcasts: sent, macs, padding, ptrReads: sent * nPe, spmatReads, fullest: highest(end) };
}

/** What a generator returns, at once. */
export function finished(work) {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

/** A function that adds the entries of one column, padding counted, to the pointers of the PEs that hold them. */
function dealer(nOut, { nPe, indexBits }) {
  const peOf = new Int32Array(nOut);
  const localOf = new Int32Array(nOut);
  for (let i = 0; i < nOut; i++) {
    peOf[i] = i % nPe;
    localOf[i] = Math.floor(i / nPe);
  }
  const last = new Int32Array(nPe);
  return (rows, pointers) => {
    last.fill(-1);
    for (let e = 0; e < rows.length; e++) {
      const p = peOf[rows[e]];
      const local = localOf[rows[e]];
      pointers[p] += 1 + ((local - last[p] - 1) >> indexBits);
      last[p] = local;
    }
  };
}

/** Every PE takes the broadcast when it is free; the cycle in which the last one does. */
function take(start, end, broadcast, free) {
  let latest = 0;
  for (let p = 0; p < free.length; p++) {
    const cycle = Math.max(broadcast + 1, free[p]);
    free[p] = cycle + Math.max(end[p] - start[p], 1);
    latest = Math.max(latest, cycle);
  }
  return latest;
}

/** Every PE reads the Spmat rows of its column that it does not hold already; how many those are. */
function read(start, end, entriesPerRow, row) {
  const rowsPerEntry = 1 / entriesPerRow; // half an entry keeps the product clear of whole numbers
  let reads = 0;
  for (let p = 0; p < row.length; p++) {
    if (end[p] === start[p]) continue;
    const first = ((start[p] + 0.5) * rowsPerEntry) | 0;
    const last = ((end[p] - 0.5) * rowsPerEntry) | 0;
    reads += last - first + (first === row[p] ? 0 : 1);
    row[p] = last;
  }
  return reads;
}

function total(start, end) {
  let sum = 0;
  for (let p = 0; p < end.length; p++) sum += end[p] - start[p];
  return sum;
}

function highest(values) {
  return values.reduce((most, value) => Math.max(most, value), 0);
}
