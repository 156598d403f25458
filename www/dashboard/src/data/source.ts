/** Where the pages get their numbers from: the collector, or this page's own session. Both give the same shapes. */

import { api, type Range } from "./api.js";
import { follow, type Status } from "./live.js";
import type { Runtime } from "./runtime.js";
import type { Alert, CanvasView, Metrics, ModelSummary, Report } from "../types.js";

/** How the connection stands; `page` is "no collector, this page's own numbers". */
export type Connection = Status | "page";

/** Events: `change` when numbers may have moved, `status` when the connection changed. */
export interface Source extends EventTarget {
  readonly connection: Connection;
  models(): Promise<ModelSummary[]>;
  canvas(model: string): Promise<CanvasView>;
  report(model: string, range: Range): Promise<Report>;
  /** Null where there is no history to draw. */
  metrics(model: string, range: Range, step: number): Promise<Metrics | null>;
  alerts(model: string): Promise<Alert[]>;
  close(): void;
}

const POLL_MS = 15_000;

/** Reads from the collector and follows its event stream. */
export class CollectorSource extends EventTarget implements Source {
  connection: Connection = "connecting";
  private readonly stop = new AbortController();
  private readonly timer: ReturnType<typeof setInterval>;

  constructor() {
    super();
    const changed = (): void => void this.dispatchEvent(new Event("change"));
    void follow(this.stop.signal, changed, (status) => {
      const back = status === "live" && this.connection === "lost";
      this.connection = status;
      this.dispatchEvent(new Event("status"));
      if (back) changed();
    });
    this.timer = setInterval(() => {
      if (this.connection !== "live" && !document.hidden) changed();
    }, POLL_MS);
  }

  models(): Promise<ModelSummary[]> {
    return api.models();
  }

  canvas(model: string): Promise<CanvasView> {
    return api.canvas(model);
  }

  report(model: string, range: Range): Promise<Report> {
    return api.report(model, range);
  }

  metrics(model: string, range: Range, step: number): Promise<Metrics> {
    return api.metrics(model, range, step);
  }

  alerts(model: string): Promise<Alert[]> {
    return api.alerts(model);
  }

  close(): void {
    this.stop.abort();
    clearInterval(this.timer);
  }
}

/** Judges what this page itself has seen; nothing leaves it. */
export class SessionSource extends EventTarget implements Source {
  readonly connection: Connection = "page";
  private readonly runtime: Runtime;
  private readonly changed = (): void => void this.dispatchEvent(new Event("change"));

  constructor(runtime: Runtime) {
    super();
    this.runtime = runtime;
    runtime.addEventListener("change", this.changed);
    runtime.addEventListener("update", this.changed);
  }

  async models(): Promise<ModelSummary[]> {
    const { name, version } = await this.runtime.manifest();
    return [{ name, champion: version, versions: [version], predictions: 0, last_seen: null }];
  }

  async canvas(): Promise<CanvasView> {
    return (await this.runtime.ready()).canvas();
  }

  async report(): Promise<Report> {
    const model = await this.runtime.ready();
    // A bundle without a reference still reports; drift has nothing to compare with then.
    await model.baseline().catch(() => undefined);
    return model.report();
  }

  metrics(): Promise<null> {
    return Promise.resolve(null);
  }

  alerts(): Promise<Alert[]> {
    return Promise.resolve([]);
  }

  close(): void {
    this.runtime.removeEventListener("change", this.changed);
    this.runtime.removeEventListener("update", this.changed);
  }
}
