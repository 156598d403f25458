import { LitElement, css, html, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Runtime } from "../data/runtime.js";
import { base } from "./styles.js";

/** A quiet line while something loads; with a runtime it says how far the model is. */
@customElement("ns-loading")
export class Loading extends LitElement {
  /** The runtime whose progress is shown, if the model is what is waited for. */
  @property({ attribute: false }) runtime: Runtime | null = null;

  private readonly redraw = (): void => this.requestUpdate();

  static override styles = [
    base,
    css`
      :host {
        padding: 32px 0;
        color: var(--ink-2);
        /* What is there at once needs no waiting line. It comes whole: half faded in, it has no contrast. */
        animation: appear 1ms 0.2s backwards;
      }
      @keyframes appear {
        from {
          visibility: hidden;
        }
      }
      .track {
        height: 3px;
        width: min(320px, 100%);
        margin-top: 10px;
        border-radius: 2px;
        background: var(--rule);
        overflow: hidden;
      }
      .fill {
        height: 100%;
        background: var(--accent);
      }
    `,
  ];

  override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has("runtime")) return;
    (changed.get("runtime") as Runtime | null | undefined)?.removeEventListener("progress", this.redraw);
    this.runtime?.addEventListener("progress", this.redraw);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.runtime?.removeEventListener("progress", this.redraw);
  }

  override render(): TemplateResult {
    const progress = this.runtime?.progress;
    const total = progress?.total ?? 0;
    const share = progress && total > 0 ? Math.min(1, progress.loaded / total) : 0;
    const what = this.runtime ? `Loading the model into this page${progress ? `: ${progress.phase}` : ""}…` : "Reading…";
    return html`<p role="status">${what}</p>
      <div class="track"><div class="fill" style="width:${share * 100}%"></div></div>`;
  }
}
