import { LitElement, css, html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { bins } from "../charts/options.js";
import { count, fixed, number, percent } from "../format.js";
import type { Drift, State } from "../types.js";
import { base, controls, tables } from "../ui/styles.js";
import "../charts/chart.js";
import "../ui/notice.js";
import "../ui/panel.js";
import "../ui/state.js";

const STATES: Record<Drift["state"], { state: State; word: string }> = {
  ok: { state: "good", word: "Stable" },
  warn: { state: "warn", word: "Moving" },
  alarm: { state: "bad", word: "Drifted" },
  not_enough_evidence: { state: "grey", word: "Not enough evidence" },
};

/** Each feature now against the reference; a row opens into its bins. */
@customElement("ns-drift-panel")
export class DriftPanel extends LitElement {
  /** The features. */
  @property({ attribute: false }) drift: Drift[] = [];
  @state() private open: string | null = null;

  static override styles = [
    base,
    controls,
    tables,
    css`
      td,
      th {
        padding-block: 5px;
      }
      button {
        border: 0;
        background: none;
        height: 28px;
        padding: 0 6px 0 0;
        display: inline-flex;
        align-items: center;
        gap: 7px;
        font-weight: 550;
      }
      button:hover:not(:disabled) {
        background: none;
        color: var(--accent);
      }
      .chevron {
        transition: rotate 0.15s;
        color: var(--ink-3);
      }
      [aria-expanded="true"] .chevron {
        rotate: 90deg;
      }
      .psi {
        display: inline-flex;
        align-items: center;
        gap: 10px;
      }
      .psi b {
        align-self: baseline;
        font-weight: inherit;
      }
      @media (max-width: 760px) {
        tr > :nth-child(3) {
          padding-right: 0;
        }
      }
      .track {
        position: relative;
        width: 84px;
        height: 6px;
        border-radius: 3px;
        background: var(--grey-wash);
      }
      .fill {
        position: absolute;
        inset: 0 auto 0 0;
        border-radius: 3px;
        background: var(--tone);
      }
      .track.good {
        --tone: var(--good);
      }
      .track.warn {
        --tone: var(--warn);
      }
      .track.bad {
        --tone: var(--bad);
      }
      .track.grey {
        --tone: var(--then);
      }
      .limit {
        position: absolute;
        top: -4px;
        bottom: -4px;
        border-left: 2px dashed var(--ink-2);
      }
      .detail td {
        padding: 4px 0 14px;
      }
      ns-chart {
        max-width: 860px;
      }
    `,
  ];

  override render(): TemplateResult {
    const { drift } = this;
    return html`<ns-panel
      heading="Drift by feature"
      lead="Population stability index (PSI) against the reference. The threshold grows when there are few records, so that chance is not called drift."
    >
      ${drift.length === 0
        ? html`<ns-notice>The bundle holds no reference to compare with.</ns-notice>`
        : html`<div class="scroll" tabindex="0" role="group" aria-label="Drift table">
            <table>
              <thead>
                <tr>
                  <th scope="col">Feature</th>
                  <th scope="col">State</th>
                  <th scope="col" class="n">PSI</th>
                  <th scope="col" class="n wide">Threshold</th>
                  <th scope="col" class="n wide">Mean now</th>
                  <th scope="col" class="n wide">Reference mean</th>
                  <th scope="col" class="n wide">Missing now</th>
                  <th scope="col" class="n wide">Reference missing</th>
                  <th scope="col" class="n wide">Records</th>
                </tr>
              </thead>
              <tbody>
                ${drift.map((feature) => this.renderFeature(feature))}
              </tbody>
            </table>
          </div>`}
    </ns-panel>`;
  }

  private renderFeature(feature: Drift): TemplateResult {
    const { state, word } = STATES[feature.state];
    const open = this.open === feature.feature;
    const full = 2 * (feature.threshold ?? 0.25);
    return html`
      <tr>
        <th scope="row">
          <button aria-expanded=${open} @click=${() => (this.open = open ? null : feature.feature)}>
            <svg class="chevron" viewBox="0 0 10 10" width="9" height="9" aria-hidden="true"><path d="M3 1l4 4-4 4" fill="none" stroke="currentColor" stroke-width="1.6" /></svg>
            ${feature.feature}
          </button>
        </th>
        <td><ns-state state=${state} word=${word}></ns-state></td>
        <td class="n">
          <span class="psi">
            <span class="track ${state} wide" aria-hidden="true">
              <span class="fill" style="width:${Math.min(100, ((feature.psi ?? 0) / full) * 100)}%"></span>
              ${feature.threshold === null ? nothing : html`<span class="limit" style="left:50%"></span>`}
            </span>
            <b>${fixed(feature.psi, 3)}</b>
          </span>
        </td>
        <td class="n quiet wide">${fixed(feature.threshold, 3)}</td>
        <td class="n wide">${amount(feature.mean, feature.unit)}</td>
        <td class="n quiet wide">${number(feature.reference_mean)}</td>
        <td class="n wide">${percent(feature.missing_share)}</td>
        <td class="n quiet wide">${percent(feature.reference_missing_share)}</td>
        <td class="n wide">${records(feature)}</td>
      </tr>
      ${open ? this.renderDetail(feature) : nothing}
    `;
  }

  private renderDetail(feature: Drift): TemplateResult {
    const labels = feature.bins.map((bin) => bin.label);
    const now = feature.bins.map((bin) => bin.share);
    const reference = feature.bins.map((bin) => bin.reference);
    return html`<tr class="detail">
      <td colspan="9">
        <p class="narrow small">
          Threshold ${fixed(feature.threshold, 3)}. Mean ${amount(feature.mean, feature.unit)}, reference ${number(feature.reference_mean)}. Missing
          ${percent(feature.missing_share)}, reference ${percent(feature.reference_missing_share)}. Records: ${records(feature)}.
        </p>
        <ns-chart
          .build=${bins(labels, now, reference)}
          .height=${190}
          .keys=${[
            { label: "now", ink: "now", mark: "fill" },
            { label: "reference", ink: "then", mark: "fill" },
          ]}
          .table=${{ columns: [feature.feature, "Now", "Reference"], rows: labels.map((label, index) => [label, percent(now[index] ?? null), percent(reference[index] ?? null)]) }}
          label="${feature.feature}: share of records by bin, now and in the reference"
        ></ns-chart>
      </td>
    </tr>`;
  }
}

function amount(value: number | null, unit: string | null): string {
  return value === null || unit === null || unit === "count" ? number(value) : `${number(value)} ${unit}`;
}

function records({ state, count: seen, needed }: Drift): string {
  return state === "not_enough_evidence" ? `${count(seen)}${needed === null ? "" : ` of ${count(needed)} needed`}` : count(seen);
}
