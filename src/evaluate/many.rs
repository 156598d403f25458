//! A classification into more than two: metrics, and the decisions class by class.

use super::cases::Cases;
use super::metrics::roc_auc;
use super::report::LEVEL;
use super::sample::{Closed, Sample};
use crate::stats::wilson;
use serde::{Deserialize, Serialize};

/// The metrics of a classification into more than two.
pub(super) const METRICS: [&str; 5] = ["log_loss", "accuracy", "macro_f1", "roc_auc", "expected_calibration_error"];

/// The bins of the calibration error, as for two classes.
const BINS: usize = 10;

/// With more classes times rows than this the area under the ROC curve has no interval: resampling it would take minutes.
const MOST_SORTED: usize = 400_000;

/// How one class was recognised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassReport {
    /// The class.
    pub class: String,
    /// How many held-out rows have it.
    pub rows: usize,
    /// How many it was answered for.
    pub answered: usize,
    /// How many of those have it.
    pub right: usize,
    /// The share of right ones among those it was answered for.
    pub precision: Option<f64>,
    /// The share of right ones among those that have it.
    pub recall: Option<f64>,
    /// The harmonic mean of both.
    pub f1: Option<f64>,
}

/// Probabilities, answers and labels.
pub(super) struct Many {
    classes: usize,
    /// Row by row.
    probabilities: Vec<f64>,
    answered: Vec<usize>,
    labels: Vec<usize>,
    /// Of each class the rows by its probability, with the cases that they are.
    by_class: Vec<(Cases, Vec<usize>)>,
}

impl Many {
    /// `rows` holds probabilities and the answered class of each row, `labels` the true ones.
    pub(super) fn new(rows: Vec<(&[f64], usize)>, labels: &[usize], classes: usize) -> Self {
        let of_class = |class: usize| {
            let case = |((probabilities, _), &label): (&(&[f64], usize), &usize)| {
                (probabilities.get(class).copied().unwrap_or(0.0), label == class, false)
            };
            Cases::with_order(rows.iter().zip(labels).map(case))
        };
        let fill = |&(probabilities, _): &(&[f64], usize)| {
            (0..classes).map(|class| probabilities.get(class).copied().unwrap_or(0.0)).collect::<Vec<_>>()
        };
        Self {
            classes,
            by_class: (0..classes).map(of_class).collect(),
            probabilities: rows.iter().flat_map(fill).collect(),
            answered: rows.iter().map(|row| row.1).collect(),
            labels: labels.to_vec(),
        }
    }

    fn probability(&self, row: usize, class: usize) -> f64 {
        self.probabilities[row * self.classes + class]
    }

    /// The loss of a row: minus the logarithm of the probability of its class, which is kept away from 0 by the precision
    /// of float64.
    fn loss(&self, row: usize) -> f64 {
        -self.probability(row, self.labels[row]).clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
    }

    fn right(&self, counts: &[f64]) -> (f64, f64) {
        let rows = self.answered.iter().zip(&self.labels).zip(counts);
        (rows.filter(|((answered, label), _)| answered == label).map(|(_, count)| count).sum(), counts.iter().sum())
    }

    /// The mean F1 over the classes that a counted row has or was answered; 0 for one that was never right.
    fn macro_f1(&self, counts: &[f64]) -> Option<f64> {
        let (mut rows, mut answered) = (vec![0.0; self.classes], vec![0.0; self.classes]);
        let mut right = vec![0.0; self.classes];
        for ((&label, &answer), &count) in self.labels.iter().zip(&self.answered).zip(counts) {
            rows[label] += count;
            answered[answer] += count;
            right[label] += if label == answer { count } else { 0.0 };
        }
        let known: Vec<usize> = (0..self.classes).filter(|&class| rows[class] + answered[class] > 0.0).collect();
        let f1 = |&class: &usize| 2.0 * right[class] / (rows[class] + answered[class]);
        (!known.is_empty()).then(|| known.iter().map(f1).sum::<f64>() / known.len() as f64)
    }

    /// The mean over the classes of the area under the curve of each against all others; classes that no counted row, or
    /// every one, has are left out.
    fn roc_auc(&self, counts: &[f64]) -> Option<f64> {
        let area = |(cases, order): &(Cases, Vec<usize>)| {
            let mut cases = cases.clone();
            cases.counts.iter_mut().zip(order).for_each(|(count, &row)| *count = counts[row]);
            roc_auc(&cases)
        };
        let areas: Vec<f64> = self.by_class.iter().filter_map(area).collect();
        (!areas.is_empty()).then(|| areas.iter().sum::<f64>() / areas.len() as f64)
    }

    /// The mean difference between the probability of the answered class and the share of right answers, over ten bins of
    /// equal width, weighted by their rows.
    fn calibration_error(&self, counts: &[f64]) -> Option<f64> {
        let (mut right, mut sure, mut total) = ([0.0; BINS], [0.0; BINS], 0.0);
        for (row, (&answer, &count)) in self.answered.iter().zip(counts).enumerate() {
            let probability = self.probability(row, answer);
            let bin = ((probability.max(0.0) * BINS as f64) as usize).min(BINS - 1);
            sure[bin] += count * probability;
            right[bin] += if answer == self.labels[row] { count } else { 0.0 };
            total += count;
        }
        let sum: f64 = right.iter().zip(sure).map(|(right, sure)| (right - sure).abs()).sum();
        (total > 0.0).then(|| sum / total)
    }

    /// How often each class (by row) was answered with each (by column).
    pub(super) fn matrix(&self) -> Vec<Vec<usize>> {
        let mut matrix = vec![vec![0; self.classes]; self.classes];
        self.labels.iter().zip(&self.answered).for_each(|(&label, &answer)| matrix[label][answer] += 1);
        matrix
    }

    /// Each class by its name.
    pub(super) fn classes(&self, names: &[String]) -> Vec<ClassReport> {
        let report = |(class, name): (usize, &String)| {
            let count = |of: &[usize]| of.iter().filter(|&&one| one == class).count();
            let (rows, answered) = (count(&self.labels), count(&self.answered));
            let pairs = self.labels.iter().zip(&self.answered);
            let right = pairs.filter(|&(&label, &answer)| label == class && answer == class).count();
            let share = |whole: usize| (whole > 0).then(|| right as f64 / whole as f64);
            ClassReport {
                class: name.clone(),
                rows,
                answered,
                right,
                precision: share(answered),
                recall: share(rows),
                f1: (rows + answered > 0).then(|| 2.0 * right as f64 / (rows + answered) as f64),
            }
        };
        names.iter().enumerate().map(report).collect()
    }
}

impl Sample for Many {
    fn units(&self) -> usize {
        self.labels.len()
    }

    fn metrics(&self, names: &[&str], counts: &[f64]) -> Vec<Option<f64>> {
        let metric = |name: &&str| match *name {
            "log_loss" => {
                let total: f64 = counts.iter().sum();
                let counted = counts.iter().enumerate().filter(|(_, count)| **count > 0.0);
                let sum: f64 = counted.map(|(row, count)| count * self.loss(row)).sum();
                (total > 0.0).then(|| sum / total)
            }
            "accuracy" => {
                let (right, all) = self.right(counts);
                (all > 0.0).then(|| right / all)
            }
            "macro_f1" => self.macro_f1(counts),
            "roc_auc" => self.roc_auc(counts),
            "expected_calibration_error" => self.calibration_error(counts),
            _ => None,
        };
        names.iter().map(metric).collect()
    }

    fn closed(&self, name: &str, counts: &[f64]) -> Closed {
        match name {
            "accuracy" => {
                let (right, all) = self.right(counts);
                Some(wilson(right, all, LEVEL))
            }
            "roc_auc" if self.classes * self.labels.len() > MOST_SORTED => Some(None),
            _ => None,
        }
    }

    fn losses(&self) -> Vec<f64> {
        (0..self.units()).map(|row| self.loss(row)).collect()
    }
}

#[cfg(test)]
#[path = "many_tests.rs"]
mod tests;
