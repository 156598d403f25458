// From samples to the rows of bench.json, and from rows to what people read.
import { PEER } from "./first.mjs";

/** What stands for a refusal where an engine answers, but otherwise than the peer. */
export const WRONG = "wrong-answer";

export const say = (line) => process.stderr.write(`${line}\n`);

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

const METRICS = { median_ms: median, min_ms: (values) => Math.min(...values) };
const digits = (value) => Number(value.toPrecision(5));

/** The rows of one model: value and ratio of each engine. A value that could not be measured is null, and `refused` says why. */
export function rowsOf(section, model, unit, metric, values, { refused = {}, ...more } = {}) {
  const base = values[PEER];
  return Object.entries(values).map(([engine, value]) => ({
    section, model, engine, metric,
    value: value === null || Number.isInteger(value) ? value : digits(value),
    unit,
    baseline: PEER,
    ratio: value === null || base === null ? null : digits(value / base),
    ...(refused[engine] && { refused: refused[engine] }),
    ...more,
  }));
}

/** The rows of one model that was timed: medians and minima of `samples`, milliseconds by engine. */
export function timedRows(section, model, samples, more) {
  return Object.entries(METRICS).flatMap(([metric, summary]) => {
    const values = Object.fromEntries(Object.entries(samples).map(([engine, times]) => [engine, times && summary(times)]));
    return rowsOf(section, model, "ms", metric, values, more);
  });
}

/** What people read: one line for each model and network, with a title for each column. */
export function table(rows) {
  const lines = [["", "Nearside", PEER, "ratio", "of minima"]];
  const key = ({ section, model, network }) => [section, model, network].join();
  for (const one of new Set(rows.map(key))) {
    const group = rows.filter((row) => key(row) === one);
    const main = group.filter(({ metric }) => metric !== "min_ms");
    const minima = group.find(({ engine, metric }) => engine !== PEER && metric === "min_ms");
    const [ours, peer] = [main.find(({ engine }) => engine !== PEER), main.find(({ engine }) => engine === PEER)];
    lines.push([title(ours), shown(ours), shown(peer), ratio(ours.ratio), minima ? ratio(minima.ratio) : ""]);
  }
  return lines;
}

function title({ section, model, network, engine }) {
  switch (section) {
    case "bytes":
      return `${model}: brotli bytes before the first prediction`;
    case "cold":
      return `${model}: cold page to first prediction${network === "plain" ? "" : ", slow 4G, CPU 4x slower"}`;
    default:
      return `${model}: one ${model === "loan-approval" ? "prediction, from the record" : "run"} (${engine})`;
  }
}

function shown({ value, unit, refused }) {
  if (value === null) return refused === WRONG ? "wrong answer" : refused ? `refused: ${refused}` : "not measured";
  if (unit === "bytes") return `${Math.round(value / 1000).toLocaleString("en")} kB`;
  if (value >= 1000) return `${(value / 1000).toPrecision(3)} s`;
  return value >= 0.1 ? `${value.toPrecision(3)} ms` : `${(value * 1000).toPrecision(3)} µs`;
}

const ratio = (value) => (value === null ? "–" : value.toPrecision(value < 0.1 ? 2 : 3));

/** Columns for a terminal. */
export function columns(lines) {
  const widths = lines[0].map((_, i) => Math.max(...lines.map((line) => String(line[i]).length)));
  return lines.map((line) => line.map((cell, i) => (i ? String(cell).padStart(widths[i]) : String(cell).padEnd(widths[i]))).join("  ").trimEnd()).join("\n");
}

/** `text` with what stands between the bench marks replaced by a table and a sentence on how it came about. */
export function withTable(text, lines, sentence) {
  const [head, ...body] = lines.map((line) => `| ${line.join(" | ")} |`);
  const block = [head, `|---|${"--:|".repeat(lines[0].length - 1)}`, ...body, "", sentence].join("\n");
  const marks = /(<!-- bench -->\n)[^]*?(\n<!-- \/bench -->)/;
  if (!marks.test(text)) throw new Error("README.md has no <!-- bench --> block to write the table into.");
  return text.replace(marks, (_, open, close) => open + block + close);
}
