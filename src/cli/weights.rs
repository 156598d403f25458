//! How the weights of a plan are kept in its file. Every way is tried on rows whose outcome is known, and compared with tract.

use crate::golden::{apart, off};
use clap::ValueEnum;
use nearside::adopt::measure;
use nearside::bundle::{BuildWeights, Manifest};
use nearside::features::Record;
use nearside::onnx::TractEngine;
use nearside::plan::{Plan, PlanEngine, Weights, write};
use nearside::predict::Groups;
use nearside::{Engine, Error, ErrorKind, Prediction, Predictor, Result};
use std::io::Write;

/// What rounding must save, in bytes on their way to a page: below, the digits are worth more.
const WORTH: u64 = 16 * 1024;
/// How far a probability, or a value as a part of itself, may be off for a rounding that is chosen without being asked for.
const HARMLESS: f64 = 1e-3;
/// The share of rows that may get another label or action, and how much worse the metric may become.
const FEW: f64 = 1e-3;
/// How many rows are tried at most.
pub const ROWS: usize = 1000;

/// The ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AtRest {
    /// The smallest that does no harm on the rows, and saves at least 16 kB.
    Auto,
    /// As they are.
    Float32,
    /// Rounded to float16: half the bytes.
    Float16,
    /// Large matrices and filters as int8 with a scale for each row, the rest as float16: a quarter of the bytes.
    Int8,
}

impl AtRest {
    /// What the writer of plans calls it, where it is one way.
    pub fn weights(self) -> Option<Weights> {
        match self {
            Self::Auto => None,
            Self::Float32 => Some(Weights::Float32),
            Self::Float16 => Some(Weights::Float16),
            Self::Int8 => Some(Weights::Int8),
        }
    }
}

/// Known to try a plan on, with what became of them where that is known.
pub struct Known {
    /// The records.
    pub records: Vec<Record>,
    /// The value of the target for each; none at all where there is no target.
    pub known: Vec<String>,
}

/// The bytes of a plan, and every way that was tried, the chosen one among them.
///
/// # Errors
/// `gate-failed` when no row can be predicted.
pub fn choose(
    manifest: &Manifest,
    model: &[u8],
    plan: &Plan,
    rows: &Known,
    wanted: AtRest,
) -> Result<(Vec<u8>, Vec<BuildWeights>)> {
    let (predictions, kept) = predict(manifest, Box::new(TractEngine::new(model)?), &rows.records)?;
    if predictions.is_empty() {
        let error = Error::new(ErrorKind::GateFailed, "not one row can be predicted");
        return Err(error.help("check the rows against the features of the canvas"));
    }
    let known: Vec<&str> = kept.iter().filter_map(|&row| rows.known.get(row).map(String::as_str)).collect();
    let records: Vec<Record> = kept.iter().map(|&row| rows.records[row].clone()).collect();
    let names = [(Weights::Float32, "float32"), (Weights::Float16, "float16"), (Weights::Int8, "int8")];
    let mut tried: Vec<(Vec<u8>, BuildWeights)> = Vec::new();
    for (weights, name) in names {
        let bytes = write(plan, weights)?;
        if tried.iter().any(|(other, _)| *other == bytes) {
            continue;
        }
        let (found, _) = predict(manifest, Box::new(PlanEngine::new(&bytes)?), &records)?;
        let pairs = || found.iter().zip(&predictions);
        let error = pairs().map(|(found, wanted)| {
            let [found_all, wanted_all] = [found, wanted].map(|one| one.probabilities.clone().unwrap_or_default());
            off(found.score, wanted.score).max(off(found.value, wanted.value)).max(apart(&found_all, &wanted_all))
        });
        let other = pairs().filter(|(found, wanted)| found.label != wanted.label || found.action != wanted.action);
        let way = BuildWeights {
            weights: name.to_owned(),
            bytes: compressed(&bytes)?,
            error: error.fold(0.0, f64::max),
            changed: other.count() as f64 / predictions.len() as f64,
            metric: metric(manifest, &found, &known)?,
            chosen: false,
        };
        tried.push((bytes, way));
    }
    let chosen = match wanted {
        AtRest::Auto => automatic(&tried),
        wanted => {
            let name = names.iter().find(|(weights, _)| Some(*weights) == wanted.weights()).map(|(_, name)| *name);
            // What gives the same bytes as another way was not tried again.
            tried.iter().position(|(_, way)| Some(way.weights.as_str()) == name).unwrap_or(tried.len() - 1)
        }
    };
    tried[chosen].1.chosen = true;
    let bytes = tried[chosen].0.clone();
    Ok((bytes, tried.into_iter().map(|(_, way)| way).collect()))
}

/// The smallest that does no harm and is worth it; the first, which is exact, is always one.
fn automatic(tried: &[(Vec<u8>, BuildWeights)]) -> usize {
    let exact = &tried[0].1;
    let harmless = |way: &BuildWeights| {
        let worse = match (&way.metric, &exact.metric) {
            // Errors are better when they are small.
            (Some((name, now)), Some((_, before))) if ["rmse", "mae"].contains(&name.as_str()) => {
                *now > before * (1.0 + FEW)
            }
            (Some((_, now)), Some((_, before))) => *now < before - FEW,
            _ => false,
        };
        way.error <= HARMLESS && way.changed <= FEW && !worse && way.bytes + WORTH <= exact.bytes
    };
    let smallest =
        (1..tried.len()).filter(|&place| harmless(&tried[place].1)).min_by_key(|&place| tried[place].1.bytes);
    smallest.unwrap_or(0)
}

/// The predictions for the records that can be predicted, and which those are.
fn predict(manifest: &Manifest, engine: Box<dyn Engine>, records: &[Record]) -> Result<(Vec<Prediction>, Vec<usize>)> {
    let mut predictor = Predictor::new(manifest.clone(), Some(engine), 0)?;
    let (mut predictions, mut kept) = (Vec::new(), Vec::new());
    for (row, record) in records.iter().enumerate() {
        match predictor.predict(record, &Groups::new(), &mut || 0.0) {
            Ok(prediction) => {
                predictions.push(prediction);
                kept.push(row);
            }
            Err(error) if error.kind() == ErrorKind::InvalidRecord => {}
            Err(error) => return Err(error),
        }
    }
    Ok((predictions, kept))
}

fn metric(manifest: &Manifest, predictions: &[Prediction], known: &[&str]) -> Result<Option<(String, f64)>> {
    if known.len() != predictions.len() || known.iter().all(|known| known.is_empty()) {
        return Ok(None);
    }
    let mut metrics = measure(manifest, predictions, known)?;
    let best = metrics.iter().position(|metric| metric.metric == "roc_auc").unwrap_or(0);
    Ok((!metrics.is_empty()).then(|| metrics.swap_remove(best)).map(|best| (best.metric, best.value)))
}

fn compressed(bytes: &[u8]) -> Result<u64> {
    let mut writer = brotli::CompressorWriter::new(Vec::new(), 1 << 16, 11, 22);
    writer.write_all(bytes)?;
    Ok(writer.into_inner().len() as u64)
}

/// Every way as a line, for people.
pub fn lines(ways: &[BuildWeights]) -> Vec<String> {
    let line = |way: &BuildWeights| {
        let BuildWeights { weights, bytes, error, changed, metric, chosen } = way;
        let metric = metric.as_ref().map(|(metric, value)| format!(", {metric} {value:.4}"));
        let mark = if *chosen { "weights" } else { "  or" };
        format!(
            "{mark} {weights}: {bytes} bytes compressed, answers off by at most {error:.1e}, {:.2} % of rows decided otherwise{}",
            changed * 100.0,
            metric.unwrap_or_default()
        )
    };
    ways.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(weights: &str, bytes: u64, error: f64, auc: f64) -> (Vec<u8>, BuildWeights) {
        let metric = Some(("roc_auc".to_owned(), auc));
        (vec![], BuildWeights { weights: weights.into(), bytes, error, changed: 0.0, metric, chosen: false })
    }

    #[test]
    fn the_smallest_that_does_no_harm_is_taken_where_it_is_worth_it() {
        let exact = way("float32", 100_000, 1e-8, 0.9);
        let half = way("float16", 50_000, 1e-4, 0.9);
        let choose = |bytes: (Vec<u8>, BuildWeights)| automatic(&[exact.clone(), half.clone(), bytes]);
        assert_eq!(choose(way("int8", 26_000, 9e-4, 0.8999)), 2);
        assert_eq!(choose(way("int8", 26_000, 2e-3, 0.9)), 1, "a score is too far off");
        assert_eq!(choose(way("int8", 26_000, 9e-4, 0.89)), 1, "the metric falls");
        assert_eq!(automatic(&[exact.clone(), way("float16", 90_000, 1e-4, 0.9)]), 0, "it saves too little");
    }
}
