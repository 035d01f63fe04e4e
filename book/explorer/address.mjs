// Numbers in the page's address: read with a word for each that is not valid, and written.

/** The value nearest to `value` that a range has. A range is { min, max, step } or { of }, the values themselves. */
export function fitted(value, { min, max, step, of }) {
  if (of) return of.reduce((best, known) => (Math.abs(known - value) < Math.abs(best - value) ? known : best));
  return shown(Math.round(Math.min(Math.max(value, min), max) / step), step);
}

/** A range in words, its values times `scale`. */
export function ranged({ min, max, step, of, scale = 1 }) {
  if (of) return `one of ${of.join(", ")}`;
  const steps = step * scale === 1 ? "" : ` in steps of ${shown(step, scale)}`;
  return `${shown(min, scale)} to ${shown(max, scale)}${steps}`;
}

/** A value times `scale`, without what binary fractions add. */
export function shown(value, scale = 1) {
  return Number((value * scale).toPrecision(10));
}

/**
 * Read numbers from an address.
 *
 * @param query The address's query.
 * @param ranges Ranges with a `label`, by name.
 * @param otherwise Values of what the address does not name, or names without a number.
 * @returns { values, faults }: `faults` has a sentence for each number that is not valid.
 */
export function read(query, ranges, otherwise) {
  const given = new URLSearchParams(query);
  const values = { ...otherwise };
  const faults = [];
  for (const [key, range] of Object.entries(ranges)) {
    const text = given.get(key);
    if (text === null) continue;
    const number = text.trim() ? Number(text) : NaN;
    if (!Number.isNaN(number)) values[key] = fitted(number, range);
    if (values[key] !== number) faults.push(fault(key, text, range.label, ranged({ ...range, scale: 1 }), values[key]));
  }
  return { values, faults };
}

/** What is wrong with a value, and which one is used. */
export function fault(key, text, label, allowed, used) {
  return `${key}=${text.slice(0, 40)} is not valid (${label}: ${allowed}). ${used} is used.`;
}

/** Names in an address that nothing on the page has. */
export function unknown(query, known) {
  const names = [...new URLSearchParams(query).keys()].filter((name) => !known.includes(name));
  return names.map((name) => `${name.slice(0, 40)} is not a setting. The settings are ${known.join(", ")}.`);
}

/** The part of an address that tells the values that differ from others. */
export function written(values, others) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) if (value !== others[key]) query.set(key, value);
  return String(query);
}
