/** What everything that reads numbers has in common: load, keep what is shown while loading again, follow changes. */

import type { ReactiveController, ReactiveControllerHost } from "lit";
import { now } from "./clock.js";
import type { Source } from "./source.js";

/** From the end of one read to the start of the next, however fast windows arrive. */
const SETTLE_MS = 400;

/**
 * Loads a value for a host element, again after each `change` of the source; the last value stays until the next is
 * there. One read is under way at a time: a change meanwhile asks for one more after it, so that steady changes and a
 * slow collector make the numbers older, never stop them.
 */
export class View<T> implements ReactiveController {
  /** The last value. */
  value: T | null = null;
  /** Why the last read failed; the last value stays beside it. */
  error: Error | null = null;
  /** When the last value was read. */
  at = 0;
  private readonly host: ReactiveControllerHost;
  private readonly read: () => Promise<T>;
  private readonly settle_ms: number;
  private source: Source | null = null;
  private key = "";
  /** The key that `value` was read for. */
  private valueKey = "";
  private connected = false;
  /** The number of the read under way; one that was overtaken finds another number, and is not heard. */
  private turn = 0;
  private reading = false;
  private stale = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(host: ReactiveControllerHost, read: () => Promise<T>, settle_ms = SETTLE_MS) {
    this.host = host;
    this.read = read;
    this.settle_ms = settle_ms;
    host.addController(this);
  }

  /** Follows a source; reads at once when the source or the key (model, range, version) is another one. */
  follow(source: Source, key: string): void {
    if (source === this.source && key === this.key) return;
    this.key = key;
    if (source !== this.source) {
      this.source?.removeEventListener("change", this.changed);
      this.source = source;
      this.value = null;
      if (this.connected) source.addEventListener("change", this.changed);
    }
    if (this.connected) void this.load();
  }

  hostConnected(): void {
    this.connected = true;
    document.addEventListener("visibilitychange", this.changed);
    if (!this.source) return;
    this.source.addEventListener("change", this.changed);
    void this.load();
  }

  hostDisconnected(): void {
    this.connected = false;
    document.removeEventListener("visibilitychange", this.changed);
    this.source?.removeEventListener("change", this.changed);
    this.turn++;
    this.reading = this.stale = false;
    this.wait(undefined);
  }

  /** The numbers may have moved: reads soon, and once for many changes. */
  readonly changed = (): void => {
    if (document.hidden || !this.source || !this.connected) return;
    if (this.reading) this.stale = true;
    else if (this.timer === undefined) this.wait(setTimeout(() => void this.load(), this.settle_ms));
  };

  /** Reads what is wanted now; a read under way was for something else. */
  private async load(): Promise<void> {
    this.wait(undefined);
    const turn = ++this.turn;
    const { key } = this;
    this.reading = true;
    this.stale = false;
    let value: T | null = null;
    let error: Error | null = null;
    try {
      value = await this.read();
    } catch (thrown) {
      error = thrown instanceof Error ? thrown : new Error(String(thrown));
    }
    if (turn !== this.turn) return;
    this.reading = false;
    this.error = error;
    if (value !== null) {
      this.value = value;
      this.valueKey = key;
      this.at = now();
    } else if (this.valueKey !== key) {
      // The numbers of another model or range must not stand under this one's name.
      this.value = null;
    }
    this.host.requestUpdate();
    if (this.stale) this.changed();
  }

  private wait(timer: ReturnType<typeof setTimeout> | undefined): void {
    clearTimeout(this.timer);
    this.timer = timer;
  }
}
