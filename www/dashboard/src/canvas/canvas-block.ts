import { LitElement, css, html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { money } from "../format.js";
import type { Block, State } from "../types.js";
import { base, controls } from "../ui/styles.js";
import { sign, signs } from "../ui/state.js";
import "../ui/age.js";
import "../ui/state.js";

/** So many lines of each kind are shown at first, so that one long block does not stretch its neighbours. */
const SHOWN = 6;

/** A label and a live value that are longer together stand below each other. */
const BESIDE = 32;
/** A live value longer than this is a text, not a figure. */
const FIGURE = 60;

const RANK: Record<State, number> = { bad: 0, warn: 1, good: 2, grey: 3 };

/** One block: its question, what is stated, and below it what is measured. */
@customElement("ns-canvas-block")
export class CanvasBlock extends LitElement {
  /** The block. */
  @property({ attribute: false }) block!: Block;
  /** Currency of its cost. */
  @property() currency = "EUR";
  @state() private allStated = false;
  @state() private allLive = false;

  static override styles = [
    base,
    controls,
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
      }
      dl {
        display: grid;
        gap: 7px;
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
      .live .long {
        display: block;
        padding-bottom: 4px;
        max-width: 120ch;
      }
      .live .long b {
        display: flex;
        margin: 0;
        text-align: left;
        font-weight: 550;
      }
      .live .text b {
        font-weight: 400;
      }
      .live .long .sign {
        align-self: start;
        margin-top: 3px;
      }
      button.plain {
        height: 26px;
        margin-left: -6px;
        justify-self: start;
        font-size: 13px;
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
        padding-top: 15px;
      }
      :host(.value_proposition) dl {
        gap: 13px;
      }
      :host(.value_proposition) dd {
        font-size: 16px;
      }
      :host(.live_monitoring) dl {
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
        ${block.stated.length > 0 ? this.renderStated(block) : html`<p class="stated quiet">Not stated in canvas.toml.</p>`}
        ${this.renderLive(block)}
      </article>
    `;
  }

  private renderStated({ stated }: Block): TemplateResult {
    const shown = this.allStated || !isLong(stated) ? stated : stated.slice(0, SHOWN);
    return html`<div class="stated">
      <dl>
        ${shown.map(
          (fact) => html`<div>
            <dt>${fact.label}</dt>
            <dd>${fact.value}</dd>
          </div>`,
        )}
      </dl>
      ${isLong(stated) ? this.renderMore(stated.length, this.allStated, () => (this.allStated = !this.allStated)) : nothing}
    </div>`;
  }

  private renderLive(block: Block): TemplateResult {
    const { live } = block;
    const shown = this.allLive || !isLong(live) ? live : worstFirst(live).slice(0, SHOWN);
    return html`<div class="live ${block.state}">
      ${live.length === 0
        ? html`<p class="label">Nothing measured yet.</p>`
        : html`<ul>
            ${shown.map(
              (fact) => html`<li class=${fact.value.length > FIGURE ? "long text" : fact.label.length + fact.value.length > BESIDE ? "long" : ""}>
                <span class="label">${fact.label}</span>
                <b>${fact.state === "warn" || fact.state === "bad" ? sign(fact.state) : nothing}<span>${fact.value}</span></b>
              </li>`,
            )}
          </ul>`}
      ${isLong(live) ? this.renderMore(live.length, this.allLive, () => (this.allLive = !this.allLive)) : nothing}
      ${block.live_at === null && block.cost === null
        ? nothing
        : html`<p class="foot">
            <span>${block.live_at === null ? nothing : html`<ns-age at=${block.live_at}></ns-age>`}</span>
            ${block.cost === null ? nothing : html`<span title="What this block cost in the time measured">cost ${money(block.cost, this.currency)}</span>`}
          </p>`}
    </div>`;
  }

  private renderMore(total: number, open: boolean, toggle: () => void): TemplateResult {
    return html`<button class="plain" aria-expanded=${open} @click=${toggle}>${open ? "Show fewer" : `Show all ${total}`}</button>`;
  }
}

/** Cutting a list to hide a single line would not shorten it. */
function isLong(facts: unknown[]): boolean {
  return facts.length > SHOWN + 1;
}

function worstFirst(live: Block["live"]): Block["live"] {
  return [...live].sort((one, other) => RANK[one.state] - RANK[other.state]);
}
