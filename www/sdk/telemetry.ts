import type { Consent } from "./consent.js";
import type { Engine } from "./engine.js";
import { now, type Host } from "./host.js";
import type { Numbering } from "./page.js";
import { ingestUrl, outcomesUrl, send, sendLeaving, type Sent } from "./transport.js";
import type { Collector, Outcome } from "./types.js";

/** An outcome with the receipt that it answers. */
export type Answered = Outcome & { id: string };

/** What telemetry works with. */
export interface TelemetryOptions {
  collector: Collector;
  consent: Consent;
  numbering: Numbering;
  host: Host;
  /** Milliseconds from the first prediction to the first flush. */
  first_flush_ms: number;
  /** Milliseconds between later flushes. */
  flush_ms: number;
  /** The engine on air. */
  engine: () => Engine;
  /** The collector named another version than the one on air. */
  onChampion: (version: string) => void;
  /** The collector refused an outcome. */
  onRefused: (outcome: Answered, reason: string) => void;
}

type Frame = Uint8Array<ArrayBuffer>;

/** After so many refused sends in a row, while online, the page stops trying. */
const REFUSALS = 3;
/** Frozen frames kept for a retry; while there are any, counters merge in the core instead of queueing. */
const MAX_FROZEN = 8;
/** Outcomes kept for a retry. */
const MAX_OUTCOMES = 200;
/** A worker's window is cut this long after its last prediction, since a page that ends cannot wait for it. */
const REMOTE_CUT_MS = 1000;

/**
 * Sends the counters of one model: when, how, and how often. What is in a frame is the core's business; a frame that
 * has its number is frozen, and a retry sends the same bytes.
 */
export class Telemetry {
  readonly #options: TelemetryOptions;
  readonly #url: string;
  readonly #frozen: Frame[] = [];
  readonly #outcomes: Answered[] = [];
  readonly #tried = new WeakSet<Frame>();
  readonly #inFlight = new Set<Frame>();
  readonly #listeners = new AbortController();
  #opened: number | undefined;
  #last = 0;
  #flushedAt: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #cutTimer: ReturnType<typeof setTimeout> | undefined;
  #refusals = 0;
  #stopped = false;

  constructor(options: TelemetryOptions) {
    this.#options = options;
    this.#url = ingestUrl(options.collector, options.numbering.session);
    if (!options.host.page) return;
    const { signal } = this.#listeners;
    addEventListener("pagehide", () => this.#leave(), { signal });
    document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && this.#leave(), { signal });
  }

  /** Something was counted in the open window. */
  counted(): void {
    this.#last = now();
    this.#opened ??= this.#last;
    this.#arm();
    if (!this.#options.engine().remote || this.#stopped) return;
    clearTimeout(this.#cutTimer);
    this.#cutTimer = setTimeout(() => this.#allowed && void this.cut(), REMOTE_CUT_MS);
  }

  /** Queues an outcome for the next flush. */
  outcome(outcome: Answered): void {
    if (this.#stopped || this.#options.consent.denied) return;
    this.#outcomes.push(outcome);
    if (this.#outcomes.length > MAX_OUTCOMES) this.#outcomes.shift();
    this.#arm();
  }

  /** The user said yes or no. What was counted or queued against a no is never sent. */
  consent(granted: boolean): void {
    const { consent } = this.#options;
    const was = consent.denied;
    consent.answer(granted);
    if (!granted) {
      this.#outcomes.length = 0;
      const frames = this.#frozen.splice(0).length;
      if (frames) this.#options.engine().loss("consent", frames);
    } else {
      if (was) this.#discard();
      this.#arm();
    }
  }

  /** Sends what there is and waits for the collector's word. Failures are kept for the next time, never thrown. */
  async flush(): Promise<void> {
    if (!this.#allowed) return;
    // While a frame waits for its retry, counters merge in the core.
    if (this.#frozen.every((frame) => this.#inFlight.has(frame))) await this.cut();
    for (const frame of [...this.#frozen]) {
      if (!this.#allowed || this.#inFlight.has(frame)) continue;
      if (!(await this.#deliver(frame, (bytes) => send(this.#url, bytes, this.#options.host.page)))) break;
    }
    if (this.#allowed && this.#outcomes.length) await this.#deliverOutcomes((url, body) => send(url, body, this.#options.host.page));
    if (this.#frozen.length || this.#outcomes.length || this.#opened !== undefined) this.#arm();
  }

  /** Freezes the open window of `engine` as a numbered frame. */
  cut(engine = this.#options.engine()): void | Promise<void> {
    if (this.#opened === undefined || this.#frozen.length >= MAX_FROZEN) return;
    const age = now() - this.#last;
    const frame = engine.frame(this.#options.numbering.take(), age, this.#last - this.#opened);
    this.#opened = undefined;
    if (frame instanceof Promise) return frame.then((bytes) => this.#freeze(bytes), () => {});
    this.#freeze(frame);
  }

  /** Sends nothing any more and forgets what it has. */
  dispose(): void {
    this.#stopped = true;
    this.#listeners.abort();
    clearTimeout(this.#timer);
    clearTimeout(this.#cutTimer);
    this.#frozen.length = this.#outcomes.length = 0;
  }

  get #allowed(): boolean {
    return !this.#stopped && this.#options.consent.granted;
  }

  #freeze(frame: Frame | undefined): void {
    if (frame && !this.#stopped) this.#frozen.push(frame);
  }

  #discard(): void {
    if (this.#opened === undefined) return;
    this.#opened = undefined;
    const engine = this.#options.engine();
    const frame = engine.frame(this.#options.numbering.take(), 0, 0);
    if (frame instanceof Promise) frame.catch(() => {});
    engine.loss("consent", 1);
  }

  /** Sets the timer of the next flush: on a fixed beat, and only while there is something to send. */
  #arm(): void {
    if (this.#timer !== undefined || !this.#options.host.timers || !this.#allowed) return;
    const { first_flush_ms, flush_ms } = this.#options;
    const wait = this.#flushedAt === undefined ? first_flush_ms : flush_ms - ((now() - this.#flushedAt) % flush_ms);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#flushedAt = now();
      void this.flush();
    }, wait);
    // Node would otherwise wait for the timer before it exits.
    (this.#timer as { unref?: () => void }).unref?.();
  }

  /** The page is hidden or goes away: everything is sent at once, since there may be no later. */
  #leave(): void {
    if (!this.#allowed) return;
    const cut = this.cut();
    const sendAll = () => {
      for (const frame of this.#frozen) {
        if (!this.#inFlight.has(frame)) void this.#deliver(frame, (bytes) => sendLeaving(this.#url, bytes));
      }
    };
    sendAll();
    if (cut) void cut.then(sendAll);
    if (this.#outcomes.length) void this.#deliverOutcomes(sendLeaving);
  }

  /** Sends one frame and settles it; `false` when it stays frozen for a retry. */
  async #deliver(frame: Frame, by: (frame: Frame) => Promise<Sent>): Promise<boolean> {
    if (this.#tried.has(frame)) this.#options.engine().loss("retried", 1);
    this.#tried.add(frame);
    this.#inFlight.add(frame);
    const sent = await by(frame);
    this.#inFlight.delete(frame);
    if (this.#stopped) return false;
    this.#judge(sent);
    if (sent.state === "accepted" || sent.state === "refused") {
      const at = this.#frozen.indexOf(frame);
      if (at >= 0) this.#frozen.splice(at, 1);
    }
    if (sent.state === "refused") this.#options.engine().loss("refused", 1);
    if (sent.state === "lost" && online()) this.#options.engine().loss("blocked", 1);
    if (sent.state === "accepted" && sent.champion && sent.champion !== this.#options.engine().manifest.version) {
      this.#options.onChampion(sent.champion);
    }
    return sent.state === "accepted" || sent.state === "refused";
  }

  async #deliverOutcomes(by: (url: string, body: string) => Promise<Sent>): Promise<void> {
    const batch = this.#outcomes.splice(0);
    const sent = await by(outcomesUrl(this.#options.collector), JSON.stringify({ outcomes: batch }));
    if (this.#stopped) return;
    this.#judge(sent);
    if (sent.state === "accepted") {
      for (const { index, reason } of sent.refused) {
        const outcome = batch[index];
        if (outcome) this.#options.onRefused(outcome, reason);
      }
    } else if (sent.state === "refused") {
      for (const outcome of batch) this.#options.onRefused(outcome, "the collector refused the whole request");
    } else {
      this.#outcomes.unshift(...batch);
    }
  }

  /** Counts refused sends; an ad blocker or a wrong key is met three times, then left alone. */
  #judge(sent: Sent): void {
    if (sent.state === "accepted") this.#refusals = 0;
    else if (sent.state !== "later" && online()) this.#refusals++;
    if (this.#refusals >= REFUSALS) this.dispose();
  }
}

/** Only a browser that knows it is offline says so; everything else counts as online. */
function online(): boolean {
  return globalThis.navigator?.onLine !== false;
}
