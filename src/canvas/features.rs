//! Block 4: the features, and what is done to them before the model sees them.

use crate::time::parse_timestamp;
use serde::{Deserialize, Deserializer, Serialize};

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
    /// Derived: the first of two other features divided by the second. Where the second is 0, the ratio is 0. A derived
    /// feature has no column and no place in a record: the model's own graph computes it from the two, after their missing
    /// values are filled in and before anything is done to them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<[String; 2]>,
    /// Derived: the first of two other features minus the second; of two timestamps, in days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<[String; 2]>,
    /// What its values are.
    #[serde(rename = "type")]
    pub kind: FeatureKind,
    /// The unit of a number, for example `EUR/year`.
    #[serde(default)]
    pub unit: Option<String>,
    /// The lowest and highest value that make sense. Outside of it a prediction is out of bounds. Those of a timestamp may be
    /// written as dates; here they are milliseconds since 1970-01-01 UTC.
    #[serde(default, deserialize_with = "range")]
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
    /// Which columns the transform `date_parts` makes of a timestamp, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<DatePart>,
    /// How many terms the transform `tf_idf` counts at most: the most frequent ones of the training rows. Without a number
    /// they are [`MAX_TERMS`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_terms: Option<usize>,
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

    /// What it is derived from, for a feature that no record has.
    pub fn derived(&self) -> Option<(Derivation, &[String; 2])> {
        let ratio = self.ratio.as_ref().map(|of| (Derivation::Ratio, of));
        ratio.or(self.difference.as_ref().map(|of| (Derivation::Difference, of)))
    }

    /// Whether a record without a value is refused. A text that is missing is the empty text.
    pub fn needs_value(&self) -> bool {
        self.missing == Missing::Error && self.kind != FeatureKind::Text
    }

    /// Whether its values have an order that a score can follow: numbers, booleans, and categories that are kept as one
    /// column in the order of the list.
    pub fn has_order(&self) -> bool {
        match self.kind {
            FeatureKind::Number | FeatureKind::Integer | FeatureKind::Boolean => true,
            FeatureKind::Category => self.transform.contains(&Transform::Ordinal),
            FeatureKind::Text | FeatureKind::Timestamp => false,
        }
    }
}

/// How many terms of a text are counted where the canvas does not say.
pub const MAX_TERMS: usize = 500;

/// A range as numbers, or as dates. A canvas that was packed holds numbers, so that no page carries what reads dates.
fn range<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[f64; 2]>, D::Error> {
    if cfg!(target_arch = "wasm32") {
        return Option::deserialize(deserializer);
    }
    let ends = Option::<[End; 2]>::deserialize(deserializer)?;
    Ok(ends.map(|ends| ends.map(|End(number)| number)))
}

/// One end of a range.
struct End(f64);

impl<'de> Deserialize<'de> for End {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EndVisitor)
    }
}

struct EndVisitor;

impl serde::de::Visitor<'_> for EndVisitor {
    type Value = End;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a number, or a date like \"2024-01-31\"")
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<End, E> {
        Ok(End(number))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<End, E> {
        Ok(End(number as f64))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<End, E> {
        Ok(End(number as f64))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<End, E> {
        // A number in quotes is a mistake.
        let date = parse_timestamp(text).filter(|_| text.parse::<f64>().is_err());
        date.map(End).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}

/// How a feature is derived from two others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Derivation {
    /// The first divided by the second; 0 where the second is 0.
    Ratio,
    /// The first minus the second.
    Difference,
}

/// One part of a moment, always in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatePart {
    /// The hour of the day, 0 to 23.
    Hour,
    /// The day of the week: 0 is Monday, 6 is Sunday.
    Weekday,
    /// The month, 1 to 12.
    Month,
    /// The day of the month, 1 to 31.
    Day,
    /// The year.
    Year,
    /// The days since the first day of the training rows.
    DaysSince,
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
    /// Free text: counted by its terms, or for an adopted model that reads it itself.
    Text,
    /// A moment, in milliseconds since 1970-01-01 UTC.
    Timestamp,
}

impl FeatureKind {
    /// Whether its values are numbers with a range and quantiles.
    pub const fn is_numeric(self) -> bool {
        matches!(self, Self::Number | Self::Integer | Self::Timestamp)
    }

    /// The name that the canvas uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Category => "category",
            Self::Boolean => "boolean",
            Self::Text => "text",
            Self::Timestamp => "timestamp",
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
    /// Nothing: the model is fed NaN, or an empty text, and deals with it itself. For trees, and for adopted models.
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
    /// One column: the place of a category in the list of its values, from 1 on, and 0 for none.
    Ordinal,
    /// The columns that `parts` names, of a timestamp.
    DateParts,
    /// One column per term of a text: how often it occurs, times how rare it is among the training rows, each text as
    /// long as any other.
    TfIdf,
}

impl Transform {
    /// Whether it can be done to values of this kind.
    pub const fn fits(self, kind: FeatureKind) -> bool {
        use FeatureKind::{Category, Integer, Number, Text, Timestamp};
        match self {
            Self::OneHot | Self::Ordinal => matches!(kind, Category),
            Self::DateParts => matches!(kind, Timestamp),
            Self::TfIdf => matches!(kind, Text),
            Self::Clip | Self::Log1p | Self::Standardize | Self::MinMax | Self::Bins => {
                matches!(kind, Number | Integer)
            }
        }
    }
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
