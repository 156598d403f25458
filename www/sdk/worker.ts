import type { Engine, LocalEngine, Parts } from "./engine.js";
import { asNearsideError, NearsideError, type ErrorCode } from "./errors.js";
import type { Baseline, Explanation, LossReason, Manifest, PageStage, Prediction, RawRecord, Report, Stage } from "./types.js";

/** What the page asks of the worker. `open` comes first. */
export type Ask =
  | { ask: "open"; call: number; module: WebAssembly.Module; parts: Parts }
  | { ask: "predict"; call: number; record: RawRecord; groups: Record<string, string> | undefined; uncounted: boolean }
  | { ask: "explain"; call: number; record: RawRecord };

/** What the worker answers: with a prediction, also what it has added to the counters, which are the page's to keep. */
export type Answer = { call: number; counters?: Float64Array<ArrayBuffer> | undefined } & (
  | { result: unknown }
  | { error: { code: ErrorCode; message: string } }
);

/** An ask without its number. */
type Question = Ask extends infer A ? (A extends Ask ? Omit<A, "call"> : never) : never;

/**
 * Starts an engine in a worker. The compiled module travels with the first message, so nothing is fetched twice.
 * `counting` opens the engine without a model that keeps the counters in this thread, where they outlive the worker.
 * Rejects with `worker-blocked` when the browser refuses to start the worker.
 */
export async function openRemote(spawn: () => Worker, module: WebAssembly.Module, parts: Parts, counting: Promise<LocalEngine>): Promise<Engine> {
  let remote: Remote | undefined;
  try {
    remote = new Remote(spawn, parts.manifest);
    const [counters] = await Promise.all([counting, remote.ask({ ask: "open", module, parts })]);
    return new RemoteEngine(remote, counters);
  } catch (error) {
    remote?.end();
    counting.then((counters) => counters.free(), () => {});
    throw error;
  }
}

/** An engine that predicts in a worker and counts here. */
class RemoteEngine implements Engine {
  readonly remote = true;

  constructor(private readonly worker: Remote, private readonly counters: LocalEngine) {
    worker.onCounters = (added) => counters.takeOver(added);
  }

  get manifest(): Manifest {
    return this.counters.manifest;
  }

  get ended(): boolean {
    return this.worker.ended !== undefined;
  }

  async predict(record: RawRecord, groups: Record<string, string> | undefined, uncounted: boolean): Promise<Prediction> {
    if (this.counters.dead) await this.counters.revive();
    return this.worker.ask({ ask: "predict", record, groups, uncounted });
  }

  explain(record: RawRecord): Promise<Explanation> {
    return this.worker.ask({ ask: "explain", record });
  }

  stage(name: Stage, ms: number): void {
    this.counters.stage(name, ms);
  }

  page(stage: PageStage, elapsed_ms: number): void {
    this.counters.page(stage, elapsed_ms);
  }

  loss(reason: LossReason, frames: number): void {
    this.counters.loss(reason, frames);
  }

  frame(sequence: number, age_ms: number, duration_ms: number, session: boolean): Uint8Array<ArrayBuffer> | undefined {
    return this.counters.frame(sequence, age_ms, duration_ms, session);
  }

  discard(): boolean {
    return this.counters.discard();
  }

  compareWith(baseline: Baseline): void {
    this.counters.compareWith(baseline);
  }

  report(): Report {
    return this.counters.report();
  }

  handOver(): Float64Array<ArrayBuffer> | undefined {
    return this.counters.handOver();
  }

  takeOver(counters: Float64Array): void {
    this.counters.takeOver(counters);
  }

  free(): void {
    this.worker.end();
    this.counters.free();
  }
}

/** The page's side of the messages. */
class Remote {
  /** Why it answers nothing any more. */
  ended: NearsideError | undefined;
  onCounters: (added: Float64Array) => void = () => {};
  readonly #worker: Worker;
  readonly #calls = new Map<number, { resolve: (result: never) => void; reject: (error: NearsideError) => void }>();
  #next = 0;
  #open = false;

  constructor(spawn: () => Worker, private readonly manifest: Manifest) {
    try {
      this.#worker = spawn();
    } catch (error) {
      throw blocked(error);
    }
    this.#worker.onmessage = ({ data }: MessageEvent<Answer>) => this.#settle(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(event.message || "no reason given");
    };
    this.#worker.onmessageerror = () => this.#fail("a message could not be read");
  }

  ask<T>(question: Question): Promise<T> {
    if (this.ended) return Promise.reject(this.ended);
    return new Promise<T>((resolve, reject) => {
      const call = this.#next++;
      try {
        this.#worker.postMessage({ ...question, call } as Ask);
      } catch (error) {
        return reject(new NearsideError("invalid-record", `What was asked cannot be sent to the worker: ${(error as Error).message} A record holds numbers, strings, booleans and dates.`, { cause: error }));
      }
      this.#calls.set(call, { resolve, reject });
    });
  }

  end(error = new NearsideError("disposed", `The model ${this.manifest.name} was disposed of; load it again.`)): void {
    if (this.ended) return;
    this.ended = error;
    this.#worker.terminate();
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
  }

  #settle(answer: Answer): void {
    if (this.ended) return;
    const call = this.#calls.get(answer.call);
    this.#calls.delete(answer.call);
    if (answer.counters) this.onCounters(answer.counters);
    if ("error" in answer) {
      call?.reject(new NearsideError(answer.error.code, answer.error.message));
      return;
    }
    this.#open = true;
    call?.resolve(answer.result as never);
  }

  #fail(cause: string): void {
    this.end(this.#open ? new NearsideError("engine-dead", `The worker of ${this.manifest.name} stopped: ${cause}. The next prediction runs in the page's own thread.`) : blocked(cause));
  }
}

function blocked(cause: unknown): NearsideError {
  const reason = cause instanceof Error ? asNearsideError(cause).message : String(cause);
  return new NearsideError("worker-blocked", `The worker could not start (${reason}), so the model runs in the page's own thread. Serve worker-entry.js from the page's origin and allow it in worker-src.`);
}
