//! Where a model goes wrong: the worst slices of every feature, and the costliest rows.

use super::decision::{Answer, Predicted};
use super::held_out::{HeldOut, Partition};
use super::ranks::places;
use super::report::LEVEL;
use super::words::{count, number};
use crate::stats::{benjamini_hochberg, normal_cdf, normal_quantile};
use crate::train::Target;
use serde::{Deserialize, Serialize};

/// A slice needs this many units, and leaves as many.
pub(super) const FEWEST: usize = 30;

/// How many slices and rows are told.
const MOST_SLICES: usize = 20;
const MOST_ROWS: usize = 20;

/// The share of false ones among the slices that are marked, at most (Benjamini and Hochberg, 1995).
const FALSE_SHARE: f64 = 0.05;

/// Rows with one value that lose more than the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorstSlice {
    /// The feature.
    pub feature: String,
    /// Its value, or from where to where it lies; `missing` for rows without one.
    pub value: String,
    /// How many rows, or groups of a ranking.
    pub rows: usize,
    /// What each loses on average.
    pub loss: f64,
    /// How much more than the others that is.
    pub difference: f64,
    /// The lower end of the interval of the difference (Welch).
    pub low: f64,
    /// The upper end of it.
    pub high: f64,
    /// Whether the difference stands out among all slices that were looked at: Benjamini–Hochberg with q = 0.05.
    pub established: bool,
}

/// One row that cost much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CostlyRow {
    /// Its number in the snapshot, from 1; of a ranking, that of the first row of the group.
    pub row: usize,
    /// What was predicted, in words.
    pub predicted: String,
    /// What came true.
    pub label: String,
    /// What it lost.
    pub cost: f64,
}

/// The slices whose units lose more than the others, the worst first.
pub(super) fn worst_slices(partitions: &[Partition], losses: &[f64]) -> Vec<WorstSlice> {
    let (mut slices, mut p_values) = (Vec::new(), Vec::new());
    for partition in partitions {
        for place in (0..partition.values.len()).map(Some).chain([None]) {
            let (mut within, mut other) = (Vec::new(), Vec::new());
            for (of, &loss) in partition.of.iter().zip(losses) {
                if *of == place { within.push(loss) } else { other.push(loss) }
            }
            if within.len() < FEWEST || other.len() < FEWEST {
                continue;
            }
            let ((mean, error), (rest, rest_error)) = (mean(&within), mean(&other));
            let (difference, error) = (mean - rest, (error + rest_error).sqrt());
            let half = normal_quantile(0.5 + LEVEL / 2.0) * error;
            p_values.push(if error > 0.0 { 2.0 * normal_cdf(-(difference / error).abs()) } else { 1.0 });
            slices.push(WorstSlice {
                feature: partition.name.clone(),
                value: place.map_or_else(|| "missing".to_owned(), |place| partition.values[place].clone()),
                rows: within.len(),
                loss: mean,
                difference,
                low: difference - half,
                high: difference + half,
                established: false,
            });
        }
    }
    for (slice, adjusted) in slices.iter_mut().zip(benjamini_hochberg(&p_values)) {
        slice.established = adjusted <= FALSE_SHARE;
    }
    slices.retain(|slice| slice.difference > 0.0);
    slices.sort_by(|a, b| b.difference.total_cmp(&a.difference));
    slices.truncate(MOST_SLICES);
    slices
}

/// The mean, and the square of its standard error.
fn mean(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, variance / count)
}

/// The costliest rows, or groups of a ranking, the worst first: of equal costs the one that is further off. What costs
/// nothing is left out.
pub(super) fn costly_rows(answers: &[Answer], rows: &HeldOut, losses: &[f64]) -> Vec<CostlyRow> {
    // The place of the first row of each unit.
    let first: Vec<usize> = match &rows.target {
        Target::Ranks(ranks) => {
            let mut first = Vec::new();
            for (place, unit) in places(&ranks.group).into_iter().enumerate() {
                if unit == first.len() {
                    first.push(place);
                }
            }
            first
        }
        _ => (0..losses.len()).collect(),
    };
    let distance = |unit: usize| match (&answers[first[unit]].predicted, rows.target.labels()) {
        (Predicted::Score(score), Some(labels)) => (score - f64::from(u8::from(labels.is_positive(first[unit])))).abs(),
        _ => 0.0,
    };
    let mut units: Vec<usize> = (0..losses.len()).filter(|&unit| losses[unit] > 0.0).collect();
    units.sort_by(|&a, &b| {
        losses[b].total_cmp(&losses[a]).then_with(|| distance(b).total_cmp(&distance(a))).then(a.cmp(&b))
    });
    units.truncate(MOST_ROWS);
    let row = |unit: usize| {
        let place = first[unit];
        let (predicted, label) = (predicted(&answers[place], &rows.target), label(&rows.target, place));
        CostlyRow { row: rows.rows[place] + 1, predicted, label, cost: losses[unit] }
    };
    units.into_iter().map(row).collect()
}

/// What was predicted, in words.
fn predicted(answer: &Answer, target: &Target) -> String {
    match (&answer.predicted, target) {
        (_, Target::Ranks(_)) => "a group".to_owned(),
        (Predicted::Score(score), _) => match &answer.action {
            Some(action) => format!("{} ({action})", number(*score)),
            None => number(*score),
        },
        (Predicted::Value(value), _) => number(*value),
        (Predicted::Classes { probabilities, label }, _) => {
            let name = target.labels().and_then(|labels| labels.classes.get(*label)).map_or("", String::as_str);
            format!("{name} ({})", number(probabilities.get(*label).copied().unwrap_or(0.0)))
        }
    }
}

/// What came true, in words.
fn label(target: &Target, row: usize) -> String {
    match target {
        Target::Numbers(actual) => number(actual[row]),
        Target::Ranks(ranks) => count(ranks.group.iter().filter(|&&group| group == ranks.group[row]).count(), "row"),
        Target::Classes(_) | Target::Anomalies(_) => {
            target.labels().map_or_else(String::new, |labels| labels.classes[labels.of[row]].clone())
        }
    }
}

#[cfg(test)]
#[path = "errors_tests.rs"]
mod tests;
