//! What the canvas says about the columns of its data, and whether a table keeps to it.

use super::Column;
use super::cells::Cells;
use crate::canvas::{Canvas, Feature, FeatureKind, nearest};
use crate::error::{Error, ErrorKind};
use crate::features::Value;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// Real numbers.
    Number,
    /// Whole numbers.
    Integer,
    /// Values that the canvas lists.
    Category,
    /// True and false.
    Boolean,
    /// Moments: milliseconds since 1970-01-01 UTC, written as numbers or as ISO 8601.
    Timestamp,
    /// Anything: the target's classes, a date, the name of a group.
    Text,
}

impl From<FeatureKind> for ColumnKind {
    fn from(kind: FeatureKind) -> Self {
        match kind {
            FeatureKind::Number => Self::Number,
            FeatureKind::Integer => Self::Integer,
            FeatureKind::Category => Self::Category,
            FeatureKind::Boolean => Self::Boolean,
            FeatureKind::Text => Self::Text,
            FeatureKind::Timestamp => Self::Timestamp,
        }
    }
}

/// One column that the canvas needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needed<'a> {
    pub(super) name: &'a str,
    pub(super) kind: ColumnKind,
    pub(super) feature: Option<&'a Feature>,
}

/// The columns that the canvas needs, each once: those of the features, the split's, the target's. Whatever else a
/// source holds is not kept.
pub(super) fn needed(canvas: &Canvas) -> Vec<Needed<'_>> {
    let stated = canvas.features.iter().filter(|feature| feature.derived().is_none());
    let features =
        stated.map(|feature| Needed { name: feature.column(), kind: feature.kind.into(), feature: Some(feature) });
    let task = &canvas.prediction_task;
    let target = if task.kind.predicts_value() { ColumnKind::Number } else { ColumnKind::Text };
    let others = [
        (canvas.offline_evaluation.split.column.as_deref(), ColumnKind::Text),
        (task.group.as_deref(), ColumnKind::Text),
        (Some(task.target.as_str()), target),
    ];
    let others = others.into_iter().filter_map(|(name, kind)| Some(Needed { name: name?, kind, feature: None }));
    let others = others.filter(|needed| !needed.name.is_empty());
    let mut columns: Vec<Needed<'_>> = Vec::new();
    for column in features.chain(others) {
        if !columns.iter().any(|known| known.name == column.name) {
            columns.push(column);
        }
    }
    columns
}

/// The error for a value that is not of its column's kind.
pub(super) fn misfit(kind: ColumnKind, values: &[String], found: &Value) -> Error {
    let (wanted, help) = match kind {
        ColumnKind::Number => ("a number", "write it with a decimal point and no thousands separator".to_owned()),
        ColumnKind::Integer => ("a whole number", "correct the value, or use type = \"number\"".to_owned()),
        ColumnKind::Timestamp => {
            ("a date", "write it as 2024-01-31, 2024-01-31T08:30Z, or in milliseconds since 1970".to_owned())
        }
        ColumnKind::Boolean => ("true or false", "accepted: true, false, yes, no, 1, 0".to_owned()),
        ColumnKind::Text => ("a text", "correct the value".to_owned()),
        ColumnKind::Category => {
            let meant = match found {
                Value::Text(text) => nearest(text, values.iter().map(String::as_str)),
                _ => None,
            };
            let meant = meant.map(|near| format!("did you mean \"{near}\"? ")).unwrap_or_default();
            ("a value that the canvas lists", format!("{meant}accepted: {}", values.join(", ")))
        }
    };
    Error::new(ErrorKind::InvalidData, format!("{found} where {wanted} belongs")).help(help)
}

/// The different texts of a column, sorted: the classes of a target.
pub fn classes(column: &Column) -> Vec<String> {
    let text = |value: Value| match value {
        Value::Text(text) => Some(text),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Missing => None,
    };
    let classes: BTreeSet<String> = match column.cells() {
        Cells::Texts { codes, words } => {
            let mut used = vec![false; words.len()];
            codes.iter().filter_map(|code| used.get_mut(*code as usize).map(|used| *used = true)).for_each(drop);
            words.iter().zip(used).filter(|(_, used)| *used).map(|(word, _)| word.clone()).collect()
        }
        _ => column.values().filter_map(text).collect(),
    };
    classes.into_iter().collect()
}
