// The explorer's arithmetic against numbers of the Python library. tests/explorer/test_explorer.py writes them to the
// file that EIE_EXPECTED names, and runs this with `node --test`.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { simulate } from "../../book/_static/explorer/cycles.mjs";
import { activeInputs, drawLayer, inputOrder, typicalSpread } from "../../book/_static/explorer/draw.mjs";
import { area, energy, power } from "../../book/_static/explorer/energy.mjs";
import { controlOf, stateOf, trace } from "../../book/_static/explorer/trace.mjs";
import { Exponentials, RandomBits } from "../../book/_static/explorer/random.mjs";
import { decode, encode, limits, paperSetting } from "../../book/_static/explorer/setting.mjs";

const expected = JSON.parse(readFileSync(process.env.EIE_EXPECTED, "utf8"));
const facts = JSON.parse(readFileSync(new URL("../../book/_static/explorer/facts.json", import.meta.url), "utf8"));

const relative = (a, b) => Math.abs(a - b) / Math.max(Math.abs(b), Number.MIN_VALUE);
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

test(`${expected.cases.length} random cases: every counter equals the library's`, () => {
  for (const { layer, active, machine, report } of expected.cases) {
    assert.deepEqual(simulate(layer, active, machine, facts.pipelineCycles), report);
  }
});

test("watching a run shows when every PE takes each broadcast, and what it then holds", () => {
  for (const { layer, active, machine, timeline } of expected.cases.filter((found) => found.timeline)) {
    const run = trace(layer, active, machine, facts.pipelineCycles);
    assert.deepEqual(
      run.sent.map((sent) => sent.cycle),
      timeline.broadcast,
    );
    assert.deepEqual(
      run.sent.map((sent) => sent.ready),
      timeline.ready,
    );
    assert.deepEqual(
      run.sent.map((sent) => sent.taken),
      timeline.taken,
    );
    assert.deepEqual(
      run.sent.map((sent) => sent.work.map((entries) => entries.map(Number))),
      timeline.real,
    );
  }
});

test("cycle by cycle: queues never overflow, and every entry gets its cycle", () => {
  for (const { layer, active, machine } of expected.cases.filter((found) => found.timeline && found.machine.nPe < 16)) {
    const run = trace(layer, active, machine, facts.pipelineCycles);
    const counts = { work: 0, padding: 0, send: 0 };
    for (let cycle = 0; cycle < run.cycles; cycle++) {
      const control = controlOf(run, cycle, machine.fifoDepth);
      counts[control.state]++;
      if (control.state === "wait") assert.ok(control.full.length > 0);
      for (let p = 0; p < machine.nPe; p++) {
        const { state, queue } = stateOf(run, p, cycle);
        counts[state]++;
        assert.ok(queue.length < machine.fifoDepth);
        if (control.state === "wait") assert.equal(control.full.includes(p), queue.length === machine.fifoDepth - 1);
      }
    }
    const { macs, padding, broadcasts } = run.report;
    assert.deepEqual([counts.work, counts.padding, counts.send], [macs, padding, broadcasts]);
  }
});

test("energy by component, area and power equal the library's", () => {
  for (const found of expected.energies) {
    const { report, layer, nPe, fifoDepth, width, entriesPerRow, clockHz } = found;
    const components = energy(report, layer, nPe, width, clockHz, facts.technology);
    assert.deepEqual(Object.keys(components), Object.keys(found.components));
    for (const [name, joules] of Object.entries(found.components)) {
      assert.ok(relative(components[name], joules) < 1e-12, `${name}: ${components[name]}, not ${joules}`);
    }
    const [mm2, mw] = [
      area(nPe, fifoDepth, width, facts.technology, facts.machine),
      power(nPe, width, entriesPerRow, clockHz, facts.technology, facts.machine),
    ];
    assert.ok(relative(mm2, found.areaMm2) < 1e-12);
    assert.ok(relative(mw, found.powerMw) < 1e-12);
  }
});

for (const { layer, cycles, padding, spmatReads } of expected.layers) {
  test(`${layer.name}: drawn here, it takes the library's time within 2 %`, () => {
    const machine = { ...facts.machine, entriesPerRow: expected.entriesPerRow };
    const reports = expected.seeds.map((seed) => {
      const drawn = drawLayer(layer.nOut, layer.nIn, layer.weightDensity, seed, facts.spread);
      const active = activeInputs(inputOrder(layer.nIn, seed), layer.actDensity);
      return simulate(drawn, active, machine, facts.pipelineCycles);
    });
    for (const [name, wanted] of Object.entries({ cycles, padding, spmatReads })) {
      const found = mean(reports.map((report) => report[name]));
      const slack = Math.max(0.02 * wanted, name === "padding" ? 20 : 0); // some layers have hardly a padding zero
      assert.ok(Math.abs(found - wanted) <= slack, `${name}: ${found}, the library has ${wanted}`);
    }
  });
}

test("a drawn layer has the density asked for, and the spread of the library's", () => {
  const [nOut, nIn, density] = [3000, 3000, 0.1];
  const { indptr, rows } = drawLayer(nOut, nIn, density, 3, facts.spread);
  const { rowCv, columnCv } = typicalSpread(nOut, nIn, density, facts.spread);
  const columns = Array.from({ length: nIn }, (_, j) => indptr[j + 1] - indptr[j]);
  const perRow = new Array(nOut).fill(0);
  for (let e = 0; e < indptr[nIn]; e++) perRow[rows[e]]++;
  assert.ok(relative(mean(columns), density * nOut) < 0.01);
  assert.ok(Math.abs(beyondChance(perRow, nIn) - rowCv) < 0.02);
  assert.ok(Math.abs(beyondChance(columns, nOut) - columnCv) < 0.02);
  assert.ok(Math.abs((indptr[nIn + 1] - indptr[nIn]) / nOut - facts.spread.biasDensity) < 0.02);
});

/** Variation beyond the binomial, as the library's `spread_of` has it. */
function beyondChance(counts, trials) {
  const average = mean(counts);
  const variance = mean(counts.map((count) => (count - average) ** 2));
  return Math.sqrt(Math.max(variance - average * (1 - average / trials), 0)) / average;
}

test("rows of a drawn column rise, whatever the density", () => {
  for (const density of [0, 0.001, 0.5, 0.97, 0.999, 1]) {
    const { indptr, rows } = drawLayer(50, 40, density, 1, facts.spread);
    for (let j = 0; j < 40; j++) {
      const column = [...rows.subarray(indptr[j], indptr[j + 1])];
      assert.ok(column.every((row, n) => row < 50 && (n === 0 || row > column[n - 1])));
    }
    if (density === 0) assert.equal(indptr[40], 0);
    if (density === 1) assert.equal(indptr[40], 50 * 40);
  }
});

test("the same seed draws the same layer, another seed another", () => {
  const drawn = (seed) => [...drawLayer(60, 60, 0.2, seed, facts.spread).rows];
  assert.deepEqual(drawn(5), drawn(5));
  assert.notDeepEqual(drawn(5), drawn(6));
});

test("inputs: exactly as many as asked for, and denser ones hold the less dense", () => {
  const order = inputOrder(1000, 2);
  const [few, many] = [activeInputs(order, 0.1), activeInputs(order, 0.35)];
  assert.deepEqual([few.length, many.length], [100, 350]);
  assert.ok(few.every((input) => many.includes(input)));
  assert.ok(many.every((input, n) => n === 0 || input > many[n - 1]));
});

test("exponential numbers: mean, variance and tail", () => {
  const leaps = new Exponentials(new RandomBits(9));
  const drawn = Array.from({ length: 100 }, () => [...leaps.refill()]).flat();
  const average = mean(drawn);
  assert.ok(Math.abs(average - 1) < 0.01);
  assert.ok(Math.abs(mean(drawn.map((x) => (x - average) ** 2)) - 1) < 0.03);
  for (const x of [0.1, 1, 3, 8]) {
    const [beyond, wanted] = [mean(drawn.map((value) => Number(value > x))), Math.exp(-x)];
    assert.ok(Math.abs(beyond - wanted) < 5 * Math.sqrt(wanted / drawn.length), `beyond ${x}: ${beyond}`);
  }
});

test("a setting survives its address, and the paper's needs none", () => {
  const setting = { ...paperSetting(facts), layer: "own", nIn: 300, weightDensity: 0.125, nPe: 24, seed: 7 };
  assert.deepEqual(decode(encode(setting, facts), facts), setting);
  assert.equal(encode(paperSetting(facts), facts), "");
});

test("an address may hold anything: what is no setting is left out, what is too large is cut", () => {
  const paper = paperSetting(facts);
  assert.deepEqual(decode("?layer=<b>&nPe=x&fifoDepth=&clockMhz=1e999&theme=dark", facts), paper);
  assert.equal(decode("?nPe=99999999", facts).nPe, limits(facts).nPe.max);
  assert.equal(decode("?nPe=-3", facts).nPe, limits(facts).nPe.min);
  assert.equal(decode("?nPe=6.7", facts).nPe, 7);
  assert.equal(decode("?spmatWidthBits=100", facts).spmatWidthBits, 128);
});

test("sizes of a layer of Table III are the table's, whatever else the address says", () => {
  const setting = decode("?layer=VGG-6&nIn=5&actDensity=0.9", facts);
  const wanted = facts.layers.find((layer) => layer.name === "VGG-6");
  assert.deepEqual([setting.nIn, setting.actDensity], [wanted.nIn, wanted.actDensity]);
});
