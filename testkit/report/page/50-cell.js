// The side: one cell in full, or else what to look at first.

let inSide;

function showCell() {
  markSelected();
  if (inSide === state.cell) return;
  inSide = state.cell;
  const cell = cellByKey.get(state.cell);
  document.body.classList.toggle("open", cell !== undefined);
  const side = byId("side");
  side.replaceChildren(...(cell ? cellView(cell) : overview()));
  side.scrollTop = 0;
}

const chip = (text, title, onclick) =>
  onclick ? el("button", { type: "button", class: "chip", title, onclick }, text) : el("span", { class: "chip", title }, text);

const link = (cell, text) => el("button", { type: "button", class: "link", onclick: () => change({ cell: cell.key }) }, text);

function cellView(cell) {
  const s = cell.scenario;
  return [
    el("div", { class: "title" }, badge(cell.outcome), el("code", null, cell.title),
       el("span", { class: "grow" }), el("span", { class: "muted" }, showTime(cell.ms)),
       el("button", { type: "button", class: "small", title: "Close (Esc)", id: "close", onclick: () => closeCell() }, "Close")),
    el("h2", null, s.name), el("p", { class: "why" }, s.why),
    el("p", { class: "chips" },
       Object.entries(cell.values).map(([k, v]) => chip(`${k} = ${v}`, "value of the matrix")),
       s.tags.map((t) => chip(t, "only this tag", () => change({ tag: t })))),
    cell.outcome === "skipped" && el("p", { class: "box skipped" }, `Skipped: ${cell.skip_reason}`),
    cell.known_issue && el("p", { class: "box known" }, `Known issue: ${cell.known_issue}`),
    cell.failed_tries > 0 && el("p", { class: "box known" },
      `It failed ${cell.failed_tries === 1 ? "once" : `${cell.failed_tries} times`} before this try.`),
    cell.outcome === "failed" && failure(cell),
    el("div", { class: "again" }, el("code", null, cell.again), copyButton(cell.again)),
    siblings(cell), actionTable(cell), ...cell.traces.map((t, i) => wireView(cell, t, i)),
    cell.traces.length === 0 && cell.outcome !== "skipped" && el("p", { class: "muted" },
      "Nothing stood between client and server here, so there is no trace; ", el("code", null, "testkit run --trace"),
      " puts a proxy into every cell."),
  ].filter(Boolean);
}

function failure(cell) {
  const bad = failedAction(cell);
  if (!bad) return null;
  return el("dl", { class: "box failed", id: "failure" },
            el("dt", null, "what"), el("dd", null, bad.what), el("dt", null, "expected"), el("dd", null, bad.expected),
            el("dt", null, "got"), el("dd", { class: "got" }, bad.happened),
            bad.details.length > 0 && [el("dt", null, "output"), el("dd", null, el("pre", null, bad.details.join("\n")))]);
}

// The scenario's other cells, by value and transport, with their names.
function siblings(cell) {
  const all = cell.scenario.cells;
  if (all.length < 2) return null;
  const rowKey = (c) => Object.entries(c.values).filter(([k]) => k !== "transport").map(([k, v]) => `${k}=${v}`).join(" ");
  const rows = [...new Set(all.map(rowKey))];
  const columns = transports.filter((t) => all.some((c) => c.transport === t));
  const table = el("table", { class: "siblings" },
    el("thead", null, el("tr", null, el("th"), columns.map((t) => el("th", { scope: "col" }, t)))),
    el("tbody", null, rows.map((key) => el("tr", null, el("th", { scope: "row" }, key), columns.map((t) => {
      const c = all.find((x) => x.transport === t && rowKey(x) === key);
      return el("td", null, c && el("button", {
        type: "button", class: `cell wide ${c.outcome}${c === cell ? " selected" : ""}`,
        "aria-label": `${c.title}: ${outcomeOf(c.outcome).word}`, onclick: () => change({ cell: c.key }),
      }, `${outcomeOf(c.outcome).glyph} ${showTime(c.ms)}`));
    })))));
  return el("details", { open: rows.length <= 8 }, el("summary", null, `All ${all.length} cells of the scenario`), table);
}

function actionTable(cell) {
  if (cell.actions.length === 0) return null;
  const share = (ms) => `${((100 * Math.max(0, ms)) / Math.max(cell.ms, 0.001)).toFixed(2)}%`;
  return el("details", { open: true }, el("summary", null, "What was done"),
    el("table", { class: "actions" },
      el("thead", null, el("tr", null, ["at", "what", "expected", "came", "took"].map((h) => el("th", { scope: "col" }, h)))),
      el("tbody", null, cell.actions.map((a) => [
        el("tr", { class: a.passed ? "" : "bad" },
           el("td", { class: "number" }, showTime(Math.max(0, a.at))), el("td", { class: "what" }, a.what),
           el("td", null, a.expected), el("td", null, a.happened === a.expected ? el("span", { class: "muted" }, "as expected") : a.happened),
           el("td", { class: "number took" }, showTime(a.ms),
              el("span", { class: "bar", style: `margin-left:${share(a.at)};width:${share(a.ms)}` }))),
        a.details.length > 0 && el("tr", { class: "output" }, el("td"), el("td", { colspan: 4 }, el("pre", null, a.details.join("\n")))),
      ]))));
}

// Cells of a scenario mostly fail in the same way, so the first of them speaks for all.
function failureList(failed) {
  const scenarios = [...new Set(failed.map((c) => c.scenario))];
  return el("ul", { class: "failures" }, scenarios.map((s) => {
    const mine = failed.filter((c) => c.scenario === s);
    const bad = failedAction(mine[0]);
    return el("li", null, link(mine[0], s.id), ` ${s.name}`,
              bad && el("p", null, `${bad.what}: expected ${bad.expected}, `, el("span", { class: "bad" }, `got ${bad.happened}`)),
              mine.length > 1 && el("div", null, mine.map(square)));
  }));
}

function overview() {
  const failed = cells.filter((c) => c.outcome === "failed");
  const slowest = [...cells].sort((a, b) => b.ms - a.ms).slice(0, 8);
  const most = Math.max(...slowest.map((c) => c.ms), 0.001);
  return [
    failed.length > 0 && el("h2", null, failed.length === 1 ? "One cell failed" : `${failed.length} cells failed`),
    failed.length > 0 && failureList(failed),
    el("h2", null, "How long cells took"), histogram(),
    el("h2", null, "The slowest"),
    el("table", { class: "slowest" }, el("tbody", null, slowest.map((c) => el("tr", null, el("td", null, link(c, c.title)),
      el("td", { class: "number took" }, showTime(c.ms), el("span", { class: `bar ${c.outcome}`, style: `width:${((100 * c.ms) / most).toFixed(1)}%` })))))),
    el("p", { class: "muted" }, "Choose a cell for its steps, the messages on the wire and the faults. Keys: ", el("kbd", null, "?")),
  ].filter(Boolean);
}
