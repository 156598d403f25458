//! The held-out rows with what they are judged by: labels, groups and slices.

use super::naive::Naive;
use crate::canvas::{Canvas, FeatureKind};
use crate::error::{Error, ErrorKind, Result};
use crate::features::Value;
use crate::sources::{Column, Table};
use crate::stats::of_sorted;
use crate::train::{Labels, Target, split, text};

/// The parts that a numeric slice is cut into.
const PARTS: usize = 4;

/// A column with more values than this is not looked through for errors, value by value.
const MOST_VALUES: usize = 50;

/// The rows that a model has not seen.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldOut {
    /// Their places in the table, ascending: a model is run on these, in this order.
    pub rows: Vec<usize>,
    /// How many rows the model learned from.
    pub training_rows: usize,
    /// What each of them should give.
    pub target: Target,
    /// The sensitive features.
    pub groups: Vec<Partition>,
    /// The slices that the canvas names.
    pub slices: Vec<Partition>,
    /// Every feature that the rows can be told apart by: errors are looked for in each.
    pub features: Vec<Partition>,
    /// What can be said of these rows without a model; nothing where there is no honest way.
    pub naive: Option<Naive>,
}

/// The held-out rows by the value of one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// The feature or column.
    pub name: String,
    /// Its values: those of the canvas first, then others that rows have.
    pub values: Vec<String>,
    /// The place in `values` of each row; nothing where the value is missing.
    pub of: Vec<Option<usize>>,
}

impl HeldOut {
    /// The same rows that [`train`](crate::train::train) held out from this canvas and table.
    ///
    /// # Errors
    /// Those of the split and of the labels; `invalid-data` when a group or slice is not a column.
    pub fn read(canvas: &Canvas, table: &Table) -> Result<Self> {
        let parts = split(canvas, table)?;
        let target = Target::read(canvas, table)?.select(&parts.test);
        let groups = canvas.groups().map(|group| Partition::read(canvas, table, &parts.test, &group.name));
        let slices = canvas.offline_evaluation.slices.iter();
        let slices = slices.map(|slice| Partition::read(canvas, table, &parts.test, slice));
        // Free text has a value of its own in every row, and an empty column none.
        let told = canvas.features.iter().filter(|feature| feature.kind != FeatureKind::Text);
        let features = told.filter_map(|feature| Partition::read(canvas, table, &parts.test, &feature.name).ok());
        let features = features.filter(|partition| partition.values.len() <= MOST_VALUES).collect();
        Ok(Self {
            naive: Naive::read(canvas, table, &parts)?,
            target,
            features,
            groups: groups.collect::<Result<_>>()?,
            slices: slices.collect::<Result<_>>()?,
            training_rows: parts.train.len(),
            rows: parts.test,
        })
    }
}

impl HeldOut {
    /// Whether each row belongs to the positive class, where there is one.
    pub fn labels(&self) -> Vec<bool> {
        self.target.labels().map(Labels::positives).unwrap_or_default()
    }

    /// The name of the positive class; empty where there is none.
    pub fn positive(&self) -> &str {
        let labels = self.target.labels();
        let name = labels.and_then(|labels| labels.classes.get(labels.positive?));
        name.map_or("", String::as_str)
    }
}

impl Partition {
    /// The same for units of several rows: a unit has the value that all of its rows have, and none where they differ.
    pub(super) fn of_units(&self, unit_of: &[usize], units: usize) -> Self {
        let mut of: Vec<Option<Option<usize>>> = vec![None; units];
        for (&unit, &place) in unit_of.iter().zip(&self.of) {
            of[unit] = Some(match of[unit] {
                None => place,
                Some(known) => known.filter(|_| known == place),
            });
        }
        Self { of: of.into_iter().map(Option::flatten).collect(), ..self.clone() }
    }

    /// By the value of a feature, or of a column that is not one. Numbers with more than four values are cut at the
    /// quartiles of these rows.
    fn read(canvas: &Canvas, table: &Table, rows: &[usize], name: &str) -> Result<Self> {
        let feature = canvas.features.iter().find(|feature| feature.name == name);
        let column = table.column(feature.map_or(name, |feature| feature.column()))?;
        let raw = values_of(column, rows);
        let mut values: Vec<String> = match feature {
            Some(feature) if feature.kind == FeatureKind::Category => feature.values.clone(),
            Some(feature) if feature.kind == FeatureKind::Boolean => vec!["false".into(), "true".into()],
            _ => Vec::new(),
        };
        if let Some(edges) = quartiles(&raw) {
            return Ok(Self::cut(name, &raw, &edges));
        }
        let mut others: Vec<String> = raw.iter().filter_map(text).collect();
        others.sort();
        others.dedup();
        others.retain(|value| !values.contains(value));
        values.extend(others);
        if values.is_empty() {
            let error = Error::new(ErrorKind::InvalidData, "no held-out row has a value").place(&table.source);
            return Err(error.item(name).help("remove it from the groups or slices, or gather rows that have it"));
        }
        let place = |value: &Value| text(value).and_then(|value| values.iter().position(|known| *known == value));
        let of = raw.iter().map(place).collect();
        Ok(Self { name: name.to_owned(), values, of })
    }

    fn cut(name: &str, raw: &[Value], edges: &[f64]) -> Self {
        let label = |place: usize| match (place.checked_sub(1).map(|below| edges[below]), edges.get(place)) {
            (None, Some(high)) => format!("below {high}"),
            (Some(low), Some(high)) => format!("{low} to below {high}"),
            (Some(low), None) => format!("{low} and above"),
            (None, None) => "all".into(),
        };
        let place = |value: &Value| match value {
            Value::Number(number) => Some(edges.partition_point(|edge| edge <= number)),
            _ => None,
        };
        let of = raw.iter().map(place).collect();
        Self { name: name.to_owned(), values: (0..=edges.len()).map(label).collect(), of }
    }
}

/// The raw values of these rows.
pub(super) fn values_of(column: &Column, rows: &[usize]) -> Vec<Value> {
    rows.iter().map(|&row| column.value(row)).collect()
}

/// The inner quartiles of a column of numbers with more values than parts.
fn quartiles(raw: &[Value]) -> Option<Vec<f64>> {
    let mut numbers: Vec<f64> = Vec::new();
    for value in raw {
        match value {
            Value::Number(number) => numbers.push(*number),
            Value::Missing => {}
            _ => return None,
        }
    }
    numbers.sort_by(f64::total_cmp);
    let mut distinct = numbers.clone();
    distinct.dedup();
    if distinct.len() <= PARTS {
        return None;
    }
    let mut edges: Vec<f64> = (1..PARTS).filter_map(|part| of_sorted(&numbers, part as f64 / PARTS as f64)).collect();
    edges.dedup();
    Some(edges)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::parse_canvas;

    #[test]
    fn rows_fall_into_their_groups_and_slices() {
        let text = r#"
            name = "x"
            prediction_task = { kind = "classification", target = "y", positive = "yes" }
            features = [{ name = "age", type = "number" },
                { name = "sex", source = "gender", type = "category", values = ["male", "female", "other"], sensitive = true }]
            offline_evaluation = { split = { kind = "time", column = "day", test = 0.4 }, slices = ["age", "sex"] }
        "#;
        let canvas = parse_canvas(text, "canvas.toml").unwrap();
        let texts = |values: [&'static str; 3]| (0..20).map(move |row| values[row % 3]);
        let columns = vec![
            Column::new("day", (0..20).map(f64::from)),
            Column::new("age", (0..20).map(f64::from)),
            Column::new("gender", texts(["female", "male", "diverse"])),
            Column::new("y", texts(["yes", "no", "no"])),
        ];
        let held_out = HeldOut::read(&canvas, &Table::new("rows.csv", columns).unwrap()).unwrap();
        assert_eq!((held_out.rows.clone(), held_out.training_rows), ((12..20).collect(), 12));
        assert_eq!(held_out.labels(), [true, false, false, true, false, false, true, false]);
        let sex = &held_out.groups[0];
        assert_eq!(sex.values, ["male", "female", "other", "diverse"]);
        assert_eq!(sex.of[..3], [Some(1), Some(0), Some(3)]);
        let age = &held_out.slices[0];
        assert_eq!(age.values, ["below 13.75", "13.75 to below 15.5", "15.5 to below 17.25", "17.25 and above"]);
        assert_eq!(age.of, [0, 0, 1, 1, 2, 2, 3, 3].map(Some));
    }
}
