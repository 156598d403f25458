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

/// A limit on one metric. A model passes when the metric itself keeps to it; the report shows the interval beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// The metric by its name in `evaluate`.
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
