// Plots: the latency of the requests of a trace, and how long cells took.

const COLOURS = ["c1", "c2", "c3", "c4", "c5", "c6"];

// The last reply of each request counts.
function requestsOf(trace) {
  const found = new Map();
  for (const e of trace.events.map(readEvent)) {
    if (e.answers === undefined) continue;
    const command = / to (\S+)/.exec(e.text)?.[1].replace("NBD_CMD_", "") ?? "?";
    found.set(e.answers, { number: e.number, command, latency: e.latency, at: e.ms - e.latency, fault: e.fault, text: e.text });
  }
  return [...found.values()];
}

function median(values) {
  const s = [...values].sort((a, b) => a - b);
  return s[Math.floor(s.length / 2)];
}

function latencyPlot(trace) {
  const list = requestsOf(trace);
  if (list.length < 3) return null;
  const width = 720, height = 170, left = 58, bottom = 24, top = 8, right = 12;
  const y = logScale(...decades(list.map((r) => r.latency)), height - bottom, top);
  const first = Math.min(...list.map((r) => r.at)), last = Math.max(...list.map((r) => r.at));
  const x = (ms) => left + 8 + ((ms - first) / (last - first || 1)) * (width - left - right - 16);
  const commands = sorted(list.map((r) => r.command));
  const colour = (r) => COLOURS[commands.indexOf(r.command) % COLOURS.length];
  const goTo = (r) => (event) => {
    const row = event.target.closest("details").querySelector(`tr[data-number="${r.number}"]`);
    row?.scrollIntoView({ block: "center" });
    row?.classList.add("pair");
  };
  const plot = svg("svg", { class: "plot latencies", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "latency of requests" },
    y.ticks.map((t) => [svg("line", { class: "grid", x1: left, x2: width - right, y1: y(t), y2: y(t) }),
                        svg("text", { x: left - 6, y: y(t) + 4, "text-anchor": "end" }, showTime(t))]),
    svg("text", { x: left + 8, y: height - 6 }, `${first.toFixed(1)} ms`),
    svg("text", { x: width - right, y: height - 6, "text-anchor": "end" }, `${last.toFixed(1)} ms`),
    svg("text", { x: (left + width) / 2, y: height - 6, "text-anchor": "middle" }, "when it was asked"),
    list.map((r) => svg("circle", { class: `point ${colour(r)}${r.fault ? " fault" : ""}`, cx: x(r.at).toFixed(1), cy: y(r.latency).toFixed(1),
                                    r: r.fault ? 5 : 3.5, onclick: goTo(r) },
                        svg("title", null, `${r.text}\n${showTime(r.latency)}${r.fault ? `\nfault ${r.fault}` : ""}`))));
  return el("figure", null, el("figcaption", null, "From a request to its last reply, as the proxy saw them arrive: ",
    commands.map((c) => {
      const mine = list.filter((r) => r.command === c);
      const times = mine.map((r) => r.latency);
      return el("span", { class: `key ${colour(mine[0])}` }, `${c} `,
                el("small", null, `${mine.length}, median ${showTime(median(times))}, longest ${showTime(Math.max(...times))}`));
    })), plot);
}

function histogram() {
  const list = cells.filter((c) => c.outcome !== "skipped" && c.ms > 0);
  if (list.length === 0) return el("p", { class: "muted" }, "None ran.");
  const width = 720, height = 150, bottom = 22, top = 14, left = 8;
  const [least, most] = decades(list.map((c) => c.ms));
  const bins = Math.round(Math.log10(most / least)) * 5;
  const x = logScale(least, most, left, width - left);
  const each = (width - 2 * left) / bins;
  const stacks = Array.from({ length: bins }, () => []);
  for (const c of list) stacks[Math.min(bins - 1, Math.floor((x(c.ms) - left) / each))].push(c);
  const unit = (height - bottom - top) / Math.max(...stacks.map((s) => s.length));
  const bars = stacks.map((stack, i) => {
    let y = height - bottom;
    const parts = [...OUTCOMES].reverse().map((o) => {
      const n = count(stack, o.key);
      if (n === 0) return null;
      y -= n * unit;
      return svg("rect", { class: `bar ${o.key}`, x: left + i * each + 1, y, width: each - 2, height: n * unit });
    });
    return [parts, stack.length > 0 && svg("text", { x: left + (i + 0.5) * each, y: y - 3, "text-anchor": "middle" }, String(stack.length))];
  });
  return svg("svg", { class: "plot", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "how many cells took how long" },
    bars, svg("line", { class: "axis", x1: left, x2: width - left, y1: height - bottom, y2: height - bottom }),
    x.ticks.map((t, i) => svg("text", {
      x: x(t), y: height - 6, "text-anchor": i === 0 ? "start" : i === x.ticks.length - 1 ? "end" : "middle" }, showTime(t))));
}
