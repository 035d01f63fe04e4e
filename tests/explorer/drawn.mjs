// Writes layers as the explorer draws them, for the library to simulate: `node drawn.mjs FOLDER < settings.json` puts the
// entries of each column, their rows, and the inputs that are not zero into files of whole numbers.

import { readFileSync, writeFileSync } from "node:fs";

import { activeInputs, drawLayer, inputOrder } from "../../book/explorer/draw.mjs";

const facts = JSON.parse(readFileSync(new URL("../../book/explorer/facts.json", import.meta.url), "utf8"));
const settings = JSON.parse(readFileSync(0, "utf8"));

settings.forEach(({ nIn, nOut, weightDensity, actDensity, seed }, n) => {
  const layer = drawLayer(nOut, nIn, weightDensity, seed, facts.spread);
  const next = layer.columns();
  const columns = Array.from({ length: nIn + 1 }, () => next().slice());
  const write = (name, numbers) => writeFileSync(`${process.argv[2]}/${n}.${name}`, Int32Array.from(numbers));
  write("counts", columns.map((rows) => rows.length));
  writeFileSync(`${process.argv[2]}/${n}.rows`, Buffer.concat(columns.map((rows) => new Uint8Array(rows.buffer))));
  write("active", activeInputs(inputOrder(nIn, seed), actDensity));
});
