/** Runs the model in this page through the SDK, which is served beside the dashboard and loaded only when it is needed. */

import type { CanvasView, Explanation, Fields, Manifest, Prediction, Report } from "../types.js";

/** The part of the SDK's `Model` that the dashboard uses. */
export interface Model extends EventTarget {
  readonly manifest: Manifest;
  predict(record: Fields, options?: { groups?: Record<string, string> }): Promise<Prediction>;
  explain(prediction: Prediction): Promise<Explanation>;
  /** Fetches the reference profile; reports compare with it from then on. */
  baseline(): Promise<object>;
  report(): Report;
  canvas(): Promise<CanvasView>;
  consent(given: boolean): void;
  flush(): Promise<void>;
}

/** How far a load is. */
export interface Progress {
  phase: string;
  loaded: number;
  total: number | null;
}

interface LoadOptions {
  collector?: { url: string; key: string };
  consent?: "granted" | "denied" | "ask";
  worker?: boolean;
  onProgress?: (progress: Progress) => void;
}

interface Sdk {
  load(url: string, options?: LoadOptions): Promise<Model>;
}

/** Events: `change` after a prediction, `update` when another version answers, `progress` while loading. */
export class Runtime extends EventTarget {
  /** Folder of the bundle, absolute. */
  readonly bundle: string;
  /** How far loading is, for the progress line. */
  progress: Progress | null = null;
  /** The model once it can answer. */
  model: Model | null = null;
  private loading: Promise<Model> | null = null;
  private readonly collector: { url: string; key: string } | undefined;

  constructor(bundle: string, key: string | null) {
    super();
    this.bundle = new URL(bundle.endsWith("/") ? bundle : `${bundle}/`, document.baseURI).href;
    this.collector = key === null ? undefined : { url: new URL(".", document.baseURI).href.replace(/\/$/, ""), key };
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

  private async load(): Promise<Model> {
    const address = new URL("sdk/index.js", document.baseURI).href;
    const sdk = (await import(/* @vite-ignore */ address)) as Sdk;
    const model = await sdk.load(this.bundle, {
      ...(this.collector ? { collector: this.collector, consent: "granted" as const } : {}),
      // The page's policy allows no script address made from a string, which a worker needs.
      worker: false,
      onProgress: (progress) => {
        this.progress = progress;
        this.dispatchEvent(new Event("progress"));
      },
    });
    model.addEventListener("update", () => this.dispatchEvent(new Event("update")));
    this.model = model;
    this.progress = null;
    this.dispatchEvent(new Event("progress"));
    return model;
  }
}
