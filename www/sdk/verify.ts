import { NearsideError } from "./errors.js";
import { loadedModels } from "./model.js";
import type { RawRecord } from "./types.js";
import type { Claim } from "./verifier.js";

/**
 * Whether a loaded bundle gives the same answer to `record` as `claimed`, for the edge or a server: an action that was
 * taken in a page is advice until it has been verified.
 *
 * Uses the loaded model whose version `claimed` names; with one model loaded, also its previous version. Counts nothing.
 * Rejects with `usage` when no loaded model knows that version.
 */
export async function verify(record: RawRecord, claimed: Claim): Promise<boolean> {
  const models = loadedModels();
  const exact = models.find((model) => model.version === claimed.version);
  if (exact) return exact.verify(record, claimed);
  let last: unknown;
  for (const model of models) {
    try {
      return await model.verify(record, claimed);
    } catch (error) {
      last = error;
    }
  }
  throw last ?? new NearsideError("usage", `No model is loaded here, so the answer of version ${claimed.version} cannot be verified. Load its bundle first.`);
}
