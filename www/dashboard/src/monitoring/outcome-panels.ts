import { LitElement, css, html, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { count, fixed, metric, number, plural, words } from "../format.js";
import type { Business, Performance, Report } from "../types.js";
import { base, tables } from "../ui/styles.js";
import "../ui/notice.js";
import "../ui/panel.js";

const fill = css`
  th div {
    font-weight: 400;
  }
  ns-panel {
    height: 100%;
  }
`;

/** How good the answers were, where the outcome is known. */
@customElement("ns-performance-panel")
export class PerformancePanel extends LitElement {
  /** Metrics over the labelled predictions. */
  @property({ attribute: false }) performance!: Performance;

  static override styles = [base, tables, fill];

  override render(): TemplateResult {
    const { labelled, metrics } = this.performance;
    return html`<ns-panel heading="Performance" lead="Over predictions whose outcome was reported later.">
      ${labelled === 0
        ? html`<ns-notice>No outcome has been reported yet. Send it with the receipt: <code class="mono">model.outcome(id, { label })</code>.</ns-notice>`
        : html`<p class="quiet small">${plural(labelled, "labelled prediction")}</p>
            <table>
              <tbody>
                ${metrics.map(
                  (entry) => html`<tr>
                    <th scope="row">${metric(entry.metric)}</th>
                    <td class="n">${fixed(entry.value, 3)}</td>
                    <td class="n quiet">${entry.low === null || entry.high === null ? "no interval" : `${fixed(entry.low, 3)} to ${fixed(entry.high, 3)}`}</td>
                  </tr>`,
                )}
              </tbody>
            </table>`}
    </ns-panel>`;
  }
}

/** What the predictions are worth, in the units of the canvas. */
@customElement("ns-business-panel")
export class BusinessPanel extends LitElement {
  /** The business metrics. */
  @property({ attribute: false }) business: Business[] = [];

  static override styles = [base, tables, fill];

  override render(): TemplateResult {
    const known = this.business.filter((entry) => entry.count > 0);
    return html`<ns-panel heading="Business" lead="Reported with outcomes; moving together is not proof of cause.">
      ${known.length === 0
        ? html`<ns-notice>No business value has been reported yet.</ns-notice>`
        : html`<table>
            <thead>
              <tr>
                <th scope="col">Metric</th>
                <th scope="col" class="n">Total</th>
                <th scope="col" class="n">Mean</th>
                <th scope="col" class="n">Goal</th>
              </tr>
            </thead>
            <tbody>
              ${known.map(
                (entry) => html`<tr>
                  <th scope="row">
                    ${words(entry.name)}
                    <div class="quiet small">${plural(entry.count, "report")}, should ${entry.direction}</div>
                  </th>
                  <td class="n">${number(entry.sum)} ${entry.unit}</td>
                  <td class="n">${number(entry.mean)}</td>
                  <td class="n quiet">${entry.goal === null ? "none" : number(entry.goal)}</td>
                </tr>`,
              )}
            </tbody>
          </table>`}
    </ns-panel>`;
  }
}

const REASONS: Record<string, string> = {
  refused: "Refused by the collector",
  dropped: "Dropped: the page kept too many",
  retried: "Arrived after a retry",
  blocked: "Blocked on the way",
  consent: "Not sent: no consent",
};

/** What the numbers on this page do not include. */
@customElement("ns-loss-panel")
export class LossPanel extends LitElement {
  /** Frames by reason. */
  @property({ attribute: false }) loss: Report["loss"] = [];

  static override styles = [base, tables, fill];

  override render(): TemplateResult {
    const known = this.loss.filter((entry) => entry.frames > 0);
    return html`<ns-panel heading="Telemetry loss" lead="Windows of counters that pages could not deliver at first.">
      ${known.length === 0
        ? html`<ns-notice state="good">No window is known to be lost.</ns-notice>`
        : html`<table>
            <tbody>
              ${known.map(
                (entry) => html`<tr>
                  <th scope="row">${REASONS[entry.reason] ?? words(entry.reason)}</th>
                  <td class="n">${count(entry.frames)} ${entry.frames === 1 ? "window" : "windows"}</td>
                </tr>`,
              )}
            </tbody>
          </table>`}
    </ns-panel>`;
  }
}
