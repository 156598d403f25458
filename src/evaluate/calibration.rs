//! Calibration: does a score of 0.7 come true 7 times in 10?

use super::cases::Cases;
use super::report::LEVEL;
use crate::stats::wilson;
use serde::{Deserialize, Serialize};

/// The number of bins of equal width.
const BINS: usize = 10;

/// One bin of the calibration curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// The lowest score that belongs to it.
    pub from: f64,
    /// The score that it ends before; 1 belongs to the last bin.
    pub to: f64,
    /// How many cases it holds.
    pub count: f64,
    /// Their mean score.
    pub mean_score: f64,
    /// The share of them that are positive.
    pub positive_share: f64,
    /// The lower end of the Wilson interval of the share.
    pub low: Option<f64>,
    /// The upper end of it.
    pub high: Option<f64>,
}

/// Counted cases, and the sums of their scores and labels, by bin.
fn bins(cases: &Cases) -> [(f64, f64, f64); BINS] {
    let mut bins = [(0.0, 0.0, 0.0); BINS];
    for (score, label, count) in cases.iter() {
        let bin = ((score * BINS as f64) as usize).min(BINS - 1);
        let (counted, scores, positives) = &mut bins[bin];
        *counted += count;
        *scores += count * score;
        *positives += if label { count } else { 0.0 };
    }
    bins
}

/// The bins that hold a case, ascending.
pub fn calibration_curve(cases: &Cases) -> Vec<CalibrationBin> {
    let bin = |(place, (count, scores, positives)): (usize, (f64, f64, f64))| {
        let interval = wilson(positives, count, LEVEL)?;
        Some(CalibrationBin {
            from: place as f64 / BINS as f64,
            to: (place + 1) as f64 / BINS as f64,
            count,
            mean_score: scores / count,
            positive_share: positives / count,
            low: Some(interval.low),
            high: Some(interval.high),
        })
    };
    bins(cases).into_iter().enumerate().filter_map(bin).collect()
}

/// The expected calibration error: the mean difference of score and share over ten bins of equal width, weighted by
/// their cases (Naeini, Cooper and Hauskrecht, 2015).
pub fn expected_calibration_error(cases: &Cases) -> Option<f64> {
    let (sum, total) = bins(cases)
        .into_iter()
        .fold((0.0, 0.0), |(sum, total), (count, scores, positives)| (sum + (positives - scores).abs(), total + count));
    (total > 0.0).then(|| sum / total)
}
