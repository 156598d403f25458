/// <reference lib="esnext.disposable" preserve="true" />
import { readChannel, readListed, readRelease, type Bundle } from "./bundle.js";
import type { Transfer } from "./download.js";
import type { Engine } from "./engine.js";
import { asNearsideError, NearsideError, throwIfAborted } from "./errors.js";
import { ModelEvent, type ModelEventMap } from "./events.js";
import { now } from "./host.js";
import { background, localEngine, remoteEngine, type ModelParts } from "./parts.js";
import { Telemetry } from "./telemetry.js";
import type { Baseline, CanvasView, Explanation, Flushed, Manifest, Outcome, PredictOptions, Prediction, RawRecord, Report } from "./types.js";
import type { Claim, Verifier } from "./verifier.js";

/** Predictions that cost more than this move the model to a worker, under `worker: "auto"`. */
const WORKER_MS = 8;
/** So many in a row, the first of all left out: one slow prediction may be the machine's doing. */
const SLOW_IN_A_ROW = 2;
/** The wait after a failed update, doubled with each failure. */
const UPDATE_RETRY_MS = 60_000;

const loaded = new Set<Model>();

/** The models of this page or process that have not been disposed of. */
export function loadedModels(): readonly Model[] {
  return [...loaded];
}

/**
 * A bundle at work: it answers, knows its limits, explains itself and counts. Made by `load()`.
 *
 * Every method rejects or throws a `NearsideError`; after `dispose()` its code is `disposed`.
 */
export class Model extends EventTarget {
  readonly #parts: ModelParts;
  readonly #transfer: Transfer;
  readonly #telemetry: Telemetry | undefined;
  readonly #records = new WeakMap<Prediction, RawRecord>();
  #verifier: Promise<Verifier> | undefined;
  #bundle: Bundle;
  #engine: Engine;
  #previous: Engine | undefined;
  #baseline: Promise<Baseline> | undefined;
  #canvas: Promise<object> | undefined;
  #answers = 0;
  #slow = 0;
  #moved = false;
  #updateAfter = 0;
  #updateFailures = 0;
  readonly #running = new Set<Promise<unknown>>();
  #readyAt = now();
  #changing: Promise<void> | undefined;
  #watched = false;
  #judgedAt = now();
  #verdict: Report["verdict"]["state"] = "unknown";
  #disposed = false;

  /** @internal */
  static async open(parts: ModelParts): Promise<Model> {
    const started = now();
    const { worker = "auto" } = parts.options;
    const wanted = parts.runtimes.host.spawn !== undefined && worker !== "auto" && worker !== false;
    const refusal = wanted ? await remoteEngine(parts, parts.bundle).catch((error) => asNearsideError(error)) : undefined;
    if (refusal instanceof NearsideError && refusal.code !== "worker-blocked") throw refusal;
    const engine = refusal && !(refusal instanceof NearsideError) ? refusal : await localEngine(parts, parts.bundle, parts.transfer);
    throwIfAborted(parts.transfer.signal);
    engine.stage("download", parts.download_ms);
    if (parts.compile_ms !== null) engine.stage("compile", parts.compile_ms);
    engine.stage("load", now() - started);
    const model = new Model(parts, engine);
    // A task later, so that the caller of load() has had the time to listen.
    if (refusal instanceof NearsideError) setTimeout(() => model.#report(refusal), 0);
    return model;
  }

  private constructor(parts: ModelParts, engine: Engine) {
    super();
    this.#parts = parts;
    this.#bundle = parts.bundle;
    this.#engine = engine;
    const { host } = parts.transfer;
    this.#transfer = background(parts.transfer);
    const { collector } = parts.options;
    if (collector) {
      const { first_flush_ms = 5_000, flush_ms = 30_000 } = engine.manifest.telemetry ?? {};
      this.#telemetry = new Telemetry({
        collector, host, first_flush_ms, flush_ms,
        consent: parts.consent,
        numbering: parts.numbering,
        engine: () => this.#engine,
        onChampion: () => void this.#update(),
        onRefused: ({ id }, reason) => this.#report(new NearsideError("usage", `The collector refused the outcome of ${id}: ${reason}. Check the receipt and the label.`)),
      });
    }
    loaded.add(this);
  }

  /** The model's name, as the canvas states it. */
  get name(): string {
    return this.#engine.manifest.name;
  }

  /** The version on air, 12 hex digits; it changes with an "update" event. */
  get version(): string {
    return this.#engine.manifest.version;
  }

  /** The manifest of the version on air: features, units, ranges, bands, budgets. */
  get manifest(): Manifest {
    return this.#engine.manifest;
  }

  /** Where predictions run. */
  get thread(): "calling" | "worker" {
    return this.#engine.remote ? "worker" : "calling";
  }

  /**
   * Answers one record, in raw units. A record outside the limits is answered too, with `boundary.inside` false and the
   * action that the canvas states for it. `count: false` leaves no trace in the counters.
   *
   * Rejects with `invalid-record` for what cannot be read as a record, and with `engine-dead` when the runtime failed;
   * the next call then runs on a new one.
   */
  async predict(record: RawRecord, options: PredictOptions = {}): Promise<Prediction> {
    this.#check();
    throwIfAborted(options.signal);
    const called = now();
    if (this.#engine.ended) await this.#replaceEnded();
    const engine = this.#engine;
    const counts = options.count !== false;
    const running = engine.predict(record, options.groups, !counts);
    this.#running.add(running);
    let prediction: Prediction;
    try {
      prediction = await running;
    } catch (thrown) {
      const error = asNearsideError(thrown);
      if (error.code === "engine-dead") this.#report(error);
      else if (counts) this.#telemetry?.counted(this.#counting(engine), false);
      throw error;
    } finally {
      this.#running.delete(running);
    }
    if (counts) this.#answered(this.#counting(engine), called, prediction.timing.total);
    this.#records.set(prediction, { ...record });
    throwIfAborted(options.signal);
    return prediction;
  }

  /**
   * Says why: how much each feature moved the answer away from that of an average record.
   *
   * Takes a prediction that this model made, or a record. Rejects with `usage` for a prediction whose record or version
   * is not at hand any more.
   */
  async explain(subject: Prediction | RawRecord, options: { method?: "shap" } = {}): Promise<Explanation> {
    this.#check();
    if (options.method !== undefined && options.method !== "shap") {
      throw new NearsideError("usage", `There is no explanation method "${String(options.method)}"; leave it out or use "shap".`);
    }
    const record = this.#records.get(subject as Prediction);
    if (!record) {
      if (isPrediction(subject)) throw new NearsideError("usage", "This prediction was not made by this model in this page, so its record is not known. Pass the record instead.");
      return this.#engine.explain(subject as RawRecord);
    }
    const { version } = subject as Prediction;
    const engine = [this.#engine, this.#previous].find((candidate) => candidate?.manifest.version === version);
    if (!engine) throw new NearsideError("usage", `The prediction was made by version ${version}, which has been replaced by ${this.version} since. Predict again, then explain.`);
    return engine.explain(record);
  }

  /**
   * Whether this bundle gives the same answer to `record` as `claimed`, an answer that came from a page. Counts nothing.
   *
   * Compares label, action, and score or value within 1e-5. Rejects with `usage` when the version that `claimed` names
   * is neither on air nor the one before.
   */
  async verify(record: RawRecord, claimed: Claim): Promise<boolean> {
    this.#check();
    this.#verifier ??= import("./verifier.js").then(({ Verifier }) => new Verifier(this.#parts, () => this.#bundle));
    return (await this.#verifier).agrees(record, claimed);
  }

  /** Tells the collector what became of a prediction. Sent with the next flush; without a collector, nothing happens. */
  outcome(id: string, outcome: Outcome): void {
    this.#check();
    if (!/^[\w-]{20,43}$/.test(id)) throw new NearsideError("usage", `"${id}" is not a receipt: pass the id of the prediction as it was given.`);
    this.#telemetry?.outcome({ id, ...outcome });
  }

  /** What this page has counted of the version on air. It needs no collector; drift needs `baseline()` to have resolved. */
  report(): Report {
    this.#check();
    return this.#engine.report();
  }

  /** Fetches the reference profile of the training data, once; reports compare with it from then on. */
  async baseline(): Promise<Baseline> {
    this.#check();
    const { base, manifest } = this.#bundle;
    const file = manifest.files.baseline;
    if (!file) throw new NearsideError("usage", `The bundle ${manifest.name} ${manifest.version} has no reference profile. Pack it with its training data.`);
    this.#baseline ??= readListed<Baseline>(this.#transfer, base, file);
    try {
      const baseline = await this.#baseline;
      this.#engine.compareWith(baseline);
      return baseline;
    } catch (error) {
      this.#baseline = undefined;
      throw asNearsideError(error);
    }
  }

  /**
   * The ten blocks of the canvas, with what this page has counted as their live values. Fetches the canvas, once; it
   * needs no collector. Drift needs `baseline()` to have resolved.
   */
  async canvas(): Promise<CanvasView> {
    this.#check();
    const bundle = this.#bundle;
    const { base, manifest } = bundle;
    const file = manifest.files.canvas;
    if (!file) throw new NearsideError("usage", `The bundle ${manifest.name} ${manifest.version} has no canvas in it. Pack it again with \`nearside pack\`.`);
    this.#canvas ??= readListed<object>(this.#transfer, base, file);
    try {
      const canvas = await this.#canvas;
      this.#check();
      const { drawCanvas } = await import("./canvas.js");
      this.#check();
      // Another version may have come on air meanwhile.
      return bundle === this.#bundle ? await drawCanvas(this.#parts.runtimes, this.#transfer, canvas, this.report()) : await this.canvas();
    } catch (error) {
      this.#canvas = undefined;
      throw asNearsideError(error);
    }
  }

  /** The user's own answer to the question of consent: with `true` counters are sent, Global Privacy Control or not. */
  consent(granted: boolean): void {
    this.#check();
    if (this.#telemetry) this.#telemetry.consent(granted);
    else this.#parts.consent.answer(granted);
  }

  /**
   * Sends now what there is to send, waits for it, and says how much the collector has taken. On an edge worker:
   * `ctx.waitUntil(model.flush())`.
   */
  async flush(): Promise<Flushed> {
    this.#check();
    const flushed = await this.#telemetry?.flush();
    await this.#changing;
    return flushed ?? { sent: 0, acknowledged: 0 };
  }

  /** Frees the model's memory and stops its telemetry; `await model.flush()` first if its last counters matter. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    loaded.delete(this);
    this.#telemetry?.dispose();
    this.#engine.free();
    this.#previous?.free();
    void this.#verifier?.then((verifier) => verifier.dispose());
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  override addEventListener<K extends keyof ModelEventMap>(type: K, listener: ((event: ModelEventMap[K]) => void) | null, options?: boolean | AddEventListenerOptions): void;
  override addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void;
  override addEventListener(type: string, listener: never, options?: boolean | AddEventListenerOptions): void {
    if (type === "alert") this.#watched = true;
    super.addEventListener(type, listener, options);
  }

  /** Books a finished prediction: stage timings, the page load, telemetry, and what follows from them. */
  #answered(engine: Engine, called: number, cost: number): void {
    const done = now();
    engine.stage("answer", done - called);
    if (this.#answers++ === 0) {
      const { page, since } = this.#parts;
      // The time in which a ready page waited for its user is nobody's delay.
      const idle = Math.max(0, called - this.#readyAt);
      const elapsed = (page ? page.elapsed(since) : done - since!) - idle;
      // A page loads once, however many models it makes of one bundle.
      const settles = page?.answered() ?? true;
      if (settles) engine.stage("first", elapsed);
      if (settles && page) engine.page("predicted", elapsed);
    } else {
      this.#slow = cost > WORKER_MS ? this.#slow + 1 : 0;
      if (this.#slow >= SLOW_IN_A_ROW) this.#moveToWorker();
    }
    this.#telemetry?.counted(engine, true);
    this.#judge(done);
  }

  /** The engine that counts for `engine`: itself, unless another one of its version has taken over meanwhile. */
  #counting(engine: Engine): Engine {
    return engine.manifest.version === this.version ? this.#engine : engine;
  }

  #moveToWorker(): void {
    const { options, runtimes } = this.#parts;
    if (this.#moved || this.#changing || !runtimes.host.spawn || (options.worker ?? "auto") !== "auto") return;
    // Once: a page whose policy forbids workers is not asked again and again.
    this.#moved = true;
    void this.#change(async () => this.#swap(await remoteEngine(this.#parts, this.#bundle)));
  }

  /** When the worker is gone, the page's own thread takes over. */
  #replaceEnded(): Promise<void> {
    return this.#change(async () => {
      if (this.#engine.ended) await this.#swap(await localEngine(this.#parts, this.#bundle, this.#transfer));
    });
  }

  /** Loads the version that the channel now names. After a failure the next attempt waits, longer each time. */
  #update(): Promise<void> {
    if (now() < this.#updateAfter) return Promise.resolve();
    return this.#change(async () => {
      const from = this.version;
      const { base } = this.#bundle;
      try {
        const channel = await readChannel(this.#transfer, base);
        if (!channel || channel.champion.version === from) return;
        const bundle = await readRelease(this.#transfer, base, channel, channel?.champion, this.#parts.options.engine);
        const engine = this.#engine.remote ? await remoteEngine(this.#parts, bundle) : await localEngine(this.#parts, bundle, this.#transfer);
        this.#bundle = bundle;
        this.#baseline = this.#canvas = undefined;
        await this.#swap(engine);
      } catch (error) {
        this.#updateAfter = now() + UPDATE_RETRY_MS * 2 ** this.#updateFailures++;
        throw error;
      }
      this.#updateFailures = 0;
      if (!this.#disposed) this.dispatchEvent(new ModelEvent("update", { from, to: this.version }));
    });
  }

  /** One change of the engine at a time; a failed one leaves the running engine in place. */
  #change(work: () => Promise<void>): Promise<void> {
    return (this.#changing ??= work()
      .catch((error) => this.#report(asNearsideError(error)))
      .finally(() => (this.#changing = undefined)));
  }

  /** Puts an engine on air between two predictions. Its own version's counters go on; those of another version end. */
  async #swap(engine: Engine): Promise<void> {
    if (this.#baseline) engine.compareWith(await this.#baseline);
    if (this.#disposed) return engine.free();
    const old = this.#engine;
    this.#engine = engine;
    if (old.manifest.version === engine.manifest.version) {
      await this.#takeOver(old, engine);
      old.free();
    } else {
      if (this.#previous) this.#telemetry?.retire(this.#previous);
      // Kept for explanations of answers that are still on the page.
      this.#previous?.free();
      this.#previous = old;
      this.#telemetry?.cut(old);
    }
    void this.#telemetry?.flush();
  }

  /** Moves all that `old` has counted to `engine`, and what its last predictions still count. */
  async #takeOver(old: Engine, engine: Engine): Promise<void> {
    const running = [...this.#running];
    const move = (): void => {
      const counters = old.handOver();
      if (counters) engine.takeOver(counters);
      else engine.loss("dropped", 1);
      this.#telemetry?.moved(old, engine);
    };
    move();
    if (running.length === 0) return;
    await Promise.allSettled(running);
    move();
  }

  /** Tells listeners when this page's own verdict turns worse. */
  #judge(at: number): void {
    if (!this.#watched || at - this.#judgedAt < (this.manifest.telemetry?.flush_ms ?? 30_000)) return;
    this.#judgedAt = at;
    const { verdict } = this.#engine.report();
    const worse = verdict.state !== this.#verdict && (verdict.state === "bad" || (verdict.state === "warn" && this.#verdict !== "bad"));
    this.#verdict = verdict.state;
    if (worse) this.dispatchEvent(new ModelEvent("alert", verdict));
  }

  #report(error: NearsideError): void {
    this.dispatchEvent(new ModelEvent("error", error));
  }

  #check(): void {
    if (this.#disposed) throw new NearsideError("disposed", `The model ${this.name} was disposed of; load it again.`);
  }
}

function isPrediction(value: object): boolean {
  return "boundary" in value && "version" in value && "id" in value;
}
