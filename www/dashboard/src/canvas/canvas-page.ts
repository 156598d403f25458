import { LitElement, css, html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Runtime } from "../data/runtime.js";
import type { Source } from "../data/source.js";
import { View } from "../data/view.js";
import { STATE_WORDS, money, plural } from "../format.js";
import type { CanvasView, State } from "../types.js";
import { base } from "../ui/styles.js";
import { sign, signs } from "../ui/state.js";
import "../ui/loading.js";
import "../ui/notice.js";
import "./canvas-block.js";

const STATES: readonly State[] = ["bad", "warn", "good", "grey"];

/** The ten blocks of the canvas: what is stated and what is measured, on one sheet. */
@customElement("ns-canvas-page")
export class CanvasPage extends LitElement {
  /** Where the numbers come from. */
  @property({ attribute: false }) source!: Source;
  /** The model of this page, for its loading progress. */
  @property({ attribute: false }) runtime!: Runtime;
  /** Name of the model. */
  @property() model = "";

  private readonly view = new View<CanvasView>(this, () => this.source.canvas(this.model));

  static override styles = [
    base,
    signs,
    css`
      .top {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        gap: 16px 48px;
        align-items: end;
        margin: 4px 0 22px;
      }
      h1 {
        font-size: clamp(19px, 1.05rem + 0.75vw, 26px);
        line-height: 1.32;
        font-weight: 500;
        letter-spacing: -0.012em;
        max-width: 58ch;
        text-wrap: pretty;
      }
      .sum {
        display: flex;
        flex-wrap: wrap;
        gap: 14px 32px;
        align-items: end;
      }
      .cost b {
        display: block;
        font-size: 24px;
        line-height: 1.2;
        font-weight: 600;
        letter-spacing: -0.015em;
      }
      .legend {
        display: grid;
        grid-template-columns: repeat(2, auto);
        gap: 3px 18px;
      }
      .legend li {
        display: flex;
        gap: 6px;
        align-items: center;
        white-space: nowrap;
        font-size: 13px;
        color: var(--ink-2);
      }
      .sheet {
        display: grid;
        grid-template-columns: 1fr 1fr 1.08fr 1fr 1fr;
        grid-template-rows: repeat(9, auto);
        column-gap: 1px;
        background: var(--rule);
        border: 1px solid var(--rule);
        border-radius: var(--radius);
        overflow: hidden;
      }
      .sheet > * {
        grid-column: var(--column);
        grid-row: var(--row) / span 3;
      }
      .sheet > .value_proposition {
        --column: 3;
        --row: 1;
        grid-row: 1 / span 6;
      }
      .decisions {
        --column: 1;
        --row: 1;
      }
      .prediction_task {
        --column: 2;
        --row: 1;
      }
      .data_sources {
        --column: 4;
        --row: 1;
      }
      .collecting_data {
        --column: 5;
        --row: 1;
      }
      .making_predictions {
        --column: 1;
        --row: 4;
      }
      .offline_evaluation {
        --column: 2;
        --row: 4;
      }
      .features {
        --column: 4;
        --row: 4;
      }
      .building_models {
        --column: 5;
        --row: 4;
      }
      .live_monitoring {
        --column: 1 / -1;
        --row: 7;
      }
      footer {
        margin-top: 14px;
      }
      @media (max-width: 1180px) {
        .sheet {
          grid-template-columns: 1fr 1fr;
          grid-template-rows: none;
        }
        .sheet > *,
        .sheet > .value_proposition {
          grid-area: auto / auto / span 3;
        }
        .sheet > .value_proposition,
        .sheet > .live_monitoring {
          grid-column: 1 / -1;
        }
      }
      @media (max-width: 720px) {
        .top {
          grid-template-columns: 1fr;
        }
        .sum {
          justify-content: space-between;
        }
        .sheet {
          grid-template-columns: 1fr;
        }
        .sheet > *,
        .sheet > .value_proposition,
        .sheet > .live_monitoring {
          grid-column: 1;
        }
      }
    `,
  ];

  override willUpdate(): void {
    this.view.follow(this.source, this.model);
  }

  override render(): TemplateResult {
    const { value, error } = this.view;
    if (!value) {
      return error
        ? html`<ns-notice state="bad">${error.message}</ns-notice>`
        : html`<ns-loading .runtime=${this.source.connection === "page" ? this.runtime : null}></ns-loading>`;
    }
    return html`
      ${error ? html`<ns-notice state="warn" style="margin-bottom:16px">${error.message} The values below are older.</ns-notice>` : nothing}
      <div class="top">
        <h1>${value.sentence ?? value.name}</h1>
        <div class="sum">
          <ul class="legend" aria-label="Blocks by state">
            ${STATES.map((state) => {
              const blocks = value.blocks.filter((block) => block.state === state).length;
              return blocks === 0 ? nothing : html`<li>${sign(state)} ${plural(blocks, "block")}: ${STATE_WORDS[state].toLowerCase()}</li>`;
            })}
          </ul>
          ${value.cost_per_thousand === null
            ? nothing
            : html`<p class="cost"><b>${money(value.cost_per_thousand, value.currency)}</b> <span class="quiet small">per 1,000 predictions</span></p>`}
        </div>
      </div>
      <div class="sheet">
        ${value.blocks.map((block) => html`<ns-canvas-block class=${block.id} .block=${block} .currency=${value.currency}></ns-canvas-block>`)}
      </div>
      <footer class="quiet small">
        <p>
          ${value.credit}
          <a href="https://www.ownml.co/machine-learning-canvas" rel="noopener">The canvas</a>,
          <a href="https://creativecommons.org/licenses/by-sa/4.0/" rel="license noopener">the licence</a>
        </p>
      </footer>
    `;
  }
}
