/** Explanations in the form that pages show: the strongest reasons, and what they are worth as a probability. */
import type { Model } from "./model.js";
import type { Explanation, Prediction, RawRecord } from "./types.js";

export type { Explanation } from "./types.js";

/** One reason: a feature, what it was, which way it pushed and how strongly. */
export interface Reason {
  feature: string;
  value: unknown;
  /** `"raises"` when the feature pushed towards the positive class. */
  direction: "raises" | "lowers";
  /** The contribution, in the explanation's unit. */
  contribution: number;
  /** The contribution's share of all that pushed either way, 0 to 1. */
  share: number;
}

/** Explains a prediction or record, as `model.explain` does. */
export function explain(model: Model, subject: Prediction | RawRecord): Promise<Explanation> {
  return model.explain(subject);
}

/** The strongest reasons, strongest first; features that did not matter are left out. */
export function reasons(explanation: Explanation, limit = 3): Reason[] {
  const total = explanation.contributions.reduce((sum, { contribution }) => sum + Math.abs(contribution), 0);
  return explanation.contributions
    .filter(({ contribution }) => contribution !== 0)
    .sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution))
    .slice(0, limit)
    .map(({ feature, value, contribution }) => ({
      feature, value, contribution,
      direction: contribution > 0 ? "raises" : "lowers",
      share: Math.abs(contribution) / total,
    }));
}

/** The probability, 0 to 1, of a margin in log-odds. */
export function probability(logOdds: number): number {
  return logOdds >= 0 ? 1 / (1 + Math.exp(-logOdds)) : Math.exp(logOdds) / (1 + Math.exp(logOdds));
}
