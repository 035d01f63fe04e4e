// What a setting gives, as numbers and small charts. `answerOf` computes, `results` shows.

import { count, el, number, percent, quantity, written } from "./dom.mjs";
import { area, energy, power, sum } from "./energy.mjs";
import { isPapersMachine, machineOf, ofFigures, OWN } from "./setting.mjs";

const GROUPS = {
  "weight memory": ["spmat read"],
  "pointer memory": ["pointer read"],
  "activation memory": ["activation SRAM"],
  leakage: ["leakage"],
  arithmetic: ["multiply and add", "codebook", "accumulators"],
  queues: ["queues"],
  "control and clock": ["control", "clock", "detection nodes"],
};

/** Everything that is shown, in SI units: from the counters of one run, and from the paper where it has such a run. */
export function answerOf(setting, report, facts) {
  const { nPe, fifoDepth, spmatWidthBits, clockMhz, layer } = setting;
  const { entriesPerRow } = machineOf(setting, facts);
  const clockHz = clockMhz * 1e6;
  const seconds = report.cycles / clockHz;
  const entries = report.macs + report.padding;
  const theoreticalCycles = entries / nPe;
  const components = energy(report, setting, nPe, spmatWidthBits, clockHz, facts.technology);
  const watts = power(nPe, spmatWidthBits, entriesPerRow, clockHz, facts.technology, facts.machine) / 1e3;
  return {
    ...report,
    seconds,
    theoreticalCycles,
    components,
    joules: sum(components),
    loadBalance: theoreticalCycles / report.cycles,
    padding: entries ? report.padding / entries : 0,
    paddingZeros: report.padding,
    tableTwoWatts: watts,
    areaMm2: area(nPe, fifoDepth, spmatWidthBits, facts.technology, facts.machine),
    paper: ofPaper(setting, facts),
    platforms: facts.platforms.map((one) => ({ ...one, seconds: one.us[layer] / 1e6 })).filter((one) => one.seconds),
  };
}

/** What the paper has for this setting; fields are undefined where it has nothing. */
function ofPaper(setting, facts) {
  const isPapers = isPapersMachine(setting, facts);
  const balance = ofFigures("load_balance", setting, facts);
  const realWork = ofFigures("real_work", setting, facts);
  const sameChip = isPapers && setting.spmatWidthBits === facts.machine.spmatWidthBits;
  return {
    seconds: isPapers && setting.layer !== OWN ? facts.paper.us[setting.layer] / 1e6 : undefined,
    loadBalance: balance && { value: balance.percent / 100, place: balance.place },
    padding: realWork && { value: 1 - realWork.percent / 100, place: realWork.place },
    areaMm2: sameChip ? facts.paper.areaMm2 : undefined,
    watts: sameChip ? facts.paper.watts : undefined,
  };
}

/** The elements that show an answer, and a function that fills them. */
export function results() {
  const time = tile("Time", "x-time");
  const cpu = tile("Speed-up over CPU");
  const gpu = tile("Speed-up over GPU");
  const balance = gauge("Load balance", "Cycles of the PEs that are spent on entries");
  const padding = gauge("Padding zeros", "Entries that only bridge long gaps");
  const joules = tile("Energy");
  const chip = tile("Area");
  const times = timeChart();
  const shares = energyChart();
  const counters = el("tbody");
  const hero = el("div", { class: "x-hero" }, time.element, cpu.element, gpu.element);
  const tiles = el("div", { class: "x-tiles" }, balance.element, padding.element, joules.element, chip.element);
  const table = el("table", { class: "x-counters" }, el("caption", {}, "Counters of this run"), counters);
  const details = el("details", {}, el("summary", {}, "All counters"), table);
  const body = el("div", { class: "x-results" }, tiles, times.element, shares.element, details);
  const show = (answer) => {
    showTime(time, answer);
    showSpeedUp(cpu, answer, "CPU");
    showSpeedUp(gpu, answer, "GPU");
    balance.show(answer.loadBalance, answer.paper.loadBalance);
    padding.show(answer.padding, answer.paper.padding);
    showEnergy(joules, answer);
    showArea(chip, answer);
    times.show(answer);
    shares.show(answer);
    counters.replaceChildren(...counterRows(answer));
  };
  return { hero, body, show };
}

/** One sentence for those who listen. */
export function spoken(answer) {
  const cpu = dense(answer, "CPU");
  const faster = cpu ? `, ${number(cpu.seconds / answer.seconds)} times faster than the CPU` : "";
  return (
    `${quantity(answer.seconds, "s")[0]} ${answer.seconds < 1e-3 ? "microseconds" : "milliseconds"}${faster}. ` +
    `Load balance ${percent(answer.loadBalance)}, padding ${percent(answer.padding)}, ` +
    `energy ${written(answer.joules, "J")}, area ${number(answer.areaMm2)} square millimetres.`
  );
}

function tile(label, kind = "") {
  const value = el("span", { class: "x-value" });
  const unit = el("span", { class: "x-unit" });
  const note = el("p", { class: "x-note" });
  const figure = el("p", { class: "x-figure" }, value, unit);
  const element = el("div", { class: `x-tile ${kind}` }, el("p", { class: "x-label" }, label), figure, note);
  const show = (digits, unitText, ...notes) => {
    value.textContent = digits;
    unit.textContent = unitText;
    note.replaceChildren(...notes);
  };
  return { element, show };
}

function paperSays(text) {
  return el("span", { class: "x-paper" }, `paper ${text}`);
}

function showTime({ show }, { seconds, paper }) {
  const notes = paper.seconds
    ? [paperSays(written(paper.seconds, "s")), ` · ${signed(seconds / paper.seconds - 1)}`]
    : ["no time in the paper for this setting"];
  show(...quantity(seconds, "s"), ...notes);
}

function showSpeedUp({ show }, answer, platform) {
  const other = dense(answer, platform);
  if (!other) return show("–", "", "the paper has no such layer");
  const paper = answer.paper.seconds;
  const notes = paper ? [paperSays(`${number(other.seconds / paper)}\u202f×`), " "] : [];
  const which = el("span", { class: "x-which" }, `${other.name}, dense`);
  return show(number(other.seconds / answer.seconds), "×", ...notes, which);
}

function dense({ platforms }, platform) {
  return platforms.find((one) => one.platform === platform && one.variant === "dense");
}

function showEnergy({ show }, { joules, seconds, tableTwoWatts }) {
  const note = `${written(joules / seconds, "W")} on average; time × Table II's power: ${written(seconds * tableTwoWatts, "J")}`;
  show(...quantity(joules, "J"), note);
}

function showArea({ show }, { areaMm2, tableTwoWatts, paper }) {
  const notes = paper.areaMm2 ? [paperSays(`${number(paper.areaMm2)}\u202fmm²`), " · "] : [];
  const paperPower = paper.watts ? [" (", paperSays(`${paper.watts}\u202fW`), ")"] : [];
  show(number(areaMm2), "mm²", ...notes, `Table II's power ${written(tableTwoWatts, "W")}`, ...paperPower);
}

function signed(fraction) {
  const size = number(Math.abs(100 * fraction), 2);
  return fraction < 0 ? `${size}\u202f% shorter here` : `${size}\u202f% longer here`;
}

function gauge(label, explained) {
  const value = el("span", { class: "x-value" });
  const fill = el("div", { class: "x-fill" });
  const mark = el("div", { class: "x-mark", hidden: true });
  const note = el("p", { class: "x-note" });
  const element = el(
    "div",
    { class: "x-tile" },
    el("p", { class: "x-label" }, label),
    el("p", { class: "x-figure" }, value, el("span", { class: "x-unit" }, "%")),
    el("div", { class: "x-bar", "aria-hidden": "true" }, fill, mark),
    note,
  );
  const show = (fraction, paper) => {
    value.textContent = (100 * fraction).toFixed(1);
    fill.style.width = `${100 * fraction}%`;
    mark.hidden = !paper;
    if (paper) mark.style.left = `${100 * paper.value}%`;
    const source = paper && paper.place.replace("ISCA 2016 ", "");
    note.replaceChildren(...(paper ? [paperSays(percent(paper.value)), ` (${source})`] : [explained]));
  };
  return { element, show };
}

/** Times of all platforms on one logarithmic scale. */
function timeChart() {
  const rows = el("div", { class: "x-rows" });
  const caption = el("figcaption", {});
  const element = el("figure", { class: "x-chart" }, caption, rows);
  const show = (answer) => {
    const bars = timeBars(answer);
    const [low, high] = decades(bars.map((bar) => bar.seconds));
    const place = (seconds) => (100 * (Math.log10(seconds) - low)) / (high - low);
    const ticks = Array.from({ length: high - low + 1 }, (_, n) => 10 ** (low + n));
    caption.textContent = "Time for one input, each step ten times longer";
    rows.replaceChildren(
      ...bars.map((bar) => timeRow(bar, place(bar.seconds))),
      el(
        "div",
        { class: "x-axis", "aria-hidden": "true" },
        ...ticks.map((tick) => tickAt(place(tick), written(tick, "s", 1))),
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

function tickAt(left, text) {
  return el("span", { style: `left:${left}%` }, text);
}

/** Energy by component, as one stacked bar with its legend. */
function energyChart() {
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

function counterRows(answer) {
  const rows = {
    cycles: count(answer.cycles),
    "theoretical cycles (entries over PEs)": count(answer.theoreticalCycles),
    "broadcasts, the bias among them": count(answer.broadcasts),
    "multiply-accumulates": count(answer.macs),
    "padding zeros processed": count(answer.paddingZeros),
    "reads of a pointer pair": count(answer.ptrReads),
    "reads of an Spmat row": count(answer.spmatReads),
    ...Object.fromEntries(
      Object.entries(answer.components).map(([name, joules]) => [`energy: ${name}`, written(joules, "J")]),
    ),
  };
  return Object.entries(rows).map(([name, text]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, text)));
}
