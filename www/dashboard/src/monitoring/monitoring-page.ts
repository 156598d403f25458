import { LitElement, css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { now } from "../data/clock.js";
import type { Runtime } from "../data/runtime.js";
import type { Source } from "../data/source.js";
import { View } from "../data/view.js";
import type { Alert, Metrics, ModelSummary, Report } from "../types.js";
import { base, controls } from "../ui/styles.js";
import "../ui/age.js";
import "../ui/loading.js";
import "../ui/notice.js";
import "./alerts-panel.js";
import "./arrival-panel.js";
import "./boundary-panel.js";
import "./drift-panel.js";
import "./fairness-panel.js";
import "./figures.js";
import "./latency-panel.js";
import "./outcome-panels.js";
import "./scores-panel.js";
import "./series-panel.js";
import "./verdict.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** The stretches of time to choose from, each with a step that gives up to about a hundred points. */
const SPANS = [
  { id: "1h", title: "1 hour", span: HOUR, step: MINUTE },
  { id: "24h", title: "24 hours", span: 24 * HOUR, step: 15 * MINUTE },
  { id: "7d", title: "7 days", span: 168 * HOUR, step: 2 * HOUR },
  { id: "30d", title: "30 days", span: 720 * HOUR, step: 8 * HOUR },
] as const;
type Span = (typeof SPANS)[number];

interface Numbers {
  report: Report;
  metrics: Metrics | null;
  alerts: Alert[];
}

/** Everything measured about one model, judged in words first. */
@customElement("ns-monitoring-page")
export class MonitoringPage extends LitElement {
  /** Where the numbers come from. */
  @property({ attribute: false }) source!: Source;
  /** The model of this page, whose unsent window is sent before reading. */
  @property({ attribute: false }) runtime!: Runtime;
  /** Name of the model. */
  @property() model = "";
  /** What is known of its versions. */
  @property({ attribute: false }) summary: ModelSummary | null = null;
  @state() private span: Span = SPANS[1];
  @state() private version: string | null = null;

  private readonly view = new View<Numbers>(this, () => this.read());

  static override styles = [
    base,
    controls,
    css`
      .tools {
        display: flex;
        flex-wrap: wrap;
        gap: 10px 20px;
        align-items: center;
        justify-content: space-between;
        margin-bottom: 16px;
      }
      h1 {
        font-size: 22px;
        line-height: 1.3;
        font-weight: 620;
        letter-spacing: -0.015em;
      }
      .choices {
        display: flex;
        flex-wrap: wrap;
        gap: 10px 16px;
        align-items: center;
      }
      .spans {
        display: inline-flex;
        border: 1px solid var(--rule-strong);
        border-radius: 7px;
        overflow: hidden;
        background: var(--surface);
      }
      .spans label {
        position: relative;
        padding: 6px 12px;
        cursor: pointer;
        white-space: nowrap;
      }
      .spans label + label {
        border-left: 1px solid var(--rule);
      }
      .spans label:has(:checked) {
        background: var(--accent-wash);
        font-weight: 600;
      }
      .spans label:has(:focus-visible) {
        outline: 2px solid var(--accent);
        outline-offset: -2px;
      }
      .spans input {
        position: absolute;
        opacity: 0;
        inset: 0;
      }
      .grid {
        display: grid;
        grid-template-columns: repeat(2, minmax(0, 1fr));
        gap: var(--gap);
        margin-top: var(--gap);
      }
      .grid > .all {
        grid-column: 1 / -1;
      }
      .grid > .tall {
        grid-row: span 2;
      }
      @media (max-width: 980px) {
        .grid > * {
          grid-column: 1 / -1;
        }
      }
    `,
  ];

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("model")) this.version = null;
    this.view.follow(this.source, `${this.model} ${this.span.id} ${this.version}`);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.runtime?.model?.flush();
  }

  override render(): TemplateResult {
    const { value, error, at } = this.view;
    return html`
      <div class="tools">
        <h1>Monitoring</h1>
        <div class="choices">
          ${value ? html`<span class="small quiet">Read <ns-age at=${at}></ns-age></span>` : nothing}
          ${this.source.connection === "page" ? html`<span class="small quiet">This page's own session</span>` : this.renderChoices()}
        </div>
      </div>
      ${error ? html`<ns-notice state=${value ? "warn" : "bad"}>${error.message}${value ? " The numbers below are older." : ""}</ns-notice>` : nothing}
      ${value ? this.renderNumbers(value) : error ? nothing : html`<ns-loading .runtime=${this.source.connection === "page" ? this.runtime : null}></ns-loading>`}
    `;
  }

  private renderChoices(): TemplateResult {
    const versions = this.summary?.versions ?? [];
    return html`
      ${versions.length > 1
        ? html`<select aria-label="Version" @change=${(event: Event) => (this.version = (event.target as HTMLSelectElement).value || null)}>
            <option value="">Version that answers now</option>
            ${versions.map((version) => html`<option value=${version}>${version}</option>`)}
          </select>`
        : nothing}
      <fieldset class="spans">
        <legend class="sr">Stretch of time</legend>
        ${SPANS.map(
          (span) => html`<label><input type="radio" name="span" .checked=${span === this.span} @change=${() => (this.span = span)} />${span.title}</label>`,
        )}
      </fieldset>
    `;
  }

  private renderNumbers({ report, metrics, alerts }: Numbers): TemplateResult {
    return html`
      <ns-verdict .verdict=${report.verdict}></ns-verdict>
      <ns-figures .report=${report}></ns-figures>
      <div class="grid">
        ${alerts.length > 0 ? html`<ns-alerts-panel class="all" .alerts=${alerts}></ns-alerts-panel>` : nothing}
        ${metrics ? html`<ns-series-panel class="all" .metrics=${metrics} .report=${report}></ns-series-panel>` : nothing}
        <ns-arrival-panel .loads=${report.loads}></ns-arrival-panel>
        <ns-boundary-panel .boundary=${report.boundary} .refused=${report.refused}></ns-boundary-panel>
        <ns-latency-panel class="all" .latency=${report.latency}></ns-latency-panel>
        <ns-scores-panel class="all" .scores=${report.scores} .actions=${report.actions}></ns-scores-panel>
        <ns-drift-panel class="all" .drift=${report.drift}></ns-drift-panel>
        <ns-fairness-panel class="all" .fairness=${report.fairness}></ns-fairness-panel>
        <ns-performance-panel class="tall" .performance=${report.performance}></ns-performance-panel>
        <ns-business-panel .business=${report.business}></ns-business-panel>
        <ns-loss-panel .loss=${report.loss}></ns-loss-panel>
      </div>
    `;
  }

  private async read(): Promise<Numbers> {
    const { source, model, span } = this;
    // Without an end the collector takes its own present, so no window is too young for the viewer's clock.
    const range = { from: now() - span.span, version: this.version ?? undefined };
    const [report, metrics, alerts] = await Promise.all([source.report(model, range), source.metrics(model, range, span.step), source.alerts(model)]);
    return { report, metrics, alerts };
  }
}
