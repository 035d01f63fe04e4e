// Answers questions in a worker. Work is done in slices, and messages come in between them: a new question ends the work on
// the one before. The last layer drawn is kept, so that a change of the machine alone does not draw it again.

import { simulate } from "./cycles.mjs";
import { activeInputs, drawLayer, inputOrder, kept } from "./draw.mjs";
import { machineOf } from "./setting.mjs";

const SLICE_MS = 50;
const MOST_KEPT = 2 ** 24; // weights, of two bytes each; a layer with more is drawn again for each question

/**
 * Answer each message { id, work } of a port with { id, fraction } now and then, and with { id, result } at the end.
 *
 * @param port A worker's own scope, or anything with `onmessage` and `postMessage`.
 * @param begin Gives the generator that does the work of a message's data.
 */
export function answerLatest(port, begin) {
  let latest;
  port.onmessage = async ({ data }) => {
    latest = data.id;
    const work = begin(data);
    for (;;) {
      const { done, value } = slice(work);
      if (done) {
        port.postMessage({ id: data.id, result: value });
        return;
      }
      port.postMessage({ id: data.id, fraction: value });
      await messages();
      if (latest !== data.id) return;
    }
  };
}

/** Let messages come in; a timer would wait for some milliseconds more. */
function messages() {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resume) => {
    port1.onmessage = () => {
      port1.close();
      resume();
    };
    port2.postMessage(null);
  });
}

/** Go on with some work until it is done or the slice is over. */
function slice(work) {
  const until = performance.now() + SLICE_MS;
  for (;;) {
    const step = work.next();
    if (step.done || performance.now() > until) return step;
  }
}

/** A function that gives the simulation of a setting, as a generator. */
export function simulations(facts) {
  const layerOf = latest((nOut, nIn, density, seed) => {
    const layer = drawLayer(nOut, nIn, density, seed, facts.spread);
    return nOut * nIn * density > MOST_KEPT ? layer : kept(layer);
  });
  const orderOf = latest(inputOrder);
  return (setting) => {
    const { nOut, nIn, weightDensity, actDensity, seed } = setting;
    const layer = layerOf(nOut, nIn, weightDensity, seed);
    const active = activeInputs(orderOf(nIn, seed), actDensity);
    return simulate(layer, active, machineOf(setting, facts), facts.pipelineCycles);
  };
}

/** A function that keeps its latest result. */
function latest(make) {
  let key;
  let made;
  return (...names) => {
    if (key !== names.join()) [key, made] = [names.join(), make(...names)];
    return made;
  };
}
