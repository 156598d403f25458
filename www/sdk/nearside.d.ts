import type { Glue } from "./wasm.js";

/** A fresh, uninstantiated copy of the generated glue; each copy owns one WebAssembly instance. The small runtime runs plans, not ONNX. */
export function create(): Glue;
