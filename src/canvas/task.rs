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
    /// The class that counts as positive, for a classification into two.
    #[serde(default)]
    pub positive: Option<String>,
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
    /// A number. Adopted models only: the kit trains none.
    Regression,
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
