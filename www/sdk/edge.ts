import type { Host } from "./host.js";

/** The host of edge workers, where WebAssembly is imported as a compiled module and nothing runs between requests. */
export function edgeHost(module: WebAssembly.Module): Host {
  return {
    page: false,
    timers: false,
    resolve: (address) => new URL(address),
    fetch: (url, init) => fetch(url, init),
    wasm: () => module,
  };
}
