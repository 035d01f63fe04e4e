// What happens in every cycle of a small run: for the animation, which shows it step by step.

import { finished, scan, simulate } from "./cycles.mjs";

/**
 * Run a small layer and keep everything.
 *
 * @returns { cycles, report, sent }, where `sent[k]` is broadcast k: its `column`, the cycle in which the scan had it
 *   `ready`, the `cycle` it was sent in, and for each PE the cycle in which it was `taken` and its `work`: for each entry
 *   whether it is real (true) or a padding zero (false).
 */
export function trace(layer, active, machine, pipelineCycles) {
  const { idle } = scan(active, layer.nIn, machine.nPe, layer.hasBias);
  const sent = [];
  const watch = ({ column, cycle, rows, start, end, free }) => {
    const ready = (sent.length ? sent.at(-1).cycle + 1 : 0) + idle[sent.length];
    const taken = Array.from(free, (until, p) => until - Math.max(end[p] - start[p], 1));
    sent.push({ column, ready, cycle, taken, work: workOf(rows, machine) });
  };
  const report = finished(simulate(layer, active, machine, pipelineCycles, watch));
  return { report, sent, cycles: report.cycles };
}

/** For each PE the entries of a column in order: true where there is a weight, false where there is a padding zero. */
function workOf(rows, { nPe, indexBits }) {
  const work = Array.from({ length: nPe }, () => []);
  const last = new Array(nPe).fill(-1);
  for (const row of rows) {
    const [p, local] = [row % nPe, Math.floor(row / nPe)];
    const fillers = (local - last[p] - 1) >> indexBits;
    work[p].push(...new Array(fillers).fill(false), true);
    last[p] = local;
  }
  return work;
}

/**
 * What one PE does in one cycle.
 *
 * @returns { state, column, entry, of, queue }: state is "work", "padding", "empty" (a column without entries costs the
 *   cycle in which that is found out), "starved" (nothing to take) or "done"; `queue` holds the columns that wait.
 */
export function stateOf({ sent }, p, cycle) {
  const queue = sent.filter((one) => one.cycle < cycle && one.taken[p] >= cycle);
  const waiting = queue.map((one) => ({ column: one.column, leaves: one.taken[p] === cycle }));
  const now = sent.findLast((one) => one.taken[p] <= cycle);
  const into = now ? cycle - now.taken[p] : 0;
  if (now && into < Math.max(now.work[p].length, 1)) {
    const state = now.work[p].length === 0 ? "empty" : now.work[p][into] ? "work" : "padding";
    return { state, column: now.column, entry: into + 1, of: now.work[p].length, queue: waiting };
  }
  const isLast = now === sent.at(-1);
  return { state: isLast ? "done" : "starved", queue: waiting };
}

/**
 * What the control unit does in one cycle.
 *
 * @returns { state, column, full }: state is "send", "search" (the scan has not found the next input yet), "wait" (with
 *   the PEs whose queues are `full`) or "done".
 */
export function controlOf({ sent }, cycle, fifoDepth) {
  const next = sent.findIndex((one) => one.cycle >= cycle);
  if (next < 0) return { state: "done" };
  const { column } = sent[next];
  if (sent[next].cycle === cycle) return { state: "send", column };
  if (cycle < sent[next].ready) return { state: "search" };
  const oldest = sent[next - (fifoDepth - 1)];
  const full = oldest.taken.flatMap((taken, p) => (taken >= cycle ? [p] : []));
  return { state: "wait", column, full };
}
