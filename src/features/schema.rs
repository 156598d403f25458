//! The schema of raw records, as a bundle carries it.

use super::Value;
use crate::canvas::{FeatureKind, Missing};
use serde::{Deserialize, Serialize};

/// One raw feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureSchema {
    /// The name that records use; also the name of the model's input, where `feeds` names no other.
    pub name: String,
    /// What its values are.
    pub kind: FeatureKind,
    /// The unit of a number.
    pub unit: Option<String>,
    /// The lowest and highest value that make sense.
    pub range: Option<[f64; 2]>,
    /// The values of a category, `["false", "true"]` of a boolean. The model is fed the index of a category.
    pub values: Vec<String>,
    /// What happens when the value is missing.
    pub missing: Missing,
    /// The note of the expert of the domain.
    pub note: Option<String>,
    /// The inner edges of the reference deciles of a number, ascending; empty for anything else.
    pub bins: Vec<f64>,
    /// A usual value: the reference median of a number, the most frequent value of anything else.
    pub example: Value,
    /// The input of the model that it feeds. Without one it feeds the input at its own place, the first column of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feeds: Option<Feeds>,
}

/// Where a feature goes: one column of one input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feeds {
    /// The name of the input.
    pub input: String,
    /// The column in it, from 0.
    pub column: usize,
}

/// One sensitive feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSchema {
    /// The name that `predict(…, { groups })` uses.
    pub name: String,
    /// Its values.
    pub values: Vec<String>,
}
