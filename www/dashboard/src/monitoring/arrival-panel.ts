import { LitElement, css, html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { STAGE_WORDS, count, number, percent, plural } from "../format.js";
import type { Loads } from "../types.js";
import type { Bar } from "../ui/bars.js";
import { base } from "../ui/styles.js";
import "../ui/bars.js";
import "../ui/interval.js";
import "../ui/notice.js";
import "../ui/panel.js";

/** Whether people get an answer before they leave, and where those who leave are lost. */
@customElement("ns-arrival-panel")
export class ArrivalPanel extends LitElement {
  /** How page loads settled. */
  @property({ attribute: false }) loads!: Loads;

  static override styles = [
    base,
    css`
      ns-panel {
        height: 100%;
      }
      .scale {
        display: flex;
        justify-content: space-between;
        margin-top: -1px;
      }
      .sum {
        margin-bottom: 10px;
      }
      h3 {
        margin: 20px 0 4px;
        font-size: 13.5px;
        font-weight: 600;
      }
    `,
  ];

  override render(): TemplateResult {
    const { loads } = this;
    const low = loads.share?.low ?? 0;
    const from = low > 0.8 ? 0.8 : low > 0.5 ? 0.5 : 0;
    return html`<ns-panel
      heading="Page loads answered within ${number(loads.budget_ms / 1000)} s"
      lead="Counted from navigation; people who leave before the first prediction count as not answered."
    >
      ${loads.share
        ? html`<p class="sum">
              <b>${percent(loads.share.value)}</b> of ${plural(loads.total, "page load")}; ${count(loads.within_budget)} in time, ${count(loads.answered - loads.within_budget)} late,
              ${count(loads.total - loads.answered)} never.
            </p>
            <ns-interval .value=${loads.share.value} .low=${loads.share.low} .high=${loads.share.high} .from=${from} what="Answered in time"></ns-interval>
            <div class="scale quiet small"><span>${percent(from, 0)}</span><span>95% interval ${percent(loads.share.low)} to ${percent(loads.share.high)}</span><span>100%</span></div>`
        : html`<ns-notice>No page load has settled yet: it counts once it has predicted, failed or been left.</ns-notice>`}
      ${loads.total > 0 ? html`<h3>Where page loads ended</h3><ns-bars .bars=${this.bars()}></ns-bars>` : nothing}
    </ns-panel>`;
  }

  private bars(): Bar[] {
    const { by_stage, total } = this.loads;
    return by_stage
      .filter((entry) => entry.count > 0)
      .map(({ stage, count: at }) => ({ label: STAGE_WORDS[stage], count: at, share: at / total, quiet: stage === "predicted" }));
  }
}
