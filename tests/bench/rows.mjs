// From samples to the rows of bench.json, and from rows to what people read.
import { OURS, PEER } from "./first.mjs";

/** What stands for a refusal where an engine answers, but otherwise than the peer. */
export const WRONG = "wrong-answer";

/** The columns, in their order. */
const ENGINES = { [OURS]: "Nearside", tract: "Nearside, ONNX on tract", [PEER]: PEER, tfjs: "tfjs", javascript: "JavaScript" };

export const say = (line) => process.stderr.write(`${line}\n`);

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

const METRICS = { median_ms: median, min_ms: (values) => Math.min(...values) };
const digits = (value) => Number(value.toPrecision(5));

/**
 * The rows of one model: value and ratio of each engine. A value that could not be measured is null, and `refused` says why, by
 * engine. `more` goes with each row, `own` with those of one engine.
 */
export function rowsOf(section, model, unit, metric, values, { refused = {}, own = {}, ...more } = {}) {
  const all = { ...values, ...Object.fromEntries(Object.keys(refused).map((engine) => [engine, null])) };
  const base = all[PEER] ?? null;
  return Object.entries(all).map(([engine, value]) => ({
    section, model, engine, metric,
    value: value === null || Number.isInteger(value) ? value : digits(value),
    unit,
    baseline: PEER,
    // A clock that ticks in tenths of a millisecond can give a minimum of zero.
    ratio: value === null || !base ? null : digits(value / base),
    ...(refused[engine] && { refused: refused[engine] }),
    ...more, ...own[engine],
  }));
}

/** The rows of one model that was timed: medians and minima of `samples`, milliseconds by engine. */
export function timedRows(section, model, samples, more) {
  return Object.entries(METRICS).flatMap(([metric, summary]) => {
    const values = Object.fromEntries(Object.entries(samples).map(([engine, times]) => [engine, summary(times)]));
    return rowsOf(section, model, "ms", metric, values, more);
  });
}

/**
 * What counting costs: the time of a prediction that is counted, with the one that is not as its baseline. `samples` by kind.
 */
export function telemetryRows({ model, samples, load }) {
  return ["sent", "counted"].filter((kind) => samples[kind]).flatMap((kind) => Object.entries(METRICS).map(([metric, summary]) => {
    const [value, without] = [summary(samples[kind]), summary(samples.uncounted)];
    return { section: "telemetry", model, engine: OURS, metric, value: digits(value), unit: "ms", baseline: "uncounted", ratio: digits(value / without), kind, overhead_ms: digits(value - without), load };
  }));
}

const TITLES = {
  bytes: "Bytes before the first prediction (brotli 11: page, script, runtime, model)",
  cold: "Cold page to first prediction",
  shaped: "Cold page to first prediction, packets shaped, TLS, in a host page",
  steady: "One prediction or run",
  batch: "One batch of 256 rows",
  create: "Opening a model from bytes, the runtime being there",
  memory: "Memory of the page after 100 runs (WebAssembly memory, JavaScript heap, array buffers)",
  telemetry: "What counting adds to a prediction",
};

/** What people read: for each section `{ title, lines }`, the first line naming the columns. */
export function tables(rows) {
  const keyOf = ({ section, network }) => [section, network].join();
  return [...new Set(rows.map(keyOf))].map((key) => {
    const group = rows.filter((row) => keyOf(row) === key);
    const [{ section, network }] = group;
    const title = `${TITLES[section]}${section === "cold" ? (network === "plain" ? ", unshaped" : ", slow 4G by DevTools, CPU 4x slower") : ""}`;
    return { title, lines: section === "telemetry" ? telemetryTable(group) : table(group) };
  });
}

function table(rows) {
  const engines = Object.keys(ENGINES).filter((engine) => rows.some((row) => row.engine === engine));
  const timed = rows.some(({ metric }) => metric === "min_ms");
  const lines = [["", ...engines.map((engine) => ENGINES[engine]), "ratio", ...(timed ? ["of minima"] : [])]];
  const key = ({ model, weights }) => [model, weights].join();
  for (const one of new Set(rows.map(key))) {
    const group = rows.filter((row) => key(row) === one);
    const row = (engine, minimum) => group.find((row) => row.engine === engine && (row.metric === "min_ms") === minimum);
    lines.push([name(group), ...engines.map((engine) => shown(row(engine, false))), ratio(row(OURS, false)), ...(timed ? [ratio(row(OURS, true))] : [])]);
  }
  return lines;
}

function telemetryTable(rows) {
  const lines = [["", "counted and sent", "counted only", "not counted", "sending adds", "ratio"]];
  for (const model of new Set(rows.map((row) => row.model))) {
    const [sent, counted] = ["sent", "counted"].map((kind) => rows.find((row) => row.model === model && row.kind === kind && row.metric === "median_ms"));
    lines.push([model, ms(sent.value), ms(counted.value), ms(sent.value - sent.overhead_ms), ms(sent.overhead_ms), ratio(sent)]);
  }
  return lines;
}

/** The model, with the weights at rest of our plan where they are not float32, and by how much that plan is off. */
function name(group) {
  const { model, weights } = group[0];
  const deviation = group.find(({ engine }) => engine === OURS)?.deviation;
  return weights ? `${model}, ${weights} at rest${deviation === undefined ? "" : ` (off by ≤ ${deviation.toPrecision(2)})`}` : model;
}

function shown(row) {
  if (!row) return "";
  const { value, unit, refused } = row;
  if (value === null) return refused === WRONG ? "wrong answer" : /^[\w-]{1,30}$/.test(refused ?? "") ? `refused: ${refused}` : refused ? "refused" : "not measured";
  return unit === "bytes" ? bytes(value) : ms(value);
}

const bytes = (value) => (value >= 1e7 ? `${(value / 1e6).toPrecision(3)} MB` : value >= 1e4 ? `${Math.round(value / 1000).toLocaleString("en")} kB` : `${(value / 1000).toPrecision(2)} kB`);

function ms(value) {
  const size = Math.abs(value);
  if (size >= 1000) return `${(value / 1000).toPrecision(3)} s`;
  if (size >= 99.95) return `${Math.round(value)} ms`;
  return size >= 0.1 ? `${value.toPrecision(3)} ms` : `${(value * 1000).toPrecision(3)} µs`;
}

const ratio = (row) => (row?.ratio == null ? "–" : row.ratio.toPrecision(row.ratio < 0.1 ? 2 : 3));

/** Columns for a terminal. */
export function columns(lines) {
  const widths = lines[0].map((_, i) => Math.max(...lines.map((line) => String(line[i]).length)));
  return lines.map((line) => line.map((cell, i) => (i ? String(cell).padStart(widths[i]) : String(cell).padEnd(widths[i]))).join("  ").trimEnd()).join("\n");
}

/** `text` with what stands between the bench marks replaced by tables and a paragraph on how they came about. */
export function withTables(text, tables, words) {
  const written = tables.map(({ title, lines }) => {
    const [head, ...body] = lines.map((line) => `| ${line.join(" | ")} |`);
    return [`**${title}**`, "", head, `|---|${"--:|".repeat(lines[0].length - 1)}`, ...body].join("\n");
  });
  const marks = /(<!-- bench -->\n)[^]*?(\n<!-- \/bench -->)/;
  if (!marks.test(text)) throw new Error("README.md has no <!-- bench --> block to write the tables into.");
  return text.replace(marks, (_, open, close) => open + [...written, words].join("\n\n") + close);
}
