import { LitElement, css, html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { money } from "../format.js";
import type { Block } from "../types.js";
import { base } from "../ui/styles.js";
import { sign, signs } from "../ui/state.js";
import "../ui/age.js";
import "../ui/state.js";

/** One block: its question, what is stated, and below it what is measured. */
@customElement("ns-canvas-block")
export class CanvasBlock extends LitElement {
  /** The block. */
  @property({ attribute: false }) block!: Block;
  /** Currency of its cost. */
  @property() currency = "EUR";

  static override styles = [
    base,
    signs,
    css`
      :host {
        display: grid;
        grid-template-rows: subgrid;
        background: var(--surface);
        border-top: 1px solid var(--rule);
        margin-top: -1px;
        min-width: 0;
      }
      article {
        display: grid;
        grid-row: 1 / -1;
        grid-template-rows: subgrid;
        min-width: 0;
      }
      .live {
        grid-row: -2;
      }
      .stated {
        grid-row: 2 / -2;
      }
      header {
        padding: 15px 16px 0;
      }
      .line {
        display: flex;
        align-items: baseline;
        gap: 8px;
      }
      .number {
        font-size: 12.5px;
        color: var(--ink-3);
        min-width: 1.1em;
      }
      h2 {
        flex: 1;
        font-size: 15.5px;
        line-height: 1.3;
        font-weight: 630;
        letter-spacing: -0.008em;
      }
      .question {
        margin-top: 3px;
        color: var(--ink-3);
        font-size: 13px;
        line-height: 1.4;
        text-wrap: pretty;
      }
      .stated {
        padding: 11px 16px 14px;
        display: grid;
        gap: 7px;
        align-content: start;
      }
      .stated dt {
        font-size: 12.5px;
        line-height: 1.35;
        color: var(--ink-3);
      }
      .stated dd {
        line-height: 1.4;
        overflow-wrap: anywhere;
      }
      .live {
        padding: 11px 16px 12px;
        background: var(--sunken);
        border-top: 2px solid var(--tone, var(--rule-strong));
      }
      .live.good {
        --tone: var(--good);
      }
      .live.warn {
        --tone: var(--warn);
        background: var(--warn-wash);
      }
      .live.bad {
        --tone: var(--bad);
        background: var(--bad-wash);
      }
      .live,
      .live.good,
      .live.warn,
      .live.bad {
        color: var(--ink);
      }
      .live li {
        display: flex;
        flex-wrap: wrap;
        justify-content: space-between;
        gap: 0 12px;
        padding: 2px 0;
        line-height: 1.4;
      }
      .live .label {
        color: var(--ink-2);
      }
      .live b {
        font-weight: 600;
        overflow-wrap: anywhere;
        display: inline-flex;
        gap: 5px;
        align-items: baseline;
        color: var(--ink);
        margin-left: auto;
        text-align: right;
      }
      .live b .sign {
        align-self: center;
      }
      .foot {
        display: flex;
        justify-content: space-between;
        gap: 12px;
        margin-top: 7px;
        font-size: 12.5px;
        color: var(--ink-2);
      }
      :host(.value_proposition) .stated {
        gap: 13px;
        padding-top: 15px;
      }
      :host(.value_proposition) dd {
        font-size: 16px;
      }
      :host(.live_monitoring) .stated {
        grid-template-columns: repeat(auto-fill, minmax(min(100%, 300px), 1fr));
        gap: 9px 32px;
      }
      @media (min-width: 721px) {
        :host(.live_monitoring) .live ul {
          display: flex;
          flex-wrap: wrap;
          gap: 2px 40px;
        }
      }
    `,
  ];

  override render(): TemplateResult {
    const { block } = this;
    return html`
      <article aria-label="${block.number} ${block.title}">
        <header>
          <div class="line">
            <span class="number">${block.number}</span>
            <h2>${block.title}</h2>
            <ns-state state=${block.state}></ns-state>
          </div>
          <p class="question">${block.question}</p>
        </header>
        ${block.stated.length > 0
          ? html`<dl class="stated">
              ${block.stated.map(
                (fact) => html`<div>
                  <dt>${fact.label}</dt>
                  <dd>${fact.value}</dd>
                </div>`,
              )}
            </dl>`
          : html`<p class="stated quiet">Not stated in canvas.toml.</p>`}
        ${this.renderLive()}
      </article>
    `;
  }

  private renderLive(): TemplateResult {
    const { block } = this;
    const empty = block.live.length === 0;
    return html`<div class="live ${block.state}">
      ${empty
        ? html`<p class="label">Nothing measured yet.</p>`
        : html`<ul>
            ${block.live.map(
              (fact) => html`<li>
                <span class="label">${fact.label}</span>
                <b>${fact.state === "warn" || fact.state === "bad" ? sign(fact.state) : nothing}${fact.value}</b>
              </li>`,
            )}
          </ul>`}
      ${block.live_at === null && block.cost === null
        ? nothing
        : html`<p class="foot">
            <span>${block.live_at === null ? nothing : html`<ns-age at=${block.live_at}></ns-age>`}</span>
            ${block.cost === null ? nothing : html`<span title="Cost of this block per 1,000 predictions">${money(block.cost, this.currency)} / 1,000</span>`}
          </p>`}
    </div>`;
  }
}
