import type { Collector } from "./types.js";

/**
 * How one send ended. `queued` was left to a beacon, of which nothing more is heard; `lost` is a network failure;
 * `later` asks to try again; `refused` will never be taken.
 */
export type Sent =
  | { state: "accepted"; champion: string | null; refused: { index: number; reason: string }[] }
  | { state: "refused" | "later" | "lost" | "queued" };

/**
 * The collector's address of a session's frames. The shard in the path lets a load balancer keep a session on one node;
 * `byUser` says that the user has agreed in so many words.
 */
export function ingestUrl(collector: Collector, session: bigint, byUser = false): string {
  return endpoint(collector, `/v1/ingest/${session % 256n}`, byUser);
}

/** The collector's address of outcomes. */
export function outcomesUrl(collector: Collector, byUser = false): string {
  return endpoint(collector, "/v1/outcomes", byUser);
}

function endpoint(collector: Collector, path: string, byUser: boolean): string {
  const query = [];
  if (collector.key) query.push(`key=${encodeURIComponent(collector.key)}`);
  if (byUser) query.push("consent=user");
  return String(collector.url).replace(/\/+$/, "") + path + (query.length ? `?${query.join("&")}` : "");
}

/** Sends a body and waits for the collector's word. No custom header and a CORS-simple body, so there is no preflight. */
export async function send(url: string, body: Body, page: boolean): Promise<Sent> {
  try {
    return await outcomeOf(await fetch(url, { method: "POST", body, ...(page ? QUIET : {}) }));
  } catch {
    return LOST;
  }
}

/** Sends a body from a page that is going away. The request outlives the page; where that needs a beacon, it is one. */
export async function sendLeaving(url: string, body: Body): Promise<Sent> {
  // Browsers without `keepalive` drop a plain fetch together with the page.
  const sent = "keepalive" in Request.prototype ? await send(url, body, true) : LOST;
  if (sent.state !== "lost") return sent;
  // The same bytes again: should both arrive, the sequence number makes them count once.
  const queued = navigator.sendBeacon?.(url, new Blob([body], { type: "text/plain" }));
  return queued ? { state: "queued" } : LOST;
}

/**
 * Leaves a body to the browser, which sends it when this page is gone, however it goes. Gives what takes it back, or
 * nothing where the browser cannot do that.
 */
export function sendWhenGone(url: string, body: Body): (() => void) | undefined {
  const { fetchLater } = globalThis as { fetchLater?: (url: string, init: RequestInit) => unknown };
  if (!fetchLater) return undefined;
  const taken = new AbortController();
  try {
    fetchLater(url, { method: "POST", body, ...QUIET, signal: taken.signal });
  } catch {
    return undefined; // Over the quota, or a policy of the page forbids it.
  }
  return () => taken.abort();
}

async function outcomeOf(response: Response): Promise<Sent> {
  if (!response.ok) return { state: response.status === 429 || response.status >= 500 ? "later" : "refused" };
  const answer = (await response.json().catch(() => ({}))) as { champion?: unknown; refused?: unknown };
  return {
    state: "accepted",
    champion: typeof answer.champion === "string" ? answer.champion : null,
    refused: Array.isArray(answer.refused) ? answer.refused : [],
  };
}

type Body = Uint8Array<ArrayBuffer> | string;

const LOST: Sent = { state: "lost" };

const QUIET: RequestInit = { keepalive: true, credentials: "omit", cache: "no-store", referrerPolicy: "origin" };
