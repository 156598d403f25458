/** The entry point of pages. */
import { browser } from "./browser.js";
import { loaderFor } from "./load.js";
import { Runtimes } from "./runtime.js";
import { sessionFor, type OnnxSession } from "./session.js";

const runtimes = new Runtimes(browser);
export const load = loaderFor(runtimes);
export const Session = sessionFor(runtimes);
export type Session = OnnxSession;
export * from "./public.js";
