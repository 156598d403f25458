import type { NearsideError } from "./errors.js";
import type { Report } from "./types.js";

/** An event of a model, with what happened in `detail`. */
export class ModelEvent<T> extends Event {
  constructor(type: string, readonly detail: T) {
    super(type);
  }
}

/** The events of a model. */
export interface ModelEventMap {
  /** A new version took over; answers from now on are its own. */
  update: ModelEvent<{ from: string; to: string }>;
  /** This page's own report turned worse; judged at most once per flush interval, and only while somebody listens. */
  alert: ModelEvent<Report["verdict"]>;
  /** Something failed in the background, or the runtime had to be restarted; the model keeps working. */
  error: ModelEvent<NearsideError>;
}
