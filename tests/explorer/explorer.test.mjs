// The explorer's arithmetic against numbers of the Python library. tests/explorer/test_explorer.py writes them to the
// file that EIE_EXPECTED names, and runs this with `node --test`.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { unknown } from "../../book/explorer/address.mjs";
import { answerLatest, simulations } from "../../book/explorer/compute.mjs";
import { finished, simulate } from "../../book/explorer/cycles.mjs";
import { activeInputs, drawLayer, inputOrder, kept, typicalSpread } from "../../book/explorer/draw.mjs";
import { area, energy, filled, memoryClockHz } from "../../book/explorer/energy.mjs";
import { controlOf, stateOf, trace } from "../../book/explorer/trace.mjs";
import { Exponentials, RandomBits } from "../../book/explorer/random.mjs";
import { changed, controls, decode, encode, paperSetting } from "../../book/explorer/setting.mjs";

const expected = JSON.parse(readFileSync(process.env.EIE_EXPECTED, "utf8"));
const facts = JSON.parse(readFileSync(new URL("../../book/explorer/facts.json", import.meta.url), "utf8"));

const relative = (a, b) => Math.abs(a - b) / Math.max(Math.abs(b), Number.MIN_VALUE);
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** A layer of the library's, by its columns. */
function stored({ indptr, rows, ...sizes }) {
  const columns = () => {
    let j = 0;
    return () => rows.slice(indptr[j], indptr[++j]);
  };
  return { ...sizes, columns };
}

/** All columns of a layer. */
function columnsOf(layer) {
  const next = layer.columns();
  return Array.from({ length: layer.nIn + 1 }, () => [...next()]);
}

const run = (layer, active, machine) => finished(simulate(layer, active, machine, facts.pipelineCycles));

test(`${expected.cases.length} random cases: every counter equals the library's`, () => {
  for (const { layer, active, machine, report } of expected.cases) {
    assert.deepEqual(run(stored(layer), active, machine), report);
  }
});

test("watching a run shows when every PE takes each broadcast, and what it then holds", () => {
  for (const { layer, active, machine, timeline } of expected.cases.filter((found) => found.timeline)) {
    const traced = trace(stored(layer), active, machine, facts.pipelineCycles);
    assert.deepEqual(
      traced.sent.map((sent) => sent.cycle),
      timeline.broadcast,
    );
    assert.deepEqual(
      traced.sent.map((sent) => sent.ready),
      timeline.ready,
    );
    assert.deepEqual(
      traced.sent.map((sent) => sent.taken),
      timeline.taken,
    );
    assert.deepEqual(
      traced.sent.map((sent) => sent.work.map((entries) => entries.map(Number))),
      timeline.real,
    );
  }
});

test("cycle by cycle: queues never overflow, and every entry gets its cycle", () => {
  for (const { layer, active, machine } of expected.cases.filter((found) => found.timeline && found.machine.nPe < 16)) {
    const traced = trace(stored(layer), active, machine, facts.pipelineCycles);
    const counts = { work: 0, padding: 0, send: 0 };
    for (let cycle = 0; cycle < traced.cycles; cycle++) {
      const control = controlOf(traced, cycle, machine.fifoDepth);
      counts[control.state]++;
      if (control.state === "wait") assert.ok(control.full.length > 0);
      for (let p = 0; p < machine.nPe; p++) {
        const { state, queue } = stateOf(traced, p, cycle);
        counts[state]++;
        assert.ok(queue.length < machine.fifoDepth);
        if (control.state === "wait") assert.equal(control.full.includes(p), queue.length === machine.fifoDepth - 1);
      }
    }
    const { macs, padding, broadcasts } = traced.report;
    assert.deepEqual([counts.work, counts.padding, counts.send], [macs, padding, broadcasts]);
  }
});

test("what a layer fills of the memories equals the library's", () => {
  for (const { layer, machine, report, width, memory } of expected.cases) {
    const found = filled(report, layer.nIn - (layer.hasBias ? 0 : 1), machine, width, facts.technology);
    assert.deepEqual(found, memory);
  }
});

test("energy by component, area and the memories' clock equal the library's", () => {
  for (const found of expected.energies) {
    const { report, layer, nPe, fifoDepth, width, clockHz } = found;
    const components = energy(report, layer, nPe, width, clockHz, facts.technology);
    assert.deepEqual(Object.keys(components), Object.keys(found.components));
    for (const [name, joules] of Object.entries(found.components)) {
      assert.ok(relative(components[name], joules) < 1e-12, `${name}: ${components[name]}, not ${joules}`);
    }
    assert.ok(relative(area(nPe, fifoDepth, width, facts.technology, facts.machine), found.areaMm2) < 1e-12);
    assert.ok(relative(memoryClockHz(width, facts.technology), found.memoryClockHz) < 1e-12);
  }
});

for (const { layer, cycles, padding, spmatReads } of expected.layers) {
  test(`${layer.name}: drawn here, it takes the library's time within 2 %`, () => {
    const machine = { ...facts.machine, entriesPerRow: expected.entriesPerRow };
    const reports = expected.seeds.map((seed) => {
      const drawn = drawLayer(layer.nOut, layer.nIn, layer.weightDensity, seed, facts.spread);
      const active = activeInputs(inputOrder(layer.nIn, seed), layer.actDensity);
      return run(drawn, active, machine);
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
  const drawn = columnsOf(drawLayer(nOut, nIn, density, 3, facts.spread));
  const { rowCv, columnCv } = typicalSpread(nOut, nIn, density, facts.spread);
  const bias = drawn.pop();
  const columns = drawn.map((rows) => rows.length);
  const perRow = new Array(nOut).fill(0);
  for (const row of drawn.flat()) perRow[row]++;
  assert.ok(relative(mean(columns), density * nOut) < 0.01);
  assert.ok(Math.abs(beyondChance(perRow, nIn) - rowCv) < 0.02);
  assert.ok(Math.abs(beyondChance(columns, nOut) - columnCv) < 0.02);
  assert.ok(Math.abs(bias.length / nOut - facts.spread.biasDensity) < 0.02);
});

/** Variation beyond the binomial, as the library's `spread_of` has it. */
function beyondChance(counts, trials) {
  const average = mean(counts);
  const variance = mean(counts.map((count) => (count - average) ** 2));
  return Math.sqrt(Math.max(variance - average * (1 - average / trials), 0)) / average;
}

test("rows of a drawn column rise, whatever the density", () => {
  for (const density of [0, 0.001, 0.5, 0.97, 0.999, 1]) {
    const drawn = columnsOf(drawLayer(50, 40, density, 1, facts.spread));
    for (const column of drawn) assert.ok(column.every((row, n) => row < 50 && (n === 0 || row > column[n - 1])));
    const entries = drawn.slice(0, 40).flat().length;
    if (density === 0) assert.equal(entries, 0);
    if (density === 1) assert.equal(entries, 50 * 40);
  }
});

test("the same seed draws the same layer, read again or kept; another seed draws another", () => {
  const drawn = (seed) => drawLayer(60, 60, 0.2, seed, facts.spread);
  const [layer, remembered] = [drawn(5), kept(drawn(5))];
  for (const again of [layer, layer, remembered, remembered]) assert.deepEqual(columnsOf(again), columnsOf(drawn(5)));
  assert.notDeepEqual(columnsOf(drawn(5)), columnsOf(drawn(6)));
});

test("a layer that was read in part is kept as far as that, and read on", () => {
  const layer = kept(drawLayer(60, 60, 0.2, 5, facts.spread));
  const first = layer.columns();
  for (let n = 0; n < 20; n++) first();
  assert.deepEqual(columnsOf(layer), columnsOf(drawLayer(60, 60, 0.2, 5, facts.spread)));
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
  assert.deepEqual(decode(encode(setting, facts), facts), { setting, faults: [] });
  assert.equal(encode(paperSetting(facts), facts), "");
});

test("an address may hold anything: what is not valid is said, with the range and what is used", () => {
  const paper = paperSetting(facts);
  const { setting, faults } = decode("?layer=<b>&nPe=x&fifoDepth=&clockMhz=1e999", facts);
  assert.deepEqual(setting, { ...paper, clockMhz: 1600 });
  assert.equal(faults.length, 4);
  for (const [query, key, value, said] of [
    ["?nPe=99999999", "nPe", 512, "nPe=99999999 is not valid (Processing elements: 1 to 512). 512 is used."],
    ["?nPe=-3", "nPe", 1, "nPe=-3 is not valid (Processing elements: 1 to 512). 1 is used."],
    ["?nPe=6.7", "nPe", 7, "nPe=6.7 is not valid (Processing elements: 1 to 512). 7 is used."],
    ["?spmatWidthBits=100", "spmatWidthBits", 128, "one of 32, 64, 128, 256, 512). 128 is used."],
    ["?weightDensity=9", "weightDensity", 1, "(Weights kept: 0.001 to 1 in steps of 0.001). 1 is used."],
    ["?layer=VGG-6&nIn=5", "nIn", 25088, "nIn=5 is not valid (VGG-6: 25088; other sizes need layer=own)."],
    ["?layer=Alex", "layer", "Alex-7", "layer=Alex is not valid (Layer: one of Alex-6, Alex-7,"],
  ]) {
    const found = decode(query, facts);
    assert.equal(found.setting[key], value);
    assert.equal(found.faults.length, 1);
    assert.ok(found.faults[0].includes(said), found.faults[0]);
  }
  assert.deepEqual(unknown("?npe=3", ["nPe"]), ["npe is not a setting. The settings are nPe."]);
});

test("every stop of every slider survives the address without a word", () => {
  for (const [key, spec] of Object.entries(controls(facts))) {
    const stops = spec.stops ?? spec.of ?? range(spec);
    for (const value of stops) {
      const setting = changed({ ...paperSetting(facts), layer: "own" }, key, value);
      assert.deepEqual(decode(encode(setting, facts), facts), { setting, faults: [] });
    }
  }
});

function range({ min, max, step }) {
  return Array.from({ length: (max - min) / step + 1 }, (_, n) => min + n * step);
}

test("a layer of Table III keeps its name while its size stays", () => {
  const paper = paperSetting(facts);
  assert.equal(changed(paper, "weightDensity", 1).layer, "Alex-7");
  assert.equal(changed(paper, "nIn", paper.nIn).layer, "Alex-7");
  assert.equal(changed(paper, "nIn", 7).layer, "own");
  const { setting, faults } = decode("?layer=VGG-6&weightDensity=1", facts);
  assert.deepEqual([setting.layer, setting.nIn, setting.weightDensity, faults], ["VGG-6", 25088, 1, []]);
});

/** A port whose messages are kept, and a promise of the first result. */
function port() {
  const heard = [];
  let first;
  const result = new Promise((resolve) => (first = resolve));
  const postMessage = (data) => {
    heard.push(data);
    if ("result" in data) first(data);
  };
  return { heard, result, postMessage };
}

function* endless() {
  for (;;) yield 0.5;
}

function* quick() {
  return "done";
}

test("a new question ends the work on the one before it", async () => {
  const own = port();
  answerLatest(own, ({ id }) => (id === 1 ? endless() : quick()));
  own.onmessage({ data: { id: 1 } });
  own.onmessage({ data: { id: 2 } });
  assert.deepEqual(await own.result, { id: 2, result: "done" });
  await new Promise((resume) => setTimeout(resume, 100));
  assert.deepEqual(own.heard, [{ id: 1, fraction: 0.5 }, { id: 2, result: "done" }]); // endless work has ended
});

test("work in slices counts what work at once counts, and what was cut off disturbs nothing", async () => {
  const setting = { ...paperSetting(facts), weightDensity: 0.9, nIn: 4000, nOut: 4000 };
  const own = port();
  const simulation = simulations(facts);
  answerLatest(own, ({ setting }) => simulation(setting));
  own.onmessage({ data: { id: 1, setting } });
  own.onmessage({ data: { id: 2, setting } });
  const { id, result } = await own.result;
  assert.equal(id, 2);
  assert.ok(own.heard.some(({ fraction }) => fraction > 0 && fraction < 1));
  assert.deepEqual(result, finished(simulations(facts)(setting)));
});
