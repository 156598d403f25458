//! Split conformal prediction: how far off a prediction may be, so that a stated share of cases is covered.

use super::decision::{Answer, Predicted};
use super::report::LEVEL;
use crate::stats::wilson;
use crate::train::Target;
use serde::{Deserialize, Serialize};

/// The coverage where block 6 states none.
pub(super) const COVERAGE: f64 = 0.9;

/// One threshold, from half of the held-out rows, and the coverage that it has on the other half.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conformal {
    /// The share of cases that is to be covered, 0…1.
    pub coverage: f64,
    /// How a case is measured: see [`ConformalMethod`].
    pub method: ConformalMethod,
    /// The threshold of the measure. A class whose measure is at most this belongs to the set; an interval reaches this far
    /// on either side of the prediction.
    pub quantile: f64,
    /// The share of the other half that is covered.
    pub measured: f64,
    /// The lower end of its Wilson interval.
    pub low: f64,
    /// The upper end of it.
    pub high: f64,
    /// How many rows gave the threshold.
    pub calibration_rows: usize,
    /// How many rows it was measured on.
    pub rows: usize,
    /// The mean number of classes in a set; nothing for an interval.
    pub mean_size: Option<f64>,
    /// The share of cases whose set holds one class: the others would be left to a person. Nothing for an interval.
    pub single: Option<f64>,
}

/// What measures how strange a case is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConformalMethod {
    /// Least ambiguous sets: 1 minus the probability of the class (Sadinle, Lei and Wasserman, 2019).
    Lac,
    /// Adaptive prediction sets: the probability of the class and of all that are likelier (Romano, Sesia and Candès, 2020),
    /// without the draw by chance. A set that would be empty holds the likeliest class.
    Aps,
    /// The distance between prediction and true value (Lei et al., 2018).
    AbsoluteResidual,
}

impl ConformalMethod {
    /// The name in the report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lac => "lac",
            Self::Aps => "aps",
            Self::AbsoluteResidual => "absolute_residual",
        }
    }
}

/// The threshold that covers this share of new cases on average, of the measures of `n` cases: the `⌈(n + 1) · coverage⌉`-th
/// smallest. Nothing where `n` is too small for it.
///
/// ```
/// # #[cfg(feature = "cli")] {
/// use nearside::evaluate::conformal_quantile;
/// assert_eq!(conformal_quantile(&[3.0, 1.0, 2.0, 4.0], 0.6), Some(3.0));
/// assert_eq!(conformal_quantile(&[3.0, 1.0, 2.0, 4.0], 0.9), None);
/// # }
/// ```
pub fn conformal_quantile(measures: &[f64], coverage: f64) -> Option<f64> {
    let mut sorted = measures.to_vec();
    sorted.sort_by(f64::total_cmp);
    // A product that only rounding brought past a whole number is that number.
    let rank = ((measures.len() as f64 + 1.0) * coverage - 1e-9).ceil() as usize;
    sorted.get(rank.checked_sub(1)?).copied()
}

/// The thresholds of a classification (of two classes, least ambiguous sets alone) or a regression. `order` are the places of all rows, shuffled: the first half gives
/// the threshold, the second is measured. Empty for other tasks, and where there are too few rows.
pub(super) fn conformal(target: &Target, answers: &[Answer], order: &[usize], coverage: f64) -> Vec<Conformal> {
    match target {
        Target::Classes(labels) => {
            let rows: Vec<(Vec<f64>, usize)> = answers
                .iter()
                .zip(&labels.of)
                .map(|(answer, &label)| match &answer.predicted {
                    Predicted::Score(score) if labels.positive == Some(0) => (vec![*score, 1.0 - score], label),
                    Predicted::Score(score) => (vec![1.0 - score, *score], label),
                    Predicted::Classes { probabilities, .. } => (probabilities.clone(), label),
                    Predicted::Value(_) => (Vec::new(), label),
                })
                .collect();
            // Of two classes an adaptive set without a draw by chance holds both as soon as few answers are wrong.
            let methods = [ConformalMethod::Lac, ConformalMethod::Aps].into_iter().take(labels.classes.len() - 1);
            methods.filter_map(|method| sets(&rows, order, coverage, method)).collect()
        }
        Target::Numbers(actual) => {
            let value = |answer: &Answer| match answer.predicted {
                Predicted::Value(value) => value,
                _ => f64::NAN,
            };
            let residuals: Vec<f64> =
                answers.iter().zip(actual).map(|(answer, actual)| (value(answer) - actual).abs()).collect();
            let (calibration, other) = order.split_at(order.len() / 2);
            let known: Vec<f64> = calibration.iter().map(|&row| residuals[row]).collect();
            let Some(quantile) = conformal_quantile(&known, coverage) else { return Vec::new() };
            let covered = other.iter().filter(|&&row| residuals[row] <= quantile).count();
            let sizes = (None, None);
            result(ConformalMethod::AbsoluteResidual, coverage, quantile, (covered, other.len()), known.len(), sizes)
                .into_iter()
                .collect()
        }
        Target::Ranks(_) | Target::Anomalies(_) => Vec::new(),
    }
}

/// How strange it would be if this were the class.
fn measure(probabilities: &[f64], class: usize, method: ConformalMethod) -> f64 {
    let own = probabilities.get(class).copied().unwrap_or(0.0);
    if method == ConformalMethod::Lac {
        return 1.0 - own;
    }
    own + probabilities.iter().filter(|&&other| other > own).sum::<f64>()
}

fn sets(rows: &[(Vec<f64>, usize)], order: &[usize], coverage: f64, method: ConformalMethod) -> Option<Conformal> {
    let (calibration, other) = order.split_at(order.len() / 2);
    let known: Vec<f64> = calibration.iter().map(|&row| measure(&rows[row].0, rows[row].1, method)).collect();
    let quantile = conformal_quantile(&known, coverage)?;
    let (mut covered, mut size, mut single) = (0, 0, 0);
    for (probabilities, label) in other.iter().map(|&row| &rows[row]) {
        let likeliest = probabilities.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let within = |class: usize| {
            measure(probabilities, class, method) <= quantile
                || (method == ConformalMethod::Aps && probabilities[class] == likeliest)
        };
        let held = (0..probabilities.len()).filter(|&class| within(class)).count();
        covered += usize::from(*label < probabilities.len() && within(*label));
        size += held;
        single += usize::from(held == 1);
    }
    let mean = |sum: usize| Some(sum as f64 / other.len() as f64);
    result(method, coverage, quantile, (covered, other.len()), known.len(), (mean(size), mean(single)))
}

fn result(
    method: ConformalMethod,
    coverage: f64,
    quantile: f64,
    (covered, rows): (usize, usize),
    calibration_rows: usize,
    (mean_size, single): (Option<f64>, Option<f64>),
) -> Option<Conformal> {
    let interval = wilson(covered as f64, rows as f64, LEVEL)?;
    let (low, high, measured) = (interval.low, interval.high, covered as f64 / rows as f64);
    Some(Conformal { coverage, method, quantile, measured, low, high, calibration_rows, rows, mean_size, single })
}

#[cfg(test)]
#[path = "conformal_tests.rs"]
mod tests;
