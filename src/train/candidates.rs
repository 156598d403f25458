//! The candidates of one run: the plain model, and the mitigated ones that the canvas asks for.

use super::fit::Fitted;
use super::labels::{Labels, text};
use super::logistic::{Problem, fit};
use super::prepare::{column_names, design, prepare, signs};
use super::reweigh::reweigh;
use super::split::{RowSplit, split};
use crate::canvas::{Canvas, Mitigation, TrainerKind};
use crate::error::{Error, ErrorKind, Result};
use crate::sources::Table;

/// A fitted model that may be shipped.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// `plain` or `reweighing`.
    pub name: String,
    /// The model.
    pub fitted: Fitted,
    /// How many rows it learned from.
    pub rows: usize,
    /// How many steps the fit took.
    pub steps: usize,
    /// The rows it learned from and those it must be judged on: the same for all candidates of a canvas and table.
    pub split: RowSplit,
}

/// Trains the plain candidate, and beside it each mitigation that block 9 asks for. All share the split, the
/// preparation and the seed; the same canvas and table give the same bits. `progress` hears what is being done, and
/// the share of the whole that is behind it, 0…1.
///
/// # Errors
/// Those of [`split`], [`prepare`], [`Labels::read`] and [`fit`]; `invalid-data` when the training rows have one class
/// only, `invalid-canvas` when the fairness group is not a feature.
pub fn train(canvas: &Canvas, table: &Table, progress: &mut dyn FnMut(&str, f64)) -> Result<Vec<Candidate>> {
    let TrainerKind::Logistic = canvas.building_models.trainer.kind;
    let l2 = canvas.building_models.trainer.l2;
    if !(l2 >= 0.0 && l2.is_finite()) {
        let error = Error::new(ErrorKind::InvalidCanvas, format!("a penalty of {l2} has no meaning"));
        return Err(error.item("building_models.trainer.l2").help("use 0 or a positive number, for example 0.0001"));
    }
    progress("splitting the rows", 0.0);
    let parts = split(canvas, table)?;
    let labels = Labels::read(canvas, table)?;
    check_classes(canvas, table, &labels, &parts)?;
    progress("preparing the features", 0.05);
    let features = prepare(canvas, table, &parts.train)?;
    let columns = design(canvas, &features, table, &parts.train)?;
    let (names, signs) = (column_names(&features), signs(canvas, &features));
    let targets: Vec<bool> = parts.train.iter().map(|&row| labels.rows[row]).collect();
    let weightings = weightings(canvas, table, &parts, &targets)?;
    let mut candidates = Vec::new();
    for (place, (name, weights)) in weightings.iter().enumerate() {
        let doing = format!("fitting the {name} candidate");
        let problem = Problem { columns: &columns, names: &names, labels: &targets, weights, l2, signs: &signs };
        let share = |step: usize| {
            // Most fits take about ten steps.
            let done = 1.0 - 0.75_f64.powi(step.min(100) as i32);
            0.1 + 0.9 * (place as f64 + done) / weightings.len() as f64
        };
        let solution =
            fit(&problem, &mut |step, _| progress(&doing, share(step))).map_err(|error| error.place(&table.source))?;
        let fitted = Fitted {
            features: features.clone(),
            weights: solution.weights,
            intercept: solution.intercept,
            classes: labels.classes.clone(),
            positive: labels.positive,
        };
        let (rows, steps) = (parts.train.len(), solution.steps);
        candidates.push(Candidate { name: name.clone(), fitted, rows, steps, split: parts.clone() });
    }
    progress("done", 1.0);
    Ok(candidates)
}

/// Both sides of the split must have both classes: nothing can be learned from one, or measured with one.
fn check_classes(canvas: &Canvas, table: &Table, labels: &Labels, parts: &RowSplit) -> Result<()> {
    for (rows, side) in [(&parts.train, "training"), (&parts.test, "held-out")] {
        let positive = rows.iter().filter(|&&row| labels.rows[row]).count();
        if positive == 0 || positive == rows.len() {
            let class = &labels.classes[if positive == 0 { 1 - labels.positive } else { labels.positive }];
            let message = format!("all {} {side} rows have the class \"{class}\"", rows.len());
            let error = Error::new(ErrorKind::InvalidData, message).place(&table.source);
            let error = error.item(&canvas.prediction_task.target);
            return Err(error.help("gather more rows of the other class, or split the rows in another way"));
        }
    }
    Ok(())
}

/// The name and the row weights of every candidate.
fn weightings(canvas: &Canvas, table: &Table, parts: &RowSplit, targets: &[bool]) -> Result<Vec<(String, Vec<f64>)>> {
    let mut weightings = vec![("plain".to_owned(), vec![1.0; targets.len()])];
    let Some(fairness) = &canvas.building_models.fairness else { return Ok(weightings) };
    let Some(feature) = canvas.features.iter().find(|feature| feature.name == fairness.group) else {
        let error = Error::new(ErrorKind::InvalidCanvas, format!("\"{}\" is not a feature", fairness.group));
        return Err(error.item("building_models.fairness.group").help("name a sensitive feature of block 4"));
    };
    for mitigation in &fairness.mitigate {
        let Mitigation::Reweighing = mitigation;
        let column = table.column(feature.column())?;
        let groups: Vec<Option<String>> = parts.train.iter().map(|&row| text(&column.value(row))).collect();
        if !weightings.iter().any(|(name, _)| name == "reweighing") {
            weightings.push(("reweighing".to_owned(), reweigh(&groups, targets)));
        }
    }
    Ok(weightings)
}
