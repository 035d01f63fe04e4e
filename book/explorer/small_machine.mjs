// A machine small enough to follow: its queues fill and its PEs starve, cycle by cycle.

import { read, written } from "./address.mjs";
import { slider } from "./controls.mjs";
import { el, percent, svg } from "./dom.mjs";
import { activeInputs, drawLayer, inputOrder } from "./draw.mjs";
import { controlOf, stateOf, trace } from "./trace.mjs";

const N_IN = 24;
const FIRST_SHOWN = 20; // a cycle of the first layer in which one queue is full and other PEs starve
const ROWS_EACH = 12; // of a PE
const INDEX_BITS = 2; // so narrow that padding zeros show in so small a layer
const CONTROLS = {
  pes: { label: "PEs", min: 1, max: 16, step: 1 },
  depth: { label: "Queue depth", min: 2, max: 8, step: 1 },
  kept: { label: "Weights kept", unit: "%", scale: 100, min: 0.05, max: 0.6, step: 0.05 },
  active: { label: "Inputs not zero", unit: "%", scale: 100, min: 0.1, max: 1, step: 0.05 },
  draw: { label: "Random seed", min: 0, max: 99, step: 1 },
  speed: { label: "Cycles per second", min: 1, max: 20, step: 1 },
};
const FIRST = { pes: 4, depth: 3, kept: 0.15, active: 0.6, draw: 18, speed: 3, at: FIRST_SHOWN };
export const NAMES_OF_SMALL = Object.keys(FIRST);
const STATES = {
  work: "multiplies",
  padding: "padding zero",
  empty: "empty column",
  starved: "no work",
  done: "done",
};
const OF_CONTROL = {
  send: "sends an input",
  search: "searches for the next input",
  wait: "waits for a full queue",
  done: "has sent all inputs",
};

/**
 * Build the small machine into `mount`.
 *
 * @param query The page's address, which may name its settings.
 * @param changed Called with the part of an address that tells the settings, when they change.
 * @returns A sentence for each setting in the address that is not valid.
 */
export function smallMachine(mount, facts, query, changed) {
  const { values: set, faults } = read(query, CONTROLS, FIRST);
  const sliders = Object.fromEntries(
    Object.entries(CONTROLS).map(([key, spec]) => [
      key,
      slider(`x-small-${key}`, spec, (value) => change(key, value)),
    ]),
  );
  const stage = el("div", { class: "x-stage" });
  const sentence = el("p", { class: "x-sentence", "aria-live": "polite" });
  const timeline = el("div", { class: "x-timeline" });
  const sums = el("ul", { class: "x-legend" });
  const player = transport(
    (cycle) => show(cycle),
    () => 1000 / set.speed,
    (isPlaying) => {
      sentence.setAttribute("aria-live", isPlaying ? "off" : "polite");
    },
  );
  let run;

  function change(key, value) {
    set[key] = value;
    sliders[key].show(set[key]);
    if (key !== "speed") restart();
    changed(written({ ...set, at: player.cycle() }, FIRST));
  }

  function restart() {
    run = runOf(set, facts);
    stage.replaceChildren(...rows(run, set));
    timeline.replaceChildren(
      laneNames(set),
      drawTimeline(run, set, (cycle) => player.go(cycle)),
    );
    sums.replaceChildren(...sumsOf(run, set));
    player.rewind(run.cycles);
  }

  function show(cycle) {
    sentence.replaceChildren(el("strong", {}, `Cycle ${cycle}`), ` ${sentenceOf(run, cycle, set)}`);
    showRows(stage, run, set, cycle);
    timeline.querySelector(".x-cursor").setAttribute("x", cycle);
    changed(written({ ...set, at: cycle }, FIRST));
  }

  mount.replaceChildren(
    player.element,
    sentence,
    stage,
    timeline,
    sums,
    el(
      "div",
      { class: "x-small-controls", role: "group", "aria-label": "Small machine" },
      ...Object.values(sliders).map((control) => control.element),
    ),
  );
  for (const [key, control] of Object.entries(sliders)) control.show(set[key]);
  restart();
  const at = read(query, { at: { label: "Cycle of this run", min: 0, max: run.cycles - 1, step: 1 } }, FIRST);
  player.go(at.values.at);
  return [...faults, ...at.faults];
}

function runOf({ pes, depth, kept, active, draw }, facts) {
  const layer = drawLayer(ROWS_EACH * pes, N_IN, kept, draw, facts.spread);
  const machine = { nPe: pes, fifoDepth: depth, entriesPerRow: 1, indexBits: INDEX_BITS };
  return trace(layer, activeInputs(inputOrder(N_IN, draw), active), machine, facts.pipelineCycles);
}

/** Name of a column: the bias is driven by the input 1, after all others. */
function nameOf(column) {
  return column === N_IN ? "bias" : `${column}`;
}

function sentenceOf(run, cycle, { depth }) {
  const control = controlOf(run, cycle, depth);
  if (control.state === "send") return `Input ${nameOf(control.column)} is sent to every queue.`;
  if (control.state === "search") return "The control unit searches for the next input that is not zero.";
  if (control.state === "wait") {
    const which =
      control.full.length === 1
        ? `the queue of PE ${control.full[0]} is`
        : `the queues of PEs ${control.full.join(", ")} are`;
    return `Input ${nameOf(control.column)} waits: ${which} full.`;
  }
  const last = Math.max(
    ...run.sent.at(-1).taken.map((taken, p) => taken + Math.max(run.sent.at(-1).work[p].length, 1)),
  );
  return cycle < last
    ? "All inputs are sent; the PEs empty their queues."
    : "The last results go through the pipeline.";
}

/** A row for each PE: its queue, what it works on, and a word. */
function rows(run, { pes, depth }) {
  return Array.from({ length: pes }, (_, p) =>
    el(
      "div",
      { class: "x-pe" },
      el("span", { class: "x-pe-name" }, `PE ${p}`),
      el(
        "span",
        { class: "x-queue", role: "img" },
        ...Array.from({ length: depth - 1 }, () => el("span", { class: "x-slot" })),
      ),
      el("span", { class: "x-unit-box" }, el("span", { class: "x-column" }), el("span", { class: "x-entries" })),
      el("span", { class: "x-word" }),
    ),
  );
}

function showRows(stage, run, { pes }, cycle) {
  for (let p = 0; p < pes; p++) {
    const row = stage.children[p];
    const now = stateOf(run, p, cycle);
    row.dataset.state = now.state;
    showQueue(row.querySelector(".x-queue"), now.queue);
    row.querySelector(".x-column").textContent = now.column === undefined ? "" : nameOf(now.column);
    row.querySelector(".x-entries").replaceChildren(...entriesOf(run, p, now));
    row.querySelector(".x-word").textContent = STATES[now.state];
  }
}

/** The oldest waits at the right, next to the arithmetic unit. */
function showQueue(element, queue) {
  const slots = [...element.children].reverse();
  slots.forEach((slot, n) => {
    slot.textContent = queue[n] ? nameOf(queue[n].column).slice(0, 4) : "";
    slot.dataset.held = queue[n] ? (queue[n].leaves ? "leaves" : "waits") : "no";
  });
  element.dataset.full = queue.length === slots.length;
  element.setAttribute(
    "aria-label",
    queue.length ? `queue holds ${queue.map((one) => nameOf(one.column)).join(", ")}` : "queue is empty",
  );
}

function entriesOf(run, p, now) {
  if (now.column === undefined) return [];
  const { work } = run.sent.find((one) => one.column === now.column);
  return work[p].map((isReal, n) =>
    el("i", {
      class: `${isReal ? "is-real" : "is-padding"}${n + 1 < now.entry ? " is-past" : n + 1 === now.entry ? " is-now" : ""}`,
    }),
  );
}

/** Runs of equal states of one PE, as [state, first cycle, cycles]. */
function stretches(states) {
  const found = [];
  states.forEach((state, cycle) => {
    if (found.at(-1)?.[0] === state) found.at(-1)[2]++;
    else found.push([state, cycle, 1]);
  });
  return found;
}

function statesOf(run, p) {
  return Array.from({ length: run.cycles }, (_, cycle) => stateOf(run, p, cycle).state);
}

function laneNames({ pes }) {
  const names = ["control", ...Array.from({ length: pes }, (_, p) => `PE ${p}`)];
  return el("div", { class: "x-lanes", "aria-hidden": "true" }, ...names.map((name) => el("span", {}, name)));
}

/** Cycles to the right, a lane for the control unit and one for each PE. */
function drawTimeline(run, { pes, depth }, go) {
  const control = Array.from({ length: run.cycles }, (_, cycle) => `control-${controlOf(run, cycle, depth).state}`);
  const lanes = [control, ...Array.from({ length: pes }, (_, p) => statesOf(run, p))];
  const height = 10;
  const bars = lanes.flatMap((states, lane) =>
    stretches(states).map(([state, x, width]) =>
      svg("rect", { class: `x-state-${state}`, x, y: lane * height + 1, width, height: height - 2 }),
    ),
  );
  const cursor = svg("rect", { class: "x-cursor", x: 0, y: 0, width: 1, height: lanes.length * height });
  const label =
    `Timeline of ${run.cycles} cycles: a lane for the control unit and one for each of ${pes} PEs. ` +
    "The list below gives the sums.";
  const drawing = svg(
    "svg",
    {
      viewBox: `0 0 ${run.cycles} ${lanes.length * height}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": label,
    },
    ...bars,
    cursor,
  );
  drawing.addEventListener("click", (event) => {
    const box = drawing.getBoundingClientRect();
    go(Math.min(Math.floor(((event.clientX - box.left) / box.width) * run.cycles), run.cycles - 1));
  });
  return drawing;
}

/** The legend, with the share of the cycles that each state takes. */
function sumsOf(run, { pes, depth }) {
  const states = Array.from({ length: pes }, (_, p) => statesOf(run, p)).flat();
  const share = (state, all) => percent(all.filter((found) => found === state).length / all.length);
  const item = (key, name, amount) =>
    el("li", {}, el("span", { class: `x-key x-state-${key}` }), name, el("span", { class: "x-amount" }, amount));
  const control = Array.from({ length: run.cycles }, (_, cycle) => controlOf(run, cycle, depth).state);
  return [
    ...Object.entries(STATES).map(([state, name]) => item(state, `PE: ${name}`, share(state, states))),
    ...Object.entries(OF_CONTROL).map(([state, name]) =>
      item(`control-${state}`, `control: ${name}`, share(state, control)),
    ),
  ];
}

/** Buttons and a slider that choose a cycle; it never plays by itself. */
function transport(show, delay, playing) {
  let cycle = 0;
  let cycles = 1;
  let timer;
  const button = (text, act) => el("button", { type: "button", class: "x-button", onclick: act }, text);
  const play = button("Play", () => (timer ? pause() : start()));
  const track = el("input", { type: "range", min: 0, step: 1, "aria-label": "Cycle" });
  const shown = el("span", { class: "x-amount" });
  track.addEventListener("input", () => {
    pause();
    go(Number(track.value));
  });

  function go(next) {
    cycle = Math.max(0, Math.min(next, cycles - 1));
    track.value = cycle;
    track.setAttribute("aria-valuetext", `cycle ${cycle} of ${cycles}`);
    track.style.setProperty("--x-part", cycle / Math.max(cycles - 1, 1));
    shown.textContent = `${cycle} / ${cycles - 1}`;
    show(cycle);
  }

  function start() {
    playing(true);
    play.textContent = "Pause";
    if (cycle === cycles - 1) go(0);
    const next = () => {
      go(cycle + 1);
      if (cycle === cycles - 1) pause();
      else timer = setTimeout(next, delay());
    };
    timer = setTimeout(next, delay());
  }

  function pause() {
    clearTimeout(timer);
    timer = undefined;
    playing(false);
    play.textContent = "Play";
  }

  function step(by) {
    pause();
    go(cycle + by);
  }

  const buttons = [
    button("Start", () => step(-cycle)),
    button("Back", () => step(-1)),
    play,
    button("Next", () => step(1)),
  ];
  document.addEventListener("visibilitychange", () => document.hidden && pause());
  return {
    element: el("div", { class: "x-transport", role: "group", "aria-label": "Playback" }, ...buttons, track, shown),
    cycle: () => cycle,
    go,
    /** Another run, of so many cycles, seen at the same cycle if it has that. */
    rewind: (all) => {
      cycles = all;
      track.max = all - 1;
      go(cycle);
    },
  };
}
