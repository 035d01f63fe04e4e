// Python that goes on from a setting.

import { changedDensities, OWN } from "./setting.mjs";

/** Lines that draw and simulate the setting with the library. */
export function python(setting, facts) {
  const { nPe, fifoDepth, spmatWidthBits, indexBits, clockMhz, seed } = setting;
  return [
    "import eie",
    ...layerLines(setting, facts),
    `machine = eie.Machine(n_pe=${nPe}, fifo_depth=${fifoDepth}, spmat_width_bits=${spmatWidthBits},`,
    `                      clock_hz=${clockMhz}e6, index_bits=${indexBits})`,
    `report = eie.simulate(*layer.draw(seed=${seed}), machine)`,
    "joules = eie.energy(report, machine).total",
    "print(report.seconds, report.load_balance, joules)",
  ].join("\n");
}

function layerLines(setting, facts) {
  const { layer, nIn, nOut, weightDensity, actDensity } = setting;
  const isOwn = layer === OWN || changedDensities(setting, facts).length > 0;
  if (!isOwn) return ["from eie.explore.benchmarks import select", "", `(layer,) = select(["${layer}"])`];
  const sizes = `n_in=${nIn}, n_out=${nOut}, weight_density=${weightDensity}, act_density=${actDensity}`;
  return [`layer = eie.Benchmark("${layer}", ${sizes})`];
}
