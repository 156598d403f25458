import type { Consent } from "./consent.js";
import { encodePageFrame } from "./frame.js";
import { now, random64 } from "./host.js";
import { ingestUrl, sendLeaving, sendWhenGone } from "./transport.js";
import type { Collector, PageStage } from "./types.js";

/** A call of `load()` so long after the page itself was done is not what its visitor has been waiting for since. */
const IDLE_MS = 1000;
/** A page that stays hidden for so long without an answer counts as left, where the browser cannot tell when it is gone. */
const HIDDEN_MS = 10_000;

/** The id of a page session, in memory only, and what it has numbered and counted. */
export class Numbering {
  /** The versions for which a frame carries this session: each counts it once, however many engines there are. */
  readonly counted = new Set<string>();

  constructor(readonly session = random64(), private next = 0) {}

  /** The next sequence number; a number is never given twice. */
  take(): number {
    return this.next++;
  }
}

/** What the inline stub has registered: a page load that `load()` or the beacon takes over. */
interface StubEntry {
  readonly name: string;
  readonly session: bigint;
  /** Frames that the stub has sent: one, when the page was left and came back. */
  readonly sent: number;
  /** Makes the stub forget this page load. */
  stop(): void;
}

/**
 * One page load and how it settles: with its first prediction, or by being left before it. It settles exactly once,
 * so that people who did not wait are counted beside those who did.
 */
export class PageLoad {
  readonly numbering: Numbering;
  /** The model's name as far as it is known: the folder's name until the bundle has told. */
  name: string;
  version: string | null = null;
  settled = false;
  /** The bundle whose `load()` has taken this page load over from the beacon. */
  base: string | undefined;
  #stage: PageStage = "navigated";
  #since: number | undefined;
  #collector: Collector | undefined;
  #consent: Consent | undefined;
  /** The number of the frame that says that the page was left. */
  #sequence: number | undefined;
  #takeBack: (() => void) | undefined;

  constructor(name: string, numbering = new Numbering()) {
    this.name = name;
    this.numbering = numbering;
  }

  /**
   * A call of `load()` starts. Gives the moment from which its visitor waits: `undefined` is the navigation, a number
   * the call itself, which then came long after the page was done or after it had settled.
   */
  begin(): number | undefined {
    const [navigation] = navigations();
    const idle = navigation && navigation.loadEventEnd > 0 && now() > navigation.loadEventEnd + IDLE_MS;
    const since = idle || this.settled ? now() : undefined;
    if (this.#stage === "navigated" || this.#stage === "failed") this.#since = since;
    this.reach("script");
    return since;
  }

  /** Milliseconds since that moment; for the navigation, since activation when the page was prerendered. */
  elapsed(since: number | undefined): number {
    return now() - (since ?? navigations()[0]?.activationStart ?? 0);
  }

  /** The page has come this far. Ready stays ready, and after a failure only a new start counts. */
  reach(stage: PageStage): void {
    if (this.#stage === "model" || (this.#stage === "failed" && stage !== "script")) return;
    this.#stage = stage;
    if (this.#takeBack) this.#hide();
  }

  /** The first prediction has been made. Gives whether it is this that settles the page load. */
  answered(): boolean {
    this.#show();
    if (this.settled) return false;
    return (this.settled = true);
  }

  /** Reports to this collector, under this consent, when the page is left early. */
  watch(collector: Collector, consent: Consent): void {
    if (!this.#collector) {
      addEventListener("pagehide", () => this.#leave(true));
      document.addEventListener("visibilitychange", () => (document.visibilityState === "hidden" ? this.#hide() : this.#show()));
    }
    this.#collector = collector;
    this.#consent = consent;
  }

  /**
   * The page may never be seen again, or it may answer when its visitor comes back. So the browser is asked to say that
   * it was left once it is gone; one that cannot do that is asked after a while.
   */
  #hide(): void {
    this.#show();
    if (!this.#reportable) return;
    const timer = (): (() => void) => {
      const id = setTimeout(() => this.#leave(false), HIDDEN_MS);
      return () => clearTimeout(id);
    };
    // A page that is ready and waits for its user has not been left by a look at another tab.
    this.#takeBack = sendWhenGone(this.#url, this.#frame()) ?? (this.#stage === "model" ? undefined : timer());
  }

  #show(): void {
    this.#takeBack?.();
    this.#takeBack = undefined;
  }

  /** `gone` is for good as far as this page can know; else only an acknowledged report settles. */
  #leave(gone: boolean): void {
    this.#show();
    if (!this.#reportable) return;
    if (gone) this.settled = true;
    void sendLeaving(this.#url, this.#frame()).then(({ state }) => (this.settled ||= state === "accepted"));
  }

  get #reportable(): boolean {
    return !this.settled && this.#collector !== undefined && this.#consent!.granted && !(document as { prerendering?: boolean }).prerendering;
  }

  get #url(): string {
    return ingestUrl(this.#collector!, this.numbering.session, this.#consent!.byUser);
  }

  #frame(): Uint8Array<ArrayBuffer> {
    this.#sequence ??= this.numbering.take();
    return encodePageFrame({
      session: this.numbering.session, sequence: this.#sequence, name: this.name, version: this.version,
      stage: this.#stage, elapsed_ms: this.elapsed(this.#since),
    });
  }
}

/** The page load of a model, shared by the beacon and the SDK even when they were bundled apart. */
export function pageLoad(name: string): PageLoad {
  const pages = registry();
  let page = pages.find((known) => known.name === name);
  if (!page) pages.push((page = new PageLoad(name)));
  return page;
}

/**
 * The page load that a call of `load()` continues: that of an earlier call for the same bundle, else one of its name that
 * a beacon has opened, else any that a beacon has opened.
 */
export function claimPage(base: string, name: string): PageLoad {
  const pages = registry();
  const open = pages.filter((known) => known.base === undefined);
  let page = pages.find((known) => known.base === base) ?? open.find((known) => known.name === name) ?? open[0];
  if (!page) pages.push((page = new PageLoad(name)));
  page.base = base;
  return page;
}

/** What this page has opened so far; what the stub has left is taken over on the way. */
function registry(): PageLoad[] {
  const shared = globalThis as { [key: symbol]: (PageLoad | StubEntry)[] | undefined };
  const pages = (shared[Symbol.for("nearside.pages")] ??= []);
  pages.forEach((known, place) => {
    if (!("stop" in known)) return;
    known.stop();
    const page = new PageLoad(known.name, new Numbering(known.session, known.sent));
    page.settled = known.sent > 0;
    pages[place] = page;
  });
  return pages as PageLoad[];
}

function navigations(): (PerformanceNavigationTiming & { activationStart?: number })[] {
  return performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
}
