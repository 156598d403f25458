//! The golden predictions of a bundle, made again.

use crate::engine;
use crate::weights::{self, AtRest, Known};
use nearside::bundle::{BuildWeights, Golden, Manifest};
use nearside::plan::PlanEngine;
use nearside::predict::Groups;
use nearside::{Engine, ErrorKind, Predictor, Result};
use std::collections::BTreeMap;

/// How far an engine is from the golden predictions: the largest difference of a probability, a score or a value, as a part of it where
/// it is above 1; infinite where a label is another one.
pub fn distance(manifest: &Manifest, engine: Box<dyn Engine>, golden: &Golden) -> Result<f64> {
    let mut predictor = Predictor::new(manifest.clone(), Some(engine), 0)?;
    let mut worst: f64 = 0.0;
    for (record, wanted) in golden.records.iter().zip(&golden.predictions) {
        let got = predictor.predict(record, &Groups::new(), &mut || 0.0)?;
        worst = worst.max(off(got.score, wanted.score)).max(off(got.value, wanted.value));
        worst = worst.max(apart(&got.probabilities.unwrap_or_default(), &wanted.probabilities));
        if got.label != wanted.label {
            worst = f64::INFINITY;
        }
    }
    Ok(worst)
}

/// How far a number is from the one that is right, as a part of it where it is above 1; infinite where only one is there.
pub fn off(got: Option<f64>, wanted: Option<f64>) -> f64 {
    match (got, wanted) {
        (Some(got), Some(wanted)) => (got - wanted).abs() / wanted.abs().max(1.0),
        (None, None) => 0.0,
        _ => f64::INFINITY,
    }
}

/// How far the probability of any class is from the one that is right.
pub fn apart(got: &BTreeMap<String, f64>, wanted: &BTreeMap<String, f64>) -> f64 {
    let each = wanted.iter().map(|(class, wanted)| off(got.get(class).copied(), Some(*wanted)));
    each.fold(0.0, f64::max)
}

/// A plan that gives the golden predictions again.
pub struct Planned {
    /// Its bytes.
    pub plan: Vec<u8>,
    /// How its weights are kept, and how else they could be.
    pub ways: Vec<BuildWeights>,
}

/// The plan of a model, its weights kept in the way that is asked for; or, in words, why there is none. The tolerance of the golden
/// predictions grows to what rounding takes.
pub fn plan(
    manifest: &Manifest,
    model: &[u8],
    golden: &mut Golden,
    rows: &Known,
    wanted: AtRest,
) -> Result<Result<Planned, String>> {
    let plan = match engine::lowered(model) {
        Ok(plan) => plan,
        Err(error) if error.kind() == ErrorKind::UnsupportedOperator => return Ok(Err(error.to_string())),
        Err(error) => return Err(error),
    };
    let exact = distance(manifest, Box::new(PlanEngine::from_plan(plan.clone())?), golden)?;
    if exact > golden.tolerance {
        return Ok(Err(format!("its predictions are off by {exact:e}")));
    }
    let (plan, ways) = weights::choose(manifest, model, &plan, rows, wanted)?;
    let rounded = distance(manifest, Box::new(PlanEngine::new(&plan)?), golden)?;
    golden.tolerance = golden.tolerance.max(2.0 * rounded);
    Ok(Ok(Planned { plan, ways }))
}
