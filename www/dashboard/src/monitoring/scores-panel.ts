import { LitElement, css, html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { bins, scores as shares } from "../charts/options.js";
import { percent, words } from "../format.js";
import type { Report, Scores } from "../types.js";
import { base } from "../ui/styles.js";
import "../charts/chart.js";
import "../ui/bars.js";
import "../ui/notice.js";
import "../ui/panel.js";

/** What the model answers: the distribution of scores and the share of each decision. */
@customElement("ns-scores-panel")
export class ScoresPanel extends LitElement {
  /** Score histogram and reference. */
  @property({ attribute: false }) scores!: Scores;
  /** Counts of each decision. */
  @property({ attribute: false }) actions: Report["actions"] = [];

  static override styles = [
    base,
    css`
      .parts {
        display: grid;
        grid-template-columns: minmax(0, 2fr) minmax(0, 1fr);
        gap: 16px 48px;
      }
      @media (max-width: 980px) {
        .parts {
          grid-template-columns: minmax(0, 1fr);
        }
      }
      h3 {
        margin: 0 0 4px;
        font-size: 13.5px;
        font-weight: 600;
      }
    `,
  ];

  override render(): TemplateResult {
    const { labels, now, reference } = shares(this.scores);
    const known = now.some((share) => share > 0);
    return html`<ns-panel heading="Scores and decisions" lead="The score is the probability of the positive answer; the reference is what the model was trained and checked on.">
      <div class="parts">
      ${known
        ? html`<ns-chart
            .build=${bins(labels, now, reference)}
            .height=${200}
            .keys=${[
              { label: "now", ink: "now", mark: "fill" },
              { label: "reference", ink: "then", mark: "fill" },
            ]}
            .table=${{ columns: ["Score", "Now", "Reference"], rows: labels.map((label, index) => [label, percent(now[index] ?? null), percent(reference[index] ?? null)]) }}
            label="Distribution of scores now and in the reference"
          ></ns-chart>`
        : html`<ns-notice>No score has been counted yet.</ns-notice>`}
      ${this.actions.some((entry) => entry.count > 0)
        ? html`<div>
            <h3>Decisions</h3>
            <ns-bars .bars=${this.actions.map((entry) => ({ label: words(entry.action), count: entry.count, share: entry.share }))}></ns-bars>
          </div>`
        : nothing}
      </div>
    </ns-panel>`;
  }
}
