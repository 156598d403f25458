//! The golden predictions of a bundle, made again.

use crate::engine;
use nearside::bundle::{Golden, Manifest};
use nearside::plan::PlanEngine;
use nearside::predict::Groups;
use nearside::{Engine, ErrorKind, Predictor, Result};

/// How far an engine is from the golden predictions: the largest difference of a score or value, as a part of it where
/// it is above 1; infinite where a label is another one.
pub fn distance(manifest: &Manifest, engine: Box<dyn Engine>, golden: &Golden) -> Result<f64> {
    let mut predictor = Predictor::new(manifest.clone(), Some(engine), 0)?;
    let mut worst: f64 = 0.0;
    for (record, wanted) in golden.records.iter().zip(&golden.predictions) {
        let got = predictor.predict(record, &Groups::new(), &mut || 0.0)?;
        worst = worst.max(off(got.score, wanted.score)).max(off(got.value, wanted.value));
        if got.label != wanted.label {
            worst = f64::INFINITY;
        }
    }
    Ok(worst)
}

fn off(got: Option<f64>, wanted: Option<f64>) -> f64 {
    match (got, wanted) {
        (Some(got), Some(wanted)) => (got - wanted).abs() / wanted.abs().max(1.0),
        (None, None) => 0.0,
        _ => f64::INFINITY,
    }
}

/// The plan of a model that gives the golden predictions again; or, in words, why there is none.
pub fn plan(manifest: &Manifest, model: &[u8], golden: &Golden) -> Result<Result<Vec<u8>, String>> {
    let plan = match engine::plan(model) {
        Ok(plan) => plan,
        Err(error) if error.kind() == ErrorKind::UnsupportedOperator => return Ok(Err(error.to_string())),
        Err(error) => return Err(error),
    };
    let off = distance(manifest, Box::new(PlanEngine::new(&plan)?), golden)?;
    Ok(if off <= golden.tolerance { Ok(plan) } else { Err(format!("its predictions are off by {off:e}")) })
}
