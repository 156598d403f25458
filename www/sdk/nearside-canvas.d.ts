import type { CanvasGlue } from "./wasm.js";

/** A fresh, uninstantiated copy of the generated glue; each copy owns one WebAssembly instance. It draws the canvas, and predicts nothing. */
export function create(): CanvasGlue;
