/** The entry point of Cloudflare Workers and other workerd hosts. */
import wasm from "./nearside-full.wasm";
import { edgeHost } from "./edge.js";
import { loaderFor } from "./load.js";
import { Runtime } from "./runtime.js";
import { sessionFor, type OnnxSession } from "./session.js";

const runtime = new Runtime(edgeHost(wasm));
export const load = loaderFor(runtime);
export const Session = sessionFor(runtime);
export type Session = OnnxSession;
export * from "./public.js";
