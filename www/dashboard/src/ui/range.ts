import { LitElement, css, html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { millis } from "../format.js";
import { base } from "./styles.js";

/** Percentiles of a duration on a logarithmic line: p50 as a dot, p95 and p99 as its reach, the budget as a tick. */
@customElement("ns-range")
export class Range extends LitElement {
  /** Left end of the line in milliseconds. */
  @property({ attribute: false }) from = 0.01;
  /** Right end of the line in milliseconds. */
  @property({ attribute: false }) to = 10_000;
  /** The median. */
  @property({ attribute: false }) p50: number | null = null;
  /** The 95th percentile. */
  @property({ attribute: false }) p95: number | null = null;
  /** The 99th percentile. */
  @property({ attribute: false }) p99: number | null = null;
  /** The budget, held against p95. */
  @property({ attribute: false }) budget: number | null = null;
  /** What is timed. */
  @property() what = "";

  static override styles = [
    base,
    css`
      .line {
        position: relative;
        height: 18px;
        background: linear-gradient(var(--rule), var(--rule)) 0 8.5px / 100% 1px no-repeat;
      }
      span {
        position: absolute;
      }
      .tail {
        top: 8px;
        height: 2px;
        background: var(--now);
        opacity: 0.55;
      }
      .reach {
        top: 6px;
        height: 6px;
        border-radius: 3px;
        background: color-mix(in oklab, var(--now) 55%, var(--surface));
      }
      .over {
        background: var(--bad);
      }
      .dot {
        top: 4px;
        width: 10px;
        height: 10px;
        margin-left: -5px;
        border-radius: 50%;
        background: var(--now);
        border: 2px solid var(--surface);
      }
      .budget {
        top: 1px;
        height: 16px;
        border-left: 2px dashed var(--ink-2);
        margin-left: -1px;
      }
    `,
  ];

  override render(): TemplateResult {
    const { p50, p95, p99, budget } = this;
    if (p50 === null || p95 === null) return html`<div class="line"></div>`;
    const label = `${this.what}: median ${millis(p50)}, 95th percentile ${millis(p95)}${budget === null ? "" : `, budget ${millis(budget)}`}`;
    const over = budget !== null && p95 > budget;
    return html`<div class="line" role="img" aria-label=${label} title=${label}>
      ${p99 === null ? nothing : this.renderStretch("tail", p95, p99)} ${this.renderStretch(over ? "reach over" : "reach", p50, p95)}
      ${budget === null ? nothing : html`<span class="budget" style="left:${this.place(budget)}%"></span>`}
      <span class="dot" style="left:${this.place(p50)}%"></span>
    </div>`;
  }

  private renderStretch(name: string, low: number, high: number): TemplateResult {
    return html`<span class=${name} style="left:${this.place(low)}%;width:${this.place(high) - this.place(low)}%"></span>`;
  }

  private place(value: number): number {
    const share = Math.log(Math.max(value, this.from) / this.from) / Math.log(this.to / this.from);
    return Math.min(100, Math.max(0, share * 100));
  }
}
