import type { RuntimeSize } from "./host.js";

/** The addresses of the WebAssembly modules, in the form that build tools recognise as assets. */
export const runtimes: Record<RuntimeSize, () => URL>;

/** The addresses of relaxed-SIMD twins, where this build of the package has them. */
export const relaxedRuntimes: Partial<Record<RuntimeSize, () => URL>>;
