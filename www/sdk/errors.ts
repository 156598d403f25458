/** What went wrong, in one word that code can switch on. The core and the SDK share this list. */
export type ErrorCode =
  | "invalid-canvas" | "invalid-record" | "invalid-model" | "unsupported-operator"
  | "wrong-input" | "wrong-shape" | "wrong-type"
  | "bundle-corrupt" | "bundle-format" | "frame-invalid"
  | "network" | "aborted" | "wasm-load" | "wrong-mime" | "worker-blocked"
  | "engine-dead" | "disposed" | "no-plan" | "io" | "gate-failed" | "usage" | "internal";

/**
 * The one error type of the package.
 *
 * `code` is stable and meant for programs; `message` says what happened, where (model, feature or address) and what to
 * do about it; `cause` is the error underneath, where there is one.
 */
export class NearsideError extends Error {
  /** What went wrong, in kebab case. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "NearsideError";
    this.code = code;
  }
}

/** Makes any thrown value a `NearsideError`; the code that the WebAssembly core put on an error is kept. */
export function asNearsideError(thrown: unknown, fallback: ErrorCode = "internal"): NearsideError {
  if (thrown instanceof NearsideError) return thrown;
  if (thrown instanceof Error) {
    const code = (thrown as { code?: unknown }).code;
    if (thrown.name === "AbortError") return aborted(thrown);
    return new NearsideError(typeof code === "string" ? (code as ErrorCode) : fallback, thrown.message, { cause: thrown });
  }
  return new NearsideError(fallback, String(thrown), { cause: thrown });
}

/** The error of a call that the caller stopped. */
export function aborted(cause?: unknown): NearsideError {
  return new NearsideError("aborted", "The call was aborted by its signal; call again to start over.", { cause });
}

/** Throws `aborted` when the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw aborted(signal.reason);
}
