import { LitElement, css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { Flushed } from "nearside";
import type { Runtime } from "../data/runtime.js";
import { fixed, millis, plural, words } from "../format.js";
import type { Explanation, Manifest, Prediction } from "../types.js";
import { base, controls, tables } from "../ui/styles.js";
import { sign, signs } from "../ui/state.js";
import "../ui/loading.js";
import "../ui/notice.js";
import "../ui/panel.js";
import { spoken } from "./answer.js";
import "./record-form.js";
import type { Asked } from "./record-form.js";
import { drawGroups, drawRecord, generator } from "./records.js";

const BATCH = 20;
const KEPT = 20;

/** A form from the bundle's schema; the model answers in this page. */
@customElement("ns-playground-page")
export class PlaygroundPage extends LitElement {
  /** The model of this page. */
  @property({ attribute: false }) runtime!: Runtime;
  /** Whether a collector takes this page's counters. */
  @property({ type: Boolean }) collected = false;
  @state() private manifest: Manifest | null = null;
  @state() private answer: { prediction: Prediction; explanation: Explanation | null } | null = null;
  @state() private made: Prediction[] = [];
  @state() private busy = false;
  @state() private problem = "";
  @state() private note = "";
  /** The last answer, as it is told to those who hear the page. */
  @state() private said = "";
  private seed = 1;

  static override styles = [
    base,
    controls,
    tables,
    signs,
    css`
      h1 {
        font-size: 22px;
        line-height: 1.3;
        font-weight: 620;
        letter-spacing: -0.015em;
        margin-bottom: 16px;
      }
      .columns {
        display: grid;
        gap: var(--gap);
        grid-template: "form answer" auto "made answer" 1fr / minmax(0, 5fr) minmax(0, 6fr);
        align-items: start;
      }
      .form {
        grid-area: form;
      }
      .answer {
        grid-area: answer;
        scroll-margin-top: 96px;
      }
      .made {
        grid-area: made;
      }
      .made .scroll {
        max-height: 400px;
        overflow: auto;
      }
      .made thead th {
        position: sticky;
        top: 0;
        background: var(--surface);
      }
      label {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr);
        gap: 0 8px;
        align-items: baseline;
        flex-basis: 100%;
        font-size: 13px;
        color: var(--ink-2);
      }
      label .small {
        grid-column: 2;
      }
      label input {
        position: relative;
        top: 2px;
      }
      .alone {
        flex-basis: 100%;
      }
      .note {
        margin-top: 12px;
      }
      .note:empty {
        display: none;
      }
      ns-notice {
        margin-top: 14px;
      }
      .place {
        padding: 34px 0;
        color: var(--ink-3);
        text-align: center;
        text-wrap: balance;
      }
      @media (min-width: 981px) and (min-height: 840px) {
        .answer {
          position: sticky;
          top: 72px;
        }
      }
      @media (max-width: 980px) {
        .columns {
          grid-template: "form" "answer" "made" / minmax(0, 1fr);
        }
      }
    `,
  ];

  private readonly reopen = (): void => void this.open();

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.runtime.removeEventListener("update", this.reopen);
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has("runtime")) return;
    (changed.get("runtime") as Runtime | undefined)?.removeEventListener("update", this.reopen);
    this.runtime.addEventListener("update", this.reopen);
    this.manifest = null;
    this.answer = null;
    this.made = [];
    void this.open();
  }

  override render(): TemplateResult {
    const { manifest } = this;
    return html`
      <h1>Playground</h1>
      <p class="sr" role="status">${this.said}</p>
      ${manifest
        ? html`<div class="columns">
            <ns-panel class="form" heading="Record" lead="Raw values, as your page would pass them. The model runs in this page; no record leaves it.">
              <ns-record-form .manifest=${manifest} .busy=${this.busy} @ask=${this.ask}>${this.renderBeside()}</ns-record-form>
              <p class="note small" role="status">${this.note}</p>
              ${this.problem ? html`<ns-notice state="bad">${this.problem}</ns-notice>` : nothing}
            </ns-panel>
            <ns-panel class="answer" heading="Answer">${this.renderAnswer(manifest)}</ns-panel>
            ${this.made.length > 0 ? this.renderMade() : nothing}
          </div>`
        : this.problem
          ? html`<ns-notice state="bad">${this.problem}</ns-notice>`
          : html`<ns-loading></ns-loading>`}
    `;
  }

  private renderAnswer(manifest: Manifest): TemplateResult {
    if (this.answer) return html`<ns-answer .manifest=${manifest} .prediction=${this.answer.prediction} .explanation=${this.answer.explanation}></ns-answer>`;
    if (this.runtime.model) return html`<p class="place">Fill in the record and choose Predict.</p>`;
    return html`<ns-loading .runtime=${this.runtime}></ns-loading>`;
  }

  private renderBeside(): TemplateResult {
    return html`<button type="button" ?disabled=${this.busy} @click=${this.batch}>Predict ${BATCH} varied records</button>
      ${this.collected
        ? html`<label>
            <input type="checkbox" .checked=${this.runtime.reporting} @change=${this.report} />
            <span>Report to the collector</span>
            <span class="quiet small">Counts and averages over this page's predictions, never a record. Fewer than 5 predictions tell either of a random half of the features or of the groups.</span>
          </label>`
        : html`<p class="alone quiet small">No collector here: nothing leaves this page, and Monitoring shows its own session.</p>`}`;
  }

  private renderMade(): TemplateResult {
    return html`<ns-panel class="made" heading="Latest predictions">
      <div class="scroll" tabindex="0" role="group" aria-label="Latest predictions">
        <table>
          <thead>
            <tr>
              <th scope="col">Decision</th>
              <th scope="col" class="n">Score</th>
              <th scope="col">Boundaries</th>
              <th scope="col" class="n">Time</th>
              <th scope="col" class="n">Receipt</th>
            </tr>
          </thead>
          <tbody>
            ${this.made.map(
              (prediction) => html`<tr>
                <th scope="row">${words(prediction.action ?? prediction.label ?? "")}</th>
                <td class="n">${fixed(prediction.score, 3)}</td>
                <td>${sign(prediction.boundary.inside ? "good" : "warn")} ${prediction.boundary.inside ? "Inside" : "Outside"}</td>
                <td class="n">${millis(prediction.timing.total)}</td>
                <td class="n mono">${prediction.id.slice(0, 8)}…</td>
              </tr>`,
            )}
          </tbody>
        </table>
      </div>
    </ns-panel>`;
  }

  private async open(): Promise<void> {
    const { runtime } = this;
    try {
      const manifest = await runtime.manifest();
      if (runtime !== this.runtime) return;
      this.manifest = manifest;
      await runtime.ready();
      this.requestUpdate();
    } catch (error) {
      this.fail(error);
    }
  }

  private async ask(event: CustomEvent<Asked>): Promise<void> {
    const { record, groups } = event.detail;
    await this.work(async () => {
      const answer = await this.runtime.answer(record, groups);
      this.answer = answer;
      if (this.manifest) this.said = spoken(answer.prediction, this.manifest);
      this.keep(answer.prediction);
      await this.updateComplete;
      if (matchMedia("(max-width: 980px)").matches) this.renderRoot.querySelector(".answer")?.scrollIntoView({ block: "start" });
    });
    // A refused record has no answer; the one before must not look like it.
    if (this.problem) this.answer = null;
  }

  /** Predicts records drawn from the schema, so that there is something to see on Monitoring. */
  private async batch(): Promise<void> {
    const { manifest } = this;
    if (!manifest) return;
    await this.work(async () => {
      const seed = this.seed++;
      const random = generator(seed);
      const totals: number[] = [];
      for (let index = 0; index < BATCH; index++) {
        const prediction = await this.runtime.predict(drawRecord(manifest, random), drawGroups(manifest, random));
        totals.push(prediction.timing.total);
        this.keep(prediction);
      }
      const model = await this.runtime.ready();
      const delivery = this.collected ? ` ${delivered(await model.flush(), this.runtime.reporting)}` : "";
      totals.sort((one, other) => one - other);
      this.note = `${plural(BATCH, "prediction")} made from seed ${seed}; half of them took less than ${millis(totals[BATCH / 2] ?? null)}.${delivery}`;
    });
  }

  private async work(task: () => Promise<void>): Promise<void> {
    this.busy = true;
    this.problem = "";
    this.note = "";
    this.said = "";
    try {
      await task();
    } catch (error) {
      this.fail(error);
    } finally {
      this.busy = false;
    }
  }

  private keep(prediction: Prediction): void {
    this.made = [prediction, ...this.made].slice(0, KEPT);
  }

  private report(event: Event): void {
    this.runtime.reporting = (event.target as HTMLInputElement).checked;
  }

  private fail(error: unknown): void {
    this.problem = error instanceof Error ? error.message : String(error);
  }
}

/** What became of the counters, as far as the page knows. */
function delivered({ sent, acknowledged }: Flushed, reporting: boolean): string {
  if (!reporting) return "Nothing was reported.";
  if (sent === 0) return "Their counters were not sent.";
  return acknowledged < sent ? "Their counters were sent, but the collector has not confirmed them." : "The collector has confirmed their counters.";
}
