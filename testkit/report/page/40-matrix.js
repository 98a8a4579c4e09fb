// The table of all cells: a row for each scenario, a square for each cell, and its time as a
// dot on a scale that all rows share.

const TIME_WIDTH = 160;
let timeScale;

function square(cell) {
  const { glyph, word } = outcomeOf(cell.outcome);
  return el("button", {
    type: "button", class: `cell ${cell.outcome}`, "data-cell": cell.key, tabindex: "-1",
    title: `${cell.label}\n${word}, ${showTime(cell.ms)}`,
    "aria-label": `${cell.title}: ${word}`,
    onclick: () => change({ cell: state.cell === cell.key ? "" : cell.key }),
  }, glyph);
}

function timeDots(list) {
  for (const c of list.filter((x) => x.outcome !== "skipped")) {
    c.dot = svg("circle", { class: `dot ${c.outcome}`, cx: timeScale(c.ms).toFixed(1), cy: 9, r: 3 });
  }
  return svg("svg", { class: "times", width: TIME_WIDTH, height: 18, "aria-hidden": "true" },
             timeScale.ticks.map((t) => svg("line", { x1: timeScale(t), x2: timeScale(t), y1: 0, y2: 18 })), list.map((c) => c.dot));
}

function timeAxis() {
  return svg("svg", { class: "times", width: TIME_WIDTH, height: 14, role: "img", "aria-label": "time of each cell" },
             timeScale.ticks.map((t, i) => svg("text", {
               x: timeScale(t), y: 11,
               "text-anchor": i === 0 ? "start" : i === timeScale.ticks.length - 1 ? "end" : "middle" },
               i === 0 ? showTime(t) : t >= 1000 ? `${t / 1000} s` : String(Number(t.toPrecision(1))))));
}

function scenarioRow(scenario) {
  for (const c of scenario.cells) c.button = square(c);
  scenario.row = el("tr", { class: "scenario", "data-scenario": scenario.id },
    el("th", { scope: "row" }, el("span", { class: "leaf" }, leafOf(scenario.id)), el("span", { class: "name" }, scenario.name)),
    transports.map((t) => el("td", { class: "cells" }, scenario.cells.filter((c) => c.transport === t).map((c) => c.button))),
    el("td", { class: "time" }, timeDots(scenario.cells)));
  return scenario.row;
}

const folderRows = new Map();

function folderRow(folder) {
  const row = { counts: el("small"), failed: el("small", { class: "bad" }) };
  row.element = el("tr", { class: "folder" },
                   el("th", { scope: "rowgroup", colspan: transports.length + 2 }, folder, row.counts, row.failed));
  folderRows.set(folder, row);
  return row.element;
}

function buildMatrix() {
  timeScale = logScale(...decades(cells.filter((c) => c.outcome !== "skipped").map((c) => c.ms)), 4, TIME_WIDTH - 4);
  const head = el("thead", null, el("tr", null, el("th", { scope: "col" }, "Scenario"),
    transports.map((t) => el("th", { scope: "col" }, t)), el("th", { scope: "col", class: "time" }, timeAxis())));
  const bodies = folders.map((folder) => el("tbody", null, folderRow(folder),
    data.scenarios.filter((s) => s.folder === folder).map(scenarioRow)));
  byId("matrix").append(el("table", null, head, bodies), el("p", { class: "none" }, "No cell fits. Esc shows all again."));
}

// Made once: to hide and show is what a thousand cells stand at every key of a search.
function showMatrix(shown) {
  const set = new Set(shown);
  for (const c of cells) {
    c.button.hidden = !set.has(c);
    c.dot?.toggleAttribute("hidden", !set.has(c));
  }
  const here = new Map(folders.map((f) => [f, []]));
  for (const c of shown) here.get(c.scenario.folder).push(c);
  const scenarios = new Set(shown.map((c) => c.scenario));
  for (const s of data.scenarios) s.row.hidden = !scenarios.has(s);
  for (const [folder, list] of here) {
    const row = folderRows.get(folder), failed = count(list, "failed");
    const many = new Set(list.map((c) => c.scenario)).size;
    row.element.parentElement.hidden = list.length === 0;
    row.counts.textContent = `${many} ${many === 1 ? "scenario" : "scenarios"}, ${list.length} cells`;
    row.failed.textContent = failed > 0 ? `${failed} failed` : "";
  }
  document.querySelector("#matrix table").hidden = shown.length === 0;
  document.querySelector("#matrix .none").hidden = shown.length > 0;
  takeTab(shown[0]?.button);
}

// Arrow keys go from square to square; Tab goes past them all.
function moveFocus(button, key) {
  const all = [...document.querySelectorAll("#matrix .cell:not([hidden])")];
  const at = all.indexOf(button);
  let to;
  if (key === "ArrowRight") to = all[at + 1];
  if (key === "ArrowLeft") to = all[at - 1];
  if (key === "Home") to = all[0];
  if (key === "End") to = all[all.length - 1];
  if (key === "ArrowDown" || key === "ArrowUp") {
    const rows = [...document.querySelectorAll("#matrix tr.scenario:not([hidden])")];
    const row = rows[rows.indexOf(button.closest("tr")) + (key === "ArrowDown" ? 1 : -1)];
    const x = button.getBoundingClientRect().left;
    const distance = (b) => Math.abs(b.getBoundingClientRect().left - x);
    to = row && [...row.querySelectorAll(".cell:not([hidden])")].sort((a, b) => distance(a) - distance(b))[0];
  }
  if (to) focusCell(to);
}

// Of all squares Tab stops at one.
let tabStop;

function takeTab(button) {
  if (tabStop) tabStop.tabIndex = -1;
  tabStop = button;
  if (button) button.tabIndex = 0;
}

function focusCell(button) {
  takeTab(button);
  button.focus();
  button.scrollIntoView({ block: "nearest" });
}

function markSelected() {
  for (const b of document.querySelectorAll("#matrix .selected")) b.classList.remove("selected");
  const cell = cellByKey.get(state.cell);
  if (!cell) return;
  cell.button.classList.add("selected");
  cell.scenario.row.classList.add("selected");
  if (!cell.button.hidden) takeTab(cell.button);
}
