// Elements and numbers as a reader sees them.

/** Make an element: `el("p", { class: "note" }, "text", other)`. Attributes that are false or undefined are left out. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** As `el`, for drawings. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A number to three significant digits, with a thin space between thousands. */
export function number(value, digits = 3) {
  const whole = Math.abs(value) >= 10 ** digits;
  const options = whole
    ? { maximumFractionDigits: 0 }
    : { minimumSignificantDigits: digits, maximumSignificantDigits: digits };
  return value.toLocaleString("en", options).replaceAll(",", "\u202f");
}

/** A whole number in full. */
export function count(value) {
  return Math.round(value).toLocaleString("en").replaceAll(",", "\u202f");
}

/** A fraction in percent. */
export function percent(fraction) {
  return `${(100 * fraction).toFixed(1)}\u202f%`;
}

const PREFIXES = [
  [1, ""],
  [1e-3, "m"],
  [1e-6, "µ"],
  [1e-9, "n"],
  [1e-12, "p"],
];

/** A physical value with a fitting prefix, as its digits and its unit. */
export function quantity(value, unit, digits = 3) {
  const rounded = Number(value.toPrecision(digits)); // before the prefix is chosen: not 1000 µs
  const [scale, prefix] = PREFIXES.find(([least]) => rounded >= least) ?? PREFIXES.at(-1);
  return [number(rounded / scale, digits), prefix + unit];
}

/** The same as one text. */
export function written(value, unit, digits = 3) {
  return quantity(value, unit, digits).join("\u202f");
}

/** A button that copies a text and says so. */
export function copyButton(label, text) {
  const button = el("button", { type: "button", class: "x-button" }, label);
  button.addEventListener("click", async () => {
    const copied = await navigator.clipboard?.writeText(text()).then(
      () => true,
      () => false,
    );
    button.textContent = copied ? "Copied" : "Copy it from the address bar or the box";
    setTimeout(() => {
      button.textContent = label;
    }, 1500);
  });
  return button;
}
