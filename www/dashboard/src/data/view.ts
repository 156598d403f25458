/** What the pages that read numbers have in common: load, keep what is shown while loading again, follow changes. */

import type { ReactiveController, ReactiveControllerHost } from "lit";
import type { Source } from "./source.js";

/** Reads are this far apart at least, however fast windows arrive. */
const SETTLE_MS = 400;

/** Loads a value for a host element, again on each `change` of the source; the last value stays until the next is there. */
export class View<T> implements ReactiveController {
  /** The last value. */
  value: T | null = null;
  /** Why the last read failed; the last value stays beside it. */
  error: Error | null = null;
  /** When the last value was read. */
  at = 0;
  private readonly host: ReactiveControllerHost;
  private readonly read: () => Promise<T>;
  private source: Source | null = null;
  private key = "";
  private turn = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(host: ReactiveControllerHost, read: () => Promise<T>) {
    this.host = host;
    this.read = read;
    host.addController(this);
  }

  /** Follows a source; reads at once when the source or the key (model, range, version) is another one. */
  follow(source: Source, key: string): void {
    if (source === this.source && key === this.key) return;
    const other = source !== this.source;
    this.key = key;
    if (other) {
      this.source?.removeEventListener("change", this.changed);
      this.source = source;
      source.addEventListener("change", this.changed);
    }
    void this.load();
  }

  hostConnected(): void {
    document.addEventListener("visibilitychange", this.changed);
    if (this.source) {
      this.source.addEventListener("change", this.changed);
      void this.load();
    }
  }

  hostDisconnected(): void {
    document.removeEventListener("visibilitychange", this.changed);
    this.source?.removeEventListener("change", this.changed);
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private readonly changed = (): void => {
    if (document.hidden) return;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      void this.load();
    }, SETTLE_MS);
  };

  private async load(): Promise<void> {
    const turn = ++this.turn;
    try {
      const value = await this.read();
      if (turn !== this.turn) return;
      this.value = value;
      this.error = null;
      this.at = Date.now();
    } catch (error) {
      if (turn !== this.turn) return;
      this.error = error instanceof Error ? error : new Error(String(error));
    }
    this.host.requestUpdate();
  }
}
