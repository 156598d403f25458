import type { CanvasGlue, Glue } from "./wasm.js";

/** A fresh, uninstantiated copy of the generated glue; each copy owns one WebAssembly instance. */
export function create(): Glue & CanvasGlue;
