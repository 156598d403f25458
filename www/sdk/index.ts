/** The entry point of pages. */
import { browser } from "./browser.js";
import { loaderFor } from "./load.js";
import { Runtime } from "./runtime.js";
import { sessionFor, type OnnxSession } from "./session.js";

const runtime = new Runtime(browser);
export const load = loaderFor(runtime);
export const Session = sessionFor(runtime);
export type Session = OnnxSession;
export * from "./public.js";
