/** Runs the model in this page through the SDK, which is served beside the dashboard and loaded only when it is needed. */

import type { Model, Progress } from "nearside";
import type { Explanation, Fields, Manifest, Prediction } from "../types.js";

type Sdk = typeof import("nearside");

/** One bundle at work in this page. Events: `change` after a prediction, `update` when another version answers, `progress` while loading. */
export class Runtime extends EventTarget {
  /** Folder of the bundle, absolute. */
  readonly bundle: string;
  /** How far loading is, for the progress line. */
  progress: Progress | null = null;
  /** The model once it can answer. */
  model: Model | null = null;
  /** What the user said about reporting this page's counters, if anything. */
  answered: boolean | null;
  private loading: Promise<Model> | null = null;
  private readonly gone = new AbortController();
  private readonly collector: { url: string; key: string } | undefined;

  constructor(bundle: string, key: string | null, answered: boolean | null = null) {
    super();
    this.bundle = new URL(bundle.endsWith("/") ? bundle : `${bundle}/`, document.baseURI).href;
    this.collector = key === null ? undefined : { url: new URL(".", document.baseURI).href.replace(/\/$/, ""), key };
    this.answered = answered;
  }

  /** Whether this page reports its counters: the user's word, or else no under Global Privacy Control. */
  get reporting(): boolean {
    return this.answered ?? !privacySignal();
  }

  set reporting(given: boolean) {
    this.answered = given;
    this.model?.consent(given);
  }

  /** The manifest of the version that answers now; needs no runtime. */
  async manifest(): Promise<Manifest> {
    if (this.model) return this.model.manifest;
    const address = new URL("manifest.json", this.bundle).href;
    const response = await fetch(address, { cache: "no-cache" }).catch(() => null);
    if (response === null) throw new Error(`No answer from ${address}. Check the address of the bundle.`);
    if (!response.ok) throw new Error(`${address} answered ${response.status}. Check that the folder holds a packed bundle.`);
    try {
      return (await response.json()) as Manifest;
    } catch {
      throw new Error(`${address} is not JSON. Check that the folder holds a packed bundle.`);
    }
  }

  /** The model, loaded once and kept for as long as the page is open. */
  ready(): Promise<Model> {
    if (this.gone.signal.aborted) return Promise.reject(new Error("This bundle is closed."));
    this.loading ??= this.load().catch((error: unknown) => {
      this.loading = null;
      throw error;
    });
    return this.loading;
  }

  /** Predicts and explains one record. */
  async answer(record: Fields, groups: Record<string, string>): Promise<{ prediction: Prediction; explanation: Explanation | null }> {
    const model = await this.ready();
    const prediction = await this.predict(record, groups);
    const explanation = await model.explain(prediction).catch(() => null);
    return { prediction, explanation };
  }

  /** Predicts one record; a refused record is counted too. */
  async predict(record: Fields, groups: Record<string, string>): Promise<Prediction> {
    const model = await this.ready();
    try {
      return await model.predict(record, { groups });
    } finally {
      this.dispatchEvent(new Event("change"));
    }
  }

  /** Ends the model: what it has counted is sent, its memory is freed. Nothing answers here any more. */
  dispose(): void {
    const { model } = this;
    this.model = null;
    this.gone.abort();
    if (model) void model.flush().finally(() => model.dispose());
  }

  private async load(): Promise<Model> {
    const address = new URL("sdk/index.js", document.baseURI).href;
    const sdk = (await import(/* @vite-ignore */ address)) as Sdk;
    const { signal } = this.gone;
    const model = await sdk.load(this.bundle, {
      ...(this.collector ? { collector: this.collector, consent: this.reporting ? "granted" : "denied" } : {}),
      // The page's policy allows no script address made from a string, which a worker needs.
      worker: false,
      signal,
      onProgress: (progress) => {
        this.progress = progress;
        this.dispatchEvent(new Event("progress"));
      },
    });
    if (signal.aborted) model.dispose();
    signal.throwIfAborted();
    if (this.answered !== null) model.consent(this.answered);
    model.addEventListener("update", () => this.dispatchEvent(new Event("update")));
    this.model = model;
    this.progress = null;
    this.dispatchEvent(new Event("progress"));
    return model;
  }
}

/** The browser's Global Privacy Control signal, which the SDK honours: only the user's own word goes over it. */
function privacySignal(): boolean {
  return (navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl === true;
}
