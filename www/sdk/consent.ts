/**
 * Whether counters may leave the page.
 *
 * What the user said in this page wins. Then Global Privacy Control says no. Then the page's own setting counts, and
 * without one the bundle's: consent that is required has to be asked for.
 */
export class Consent {
  #user: boolean | undefined;
  #required = true;

  constructor(private readonly setting: "granted" | "denied" | "ask" | undefined) {}

  /** What the bundle says, once it has been read. */
  set required(required: boolean) {
    this.#required = required;
  }

  /** The user's own answer. */
  answer(granted: boolean): void {
    this.#user = granted;
  }

  /** Something may be sent now. */
  get granted(): boolean {
    if (this.#user !== undefined) return this.#user;
    if (privacySignal()) return false;
    return (this.setting ?? (this.#required ? "ask" : "granted")) === "granted";
  }

  /** Somebody said no, so what is counted meanwhile must not be sent later either; asking is not a no. */
  get denied(): boolean {
    if (this.#user !== undefined) return !this.#user;
    return privacySignal() || this.setting === "denied";
  }

  /** The user said yes in so many words, which the collector honours over the `Sec-GPC` that the browser may send. */
  get byUser(): boolean {
    return this.#user === true;
  }
}

/** The browser's Global Privacy Control signal. */
function privacySignal(): boolean {
  return (globalThis.navigator as { globalPrivacyControl?: unknown } | undefined)?.globalPrivacyControl === true;
}
