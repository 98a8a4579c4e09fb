// Elements. Whatever comes from a run goes in as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(9).filter((c) => c !== undefined && c !== null && c !== false && c !== ""));
  return element;
}

const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
const byId = (id) => document.getElementById(id);

// A scale from values to pixels, by powers of ten.
function logScale(least, most, from, to) {
  const low = Math.log10(least), high = Math.log10(most);
  const scale = (v) => from + ((Math.log10(Math.max(v, least)) - low) / (high - low || 1)) * (to - from);
  scale.ticks = [];
  for (let p = Math.ceil(low - 1e-9); p <= high + 1e-9; ++p) scale.ticks.push(10 ** p);
  return scale;
}

// A range of whole powers of ten around the values.
function decades(values) {
  const positive = values.filter((v) => v > 0);
  if (positive.length === 0) return [1, 10];
  const least = 10 ** Math.floor(Math.log10(Math.min(...positive)));
  const most = 10 ** Math.ceil(Math.log10(Math.max(...positive)));
  return [least, most > least ? most : least * 10];
}

function copyButton(text) {
  const button = el("button", { class: "small", type: "button" }, "Copy");
  const said = (word) => {
    button.textContent = word;
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  };
  // Pages from file:// may have no clipboard.
  const byHand = () => {
    const area = el("textarea", { class: "offscreen" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    button.focus();
    said(done ? "Copied" : "Cannot copy");
  };
  button.addEventListener("click", () => {
    if (!navigator.clipboard) byHand();
    else navigator.clipboard.writeText(text).then(() => said("Copied"), byHand);
  });
  return button;
}

const badge = (outcome) => el("span", { class: `badge ${outcome}` },
                              `${outcomeOf(outcome).glyph} ${outcomeOf(outcome).word}`);
