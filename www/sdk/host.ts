import type { WasmSource } from "./types.js";

/** The modules: the small runtime runs plans, the full one any ONNX file, too, and the last draws the canvas. */
export type RuntimeSize = "small" | "full" | "canvas";

/** What differs between a page, Node and an edge worker. Everything else in the SDK is shared. */
export interface Host {
  /** A document is there: page loads are counted, leaving is noticed, and `fetch` takes the browser-only settings. */
  readonly page: boolean;
  /** Timers outlive the call that set them, so counters can be sent later. Edge workers call `model.flush()` instead. */
  readonly timers: boolean;
  /** Makes an absolute address of what the caller wrote. */
  resolve(address: string | URL): URL;
  /** Reads an address; a missing file is a 404. */
  fetch(url: string, init?: RequestInit): Promise<Response>;
  /** Where the WebAssembly of a runtime is, or the compiled module itself; `undefined` when the caller has to supply it. */
  wasm(size: RuntimeSize): WasmSource | Promise<WasmSource> | undefined;
  /** Starts the module worker, where there are workers. */
  spawn?: () => Worker;
}

/** Milliseconds on a clock that never goes back. */
export const now = (): number => performance.now();

/** Resolves against the document or worker location; throws a `TypeError` for a relative address where there is neither. */
export function resolveInPage(address: string | URL): URL {
  return new URL(address, globalThis.document?.baseURI ?? globalThis.location?.href);
}

/** A random 64-bit number. */
export function random64(): bigint {
  return crypto.getRandomValues(new BigUint64Array(1))[0]!;
}
