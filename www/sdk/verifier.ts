import { readChannel, readRelease, type Bundle } from "./bundle.js";
import type { Engine } from "./engine.js";
import { NearsideError } from "./errors.js";
import { random64 } from "./host.js";
import { background, localEngine, type ModelParts } from "./parts.js";
import type { Prediction, RawRecord } from "./types.js";

/** An answer that somebody says a version gave; parts that are left out count as `null`. */
export type Claim = Pick<Prediction, "version"> & Partial<Prediction>;

/** Answers may differ by this much between machines and still be the same. */
const TOLERANCE = 1e-5;

/** Answers records anew on engines of its own, which count nothing that is ever sent. */
export class Verifier {
  readonly #engines = new Map<string, Promise<Engine>>();

  constructor(private readonly parts: ModelParts, private readonly bundle: () => Bundle) {}

  /** Whether the version that `claimed` names gives the same label, action, and score or value. */
  async agrees(record: RawRecord, claimed: Claim): Promise<boolean> {
    const own = await (await this.#engine(claimed.version)).predict(record, undefined, true);
    return own.label === (claimed.label ?? null) && own.action === (claimed.action ?? null) && near(own.score, claimed.score) && near(own.value, claimed.value);
  }

  dispose(): void {
    for (const engine of this.#engines.values()) engine.then((opened) => opened.free(), () => {});
  }

  #engine(version: string): Promise<Engine> {
    let engine = this.#engines.get(version);
    if (!engine) {
      engine = this.#open(version);
      this.#engines.set(version, engine);
      engine.catch(() => this.#engines.delete(version));
    }
    return engine;
  }

  async #open(version: string): Promise<Engine> {
    const bundle = this.bundle();
    const transfer = background(this.parts.transfer);
    if (bundle.manifest.version === version) return localEngine(this.parts, bundle, transfer, random64());
    const channel = await readChannel(transfer, bundle.base);
    const release = [channel?.champion, channel?.previous].find((candidate) => candidate?.version === version);
    if (!release) throw new NearsideError("usage", `Version ${version} of ${bundle.manifest.name} is neither on air nor the one before in ${bundle.base.href}. Ask the page to predict again.`);
    return localEngine(this.parts, await readRelease(transfer, bundle.base, channel, release, this.parts.options.engine), transfer, random64());
  }
}

function near(own: number | null, claimed: number | null | undefined): boolean {
  if (own === null || claimed == null) return own === (claimed ?? null);
  return Math.abs(own - claimed) <= TOLERANCE * Math.max(1, Math.abs(own));
}
