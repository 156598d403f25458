import { LitElement, css, html, svg, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { base, controls } from "./styles.js";

const KEY = "nearside.theme";
const THEMES = ["system", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];

const WORDS: Record<Theme, string> = { system: "Auto", light: "Light", dark: "Dark" };
const ICONS: Record<Theme, TemplateResult> = {
  system: svg`<circle cx="8" cy="8" r="6.2" fill="none" stroke="currentColor" stroke-width="1.5"/><path d="M8 2a6 6 0 0 1 0 12z" fill="currentColor"/>`,
  light: svg`<circle cx="8" cy="8" r="3.2" fill="currentColor"/><path d="M8 .8v2M8 13.2v2M.8 8h2M13.2 8h2M2.9 2.9l1.4 1.4M11.7 11.7l1.4 1.4M13.1 2.9l-1.4 1.4M4.3 11.7l-1.4 1.4" stroke="currentColor" stroke-width="1.5" stroke-linecap="round"/>`,
  dark: svg`<path d="M13.8 10A6.3 6.3 0 0 1 6 2.2 6.3 6.3 0 1 0 13.8 10z" fill="currentColor"/>`,
};

/** Tells charts and others that resolved colours changed. */
export const THEME_EVENT = "nearside-theme";

/** Steps through system, light and dark, and remembers the choice. */
@customElement("ns-theme-toggle")
export class ThemeToggle extends LitElement {
  @state() private theme: Theme = remembered();

  static override styles = [
    base,
    controls,
    css`
      button {
        display: inline-flex;
        align-items: center;
        gap: 7px;
        border-color: var(--rule);
      }
      @media (max-width: 720px) {
        .word {
          display: none;
        }
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", announce);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    matchMedia("(prefers-color-scheme: dark)").removeEventListener("change", announce);
  }

  override render(): TemplateResult {
    const next = THEMES[(THEMES.indexOf(this.theme) + 1) % THEMES.length] ?? "system";
    return html`<button @click=${() => this.choose(next)} aria-label="Theme: ${WORDS[this.theme]}. Change to ${WORDS[next]}.">
      <svg viewBox="0 0 16 16" width="15" height="15" aria-hidden="true">${ICONS[this.theme]}</svg>
      <span class="word">${WORDS[this.theme]}</span>
    </button>`;
  }

  private choose(theme: Theme): void {
    this.theme = theme;
    if (theme === "system") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = theme;
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // Blocked storage: the choice lasts as long as the page.
    }
    announce();
  }
}

function remembered(): Theme {
  const set = document.documentElement.dataset["theme"];
  return set === "light" || set === "dark" ? set : "system";
}

function announce(): void {
  window.dispatchEvent(new Event(THEME_EVENT));
}
