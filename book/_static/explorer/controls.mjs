// Sliders with a box for the exact number beside each.

import { el } from "./dom.mjs";
import { fitted } from "./setting.mjs";

/**
 * A slider over some stops, and a box that takes any number of the range.
 *
 * @param spec { key, label, unit, range, stops, scale, note }: `stops` are the values the slider rests at (every step of
 *   the range if left out); a value is shown times `scale`.
 * @param change Called with the new value.
 * @returns { element, show }: `show(value)` sets both without calling `change`.
 */
export function slider(spec, change) {
  const { key, label, unit = "", range, scale = 1, note } = spec;
  const stops = spec.stops ?? range.of;
  const id = `x-${key}`;
  const shown = (value) => Number((value * scale).toPrecision(10));
  const track = el("input", {
    type: "range",
    id,
    min: stops ? 0 : range.min,
    max: stops ? stops.length - 1 : range.max,
    step: stops ? 1 : range.step,
    "aria-describedby": note ? `${id}-note` : undefined,
  });
  const box = el("input", {
    type: "number",
    "aria-label": `${label}, exact number`,
    min: shown(range.min),
    max: shown(range.max),
    step: range.of ? "any" : shown(range.step),
    inputmode: "decimal",
  });
  const place = (value) => (stops ? stops.indexOf(fitted(value, { of: stops })) : value);
  let current;
  const show = (value) => {
    current = value;
    track.value = place(value);
    track.setAttribute("aria-valuetext", `${shown(value)} ${unit}`.trim());
    track.style.setProperty("--x-part", (track.value - track.min) / (track.max - track.min));
    if (document.activeElement !== box) box.value = shown(value); // leave alone what is being typed
  };
  track.addEventListener("input", () => change(stops ? stops[track.value] : Number(track.value)));
  box.addEventListener("input", () => {
    if (box.value !== "" && box.checkValidity()) change(fitted(Number(box.value) / scale, range));
  });
  box.addEventListener("change", () => {
    if (box.value !== "") change(fitted(Number(box.value) / scale, range));
    box.value = shown(current); // also where nothing or too much was typed
  });
  const heading = el(
    "div",
    { class: "x-control-head" },
    el("label", { for: id }, label),
    box,
    el("span", { class: "x-unit" }, unit),
  );
  const element = el("div", { class: "x-control" }, heading, track);
  if (note) element.append(el("p", { id: `${id}-note`, class: "x-note" }, note));
  return { element, show };
}

/** Powers of two from `low` to `high`, with the halfway stops between them if `between`. */
export function doublings(low, high, between = false) {
  const stops = [];
  for (let value = low; value <= high; value *= 2) {
    stops.push(value);
    if (between && value * 2 <= high && value > 1) stops.push(value * 1.5);
  }
  return stops;
}
