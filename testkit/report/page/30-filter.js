// What is shown. The state stands in the address, so that a link shows the same.

const state = { q: "", results: new Set(), folder: "", tag: "", transport: "", cell: "" };

function readAddress() {
  const p = new URLSearchParams(location.hash.slice(1));
  state.q = p.get("q") ?? "";
  state.results = new Set((p.get("result") ?? "").split(",").filter((r) => outcomeOf(r)));
  state.folder = p.get("folder") ?? "";
  state.tag = p.get("tag") ?? "";
  state.transport = p.get("transport") ?? "";
  state.cell = cellByKey.has(p.get("cell")) ? p.get("cell") : "";
}

function writeAddress() {
  const p = new URLSearchParams();
  if (state.q) p.set("q", state.q);
  if (state.results.size) p.set("result", [...state.results].join(","));
  for (const key of ["folder", "tag", "transport", "cell"]) if (state[key]) p.set(key, state[key]);
  try {
    history.replaceState(null, "", `#${p}`);
  } catch {
    // A page in a sandbox has no address of its own.
  }
}

function visibleCells() {
  const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
  return cells.filter((c) =>
    (state.results.size === 0 || state.results.has(c.outcome)) &&
    (!state.folder || c.scenario.folder === state.folder) &&
    (!state.tag || c.scenario.tags.includes(state.tag)) &&
    (!state.transport || c.transport === state.transport) &&
    words.every((w) => textOf(c).includes(w)));
}

function choice(key, label, values) {
  const select = el("select", { id: `f-${key}`, "aria-label": label, onchange: (e) => change({ [key]: e.target.value }) },
                    el("option", { value: "" }, `${label}: all`),
                    values.map((v) => el("option", { value: v }, v)));
  return values.length > 1 ? select : null;
}

function buildTools() {
  const search = el("input", {
    id: "f-q", type: "search", autocomplete: "off", spellcheck: "false", "aria-label": "Search",
    placeholder: "Search names, values, texts of failures, faults   ( / )",
    oninput: (e) => change({ q: e.target.value }) });
  const toggles = OUTCOMES.filter((o) => count(cells, o.key) > 0).map((o) => el("button", {
    type: "button", class: `toggle ${o.key}`, "data-result": o.key, "aria-pressed": "false",
    onclick: () => {
      const results = new Set(state.results);
      if (!results.delete(o.key)) results.add(o.key);
      change({ results });
    } }, `${o.glyph} ${o.word} `, el("b", null, String(count(cells, o.key)))));
  byId("tools").replaceChildren(
    search, el("span", { class: "toggles", role: "group", "aria-label": "Results" }, toggles),
    ...[choice("folder", "Folder", folders), choice("tag", "Tag", tags),
        choice("transport", "Transport", transports)].filter(Boolean),
    el("output", { id: "shown" }),
    el("button", { type: "button", id: "reset", class: "small", onclick: reset }, "Reset"));
}

function showTools(shown) {
  for (const key of ["q", "folder", "tag", "transport"]) {
    const control = byId(`f-${key}`);
    if (control && control.value !== state[key]) control.value = state[key];
  }
  for (const b of document.querySelectorAll(".toggle")) {
    b.setAttribute("aria-pressed", String(state.results.has(b.dataset.result)));
  }
  byId("shown").textContent = shown.length === cells.length ? `${cells.length} cells`
                                                           : `${shown.length} of ${cells.length} cells`;
  byId("reset").hidden = shown.length === cells.length;
}

function reset() {
  change({ q: "", results: new Set(), folder: "", tag: "", transport: "" });
}

// The one way in which the state changes.
function change(what) {
  const filters = Object.keys(what).some((key) => key !== "cell");
  Object.assign(state, what);
  writeAddress();
  if (filters) showAll();
  else showCell();
}

function showAll() {
  const shown = visibleCells();
  showTools(shown);
  showMatrix(shown);
  showCell();
}
