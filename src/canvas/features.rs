//! Block 4: the features, and what is done to them before the model sees them.

use serde::{Deserialize, Serialize};

/// What the outputs of a built model are called: no input can have one of these names.
pub const MODEL_OUTPUTS: [&str; 4] = ["label", "probabilities", "margin", "prediction"];

/// One feature: a column of the data, and what an expert knows about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// The name that records use.
    pub name: String,
    /// The column it is read from, where that has another name.
    #[serde(default)]
    pub source: Option<String>,
    /// What its values are.
    #[serde(rename = "type")]
    pub kind: FeatureKind,
    /// The unit of a number, for example `EUR/year`.
    #[serde(default)]
    pub unit: Option<String>,
    /// The lowest and highest value that make sense. Outside of it a prediction is out of bounds.
    #[serde(default)]
    pub range: Option<[f64; 2]>,
    /// The values of a category, in order.
    #[serde(default)]
    pub values: Vec<String>,
    /// What happens when the value is missing.
    #[serde(default)]
    pub missing: Missing,
    /// What is done to the value, in order.
    #[serde(default)]
    pub transform: Vec<Transform>,
    /// How many quantile bins the transform `bins` makes.
    #[serde(default)]
    pub bins: Option<usize>,
    /// How the score must move when the value grows.
    #[serde(default)]
    pub monotonic: Option<Monotonic>,
    /// The note of the expert of the domain.
    #[serde(default)]
    pub note: Option<String>,
    /// Never a model input, only a fairness group.
    #[serde(default)]
    pub sensitive: bool,
}

impl Feature {
    /// The column of the data that holds it.
    pub fn column(&self) -> &str {
        self.source.as_deref().unwrap_or(&self.name)
    }
}

/// What the values of a feature are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureKind {
    /// A real number.
    Number,
    /// A whole number.
    Integer,
    /// One of the listed values.
    Category,
    /// True or false.
    Boolean,
    /// Free text, for a model that reads it itself.
    Text,
}

impl FeatureKind {
    /// Whether its values are numbers with a range and quantiles.
    pub const fn is_numeric(self) -> bool {
        matches!(self, Self::Number | Self::Integer)
    }

    /// The name that the canvas uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Category => "category",
            Self::Boolean => "boolean",
            Self::Text => "text",
        }
    }
}

/// What stands in for a missing value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// Nothing: the record is refused.
    #[default]
    Error,
    /// The median of the training rows.
    Median,
    /// The mean of the training rows.
    Mean,
    /// The most frequent value of the training rows.
    Mode,
    /// Zero, or false.
    Zero,
    /// Nothing: the model is fed NaN, or an empty text, and deals with it itself. For adopted models.
    Model,
}

/// One step between a raw value and the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    /// Cut to the feature's range.
    Clip,
    /// The natural logarithm of 1 + the value; values below 0 count as 0.
    Log1p,
    /// Minus the mean, divided by the standard deviation of the training rows.
    Standardize,
    /// Mapped to 0…1 by the lowest and highest value of the training rows.
    MinMax,
    /// One column per quantile bin of the training rows.
    Bins,
    /// One column per category (what a category gets anyway).
    OneHot,
}

/// Which way the score may move when a feature grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Monotonic {
    /// Never down.
    Increasing,
    /// Never up.
    Decreasing,
}
