/**
 * Shapes that the dashboard reads. What the SDK gives is the SDK's own types; what only the collector gives is stated
 * here. Times are milliseconds since the epoch; null is "not known".
 */

import type { CanvasView, Manifest, Report } from "nearside";

export type { CanvasView, Explanation, Manifest, PageStage, Prediction, Report } from "nearside";

/** What a colour means: nothing known, fine, worth a look, needs action. */
export type State = "grey" | "good" | "warn" | "bad";

/** Percentiles of one timed stage, in milliseconds. */
export type Latency = Report["latency"][number];

/** What is timed. */
export type LatencyStage = Latency["stage"];

/** How page loads settled against the budget of the first prediction. */
export type Loads = Report["loads"];

/** Score histogram: 21 edges, 20 counts, 20 reference shares. */
export type Scores = Report["scores"];

/** What the boundaries of the model said. */
export type Boundary = Report["boundary"];

/** One feature against the reference. */
export type Drift = Report["drift"][number];

/** One fairness metric over the values of one group. */
export type Fairness = Report["fairness"][number];

/** Metrics over the predictions whose outcome is known. */
export type Performance = Report["performance"];

/** One business metric over the window. */
export type Business = Report["business"][number];

/** The judgement in words. */
export type Verdict = Report["verdict"];

/** One of the ten blocks of the canvas. */
export type Block = CanvasView["blocks"][number];

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
  rule: { metric: string; by: string | null; feature: string | null; window: string; limit: number | null };
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
export type Feature = Manifest["features"][number];

/** A value of a raw record. */
export type Value = number | string | boolean | null;

/** A raw record: what the page gives to the model. A missing key is a missing value. */
export type Fields = Record<string, Value>;
