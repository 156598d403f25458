import { LitElement, css, html, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { ApiError, config, rememberToken } from "./data/api.js";
import { current, href, type Page, type Route } from "./data/route.js";
import { Runtime } from "./data/runtime.js";
import { CollectorSource, SessionSource, type Connection, type Source } from "./data/source.js";
import { View } from "./data/view.js";
import type { ModelSummary } from "./types.js";
import { base, controls } from "./ui/styles.js";
import "./canvas/canvas-page.js";
import "./ui/header.js";
import "./ui/loading.js";
import "./ui/notice.js";

const DEFAULT_MODEL = "loan-approval";

/** The list of models changes seldom: it is read again this long after the last time, however fast windows arrive. */
const LIST_MS = 2000;

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
  @state() private connection: Connection = "connecting";
  /** The page whose elements are there. */
  @state() private ready: Page = "canvas";
  /** Why the elements of the page that was asked for are not there. */
  @state() private missing: Error | null = null;
  private key: string | null = null;

  private readonly list = new View<ModelSummary[]>(this, () => this.source?.models() ?? Promise.resolve([]), LIST_MS);

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
    this.runtime?.dispose();
  }

  protected override updated(): void {
    document.title = `${TITLES[this.route.page]} · ${this.model} · Nearside`;
  }

  override render(): TemplateResult {
    const { model, models } = this;
    const summary = models.find((entry) => entry.name === model);
    return html`
      <a class="skip" href="#main" @click=${this.skip}>Skip to content</a>
      <ns-header
        .route=${this.route}
        .connection=${this.connection}
        .models=${models.map((entry) => entry.name)}
        .model=${model}
        .version=${summary?.champion ?? null}
        @model=${this.choose}
      ></ns-header>
      <main id="main" tabindex="-1">${this.renderMain(model, summary)}</main>
    `;
  }

  private renderMain(model: string, summary: ModelSummary | undefined): TemplateResult {
    const { source, runtime, problem } = this;
    if (problem) return this.renderProblem(problem);
    if (this.missing) {
      return html`<ns-notice state="bad">This page of the dashboard could not be loaded. ${this.missing.message}</ns-notice>
        <form @submit=${this.reload}><button>Try again</button></form>`;
    }
    if (!source || !runtime || !this.list.value || this.ready !== this.route.page) return html`<ns-loading></ns-loading>`;
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
        : html`<form @submit=${this.retry}><button>Try again</button></form>`}`;
  }

  /** Why there are no models to show; while the collector cannot be reached, what was read before stays. */
  private get problem(): Error | null {
    const { error } = this.list;
    const gone = error instanceof ApiError && error.status === 0 && this.models.length > 0;
    return gone ? null : error;
  }

  private get models(): ModelSummary[] {
    return this.list.value ?? [];
  }

  private get model(): string {
    return this.route.model ?? this.models[0]?.name ?? DEFAULT_MODEL;
  }

  private get bundle(): string {
    return this.route.bundle ?? `./models/${this.model}/`;
  }

  private async start(): Promise<void> {
    const found = await config();
    this.key = found?.write_key ?? null;
    if (found && !this.route.model && found.models[0]) this.route = { ...this.route, model: found.models[0] };
    this.open(found ? new CollectorSource() : null);
    await this.show();
  }

  /** Starts the runtime of the chosen bundle, which is also the source of the numbers where there is no collector. */
  private open(collector: CollectorSource | null): void {
    const before = this.runtime;
    const runtime = new Runtime(this.bundle, this.key, before?.answered);
    runtime.addEventListener("update", this.list.changed);
    before?.dispose();
    this.runtime = runtime;
    const source: Source = collector ?? new SessionSource(runtime);
    if (source !== this.source) {
      this.source?.close();
      this.source = source;
      this.connection = source.connection;
      source.addEventListener("status", () => (this.connection = source.connection));
    }
    this.list.follow(source, "");
  }

  /** Shows the page of the address once its elements are there, unless the user has moved on meanwhile. */
  private async show(): Promise<void> {
    const { page } = this.route;
    this.missing = null;
    try {
      await PARTS[page]();
      if (this.route.page === page) this.ready = page;
    } catch (error) {
      if (this.route.page === page) this.missing = error instanceof Error ? error : new Error(String(error));
    }
  }

  private readonly follow = (): void => {
    const before = this.bundle;
    const next = current(location);
    this.route = { ...next, model: next.model ?? this.route.model };
    if (this.bundle !== before && this.source) this.open(this.source instanceof CollectorSource ? this.source : null);
    void this.show();
  };

  private choose(event: CustomEvent<string>): void {
    location.hash = href({ ...this.route, model: event.detail });
  }

  private giveToken(event: SubmitEvent): void {
    event.preventDefault();
    rememberToken(field(event, "token"));
    void this.start();
  }

  private giveBundle(event: SubmitEvent): void {
    event.preventDefault();
    const hash = href({ ...this.route, bundle: field(event, "bundle") });
    if (hash === location.hash) void this.start();
    else location.hash = hash;
  }

  private retry(event: SubmitEvent): void {
    event.preventDefault();
    void this.start();
  }

  private reload(event: SubmitEvent): void {
    event.preventDefault();
    location.reload();
  }

  private skip(event: Event): void {
    event.preventDefault();
    this.renderRoot.querySelector("main")?.focus();
  }
}

function field(event: SubmitEvent, name: string): string {
  return String(new FormData(event.target as HTMLFormElement).get(name));
}
