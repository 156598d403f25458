import { LitElement, css, html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { metric, words } from "../format.js";
import type { Alert } from "../types.js";
import { base } from "../ui/styles.js";
import { sign, signs } from "../ui/state.js";
import "../ui/age.js";
import "../ui/panel.js";

const LATEST = 8;

const ACTIONS: Record<Alert["action_state"], string> = {
  none: "no action taken",
  running: "running",
  done: "done",
  failed: "failed",
};

/** Rules of the canvas that fired, newest first, and what was done about it. */
@customElement("ns-alerts-panel")
export class AlertsPanel extends LitElement {
  /** The alerts. */
  @property({ attribute: false }) alerts: Alert[] = [];

  static override styles = [
    base,
    signs,
    css`
      li {
        display: grid;
        grid-template-columns: 18px minmax(0, 1fr) auto;
        gap: 0 10px;
        padding: 9px 0;
        border-bottom: 1px solid var(--rule);
      }
      li:last-child {
        border-bottom: 0;
        padding-bottom: 0;
      }
      .sign {
        margin-top: 3px;
      }
      .when {
        text-align: right;
      }
      .about,
      .detail {
        grid-column: 2 / -1;
      }
    `,
  ];

  override render(): TemplateResult {
    const sorted = [...this.alerts].sort((one, other) => other.at - one.at);
    const firing = sorted.filter((alert) => alert.state === "firing").length;
    return html`<ns-panel heading="Alerts" lead=${firing > 0 ? `${firing} firing now.` : "None is firing now."}>
      <ul>
        ${sorted.slice(0, LATEST).map((alert) => this.renderAlert(alert))}
      </ul>
      ${sorted.length > LATEST ? html`<p class="quiet small">${sorted.length - LATEST} older ones are not shown.</p>` : nothing}
    </ns-panel>`;
  }

  private renderAlert(alert: Alert): TemplateResult {
    const { by, feature, window } = alert.rule;
    const about = by ? ` by ${by}` : feature ? ` of ${feature}` : "";
    return html`<li>
      ${sign(alert.state === "firing" ? "bad" : "good")}
      <span><b>${alert.state === "firing" ? "Firing" : "Resolved"}:</b> ${alert.words}</span>
      <ns-age class="when small quiet" at=${alert.at}></ns-age>
      <span class="about quiet small">
        ${metric(alert.rule.metric)}${about} over ${window} · version <span class="mono">${alert.version}</span>
        ${alert.action ? html` · ${words(alert.action)}: <b>${ACTIONS[alert.action_state]}</b>` : nothing}
      </span>
      ${alert.detail ? html`<span class="detail small">${alert.detail}</span>` : nothing}
    </li>`;
  }
}
