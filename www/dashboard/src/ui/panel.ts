import { LitElement, css, html, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { base } from "./styles.js";

/** A titled section of a page. */
@customElement("ns-panel")
export class Panel extends LitElement {
  /** The title. */
  @property() heading = "";
  /** One sentence on what the section shows. */
  @property() lead = "";

  static override styles = [
    base,
    css`
      :host {
        background: var(--surface);
        border: 1px solid var(--rule);
        border-radius: var(--radius);
        padding: 18px 20px 20px;
        min-width: 0;
      }
      header {
        margin-bottom: 14px;
      }
      h2 {
        font-size: 16px;
        line-height: 1.35;
        font-weight: 620;
        letter-spacing: -0.005em;
      }
      p {
        color: var(--ink-3);
        font-size: 13px;
        max-width: 104ch;
        text-wrap: pretty;
      }
      @media (max-width: 560px) {
        :host {
          padding: 16px 14px 18px;
        }
      }
    `,
  ];

  override render(): TemplateResult {
    return html`
      <section aria-label=${this.heading}>
        <header>
          <h2>${this.heading}</h2>
          ${this.lead ? html`<p>${this.lead}</p>` : ""}
        </header>
        <slot></slot>
      </section>
    `;
  }
}
