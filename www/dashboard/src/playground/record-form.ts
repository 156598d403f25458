import { LitElement, css, html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { number, words } from "../format.js";
import type { Feature, Fields, Manifest, Value } from "../types.js";
import { base, controls } from "../ui/styles.js";

/** What the form asks the model about. */
export interface Asked {
  record: Fields;
  groups: Record<string, string>;
}

/** Above this many values a category becomes a list instead of buttons. */
const BUTTONS = 3;

const STAND_INS: Record<string, string> = { median: "the median", mean: "the mean", mode: "the most frequent value", zero: "zero" };

/** A form made from the schema of a bundle. Fires `ask` with an `Asked`. */
@customElement("ns-record-form")
export class RecordForm extends LitElement {
  /** The schema. */
  @property({ attribute: false }) manifest!: Manifest;
  /** What the fields show; set it to fill the form. */
  @property({ attribute: false }) record: Fields = {};
  /** Declared groups. */
  @property({ attribute: false }) groups: Record<string, string> = {};
  @state() private left: ReadonlySet<string> = new Set();

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
      input[type="number"] {
        appearance: textfield;
      }
      input[type="number"]::-webkit-inner-spin-button {
        display: none;
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
      .buttons {
        grid-column: 1 / -1;
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
      <div class="buttons"><slot></slot></div>
    </form>`;
  }

  /** Asks about what the fields hold now. */
  ask(): void {
    const record = Object.fromEntries(Object.entries(this.record).filter(([name]) => !this.left.has(name)));
    const groups = Object.fromEntries(Object.entries(this.groups).filter(([, value]) => value !== ""));
    this.dispatchEvent(new CustomEvent<Asked>("ask", { detail: { record, groups } }));
  }

  private renderFeature(feature: Feature): TemplateResult {
    const { name } = feature;
    const left = this.left.has(name);
    const many = feature.kind === "boolean" || (feature.kind === "category" && (feature.values?.length ?? 0) <= BUTTONS);
    return html`<div class="field">
      <div class="head">
        <label class="name" id="${name}-name" for=${many ? nothing : name}>${words(name)}</label>
        <label class="leave"><input type="checkbox" .checked=${left} @change=${() => this.toggle(name)} aria-label="Leave out ${name}" />leave out</label>
      </div>
      ${this.renderInput(feature, left)}
      <span class="hint" id="${name}-hint" title=${feature.note ?? nothing}>${hint(feature, left)}</span>
    </div>`;
  }

  private renderInput(feature: Feature, left: boolean): TemplateResult {
    const { name, kind } = feature;
    const value = this.record[name] ?? null;
    if (kind === "boolean") {
      return this.renderChoices(name, [[true, "yes"], [false, "no"]], value, left);
    }
    if (kind === "category") {
      const values = feature.values ?? [];
      if (values.length <= BUTTONS) return this.renderChoices(name, values.map((entry) => [entry, entry]), value, left);
      return html`<select id=${name} ?disabled=${left} aria-describedby="${name}-hint" @change=${(event: Event) => this.set(name, (event.target as HTMLSelectElement).value)}>
        ${values.map((entry) => html`<option value=${entry} .selected=${entry === value}>${words(entry)}</option>`)}
      </select>`;
    }
    return html`<div class="input">
      <input
        id=${name}
        type="number"
        step=${kind === "integer" ? 1 : "any"}
        inputmode=${kind === "integer" ? "numeric" : "decimal"}
        ?disabled=${left}
        aria-describedby="${name}-hint"
        .value=${value === null ? "" : String(value)}
        @input=${(event: Event) => this.setNumber(name, event.target as HTMLInputElement)}
      />
      ${feature.unit ? html`<span class="unit">${feature.unit}</span>` : nothing}
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

  private setNumber(name: string, input: HTMLInputElement): void {
    this.set(name, input.value === "" ? null : input.valueAsNumber);
  }

  private toggle(name: string): void {
    const left = new Set(this.left);
    if (!left.delete(name)) left.add(name);
    this.left = left;
  }

  private submit(event: Event): void {
    event.preventDefault();
    this.ask();
  }
}

function hint(feature: Feature, left: boolean): string {
  if (left) return feature.missing === "error" ? "Left out, but the model needs it" : `Left out: the model takes ${STAND_INS[feature.missing] ?? feature.missing}`;
  if (feature.range) return `${number(feature.range[0], 7)} to ${number(feature.range[1], 7)}${feature.unit ? ` ${feature.unit}` : ""}`;
  return feature.note ?? (feature.missing === "error" ? "Needed" : `If missing: ${STAND_INS[feature.missing] ?? feature.missing}`);
}
