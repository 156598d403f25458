import { LitElement, css, html, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { State } from "../types.js";
import { sign, signs } from "./state.js";
import { base } from "./styles.js";

/** A sentence that stands where content would be: nothing yet, loading, or what went wrong. */
@customElement("ns-notice")
export class Notice extends LitElement {
  /** Which sign to show. */
  @property() state: State = "grey";

  static override styles = [
    base,
    signs,
    css`
      div {
        display: flex;
        gap: 9px;
        padding: 10px 12px;
        border-radius: 7px;
        background: var(--grey-wash);
        color: var(--ink-2);
      }
      div.bad {
        background: var(--bad-wash);
        color: var(--ink);
      }
      div.warn {
        background: var(--warn-wash);
        color: var(--ink);
      }
      .sign {
        margin-top: 3px;
      }
    `,
  ];

  override render(): TemplateResult {
    const { state } = this;
    return html`<div class=${state === "grey" || state === "good" ? "" : state} role=${state === "bad" ? "alert" : "note"}>
      ${sign(state)}<span><slot></slot></span>
    </div>`;
  }
}
