//! Block 3: what is predicted, and how large the model may be.

use serde::{Deserialize, Serialize};

/// Block 3: the kind of prediction and its target.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PredictionTask {
    /// The kind of task: it picks metrics, trainer and decoder.
    pub kind: TaskKind,
    /// The column that is predicted. Empty for a model that was adopted without one.
    #[serde(default)]
    pub target: String,
    /// The output of the model that is the prediction, for a model that was adopted without a target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// The class that counts as positive, for a classification into two; for anomaly detection with known outcomes, the
    /// value of the target that means an anomaly.
    #[serde(default)]
    pub positive: Option<String>,
    /// For a ranking: the column whose value says which rows are ranked against each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What a model may weigh at most.
    #[serde(default)]
    pub complexity: Complexity,
}

/// The kinds of task that the kit decodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// One of several classes.
    #[default]
    Classification,
    /// A number.
    Regression,
    /// A number whose order counts, among the rows of one group: the higher, the further in front.
    Ranking,
    /// How unusual a record is, 0…1; a target is needed only to measure it.
    AnomalyDetection,
}

impl TaskKind {
    /// The name that the canvas uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Classification => "classification",
            Self::Regression => "regression",
            Self::Ranking => "ranking",
            Self::AnomalyDetection => "anomaly_detection",
        }
    }

    /// Whether a prediction is a number without bounds: it has no score, and so no bands.
    pub const fn predicts_value(self) -> bool {
        matches!(self, Self::Regression | Self::Ranking)
    }
}

/// Limits on a model: `pack` refuses one that is over them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Complexity {
    /// The number of learned parameters.
    pub max_parameters: Option<usize>,
    /// All files of the bundle that a page needs before its first prediction, in kilobytes of 1,000 bytes.
    pub max_bundle_kb: Option<f64>,
    /// The median time of one prediction on the machine that packs, in milliseconds.
    pub max_latency_ms: Option<f64>,
}
