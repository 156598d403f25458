import { NearsideError } from "./errors.js";
import { random64 } from "./host.js";
import { inNumbers } from "./record.js";
import type { Transfer } from "./download.js";
import type { Instance, Runtime } from "./runtime.js";
import type { Baseline, Explanation, LossReason, Manifest, PageStage, Prediction, RawRecord, Report, Stage } from "./types.js";
import type { WasmPredictor } from "./wasm.js";

/** One version of a model at work. It may predict in a worker; its counters are always in this thread. */
export interface Engine {
  readonly manifest: Manifest;
  /** Predictions run in a worker. */
  readonly remote: boolean;
  /** It is gone for good, with its worker; another one has to take over. */
  readonly ended: boolean;
  /** An uncounted prediction leaves no trace in the counters. */
  predict(record: RawRecord, groups: Record<string, string> | undefined, uncounted: boolean): Promise<Prediction>;
  explain(record: RawRecord): Promise<Explanation>;
  stage(name: Stage, ms: number): void;
  page(stage: PageStage, elapsed_ms: number): void;
  loss(reason: LossReason, frames: number): void;
  /** Encodes the open window and starts a new one; `undefined` when there is nothing in it. `session` counts the page session. */
  frame(sequence: number, age_ms: number, duration_ms: number, session: boolean): Uint8Array<ArrayBuffer> | undefined;
  /** Starts a new window and keeps the old one for the report only; gives whether there was anything in it. */
  discard(): boolean;
  /** The reference profile that reports compare with. */
  compareWith(baseline: Baseline): void;
  /** What this engine has counted so far, all windows. */
  report(): Report;
  /** Gives all counters away; `undefined` when they were lost. */
  handOver(): Float64Array<ArrayBuffer> | undefined;
  /** Keeps the counters of another engine of the same version. */
  takeOver(counters: Float64Array): void;
  free(): void;
}

/** What an engine is made of. Without a model it counts and reports, but predicts nothing. */
export interface Parts {
  readonly manifest: Manifest;
  /** The manifest as the small runtime reads it. */
  readonly fields: Uint8Array<ArrayBuffer> | undefined;
  readonly model: Uint8Array<ArrayBuffer> | undefined;
  /** The page-session id that its frames carry. */
  readonly session: bigint;
}

/** The engine of the calling thread. When its instance dies, the next call builds it anew on a fresh one. */
export class LocalEngine implements Engine {
  readonly remote = false;
  /** A dead instance is replaced, so a local engine does not end. */
  readonly ended = false;
  #baseline: Float64Array | undefined;
  /** The open window may hold something. */
  #counted = false;
  #freed = false;

  private constructor(
    private readonly parts: Parts,
    private readonly runtime: Runtime,
    private readonly transfer: Transfer,
    private instance: Instance,
    private predictor: WasmPredictor,
  ) {}

  static async open(parts: Parts, runtime: Runtime, transfer: Transfer): Promise<LocalEngine> {
    const instance = await runtime.instance(transfer);
    return new LocalEngine(parts, runtime, transfer, instance, build(instance, parts));
  }

  get manifest(): Manifest {
    return this.parts.manifest;
  }

  get dead(): boolean {
    return this.instance.dead;
  }

  async predict(record: RawRecord, groups: Record<string, string> | undefined, uncounted: boolean): Promise<Prediction> {
    // Without a dead instance there is no pause here: a prediction and its count are one step for everybody else.
    if (this.instance.dead) await this.revive();
    const read = inNumbers(record, this.manifest);
    try {
      return this.call((predictor) => predictor.predict(read, groups, uncounted));
    } finally {
      this.#counted ||= !this.instance.dead;
    }
  }

  async explain(record: RawRecord): Promise<Explanation> {
    if (this.instance.dead) await this.revive();
    const read = inNumbers(record, this.manifest);
    return this.call((predictor) => predictor.explain(read));
  }

  stage(name: Stage, ms: number): void {
    this.note((predictor) => predictor.stage(name, ms));
  }

  page(stage: PageStage, elapsed_ms: number): void {
    this.note((predictor) => predictor.page(stage, elapsed_ms));
  }

  loss(reason: LossReason, frames: number): void {
    this.note((predictor) => predictor.loss(reason, frames));
  }

  frame(sequence: number, age_ms: number, duration_ms: number, session: boolean): Uint8Array<ArrayBuffer> | undefined {
    return this.close((predictor) => predictor.frame(sequence, age_ms, duration_ms, session)) as Uint8Array<ArrayBuffer> | undefined;
  }

  discard(): boolean {
    return this.close((predictor) => predictor.discard()) ?? false;
  }

  compareWith(baseline: Baseline): void {
    this.#baseline = flat(baseline);
  }

  report(): Report {
    return this.call((predictor) => predictor.report(this.#baseline));
  }

  handOver(): Float64Array<ArrayBuffer> | undefined {
    return this.close((predictor) => predictor.hand_over()) as Float64Array<ArrayBuffer> | undefined;
  }

  takeOver(counters: Float64Array): void {
    this.note((predictor) => predictor.take_over(counters));
  }

  /** Replaces a dead instance; an open window is lost with the dead one, and counted as such. */
  async revive(): Promise<void> {
    const instance = await this.runtime.instance(this.transfer);
    if (!this.instance.dead) return;
    this.predictor = build(instance, this.parts);
    this.instance = instance;
    const lost = this.#counted;
    this.#counted = false;
    if (lost) this.loss("dropped", 1);
  }

  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    if (!this.instance.dead) this.predictor.free();
  }

  private call<T>(run: (predictor: WasmPredictor) => T): T {
    if (this.#freed) throw new NearsideError("disposed", `The model ${this.manifest.name} was disposed of; load it again.`);
    if (this.instance.dead) throw new NearsideError("engine-dead", `The runtime of ${this.manifest.name} stopped on an internal fault; the next prediction starts a new one.`);
    return this.instance.call(() => run(this.predictor));
  }

  /** Counters are worth less than answers: with a dead instance they are dropped. */
  private note(run: (predictor: WasmPredictor) => void): void {
    if (this.#freed || this.instance.dead) return;
    this.call(run);
    this.#counted = true;
  }

  private close<T>(run: (predictor: WasmPredictor) => T): T | undefined {
    if (this.#freed || this.instance.dead) return undefined;
    const closed = this.call(run);
    this.#counted = false;
    return closed;
  }
}

function build(instance: Instance, parts: Parts): WasmPredictor {
  return instance.call((glue) => new glue.Predictor(parts.fields ?? parts.manifest, parts.model, parts.session, random64()));
}

/** A reference profile as numbers, as the runtime reads it: lists with their length in front, NaN for what is not there. */
function flat({ rows, features, scores, actions }: Baseline): Float64Array {
  const list = (counts: number[]) => [counts.length, ...counts];
  const columns = features.flatMap(({ counts, mean, standard_deviation }) => [...list(counts), mean ?? NaN, standard_deviation ?? NaN]);
  return Float64Array.from([rows, features.length, ...columns, ...list(scores), ...list(actions)]);
}
