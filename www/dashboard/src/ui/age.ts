import { LitElement, css, html, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { now } from "../data/clock.js";
import { age, moment } from "../format.js";

const SECOND = 1000;
const shown = new Set<Age>();
let timer: ReturnType<typeof setInterval> | undefined;

function tick(): void {
  for (const element of shown) element.requestUpdate();
}

/** A moment of the collector's clock as its age, kept current by one timer for the whole page; the exact time is in the title. */
@customElement("ns-age")
export class Age extends LitElement {
  /** Milliseconds since the epoch. */
  @property({ type: Number }) at = 0;

  static override styles = css`
    time {
      white-space: nowrap;
    }
  `;

  override connectedCallback(): void {
    super.connectedCallback();
    shown.add(this);
    timer ??= setInterval(tick, SECOND);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    shown.delete(this);
    if (shown.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  }

  override render(): TemplateResult {
    return html`<time datetime=${new Date(this.at).toISOString()} title=${moment(this.at)}>${age(this.at, now())}</time>`;
  }
}
