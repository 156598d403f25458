import { LitElement, css, html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { count, plural, rule } from "../format.js";
import type { Boundary } from "../types.js";
import { base } from "../ui/styles.js";
import "../ui/bars.js";
import "../ui/notice.js";
import "../ui/panel.js";

/** How often records leave what the model knows, and by which rule. */
@customElement("ns-boundary-panel")
export class BoundaryPanel extends LitElement {
  /** What the guard counted. */
  @property({ attribute: false }) boundary!: Boundary;
  /** Records that could not be answered at all. */
  @property({ type: Number }) refused = 0;

  static override styles = [
    base,
    css`
      ns-panel {
        height: 100%;
      }
      .sum {
        margin-bottom: 8px;
      }
    `,
  ];

  override render(): TemplateResult {
    const { boundary, refused } = this;
    const rules = boundary.rules.filter((entry) => entry.count > 0).sort((one, other) => other.count - one.count);
    return html`<ns-panel heading="Boundaries" lead="A record outside what the model was trained on is still answered, and told so.">
      ${boundary.inside + boundary.outside + refused === 0
        ? html`<ns-notice>No record has been checked yet.</ns-notice>`
        : html`<p class="sum">
            <b>${count(boundary.outside)}</b> outside, ${count(boundary.inside)} inside${refused > 0 ? html`; ${plural(refused, "record")} refused without an answer` : nothing}.
          </p>`}
      ${rules.length > 0 ? html`<ns-bars .bars=${rules.map((entry) => ({ label: rule(entry.feature, entry.rule), count: entry.count, share: entry.share }))}></ns-bars>` : nothing}
    </ns-panel>`;
  }
}
