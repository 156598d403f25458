import type { Consent } from "./consent.js";
import type { Engine } from "./engine.js";
import { now, type Host } from "./host.js";
import type { Numbering } from "./page.js";
import { ingestUrl, outcomesUrl, send, sendLeaving, type Sent } from "./transport.js";
import type { Collector, Flushed, Outcome } from "./types.js";

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

/** The window of one engine: when it was opened, when something was last counted, and whether that was an answer. */
interface Window {
  opened: number;
  last: number;
  answered: boolean;
}

/** A numbered frame. Its bytes never change. */
interface Frame {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The version for which it carries the page session. */
  readonly session: string | undefined;
  tried: boolean;
  sending: Promise<Sent> | undefined;
}

/** After so many refused sends in a row, while online, the page stops trying. */
const REFUSALS = 3;
/** Frozen frames kept for a retry; while there are any, counters merge in the core instead of queueing. */
const MAX_FROZEN = 8;
/** Outcomes kept for a retry. */
const MAX_OUTCOMES = 200;

/**
 * Sends the counters of one model: when, how, and how often. What is in a frame is the core's business; a frame that
 * has its number is frozen, and a retry sends the same bytes.
 */
export class Telemetry {
  readonly #options: TelemetryOptions;
  readonly #windows = new Map<Engine, Window>();
  readonly #frozen: Frame[] = [];
  readonly #outcomes: Answered[] = [];
  #answering: Promise<Sent> | undefined;
  readonly #listeners = new AbortController();
  #flushedAt: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #refusals = 0;
  /** Grows with every no, so that a send that was under way knows of it. */
  #noes = 0;
  #stopped = false;

  constructor(options: TelemetryOptions) {
    this.#options = options;
    if (!options.host.page) return;
    const { signal } = this.#listeners;
    addEventListener("pagehide", () => this.#leave(), { signal });
    addEventListener("online", () => this.#retry(), { signal });
    document.addEventListener("visibilitychange", () => (document.visibilityState === "hidden" ? this.#leave() : this.#retry()), { signal });
  }

  /** Something was counted in the open window of `engine`: an answer, or a record that was refused. */
  counted(engine: Engine, answered: boolean): void {
    const last = now();
    const window = this.#windows.get(engine);
    this.#windows.set(engine, { opened: window?.opened ?? last, last, answered: answered || window?.answered === true });
    this.#arm();
  }

  /** `next` has taken over the counters of `engine`, an engine of the same version. */
  moved(engine: Engine, next: Engine): void {
    const [window, other] = [this.#windows.get(engine), this.#windows.get(next)];
    this.#windows.delete(engine);
    if (!window) return;
    this.#windows.set(next, { opened: window.opened, last: Math.max(window.last, other?.last ?? 0), answered: window.answered || other?.answered === true });
  }

  /** `engine` is about to be freed: what it has counted is frozen, or lost and counted as such. */
  retire(engine: Engine): void {
    this.cut(engine);
    if (!this.#windows.delete(engine) || this.#stopped) return;
    engine.discard();
    this.#options.engine().loss("dropped", 1);
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
    if (!granted || consent.denied) this.#discardAll();
    consent.answer(granted);
    if (granted) this.#arm();
  }

  /** Sends what there is to send and waits for the collector's word. Failures are kept for the next time, never thrown. */
  async flush(): Promise<Flushed> {
    const flushed: Flushed = { sent: 0, acknowledged: 0 };
    const book = (sent: Sent): void => {
      flushed.sent++;
      if (sent.state === "accepted") flushed.acknowledged++;
    };
    if (!this.#allowed) return flushed;
    // While a frame waits for its retry, counters merge in the core.
    if (this.#frozen.every(({ sending }) => sending)) this.cut();
    for (const frame of [...this.#frozen]) {
      // A no that came meanwhile has emptied the list.
      if (!this.#frozen.includes(frame)) continue;
      if (!this.#allowed) break;
      const sent = await (frame.sending ?? this.#deliver(frame, (bytes) => send(this.#ingestUrl, bytes, this.#options.host.page)));
      book(sent);
      if (!isSettled(sent)) break;
    }
    if (this.#answering) book(await this.#answering);
    if (this.#allowed && this.#outcomes.length) book(await this.#deliverOutcomes((url, body) => send(url, body, this.#options.host.page)));
    if (this.#frozen.length || this.#outcomes.length || this.#windows.size) this.#arm();
    return flushed;
  }

  /** Freezes the open window of `engine`, or of every engine, as a numbered frame. */
  cut(engine?: Engine): void {
    for (const [owner, { opened, last, answered }] of [...this.#windows]) {
      if (engine && owner !== engine) continue;
      if (this.#options.consent.denied) {
        this.#discard(owner);
        continue;
      }
      if (this.#stopped || this.#frozen.length >= MAX_FROZEN) continue;
      this.#windows.delete(owner);
      const { counted } = this.#options.numbering;
      const { version } = owner.manifest;
      const session = answered && !counted.has(version);
      const bytes = owner.frame(this.#options.numbering.take(), now() - last, last - opened, session);
      if (!bytes) continue;
      if (session) counted.add(version);
      this.#frozen.push({ bytes, session: session ? version : undefined, tried: false, sending: undefined });
    }
  }

  /** Sends nothing any more and forgets what it has. */
  dispose(): void {
    this.#stopped = true;
    this.#listeners.abort();
    clearTimeout(this.#timer);
    this.#forget();
    this.#windows.clear();
  }

  get #allowed(): boolean {
    return !this.#stopped && this.#options.consent.granted;
  }

  get #ingestUrl(): string {
    const { collector, numbering, consent } = this.#options;
    return ingestUrl(collector, numbering.session, consent.byUser);
  }

  /** Gives up every frozen frame and queued outcome; gives how many frames those were. */
  #forget(): number {
    this.#outcomes.length = 0;
    const frames = this.#frozen.splice(0);
    for (const frame of frames) this.#release(frame);
    return frames.length;
  }

  /** A frame that is not kept counts no session: another one has to. */
  #release({ session }: Frame): void {
    if (session) this.#options.numbering.counted.delete(session);
  }

  #discardAll(): void {
    this.#noes++;
    const frames = this.#forget();
    const engine = this.#options.engine();
    if (frames) engine.loss("consent", frames);
    // The times of loading are counted before there is any prediction.
    for (const owner of new Set([engine, ...this.#windows.keys()])) this.#discard(owner);
  }

  #discard(engine: Engine): void {
    this.#windows.delete(engine);
    if (engine.discard()) this.#options.engine().loss("consent", 1);
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

  /** The page is back, or online again: what was left to chance is sent once more. */
  #retry(): void {
    if (this.#frozen.length || this.#outcomes.length) void this.flush();
  }

  /** The page is hidden or goes away: everything is sent at once, since there may be no later. */
  #leave(): void {
    if (!this.#allowed) return;
    this.cut();
    for (const frame of this.#frozen) {
      if (!frame.sending) void this.#deliver(frame, (bytes) => sendLeaving(this.#ingestUrl, bytes));
    }
    if (this.#outcomes.length) void this.#deliverOutcomes(sendLeaving);
    this.#arm();
  }

  /** Sends one frame and settles it; it stays frozen unless the collector has taken or refused it. */
  #deliver(frame: Frame, by: (bytes: Uint8Array<ArrayBuffer>) => Promise<Sent>): Promise<Sent> {
    const { engine, numbering, onChampion } = this.#options;
    if (frame.tried) engine().loss("retried", 1);
    frame.tried = true;
    return (frame.sending = by(frame.bytes).then((sent) => {
      frame.sending = undefined;
      if (this.#stopped) return sent;
      this.#judge(sent);
      if (isSettled(sent)) {
        const at = this.#frozen.indexOf(frame);
        if (at >= 0) this.#frozen.splice(at, 1);
      }
      if (sent.state === "refused") {
        engine().loss("refused", 1);
        this.#release(frame);
      }
      // It may have been given up meanwhile, but it has arrived.
      if (sent.state === "accepted" && frame.session) numbering.counted.add(frame.session);
      if (sent.state === "lost" && online()) engine().loss("blocked", 1);
      if (sent.state === "accepted" && sent.champion && sent.champion !== engine().manifest.version) onChampion(sent.champion);
      return sent;
    }));
  }

  #deliverOutcomes(by: (url: string, body: string) => Promise<Sent>): Promise<Sent> {
    const { collector, consent, onRefused } = this.#options;
    const batch = this.#outcomes.splice(0);
    const noes = this.#noes;
    return (this.#answering = by(outcomesUrl(collector, consent.byUser), JSON.stringify({ outcomes: batch })).then((sent) => {
      this.#answering = undefined;
      if (this.#stopped) return sent;
      this.#judge(sent);
      if (sent.state === "accepted") {
        for (const { index, reason } of sent.refused) {
          const outcome = batch[index];
          if (outcome) onRefused(outcome, reason);
        }
      } else if (sent.state === "refused") {
        for (const outcome of batch) onRefused(outcome, "the collector refused the whole request");
      } else if (noes === this.#noes) {
        // The collector counts an outcome once, so one that had arrived does no harm.
        this.#outcomes.unshift(...batch);
      }
      return sent;
    }));
  }

  /** Counts refused sends; an ad blocker or a wrong key is met three times, then left alone. */
  #judge({ state }: Sent): void {
    if (state === "accepted") this.#refusals = 0;
    else if ((state === "refused" || state === "lost") && online()) this.#refusals++;
    if (this.#refusals >= REFUSALS) this.dispose();
  }
}

/** The collector has said something about it that will not change. */
function isSettled({ state }: Sent): boolean {
  return state === "accepted" || state === "refused";
}

/** Only a browser that knows it is offline says so; everything else counts as online. */
function online(): boolean {
  return globalThis.navigator?.onLine !== false;
}
