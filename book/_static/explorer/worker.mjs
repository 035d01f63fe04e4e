// Draws layers and times them, away from the page's own thread. The last layer drawn is kept, so that a change of the
// machine alone does not draw it again.

import { simulate } from "./cycles.mjs";
import { activeInputs, drawLayer, inputOrder } from "./draw.mjs";
import { machineOf } from "./setting.mjs";

let facts;
const layerOf = latest((nOut, nIn, density, seed) => drawLayer(nOut, nIn, density, seed, facts.spread));
const orderOf = latest(inputOrder);

/** A function that keeps its latest result. */
function latest(make) {
  let key;
  let made;
  return (...names) => {
    if (key !== names.join()) [key, made] = [names.join(), make(...names)];
    return made;
  };
}

onmessage = ({ data }) => {
  if (data.facts) {
    facts = data.facts;
    return;
  }
  const { setting } = data;
  const { nOut, nIn, weightDensity, actDensity, seed } = setting;
  const layer = layerOf(nOut, nIn, weightDensity, seed);
  const active = activeInputs(orderOf(nIn, seed), actDensity);
  postMessage({ setting, report: simulate(layer, active, machineOf(setting, facts), facts.pipelineCycles) });
};
