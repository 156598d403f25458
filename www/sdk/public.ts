/** The names that every entry point shares. */
export { NearsideError, type ErrorCode } from "./errors.js";
export { ModelEvent, type ModelEventMap } from "./events.js";
export { Model } from "./model.js";
export type { ModelSource } from "./session.js";
export { verify } from "./verify.js";
export type { Claim } from "./verifier.js";
export type * from "./types.js";
