// The explorer's page: controls, results, the small machine, and the address that holds what is set.

import { smallMachine } from "./animation.mjs";
import { doublings, slider } from "./controls.mjs";
import { copyButton, count, el } from "./dom.mjs";
import { answerOf, results, spoken } from "./results.mjs";
import {
  decode,
  encode,
  limits,
  machineOf,
  MOST_WEIGHTS,
  OF_THE_LAYER,
  ofLayer,
  OWN,
  paperSetting,
  python,
} from "./setting.mjs";

const facts = await (await fetch(new URL("facts.json", import.meta.url))).json();
const worker = new Worker(new URL("worker.mjs", import.meta.url), { type: "module" });
const view = results();
const status = el("p", { class: "x-spoken", role: "status" });
const warning = el("p", { class: "x-warning", role: "alert", hidden: true });
const code = el("code");
const choice = layerChoice();
const sliders = makeSliders();

let setting = decode(location.search, facts);
let small = "";
let askedAt = 0;
let isBusy = false;
let isWaiting = false;

worker.postMessage({ facts });
worker.onmessage = ({ data }) => answered(data);
worker.onerror = () =>
  warn("The computation failed. Please reload the page; if it fails again, tell us with this address.");
buildPage();
const animation = smallMachine(document.getElementById("eie-queues"), facts, location.search, (query) => {
  small = query;
  rememberSoon();
});
small = animation.query();
followLinks();
update();

function change(part) {
  setting = { ...setting, ...part };
  update();
}

/** A layer of Table III whose size or density is changed becomes the reader's own. */
function changeOne(key, value) {
  const isOwn = OF_THE_LAYER.includes(key) && value !== setting[key];
  change(isOwn ? { [key]: value, layer: OWN } : { [key]: value });
}

function update() {
  askedAt = performance.now();
  showControls();
  rememberSoon();
  const weights = setting.nIn * setting.nOut * setting.weightDensity;
  const isTooLarge = weights > MOST_WEIGHTS;
  warn(isTooLarge ? tooLarge(weights) : "");
  if (!isTooLarge) ask();
}

function tooLarge(weights) {
  return (
    `This layer would keep ${count(weights)} weights; this page draws up to ${count(MOST_WEIGHTS)}. ` +
    "The numbers are still those of the last setting. The Python below takes it."
  );
}

/** One question at a time; the latest setting is asked when the answer before it is there. */
function ask() {
  if (isBusy) isWaiting = true;
  else {
    isBusy = true;
    worker.postMessage({ setting });
  }
}

function answered({ setting: asked, report }) {
  isBusy = false;
  const answer = answerOf(asked, report, facts);
  view.show(answer);
  if (isWaiting) {
    isWaiting = false;
    ask();
    return;
  }
  performance.measure("explorer-answer", { start: askedAt });
  saySoon(spoken(answer));
}

function showControls() {
  choice.value = setting.layer;
  for (const [key, control] of Object.entries(sliders)) control.show(setting[key]);
  code.textContent = python(setting, facts);
  const { entriesPerRow } = machineOf(setting, facts);
  const unused = setting.spmatWidthBits - entriesPerRow * (facts.machine.weightBits + setting.indexBits);
  document.getElementById("x-spmatWidthBits-note").textContent =
    `entries in a read: ${entriesPerRow}${unused ? `; bits unused: ${unused}` : ""}`;
}

function warn(text) {
  warning.hidden = !text;
  warning.textContent = text;
}

function layerChoice() {
  const named = facts.layers.map(({ name, model, nIn, nOut }) =>
    el("option", { value: name }, `${name} (${model}, ${count(nIn)} → ${count(nOut)})`),
  );
  const own = el("option", { value: OWN }, "A layer of your own");
  return el(
    "select",
    {
      id: "x-layer",
      onchange: () => change(choice.value === OWN ? { layer: OWN } : ofLayer(facts, choice.value)),
    },
    ...named,
    own,
  );
}

function makeSliders() {
  const ranges = limits(facts);
  const fractions = [
    0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1,
  ];
  const specs = [
    { key: "nIn", label: "Inputs", stops: doublings(16, ranges.nIn.max, true) },
    { key: "nOut", label: "Outputs", stops: doublings(16, ranges.nOut.max, true) },
    { key: "weightDensity", label: "Weights kept", unit: "%", scale: 100, stops: fractions },
    { key: "actDensity", label: "Inputs not zero", unit: "%", scale: 100, stops: fractions },
    { key: "seed", label: "Seed of the draw" },
    { key: "nPe", label: "Processing elements", stops: doublings(1, ranges.nPe.max) },
    { key: "fifoDepth", label: "Queue depth", stops: doublings(2, ranges.fifoDepth.max, true) },
    { key: "spmatWidthBits", label: "Spmat read width", unit: "bits", note: " " },
    { key: "indexBits", label: "Index bits", unit: "bits" },
    { key: "clockMhz", label: "Clock", unit: "MHz" },
  ];
  return Object.fromEntries(
    specs.map((spec) => [
      spec.key,
      slider({ ...spec, range: ranges[spec.key] }, (value) => changeOne(spec.key, value)),
    ]),
  );
}

function buildPage() {
  const part = (legend, ...children) => el("fieldset", {}, el("legend", {}, legend), ...children);
  const of = (...keys) => keys.map((key) => sliders[key].element);
  const layer = el("div", { class: "x-control" }, el("label", { for: "x-layer" }, "Layer"), choice);
  const reset = el(
    "button",
    { type: "button", class: "x-button", onclick: () => change(papersMachine()) },
    "Reset to the paper's machine",
  );
  const link = copyButton("Copy link to this setting", () => {
    remember();
    return location.href;
  });
  const controls = el(
    "form",
    { class: "x-controls", "aria-label": "Setting", onsubmit: (event) => event.preventDefault() },
    part("Layer", layer, ...of("nIn", "nOut", "weightDensity", "actDensity", "seed")),
    part("Machine", ...of("nPe", "fifoDepth", "spmatWidthBits", "indexBits", "clockMhz")),
    el("div", { class: "x-buttons" }, reset, link),
  );
  const go = el(
    "div",
    { class: "x-python" },
    el("p", { class: "x-label" }, "Go on in Python"),
    el("pre", { tabindex: 0 }, code),
    copyButton("Copy the code", () => code.textContent),
  );
  const mount = document.getElementById("eie-explorer");
  mount.classList.add("is-live");
  mount.replaceChildren(view.hero, controls, view.body, go, warning, status);
}

/** Links to settings are followed without loading the page again. */
function followLinks() {
  for (const link of document.querySelectorAll("a.x-try")) {
    link.addEventListener("click", (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return; // in a window of its own
      event.preventDefault();
      change(decode(link.search, facts));
    });
  }
}

/** The machine's part of the paper's setting. */
function papersMachine() {
  const kept = ["layer", "seed", ...OF_THE_LAYER];
  return Object.fromEntries(Object.entries(paperSetting(facts)).filter(([key]) => !kept.includes(key)));
}

/** Say it once the reader has stopped moving the slider. */
function saySoon(text) {
  clearTimeout(saySoon.timer);
  saySoon.timer = setTimeout(() => {
    status.textContent = text;
  }, 700);
}

function remember() {
  const query = new URLSearchParams(encode(setting, facts));
  for (const [key, value] of new URLSearchParams(small)) query.set(key, value);
  const text = String(query) && `?${query}`;
  if (text !== location.search) history.replaceState(null, "", location.pathname + text + location.hash);
}

/** Browsers refuse an address that changes too often. */
function rememberSoon() {
  clearTimeout(rememberSoon.timer);
  rememberSoon.timer = setTimeout(remember, 400);
}
