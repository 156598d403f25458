/** The entry point of Vercel's edge runtime, which imports WebAssembly modules with `?module`. */
import small from "./nearside.wasm?module";
import canvas from "./nearside-canvas.wasm?module";
import full from "./nearside-full.wasm?module";
import { edgeHost } from "./edge.js";
import { loaderFor } from "./load.js";
import { Runtimes } from "./runtime.js";
import { sessionFor, type OnnxSession } from "./session.js";

const runtimes = new Runtimes(edgeHost({ small, full, canvas }));
export const load = loaderFor(runtimes);
export const Session = sessionFor(runtimes);
export type Session = OnnxSession;
export * from "./public.js";
