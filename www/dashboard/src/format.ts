/** Numbers, times and machine names as people read them. */

import type { LatencyStage, PageStage, State } from "./types.js";

const LOCALE = "en";
const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat(LOCALE, { notation: "compact", maximumFractionDigits: 1 });
const absolute = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

/** What stands where a number is not known. */
export const UNKNOWN = "–";

/** A whole count with thousands separators. */
export function count(value: number): string {
  return whole.format(value);
}

/** A count short enough for an axis: 12.4K. */
export function short(value: number): string {
  return compact.format(value);
}

/** A count with its noun: "1 page", "12 pages". */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** A number to about three significant digits, never in exponent notation. */
export function number(value: number | null, digits = 3): string {
  if (value === null || !Number.isFinite(value)) return UNKNOWN;
  const size = Math.abs(value);
  const fraction = size >= 100 || size === 0 ? 0 : Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  return new Intl.NumberFormat(LOCALE, { maximumFractionDigits: Math.min(fraction, 6) }).format(value);
}

/** A number with a fixed number of decimals, for columns. */
export function fixed(value: number | null, digits: number): string {
  return value === null || !Number.isFinite(value) ? UNKNOWN : value.toFixed(digits).replace("-", "−");
}

/** A share of 0..1 as per cent. Shares that are not all or nothing never round to 0 % or 100 %. */
export function percent(share: number | null, digits = 1): string {
  if (share === null || !Number.isFinite(share)) return UNKNOWN;
  if (share < 0) return `−${percent(-share, digits)}`;
  if (share === 0) return "0%";
  if (share === 1) return "100%";
  const smallest = 10 ** -digits;
  const value = share * 100;
  if (value < smallest) return `<${smallest}%`;
  if (value > 100 - smallest && value < 100) return `>${100 - smallest}%`;
  return `${value.toFixed(digits)}%`;
}

/** A duration in milliseconds with the unit that fits: 0.42 ms, 812 ms, 2.4 s. */
export function millis(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return UNKNOWN;
  // Browsers round their clock to 0.1 ms.
  if (value === 0) return "<0.1 ms";
  if (value >= 1000) return `${number(value / 1000, 2)} s`;
  return `${number(value, value < 1 ? 2 : 3)} ms`;
}

/** Money, in the currency of the canvas. */
export function money(value: number | null, currency: string): string {
  if (value === null || !Number.isFinite(value)) return UNKNOWN;
  const digits = value !== 0 && Math.abs(value) < 0.1 ? 4 : 2;
  try {
    return new Intl.NumberFormat(LOCALE, { style: "currency", currency, maximumFractionDigits: digits }).format(value);
  } catch {
    return `${number(value)} ${currency}`;
  }
}

/** "just now", "12 s ago", "3 min ago", "2 h ago", "5 d ago". */
export function age(at: number, now: number): string {
  const seconds = Math.max(0, Math.round((now - at) / 1000));
  if (seconds < 2) return "just now";
  if (seconds < 90) return `${seconds} s ago`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min ago`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h ago` : `${Math.round(hours / 24)} d ago`;
}

/** Date and time in full. */
export function moment(at: number): string {
  return absolute.format(at);
}

/** A tick of a time axis: the hour for windows up to two days, the day for longer ones. */
export function tick(at: number, span: number): string {
  return span <= 172_800_000 ? clock.format(at) : day.format(at);
}

/** A machine name as words: "demographic_parity_ratio" → "Demographic parity ratio". */
export function words(name: string): string {
  const text = name.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const METRICS: Record<string, string> = {
  roc_auc: "ROC AUC",
  f1: "F1",
  log_loss: "Log loss",
  brier: "Brier score",
  population_stability_index: "Population stability index",
  latency_p95_ms: "95th percentile latency",
};

/** The name of a metric. */
export function metric(name: string): string {
  return METRICS[name] ?? words(name);
}

/** The word that goes with a state's colour. */
export const STATE_WORDS: Record<State, string> = { grey: "No data", good: "Good", warn: "Watch", bad: "Act now" };

/** What is timed, in words. */
export const LATENCY_WORDS: Record<LatencyStage, { title: string; note: string }> = {
  download: { title: "Download", note: "model and runtime over the network" },
  compile: { title: "Compile", note: "WebAssembly to machine code" },
  load: { title: "Load", note: "bundle to a model that can answer" },
  first: { title: "First answer", note: "from navigation, or the click, to the first answer" },
  answer: { title: "Answer", note: "each prediction as its caller sees it, worker included" },
  run: { title: "Run", note: "the model alone, within an answer" },
};

/** How far a page load came, in words. */
export const STAGE_WORDS: Record<PageStage, string> = {
  navigated: "Left before the script started",
  script: "Left while the runtime was loading",
  runtime: "Left while the model was loading",
  model: "Left with the model ready, before a prediction",
  predicted: "Got a prediction",
  failed: "Could not answer",
};

const RULES: Record<string, string> = {
  unknown: "has a name the model does not know",
  type: "has the wrong type",
  missing: "is missing",
  below: "is below its range",
  above: "is above its range",
  category: "has a value the model has not seen",
};

/** A boundary rule as a sentence about the feature. */
export function rule(feature: string, name: string): string {
  return `${words(feature)} ${RULES[name] ?? words(name).toLowerCase()}`;
}
