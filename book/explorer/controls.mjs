// Sliders with a box for the exact number beside each.

import { fitted, ranged, shown } from "./address.mjs";
import { el } from "./dom.mjs";

/**
 * A slider over some stops, and a box that takes any number of the range. What the box does not take is said below it.
 *
 * @param id Names the elements.
 * @param spec { label, unit, min, max, step, of, stops, scale }: a range as in address.mjs; `stops` are the values the
 *   slider rests at (every value of the range if left out); a value is shown times `scale`.
 * @param change Called with the new value.
 * @returns { element, show }: `show(value, note, isBeyond)` sets slider, box and the note below, without calling `change`.
 */
export function slider(id, spec, change) {
  const { label, unit = "", scale = 1 } = spec;
  const stops = spec.stops ?? spec.of;
  const note = el("p", { id: `${id}-note`, class: "x-note" });
  const fault = el("p", { class: "x-note x-beyond", role: "alert" });
  const track = el("input", {
    type: "range",
    id,
    min: stops ? 0 : spec.min,
    max: stops ? stops.length - 1 : spec.max,
    step: stops ? 1 : spec.step,
    "aria-describedby": note.id,
  });
  const box = el("input", {
    type: "number",
    "aria-label": `${label}, exact number`,
    min: shown(spec.min, scale),
    max: shown(spec.max, scale),
    step: spec.of ? "any" : shown(spec.step, scale),
    inputmode: "decimal",
  });
  const place = (value) => (stops ? stops.indexOf(fitted(value, { of: stops })) : value);
  let current;
  const show = (value, noted = "", isBeyond = false) => {
    current = value;
    note.textContent = noted;
    note.classList.toggle("x-beyond", isBeyond);
    track.value = place(value);
    track.setAttribute("aria-valuetext", `${shown(value, scale)} ${unit}`.trim());
    track.style.setProperty("--x-part", (track.value - track.min) / (track.max - track.min));
    if (document.activeElement !== box) box.value = shown(value, scale); // leave alone what is being typed
  };
  const take = (value) => {
    fault.textContent = "";
    change(value);
  };
  track.addEventListener("input", () => take(stops ? stops[track.value] : Number(track.value)));
  box.addEventListener("input", () => {
    const value = fitted(Number(box.value) / scale, spec);
    if (box.value !== "" && shown(value, scale) === Number(box.value)) take(value);
  });
  box.addEventListener("change", () => {
    const typed = box.validity.badInput ? "This" : box.value;
    const value = box.value === "" ? current : fitted(Number(box.value) / scale, spec);
    if (value !== current) take(value);
    box.value = shown(value, scale);
    const isFault = typed !== "" && Number(typed) !== shown(value, scale);
    fault.textContent = isFault ? `${typed} is not valid (${ranged(spec)}). ${box.value} is used.` : "";
  });
  const heading = el(
    "div",
    { class: "x-control-head" },
    el("label", { for: id }, label),
    box,
    el("span", { class: "x-unit" }, unit),
  );
  return { element: el("div", { class: "x-control" }, heading, track, note, fault), show };
}
