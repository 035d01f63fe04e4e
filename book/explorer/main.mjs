// The explorer's page: controls, results, the small machine, and the address that holds what is set.

import { shown, unknown } from "./address.mjs";
import { answerOf } from "./answer.mjs";
import { answerLatest, simulations } from "./compute.mjs";
import { slider } from "./controls.mjs";
import { copyButton, count, el } from "./dom.mjs";
import { memoryClockHz } from "./energy.mjs";
import facts from "./facts.json" with { type: "json" };
import { python } from "./python.mjs";
import { results, spoken } from "./results.mjs";
import {
  changed,
  changedDensities,
  controls,
  decode,
  encode,
  machineOf,
  OF_THE_LAYER,
  ofLayer,
  OWN,
  papersMachine,
} from "./setting.mjs";
import { NAMES_OF_SMALL, smallMachine } from "./small_machine.mjs";

/** Show the page and answer what a reader sets. `ask(setting, heard)` has `heard` called as compute.mjs answers. */
function page(ask) {
  const view = results();
  const status = el("p", { class: "x-spoken", role: "status" });
  const notice = el("div", { class: "x-warning", role: "alert", hidden: true });
  const code = el("code");
  const choice = layerChoice((name) => change({ ...setting, ...(name === OWN ? { layer: OWN } : ofLayer(facts, name)) }));
  const layerNote = el("p", { class: "x-note" });
  const specs = controls(facts);
  const sliders = Object.fromEntries(
    Object.entries(specs).map(([key, spec]) => [
      key,
      slider(`x-${key}`, spec, (value) => change(changed(setting, key, value))),
    ]),
  );
  let setting;
  let small = "";
  let speakLater;
  let rememberLater;

  mount();
  const address = location.search;
  const first = decode(address, facts);
  change(first.setting);
  const smallFaults = smallMachine(document.getElementById("eie-queues"), facts, address, (query) => {
    small = query;
    rememberSoon();
  });
  const names = ["layer", ...Object.keys(specs), ...NAMES_OF_SMALL];
  say(...first.faults, ...smallFaults, ...unknown(address, names));
  followLinks();

  function change(next) {
    setting = next;
    say();
    view.busy("Computing");
    showControls();
    rememberSoon();
    const askedAt = performance.now();
    ask(setting, ({ fraction, result, error }) => {
      if (result) answered(answerOf(next, result, facts), askedAt);
      else view.busy(error ? "No answer" : `Computing: ${Math.floor(100 * fraction)}\u202f%`);
      if (error) say(`The computation failed: ${error}. Please reload the page; if it fails again, report the address of this page.`);
    });
  }

  function answered(answer, askedAt) {
    view.show(answer);
    performance.measure("explorer-answer", { start: askedAt });
    clearTimeout(speakLater); // say it once the reader has stopped moving the slider
    speakLater = setTimeout(() => {
      status.textContent = spoken(answer);
    }, 700);
  }

  function showControls() {
    choice.value = setting.layer;
    const differing = changedDensities(setting, facts);
    layerNote.textContent = differing
      .map(([key, table]) => `${specs[key].label}: Table III has ${shown(table, 100)}\u202f%`)
      .join("; ");
    const { entriesPerRow } = machineOf(setting, facts);
    const unused = setting.spmatWidthBits - entriesPerRow * (facts.machine.weightBits + setting.indexBits);
    const mostMhz = memoryClockHz(setting.spmatWidthBits, facts.technology) / 1e6;
    const notes = {
      spmatWidthBits: [`entries in a read: ${entriesPerRow}${unused ? `; bits unused: ${unused}` : ""}`],
      clockMhz: [`the memories allow up to ${count(Math.floor(mostMhz))} MHz`, setting.clockMhz > mostMhz],
    };
    for (const [key, control] of Object.entries(sliders)) control.show(setting[key], ...(notes[key] ?? []));
    code.textContent = python(setting, facts);
  }

  function say(...faults) {
    notice.hidden = !faults.length;
    notice.replaceChildren(...faults.map((fault) => el("p", {}, fault)));
  }

  function mount() {
    const part = (legend, ...children) => el("fieldset", {}, el("legend", {}, legend), ...children);
    const of = (...keys) => keys.map((key) => sliders[key].element);
    const layer = el("div", { class: "x-control" }, el("label", { for: "x-layer" }, "Layer"), choice, layerNote);
    const button = (text, onclick) => el("button", { type: "button", class: "x-button", onclick }, text);
    const reset = button("Reset to the paper's values", () => {
      const table = setting.layer === OWN ? {} : ofLayer(facts, setting.layer);
      change({ ...setting, ...table, ...papersMachine(facts) });
    });
    const link = copyButton("Copy link to this setting", () => {
      remember();
      return location.href;
    });
    const form = el(
      "form",
      { class: "x-controls", "aria-label": "Setting", onsubmit: (event) => event.preventDefault() },
      part("Layer", layer, ...of(...OF_THE_LAYER, "seed")),
      part("Machine", ...of("nPe", "fifoDepth", "spmatWidthBits", "indexBits", "clockMhz")),
      el("div", { class: "x-buttons" }, reset, link),
    );
    const go = el(
      "div",
      { class: "x-python" },
      el("p", { class: "x-label" }, "Continue in Python"),
      el("pre", { tabindex: 0 }, code),
      copyButton("Copy the code", () => code.textContent),
    );
    const place = document.getElementById("eie-explorer");
    place.classList.add("is-live");
    place.replaceChildren(notice, view.hero, form, view.body, go, status);
  }

  /** Links to settings are followed without loading the page again. */
  function followLinks() {
    for (const link of document.querySelectorAll("a.x-try")) {
      link.addEventListener("click", (event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return; // in a window of its own
        event.preventDefault();
        change(decode(link.search, facts).setting);
      });
    }
  }

  function remember() {
    const query = [encode(setting, facts), small].filter(Boolean).join("&");
    const text = query && `?${query}`;
    if (text !== location.search) history.replaceState(null, "", location.pathname + text + location.hash);
  }

  /** Browsers refuse an address that changes too often. */
  function rememberSoon() {
    clearTimeout(rememberLater);
    rememberLater = setTimeout(remember, 400);
  }
}

function layerChoice(choose) {
  const named = facts.layers.map(({ name, model, nIn, nOut }) =>
    el("option", { value: name }, `${name} (${model}, ${count(nIn)} → ${count(nOut)})`),
  );
  const own = el("option", { value: OWN }, "A layer of your own");
  return el("select", { id: "x-layer", onchange: ({ target }) => choose(target.value) }, ...named, own);
}

/** Ask a worker, which runs the same script: a page that was opened as a file may not load another one. */
function asker() {
  const worker = new Worker(URL.createObjectURL(new Blob([bundled], { type: "text/javascript" })));
  let id = 0;
  let tell;
  worker.onmessage = ({ data }) => {
    if (data.id === id) tell(data);
  };
  worker.onerror = (event) => tell({ error: event.message });
  return (setting, heard) => {
    tell = heard;
    worker.postMessage({ id: ++id, setting });
  };
}

if (typeof document === "undefined") {
  const simulation = simulations(facts);
  answerLatest(self, ({ setting }) => simulation(setting));
} else page(asker());
