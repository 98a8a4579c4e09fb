// The sequence diagram of a trace: the client's doings on the left, then the wire between
// client and server, with the proxy in the middle where faults happen.

// A row of html.cpp.
const readEvent = ([number, ms, connection, sender, kind, text, bytes, fault = "", answers, latency]) =>
  ({ number, ms, connection, sender, kind, text, bytes, fault, answers, latency });

// Faults after which the message, or its end, does not arrive.
const STOPS = /: (disconnect|drop|stall for ever|truncate|answer)/;

const isClients = (a) => !/^(server|setup|compare|wire fault|requests:|known issue|\d+ rounds|run$)/.test(a.what);

// Messages, and the client's actions while there was a proxy, by time.
function timeline(cell, trace, index) {
  const next = cell.traces[index + 1];
  const rows = [];
  let last = -1;
  for (const e of trace.events.map(readEvent)) {
    if (e.number > last + 1) rows.push({ at: e.ms, order: 0, kind: "left-out", count: e.number - last - 1 });
    last = e.number;
    rows.push({ at: e.ms, order: 1, kind: "event", event: e });
  }
  for (const a of cell.actions.filter(isClients)) {
    const at = a.at - trace.at;
    if (at < -0.5 || (next && a.at >= next.at)) continue;
    rows.push({ at, order: 2, kind: "begin", action: a }, { at: at + a.ms, order: 0, kind: "end", action: a });
  }
  // A step that took no time still begins before it ends: the sort is stable.
  return rows.sort((x, y) => x.at - y.at);
}

function arrow(e, many) {
  const stops = STOPS.test(`: ${e.fault.replace(/^\d+: /, "")}`);
  const own = e.text.replace(` ${e.bytes} bytes`, "");
  const classes = ["arrow", e.sender === "C" ? "to-server" : "to-client", e.fault ? "fault" : "", stops ? "stops" : ""];
  return el("div", { class: classes.join(" ").trim() },
            el("div", { class: "text" }, many && el("span", { class: "connection", title: "connection" }, `#${e.connection} `), own,
               e.latency !== undefined && el("span", { class: "latency", title: "since the request" }, ` +${showTime(e.latency)}`)),
            el("div", { class: "line" }, el("i", { class: "first" }), e.fault && el("i", { class: "mark" }, stops ? "✕" : "⚡"), el("i", { class: "second" })),
            e.fault && el("div", { class: "did" }, `fault ${e.fault}`));
}

function wireCell(row, many) {
  if (row.kind === "left-out") return el("div", { class: "note" }, `${row.count} messages are left out`);
  if (row.kind !== "event") return null;
  const e = row.event;
  if (e.sender) return arrow(e, many);
  return el("div", { class: e.fault ? "note fault" : "note" }, many && `#${e.connection} `, e.text,
            e.fault && el("div", { class: "did" }, `fault ${e.fault}`));
}

function doing(row) {
  if (row.kind === "begin") return el("span", { class: "starts" }, row.action.what);
  if (row.kind !== "end") return null;
  return el("span", { class: row.action.passed ? "ends" : "ends bad" }, row.action.passed ? "✓ " : "✗ ", row.action.happened,
            el("span", { class: "muted" }, ` ${showTime(row.action.ms)}`));
}

const pauseRow = (time) => el("tr", { class: "pause" }, el("td", { class: "number" }, "⋮"), el("td", { class: "doing" }),
                              el("td", { class: "wire" }, el("div", { class: "note" }, `${showTime(time)} pass`)), el("td"));

function sequence(cell, trace, index) {
  const rows = timeline(cell, trace, index);
  const many = new Set(trace.events.map((e) => e[2])).size > 1;
  const steps = rows.map((r, i) => (i ? r.at - rows[i - 1].at : 0)).sort((a, b) => a - b);
  const long = Math.max(20, 20 * (steps[Math.floor(steps.length / 2)] ?? 0));
  const body = [];
  let busy = 0;
  rows.forEach((row, i) => {
    const passed = i ? row.at - rows[i - 1].at : 0;
    if (passed > long) body.push(pauseRow(passed));
    if (row.kind === "begin") ++busy;
    const e = row.event;
    body.push(el("tr", {
      class: [row.kind, busy > 0 ? "busy" : "", e?.fault ? "has-fault" : ""].join(" ").trim(),
      "data-number": e?.number, "data-answers": e?.answers,
    }, el("td", { class: "number" }, row.kind === "left-out" ? "⋮" : Math.max(0, row.at).toFixed(2)), el("td", { class: "doing" }, doing(row)),
      el("td", { class: "wire" }, wireCell(row, many)), el("td", { class: "number" }, e?.sender ? showBytes(e.bytes) : "")));
    if (row.kind === "end") --busy;
  });
  const faults = trace.events.some((e) => e[7]);
  return el("table", { class: faults ? "sequence with-proxy" : "sequence", onmouseover: highlight, onmouseleave: highlight },
    el("thead", null, el("tr", null, el("th", { scope: "col", class: "number" }, "ms"), el("th", { scope: "col" }, "the client's steps"),
      el("th", { scope: "col", class: "lanes" }, el("div", null, el("span", null, "client"), faults && el("span", null, "proxy"), el("span", null, "server"))),
      el("th", { scope: "col", class: "number" }, "size"))),
    el("tbody", null, body));
}

// A request and its replies belong together.
function highlight(event) {
  const table = event.currentTarget;
  for (const r of table.querySelectorAll(".pair")) r.classList.remove("pair");
  const row = event.type === "mouseleave" ? null : event.target.closest("tr[data-number]");
  if (!row) return;
  const request = row.dataset.answers ?? row.dataset.number;
  const pair = [...table.querySelectorAll(`tr[data-answers="${request}"]`)];
  if (pair.length > 0) [...pair, table.querySelector(`tr[data-number="${request}"]`)].forEach((r) => r?.classList.add("pair"));
}

function goToFault(event) {
  event.target.closest("details").querySelector("tr.has-fault").scrollIntoView({ block: "center" });
}

function wireView(cell, trace, index) {
  const round = cell.traces.length > 1 ? `, round ${index + 1}` : "";
  return el("details", { open: true, class: "on-the-wire" },
            el("summary", null, `On the wire${round} `, el("small", null, `${trace.total} messages and events`)),
            trace.events.some((e) => e[7]) && el("p", null, el("button", { type: "button", class: "small", onclick: goToFault }, "To the first fault")),
            latencyPlot(trace), sequence(cell, trace, index));
}
