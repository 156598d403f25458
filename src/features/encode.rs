//! From one raw value to what was observed and what the model is fed.

use super::{FeatureSchema, Record, Value};
use crate::canvas::FeatureKind;
use crate::time::{LAST_MS, parse_timestamp};

/// What a record holds in one feature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Observation {
    /// A number that float32 holds, which is what a model is fed.
    Number(f64),
    /// The category, or boolean, at this place of [`FeatureSchema::values`].
    Category(usize),
    /// No value.
    Missing,
    /// A category that the training rows did not have.
    Unseen,
    /// A value of another type, NaN, infinity or a number beyond float32: nothing that can be fed.
    Invalid,
}

/// What `value` is for this feature. `None` stands for a name that the record does not have.
pub fn encode(schema: &FeatureSchema, value: Option<&Value>) -> Observation {
    let Some(value) = value else { return Observation::Missing };
    match (schema.kind, value) {
        (_, Value::Missing) => Observation::Missing,
        (FeatureKind::Number, Value::Number(number)) if fits(*number) => Observation::Number(*number),
        (FeatureKind::Integer, Value::Number(number)) if fits(*number) && number.fract() == 0.0 => {
            Observation::Number(*number)
        }
        (FeatureKind::Timestamp, Value::Number(number)) if number.abs() <= LAST_MS => Observation::Number(*number),
        (FeatureKind::Boolean, Value::Bool(flag)) => Observation::Category(usize::from(*flag)),
        (FeatureKind::Category, Value::Text(text)) => {
            schema.values.iter().position(|known| known == text).map_or(Observation::Unseen, Observation::Category)
        }
        // A text is counted as one, and never by what it says.
        (FeatureKind::Text, Value::Text(_)) => Observation::Category(0),
        _ => Observation::Invalid,
    }
}

/// Reads the timestamps of a record that are written as dates, as the SDK does in a page. What is no date stays a text, so
/// that the boundaries of the model speak of it.
pub fn read_timestamps(schema: &[FeatureSchema], record: &mut Record) {
    for feature in schema.iter().filter(|feature| feature.kind == FeatureKind::Timestamp) {
        if let Some(value) = record.get_mut(&feature.name)
            && let Value::Text(text) = value
            && let Some(ms) = parse_timestamp(text)
        {
            *value = Value::Number(ms);
        }
    }
}

/// Whether a number is finite as float32, too. Beyond it a model would be fed infinity.
fn fits(number: f64) -> bool {
    (number as f32).is_finite()
}

impl Observation {
    /// The index that a model is fed for a category: −1 for nothing and for an unseen one.
    pub fn category(self) -> i64 {
        match self {
            Self::Category(index) => index as i64,
            _ => -1,
        }
    }

    /// The number that a model is fed for a number or a boolean: NaN for nothing.
    pub fn number(self) -> f32 {
        match self {
            Self::Number(number) => number as f32,
            Self::Category(index) => index as f32,
            _ => f32::NAN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::Missing;

    fn schema(kind: FeatureKind) -> FeatureSchema {
        FeatureSchema {
            name: "x".into(),
            kind,
            unit: None,
            range: None,
            values: vec!["car".into(), "home".into()],
            missing: Missing::Error,
            note: None,
            bins: vec![],
            example: Value::Missing,
            feeds: None,
        }
    }

    #[test]
    fn a_value_is_seen_for_what_it_is() {
        use FeatureKind::{Boolean, Category, Integer, Number, Timestamp};
        let largest = f64::from(f32::MAX);
        let cases: [(FeatureKind, Value, Observation); 16] = [
            (Number, 1.5.into(), Observation::Number(1.5)),
            (Number, (-largest).into(), Observation::Number(-largest)),
            (Number, 3.5e38.into(), Observation::Invalid),
            (Number, (-1e300).into(), Observation::Invalid),
            (Integer, 1e39.into(), Observation::Invalid),
            (Number, f64::NAN.into(), Observation::Invalid),
            (Number, "1.5".into(), Observation::Invalid),
            (Number, Value::Missing, Observation::Missing),
            (Integer, 2.0.into(), Observation::Number(2.0)),
            (Integer, 2.5.into(), Observation::Invalid),
            (Timestamp, (-1.5e12).into(), Observation::Number(-1.5e12)),
            (Timestamp, 8.7e15.into(), Observation::Invalid),
            (Timestamp, "2024-01-01".into(), Observation::Invalid),
            (Boolean, true.into(), Observation::Category(1)),
            (Category, "home".into(), Observation::Category(1)),
            (Category, "boat".into(), Observation::Unseen),
        ];
        for (kind, value, wanted) in cases {
            assert_eq!(encode(&schema(kind), Some(&value)), wanted, "{kind:?} {value}");
        }
        assert_eq!(encode(&schema(Number), None), Observation::Missing);
    }

    #[test]
    fn timestamps_are_read_from_dates_and_nothing_else_is() {
        let schema = [schema(FeatureKind::Timestamp), FeatureSchema { name: "y".into(), ..schema(FeatureKind::Text) }];
        let read = |text: &str| {
            let mut record = Record::from([("x".to_owned(), text.into()), ("y".to_owned(), "1970-01-02".into())]);
            read_timestamps(&schema, &mut record);
            (record["x"].clone(), record["y"].clone())
        };
        assert_eq!(read("1970-01-02"), (Value::Number(86_400_000.0), "1970-01-02".into()));
        assert_eq!(read("tomorrow").0, "tomorrow".into());
    }

    #[test]
    fn what_cannot_be_fed_is_fed_as_missing() {
        assert_eq!(Observation::Unseen.category(), -1);
        assert!(Observation::Missing.number().is_nan());
    }
}
