import { relaxedRuntimes, runtimes } from "./assets.js";
import { resolveInPage, type Host } from "./host.js";
import { hasRelaxedSimd } from "./runtime.js";

/** The host of pages and of workers inside pages. */
export const browser: Host = {
  page: typeof document !== "undefined",
  timers: true,
  resolve: resolveInPage,
  fetch: (url, init) => fetch(url, init),
  wasm: (size) => ((hasRelaxedSimd() && relaxedRuntimes[size]) || runtimes[size])(),
  spawn: () => new Worker(new URL("./worker-entry.js", import.meta.url), { type: "module", name: "nearside" }),
};
