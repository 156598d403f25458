import { LitElement, css, html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { State, Verdict } from "../types.js";
import { sign, signs } from "../ui/state.js";
import { base } from "../ui/styles.js";

const WORDS: Record<Verdict["state"], string> = {
  good: "Everything measured is within its limits",
  warn: "Worth a look",
  bad: "Act now",
  unknown: "Not enough evidence to judge yet",
};

/** The judgement in words, above all numbers. */
@customElement("ns-verdict")
export class VerdictBanner extends LitElement {
  /** What the monitor says. */
  @property({ attribute: false }) verdict!: Verdict;

  static override styles = [
    base,
    signs,
    css`
      div {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr);
        gap: 4px 12px;
        padding: 16px 20px;
        border-radius: var(--radius);
        border: 1px solid var(--rule);
        border-left: 5px solid var(--tone);
        background: var(--wash);
      }
      .is-good {
        --tone: var(--good);
        --wash: var(--good-wash);
      }
      .is-warn {
        --tone: var(--warn);
        --wash: var(--warn-wash);
      }
      .is-bad {
        --tone: var(--bad);
        --wash: var(--bad-wash);
      }
      .is-grey {
        --tone: var(--grey);
        --wash: var(--grey-wash);
      }
      .sign {
        width: 20px;
        height: 20px;
        margin-top: 3px;
      }
      h2 {
        font-size: 18px;
        line-height: 1.4;
        font-weight: 620;
        letter-spacing: -0.01em;
      }
      ul {
        grid-column: 2;
        color: var(--ink-2);
        display: grid;
        gap: 2px;
        max-width: 100ch;
      }
    `,
  ];

  override render(): TemplateResult {
    const { state, words } = this.verdict;
    const shown: State = state === "unknown" ? "grey" : state;
    return html`<div class="is-${shown}" aria-live="polite">
      ${sign(shown)}
      <h2>${WORDS[state]}</h2>
      ${words.length > 0 ? html`<ul>${words.map((sentence) => html`<li>${sentence}</li>`)}</ul>` : nothing}
    </div>`;
  }
}
