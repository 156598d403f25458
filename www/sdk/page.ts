import type { Consent } from "./consent.js";
import { encodePageFrame } from "./frame.js";
import { now, random64 } from "./host.js";
import { ingestUrl, sendLeaving } from "./transport.js";
import type { Collector, PageStage } from "./types.js";

/** The id of a page session, in memory only, and the numbers of its frames. */
export class Numbering {
  readonly session = random64();
  #next = 0;

  /** The next sequence number; a number is never given twice. */
  take(): number {
    return this.#next++;
  }
}

/**
 * One page load and how it settles: with its first prediction, or by being left before it. It settles exactly once,
 * so that people who did not wait are counted beside those who did.
 */
export class PageLoad {
  readonly numbering = new Numbering();
  /** The model's name as far as it is known: the folder's name until the bundle has told. */
  name: string;
  version: string | null = null;
  settled = false;
  /** A call of `load()` has taken this page load over from the beacon. */
  claimed = false;
  #stage: PageStage = "navigated";
  #collector: Collector | undefined;
  #consent: Consent | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** Milliseconds since navigation, or since activation when the page was prerendered. */
  static elapsed(): number {
    const [navigation] = performance.getEntriesByType("navigation") as (PerformanceNavigationTiming & { activationStart?: number })[];
    return now() - (navigation?.activationStart ?? 0);
  }

  /** The page has come this far. Ready stays ready, and after a failure only a new start counts. */
  reach(stage: PageStage): void {
    if (this.#stage === "model" || (this.#stage === "failed" && stage !== "script")) return;
    this.#stage = stage;
  }

  /** Reports to this collector, under this consent, when the page is left early. */
  watch(collector: Collector, consent: Consent): void {
    if (!this.#collector) {
      addEventListener("pagehide", () => this.#leave(false));
      document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && this.#leave(true));
    }
    this.#collector = collector;
    this.#consent = consent;
  }

  #leave(hidden: boolean): void {
    if (this.settled || !this.#collector || !this.#consent?.granted) return;
    // A page that is ready and waits for its user has not been left by a look at another tab.
    if (hidden && this.#stage === "model") return;
    if ((document as { prerendering?: boolean }).prerendering) return;
    this.settled = true;
    const { session } = this.numbering;
    const frame = encodePageFrame({
      session, sequence: this.numbering.take(), name: this.name, version: this.version,
      stage: this.#stage, elapsed_ms: PageLoad.elapsed(),
    });
    void sendLeaving(ingestUrl(this.#collector, session), frame);
  }
}

/** The page load of a model, shared by the beacon and the SDK even when they were bundled apart. */
export function pageLoad(name: string): PageLoad {
  const pages = registry();
  let page = pages.find((known) => known.name === name);
  if (!page) pages.push((page = new PageLoad(name)));
  return page;
}

/** The page load that a call of `load()` continues: the one of that name, else one that a beacon has opened. */
export function claimPage(name: string): PageLoad {
  const pages = registry();
  const page = pages.find((known) => known.name === name) ?? pages.find((known) => !known.claimed) ?? pageLoad(name);
  page.claimed = true;
  return page;
}

function registry(): PageLoad[] {
  const shared = globalThis as { [key: symbol]: PageLoad[] | undefined };
  return (shared[Symbol.for("nearside.pages")] ??= []);
}
