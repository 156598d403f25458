/** Shapes that the collector, the SDK and the dashboard share. Times are milliseconds since the epoch; null is "not known". */

/** A share or mean with its 95 % interval and the number of observations behind it. */
export interface Estimate {
  value: number;
  low: number;
  high: number;
  count: number;
}

/** What a colour means: nothing known, fine, worth a look, needs action. */
export type State = "grey" | "good" | "warn" | "bad";

/** How far a page load came. */
export type PageStage = "navigated" | "script" | "runtime" | "model" | "predicted" | "failed";

/** What is timed. */
export type LatencyStage = "download" | "compile" | "load" | "first" | "answer" | "run";

/** Percentiles of one timed stage, in milliseconds. */
export interface Latency {
  stage: LatencyStage;
  count: number;
  p50: number | null;
  p75: number | null;
  p95: number | null;
  p99: number | null;
  budget_ms: number | null;
  over_budget_share: number | null;
}

/** How page loads settled against the budget of the first prediction. */
export interface Loads {
  total: number;
  answered: number;
  within_budget: number;
  budget_ms: number;
  share: Estimate | null;
  by_stage: { stage: PageStage; count: number }[];
}

/** Score histogram: 21 edges, 20 counts, 20 reference shares. */
export interface Scores {
  edges: number[];
  counts: number[];
  reference: number[];
}

/** What the boundaries of the model said. */
export interface Boundary {
  inside: number;
  outside: number;
  rules: { feature: string; rule: string; count: number; share: number }[];
}

/** One feature against the reference. */
export interface Drift {
  feature: string;
  kind: string;
  state: "ok" | "warn" | "alarm" | "not_enough_evidence";
  psi: number | null;
  threshold: number | null;
  count: number;
  needed: number;
  missing_share: number | null;
  reference_missing_share: number | null;
  mean: number | null;
  reference_mean: number | null;
  unit: string | null;
  bins: { label: string; share: number; reference: number }[];
}

/** One fairness metric over the values of one group. */
export interface Fairness {
  group: string;
  metric: string;
  state: "pass" | "fail" | "not_enough_evidence";
  value: number | null;
  low: number | null;
  high: number | null;
  limit: number;
  words: string;
  by: { value: string; count: number; selected: number; rate: number | null; low: number | null; high: number | null }[];
}

/** Metrics over the predictions whose outcome is known. */
export interface Performance {
  labelled: number;
  metrics: { metric: string; value: number | null; low: number | null; high: number | null }[];
}

/** One business metric over the window. */
export interface Business {
  name: string;
  unit: string;
  direction: string;
  goal: number | null;
  count: number;
  sum: number;
  mean: number | null;
}

/** The judgement in words. */
export interface Verdict {
  state: "good" | "warn" | "bad" | "unknown";
  words: string[];
}

/** Everything known about one model version over one stretch of time. */
export interface Report {
  model: string;
  version: string;
  from: number;
  to: number;
  predictions: number;
  sessions: number;
  refused: number;
  loads: Loads;
  latency: Latency[];
  scores: Scores;
  actions: { action: string; count: number; share: number }[];
  boundary: Boundary;
  drift: Drift[];
  fairness: Fairness[];
  performance: Performance;
  business: Business[];
  loss: { reason: string; frames: number }[];
  verdict: Verdict;
}

/** One of the ten blocks of the canvas. */
export interface Block {
  number: number;
  id: string;
  title: string;
  question: string;
  state: State;
  stated: { label: string; value: string }[];
  live: { label: string; value: string; state: State }[];
  live_at: number | null;
  cost: number | null;
}

/** The canvas as it is shown: what is stated and what is measured. */
export interface CanvasView {
  name: string;
  sentence: string;
  credit: string;
  cost_per_thousand: number | null;
  currency: string;
  blocks: Block[];
}

/** One point of the time series. */
export interface MetricPoint {
  at: number;
  predictions: number;
  loads: number;
  within_budget: number;
  p50: number | null;
  p75: number | null;
  p95: number | null;
  favourable_share: number | null;
  outside: number;
}

/** A time series with a fixed step. */
export interface Metrics {
  step_ms: number;
  points: MetricPoint[];
}

/** A rule of the canvas that fired. */
export interface Alert {
  id: string | number;
  at: number;
  model: string;
  version: string;
  rule: { metric: string; by: string | null; feature: string | null; window: string | number; limit: number };
  value: number | null;
  low: number | null;
  high: number | null;
  state: "firing" | "resolved";
  action: string | null;
  action_state: "none" | "running" | "done" | "failed";
  words: string;
  detail: string | null;
}

/** A model as the collector lists it. */
export interface ModelSummary {
  name: string;
  champion: string | null;
  versions: string[];
  predictions: number;
  last_seen: number | null;
}

/** What the collector tells the page about itself; a static host serves the same file with `write_key: null`. */
export interface Config {
  write_key: string | null;
  models: string[];
  version: string | null;
}

/** A model input, as the bundle's manifest declares it. */
export interface Feature {
  name: string;
  kind: "number" | "integer" | "category" | "boolean";
  unit: string | null;
  range: [number, number] | null;
  values: string[] | null;
  missing: string;
  note: string | null;
  bins: number[];
  example: Value;
}

/** A value of a raw record. */
export type Value = number | string | boolean | null;

/** A raw record: what the page gives to the model. A missing key is a missing value. */
export type Fields = Record<string, Value>;

/** The parts of a bundle's manifest that the dashboard reads. */
export interface Manifest {
  name: string;
  version: string;
  engine: string;
  task: { kind: string; target: string; classes: string[]; positive: string | null };
  features: Feature[];
  groups: { name: string; values: string[] }[];
  bands: { at_least: number; action: string }[];
  favourable: string[];
  fallback: string | null;
  budgets: { first_prediction_ms: number | null; latency_p95_ms: number | null };
}

/** One answer of the model. */
export interface Prediction {
  id: string;
  label: string | null;
  probabilities: Record<string, number> | null;
  score: number | null;
  value: number | null;
  action: string | null;
  boundary: { inside: boolean; violations: Violation[] };
  version: string;
  timing: { encode: number; run: number; total: number };
}

/** A boundary that a record crossed. */
export interface Violation {
  feature: string;
  rule: string;
  value: Value;
  limit: Value;
  message: string;
}

/** What moved one answer away from the model's base. */
export interface Explanation {
  method: string;
  base: number;
  margin: number;
  contributions: { feature: string; value: Value; contribution: number }[];
  sum_check: number;
  text: string;
  unit: string;
}
