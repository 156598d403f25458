import { LitElement, css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { EChartsType } from "echarts/core";
import { base, controls, tables } from "../ui/styles.js";
import { THEME_EVENT } from "../ui/theme-toggle.js";
import type { Option } from "./engine.js";
import { inks, type Inks } from "./inks.js";

/** The numbers of a chart as rows. */
export interface Table {
  columns: string[];
  rows: string[][];
}

/** One entry of a chart's legend. */
export interface Key {
  label: string;
  ink: keyof Inks;
  mark: "fill" | "line" | "dash";
}

/** A chart that loads its library when it first comes into view, and shows the same numbers as a table on request. */
@customElement("ns-chart")
export class Chart extends LitElement {
  /** Makes the chart's option from the theme's colours. */
  @property({ attribute: false }) build!: (inks: Inks) => Option;
  /** What the chart shows, in words. */
  @property() label = "";
  /** The same numbers as rows. */
  @property({ attribute: false }) table: Table | null = null;
  /** What the colours mean. */
  @property({ attribute: false }) keys: Key[] = [];
  /** Height in pixels. */
  @property({ type: Number }) height = 200;
  @state() private open = false;

  private chart: EChartsType | null = null;
  private seen = false;
  private readonly sizes = new ResizeObserver(() => this.chart?.resize());
  private readonly views = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) {
      this.views.disconnect();
      this.seen = true;
      void this.draw();
    }
  });
  private readonly redraw = (): void => void this.draw();

  static override styles = [
    base,
    controls,
    tables,
    css`
      .plot {
        width: 100%;
      }
      figcaption {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 2px 16px;
        min-height: 26px;
        font-size: 12.5px;
        color: var(--ink-2);
      }
      .key {
        display: inline-flex;
        align-items: center;
        gap: 6px;
      }
      .mark {
        width: 12px;
        height: 10px;
        border-radius: 2px;
        background: var(--c);
      }
      .mark.line {
        height: 0;
        border-top: 2px solid var(--c);
        background: none;
        border-radius: 0;
      }
      .mark.dash {
        height: 0;
        border-top: 2px dashed var(--c);
        background: none;
        border-radius: 0;
      }
      button {
        margin-left: auto;
        height: 26px;
        font-size: 12.5px;
        font-weight: 500;
      }
      .scroll {
        max-height: 320px;
        overflow: auto;
      }
      table {
        font-size: 13px;
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener(THEME_EVENT, this.redraw);
    this.views.observe(this);
    this.sizes.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener(THEME_EVENT, this.redraw);
    this.views.disconnect();
    this.sizes.disconnect();
    this.chart?.dispose();
    this.chart = null;
  }

  override render(): TemplateResult {
    return html`
      <figure>
        <div class="plot" role="img" aria-label=${this.label} style="height:${this.height}px"></div>
        <figcaption>
          ${this.keys.map((key) => html`<span class="key"><span class="mark ${key.mark}" style="--c:var(--${key.ink})"></span>${key.label}</span>`)}
          ${this.table
            ? html`<button class="plain" aria-expanded=${this.open} @click=${() => (this.open = !this.open)}>${this.open ? "Hide numbers" : "Numbers"}</button>`
            : nothing}
        </figcaption>
        ${this.open && this.table ? this.renderTable(this.table) : nothing}
      </figure>
    `;
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (changed.has("build")) void this.draw();
  }

  private renderTable({ columns, rows }: Table): TemplateResult {
    return html`<div class="scroll" tabindex="0" role="group" aria-label="${this.label}: numbers">
      <table>
        <thead>
          <tr>
            ${columns.map((name, index) => html`<th scope="col" class=${index > 0 ? "n" : ""}>${name}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            (row) => html`<tr>
              ${row.map((cell, index) => (index === 0 ? html`<th scope="row">${cell}</th>` : html`<td class="n">${cell}</td>`))}
            </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
  }

  private async draw(): Promise<void> {
    if (!this.seen) return;
    const { create } = await import("./engine.js");
    const element = this.renderRoot.querySelector<HTMLElement>(".plot");
    if (!element || !this.isConnected) return;
    this.chart ??= create(element);
    this.chart.setOption(this.build(inks(this)), { replaceMerge: ["series"] });
  }
}
