/** The element types of a tensor, by their ONNX names. */
export type TensorType =
  | "float32" | "float64" | "int8" | "int16" | "int32" | "int64"
  | "uint8" | "uint16" | "uint32" | "uint64" | "bool" | "string" | "float16";

/**
 * The elements of a tensor in row-major order: `int64` is a `BigInt64Array`, `bool` a `Uint8Array` of 0 and 1, `string` a
 * `string[]`. An input may also be a list of plain numbers or booleans; `float16` is read from its bits in a
 * `Uint16Array` or from numbers, is computed as float32, and comes out as `float32`.
 */
export type TensorData =
  | Float32Array | Float64Array | Int8Array | Int16Array | Int32Array | BigInt64Array
  | Uint8Array | Uint16Array | Uint32Array | BigUint64Array | string[] | number[] | bigint[] | boolean[];

/** A tensor: element type, shape and elements. */
export interface Tensor {
  type: TensorType;
  shape: number[];
  data: TensorData;
}

/** An input or output of a model. A dimension without a fixed size carries its symbol, for example `"N"`. */
export interface Port {
  name: string;
  type: TensorType;
  shape: (number | string)[];
}

/** What a model file says of itself. */
export interface ModelDescription {
  /** The program that wrote it, with its version. */
  producer: string;
  /** The versions of the operator sets, by domain. */
  opset: Record<string, number>;
  /** What the columns of an output stand for, by output: the keys of a ZipMap, or the classes of a classifier. */
  classes: Record<string, string[]>;
  /** What the exporter left as key and value. */
  metadata: Record<string, string>;
}

/**
 * One raw record, by feature name, in the units that the manifest states. `null` and absent both mean "missing".
 *
 * A timestamp is a `Date`, a text in ISO 8601 (`"2024-02-29"`, `"2024-02-29T08:30:15Z"`; without a zone it is UTC), or the
 * milliseconds since 1970-01-01 UTC.
 */
export type RawRecord = Record<string, string | number | boolean | Date | null | undefined>;

/** One rule that a record broke. `message` is a sentence for people. */
export interface Violation {
  feature: string;
  rule: "unknown" | "type" | "missing" | "below" | "above" | "category";
  value: unknown;
  limit: unknown;
  message: string;
}

/** Whether a record lies inside the boundaries of the model, and which rules it broke. */
export interface Boundary {
  inside: boolean;
  violations: Violation[];
}

/** One answer of the model. */
export interface Prediction {
  /** The receipt: keep it with the order and answer it later with `model.outcome()` or `POST /v1/outcomes`. */
  id: string;
  /** The predicted class; `null` for a regression. */
  label: string | null;
  /** The probability of each class, 0 to 1; `null` for a regression. */
  probabilities: Record<string, number> | null;
  /** The probability of the positive class, 0 to 1. */
  score: number | null;
  /** The predicted number, in the target's unit; `null` for a classification. */
  value: number | null;
  /** What the bands of the canvas say to do, for example `"accept"`. */
  action: string | null;
  /** Whether the record was inside the model's limits. */
  boundary: Boundary;
  /** The version of the model that answered. */
  version: string;
  /** Milliseconds spent encoding the record, running the model, and in all. */
  timing: { encode: number; run: number; total: number };
}

/** Why the model answered as it did. The contributions and `base` add up to `margin`, within `sum_check`. */
export interface Explanation {
  method: string;
  /** The model's output for an average record, in `unit`. */
  base: number;
  /** The model's output for this record, in `unit`. */
  margin: number;
  contributions: { feature: string; value: unknown; contribution: number }[];
  /** How far `base` plus the contributions is from `margin`: a number near zero. */
  sum_check: number;
  /** The reasons in one sentence. */
  text: string;
  unit: string;
}

/** A number with its confidence interval and the count behind it. */
export interface Estimate {
  value: number;
  low: number;
  high: number;
  count: number;
}

/** What a page, or a collector, has seen of one version of a model. Times are milliseconds, shares 0 to 1. */
export interface Report {
  model: string;
  version: string;
  from: number | null;
  to: number | null;
  predictions: number;
  sessions: number;
  refused: number;
  loads: {
    total: number; answered: number; within_budget: number; budget_ms: number;
    share: Estimate | null; by_stage: { stage: PageStage; count: number }[];
  };
  latency: {
    stage: Stage | "run"; count: number; p50: number; p75: number; p95: number; p99: number; p95_low: number; p95_high: number;
    budget_ms: number | null; over_budget_share: number | null; state: "within" | "over" | "not_enough_evidence" | null;
  }[];
  scores: { edges: number[]; counts: number[]; reference: number[] };
  actions: { action: string; count: number; share: number; favourable: boolean }[];
  boundary: { inside: number; outside: number; rules: { feature: string; rule: string; count: number; share: number }[] };
  drift: {
    feature: string; kind: string; state: "ok" | "warn" | "alarm" | "not_enough_evidence"; psi: number | null;
    threshold: number; noise: number; p_value: number | null; count: number; needed: number | null;
    missing_share: number | null; reference_missing_share: number | null;
    mean: number | null; reference_mean: number | null; unit: string | null;
    bins: { label: string; share: number; reference: number | null }[];
  }[];
  fairness: {
    group: string; metric: string; state: "pass" | "fail" | "not_enough_evidence";
    value: number | null; low: number | null; high: number | null; limit: number; words: string;
    by: { value: string; count: number; selected: number; rate: number | null; low: number | null; high: number | null }[];
  }[];
  performance: { labelled: number; metrics: { metric: string; value: number; low: number | null; high: number | null; count: number }[] };
  business: {
    name: string; unit: string | null; direction: string; goal: number | null;
    count: number; sum: number; mean: number; low: number | null; high: number | null;
  }[];
  loss: { reason: LossReason; frames: number }[];
  verdict: { state: "good" | "warn" | "bad" | "unknown"; words: string[] };
}

/** The ten blocks of the canvas, each with what is stated, what was measured, and how that is. */
export interface CanvasView {
  name: string;
  /** "For X who Y, our Z is a C that B", where all of it is stated. */
  sentence: string | null;
  credit: string;
  /** The costs of all blocks per thousand predictions, where both are known. */
  cost_per_thousand: number | null;
  currency: string;
  blocks: {
    number: number; id: string; title: string; question: string; state: BlockState;
    stated: { label: string; value: string }[];
    live: { label: string; value: string; state: BlockState }[];
    live_at: number | null; cost: number | null;
  }[];
}

/** How a block of the canvas, or a live value in it, is. */
export type BlockState = "grey" | "good" | "warn" | "bad";

/** What `flush()` came to: frames of counters and batches of outcomes that were sent, and those that the collector took. */
export interface Flushed {
  sent: number;
  acknowledged: number;
}

/**
 * The stages whose milliseconds are counted. `first` is from the navigation to the first answer of a page, `answer` is
 * one call of `predict()` as its caller sees it, with the way to a worker and back.
 */
export type Stage = "download" | "compile" | "load" | "first" | "answer";

/** How far a page load got before it settled. */
export type PageStage = "navigated" | "script" | "runtime" | "model" | "predicted" | "failed";

/** Why a frame of counters did not arrive, or arrived late. */
export type LossReason = "refused" | "dropped" | "retried" | "blocked" | "consent";

/** Where counters go. Without one, nothing ever leaves the page. */
export interface Collector {
  /** The collector's address, for example `https://collect.example.com`. */
  url: string | URL;
  /** The public write key, when the collector asks for one. */
  key?: string;
}

/** How much of a download has arrived, in bytes. `total` is `null` when the server does not say. */
export interface Progress {
  phase: "channel" | "manifest" | "model" | "runtime";
  loaded: number;
  total: number | null;
}

/** Options of every call that downloads something. */
export interface TransferOptions {
  /** Stops the call, which then rejects with code `aborted`. */
  signal?: AbortSignal;
  /** Called as bytes arrive. */
  onProgress?: (progress: Progress) => void;
  /** Replaces the global `fetch`, for example with `env.ASSETS.fetch` on a worker. */
  fetch?: (url: string, init?: RequestInit) => Promise<Response>;
  /** Where the WebAssembly runtime is, when not beside the script; `nearside/slim` needs it on the first call. */
  wasm?: WasmSource;
}

/** The WebAssembly runtime, in any form: its address, a response that carries it, its bytes, or the compiled module. */
export type WasmSource = URL | string | Response | BufferSource | WebAssembly.Module;

/** What the reference rows of a bundle looked like, in the bins that a page counts in. */
export interface Baseline {
  rows: number;
  /** One entry per feature of the manifest, in that order. */
  features: { counts: number[]; mean: number | null; standard_deviation: number | null }[];
  /** The scores in 256 equal bins of 0 to 1. */
  scores: number[];
  /** How often each action was taken, the actions in the order of the bands. */
  actions: number[];
}

/**
 * What runs a model: `"compiled"` its plan, on the small runtime; `"tract"` the ONNX file as it is, on the full one;
 * `"auto"` (the default) the plan where there is one.
 */
export type EngineChoice = "auto" | "compiled" | "tract";

/** Options of {@link load}. */
export interface LoadOptions extends TransferOptions {
  /** What runs the model. */
  engine?: EngineChoice;
  /** Where counters go; leave it out and nothing ever leaves the page. */
  collector?: Collector;
  /**
   * Whether counters may be sent. `"ask"` sends nothing until `model.consent(true)`. Global Privacy Control wins over
   * everything but that call. Left out, it is `"ask"` when the bundle says that consent is required, else `"granted"`.
   */
  consent?: "granted" | "denied" | "ask";
  /**
   * Where the model runs: `true` in a module worker, `false` in the calling thread, `"auto"` (the default) moves to a
   * worker once predictions cost more than 8 ms. A function returns a worker made from `nearside/worker`, for build
   * tools that do not follow `new URL(…, import.meta.url)`. Node and edge runtimes never use one.
   */
  worker?: "auto" | boolean | (() => Worker);
}

/** Options of `Session.create`. */
export interface SessionOptions extends TransferOptions {
  /** What runs the model: a plan is for `compiled`, an ONNX file for `tract`. */
  engine?: EngineChoice;
}

/** Options of `model.predict`. */
export interface PredictOptions {
  /** The sensitive groups of this person, for fairness counters only; never an input of the model. */
  groups?: Record<string, string>;
  /** `false` answers without counting: for a server that answers people who said no, for example with `Sec-GPC: 1`. */
  count?: boolean;
  /** Rejects with code `aborted` when it fires before the answer. */
  signal?: AbortSignal;
}

/** What became of a prediction. */
export interface Outcome {
  /** The true class. */
  label?: string;
  /** The sensitive groups, when the page did not know them at prediction time. */
  group?: Record<string, string>;
  /** Business metrics of the canvas, by name, in their units. */
  business?: Record<string, number>;
}

/** A file of the bundle with its SHA-256 in hex and its size. */
export interface BundleFile {
  path: string;
  sha256: string;
  bytes: number;
}

/** The description of one version of a model: immutable, and all that the core needs besides the model file. */
export interface Manifest {
  format: 1;
  name: string;
  version: string;
  engine: string;
  files: {
    model: BundleFile;
    /** The compiled plan, where the engine is `compiled`. */
    plan?: BundleFile;
    baseline?: BundleFile; canvas?: BundleFile; card?: BundleFile; evaluation?: BundleFile; golden?: BundleFile;
  };
  task: { kind: string; target: string; classes: string[]; positive: string | null };
  features: {
    name: string; kind: "number" | "integer" | "category" | "boolean" | "text" | "timestamp"; unit: string | null; range: [number, number] | null;
    values: string[]; missing: string; note: string | null; bins: number[]; example: unknown;
    /** The input and the column in it that the feature feeds; without it, the input at its own place. */
    feeds?: { input: string; column: number };
  }[];
  groups: { name: string; values: string[] }[];
  bands: { at_least: number; action: string }[];
  telemetry: { flush_ms: number; first_flush_ms: number; consent: "required" | "not_required" };
  budgets: { first_prediction_ms: number; latency_p95_ms: number | null };
  [more: string]: unknown;
}
