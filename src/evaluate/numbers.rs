//! Regression: predicted numbers against the true ones.

use super::report::LEVEL;
use super::sample::{Closed, Sample};
use crate::stats::{mean_interval, of_sorted};
use serde::{Deserialize, Serialize};

/// The metrics of a regression.
pub(super) const METRICS: [&str; 5] =
    ["root_mean_squared_error", "mean_absolute_error", "median_absolute_error", "mean_absolute_percentage_error", "r2"];

/// The parts that predictions are cut into, from the lowest to the highest.
const PARTS: usize = 10;

/// Rows with about the same prediction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FitBin {
    /// How many rows.
    pub count: usize,
    /// The mean prediction.
    pub predicted: f64,
    /// The mean of the true values.
    pub actual: f64,
    /// The lower end of the normal interval of that mean.
    pub low: Option<f64>,
    /// The upper end of it.
    pub high: Option<f64>,
}

/// Predictions and true values.
pub(super) struct Numbers {
    predicted: Vec<f64>,
    actual: Vec<f64>,
    /// The rows by their absolute error.
    by_error: Vec<usize>,
}

impl Numbers {
    pub(super) fn new(predicted: Vec<f64>, actual: &[f64]) -> Self {
        let error = |row: usize| (predicted[row] - actual[row]).abs();
        let mut by_error: Vec<usize> = (0..actual.len().min(predicted.len())).collect();
        by_error.sort_by(|&a, &b| error(a).total_cmp(&error(b)));
        Self { actual: actual.to_vec(), by_error, predicted }
    }

    fn error(&self, row: usize) -> f64 {
        (self.predicted[row] - self.actual[row]).abs()
    }

    fn mean(&self, counts: &[f64], of: impl Fn(usize) -> f64) -> Option<f64> {
        let counted = counts.iter().enumerate().filter(|(_, count)| **count > 0.0);
        let (sum, total) =
            counted.fold((0.0, 0.0), |(sum, total), (row, count)| (sum + count * of(row), total + count));
        (total > 0.0).then(|| sum / total)
    }

    /// The middle absolute error, or the mean of the two in the middle.
    fn median(&self, counts: &[f64]) -> Option<f64> {
        let total: f64 = counts.iter().sum();
        let at = |rank: f64| {
            let mut before = 0.0;
            self.by_error.iter().copied().find(|&row| {
                before += counts[row];
                before > rank
            })
        };
        let (low, high) = (at(((total - 1.0) / 2.0).floor())?, at(((total - 1.0) / 2.0).ceil())?);
        Some((self.error(low) + self.error(high)) / 2.0)
    }

    /// As shares of the true values; nothing where one of these is 0.
    fn percentage(&self, counts: &[f64]) -> Option<f64> {
        let zero = self.actual.iter().zip(counts).any(|(actual, count)| *count > 0.0 && *actual == 0.0);
        if zero { None } else { self.mean(counts, |row| self.error(row) / self.actual[row].abs()) }
    }

    /// 1 minus the squared errors as a part of the squared distances from the mean; nothing where all values are the same.
    fn r2(&self, counts: &[f64]) -> Option<f64> {
        let mean = self.mean(counts, |row| self.actual[row])?;
        let spread = self.mean(counts, |row| (self.actual[row] - mean).powi(2))?;
        let left = self.mean(counts, |row| self.error(row).powi(2))?;
        (spread > 0.0).then(|| 1.0 - left / spread)
    }

    /// Predictions against what came true, in ten parts of about the same size by the prediction.
    pub(super) fn fit(&self) -> Vec<FitBin> {
        let mut rows: Vec<usize> = (0..self.actual.len()).collect();
        rows.sort_by(|&a, &b| self.predicted[a].total_cmp(&self.predicted[b]));
        let bin = |rows: &[usize]| {
            let count = rows.len() as f64;
            let mean = |of: &[f64]| rows.iter().map(|&row| of[row]).sum::<f64>() / count;
            let actual = mean(&self.actual);
            let squares: f64 = rows.iter().map(|&row| (self.actual[row] - actual).powi(2)).sum();
            let interval = mean_interval(actual, (squares / (count - 1.0).max(1.0)).sqrt(), count, LEVEL);
            FitBin {
                count: rows.len(),
                predicted: mean(&self.predicted),
                actual,
                low: interval.map(|interval| interval.low),
                high: interval.map(|interval| interval.high),
            }
        };
        rows.chunks(rows.len().div_ceil(PARTS).max(1)).map(bin).collect()
    }

    /// Quantiles of the absolute error: the share and the error.
    pub(super) fn error_quantiles(&self) -> Vec<[f64; 2]> {
        let errors: Vec<f64> = self.by_error.iter().map(|&row| self.error(row)).collect();
        [0.5, 0.8, 0.9, 0.95, 0.99].into_iter().filter_map(|q| Some([q, of_sorted(&errors, q)?])).collect()
    }
}

impl Sample for Numbers {
    fn units(&self) -> usize {
        self.actual.len()
    }

    fn metrics(&self, names: &[&str], counts: &[f64]) -> Vec<Option<f64>> {
        let metric = |name: &&str| match *name {
            "root_mean_squared_error" => self.mean(counts, |row| self.error(row).powi(2)).map(f64::sqrt),
            "mean_absolute_error" => self.mean(counts, |row| self.error(row)),
            "median_absolute_error" => self.median(counts),
            "mean_absolute_percentage_error" => self.percentage(counts),
            "r2" => self.r2(counts),
            _ => None,
        };
        names.iter().map(metric).collect()
    }

    fn closed(&self, _: &str, _: &[f64]) -> Closed {
        None
    }

    fn losses(&self) -> Vec<f64> {
        (0..self.units()).map(|row| self.error(row)).collect()
    }
}

#[cfg(test)]
#[path = "numbers_tests.rs"]
mod tests;
