/**
 * The entry point for callers who supply the WebAssembly themselves: `load(url, { wasm })` and
 * `Session.create(model, { wasm })`. It names no asset, so build tools bundle none. The first call decides; later ones
 * may leave `wasm` out.
 */
import { resolveInPage, type Host } from "./host.js";
import { loaderFor } from "./load.js";
import { Runtimes } from "./runtime.js";
import { sessionFor, type OnnxSession } from "./session.js";

const slim: Host = {
  page: typeof document !== "undefined",
  timers: typeof document !== "undefined",
  resolve: resolveInPage,
  fetch: (url, init) => fetch(url, init),
  wasm: () => undefined,
};

const runtimes = new Runtimes(slim);
export const load = loaderFor(runtimes);
export const Session = sessionFor(runtimes);
export type Session = OnnxSession;
export * from "./public.js";
