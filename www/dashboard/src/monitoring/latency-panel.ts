import { LitElement, css, html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { LATENCY_WORDS, count, millis, percent } from "../format.js";
import type { Latency, State } from "../types.js";
import { base, tables } from "../ui/styles.js";
import "../ui/notice.js";
import "../ui/panel.js";
import "../ui/range.js";
import "../ui/state.js";

/** Percentiles of each timed stage, drawn on one logarithmic scale and held against the budgets. */
@customElement("ns-latency-panel")
export class LatencyPanel extends LitElement {
  /** The timed stages. */
  @property({ attribute: false }) latency: Latency[] = [];

  static override styles = [
    base,
    tables,
    css`
      .note {
        font-weight: 400;
      }
      @media (min-width: 761px) {
        .note {
          display: block;
        }
      }
      @media (max-width: 760px) {
        .axis span:not(:first-child, :last-child) {
          display: none;
        }
      }
      .line {
        width: 38%;
        min-width: 92px;
        padding-inline: 18px;
        padding-top: 9px;
        vertical-align: top;
      }
      .axis {
        display: flex;
        justify-content: space-between;
        font-weight: 400;
      }
      .axis span {
        width: 0;
        display: flex;
        justify-content: center;
        white-space: nowrap;
      }
    `,
  ];

  override render(): TemplateResult {
    const timed = this.latency.filter((stage) => stage.count > 0);
    return html`<ns-panel
      heading="Latency"
      lead="Measured in the pages of the people who use the model. The dot is the median, the bar reaches to p95, the thin line to p99; a dashed tick is a budget for p95."
    >
      ${timed.length === 0 ? html`<ns-notice>Nothing has been timed yet.</ns-notice>` : this.renderTimes(timed)}
    </ns-panel>`;
  }

  private renderTimes(timed: Latency[]): TemplateResult {
    const ticks = decades(timed);
    const from = ticks[0] ?? 0.01;
    const to = ticks.at(-1) ?? 10_000;
    return html`<div class="scroll" tabindex="0" role="group" aria-label="Latency table">
      <table>
        <thead>
          <tr>
            <th scope="col">Stage</th>
            <th scope="col" class="line">
              <span class="sr">Drawn on a logarithmic scale</span>
              <div class="axis" aria-hidden="true">${ticks.map((tick) => html`<span>${millis(tick)}</span>`)}</div>
            </th>
            <th scope="col" class="n wide">p50</th>
            <th scope="col" class="n wide">p75</th>
            <th scope="col" class="n">p95</th>
            <th scope="col" class="n wide">p99</th>
            <th scope="col" class="n wide">Times</th>
            <th scope="col" class="n">Budget</th>
            <th scope="col" class="n wide">Over it</th>
          </tr>
        </thead>
        <tbody>
          ${timed.map(
            (stage) => html`<tr>
              <th scope="row">${LATENCY_WORDS[stage.stage].title} <span class="note small quiet wide">${LATENCY_WORDS[stage.stage].note}</span></th>
              <td class="line">
                <ns-range
                  .from=${from}
                  .to=${to}
                  .p50=${stage.p50}
                  .p95=${stage.p95}
                  .p99=${stage.p99}
                  .budget=${stage.budget_ms}
                  what=${LATENCY_WORDS[stage.stage].title}
                ></ns-range>
              </td>
              <td class="n wide">${millis(stage.p50)}</td>
              <td class="n wide">${millis(stage.p75)}</td>
              <td class="n">${millis(stage.p95)}</td>
              <td class="n wide">${millis(stage.p99)}</td>
              <td class="n quiet wide">${count(stage.count)}</td>
              <td class="n">${renderBudget(stage)}</td>
              <td class="n quiet wide">${stage.budget_ms === null ? nothing : percent(stage.over_budget_share)}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
  }
}

function renderBudget({ budget_ms, state }: Latency): TemplateResult | typeof nothing {
  if (budget_ms === null || !state) return nothing;
  const [sign, title] = BUDGET[state];
  return html`<ns-state state=${sign} word=${millis(budget_ms)} title=${title}></ns-state>`;
}

const BUDGET: Record<NonNullable<Latency["state"]>, [State, string]> = {
  within: ["good", "p95 is within the budget"],
  over: ["warn", "p95 is over the budget"],
  not_enough_evidence: ["grey", "too few times to say whether p95 is within the budget"],
};

/** Powers of ten that hold every percentile and budget. */
function decades(timed: Latency[]): number[] {
  const values = timed.flatMap((stage) => [stage.p50, stage.p99 ?? stage.p95, stage.budget_ms]).filter((value): value is number => value !== null && value > 0);
  const low = Math.floor(Math.log10(Math.min(...values, 1)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values, 1))));
  return Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index));
}
