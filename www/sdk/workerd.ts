/** The entry point of Cloudflare Workers and other workerd hosts. */
import small from "./nearside.wasm";
import canvas from "./nearside-canvas.wasm";
import full from "./nearside-full.wasm";
import { edgeHost } from "./edge.js";
import { loaderFor } from "./load.js";
import { Runtimes } from "./runtime.js";
import { sessionFor, type OnnxSession } from "./session.js";

const runtimes = new Runtimes(edgeHost({ small, full, canvas }));
export const load = loaderFor(runtimes);
export const Session = sessionFor(runtimes);
export type Session = OnnxSession;
export * from "./public.js";
