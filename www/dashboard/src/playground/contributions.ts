import { LitElement, css, html, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { fixed, number, words } from "../format.js";
import type { Explanation } from "../types.js";
import { base } from "../ui/styles.js";
import { sign, signs } from "../ui/state.js";

/** The sum may differ from the margin by rounding in 32 bits, not by more. */
const TOLERANCE = 1e-4;

/** What moved the answer, feature by feature, with the check that the parts make the whole. */
@customElement("ns-contributions")
export class Contributions extends LitElement {
  /** The explanation. */
  @property({ attribute: false }) explanation!: Explanation;

  static override styles = [
    base,
    signs,
    css`
      .text {
        color: var(--ink-2);
        margin-bottom: 10px;
        max-width: 70ch;
      }
      li {
        display: grid;
        grid-template-columns: minmax(96px, 1.1fr) minmax(90px, 2fr) 62px;
        gap: 0 12px;
        align-items: center;
        padding: 5px 0;
      }
      .name {
        min-width: 0;
        overflow-wrap: anywhere;
        line-height: 1.3;
      }
      .bar {
        position: relative;
        height: 14px;
      }
      .bar::before {
        content: "";
        position: absolute;
        left: 50%;
        inset-block: -5px;
        border-left: 1px solid var(--rule-strong);
      }
      .fill {
        position: absolute;
        top: 2px;
        height: 10px;
        border-radius: 2px;
      }
      .for {
        left: 50%;
        background: var(--now);
      }
      .against {
        right: 50%;
        background: var(--against);
      }
      .n {
        text-align: right;
        font-weight: 600;
      }
      .check {
        display: flex;
        gap: 7px;
        margin-top: 8px;
        padding-top: 10px;
        border-top: 1px solid var(--rule);
        color: var(--ink-2);
      }
      .check .sign {
        margin-top: 2px;
      }
      .check b {
        color: var(--ink);
      }
    `,
  ];

  override render(): TemplateResult {
    const { explanation } = this;
    const parts = [...explanation.contributions].sort((one, other) => Math.abs(other.contribution) - Math.abs(one.contribution));
    const widest = Math.max(1e-9, ...parts.map((part) => Math.abs(part.contribution)));
    const holds = Math.abs(explanation.sum_check) <= TOLERANCE;
    return html`
      <p class="text">${explanation.text}</p>
      <ul aria-label="Contributions in ${explanation.unit}">
        ${parts.map(
          (part) => html`<li>
            <span class="name">${words(part.feature)} <span class="quiet">${shown(part.value)}</span></span>
            <span class="bar" aria-hidden="true">
              <span class="fill ${part.contribution >= 0 ? "for" : "against"}" style="width:${(Math.abs(part.contribution) / widest) * 50}%"></span>
            </span>
            <span class="n">${signed(part.contribution)}</span>
          </li>`,
        )}
      </ul>
      <p class="check small">
        ${sign(holds ? "good" : "bad")}
        <span>
          Base ${signed(explanation.base)} and contributions make <b>${signed(explanation.margin)}</b> ${explanation.unit};
          ${holds ? "they sum to the model's own output" : "they do not sum to the model's own output"} (difference ${explanation.sum_check.toExponential(1)}). Method: ${explanation.method}.
        </span>
      </p>
    `;
  }
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return "missing";
  return typeof value === "number" ? number(value, 6) : String(value);
}

function signed(value: number): string {
  const text = fixed(Math.abs(value), 3);
  if (Number(text) === 0) return text;
  return `${value < 0 ? "−" : "+"}${text}`;
}
