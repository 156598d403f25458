//! The target column as classes.

use crate::canvas::{Canvas, TaskKind};
use crate::error::{Error, ErrorKind, Result};
use crate::features::Value;
use crate::sources::Table;
use std::collections::BTreeMap;

/// The two classes of the target, and the class of every row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// The two classes, in the order of their names.
    pub classes: Vec<String>,
    /// The place of the positive class in `classes`.
    pub positive: usize,
    /// Whether a row belongs to the positive class, one per row of the table.
    pub rows: Vec<bool>,
}

/// A value as the name of a class or group: text as it is, a boolean as `true` or `false`, a number in its shortest
/// form. Nothing for a missing value.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::Missing => None,
        Value::Text(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
    }
}

impl Labels {
    /// The classes of a classification into two. Where the canvas names no positive class, it is the last by name.
    ///
    /// # Errors
    /// `invalid-data` that names the target, and the row where one is to blame: a value is missing, there is only one
    /// class or a third one, or the positive class of the canvas is not among them.
    pub fn read(canvas: &Canvas, table: &Table) -> Result<Self> {
        let task = &canvas.prediction_task;
        if task.kind == TaskKind::Regression {
            let error =
                Error::new(ErrorKind::InvalidCanvas, "the kit trains no regression").item("prediction_task.kind");
            return Err(error.help("train it elsewhere, and take it in with `nearside adopt`"));
        }
        let column = table.column(&task.target)?;
        let error =
            |message: String| Error::new(ErrorKind::InvalidData, message).place(&table.source).item(&task.target);
        let mut names = Vec::with_capacity(column.len());
        // Of each class, how many rows it has and the first of them.
        let mut found: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for (row, value) in column.values().enumerate() {
            let Some(name) = text(&value) else {
                let missing = error("the target has no value".into()).row(row + 1);
                return Err(missing.help("remove the row, or fill its outcome in"));
            };
            found.entry(name.clone()).or_insert((0, row)).0 += 1;
            names.push(name);
        }
        if found.len() > 2 {
            // The rarest value is the likeliest mistake.
            let rarest = found.iter().min_by_key(|(_, (rows, first))| (*rows, std::cmp::Reverse(*first)));
            let (rarest, row) = rarest.map(|(name, &(_, row))| (name.clone(), row)).unwrap_or_default();
            let others: Vec<String> =
                found.keys().filter(|name| **name != rarest).take(5).map(|name| format!("\"{name}\"")).collect();
            let message = format!("\"{rarest}\" is a class too many beside {}", others.join(", "));
            return Err(error(message).row(row + 1).help("a target has two classes: correct or merge the values"));
        }
        let classes: Vec<String> = found.into_keys().collect();
        if classes.len() < 2 {
            let message = match classes.first() {
                Some(only) => format!("every row has the class \"{only}\", so there is nothing to learn"),
                None => "there are no rows".into(),
            };
            return Err(error(message).help("gather rows of both classes"));
        }
        let positive = match &task.positive {
            None => 1,
            Some(wanted) => classes.iter().position(|class| class == wanted).ok_or_else(|| {
                let message = format!("no row has the positive class \"{wanted}\"");
                error(message).help(format!("set prediction_task.positive to one of: {}", classes.join(", ")))
            })?,
        };
        let rows = names.iter().map(|name| *name == classes[positive]).collect();
        Ok(Self { classes, positive, rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::PredictionTask;
    use crate::sources::Column;

    fn read(positive: Option<&str>, values: Vec<Value>) -> Result<Labels> {
        let task =
            PredictionTask { target: "repaid".into(), positive: positive.map(Into::into), ..PredictionTask::default() };
        let canvas = Canvas { prediction_task: task, ..Canvas::default() };
        let table = Table { source: "rows.csv".into(), columns: vec![Column::new("repaid", values)] };
        Labels::read(&canvas, &table)
    }

    #[test]
    fn classes_are_sorted_and_the_positive_one_is_found() {
        let labels = read(Some("no"), vec!["yes".into(), "no".into(), "yes".into()]).unwrap();
        assert_eq!((labels.classes, labels.positive), (vec!["no".to_owned(), "yes".to_owned()], 0));
        assert_eq!(labels.rows, [false, true, false]);
        let labels = read(None, vec![1.0.into(), 0.0.into()]).unwrap();
        assert_eq!((labels.classes[labels.positive].as_str(), labels.rows), ("1", vec![true, false]));
    }

    #[test]
    fn what_cannot_be_learned_is_refused_with_its_row() {
        let cases = [
            (None, vec!["yes".into(), "yes".into()], "rows.csv: repaid: every row has the class \"yes\""),
            (
                None,
                vec!["a".into(), "b".into(), "c".into()],
                "row 3: repaid: \"c\" is a class too many beside \"a\", \"b\"",
            ),
            (
                None,
                ["a", "x", "b", "a", "b"].map(Value::from).to_vec(),
                "rows.csv: row 2: repaid: \"x\" is a class too",
            ),
            (None, vec!["a".into(), Value::Missing], "rows.csv: row 2: repaid: the target has no value"),
            (Some("oui"), vec!["a".into(), "b".into()], "no row has the positive class \"oui\"; set"),
        ];
        for (positive, values, wanted) in cases {
            let text = read(positive, values).unwrap_err().to_string();
            assert!(text.contains(wanted), "{text}");
        }
    }
}
