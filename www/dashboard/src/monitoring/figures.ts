import { LitElement, css, html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { count, millis, number, percent, plural } from "../format.js";
import type { Latency, Report, State } from "../types.js";
import { base } from "../ui/styles.js";
import "../ui/state.js";

interface Figure {
  title: string;
  value: string;
  note: string;
  state: State | null;
  word?: string;
}

/** The state of a percentile: that of the whole interval, so that a few slow answers alarm nobody. */
const BUDGET: Record<NonNullable<Latency["state"]>, { state: State; word: string }> = {
  within: { state: "good", word: "In budget" },
  over: { state: "warn", word: "Over budget" },
  not_enough_evidence: { state: "grey", word: "Not enough evidence" },
};

/** The four numbers to read first. */
@customElement("ns-figures")
export class Figures extends LitElement {
  /** The report. */
  @property({ attribute: false }) report!: Report;

  static override styles = [
    base,
    css`
      ul {
        display: grid;
        grid-template-columns: repeat(4, minmax(0, 1fr));
        gap: 1px;
        margin-top: var(--gap);
        background: var(--rule);
        border: 1px solid var(--rule);
        border-radius: var(--radius);
        overflow: hidden;
      }
      li {
        background: var(--surface);
        padding: 14px 20px 15px;
      }
      .title {
        display: flex;
        flex-wrap: wrap;
        justify-content: space-between;
        gap: 0 10px;
        color: var(--ink-2);
      }
      b {
        display: block;
        margin: 2px 0;
        font-size: 30px;
        line-height: 1.2;
        font-weight: 600;
        letter-spacing: -0.025em;
      }
      @media (max-width: 980px) {
        ul {
          grid-template-columns: repeat(2, minmax(0, 1fr));
        }
      }
      @media (max-width: 560px) {
        li {
          padding: 12px 14px;
        }
        b {
          font-size: 25px;
        }
      }
    `,
  ];

  override render(): TemplateResult {
    return html`<ul>
      ${this.figures().map(
        (figure) => html`<li>
          <span class="title">${figure.title}${figure.state ? html`<ns-state state=${figure.state} word=${figure.word ?? ""}></ns-state>` : nothing}</span>
          <b>${figure.value}</b>
          <span class="quiet small">${figure.note}</span>
        </li>`,
      )}
    </ul>`;
  }

  private figures(): Figure[] {
    const { predictions, sessions, loads, latency, boundary, refused } = this.report;
    const answer = latency.find((stage) => stage.stage === "answer");
    const share = loads.share;
    const judged = boundary.inside + boundary.outside;
    return [
      {
        title: "Predictions",
        value: count(predictions),
        note: `in ${plural(sessions, "page session")}${refused > 0 ? `, ${plural(refused, "record")} refused` : ""}`,
        state: null,
      },
      {
        title: `Answered within ${number(loads.budget_ms / 1000)} s`,
        value: percent(share?.value ?? null),
        note: share ? `of ${plural(share.count, "page load")}, 95% interval ${percent(share.low)} to ${percent(share.high)}` : "no page load has settled yet",
        state: share ? null : "grey",
      },
      {
        title: "Answer, 95th percentile",
        value: millis(answer?.p95 ?? null),
        note: answerNote(answer),
        ...(answer ? (answer.state ? BUDGET[answer.state] : { state: null }) : { state: "grey" as const }),
      },
      {
        title: "Outside the boundaries",
        value: judged > 0 ? percent(boundary.outside / judged) : "–",
        note: `${count(boundary.outside)} of ${plural(judged, "record")}`,
        state: judged > 0 ? null : "grey",
      },
    ];
  }
}

function answerNote(answer: Latency | undefined): string {
  if (!answer) return "nothing was timed yet";
  if (!answer.budget_ms) return "no budget stated";
  const over = answer.over_budget_share === null ? "" : `, ${percent(answer.over_budget_share)} over it`;
  return `budget ${millis(answer.budget_ms)}${over}`;
}
