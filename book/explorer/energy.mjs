// Energy, area and memories of the chip, as in eie/energy_model.py and eie/chip.py; every constant comes from facts.json.
// `technology` is that file's part of the same name; a report is what cycles.mjs counts.

const PICO = 1e-12;
const MILLI = 1e-3;
const PER_MM2 = 1e-6; // um2

/** Joules of one run by component, with the library's names. `width` is that of the Spmat memory, in bits. */
export function energy(report, layer, nPe, width, clockHz, technology) {
  const { sram, table2, registerBits, registerBitPj, macPj, referenceClockHz, lnzd } = technology;
  const { pointer, activation } = sram;
  const spmat = sram.spmat[width];
  const seconds = report.cycles / clockHz;
  const entries = report.macs + report.padding;
  const leakageMw = spmat.leakageMw + pointer.leakageMw * sram.pointerBanks + activation.leakageMw;
  const moved = activation.readPj * layer.nIn + activation.writePj * layer.nOut;
  const perCyclePj = 1e9 / referenceClockHz; // of a milliwatt, by one PE
  const peCycles = report.cycles * nPe;
  return {
    "spmat read": PICO * spmat.readPj * report.spmatReads,
    "pointer read": PICO * pointer.readPj * sram.pointerBanks * report.ptrReads,
    "activation SRAM": (PICO * moved) / sram.activationsPerRow,
    leakage: MILLI * leakageMw * nPe * seconds,
    "multiply and add": PICO * macPj * report.macs,
    codebook: PICO * registerBitPj * registerBits.codebook * entries,
    accumulators: PICO * registerBitPj * 2 * registerBits.accumulator * report.macs,
    queues: PICO * registerBitPj * 2 * registerBits.queue * report.broadcasts * nPe,
    control: PICO * (table2.componentMw.combinational * perCyclePj - macPj) * peCycles,
    clock: PICO * table2.componentMw["clock network"] * perCyclePj * peCycles,
    "detection nodes": PICO * lnzd.mw * perCyclePj * report.cycles * lnzdNodes(nPe, lnzd.children),
  };
}

/** Area of the chip, mm2: PEs, whose queues and Spmat memory grow with the machine, and detection nodes. */
export function area(nPe, fifoDepth, width, technology, paper) {
  const { sram, table2, lnzd } = technology;
  const parts = { ...table2.moduleUm2 };
  parts.Act_queue *= fifoDepth / paper.fifoDepth;
  parts.SpmatRead *= sram.spmat[width].areaMm2 / sram.spmat[paper.spmatWidthBits].areaMm2;
  return PER_MM2 * (nPe * sum(parts) + lnzdNodes(nPe, lnzd.children) * lnzd.um2);
}

/** The highest clock at which each memory of a PE can be read once per cycle, Hz. */
export function memoryClockHz(width, { sram }) {
  return 1e9 / Math.max(sram.spmat[width].cycleNs, sram.pointer.cycleNs, sram.activation.cycleNs);
}

/** Fractions of the fullest PE's memories that a layer needs: weights and pointers, as eie/networks/memory_fit.py has it. */
export function filled({ fullest }, nIn, { entriesPerRow }, width, { sram }) {
  const spmatBytes = (Math.ceil(fullest / entriesPerRow) * width) / 8;
  const pointers = nIn + 2; // one for each column, one for the bias, and the end
  return {
    weights: spmatBytes / sram.spmatBytes,
    pointers: (pointers * sram.pointerBytes) / (sram.pointerMemoryBytes * sram.pointerBanks),
  };
}

/** Nodes of the tree that finds the next non-zero input. */
export function lnzdNodes(nPe, children) {
  let nodes = 0;
  for (let level = nPe; level > 1;) {
    level = Math.ceil(level / children);
    nodes += level;
  }
  return nodes;
}

/** Sum of an object's values. */
export function sum(parts) {
  return Object.values(parts).reduce((total, part) => total + part, 0);
}
