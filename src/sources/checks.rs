//! Whether rows keep to the canvas, a batch at a time: types, listed categories, missing values, the target.

use super::cells::Cells;
use super::schema::{classes, misfit};
use super::{Column, Table};
use crate::canvas::{Canvas, Feature, FeatureKind, TaskKind};
use crate::error::{Error, ErrorKind, Result};
use crate::features::Value;
use std::collections::BTreeSet;

/// More classes than this are not counted on: whoever trains says what is wrong with them.
const MOST_CLASSES: usize = 10_000;

/// Checks that `table` holds what the canvas says: rows, every feature with values of its type, listed categories
/// only, no missing value where there is no rule for it, and a target with something to tell apart.
///
/// # Errors
/// `invalid-data` that names the source, the column, the row (counted from 1), and what to do.
pub fn check_schema(canvas: &Canvas, table: &Table) -> Result<()> {
    for feature in canvas.features.iter().filter(|feature| feature.derived().is_none()) {
        table.column(feature.column())?;
    }
    for name in others(canvas) {
        table.column(name)?;
    }
    let mut rows = RowChecks::new(canvas, &table.source);
    rows.batch(table)?;
    rows.end(false)?;
    let mut target = TargetCheck::new(canvas);
    target.batch(table)?;
    target.end(&table.source)
}

/// The columns beside the features that must have a value in each row: the split's and the target.
fn others(canvas: &Canvas) -> impl Iterator<Item = &str> {
    let split = canvas.offline_evaluation.split.column.as_deref();
    let task = &canvas.prediction_task;
    split.into_iter().chain(task.group.as_deref()).chain([task.target.as_str()]).filter(|name| !name.is_empty())
}

/// What the canvas says against a missing value in a column; nothing where there is a rule for it.
pub(super) fn refuses_missing(canvas: &Canvas, column: &str) -> Option<&'static str> {
    // A sensitive feature is no model input: rows that do not declare it stay in.
    let strict = |feature: &Feature| feature.needs_value() && !feature.sensitive;
    if column == canvas.prediction_task.target {
        Some("leave rows without a label out of the source")
    } else if canvas.offline_evaluation.split.column.as_deref() == Some(column) {
        Some("every row needs a value to be split by")
    } else if canvas.prediction_task.group.as_deref() == Some(column) {
        Some("every row needs a group to be ranked in")
    } else if canvas.features.iter().any(|feature| feature.column() == column && strict(feature)) {
        Some("the canvas has no rule for missing values: add missing = \"median\" or another")
    } else {
        None
    }
}

/// The checks of the rows of one source.
pub(super) struct RowChecks<'a> {
    canvas: &'a Canvas,
    place: String,
    rows: usize,
    columns: Vec<Gaps>,
}

/// The missing values of a column so far.
struct Gaps {
    name: String,
    count: usize,
    first: Option<usize>,
}

impl<'a> RowChecks<'a> {
    pub(super) fn new(canvas: &'a Canvas, place: &str) -> Self {
        Self { canvas, place: place.to_owned(), rows: 0, columns: Vec::new() }
    }

    /// Checks the values of the next rows. Each batch has the same columns.
    pub(super) fn batch(&mut self, table: &Table) -> Result<()> {
        if self.columns.is_empty() {
            let gaps = |column: &Column| Gaps { name: column.name.clone(), count: 0, first: None };
            self.columns = table.columns.iter().map(gaps).collect();
        }
        for (column, gaps) in table.columns.iter().zip(&mut self.columns) {
            for feature in self.canvas.features.iter().filter(|feature| feature.column() == column.name) {
                if let Some(row) = misfits(column, feature) {
                    return Err(misfit(feature.kind.into(), &feature.values, &column.value(row))
                        .place(&self.place)
                        .item(&column.name)
                        .row(self.rows + row + 1));
                }
            }
            gaps.count += column.cells().missing();
            gaps.first = gaps.first.or_else(|| Some(self.rows + column.first_missing()?));
        }
        self.rows += table.rows();
        Ok(())
    }

    /// Checks what only all rows together show. Of a source that is joined, a missing value counts only where a row
    /// finds it.
    pub(super) fn end(&self, joined: bool) -> Result<()> {
        let error = |message: String| Error::new(ErrorKind::InvalidData, message).place(&self.place);
        if self.rows == 0 {
            return Err(error("there are no rows".into()).help("give at least one row per class of the target"));
        }
        for gaps in &self.columns {
            let feature = self.canvas.features.iter().any(|feature| feature.column() == gaps.name);
            if gaps.count == self.rows && feature {
                let error = error("every value is missing".into()).item(&gaps.name);
                return Err(error.help("correct the source, or take the feature out of the canvas"));
            }
            let refused = refuses_missing(self.canvas, &gaps.name).filter(|_| !joined);
            if let (Some(row), Some(help)) = (gaps.first, refused) {
                let others =
                    if gaps.count > 1 { format!(", and in {} other rows", gaps.count - 1) } else { String::new() };
                let error = error(format!("the value is missing{others}")).item(&gaps.name).row(row + 1);
                return Err(error.help(help));
            }
        }
        Ok(())
    }
}

/// The first row of a column whose value is not of the feature's type, counted from 0.
fn misfits(column: &Column, feature: &Feature) -> Option<usize> {
    let kind = feature.kind;
    let number = |number: f64| match kind {
        FeatureKind::Number | FeatureKind::Timestamp => number.is_finite(),
        FeatureKind::Integer => number.is_finite() && number.fract() == 0.0,
        _ => false,
    };
    let word = |word: &String| match kind {
        FeatureKind::Category => feature.values.is_empty() || feature.values.contains(word),
        kind => kind == FeatureKind::Text,
    };
    let fits = |value: Value| match value {
        Value::Missing => true,
        Value::Number(value) => number(value),
        Value::Text(text) => word(&text),
        Value::Bool(_) => kind == FeatureKind::Boolean,
    };
    match column.cells() {
        Cells::Numbers(numbers) => numbers.iter().position(|value| !value.is_nan() && !number(*value)),
        Cells::Flags(flags) if kind != FeatureKind::Boolean => flags.iter().position(Option::is_some),
        Cells::Flags(_) => None,
        // Each word is looked up once, however many rows have it.
        Cells::Texts { codes, words } => {
            let fits: Vec<bool> = words.iter().map(word).collect();
            codes.iter().position(|code| fits.get(*code as usize) == Some(&false))
        }
        Cells::Mixed(_) => column.values().position(|value| !fits(value)),
    }
}

/// The check of the target over all rows of all sources.
pub(super) struct TargetCheck<'a> {
    canvas: &'a Canvas,
    classes: BTreeSet<String>,
}

impl<'a> TargetCheck<'a> {
    pub(super) fn new(canvas: &'a Canvas) -> Self {
        Self { canvas, classes: BTreeSet::new() }
    }

    /// Takes the classes of the next rows.
    pub(super) fn batch(&mut self, table: &Table) -> Result<()> {
        let target = &self.canvas.prediction_task.target;
        // Of the numbers of a regression, it is enough to see that two differ.
        let most = if self.canvas.prediction_task.kind.predicts_value() { 2 } else { MOST_CLASSES };
        if !target.is_empty() && self.classes.len() < most {
            self.classes.extend(classes(table.column(target)?));
        }
        Ok(())
    }

    /// Says what is wrong with the classes; `place` is where the rows come from.
    pub(super) fn end(&self, place: &str) -> Result<()> {
        let task = &self.canvas.prediction_task;
        let error = |message: String| Error::new(ErrorKind::InvalidData, message).place(place).item(&task.target);
        let only = self.classes.first().filter(|_| self.classes.len() == 1);
        if task.kind.predicts_value() {
            return only.map_or(Ok(()), |only| {
                Err(error(format!("every row has the value {only}")).help("a model needs rows that differ"))
            });
        }
        if task.kind != TaskKind::Classification {
            return Ok(());
        }
        if let Some(only) = only {
            return Err(error(format!("every row has the class \"{only}\""))
                .help("a model needs rows of two classes to tell apart"));
        }
        let classes: Vec<&str> = self.classes.iter().map(String::as_str).collect();
        match (&task.positive, classes.as_slice()) {
            (Some(positive), _) if !self.classes.contains(positive) => {
                let names: Vec<&str> = classes.iter().take(20).copied().collect();
                Err(error(format!("no row has the positive class \"{positive}\""))
                    .help(format!("correct prediction_task.positive; classes: {}", names.join(", "))))
            }
            (None, [one, other]) => Err(error("of two classes, the canvas does not say which is positive".to_owned())
                .help(format!("add positive = \"{one}\" or \"{other}\" to [prediction_task]"))),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::parse_canvas;

    fn canvas() -> Canvas {
        let text = r#"
            name = "x"
            prediction_task = { kind = "classification", target = "y", positive = "yes" }
            features = [{ name = "n", type = "number" }, { name = "c", type = "category", values = ["a", "b"], missing = "mode" }]
        "#;
        parse_canvas(text, "canvas.toml").unwrap()
    }

    fn table(n: Vec<Value>, c: [&str; 2], y: [&str; 2]) -> Table {
        Table::new("t", vec![Column::new("n", n), Column::new("c", c), Column::new("y", y)]).unwrap()
    }

    #[test]
    fn rows_are_counted_over_batches() {
        let canvas = canvas();
        let mut checks = RowChecks::new(&canvas, "t");
        checks.batch(&table(vec![1.0.into(), 2.0.into()], ["a", "b"], ["yes", "no"])).unwrap();
        let wrong = table(vec![1.0.into(), 2.0.into()], ["a", "c"], ["yes", "no"]);
        let error = checks.batch(&wrong).unwrap_err().to_string();
        assert!(error.starts_with("t: row 4: c: \"c\" where a value that the canvas lists belongs"), "{error}");
        let missing = Value::Missing;
        checks.batch(&table(vec![1.0.into(), missing.clone()], ["a", "b"], ["yes", "no"])).unwrap();
        checks.batch(&table(vec![missing, 1.0.into()], ["a", "b"], ["yes", "no"])).unwrap();
        let error = checks.end(false).unwrap_err().to_string();
        assert!(error.starts_with("t: row 4: n: the value is missing, and in 1 other rows"), "{error}");
    }

    #[test]
    fn the_target_needs_two_classes_and_the_positive_one() {
        let cases = [
            (["yes", "yes"], "t: y: every row has the class \"yes\""),
            (["no", "maybe"], "t: y: no row has the positive class \"yes\"; correct prediction_task.positive"),
        ];
        for (y, wanted) in cases {
            let error = check_schema(&canvas(), &table(vec![1.0.into(), 2.0.into()], ["a", "b"], y)).unwrap_err();
            assert!(error.to_string().starts_with(wanted), "{error}");
        }
        check_schema(&canvas(), &table(vec![1.0.into(), 2.0.into()], ["a", "b"], ["yes", "no"])).unwrap();
    }
}
