// What a reader has set: a layer and a machine. It lives in the page's address, so that it can be shared.

/** Range of every number, and how it is rounded. Densities are fractions. */
export function limits(facts) {
  const widths = Object.keys(facts.technology.sram.spmat).map(Number);
  return {
    nIn: { min: 1, max: 32768, step: 1 },
    nOut: { min: 1, max: 16384, step: 1 },
    weightDensity: { min: 0.001, max: 1, step: 0.001 },
    actDensity: { min: 0.001, max: 1, step: 0.001 },
    nPe: { min: 1, max: 512, step: 1 },
    fifoDepth: { min: 2, max: 64, step: 1 },
    spmatWidthBits: { min: Math.min(...widths), max: Math.max(...widths), of: widths },
    indexBits: { min: 1, max: 8, step: 1 },
    clockMhz: { min: 100, max: 1600, step: 10 },
    seed: { min: 0, max: 9999, step: 1 },
  };
}

export const OF_THE_LAYER = ["nIn", "nOut", "weightDensity", "actDensity"];
export const OWN = "own";

/** The most weights that a drawn layer may keep on this page. */
export const MOST_WEIGHTS = 2 ** 23;

/** A layer of Table III on the paper's machine. */
export function paperSetting(facts, name = "Alex-7") {
  const { nPe, fifoDepth, spmatWidthBits, indexBits, clockHz } = facts.machine;
  return { ...ofLayer(facts, name), nPe, fifoDepth, spmatWidthBits, indexBits, clockMhz: clockHz / 1e6, seed: 0 };
}

/** Name, sizes and densities of a layer of Table III; densities as near as the step allows. */
export function ofLayer(facts, name) {
  const layer = facts.layers.find((found) => found.name === name);
  const cut = Object.fromEntries(OF_THE_LAYER.map((key) => [key, fitted(layer[key], limits(facts)[key])]));
  return { layer: name, ...cut };
}

/** The value nearest to `value` that the range has. */
export function fitted(value, { min, max, step, of }) {
  if (of) return of.reduce((best, known) => (Math.abs(known - value) < Math.abs(best - value) ? known : best));
  const cut = Math.min(Math.max(value, min), max);
  return step >= 1 ? Math.round(cut / step) * step : Number(cut.toFixed(Math.round(-Math.log10(step))));
}

/** The part of an address that tells a setting: only what differs from the paper's machine. */
export function encode(setting, facts) {
  const paper = { ...paperSetting(facts), ...(setting.layer === OWN ? {} : ofLayer(facts, setting.layer)) };
  paper.layer = paperSetting(facts).layer;
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(setting)) if (value !== paper[key]) query.set(key, value);
  return String(query) && `?${query}`;
}

/** A setting from an address; whatever is no setting is left out. */
export function decode(query, facts) {
  const given = new URLSearchParams(query);
  const names = [OWN, ...facts.layers.map((layer) => layer.name)];
  const name = names.includes(given.get("layer")) ? given.get("layer") : paperSetting(facts).layer;
  const setting = name === OWN ? { ...paperSetting(facts), layer: OWN } : paperSetting(facts, name);
  for (const [key, range] of Object.entries(limits(facts))) {
    const value = Number(given.get(key));
    const isFree = name === OWN || !OF_THE_LAYER.includes(key);
    if (isFree && given.get(key) && Number.isFinite(value)) setting[key] = fitted(value, range);
  }
  return setting;
}

/** The machine that cycles.mjs runs. A memory row holds whole entries; what is left of its bits is not used. */
export function machineOf(setting, facts) {
  const { nPe, fifoDepth, spmatWidthBits, indexBits } = setting;
  const entriesPerRow = Math.floor(spmatWidthBits / (facts.machine.weightBits + indexBits));
  return { nPe, fifoDepth, entriesPerRow, indexBits };
}

/** Whether the time may be compared with the paper's: the memory's width and the seed do not matter for it. */
export function isPapersMachine(setting, facts) {
  const paper = paperSetting(facts);
  return ["nPe", "fifoDepth", "indexBits", "clockMhz"].every((key) => setting[key] === paper[key]);
}

/** What the paper's figures have for this layer and machine, in percent, or nothing. */
export function ofFigures(quantity, setting, facts) {
  if (setting.indexBits !== facts.machine.indexBits) return undefined;
  return facts.paper.figures.find(
    (point) =>
      point.quantity === quantity &&
      point.layer === setting.layer &&
      point.nPe === setting.nPe &&
      (point.fifoDepth === setting.fifoDepth || quantity === "real_work"),
  );
}

/** Python that goes on from here. */
export function python(setting, facts) {
  const { layer, nIn, nOut, weightDensity, actDensity, nPe, fifoDepth, indexBits, clockMhz, seed } = setting;
  const { entriesPerRow } = machineOf(setting, facts);
  const width = entriesPerRow * (facts.machine.weightBits + indexBits);
  const sizes = `n_in=${nIn}, n_out=${nOut}, weight_density=${weightDensity}, act_density=${actDensity}`;
  const drawn =
    layer === OWN
      ? [`layer = eie.Benchmark("${layer}", ${sizes})`]
      : ["from eie.explore.benchmarks import select", "", `(layer,) = select(["${layer}"])`];
  const known = width === setting.spmatWidthBits;
  return [
    "import eie",
    ...drawn,
    `machine = eie.Machine(n_pe=${nPe}, fifo_depth=${fifoDepth}, spmat_width_bits=${width},`,
    `                      clock_hz=${clockMhz}e6, index_bits=${indexBits})`,
    `report = eie.simulate(*layer.draw(seed=${seed}), machine)`,
    ...(known ? ["joules = eie.energy(report, machine).total"] : []),
    `print(report.seconds, report.load_balance${known ? ", joules" : ""})`,
  ].join("\n");
}
