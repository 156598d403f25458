import { LitElement, css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { number, words } from "../format.js";
import type { Feature, Fields, Manifest, Value } from "../types.js";
import { base, controls } from "../ui/styles.js";
import { example } from "./records.js";

/** What the form asks the model about. */
export interface Asked {
  record: Fields;
  groups: Record<string, string>;
}

/** Above this many values a category becomes a list instead of buttons. */
const BUTTONS = 3;

const STAND_INS: Record<string, string> = { median: "the median", mean: "the mean", mode: "the most frequent value", zero: "zero", model: "it as it is" };

/** A form made from the schema of a bundle; what is slotted stands beside its button. Fires `ask` with an `Asked`. */
@customElement("ns-record-form")
export class RecordForm extends LitElement {
  /** The schema. */
  @property({ attribute: false }) manifest!: Manifest;
  /** Nothing can be asked while the model is at work. */
  @property({ type: Boolean }) busy = false;
  /** What the fields hold. It is the form's own: a parent that renders again must not undo what was typed. */
  @state() private record: Fields = {};
  /** Declared groups. */
  @state() private groups: Record<string, string> = {};
  /** Features that are left out. */
  @state() private left: ReadonlySet<string> = new Set();
  /** Features whose field holds what is not a number. */
  @state() private unread: ReadonlySet<string> = new Set();

  static override styles = [
    base,
    controls,
    css`
      form {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(min(100%, 230px), 1fr));
        gap: 16px 22px;
        align-items: start;
      }
      .field {
        display: grid;
        gap: 4px;
        min-width: 0;
      }
      .head {
        display: flex;
        justify-content: space-between;
        align-items: baseline;
        gap: 8px;
      }
      .name {
        font-weight: 600;
      }
      .leave {
        display: inline-flex;
        align-items: center;
        gap: 5px;
        font-size: 12.5px;
        color: var(--ink-3);
        cursor: pointer;
        white-space: nowrap;
      }
      .input {
        position: relative;
      }
      .input input,
      select {
        width: 100%;
      }
      .unit {
        position: absolute;
        right: 11px;
        top: 7px;
        color: var(--ink-3);
        pointer-events: none;
        font-size: 13px;
      }
      input:disabled,
      select:disabled,
      .choices.off {
        background: var(--grey-wash);
        color: var(--ink-3);
        border-color: var(--rule);
      }
      .hint {
        font-size: 12.5px;
        line-height: 1.4;
        color: var(--ink-3);
      }
      .choices {
        display: flex;
        border: 1px solid var(--rule-strong);
        border-radius: 7px;
        background: var(--surface);
        height: 34px;
        overflow: hidden;
      }
      .choices label {
        position: relative;
        flex: 1 1 auto;
        text-align: center;
        padding: 5px 10px;
        cursor: pointer;
        white-space: nowrap;
      }
      .choices label + label {
        border-left: 1px solid var(--rule);
      }
      .choices:not(.off) label:has(:checked) {
        background: var(--accent-wash);
        font-weight: 600;
      }
      .choices label:has(:focus-visible) {
        outline: 2px solid var(--accent);
        outline-offset: -2px;
      }
      .choices input {
        position: absolute;
        inset: 0;
        opacity: 0;
      }
      .groups {
        grid-column: 1 / -1;
        border-top: 1px solid var(--rule);
        padding-top: 14px;
      }
      .groups .fields {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(min(100%, 230px), 1fr));
        gap: 16px 22px;
        clear: both;
        padding-top: 8px;
      }
      legend {
        padding: 0;
        float: left;
        width: 100%;
        font-size: 13px;
        color: var(--ink-2);
      }
      .wrong {
        color: var(--bad);
      }
      input[aria-invalid="true"] {
        border-color: var(--bad);
      }
      .buttons {
        grid-column: 1 / -1;
        display: flex;
        flex-wrap: wrap;
        gap: 10px;
        align-items: center;
      }
    `,
  ];

  override render(): TemplateResult {
    return html`<form novalidate @submit=${this.submit}>
      ${this.manifest.features.map((feature) => this.renderFeature(feature))}
      ${this.manifest.groups.length > 0
        ? html`<fieldset class="groups">
            <legend>Groups, declared for fairness only; the model never sees them</legend>
            <div class="fields">${this.manifest.groups.map((group) => this.renderGroup(group.name, group.values))}</div>
          </fieldset>`
        : nothing}
      <div class="buttons">
        <button class="primary" ?disabled=${this.busy}>Predict</button>
        <slot></slot>
      </div>
    </form>`;
  }

  /** Another version of a model may ask for other features; what it has in common with the one before is kept. */
  protected override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has("manifest")) return;
    const known = Object.entries(this.record).filter(([name]) => this.manifest.features.some((feature) => feature.name === name));
    this.record = { ...example(this.manifest), ...Object.fromEntries(known) };
  }

  /** Fills the number fields where they say something else; what is being typed ("1e", "1.50") stays as it is. */
  protected override updated(): void {
    for (const input of this.numbers()) {
      const value = this.record[input.id] ?? null;
      const shown = read(input.value);
      if (shown !== undefined && shown !== value) input.value = value === null ? "" : String(value);
    }
  }

  private submit(event: SubmitEvent): void {
    event.preventDefault();
    const unread = this.numbers().filter((input) => !input.disabled && read(input.value) === undefined);
    this.unread = new Set(unread.map((input) => input.id));
    if (unread.length > 0) unread[0]?.focus();
    else this.ask();
  }

  private ask(): void {
    const record = Object.fromEntries(Object.entries(this.record).filter(([name]) => !this.left.has(name)));
    const groups = Object.fromEntries(Object.entries(this.groups).filter(([, value]) => value !== ""));
    this.dispatchEvent(new CustomEvent<Asked>("ask", { detail: { record, groups } }));
  }

  private renderFeature(feature: Feature): TemplateResult {
    const { name } = feature;
    const left = this.left.has(name);
    const wrong = !left && this.unread.has(name);
    const many = feature.kind === "boolean" || (feature.kind === "category" && feature.values.length <= BUTTONS);
    return html`<div class="field">
      <div class="head">
        <label class="name" id="${name}-name" for=${many ? nothing : name}>${words(name)}</label>
        <label class="leave"><input type="checkbox" .checked=${left} @change=${() => this.toggle(name)} aria-label="Leave out ${name}" />leave out</label>
      </div>
      ${this.renderInput(feature, left, wrong)}
      <span class="hint ${wrong ? "wrong" : ""}" id="${name}-hint" title=${feature.note ?? nothing}>
        ${wrong ? "Not a number: write digits, and a point before decimals, like 1234.5" : hint(feature, left, this.record[name] ?? null)}
      </span>
    </div>`;
  }

  private renderInput(feature: Feature, left: boolean, wrong: boolean): TemplateResult {
    const { name, kind } = feature;
    const value = this.record[name] ?? null;
    if (kind === "boolean") {
      return this.renderChoices(name, [[true, "yes"], [false, "no"]], value, left);
    }
    if (kind === "category") {
      const { values } = feature;
      if (values.length <= BUTTONS) return this.renderChoices(name, values.map((entry) => [entry, entry]), value, left);
      return html`<select id=${name} ?disabled=${left} aria-describedby="${name}-hint" @change=${(event: Event) => this.set(name, (event.target as HTMLSelectElement).value)}>
        ${values.map((entry) => html`<option value=${entry} .selected=${entry === value}>${words(entry)}</option>`)}
      </select>`;
    }
    if (kind === "text" || kind === "timestamp") {
      const text = typeof value === "string" ? value : "";
      return html`<div class="input">
        <input id=${name} autocomplete="off" .value=${text} ?disabled=${left} aria-describedby="${name}-hint" @change=${(event: Event) => this.set(name, (event.target as HTMLInputElement).value)} />
      </div>`;
    }
    return html`<div class="input">
      <input
        id=${name}
        data-number
        autocomplete="off"
        spellcheck="false"
        inputmode=${kind === "integer" ? "numeric" : "decimal"}
        ?disabled=${left}
        aria-describedby="${name}-hint"
        aria-invalid=${wrong ? "true" : nothing}
        @input=${this.typed}
        @change=${this.typed}
      />
      ${unit(feature) ? html`<span class="unit">${unit(feature)}</span>` : nothing}
    </div>`;
  }

  private renderChoices(name: string, values: [Value, string][], value: Value, left: boolean): TemplateResult {
    return html`<div class="choices ${left ? "off" : ""}" role="radiogroup" aria-labelledby="${name}-name" aria-describedby="${name}-hint">
      ${values.map(
        ([entry, title]) => html`<label>
          <input type="radio" name=${name} ?disabled=${left} .checked=${entry === value} @change=${() => this.set(name, entry)} />${words(title)}
        </label>`,
      )}
    </div>`;
  }

  private renderGroup(name: string, values: string[]): TemplateResult {
    const value = this.groups[name] ?? "";
    return html`<div class="field">
      <label class="name" for="group-${name}">${words(name)}</label>
      <select id="group-${name}" @change=${(event: Event) => (this.groups = { ...this.groups, [name]: (event.target as HTMLSelectElement).value })}>
        <option value="" .selected=${value === ""}>Not declared</option>
        ${values.map((entry) => html`<option value=${entry} .selected=${entry === value}>${words(entry)}</option>`)}
      </select>
    </div>`;
  }

  private set(name: string, value: Value): void {
    this.record = { ...this.record, [name]: value };
  }

  /** An empty field is a missing value; one that holds no number changes nothing, and is told once it is left. */
  private typed(event: Event): void {
    const { id, value } = event.target as HTMLInputElement;
    const found = read(value);
    const unread = new Set(this.unread);
    if (found !== undefined) {
      unread.delete(id);
      this.set(id, found);
    } else if (event.type === "change") {
      unread.add(id);
    }
    this.unread = unread;
  }

  private numbers(): HTMLInputElement[] {
    return [...this.renderRoot.querySelectorAll<HTMLInputElement>("[data-number]")];
  }

  private toggle(name: string): void {
    const left = new Set(this.left);
    if (!left.delete(name)) left.add(name);
    this.left = left;
  }
}

/**
 * The number in a field; null for an empty one, undefined for what is not a number. A browser's own number field would
 * drop what it does not like while it is typed: "1,5" becomes 15.
 */
function read(text: string): number | null | undefined {
  const plain = text.trim().replace("\u2212", "-");
  if (plain === "") return null;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain)) return undefined;
  const value = Number(plain);
  return Number.isFinite(value) ? value : undefined;
}

/** The unit as it stands beside a number; a count needs none. */
function unit(feature: Feature): string {
  return feature.unit === null || feature.unit === "count" ? "" : feature.unit;
}

function hint(feature: Feature, left: boolean, value: Value): string {
  if (left || value === null) {
    const out = left ? "Left out" : "Missing";
    return feature.missing === "error" ? `${out}, but the model needs it` : `${out}: the model takes ${STAND_INS[feature.missing] ?? feature.missing}`;
  }
  if (feature.range) return `${number(feature.range[0], 7)} to ${number(feature.range[1], 7)} ${unit(feature)}`.trim();
  return feature.note ?? (feature.missing === "error" ? "Needed" : `If missing: ${STAND_INS[feature.missing] ?? feature.missing}`);
}
