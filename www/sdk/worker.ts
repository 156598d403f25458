import type { Engine, Parts } from "./engine.js";
import { asNearsideError, NearsideError, type ErrorCode } from "./errors.js";
import type { Explanation, LossReason, Manifest, PageStage, Prediction, RawRecord, Report, Stage } from "./types.js";

/** What the page asks of the worker. `open` comes first. */
export type Ask =
  | { ask: "open"; call: number; module: WebAssembly.Module; parts: Parts }
  | { ask: "predict"; call: number; record: RawRecord; groups: Record<string, string> | undefined }
  | { ask: "explain"; call: number; record: RawRecord }
  | { ask: "frame"; call: number; sequence: number; age_ms: number; duration_ms: number }
  | { ask: "compareWith"; call: number; baseline: object }
  | { ask: "stage"; name: Stage; ms: number }
  | { ask: "page"; stage: PageStage; elapsed_ms: number }
  | { ask: "loss"; reason: LossReason; frames: number };

/** What the worker answers. The report comes with everything that changes it, so that the page can show it at once. */
export type Answer =
  | { call: number; result: unknown; report?: Report }
  | { call: number; error: { code: ErrorCode; message: string } };

/** An ask without its number. */
type Question = Ask extends infer A ? (A extends { call: number } ? Omit<A, "call"> : never) : never;

/**
 * Starts an engine in a worker. The compiled module travels with the first message, so nothing is fetched twice.
 * Rejects with `worker-blocked` when the browser refuses to start the worker.
 */
export async function openRemote(spawn: () => Worker, module: WebAssembly.Module, parts: Parts): Promise<Engine> {
  let worker: Worker;
  try {
    worker = spawn();
  } catch (error) {
    throw blocked(error);
  }
  const engine = new RemoteEngine(worker, parts.manifest);
  try {
    await engine.ask({ ask: "open", module, parts });
  } catch (error) {
    engine.free();
    throw error;
  }
  return engine;
}

/** The page's side of an engine that runs in a worker. */
class RemoteEngine implements Engine {
  readonly remote = true;
  readonly #calls = new Map<number, { resolve: (result: never) => void; reject: (error: NearsideError) => void }>();
  #next = 0;
  #report: Report | undefined;
  #open = false;
  #ended: NearsideError | undefined;

  constructor(private readonly worker: Worker, readonly manifest: Manifest) {
    worker.onmessage = ({ data }: MessageEvent<Answer>) => this.#settle(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(event.message || "no reason given");
    };
    worker.onmessageerror = () => this.#fail("a message could not be read");
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  ask<T>(question: Question): Promise<T> {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise<T>((resolve, reject) => {
      const call = this.#next++;
      this.#calls.set(call, { resolve, reject });
      this.#post({ ...question, call } as Ask);
    });
  }

  predict(record: RawRecord, groups: Record<string, string> | undefined): Promise<Prediction> {
    return this.ask({ ask: "predict", record, groups });
  }

  explain(record: RawRecord): Promise<Explanation> {
    return this.ask({ ask: "explain", record });
  }

  frame(sequence: number, age_ms: number, duration_ms: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.ask({ ask: "frame", sequence, age_ms, duration_ms });
  }

  compareWith(baseline: object): Promise<void> {
    return this.ask({ ask: "compareWith", baseline });
  }

  stage(name: Stage, ms: number): void {
    this.#post({ ask: "stage", name, ms });
  }

  page(stage: PageStage, elapsed_ms: number): void {
    this.#post({ ask: "page", stage, elapsed_ms });
  }

  loss(reason: LossReason, frames: number): void {
    this.#post({ ask: "loss", reason, frames });
  }

  report(): Report {
    return this.#report!;
  }

  free(): void {
    this.#end(new NearsideError("disposed", `The model ${this.manifest.name} was disposed of; load it again.`));
  }

  #post(ask: Ask): void {
    if (!this.#ended) this.worker.postMessage(ask);
  }

  #settle(answer: Answer): void {
    const call = this.#calls.get(answer.call);
    this.#calls.delete(answer.call);
    if ("error" in answer) {
      call?.reject(new NearsideError(answer.error.code, answer.error.message));
      return;
    }
    this.#open = true;
    if (answer.report) this.#report = answer.report;
    call?.resolve(answer.result as never);
  }

  #fail(cause: string): void {
    this.#end(this.#open ? new NearsideError("engine-dead", `The worker of ${this.manifest.name} stopped: ${cause}. The next prediction runs in the page's own thread.`) : blocked(cause));
  }

  #end(error: NearsideError): void {
    if (this.#ended) return;
    this.#ended = error;
    this.worker.terminate();
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
  }
}

function blocked(cause: unknown): NearsideError {
  const reason = cause instanceof Error ? asNearsideError(cause).message : String(cause);
  return new NearsideError("worker-blocked", `The worker could not start (${reason}), so the model runs in the page's own thread. Serve worker-entry.js from the page's origin and allow it in worker-src.`);
}
