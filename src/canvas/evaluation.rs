//! Blocks 5 and 6: how good a model must be, and how its scores become decisions.

use serde::{Deserialize, Serialize};

/// Block 5: the split, the metrics, the gates and what errors cost.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OfflineEvaluation {
    /// How rows are held out.
    pub split: Split,
    /// What each kind of error costs.
    pub error_cost: Option<ErrorCost>,
    /// What a model must reach to ship.
    pub gates: Vec<Gate>,
    /// Features whose values are evaluated one by one.
    pub slices: Vec<String>,
}

/// How rows are held out for the evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Split {
    /// By what the rows are split.
    pub kind: SplitKind,
    /// The column that a split by time or by group goes by.
    pub column: Option<String>,
    /// The share of the rows that is held out, 0…1.
    pub test: f64,
}

impl Default for Split {
    fn default() -> Self {
        Self { kind: SplitKind::Random, column: None, test: 0.2 }
    }
}

/// By what rows are split.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitKind {
    /// By chance, with the seed of block 9.
    #[default]
    Random,
    /// The last rows by the split's column are held out.
    Time,
    /// Rows with the same value in the split's column stay together.
    Group,
}

/// What one error costs, in the currency of the canvas.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorCost {
    /// A negative case that was treated as positive.
    pub false_positive: f64,
    /// A positive case that was treated as negative.
    pub false_negative: f64,
}

/// What a model must reach to ship: a limit on one metric, or that it is not worse than another model. It is judged by the
/// metric itself, and with `bound` by the worse end of its interval.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// The metric: one of [`offline_metrics`](crate::canvas::offline_metrics).
    pub metric: String,
    /// For a fairness metric: the sensitive feature.
    #[serde(default)]
    pub by: Option<String>,
    /// The lowest value that passes.
    #[serde(default)]
    pub min: Option<f64>,
    /// The highest value that passes.
    #[serde(default)]
    pub max: Option<f64>,
    /// Whether the worse end of the 95 % interval must keep to the limits, instead of the value.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bound: bool,
    /// A feature: the limits hold for the rows of each of its values that has at least 30, and not for all rows together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<String>,
    /// The other model: the lower end of the interval of the paired difference must not be below minus `margin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub better_than: Option<Other>,
    /// How much worse than the other model is still allowed, in the unit of the metric. 0 or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
}

/// Another model that a candidate is compared with, on the same rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Other {
    /// The version that answers now. Where there is none yet, the gate passes.
    Champion,
    /// What can be said without a model.
    Baseline,
}

impl Other {
    /// The name that the canvas uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Champion => "champion",
            Self::Baseline => "baseline",
        }
    }
}

/// Block 6: what is done with a score.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Decisions {
    /// The bands of the score, each with its action.
    pub bands: Vec<Band>,
    /// The actions that favour the person concerned; the action of the highest band when none is named.
    pub favourable: Vec<String>,
    /// What the review by a person costs.
    pub review: Option<Review>,
    /// When a prediction is so unsure that a person should decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abstain: Option<Abstain>,
}

/// How sure a prediction must be, by split conformal prediction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Abstain {
    /// The share of cases whose set of classes, or whose interval, is to hold the truth, 0…1.
    pub coverage: f64,
}

/// A band of the score, from `at_least` up to the next band.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// The lowest score that belongs to it, 0…1.
    pub at_least: f64,
    /// What is done.
    pub action: String,
}

/// The review of a case by a person.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// How long one takes, in minutes.
    pub minutes: f64,
    /// What an hour of it costs, in the currency of the canvas.
    pub cost_per_hour: f64,
}
