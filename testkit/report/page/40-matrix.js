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
  const dots = list.filter((c) => c.outcome !== "skipped").map((c) =>
    svg("circle", { class: `dot ${c.outcome}`, cx: timeScale(c.ms).toFixed(1), cy: 9, r: 3 }));
  return svg("svg", { class: "times", width: TIME_WIDTH, height: 18, "aria-hidden": "true" },
             timeScale.ticks.map((t) => svg("line", { x1: timeScale(t), x2: timeScale(t), y1: 0, y2: 18 })), dots);
}

function timeAxis() {
  return svg("svg", { class: "times", width: TIME_WIDTH, height: 14, role: "img", "aria-label": "time of each cell" },
             timeScale.ticks.map((t, i) => svg("text", {
               x: timeScale(t), y: 11,
               "text-anchor": i === 0 ? "start" : i === timeScale.ticks.length - 1 ? "end" : "middle" },
               i === 0 ? showTime(t) : t >= 1000 ? `${t / 1000} s` : String(Number(t.toPrecision(1))))));
}

function scenarioRow(scenario, list, columns) {
  return el("tr", { class: "scenario", "data-scenario": scenario.id },
            el("th", { scope: "row" }, el("span", { class: "leaf" }, leafOf(scenario.id)),
               el("span", { class: "name" }, scenario.name)),
            columns.map((t) => el("td", { class: "cells" }, list.filter((c) => c.transport === t).map(square))),
            el("td", { class: "time" }, timeDots(list)));
}

function folderRow(folder, list, columns) {
  const failed = count(list, "failed");
  const scenarios = new Set(list.map((c) => c.scenario)).size;
  return el("tr", { class: "folder" },
            el("th", { scope: "rowgroup", colspan: columns.length + 2 }, folder,
               el("small", null, `${scenarios} ${scenarios === 1 ? "scenario" : "scenarios"}, ${list.length} cells`),
               failed > 0 && el("small", { class: "bad" }, `${failed} failed`)));
}

function showMatrix(shown) {
  timeScale = logScale(...decades(cells.filter((c) => c.outcome !== "skipped").map((c) => c.ms)), 4, TIME_WIDTH - 4);
  const columns = transports.filter((t) => shown.some((c) => c.transport === t));
  const bodies = folders.map((folder) => {
    const here = shown.filter((c) => c.scenario.folder === folder);
    if (here.length === 0) return null;
    const scenarios = [...new Set(here.map((c) => c.scenario))];
    return el("tbody", null, folderRow(folder, here, columns),
              scenarios.map((s) => scenarioRow(s, here.filter((c) => c.scenario === s), columns)));
  });
  const head = el("thead", null, el("tr", null, el("th", { scope: "col" }, "Scenario"),
    columns.map((t) => el("th", { scope: "col" }, t)), el("th", { scope: "col", class: "time" }, timeAxis())));
  byId("matrix").replaceChildren(
    shown.length > 0 ? el("table", null, head, bodies) : el("p", { class: "none" }, "No cell fits. Esc shows all again."));
  const first = document.querySelector("#matrix .cell");
  if (first) first.tabIndex = 0;
}

// Arrow keys go from square to square; Tab goes past them all.
function moveFocus(button, key) {
  const all = [...document.querySelectorAll("#matrix .cell")];
  const at = all.indexOf(button);
  let to;
  if (key === "ArrowRight") to = all[at + 1];
  if (key === "ArrowLeft") to = all[at - 1];
  if (key === "Home") to = all[0];
  if (key === "End") to = all[all.length - 1];
  if (key === "ArrowDown" || key === "ArrowUp") {
    const rows = [...document.querySelectorAll("#matrix tr.scenario")];
    const row = rows[rows.indexOf(button.closest("tr")) + (key === "ArrowDown" ? 1 : -1)];
    const x = button.getBoundingClientRect().left;
    const distance = (b) => Math.abs(b.getBoundingClientRect().left - x);
    to = row && [...row.querySelectorAll(".cell")].sort((a, b) => distance(a) - distance(b))[0];
  }
  if (to) focusCell(to);
}

function focusCell(button) {
  for (const b of document.querySelectorAll("#matrix .cell[tabindex='0']")) b.tabIndex = -1;
  button.tabIndex = 0;
  button.focus();
  button.scrollIntoView({ block: "nearest" });
}

function markSelected() {
  for (const b of document.querySelectorAll("#matrix .selected")) b.classList.remove("selected");
  const button = [...document.querySelectorAll("#matrix .cell")].find((b) => b.dataset.cell === state.cell);
  if (!button) return;
  button.classList.add("selected");
  button.closest("tr").classList.add("selected");
  for (const b of document.querySelectorAll("#matrix .cell[tabindex='0']")) b.tabIndex = -1;
  button.tabIndex = 0;
}
