import { LitElement, css, html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { millis, number, percent, words } from "../format.js";
import type { Explanation, Manifest, Prediction } from "../types.js";
import { base, controls } from "../ui/styles.js";
import { sign, signs } from "../ui/state.js";
import "./contributions.js";

/** One answer: decision, score on its bands, boundaries, timing, reasons and receipt. */
@customElement("ns-answer")
export class Answer extends LitElement {
  /** The bundle, for bands and target. */
  @property({ attribute: false }) manifest!: Manifest;
  /** The answer. */
  @property({ attribute: false }) prediction!: Prediction;
  /** Its reasons, where the model can give them. */
  @property({ attribute: false }) explanation: Explanation | null = null;
  @state() private copied = false;

  static override styles = [
    base,
    controls,
    signs,
    css`
      .head {
        display: flex;
        flex-wrap: wrap;
        align-items: baseline;
        gap: 2px 16px;
      }
      .action {
        font-size: 30px;
        line-height: 1.2;
        font-weight: 640;
        letter-spacing: -0.02em;
      }
      .score {
        color: var(--ink-2);
      }
      .score b {
        color: var(--ink);
      }
      .bands {
        position: relative;
        display: flex;
        gap: 2px;
        margin: 20px 0 0;
      }
      .band {
        padding-top: 12px;
        font-size: 12.5px;
        color: var(--ink-3);
        position: relative;
        min-width: 0;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .band::before {
        content: "";
        position: absolute;
        inset: 0 0 auto;
        height: 8px;
        background: var(--grey-wash);
        box-shadow: inset 0 0 0 1px var(--rule);
      }
      .band.on {
        color: var(--ink);
        font-weight: 600;
      }
      .band.on::before {
        background: color-mix(in oklab, var(--now) 34%, var(--surface));
        box-shadow: none;
      }
      .mark {
        position: absolute;
        top: -5px;
        width: 4px;
        height: 18px;
        margin-left: -2px;
        border-radius: 2px;
        background: var(--ink);
        box-shadow: 0 0 0 2px var(--surface);
      }
      .facts {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 250px), 1fr));
        gap: 14px 24px;
        margin: 18px 0 20px;
        padding: 14px 0;
        border-block: 1px solid var(--rule);
      }
      dt {
        font-size: 12.5px;
        color: var(--ink-3);
      }
      dd ul {
        display: grid;
        gap: 3px;
      }
      .receipt {
        display: flex;
        gap: 4px;
        align-items: center;
      }
      .receipt .mono {
        overflow: hidden;
        text-overflow: ellipsis;
      }
      .receipt button {
        height: 24px;
        font-size: 12.5px;
      }
      .inside {
        display: flex;
        gap: 6px;
        align-items: baseline;
      }
      .inside .sign {
        align-self: center;
      }
      h3 {
        font-size: 14px;
        font-weight: 620;
        margin-bottom: 4px;
      }
    `,
  ];

  override render(): TemplateResult {
    const { prediction } = this;
    const { task } = this.manifest;
    return html`
      <div class="head">
        <span class="action">${decision(prediction)}</span>
        ${prediction.score === null
          ? nothing
          : html`<span class="score">${words(task.target)} = ${task.positive}: <b>${percent(prediction.score)}</b>${prediction.label === null ? nothing : html`, label <b>${prediction.label}</b>`}</span>`}
      </div>
      ${prediction.score === null || this.manifest.bands.length === 0 ? nothing : this.renderBands(prediction.score, prediction.action)}
      <dl class="facts">
        <div>
          <dt>Boundaries</dt>
          <dd>${this.renderBoundary()}</dd>
        </div>
        <div>
          <dt>Time in this page</dt>
          <dd><b>${millis(prediction.timing.total)}</b> <span class="quiet small">encode ${millis(prediction.timing.encode)}, run ${millis(prediction.timing.run)}</span></dd>
        </div>
        <div>
          <dt>Receipt</dt>
          <dd class="receipt">
            <span class="mono" data-receipt>${prediction.id}</span>
            ${navigator.clipboard ? html`<button class="plain" @click=${this.copy}>${this.copied ? "Copied" : "Copy"}</button>` : nothing}
          </dd>
        </div>
        <div>
          <dt>Version</dt>
          <dd class="mono">${prediction.version}</dd>
        </div>
      </dl>
      ${this.explanation ? html`<h3>Why</h3><ns-contributions .explanation=${this.explanation}></ns-contributions>` : nothing}
    `;
  }

  private renderBands(score: number, action: string | null): TemplateResult {
    const bands = [...this.manifest.bands].sort((one, other) => one.at_least - other.at_least);
    return html`<div class="bands" role="img" aria-label="Score ${percent(score)} on bands ${bands.map((band) => `${band.action} from ${percent(band.at_least, 0)}`).join(", ")}">
      ${bands.map((band, index) => {
        const width = (bands[index + 1]?.at_least ?? 1) - band.at_least;
        const title = `${band.action} from ${percent(band.at_least, 0)}`;
        return html`<span class="band ${band.action === action ? "on" : ""}" style="width:${width * 100}%" title=${title}>${width < 0.12 ? band.action : title}</span>`;
      })}
      <span class="mark" style="left:${score * 100}%"></span>
    </div>`;
  }

  private renderBoundary(): TemplateResult {
    const { inside, violations } = this.prediction.boundary;
    if (inside && violations.length === 0) return html`<span class="inside">${sign("good")} Inside what the model knows</span>`;
    return html`<ul>
      ${violations.map((violation) => html`<li class="inside">${sign("warn")}<span>${violation.message}</span></li>`)}
    </ul>`;
  }

  private async copy(): Promise<void> {
    await navigator.clipboard.writeText(this.prediction.id);
    this.copied = true;
    setTimeout(() => (this.copied = false), 1500);
  }
}

/** What is decided, or else answered. */
function decision({ action, label, value }: Prediction): string {
  return words(action ?? label ?? number(value));
}

/** The answer in a sentence, for those who hear the page. */
export function spoken(prediction: Prediction, { task }: Manifest): string {
  const { score, boundary } = prediction;
  const chance = score === null ? "" : `, ${words(task.target)} = ${task.positive} with ${percent(score)}`;
  const violations = boundary.violations.map((violation) => violation.message).join(" ");
  return `${decision(prediction)}${chance}. ${boundary.inside ? "The record is inside what the model knows." : violations}`;
}
