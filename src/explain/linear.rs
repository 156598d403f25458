//! Exact contributions: one change per raw feature where a model adds them up, every set of changes where it does not.

use crate::error::{Error, ErrorKind, Result};
use crate::features::{Observation, Record, Value, encode};
use crate::predict::Predictor;
use crate::stats::order;
use serde::{Deserialize, Serialize};

/// With more features the number of their sets, 2 to the power of it, is beyond what a page can run.
pub const MOST_FEATURES: usize = 12;

/// Why a prediction is what it is: `base` plus all contributions is the margin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// How the contributions were computed: `linear` or `exact`.
    pub method: String,
    /// What the numbers are measured in: `log-odds` of the positive class, or `prediction` for a number.
    pub unit: String,
    /// The mean margin of the reference rows, or the margin of the one reference record.
    pub base: f64,
    /// The margin of this record.
    pub margin: f64,
    /// One entry per raw feature, the largest effect first.
    pub contributions: Vec<Contribution>,
    /// Base plus contributions minus margin: 0 but for rounding.
    pub sum_check: f64,
    /// The strongest reasons in words.
    pub text: String,
}

/// What one raw feature contributed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    /// The feature.
    pub feature: String,
    /// Its value in the record.
    pub value: Value,
    /// How far it moved the margin from the mean of the reference rows.
    pub contribution: f64,
}

/// Explains a record. See [`crate::bundle::Explanation`] for the formula.
///
/// Fails with `invalid-record` where a prediction would, and with `invalid-model` when the bundle has no explanation.
pub fn explain(predictor: &mut Predictor, record: &Record) -> Result<Explanation> {
    let manifest = predictor.manifest().clone();
    let name = manifest.name.clone();
    let Some(plan) = manifest.explanation.clone() else {
        let error = Error::new(ErrorKind::InvalidModel, "this bundle carries no explanation").model(name);
        return Err(error.help("pack it from a model that the kit trained"));
    };
    let boundary = predictor.check(record);
    if plan.reference.len() > MOST_FEATURES && plan.method != "linear" {
        let error = Error::new(ErrorKind::InvalidModel, "this bundle has too many features for this explanation");
        return Err(error.model(name).help("pack it again"));
    }
    if let Some(violation) = boundary.violations.iter().find(|violation| violation.rule.refuses()) {
        return Err(Error::new(ErrorKind::InvalidRecord, &violation.message).model(name));
    }
    let features = manifest.features.clone();
    let names: Vec<String> = features.iter().map(|feature| feature.name.clone()).collect();
    let row: Vec<Observation> = features.iter().map(|feature| encode(feature, record.get(&feature.name))).collect();
    let reference = |index: usize| match features[index].kind.is_numeric() {
        true => Observation::Number(plan.reference[index]),
        false => Observation::Category(plan.reference[index] as usize),
    };
    // Each row keeps the features whose bit is set, and has the others at their reference.
    let count = names.len();
    let kept: Vec<usize> = match plan.method.as_str() {
        "linear" => {
            std::iter::once(0).chain((0..count).map(|index| 1 << index)).map(|bits| all(count) ^ bits).collect()
        }
        _ => (0..=all(count)).collect(),
    };
    let row = |bits: &usize| -> Vec<Observation> {
        (0..count).map(|index| if bits >> index & 1 == 1 { row[index] } else { reference(index) }).collect()
    };
    let rows: Vec<Vec<Observation>> = kept.iter().map(row).collect();
    let unit = if manifest.task.kind.predicts_value() { "prediction" } else { "log-odds" }.to_owned();
    let margins = predictor.margins(&rows)?;
    let (margin, parts) = match plan.method.as_str() {
        "linear" => {
            let parts = margins[1..].iter().zip(&plan.offsets).map(|(without, offset)| margins[0] - without - offset);
            (margins[0], parts.collect())
        }
        _ => (margins[all(count)], shapley(&margins, count)),
    };
    let mut contributions: Vec<Contribution> = Vec::new();
    for (feature, contribution) in names.into_iter().zip(parts) {
        let value = record.get(&feature).cloned().unwrap_or(Value::Missing);
        contributions.push(Contribution { feature, value, contribution });
    }
    let sum_check = plan.base + contributions.iter().map(|part| part.contribution).sum::<f64>() - margin;
    order(&mut contributions, |a, b| b.contribution.abs().total_cmp(&a.contribution.abs()).is_lt());
    let text = words(&contributions);
    Ok(Explanation { method: plan.method, unit, base: plan.base, margin, contributions, sum_check, text })
}

/// All features kept.
fn all(count: usize) -> usize {
    (1 << count) - 1
}

/// The Shapley values of `count` players from the worth of every set of them, a bit per player: what each adds to a set,
/// weighed by `|S|! (count − |S| − 1)! / count!`.
fn shapley(worth: &[f64], count: usize) -> Vec<f64> {
    // By the size of the set: 1 / count / (count − 1 over size).
    let mut weights = vec![1.0 / count as f64; count];
    for size in 1..count {
        weights[size] = weights[size - 1] * size as f64 / (count - size) as f64;
    }
    let mut parts = vec![0.0; count];
    for (set, &without) in worth.iter().enumerate() {
        for (player, part) in parts.iter_mut().enumerate() {
            if set >> player & 1 == 0 {
                *part += weights[set.count_ones() as usize] * (worth[set | 1 << player] - without);
            }
        }
    }
    parts
}

/// The strongest reasons on each side. It speaks of the model only: what moved the score, not what causes what.
fn words(contributions: &[Contribution]) -> String {
    let side = |up: bool| {
        let strongest = contributions.iter().filter(|part| part.contribution != 0.0 && (part.contribution > 0.0) == up);
        strongest.take(2).map(|part| format!("{} ({})", part.feature, part.value)).collect::<Vec<_>>().join(" and ")
    };
    match (side(true), side(false)) {
        (up, down) if up.is_empty() && down.is_empty() => "Nothing in this record moves the score.".to_owned(),
        (up, down) if down.is_empty() => format!("The score is raised most by {up}."),
        (up, down) if up.is_empty() => format!("The score is lowered most by {down}."),
        (up, down) => format!("The score is raised most by {up}, and lowered most by {down}."),
    }
}
