import type { Host, RuntimeSize } from "./host.js";

/** The host of edge workers, where WebAssembly is imported as compiled modules and nothing runs between requests. */
export function edgeHost(modules: Record<RuntimeSize, WebAssembly.Module>): Host {
  return {
    page: false,
    timers: false,
    resolve: (address) => new URL(address),
    fetch: (url, init) => fetch(url, init),
    wasm: (size) => modules[size],
  };
}
