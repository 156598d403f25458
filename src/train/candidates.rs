//! The candidates of one run: the plain model, and the mitigated ones that the canvas asks for.

use super::fit::Fitted;
use super::prepare::prepare;
use super::reweigh::reweigh;
use super::split::{RowSplit, split};
use super::target::{Labels, Target, text};
use super::trainer::{Trainer, TrainingSet, Variant, trainer_of};
use crate::canvas::{Canvas, Mitigation};
use crate::error::{Error, ErrorKind, Result};
use crate::sources::Table;

/// How strongly the groups are held together, one candidate each: from hardly to almost entirely, in steps of about three.
const STRENGTHS: [f64; 4] = [3.0, 10.0, 30.0, 100.0];

/// A fitted model that may be shipped.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// `plain`, `reweighing`, or `constraint` with its strength.
    pub name: String,
    /// The model.
    pub fitted: Fitted,
    /// How many rows it learned from.
    pub rows: usize,
    /// How many steps the fit took, or trees it has.
    pub steps: usize,
    /// The rows it learned from and those it must be judged on: the same for all candidates of a canvas and table.
    pub split: RowSplit,
}

/// Trains the plain candidate, and beside it each mitigation that block 9 asks for. All share the split, the
/// preparation and the seed; the same canvas and table give the same bits. `progress` hears what is being done, and
/// the share of the whole that is behind it, 0…1.
///
/// # Errors
/// Those of [`split`], [`prepare`], [`Target::read`] and of the trainer; `invalid-data` when the training rows have one
/// class only, `invalid-canvas` when the fairness group is not a feature.
pub fn train(canvas: &Canvas, table: &Table, progress: &mut dyn FnMut(&str, f64)) -> Result<Vec<Candidate>> {
    let l2 = canvas.building_models.trainer.l2;
    if !(l2 >= 0.0 && l2.is_finite()) {
        let error = Error::new(ErrorKind::InvalidCanvas, format!("a penalty of {l2} has no meaning"));
        return Err(error.item("building_models.trainer.l2").help("use 0 or a positive number, for example 0.0001"));
    }
    progress("splitting the rows", 0.0);
    let parts = split(canvas, table)?;
    let all = Target::read(canvas, table)?;
    if let Some(labels) = all.labels() {
        check_classes(canvas, table, labels, &parts)?;
    }
    let target = all.select(&parts.train);
    let set = TrainingSet { canvas, table, rows: &parts.train, target: &target };
    progress("preparing the features", 0.02);
    let mut trainer: Box<dyn Trainer> = trainer_of(canvas);
    let numbers = numbers(&target);
    let features = prepare(canvas, table, &parts.train, trainer.preparation(numbers.as_deref()))?;
    trainer.read(&set, &features)?;
    let head = trainer.head(&set);
    let variants = variants(&set)?;
    let mut candidates = Vec::new();
    for (place, variant) in variants.iter().enumerate() {
        let doing = format!("fitting the {} candidate", variant.name);
        let share = |done: f64| 0.1 + 0.9 * (place as f64 + done) / variants.len() as f64;
        let fitted = trainer.fit(&set, variant, &mut |done| progress(&doing, share(done)));
        let (model, steps) = fitted.map_err(|error| error.place(&table.source))?;
        let fitted = Fitted { features: features.clone(), model, head: head.clone() };
        let (name, rows) = (variant.name.clone(), parts.train.len());
        candidates.push(Candidate { name, fitted, rows, steps, split: parts.clone() });
    }
    progress("done", 1.0);
    Ok(candidates)
}

/// What categories can be ranked by: 1 for the positive class and 0 for the other, the number, or the relevance.
fn numbers(target: &Target) -> Option<Vec<f64>> {
    match target {
        Target::Classes(labels) if labels.positive.is_some() => {
            Some(labels.positives().into_iter().map(|label| f64::from(u8::from(label))).collect())
        }
        Target::Numbers(numbers) => Some(numbers.clone()),
        Target::Ranks(ranks) => Some(ranks.relevance.clone()),
        Target::Classes(_) | Target::Anomalies(_) => None,
    }
}

/// Both sides of the split must have every class where there are two, and one that others can be told apart from where
/// there are more: nothing can be learned from one, or measured with one.
fn check_classes(canvas: &Canvas, table: &Table, labels: &Labels, parts: &RowSplit) -> Result<()> {
    for (rows, side) in [(&parts.train, "training"), (&parts.test, "held-out")] {
        let mut found: Vec<usize> = rows.iter().map(|&row| labels.of[row]).collect();
        found.sort_unstable();
        found.dedup();
        if let [only] = found[..] {
            let message = format!("all {} {side} rows have the class \"{}\"", rows.len(), labels.classes[only]);
            let error = Error::new(ErrorKind::InvalidData, message).place(&table.source);
            let error = error.item(&canvas.prediction_task.target);
            return Err(error.help("gather more rows of the other class, or split the rows in another way"));
        }
        if side == "training" && found.len() < labels.classes.len() {
            let unknown = (0..labels.classes.len()).find(|class| found.binary_search(class).is_err()).unwrap_or(0);
            let message = format!("no training row has the class \"{}\"", labels.classes[unknown]);
            let error = Error::new(ErrorKind::InvalidData, message).place(&table.source);
            let error = error.item(&canvas.prediction_task.target);
            return Err(error.help("gather more rows of it, merge rare classes, or split the rows in another way"));
        }
    }
    Ok(())
}

/// The plain candidate, and those that the canvas asks for beside it.
fn variants(set: &TrainingSet<'_>) -> Result<Vec<Variant>> {
    let rows = set.rows.len();
    let plain = Variant { name: "plain".to_owned(), weights: vec![1.0; rows], groups: Vec::new(), strength: 0.0 };
    let mut variants = vec![plain.clone()];
    let Some(fairness) = &set.canvas.building_models.fairness else { return Ok(variants) };
    let Some(feature) = set.canvas.features.iter().find(|feature| feature.name == fairness.group) else {
        let error = Error::new(ErrorKind::InvalidCanvas, format!("\"{}\" is not a feature", fairness.group));
        return Err(error.item("building_models.fairness.group").help("name a sensitive feature of block 4"));
    };
    let labels = match set.target {
        Target::Classes(labels) if labels.positive.is_some() => labels.positives(),
        _ => {
            let error = Error::new(ErrorKind::InvalidCanvas, "mitigation is for a classification into two");
            return Err(error.item("building_models.fairness").help("leave it out"));
        }
    };
    let column = set.table.column(feature.column())?;
    let groups: Vec<Option<String>> = set.rows.iter().map(|&row| text(&column.value(row))).collect();
    let mut ways: Vec<Mitigation> = Vec::new();
    for &way in &fairness.mitigate {
        if ways.contains(&way) {
            continue;
        }
        ways.push(way);
        match way {
            Mitigation::Reweighing => {
                let weights = reweigh(&groups, &labels);
                variants.push(Variant { name: "reweighing".into(), weights, ..plain.clone() });
            }
            Mitigation::Constraint => {
                let mut names: Vec<&String> = groups.iter().flatten().collect();
                names.sort();
                names.dedup();
                let place = |group: &Option<String>| names.binary_search(&group.as_ref()?).ok();
                let places: Vec<Option<usize>> = groups.iter().map(place).collect();
                variants.extend(STRENGTHS.map(|strength| Variant {
                    name: format!("constraint-{strength}"),
                    groups: places.clone(),
                    strength,
                    ..plain.clone()
                }));
            }
        }
    }
    Ok(variants)
}
