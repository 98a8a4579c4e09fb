// The results, as html.cpp writes them, with what can be told from them.

const data = JSON.parse(document.getElementById("data").textContent);

const OUTCOMES = [
  { key: "failed", word: "failed", glyph: "✗" },
  { key: "known", word: "known issue", glyph: "!" },
  { key: "skipped", word: "skipped", glyph: "–" },
  { key: "passed", word: "passed", glyph: "✓" },
];
const outcomeOf = (key) => OUTCOMES.find((o) => o.key === key);

const folderOf = (id) => (id.includes("/") ? id.slice(0, id.lastIndexOf("/")) : ".");
const leafOf = (id) => id.slice(id.lastIndexOf("/") + 1);

const cells = [];
for (const scenario of data.scenarios) {
  scenario.folder = folderOf(scenario.id);
  for (const cell of scenario.cells) {
    cell.scenario = scenario;
    cell.key = `${scenario.id}:${cell.number}`;
    cell.title = `${scenario.id} [${cell.label}]`;
    cells.push(cell);
  }
}
const cellByKey = new Map(cells.map((cell) => [cell.key, cell]));

const sorted = (list) => [...new Set(list)].sort();
const folders = sorted(data.scenarios.map((s) => s.folder));
const tags = sorted(data.scenarios.flatMap((s) => s.tags));
const transports = sorted(cells.map((c) => c.transport)).reverse();  // unix first

const count = (list, key) => list.reduce((n, c) => n + (c.outcome === key ? 1 : 0), 0);

// What a search finds a cell by; made when it is first needed.
function textOf(cell) {
  if (cell.text === undefined) {
    const s = cell.scenario;
    const parts = [s.id, s.name, s.why, ...s.tags, cell.title, outcomeOf(cell.outcome).word,
                   cell.skip_reason, cell.known_issue];
    for (const a of cell.actions) parts.push(a.what, a.expected, a.happened, ...a.details);
    for (const t of cell.traces) for (const e of t.events) if (e[7]) parts.push(`fault ${e[7]}`, e[5]);
    cell.text = parts.join("\n").toLowerCase();
  }
  return cell.text;
}

const failedAction = (cell) => cell.actions.find((a) => !a.passed);

function showTime(ms) {
  if (ms >= 100000) return `${(ms / 60000).toFixed(1)} min`;
  if (ms >= 1000) return `${Number((ms / 1000).toPrecision(3))} s`;
  if (ms >= 10) return `${Math.round(ms)} ms`;
  return `${Number(ms.toPrecision(2))} ms`;
}

function showBytes(bytes) {
  if (bytes < 10000) return `${bytes} B`;
  if (bytes < 10 << 20) return `${Number((bytes / 1024).toPrecision(3))} KiB`;
  return `${Number((bytes / (1 << 20)).toPrecision(3))} MiB`;
}
