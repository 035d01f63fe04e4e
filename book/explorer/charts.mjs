// Two charts of an answer: the times of all platforms, and where the energy goes.

import { el, percent, written } from "./dom.mjs";

// The groups of eie/studies/energy_steps.py; only the last adds up three of them.
const GROUPS = {
  "matrix memory": ["spmat read"],
  "pointer memory": ["pointer read"],
  "activation memory": ["activation SRAM"],
  leakage: ["leakage"],
  arithmetic: ["multiply and add"],
  registers: ["codebook", "accumulators", "queues"],
  "clock, control, detection": ["clock", "control", "detection nodes"],
};

/** Times of all platforms on one logarithmic scale. */
export function timeChart() {
  const rows = el("div", { class: "x-rows" });
  const caption = el("figcaption", {}, "Time for one input vector; each mark on the axis is ten times the one before");
  const element = el("figure", { class: "x-chart" }, caption, rows);
  const show = (answer) => {
    const bars = timeBars(answer);
    const [low, high] = decades(bars.map((bar) => bar.seconds));
    const place = (seconds) => (100 * (Math.log10(seconds) - low)) / (high - low);
    const ticks = Array.from({ length: high - low + 1 }, (_, n) => 10 ** (low + n));
    rows.replaceChildren(
      ...bars.map((bar) => timeRow(bar, place(bar.seconds))),
      el(
        "div",
        { class: "x-axis", "aria-hidden": "true" },
        ...ticks.map((tick) => el("span", { style: `left:${place(tick)}%` }, written(tick, "s", 1))),
      ),
    );
  };
  return { element, show };
}

function timeBars({ seconds, paper, platforms }) {
  const ours = { name: "EIE, here", seconds, kind: "ours" };
  const printed = paper.seconds ? [{ name: "EIE, paper", seconds: paper.seconds, kind: "paper" }] : [];
  const others = platforms.map((one) => ({
    name: `${one.platform}, ${one.variant}`,
    seconds: one.seconds,
    kind: "other",
  }));
  return [ours, ...printed, ...others.sort((a, b) => a.seconds - b.seconds)];
}

function decades(values) {
  const logs = values.map(Math.log10);
  return [Math.min(-6, Math.floor(Math.min(...logs))), Math.max(-2, Math.ceil(Math.max(...logs)))];
}

function timeRow({ name, seconds, kind }, width) {
  const bar = el(
    "div",
    { class: "x-track", "aria-hidden": "true" },
    el("div", { class: `x-fill x-${kind}`, style: `width:${width}%` }),
  );
  return el(
    "div",
    { class: "x-row" },
    el("span", { class: "x-name" }, name),
    bar,
    el("span", { class: "x-amount" }, written(seconds, "s")),
  );
}

/** Energy by component, as one stacked bar with its legend. */
export function energyChart() {
  const names = Object.keys(GROUPS);
  const parts = names.map((_, n) => el("div", { class: `x-part-${n}` }));
  const amounts = names.map(() => el("span", { class: "x-amount" }));
  const legend = el(
    "ul",
    { class: "x-legend" },
    ...names.map((name, n) => el("li", {}, el("span", { class: `x-key x-part-${n}` }), name, amounts[n])),
  );
  const caption = el("figcaption", {}, "Where the energy goes");
  const bar = el("div", { class: "x-stack", "aria-hidden": "true" }, ...parts);
  const element = el("figure", { class: "x-chart" }, caption, bar, legend);
  const show = ({ components, joules }) => {
    names.forEach((name, n) => {
      const share = GROUPS[name].reduce((total, component) => total + components[component], 0) / joules;
      parts[n].style.flexGrow = share;
      amounts[n].textContent = percent(share);
    });
  };
  return { element, show };
}
