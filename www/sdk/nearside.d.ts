import type { Glue } from "./wasm.js";

/**
 * A fresh, uninstantiated copy of the generated glue; each copy owns one WebAssembly instance. The small runtime has no
 * engine of its own: it checks records, counts, makes frames and reports, all of what a manifest alone is enough for.
 */
export function create(): Omit<Glue, "Session">;
