//! The boundaries of a record: type, missing values, range and known categories.

use crate::canvas::Missing;
use crate::decimal::decimal;
use crate::features::{FeatureSchema, Observation, Record, Value, encode};
use serde::{Deserialize, Serialize};

/// Whether a record is inside the declared boundaries, and where it is not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Boundary {
    /// Whether nothing was crossed.
    pub inside: bool,
    /// What was crossed, in the order of the features.
    pub violations: Vec<Violation>,
}

/// One crossed boundary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Violation {
    /// The feature, or the name that no feature has.
    pub feature: String,
    /// Which boundary.
    pub rule: ViolationRule,
    /// The value that crossed it.
    pub value: Value,
    /// The boundary itself, in words.
    pub limit: String,
    /// The whole story, for a person.
    pub message: String,
}

/// The kinds of boundary. The first three make a record unusable; the others only take it out of bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViolationRule {
    /// A name that the model does not know.
    Unknown,
    /// A value of another type, NaN, infinity or a number beyond float32.
    Type,
    /// No value where there must be one.
    Missing,
    /// Below the range.
    Below,
    /// Above the range.
    Above,
    /// A category that the training rows did not have.
    Category,
}

impl ViolationRule {
    /// The rules that are counted for each feature, in the order of the profile.
    pub const OF_FEATURE: [Self; 5] = [Self::Type, Self::Missing, Self::Below, Self::Above, Self::Category];

    /// Whether a record with it cannot be predicted at all.
    pub const fn refuses(self) -> bool {
        matches!(self, Self::Unknown | Self::Type | Self::Missing)
    }

    /// The name that JSON uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Type => "type",
            Self::Missing => "missing",
            Self::Below => "below",
            Self::Above => "above",
            Self::Category => "category",
        }
    }
}

/// Looks at every feature of a record. The observations come in the order of the schema.
pub fn check(schema: &[FeatureSchema], record: &Record) -> (Vec<Observation>, Boundary) {
    let mut violations = Vec::new();
    let mut observations = Vec::with_capacity(schema.len());
    for feature in schema {
        let value = record.get(&feature.name);
        let observation = encode(feature, value);
        if let Some((rule, limit)) = crossed(feature, observation) {
            violations.push(violation(&feature.name, rule, value.cloned().unwrap_or(Value::Missing), limit));
        }
        observations.push(observation);
    }
    for (name, value) in record {
        if !schema.iter().any(|feature| &feature.name == name) {
            let known: Vec<&str> = schema.iter().map(|feature| feature.name.as_str()).collect();
            violations.push(violation(name, ViolationRule::Unknown, value.clone(), known.join(", ")));
        }
    }
    (observations, Boundary { inside: violations.is_empty(), violations })
}

fn crossed(feature: &FeatureSchema, observation: Observation) -> Option<(ViolationRule, String)> {
    let unit = feature.unit.as_deref().map(|unit| format!(" {unit}")).unwrap_or_default();
    match (observation, feature.range) {
        (Observation::Number(number), Some([low, _])) if number < low => {
            Some((ViolationRule::Below, decimal(low) + &unit))
        }
        (Observation::Number(number), Some([_, high])) if number > high => {
            Some((ViolationRule::Above, decimal(high) + &unit))
        }
        (Observation::Missing, _) if feature.missing == Missing::Error => {
            Some((ViolationRule::Missing, format!("a {}", feature.kind.name())))
        }
        (Observation::Unseen, _) => Some((ViolationRule::Category, feature.values.join(", "))),
        (Observation::Invalid, _) => Some((ViolationRule::Type, format!("a {}", feature.kind.name()))),
        _ => None,
    }
}

fn violation(feature: &str, rule: ViolationRule, value: Value, limit: String) -> Violation {
    let message = match rule {
        ViolationRule::Unknown => format!("{feature} is not a feature of this model; it knows {limit}"),
        ViolationRule::Type => match value {
            Value::Number(number) if !number.is_finite() => {
                format!("{feature} is {value}; send {limit}, or leave it out where it is missing")
            }
            Value::Number(number) if !(number as f32).is_finite() => {
                let beyond = "more than a model can be fed (float32 ends at 3.4e38)";
                format!("{feature} is {value}, {beyond}; send {limit} in its unit")
            }
            _ => format!("{feature} is {value}, which is not {limit}"),
        },
        ViolationRule::Missing => format!("{feature} is missing; this model needs {limit}"),
        ViolationRule::Below => format!("{feature} is {value}, below the lowest value that makes sense, {limit}"),
        ViolationRule::Above => format!("{feature} is {value}, above the highest value that makes sense, {limit}"),
        ViolationRule::Category => format!("{feature} is {value}, which the model has never seen; it knows {limit}"),
    };
    Violation { feature: feature.to_owned(), rule, value, limit, message }
}
