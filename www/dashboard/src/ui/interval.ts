import { LitElement, css, html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { percent } from "../format.js";
import type { State } from "../types.js";
import { base } from "./styles.js";

/** A value with its interval on a line from `from` to `to`, with an optional limit. */
@customElement("ns-interval")
export class Interval extends LitElement {
  /** The value; null draws the empty line. */
  @property({ type: Number }) value: number | null = null;
  /** Lower end of the interval. */
  @property({ type: Number }) low: number | null = null;
  /** Upper end of the interval. */
  @property({ type: Number }) high: number | null = null;
  /** Left end of the line. */
  @property({ type: Number }) from = 0;
  /** Right end of the line. */
  @property({ type: Number }) to = 1;
  /** A limit to draw as a tick. */
  @property({ type: Number }) limit: number | null = null;
  /** Colour of value and interval. */
  @property() state: State = "grey";
  /** What the value is, for people who cannot see the line. */
  @property() what = "";
  /** How the value and its ends are said: a share as per cent unless told otherwise. */
  @property({ attribute: false }) format: (value: number | null) => string = percent;

  static override styles = [
    base,
    css`
      :host {
        min-width: 80px;
        --colour: var(--now);
      }
      .line {
        position: relative;
        height: 18px;
        margin: 0 5px;
      }
      .line::before {
        content: "";
        position: absolute;
        inset: 8.5px -5px auto;
        height: 1px;
        background: var(--rule-strong);
        opacity: 0.55;
      }
      .whisker {
        position: absolute;
        top: 6px;
        height: 6px;
        border-radius: 3px;
        background: color-mix(in oklab, var(--colour) 34%, var(--surface));
        min-width: 2px;
      }
      .dot {
        position: absolute;
        top: 4px;
        width: 10px;
        height: 10px;
        margin-left: -5px;
        border-radius: 50%;
        background: var(--colour);
        border: 2px solid var(--surface);
      }
      .limit {
        position: absolute;
        top: 1px;
        height: 16px;
        border-left: 2px dashed var(--ink-2);
        margin-left: -1px;
      }
      .good {
        --colour: var(--good);
      }
      .warn {
        --colour: var(--warn);
      }
      .bad {
        --colour: var(--bad);
      }
    `,
  ];

  override render(): TemplateResult {
    const { value, low, high, limit } = this;
    const label = this.label();
    return html`
      <div class="line ${this.state === "grey" ? "" : this.state}" role="img" aria-label=${label} title=${label}>
        ${low === null || high === null ? nothing : html`<span class="whisker" style="left:${this.place(low)}%;width:${this.place(high) - this.place(low)}%"></span>`}
        ${limit === null ? nothing : html`<span class="limit" style="left:${this.place(limit)}%"></span>`}
        ${value === null ? nothing : html`<span class="dot" style="left:${this.place(value)}%"></span>`}
      </div>
    `;
  }

  private label(): string {
    const { what, value, low, high, limit, format } = this;
    if (value === null) return `${what}: not known`;
    const interval = low !== null && high !== null ? `, 95% interval ${format(low)} to ${format(high)}` : "";
    return `${what}: ${format(value)}${interval}${limit === null ? "" : `, limit ${format(limit)}`}`;
  }

  private place(value: number): number {
    return Math.min(100, Math.max(0, ((value - this.from) / (this.to - this.from)) * 100));
  }
}
