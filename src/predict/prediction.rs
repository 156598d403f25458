//! What a prediction says.

use crate::guard::Boundary;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One prediction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The receipt: keep it with the order, answer it with the outcome.
    pub id: String,
    /// The version of the model that made it.
    pub version: String,
    /// The predicted class.
    pub label: Option<String>,
    /// The probability of each class.
    pub probabilities: Option<BTreeMap<String, f64>>,
    /// The probability of the positive class, 0…1.
    pub score: Option<f64>,
    /// The predicted number, for a regression.
    pub value: Option<f64>,
    /// What is done, by the bands of the canvas.
    pub action: Option<String>,
    /// Whether the record was inside the declared boundaries.
    pub boundary: Boundary,
    /// How long it took.
    pub timing: Timing,
}

/// How long a prediction took, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// From the raw record to tensors, with the boundaries.
    pub encode: f64,
    /// The model itself.
    pub run: f64,
    /// All of it.
    pub total: f64,
}
