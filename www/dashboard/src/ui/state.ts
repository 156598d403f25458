import { LitElement, css, html, svg, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { STATE_WORDS } from "../format.js";
import type { State } from "../types.js";
import { base } from "./styles.js";

const SHAPES: Record<State, TemplateResult> = {
  good: svg`<circle cx="8" cy="8" r="7" fill="currentColor"/><path d="M4.8 8.2l2.2 2.2 4.2-4.6" fill="none" stroke="var(--surface)" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round"/>`,
  warn: svg`<path d="M8 1.2l7 13.1H1z" fill="currentColor" stroke="currentColor" stroke-linejoin="round"/><path d="M8 6v4" stroke="var(--surface)" stroke-width="1.7" stroke-linecap="round"/><circle cx="8" cy="12.2" r="1" fill="var(--surface)"/>`,
  bad: svg`<path d="M5 1h6l4 4v6l-4 4H5l-4-4V5z" fill="currentColor"/><path d="M5.4 5.4l5.2 5.2m0-5.2l-5.2 5.2" stroke="var(--surface)" stroke-width="1.7" stroke-linecap="round"/>`,
  grey: svg`<circle cx="8" cy="8" r="6.2" fill="none" stroke="currentColor" stroke-width="1.4" stroke-dasharray="2.6 2.3"/>`,
};

/** The sign of a state: each has its own shape, so colour is never the only carrier. */
export function sign(state: State): TemplateResult {
  return html`<svg class="sign ${state}" viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">${SHAPES[state]}</svg>`;
}

/** Styles for `sign()` where it is used outside of `<ns-state>`. */
export const signs = css`
  .sign {
    flex: none;
    vertical-align: -2px;
  }
  .good {
    color: var(--good);
  }
  .warn {
    color: var(--warn);
  }
  .bad {
    color: var(--bad);
  }
  .grey {
    color: var(--grey);
  }
`;

/** A state as shape, colour and word. */
@customElement("ns-state")
export class StateMark extends LitElement {
  /** Which state. */
  @property() state: State = "grey";
  /** The word; the state's own when left out. */
  @property() word = "";

  static override styles = [
    base,
    signs,
    css`
      :host {
        display: inline-block;
      }
      @media (min-width: 761px) {
        :host {
          white-space: nowrap;
        }
      }
      .mark {
        font-size: 12.5px;
        line-height: 1.3;
        font-weight: 550;
      }
      .sign {
        margin-right: 5px;
      }
    `,
  ];

  override render(): TemplateResult {
    return html`<span class="mark ${this.state}">${sign(this.state)}${this.word || STATE_WORDS[this.state]}</span>`;
  }
}
