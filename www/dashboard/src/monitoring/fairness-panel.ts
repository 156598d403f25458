import { LitElement, css, html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { count, fixed, metric, percent, words } from "../format.js";
import type { Fairness, State } from "../types.js";
import { base, tables } from "../ui/styles.js";
import "../ui/interval.js";
import "../ui/notice.js";
import "../ui/panel.js";
import "../ui/state.js";

const STATES: Record<Fairness["state"], { state: State; word: string }> = {
  pass: { state: "good", word: "Pass" },
  fail: { state: "bad", word: "Fail" },
  not_enough_evidence: { state: "grey", word: "Not enough evidence" },
};

/** Selection rates by group, each with its interval, and what they amount to. */
@customElement("ns-fairness-panel")
export class FairnessPanel extends LitElement {
  /** The metrics, one per group and measure. */
  @property({ attribute: false }) fairness: Fairness[] = [];

  static override styles = [
    base,
    tables,
    css`
      .metrics {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr));
        gap: 28px 40px;
      }
      h3 {
        font-size: 14px;
        font-weight: 600;
      }
      .head {
        display: flex;
        flex-wrap: wrap;
        justify-content: space-between;
        gap: 2px 16px;
      }
      .words {
        margin: 3px 0 10px;
        color: var(--ink-2);
        max-width: 72ch;
      }
      .line {
        width: 40%;
        min-width: 110px;
        padding-top: 9px;
        vertical-align: top;
      }
      .total th,
      .total td {
        border-top: 1px solid var(--rule-strong);
      }
    `,
  ];

  override render(): TemplateResult {
    return html`<ns-panel heading="Fairness by group" lead="Share of favourable decisions in each declared group, with 95% intervals. Groups are never inputs of the model.">
      ${this.fairness.length === 0
        ? html`<ns-notice>No prediction has declared a group yet.</ns-notice>`
        : html`<div class="metrics">${this.fairness.map((entry) => this.renderMetric(entry))}</div>`}
    </ns-panel>`;
  }

  private renderMetric(entry: Fairness): TemplateResult {
    const { state, word } = STATES[entry.state];
    const ratio = entry.metric.endsWith("ratio");
    const top = Math.min(1, Math.ceil(Math.max(0.1, ...entry.by.map((group) => group.high ?? group.rate ?? 0)) * 10 + 0.5) / 10);
    const from = ratio ? ((entry.low ?? entry.value ?? 1) < 0.5 ? 0 : 0.5) : Math.min(0, entry.low ?? 0);
    const figure = (value: number | null): string => (ratio ? fixed(value, 2) : percent(value));
    return html`<div>
      <div class="head">
        <h3>${words(entry.group)}: ${metric(entry.metric).toLowerCase()}</h3>
        <ns-state state=${state} word=${word}></ns-state>
      </div>
      <p class="words">${entry.words}</p>
      <table>
        <thead>
          <tr>
            <th scope="col">Group</th>
            <th scope="col"><span class="sr">Interval</span></th>
            <th scope="col" class="n">Rate</th>
            <th scope="col" class="n">Favourable</th>
          </tr>
        </thead>
        <tbody>
          ${entry.by.map(
            (group) => html`<tr>
              <th scope="row">${group.value}</th>
              <td class="line"><ns-interval .value=${group.rate} .low=${group.low} .high=${group.high} .to=${top} what="Rate of ${group.value}"></ns-interval></td>
              <td class="n">${percent(group.rate)}</td>
              <td class="n quiet">${count(group.selected)} of ${count(group.count)}</td>
            </tr>`,
          )}
          <tr class="total">
            <th scope="row">${ratio ? "Ratio" : "Difference"}</th>
            <td class="line">
              <ns-interval
                .value=${entry.value}
                .low=${entry.low}
                .high=${entry.high}
                .limit=${entry.limit}
                .from=${from}
                .to=${ratio ? 1.5 : Math.max(0.3, entry.high ?? 0)}
                state=${state}
                .format=${figure}
                what=${metric(entry.metric)}
              ></ns-interval>
            </td>
            <td class="n">${figure(entry.value)}</td>
            <td class="n quiet">limit ${figure(entry.limit)}</td>
          </tr>
        </tbody>
      </table>
      ${entry.low === null || entry.high === null ? nothing : html`<p class="small quiet">95% interval ${figure(entry.low)} to ${figure(entry.high)}</p>`}
    </div>`;
  }
}
