/** Typed client of the collector's read API. */

import { hear } from "./clock.js";
import type { Alert, CanvasView, Config, Metrics, ModelSummary, Report } from "../types.js";

const TOKEN_KEY = "nearside.reader";
/** As long as the collector itself gives a request. */
const PATIENCE_MS = 30_000;

/** A read that failed: what the collector said, or that it could not be reached. */
export class ApiError extends Error {
  /** HTTP status; 0 when there was no answer at all. */
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

/** Remembers the reader token for this tab. */
export function rememberToken(token: string): void {
  sessionStorage.setItem(TOKEN_KEY, token);
}

/** Headers of every read: the reader token when one was given. */
export function readHeaders(): Record<string, string> {
  const token = sessionStorage.getItem(TOKEN_KEY);
  return token ? { authorization: `Bearer ${token}` } : {};
}

/** How long to wait before the configuration is asked for again, each time that the network fails. */
const AGAIN_MS = [500, 2000];

/** The collector's configuration, or null when the page is hosted without one. */
export async function config(): Promise<Config | null> {
  for (const wait of [...AGAIN_MS, null]) {
    try {
      const response = await fetch("./config.json", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
      if (!response.ok && response.status < 500) return null;
      if (response.ok) {
        hear(response);
        const found = (await response.json()) as Config;
        return found.write_key === null ? null : found;
      }
    } catch {
      // The network failed, or the answer broke off.
    }
    if (wait !== null) await new Promise((resume) => setTimeout(resume, wait));
  }
  return null;
}

async function get<T>(path: string, query: Record<string, string | number | undefined> = {}): Promise<T> {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined) search.set(key, String(value));
  }
  const address = search.size > 0 ? `./v1/${path}?${search}` : `./v1/${path}`;
  let response: Response;
  try {
    response = await fetch(address, { headers: readHeaders(), signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch {
    throw new ApiError("The collector cannot be reached. The page keeps trying.", 0);
  }
  hear(response);
  if (!response.ok) throw new ApiError(await problem(response), response.status);
  try {
    return (await response.json()) as T;
  } catch {
    throw new ApiError("The collector's answer broke off. The page keeps trying.", 0);
  }
}

async function problem(response: Response): Promise<string> {
  try {
    const body = (await response.json()) as { title?: string; detail?: string };
    return body.detail ?? body.title ?? `The collector answered ${response.status}.`;
  } catch {
    return `The collector answered ${response.status}.`;
  }
}

/** A stretch of time up to now, by the collector's clock, and a version to look at. */
export interface Range {
  from: number;
  version?: string | undefined;
}

const model = (name: string, part: string): string => `models/${encodeURIComponent(name)}/${part}`;

/** The reads that the pages make. */
export const api = {
  models: (): Promise<ModelSummary[]> => get("models"),
  canvas: (name: string): Promise<CanvasView> => get(model(name, "canvas")),
  report: (name: string, range: Range): Promise<Report> => get(model(name, "report"), { ...range }),
  metrics: (name: string, range: Range, step: number): Promise<Metrics> => get(model(name, "metrics"), { ...range, step }),
  alerts: (name: string): Promise<Alert[]> => get(model(name, "alerts")),
};
