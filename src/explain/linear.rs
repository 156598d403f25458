//! Exact contributions for models that add up one term per raw feature.

use crate::error::{Error, ErrorKind, Result};
use crate::features::{Observation, Record, Value, encode};
use crate::predict::Predictor;
use crate::stats::order;
use serde::{Deserialize, Serialize};

/// Why a prediction is what it is: `base` plus all contributions is the margin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// How the contributions were computed: `linear`.
    pub method: String,
    /// What the numbers are measured in: `log-odds` of the positive class.
    pub unit: String,
    /// The mean margin of the reference rows.
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
    let manifest = predictor.manifest();
    let name = manifest.name.clone();
    let Some(plan) = manifest.explanation.clone() else {
        let error = Error::new(ErrorKind::InvalidModel, "this bundle carries no explanation").model(name);
        return Err(error.help("pack it from a model that the kit trained"));
    };
    let boundary = predictor.check(record);
    if let Some(violation) = boundary.violations.iter().find(|violation| violation.rule.refuses()) {
        return Err(Error::new(ErrorKind::InvalidRecord, &violation.message).model(name));
    }
    let features = &predictor.manifest().features;
    let names: Vec<String> = features.iter().map(|feature| feature.name.clone()).collect();
    let row: Vec<Observation> = features.iter().map(|feature| encode(feature, record.get(&feature.name))).collect();
    let mut rows = vec![row.clone()];
    for (index, (feature, &reference)) in features.iter().zip(&plan.reference).enumerate() {
        let mut changed = row.clone();
        changed[index] = match feature.kind.is_numeric() {
            true => Observation::Number(reference),
            false => Observation::Category(reference as usize),
        };
        rows.push(changed);
    }
    let margins = predictor.margins(&rows)?;
    let margin = margins[0];
    let mut contributions: Vec<Contribution> = names
        .into_iter()
        .zip(margins[1..].iter().zip(&plan.offsets))
        .map(|(feature, (&without, &offset))| {
            let value = record.get(&feature).cloned().unwrap_or(Value::Missing);
            Contribution { feature, value, contribution: margin - without - offset }
        })
        .collect();
    let sum_check = plan.base + contributions.iter().map(|part| part.contribution).sum::<f64>() - margin;
    order(&mut contributions, |a, b| b.contribution.abs().total_cmp(&a.contribution.abs()).is_lt());
    let text = words(&contributions);
    let (method, unit) = (plan.method, "log-odds".to_owned());
    Ok(Explanation { method, unit, base: plan.base, margin, contributions, sum_check, text })
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
