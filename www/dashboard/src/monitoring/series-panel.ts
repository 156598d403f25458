import { LitElement, css, html, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { series, type SeriesSpec } from "../charts/options.js";
import { count, millis, moment, percent, short } from "../format.js";
import type { Metrics, Report } from "../types.js";
import { base } from "../ui/styles.js";
import "../charts/chart.js";
import "../ui/notice.js";
import "../ui/panel.js";

/** Volume, latency and favourable share over time. */
@customElement("ns-series-panel")
export class SeriesPanel extends LitElement {
  /** The points. */
  @property({ attribute: false }) metrics!: Metrics;
  /** The report, for the latency budget. */
  @property({ attribute: false }) report!: Report;

  static override styles = [
    base,
    css`
      .charts {
        display: grid;
        grid-template-columns: repeat(3, minmax(0, 1fr));
        gap: 16px 32px;
      }
      h3 {
        font-size: 13.5px;
        font-weight: 600;
      }
      @media (max-width: 980px) {
        .charts {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ];

  override render(): TemplateResult {
    const { points } = this.metrics;
    return html`<ns-panel heading="Over time">
      ${points.length === 0 ? html`<ns-notice>No window has arrived in this stretch of time.</ns-notice>` : html`<div class="charts">${this.specs().map((spec) => this.renderChart(spec))}</div>`}
    </ns-panel>`;
  }

  private renderChart(spec: SeriesSpec): TemplateResult {
    const { points } = this.metrics;
    const rows = points.map((point) => {
      const value = spec.value(point);
      return [moment(point.at), value === null ? "no data" : spec.format(value)];
    });
    return html`<div>
      <h3>${spec.name}</h3>
      <ns-chart
        .build=${series(points, spec, { from: this.report.from, to: this.report.to, step: this.metrics.step_ms })}
        .height=${150}
        .table=${{ columns: ["From", spec.name], rows }}
        .keys=${spec.limit === null ? [] : [{ label: `budget ${spec.format(spec.limit)}`, ink: "warn", mark: "dash" }]}
        label="${spec.name} over time"
      ></ns-chart>
    </div>`;
  }

  private specs(): SeriesSpec[] {
    const budget = this.report.latency.find((stage) => stage.stage === "answer")?.budget_ms ?? null;
    const whole = (value: number): string => (value < 10_000 ? count(value) : short(value));
    return [
      { name: "Predictions", kind: "bar", value: (point) => point.predictions, format: whole, limit: null, top: null },
      { name: "Answer, 95th percentile", kind: "line", value: (point) => point.p95, format: (value) => (value === 0 ? "0 ms" : millis(value)), limit: budget, top: null },
      { name: "Favourable decisions", kind: "line", value: (point) => point.favourable_share, format: (value) => percent(value, 0), limit: null, top: 1 },
    ];
  }
}
