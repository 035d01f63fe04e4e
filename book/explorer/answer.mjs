// What a run on a setting amounts to, in SI units, and what the paper has of the same setting.

import { area, energy, filled, memoryClockHz, sum } from "./energy.mjs";
import { changedDensities, machineOf, OWN, paperSetting } from "./setting.mjs";

/** Everything that is shown. Time, energy and area are the library's models; none of them is the paper's power. */
export function answerOf(setting, report, facts) {
  const { nIn, nPe, fifoDepth, spmatWidthBits: width, clockMhz } = setting;
  const { technology, machine } = facts;
  const clockHz = clockMhz * 1e6;
  const seconds = report.cycles / clockHz;
  const entries = report.macs + report.padding;
  const theoreticalCycles = entries / nPe;
  const components = energy(report, setting, nPe, width, clockHz, technology);
  const joules = sum(components);
  const memory = filled(report, nIn, machineOf(setting, facts), width, technology);
  return {
    ...report,
    nPe,
    clockHz,
    memoryClockHz: memoryClockHz(width, technology),
    seconds,
    theoreticalCycles,
    components,
    joules,
    watts: joules / seconds,
    loadBalance: theoreticalCycles / report.cycles,
    padding: entries ? report.padding / entries : 0,
    paddingZeros: report.padding,
    areaMm2: area(nPe, fifoDepth, width, technology, machine),
    memory,
    chips: Math.max(1, ...Object.values(memory).map(Math.ceil)),
    paper: ofPaper(setting, facts),
    platforms: otherPlatforms(setting, facts),
  };
}

/** What the paper has for this setting; fields are undefined where it has nothing. */
function ofPaper(setting, facts) {
  const papers = paperSetting(facts);
  const isPapers = (...keys) => keys.every((key) => setting[key] === papers[key]);
  const isTables = setting.layer !== OWN && !changedDensities(setting, facts).length;
  const point = (quantity) => (isTables && isPapers("indexBits") ? ofFigures(quantity, setting, facts) : undefined);
  const [balance, realWork] = [point("load_balance"), point("real_work")];
  return {
    // the width of the memory does not matter for the time
    seconds:
      isTables && isPapers("nPe", "fifoDepth", "indexBits", "clockMhz")
        ? facts.paper.us[setting.layer] / 1e6
        : undefined,
    loadBalance: balance && { value: balance.percent / 100, place: balance.place },
    padding: realWork && { value: 1 - realWork.percent / 100, place: realWork.place },
    areaMm2: isPapers("nPe", "fifoDepth", "spmatWidthBits") ? facts.paper.areaMm2 : undefined,
  };
}

/** What the paper's figures have for this layer and machine, in percent, or nothing. */
function ofFigures(quantity, setting, facts) {
  return facts.paper.figures.find(
    (point) =>
      point.quantity === quantity &&
      point.layer === setting.layer &&
      point.nPe === setting.nPe &&
      (point.fifoDepth === setting.fifoDepth || quantity === "real_work"),
  );
}

/** Times of the other platforms: with dense weights whatever is pruned, with sparse weights where they are the table's. */
function otherPlatforms(setting, facts) {
  if (setting.layer === OWN) return [];
  const isPrunedAlike = changedDensities(setting, facts).every(([key]) => key !== "weightDensity");
  return facts.platforms
    .filter((one) => one.variant === "dense" || isPrunedAlike)
    .map((one) => ({ ...one, seconds: one.us[setting.layer] / 1e6 }));
}
