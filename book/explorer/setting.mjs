// What a reader has set: a layer and a machine. It lives in the page's address, so that it can be shared.

import { fault, fitted, ranged, read, written } from "./address.mjs";

const FRACTIONS = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1,
];
const SIZES = ["nIn", "nOut"];
const DENSITIES = ["weightDensity", "actDensity"];
export const OF_THE_LAYER = [...SIZES, ...DENSITIES];
export const OWN = "own";

/** Every number of a setting: its range, the stops of its slider, and how it is shown. Densities are fractions. */
export function controls(facts) {
  const widths = Object.keys(facts.technology.sram.spmat).map(Number);
  const density = { min: 0.001, max: 1, step: 0.001, unit: "%", scale: 100, stops: FRACTIONS };
  return {
    nIn: { label: "Inputs", min: 1, max: 32768, step: 1, stops: doublings(16, 32768, true) },
    nOut: { label: "Outputs", min: 1, max: 16384, step: 1, stops: doublings(16, 16384, true) },
    weightDensity: { label: "Weights kept", ...density },
    actDensity: { label: "Inputs not zero", ...density },
    seed: { label: "Random seed", min: 0, max: 9999, step: 1 },
    nPe: { label: "Processing elements", min: 1, max: 512, step: 1, stops: doublings(1, 512) },
    fifoDepth: { label: "Queue depth", min: 2, max: 64, step: 1, stops: doublings(2, 64, true) },
    spmatWidthBits: { label: "Width of a matrix read", min: widths[0], max: widths.at(-1), of: widths, unit: "bits" },
    indexBits: { label: "Relative index", min: 1, max: 8, step: 1, unit: "bits" },
    clockMhz: { label: "Clock", min: 100, max: 1600, step: 10, unit: "MHz" },
  };
}

/** Powers of two from `low` to `high`, with the halfway stops between them if `between`. */
function doublings(low, high, between = false) {
  const stops = [];
  for (let value = low; value <= high; value *= 2) {
    stops.push(value);
    if (between && value * 2 <= high && value > 1) stops.push(value * 1.5);
  }
  return stops;
}

/** A layer of Table III on the paper's machine. */
export function paperSetting(facts, name = "Alex-7") {
  return { ...ofLayer(facts, name), ...papersMachine(facts), seed: 0 };
}

export function papersMachine(facts) {
  const { nPe, fifoDepth, spmatWidthBits, indexBits, clockHz } = facts.machine;
  return { nPe, fifoDepth, spmatWidthBits, indexBits, clockMhz: clockHz / 1e6 };
}

/** Name, sizes and densities of a layer of Table III; densities as near as the step allows. */
export function ofLayer(facts, name) {
  const layer = facts.layers.find((found) => found.name === name);
  const ranges = controls(facts);
  return { layer: name, ...Object.fromEntries(OF_THE_LAYER.map((key) => [key, fitted(layer[key], ranges[key])])) };
}

/** A setting with one number changed. A layer of Table III keeps its name while its size stays. */
export function changed(setting, key, value) {
  const isOwn = SIZES.includes(key) && value !== setting[key];
  return { ...setting, [key]: value, ...(isOwn && { layer: OWN }) };
}

/** The densities of a layer of Table III that are not the table's, as [name, the table's]. */
export function changedDensities(setting, facts) {
  if (setting.layer === OWN) return [];
  const table = ofLayer(facts, setting.layer);
  return DENSITIES.filter((key) => setting[key] !== table[key]).map((key) => [key, table[key]]);
}

/** The part of an address that tells a setting: only what differs from the paper's. */
export function encode(setting, facts) {
  const paper = paperSetting(facts, setting.layer === OWN ? undefined : setting.layer);
  return written(setting, { ...paper, layer: paperSetting(facts).layer });
}

/** A setting from an address, and a sentence for each part of it that is not valid: { setting, faults }. */
export function decode(query, facts) {
  const given = new URLSearchParams(query);
  const names = [...facts.layers.map((layer) => layer.name), OWN];
  const asked = given.get("layer");
  const [paper, isKnown] = [paperSetting(facts), asked === null || names.includes(asked)];
  const layer = isKnown ? (asked ?? paper.layer) : paper.layer;
  const otherwise = layer === OWN ? { ...paper, layer } : paperSetting(facts, layer);
  const { values, faults } = read(query, controls(facts), otherwise);
  if (!isKnown) faults.unshift(fault("layer", asked, "Layer", ranged({ of: names }), layer));
  for (const key of layer === OWN ? [] : SIZES) {
    if (values[key] === otherwise[key]) continue;
    faults.push(fault(key, given.get(key), layer, `${otherwise[key]}; other sizes need layer=${OWN}`, otherwise[key]));
    values[key] = otherwise[key];
  }
  return { setting: values, faults };
}

/** The machine that cycles.mjs runs. A memory row holds whole entries; what is left of its bits is not used. */
export function machineOf(setting, facts) {
  const { nPe, fifoDepth, spmatWidthBits, indexBits } = setting;
  const entriesPerRow = Math.floor(spmatWidthBits / (facts.machine.weightBits + indexBits));
  return { nPe, fifoDepth, entriesPerRow, indexBits };
}
