//! The target column as what a trainer learns: classes, numbers, ranks, or known anomalies.

use crate::canvas::{Canvas, TaskKind};
use crate::error::{Error, ErrorKind, Result};
use crate::features::Value;
use crate::sources::{Column, Table};
use std::collections::BTreeMap;

/// More classes than this are more likely a mistaken column.
const MOST_CLASSES: usize = 1000;

/// The highest grade of relevance: its gain is 2³¹ − 1.
const MOST_GRADE: f64 = 31.0;

/// What is to be predicted, for every row of a table.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// A classification.
    Classes(Labels),
    /// A regression: the number of each row, finite.
    Numbers(Vec<f64>),
    /// A ranking.
    Ranks(Ranks),
    /// Anomaly detection: which rows are known to be anomalies, where the canvas names a target.
    Anomalies(Option<Labels>),
}

/// The classes of the target, and the class of every row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// The classes, in the order of their names.
    pub classes: Vec<String>,
    /// The place of the positive class in `classes`, for two classes.
    pub positive: Option<usize>,
    /// The place of the class of each row in `classes`.
    pub of: Vec<usize>,
}

/// How relevant each row is, and which rows are ranked against each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranks {
    /// The relevance of each row, 0 or more: whole grades, as NDCG takes them.
    pub relevance: Vec<f64>,
    /// The group of each row, numbered in the order in which they first come.
    pub group: Vec<usize>,
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

impl Target {
    /// Reads the target by the task of the canvas.
    ///
    /// # Errors
    /// `invalid-data` that names the target, and the row where one is to blame: a value is missing or of another type, or
    /// all rows say the same.
    pub fn read(canvas: &Canvas, table: &Table) -> Result<Self> {
        let task = &canvas.prediction_task;
        Ok(match task.kind {
            TaskKind::Classification => Self::Classes(Labels::read(canvas, table)?),
            TaskKind::Regression => Self::Numbers(numbers(table, &task.target)?),
            TaskKind::Ranking => Self::Ranks(Ranks::read(canvas, table)?),
            TaskKind::AnomalyDetection if task.target.is_empty() => Self::Anomalies(None),
            TaskKind::AnomalyDetection => Self::Anomalies(Some(Labels::read(canvas, table)?)),
        })
    }

    /// The rows at these places.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        fn of<T: Copy>(values: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().map(|&row| values[row]).collect()
        }
        let labels = |labels: &Labels| Labels { of: of(&labels.of, rows), ..labels.clone() };
        match self {
            Self::Classes(known) => Self::Classes(labels(known)),
            Self::Numbers(values) => Self::Numbers(of(values, rows)),
            Self::Ranks(ranks) => {
                Self::Ranks(Ranks { relevance: of(&ranks.relevance, rows), group: of(&ranks.group, rows) })
            }
            Self::Anomalies(known) => Self::Anomalies(known.as_ref().map(labels)),
        }
    }

    /// The classes, where there are any.
    pub fn labels(&self) -> Option<&Labels> {
        match self {
            Self::Classes(labels) => Some(labels),
            Self::Anomalies(labels) => labels.as_ref(),
            Self::Numbers(_) | Self::Ranks(_) => None,
        }
    }
}

impl Labels {
    /// The classes of the target. Of two classes the canvas' positive one is positive, or else the last by name.
    ///
    /// # Errors
    /// `invalid-data` that names the target, and the row where one is to blame: a value is missing, there is only one
    /// class, or the positive class of the canvas is not among them or has more than one beside it.
    pub fn read(canvas: &Canvas, table: &Table) -> Result<Self> {
        let task = &canvas.prediction_task;
        let column = table.column(&task.target)?;
        let error =
            |message: String| Error::new(ErrorKind::InvalidData, message).place(&table.source).item(&task.target);
        let mut names = Vec::with_capacity(column.len());
        // Of each class, how many rows it has and the first of them.
        let mut found: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for (row, value) in column.values().enumerate() {
            let name = text(&value).ok_or_else(|| no_value(table, column, row))?;
            found.entry(name.clone()).or_insert((0, row)).0 += 1;
            names.push(name);
        }
        if task.positive.is_some() && found.len() > 2 {
            // The rarest value is the likeliest mistake.
            let rarest = found.iter().min_by_key(|(_, (rows, first))| (*rows, std::cmp::Reverse(*first)));
            let (rarest, row) = rarest.map(|(name, &(_, row))| (name.clone(), row)).unwrap_or_default();
            let others: Vec<String> =
                found.keys().filter(|name| **name != rarest).take(5).map(|name| format!("\"{name}\"")).collect();
            let message = format!("\"{rarest}\" is a class too many beside {}", others.join(", "));
            let help = "with a positive class a target has two: correct or merge the values, or leave `positive` out";
            return Err(error(message).row(row + 1).help(help));
        }
        if found.len() > MOST_CLASSES {
            let message = format!("{} classes are more than the {MOST_CLASSES} that can be told apart", found.len());
            return Err(error(message).help("merge rare values, or use kind = \"regression\" for a number"));
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
            None => (classes.len() == 2).then_some(1),
            Some(wanted) => Some(classes.iter().position(|class| class == wanted).ok_or_else(|| {
                let message = format!("no row has the positive class \"{wanted}\"");
                error(message).help(format!("set prediction_task.positive to one of: {}", classes.join(", ")))
            })?),
        };
        let of = names.iter().filter_map(|name| classes.binary_search(name).ok()).collect();
        Ok(Self { classes, positive, of })
    }

    /// Whether the row at this place belongs to the positive class.
    pub fn is_positive(&self, row: usize) -> bool {
        self.positive.is_some_and(|positive| self.of[row] == positive)
    }

    /// [`Self::is_positive`] of every row.
    pub fn positives(&self) -> Vec<bool> {
        (0..self.of.len()).map(|row| self.is_positive(row)).collect()
    }
}

impl Ranks {
    fn read(canvas: &Canvas, table: &Table) -> Result<Self> {
        let task = &canvas.prediction_task;
        let relevance = numbers(table, &task.target)?;
        let error = |row: usize, message: String| {
            Error::new(ErrorKind::InvalidData, message).place(&table.source).row(row + 1).item(&task.target)
        };
        if let Some(row) =
            relevance.iter().position(|grade| !(0.0..=MOST_GRADE).contains(grade) || grade.fract() != 0.0)
        {
            let help = format!("grade the rows by whole numbers from 0 (not relevant) to {MOST_GRADE}");
            return Err(error(row, format!("{} is no grade of relevance", relevance[row])).help(help));
        }
        let Some(name) = &task.group else {
            let error = Error::new(ErrorKind::InvalidCanvas, "a ranking needs a group").item("prediction_task.group");
            return Err(error.help("name the column whose value says which rows are ranked against each other"));
        };
        let column = table.column(name)?;
        let mut places: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
        let mut group = Vec::with_capacity(relevance.len());
        for (row, value) in column.values().enumerate() {
            let name = text(&value).ok_or_else(|| no_value(table, column, row))?;
            let next = places.len();
            group.push(*places.entry(name).or_insert(next));
        }
        Ok(Self { relevance, group })
    }
}

/// A column of finite numbers, one per row.
fn numbers(table: &Table, name: &str) -> Result<Vec<f64>> {
    let column = table.column(name)?;
    let mut numbers = Vec::with_capacity(column.len());
    for (row, value) in column.values().enumerate() {
        match value {
            Value::Number(number) if (number as f32).is_finite() => numbers.push(number),
            Value::Missing => return Err(no_value(table, column, row)),
            other => {
                let error = Error::new(ErrorKind::InvalidData, format!("{other} where a number belongs"));
                let error = error.place(&table.source).row(row + 1).item(name);
                return Err(error.help("correct the value, or use kind = \"classification\" for classes"));
            }
        }
    }
    if numbers.iter().all(|number| *number == numbers[0]) {
        let error = Error::new(ErrorKind::InvalidData, "every row has the same value, so there is nothing to learn");
        return Err(error.place(&table.source).item(name).help("gather rows that differ in it"));
    }
    Ok(numbers)
}

fn no_value(table: &Table, column: &Column, row: usize) -> Error {
    let error = Error::new(ErrorKind::InvalidData, "there is no value").place(&table.source).row(row + 1);
    error.item(&column.name).help("remove the row, or fill its outcome in")
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
        assert_eq!(labels.positives(), [false, true, false]);
        assert_eq!((labels.classes, labels.positive), (vec!["no".to_owned(), "yes".to_owned()], Some(0)));
        let labels = read(None, vec![1.0.into(), 0.0.into()]).unwrap();
        assert_eq!((labels.classes[1].as_str(), labels.positives()), ("1", vec![true, false]));
        let three = read(None, vec!["b".into(), "c".into(), "a".into()]).unwrap();
        assert_eq!((three.positive, three.of), (None, vec![1, 2, 0]));
    }

    #[test]
    fn what_cannot_be_learned_is_refused_with_its_row() {
        let cases = [
            (None, vec!["yes".into(), "yes".into()], "rows.csv: repaid: every row has the class \"yes\""),
            (
                Some("a"),
                vec!["a".into(), "b".into(), "c".into()],
                "row 3: repaid: \"c\" is a class too many beside \"a\", \"b\"",
            ),
            (
                Some("a"),
                ["a", "x", "b", "a", "b"].map(Value::from).to_vec(),
                "rows.csv: row 2: repaid: \"x\" is a class too",
            ),
            (None, vec!["a".into(), Value::Missing], "rows.csv: row 2: repaid: there is no value"),
            (Some("oui"), vec!["a".into(), "b".into()], "no row has the positive class \"oui\"; set"),
        ];
        for (positive, values, wanted) in cases {
            let text = read(positive, values).unwrap_err().to_string();
            assert!(text.contains(wanted), "{text}");
        }
    }
}
