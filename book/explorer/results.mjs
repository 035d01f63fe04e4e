// Shows an answer: tiles, charts and counters. While one is computed the last one is dimmed, and a sign says so.

import { energyChart, timeChart } from "./charts.mjs";
import { count, el, number, percent, quantity, written } from "./dom.mjs";

/** The elements that show an answer, `busy(text)` that marks them as old, and `show(answer)` that fills them. */
export function results() {
  const time = tile("Time", "x-time");
  const cpu = tile("Speed-up over CPU");
  const gpu = tile("Speed-up over GPU");
  const balance = gauge("Load balance", "Share of the PEs' cycles spent on entries");
  const padding = gauge("Padding zeros", "Share of the entries that only bridge long gaps");
  const joules = tile("Energy");
  const chip = tile("Area");
  const times = timeChart();
  const shares = energyChart();
  const counters = el("tbody");
  const sign = el("p", { class: "x-busy" });
  const hero = el("div", { class: "x-hero" }, time.element, cpu.element, gpu.element, sign);
  const tiles = el("div", { class: "x-tiles" }, balance.element, padding.element, joules.element, chip.element);
  const table = el("table", { class: "x-counters" }, el("caption", {}, "Counters of this run"), counters);
  const details = el("details", {}, el("summary", {}, "All counters"), table);
  const body = el("div", { class: "x-results" }, tiles, times.element, shares.element, details);
  const mark = (isBusy) => [hero, body].forEach((part) => part.setAttribute("aria-busy", isBusy));
  const busy = (text) => {
    mark(true);
    sign.textContent = text;
  };
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
    mark(false);
  };
  return { hero, body, busy, show };
}

/** One sentence for those who listen. */
export function spoken(answer) {
  const cpu = dense(answer, "CPU");
  const faster = cpu ? `, ${number(cpu.seconds / answer.seconds)} times faster than the CPU` : "";
  return (
    `${written(answer.seconds, "s")}${faster}. ` +
    `Load balance ${percent(answer.loadBalance)}, padding ${percent(answer.padding)}, ` +
    `energy ${written(answer.joules, "J")}, area ${number(answer.areaMm2)} square millimetres.`
  );
}

function tile(label, kind = "") {
  const value = el("span", { class: "x-value" }, "–");
  const unit = el("span", { class: "x-unit" });
  const note = el("p", { class: "x-note" });
  const figure = el("p", { class: "x-figure" }, value, unit);
  const element = el("div", { class: `x-tile ${kind}` }, el("p", { class: "x-label" }, label), figure, note);
  const show = (digits, unitText, ...notes) => {
    value.textContent = digits;
    unit.textContent = unitText;
    note.replaceChildren(...notes.flatMap((part, n) => (n ? [" · ", part] : [part])));
  };
  return { element, show };
}

function paperSays(text) {
  return el("span", { class: "x-paper" }, `paper ${text}`);
}

function beyond(text) {
  return el("strong", { class: "x-beyond" }, text);
}

function showTime({ show }, { cycles, clockHz, memoryClockHz, seconds, paper }) {
  const notes = paper.seconds ? [paperSays(written(paper.seconds, "s")), signed(seconds / paper.seconds - 1)] : [];
  const tooFast = clockHz > memoryClockHz ? [beyond("a clock too fast for the memories")] : [];
  show(...quantity(seconds, "s"), ...notes, `${count(cycles)} cycles`, ...tooFast);
}

function showSpeedUp({ show }, answer, platform) {
  const other = dense(answer, platform);
  if (!other) return show("–", "", "the paper has no layer of this size");
  const paper = answer.paper.seconds;
  const notes = paper ? [paperSays(`${number(other.seconds / paper)}\u202f×`)] : [];
  const which = el("span", { class: "x-which" }, `${other.name}, dense weights`);
  return show(number(other.seconds / answer.seconds), "×", ...notes, which);
}

function dense({ platforms }, platform) {
  return platforms.find((one) => one.platform === platform && one.variant === "dense");
}

function showEnergy({ show }, { joules, watts }) {
  show(...quantity(joules, "J"), "sum over all events of the run", `${written(watts, "W")} on average`);
}

function showArea({ show }, { nPe, areaMm2, chips, memory, paper }) {
  const notes = paper.areaMm2 ? [paperSays(`${number(paper.areaMm2)}\u202fmm²`)] : [];
  const fits =
    chips > 1
      ? beyond(`the layer needs the memory of ${count(chips)} such chips`)
      : `the layer fills ${percent(memory.weights)} of the matrix memory`;
  show(number(areaMm2), "mm²", ...notes, `${count(nPe)} ${nPe === 1 ? "PE" : "PEs"}`, fits);
}

function signed(fraction) {
  const size = number(Math.abs(100 * fraction), 2);
  return fraction < 0 ? `${size}\u202f% shorter here` : `${size}\u202f% longer here`;
}

function gauge(label, explained) {
  const value = el("span", { class: "x-value" }, "–");
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

function counterRows(answer) {
  const rows = {
    cycles: count(answer.cycles),
    "theoretical cycles (entries divided by PEs)": count(answer.theoreticalCycles),
    "broadcasts, including the bias": count(answer.broadcasts),
    "multiply-accumulates": count(answer.macs),
    "padding zeros processed": count(answer.paddingZeros),
    "reads of a pointer pair": count(answer.ptrReads),
    "reads of a row of the matrix memory": count(answer.spmatReads),
    "entries on the fullest PE": count(answer.fullest),
    ...Object.fromEntries(
      Object.entries(answer.components).map(([name, joules]) => [`energy: ${name}`, written(joules, "J")]),
    ),
  };
  return Object.entries(rows).map(([name, text]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, text)));
}
