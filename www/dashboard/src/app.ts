import { LitElement, css, html, nothing, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { ApiError, config, rememberToken } from "./data/api.js";
import { current, href, type Page, type Route } from "./data/route.js";
import { Runtime } from "./data/runtime.js";
import { CollectorSource, SessionSource, type Connection, type Source } from "./data/source.js";
import type { ModelSummary } from "./types.js";
import { base, controls } from "./ui/styles.js";
import "./canvas/canvas-page.js";
import "./ui/header.js";
import "./ui/notice.js";

const DEFAULT_MODEL = "loan-approval";

/** Loads a page's elements the first time it is shown; the canvas is always there. */
const PARTS: Record<Page, () => Promise<unknown>> = {
  canvas: () => Promise.resolve(),
  monitoring: () => import("./monitoring/monitoring-page.js"),
  playground: () => import("./playground/playground-page.js"),
};

const TITLES: Record<Page, string> = { canvas: "Canvas", monitoring: "Monitoring", playground: "Playground" };

/** The page: finds out whether there is a collector, follows the address and hands the source to one view. */
@customElement("ns-app")
export class App extends LitElement {
  @state() private route: Route = current(location);
  @state() private source: Source | null = null;
  @state() private runtime: Runtime | null = null;
  @state() private models: ModelSummary[] = [];
  @state() private connection: Connection = "connecting";
  @state() private problem: Error | null = null;
  @state() private ready: Page = "canvas";
  private key: string | null = null;

  static override styles = [
    base,
    controls,
    css`
      main {
        max-width: var(--page);
        margin: 0 auto;
        padding: 24px 24px 56px;
      }
      form {
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
        margin-top: 16px;
        align-items: end;
      }
      label {
        display: grid;
        gap: 4px;
        font-size: 13px;
        color: var(--ink-2);
        flex: 1 1 280px;
        max-width: 520px;
      }
      .skip {
        position: absolute;
        left: -999px;
      }
      .skip:focus {
        left: 16px;
        top: 8px;
        z-index: 20;
        background: var(--surface);
        padding: 6px 10px;
      }
      @media (max-width: 560px) {
        main {
          padding: 16px 12px 40px;
        }
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener("hashchange", this.follow);
    void this.start();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener("hashchange", this.follow);
    this.source?.close();
  }

  override render(): TemplateResult {
    const model = this.model;
    const summary = this.models.find((entry) => entry.name === model);
    return html`
      <a class="skip" href="#main" @click=${this.skip}>Skip to content</a>
      <ns-header
        .route=${this.route}
        .connection=${this.connection}
        .models=${this.models.map((entry) => entry.name)}
        .model=${model}
        .version=${summary?.champion ?? null}
        @model=${this.choose}
      ></ns-header>
      <main id="main" tabindex="-1">${this.problem ? this.renderProblem(this.problem) : this.renderPage(model, summary)}</main>
    `;
  }

  private renderPage(model: string, summary: ModelSummary | undefined): TemplateResult | typeof nothing {
    const { source, runtime } = this;
    if (!source || !runtime || this.ready !== this.route.page) return nothing;
    switch (this.route.page) {
      case "canvas":
        return html`<ns-canvas-page .source=${source} .runtime=${runtime} .model=${model}></ns-canvas-page>`;
      case "monitoring":
        return html`<ns-monitoring-page .source=${source} .runtime=${runtime} .model=${model} .summary=${summary ?? null}></ns-monitoring-page>`;
      case "playground":
        return html`<ns-playground-page .runtime=${runtime} .collected=${this.connection !== "page"}></ns-playground-page>`;
    }
  }

  private renderProblem(problem: Error): TemplateResult {
    if (problem instanceof ApiError && problem.status === 401) {
      return html`<ns-notice state="warn">This collector shows its numbers only to readers with a token.</ns-notice>
        <form @submit=${this.giveToken}>
          <label>Reader token<input name="token" type="password" autocomplete="off" required /></label>
          <button class="primary">Continue</button>
        </form>`;
    }
    return html`<ns-notice state="bad">${problem.message}</ns-notice>
      ${this.connection === "page"
        ? html`<form @submit=${this.giveBundle}>
            <label>Address of a bundle<input name="bundle" required value=${this.bundle} /></label>
            <button class="primary">Open</button>
          </form>`
        : html`<form @submit=${(event: Event) => (event.preventDefault(), void this.start())}><button>Try again</button></form>`}`;
  }

  private get model(): string {
    return this.route.model ?? this.models[0]?.name ?? DEFAULT_MODEL;
  }

  private get bundle(): string {
    return this.route.bundle ?? `./models/${this.model}/`;
  }

  private async start(): Promise<void> {
    this.problem = null;
    const found = await config();
    this.key = found?.write_key ?? null;
    if (found && !this.route.model && found.models[0]) this.route = { ...this.route, model: found.models[0] };
    this.open(found ? new CollectorSource() : null);
    await this.list();
    await this.show();
  }

  /** Starts the runtime of the chosen bundle, and the session's source where there is no collector. */
  private open(collector: CollectorSource | null): void {
    this.source?.close();
    this.runtime = new Runtime(this.bundle, this.key);
    const source: Source = collector ?? new SessionSource(this.runtime);
    this.source = source;
    this.connection = source.connection;
    source.addEventListener("status", () => (this.connection = source.connection));
    source.addEventListener("change", () => void this.list());
    this.runtime.addEventListener("update", () => void this.list());
  }

  private async list(): Promise<void> {
    try {
      this.models = (await this.source?.models()) ?? [];
      this.problem = null;
    } catch (error) {
      const gone = error instanceof ApiError && error.status === 0 && this.models.length > 0;
      if (!gone) this.problem = error instanceof Error ? error : new Error(String(error));
    }
  }

  private async show(): Promise<void> {
    const { page } = this.route;
    await PARTS[page]();
    this.ready = page;
    document.title = `${TITLES[page]} · ${this.model} · Nearside`;
  }

  private readonly follow = (): void => {
    const before = this.bundle;
    const next = current(location);
    this.route = { ...next, model: next.model ?? this.route.model };
    if (this.bundle !== before && this.source) {
      const kept = this.source instanceof CollectorSource ? this.source : null;
      if (kept) this.runtime = new Runtime(this.bundle, this.key);
      else this.open(null), void this.list();
    }
    void this.show();
  };

  private choose(event: CustomEvent<string>): void {
    location.hash = href({ ...this.route, model: event.detail });
  }

  private giveToken(event: SubmitEvent): void {
    event.preventDefault();
    rememberToken(String(new FormData(event.target as HTMLFormElement).get("token")));
    void this.start();
  }

  private giveBundle(event: SubmitEvent): void {
    event.preventDefault();
    location.hash = href({ ...this.route, bundle: String(new FormData(event.target as HTMLFormElement).get("bundle")) });
  }

  private skip(event: Event): void {
    event.preventDefault();
    this.renderRoot.querySelector("main")?.focus();
  }
}
