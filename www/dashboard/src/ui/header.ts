import { LitElement, css, html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { PAGES, href, type Route } from "../data/route.js";
import type { Connection } from "../data/source.js";
import { base, controls } from "./styles.js";
import "./theme-toggle.js";

const STATUS: Record<Connection, { word: string; title: string }> = {
  connecting: { word: "Connecting", title: "Opening the collector's event stream" },
  live: { word: "Live", title: "Connected to the collector's event stream" },
  lost: { word: "Reconnecting", title: "The event stream was lost; numbers are read every 15 s until it is back" },
  page: { word: "This page only", title: "No collector: the numbers are this page's own session and nothing leaves it" },
};

/** Product name, pages, model switcher, version, connection and theme. */
@customElement("ns-header")
export class Header extends LitElement {
  /** Where we are. */
  @property({ attribute: false }) route!: Route;
  /** How the source of the numbers stands. */
  @property() connection: Connection = "connecting";
  /** Names to choose from. */
  @property({ attribute: false }) models: string[] = [];
  /** The chosen model. */
  @property() model = "";
  /** Version that answers now. */
  @property() version: string | null = null;

  static override styles = [
    base,
    controls,
    css`
      :host {
        position: sticky;
        top: 0;
        z-index: 10;
        background: color-mix(in srgb, var(--paper) 92%, transparent);
        backdrop-filter: blur(8px);
        border-bottom: 1px solid var(--rule);
      }
      .bar {
        max-width: var(--page);
        margin: 0 auto;
        padding: 0 24px;
        min-height: 56px;
        display: grid;
        grid-template-columns: auto 1fr auto;
        align-items: center;
        gap: 0 28px;
      }
      .name {
        display: inline-flex;
        align-items: center;
        gap: 9px;
        color: inherit;
        text-decoration: none;
        font-size: 17px;
        font-weight: 650;
        letter-spacing: -0.015em;
      }
      nav ul {
        display: flex;
        gap: 4px;
      }
      nav a {
        display: block;
        padding: 17px 10px 15px;
        color: var(--ink-2);
        text-decoration: none;
        font-weight: 550;
        border-bottom: 2px solid transparent;
      }
      nav a:hover {
        color: var(--ink);
      }
      nav a[aria-current] {
        color: var(--ink);
        border-bottom-color: var(--accent);
      }
      .side {
        display: flex;
        align-items: center;
        gap: 16px;
        min-width: 0;
      }
      .model {
        display: flex;
        align-items: baseline;
        gap: 8px;
        min-width: 0;
        white-space: nowrap;
      }
      .model strong {
        font-weight: 600;
        overflow: hidden;
        text-overflow: ellipsis;
      }
      .status {
        display: inline-flex;
        align-items: center;
        gap: 7px;
        white-space: nowrap;
        font-size: 13px;
        color: var(--ink-2);
      }
      .dot {
        width: 8px;
        height: 8px;
        border-radius: 50%;
        border: 1.5px solid var(--grey);
      }
      .live .dot {
        background: var(--good);
        border-color: var(--good);
      }
      .lost .dot {
        background: var(--warn);
        border-color: var(--warn);
      }
      .page .dot {
        background: linear-gradient(90deg, transparent 50%, var(--grey) 50%);
      }
      @media (max-width: 900px) {
        .bar {
          grid-template-columns: 1fr auto;
          padding: 8px 16px 0;
        }
        nav {
          order: 3;
          grid-column: 1 / -1;
          margin: 0 -10px;
        }
        nav a {
          padding: 9px 10px 8px;
        }
        .side {
          gap: 12px;
        }
      }
      @media (max-width: 560px) {
        .version {
          display: none;
        }
        .model strong {
          max-width: 30vw;
        }
        .name span {
          display: none;
        }
      }
    `,
  ];

  override render(): TemplateResult {
    const { route, connection } = this;
    return html`
      <header class="bar">
        <a class="name" href=${href({ ...route, page: "canvas" })} aria-label="Nearside: canvas">
          <svg viewBox="0 0 32 32" width="24" height="24" aria-hidden="true">
            <circle cx="16" cy="16" r="13" fill="none" stroke="var(--accent)" stroke-width="2.4" />
            <path d="M16 3a13 13 0 0 1 0 26z" fill="var(--accent)" />
          </svg>
          <span>Nearside</span>
        </a>
        <nav aria-label="Pages">
          <ul>
            ${PAGES.map(
              ({ page, title }) =>
                html`<li><a href=${href({ ...route, page })} aria-current=${page === route.page ? "page" : nothing}>${title}</a></li>`,
            )}
          </ul>
        </nav>
        <div class="side">
          <div class="model">
            ${this.models.length > 1
              ? html`<select aria-label="Model" @change=${this.choose}>
                  ${this.models.map((name) => html`<option .value=${name} ?selected=${name === this.model}>${name}</option>`)}
                </select>`
              : html`<strong>${this.model}</strong>`}
            ${this.version ? html`<span class="version mono quiet" title="Version that answers now">${this.version}</span>` : nothing}
          </div>
          <span class="status ${connection}" role="status" title=${STATUS[connection].title}><span class="dot"></span>${STATUS[connection].word}</span>
          <ns-theme-toggle></ns-theme-toggle>
        </div>
      </header>
    `;
  }

  private choose(event: Event): void {
    this.dispatchEvent(new CustomEvent("model", { detail: (event.target as HTMLSelectElement).value }));
  }
}
