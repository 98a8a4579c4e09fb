// The head of the page, the keys, and the start.

function buildHead() {
  const failed = count(cells, "failed");
  const summary = OUTCOMES.filter((o) => o.key !== "passed" && count(cells, o.key) > 0)
    .map((o) => `${count(cells, o.key)} ${o.key === "known" ? "with a known issue" : o.word}`);
  const verdict = failed > 0 ? `${failed} of ${cells.length} cells failed`
                : `${count(cells, "passed")} cells passed${summary.length ? `, ${summary.join(", ")}` : ""}`;
  document.title = `testkit: ${verdict}`;
  byId("head").replaceChildren(
    el("div", { class: "row" }, el("h1", { class: failed > 0 ? "bad" : "good" }, failed > 0 ? "✗ " : "✓ ", verdict), el("span", { class: "grow" }),
       el("button", { type: "button", class: "small", onclick: showHelp, title: "Keys (?)" }, "Keys"),
       el("button", { type: "button", class: "small", id: "theme", onclick: nextTheme })),
    el("div", { class: "share", role: "img", "aria-label": verdict }, OUTCOMES.map((o) => {
      const n = count(cells, o.key);
      return n > 0 && el("span", { class: o.key, style: `flex:${n}`, title: `${n} ${o.word}` });
    })),
    el("p", { class: "facts" }, `${data.scenarios.length} scenarios, ${cells.length} cells in ${showTime(data.ms)}`, " · seed ",
       el("code", null, data.seed), " · server ", el("code", null, data.nbdkit)));
}

// ---- Light and dark

const THEMES = ["auto", "light", "dark"];

function showTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  byId("theme").textContent = `Theme: ${theme}`;
}

function storedTheme() {
  try {
    return THEMES.includes(localStorage.getItem("testkit-theme")) ? localStorage.getItem("testkit-theme") : "auto";
  } catch {
    return "auto";  // a sandbox has no storage
  }
}

function nextTheme() {
  const now = document.documentElement.dataset.theme ?? "auto";
  const theme = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
  try {
    localStorage.setItem("testkit-theme", theme);
  } catch {
    // It lasts as long as the page, then.
  }
  showTheme(theme);
}

// ---- Keys

const KEYS = [["/", "search"], ["n, p", "next and previous failed cell; of all that are shown if none failed"],
              ["arrows, Home, End", "from cell to cell, once the table has the focus"], ["Enter", "open the cell"],
              ["Esc", "close the cell, then show all cells again"], ["?", "this list"]];

function showHelp() {
  const help = byId("help");
  help.replaceChildren(el("h2", null, "Keys"),
    el("table", null, el("tbody", null, KEYS.map(([key, what]) => el("tr", null, el("th", { scope: "row" }, el("kbd", null, key)), el("td", null, what))))),
    el("form", { method: "dialog" }, el("button", { class: "small" }, "Close")));
  help.showModal();
}

function closeCell() {
  const key = state.cell;
  change({ cell: "" });
  cellByKey.get(key)?.button.focus();
}

function stepTo(direction) {
  const shown = visibleCells();
  const failed = shown.filter((c) => c.outcome === "failed");
  const list = failed.length > 0 ? failed : shown;
  if (list.length === 0) return;
  let at = list.findIndex((c) => c.key === state.cell);
  if (at < 0 && direction < 0) at = 0;
  const cell = list[(at + direction + list.length) % list.length];
  change({ cell: cell.key });
  document.querySelector("#matrix .cell.selected")?.scrollIntoView({ block: "nearest" });
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
  const typing = event.target.matches("input, select, textarea");
  if (event.key === "Escape") {
    if (typing && event.target.value && event.target.id === "f-q") change({ q: "" });
    else if (state.cell) closeCell();
    else reset();
    if (typing) event.target.blur();
    return event.preventDefault();
  }
  if (typing) return;
  if (event.target.matches("#matrix .cell") && /^(Arrow|Home|End)/.test(event.key)) {
    moveFocus(event.target, event.key);
    return event.preventDefault();
  }
  const action = { "/": () => byId("f-q").focus(), "?": showHelp, n: () => stepTo(1), p: () => stepTo(-1) }[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

buildHead();
showTheme(storedTheme());
buildTools();
buildMatrix();
readAddress();
showAll();
document.querySelector("#matrix .cell.selected")?.scrollIntoView({ block: "center" });
document.addEventListener("keydown", onKey);
window.addEventListener("hashchange", () => { readAddress(); showAll(); });
