/**
 * The beacon: a small module that a page runs first, so that people who leave before the SDK itself has arrived are
 * counted too. `load()` takes over from it, and it takes over from the stub, which a page carries inline.
 */
import { Consent } from "./consent.js";
import { pageLoad } from "./page.js";
import type { Collector } from "./types.js";

/** What the beacon needs: the model's name as in the manifest, and the same collector and consent as `load()`. */
export interface BeaconOptions {
  model: string;
  collector: Collector;
  consent?: "granted" | "denied" | "ask";
}

/**
 * Reports to the collector when this page is left before its first prediction, with the stage it had reached. Sends
 * nothing without granted consent, and nothing at all once the page has answered.
 */
export function beacon(options: BeaconOptions): void {
  pageLoad(options.model).watch(options.collector, new Consent(options.consent));
}
