import { LitElement, css, html, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { count, percent } from "../format.js";
import { base } from "./styles.js";

/** One line of a bar list. */
export interface Bar {
  label: string;
  count: number;
  share: number;
  /** Drawn quieter: what the list is not about. */
  quiet?: boolean;
}

/** Counts with their share as a bar list; the numbers stand beside the bars, so no other alternative is needed. */
@customElement("ns-bars")
export class Bars extends LitElement {
  /** The lines, in order. */
  @property({ attribute: false }) bars: Bar[] = [];

  static override styles = [
    base,
    css`
      li {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto 52px;
        gap: 0 12px;
        padding: 6px 0 7px;
      }
      .n {
        text-align: right;
      }
      .track {
        grid-column: 1 / -1;
        height: 5px;
        margin-top: 3px;
        border-radius: 3px;
        background: var(--grey-wash);
        overflow: hidden;
      }
      .fill {
        height: 100%;
        border-radius: 3px;
        background: var(--now);
        transition: width 0.3s;
      }
      .then .fill {
        background: var(--then);
      }
    `,
  ];

  override render(): TemplateResult {
    return html`<ul>
      ${this.bars.map(
        (bar) => html`<li class=${bar.quiet ? "then" : ""}>
          <span class="label">${bar.label}</span>
          <span class="n">${count(bar.count)}</span>
          <span class="n quiet">${percent(bar.share)}</span>
          <div class="track"><div class="fill" style="width:${bar.share * 100}%"></div></div>
        </li>`,
      )}
    </ul>`;
  }
}
