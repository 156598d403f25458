//! A classification into two, and anomaly detection: one score per row.

use super::calibration::expected_calibration_error;
use super::cases::Cases;
use super::decision::{Answer, DecisionRule};
use super::interval::delong;
use super::metrics::{Confusion, average_precision, brier, log_loss, precision_at_k, roc_auc};
use super::report::LEVEL;
use super::sample::{Closed, Sample};
use crate::canvas::{ErrorCost, TaskKind};
use crate::stats::wilson;

/// The metrics of a classification into two, the fairness metrics aside.
pub(super) const CLASSIFICATION: [&str; 11] = [
    "roc_auc",
    "average_precision",
    "accuracy",
    "precision",
    "recall",
    "f1",
    "macro_f1",
    "log_loss",
    "brier",
    "expected_calibration_error",
    "selection_rate",
];

/// The metrics of anomaly detection; the last alone where no outcome is known.
pub(super) const ANOMALIES: [&str; 4] = ["roc_auc", "average_precision", "precision_at_k", "share_flagged"];

/// Scores with labels and decisions.
pub(super) struct Two {
    /// Ordered by score.
    cases: Cases,
    /// The row of each case.
    order: Vec<usize>,
    /// Whether each row was decided favourably.
    favoured: Vec<bool>,
    /// What each row loses.
    losses: Vec<f64>,
}

impl Two {
    /// `labels` holds one label per answer. A row loses what its error costs where the canvas says so, otherwise its
    /// logarithmic loss; in anomaly detection, whose scores are no probabilities, 1 for a row that is flagged wrongly.
    pub(super) fn new(
        kind: TaskKind,
        rule: &DecisionRule,
        answers: &[Answer],
        labels: &[bool],
        cost: Option<ErrorCost>,
    ) -> Self {
        let score = |answer: &Answer| answer.score().unwrap_or(f64::NAN);
        let rows = || answers.iter().zip(labels);
        let (cases, order) =
            Cases::with_order(rows().map(|(answer, &label)| (score(answer), label, rule.positive(answer))));
        let loss = |(answer, &label): (&Answer, &bool)| match (cost, kind) {
            (Some(cost), _) => match (label, rule.positive(answer)) {
                (false, true) => cost.false_positive,
                (true, false) => cost.false_negative,
                _ => 0.0,
            },
            (None, TaskKind::AnomalyDetection) => f64::from(u8::from(label != rule.positive(answer))),
            (None, _) => log_loss(&Cases::new([(score(answer), label, false)])).unwrap_or(0.0),
        };
        Self {
            favoured: answers.iter().map(|answer| rule.favours(answer)).collect(),
            losses: rows().map(loss).collect(),
            cases,
            order,
        }
    }

    /// The cases where each row counts so many times.
    fn counted(&self, counts: &[f64]) -> Cases {
        let mut cases = self.cases.clone();
        cases.counts.iter_mut().zip(&self.order).for_each(|(count, &row)| *count = counts[row]);
        cases
    }

    /// The counted rows that were decided favourably, and all.
    fn selected(&self, counts: &[f64]) -> (f64, f64) {
        let selected = self.favoured.iter().zip(counts).map(|(&favoured, count)| f64::from(u8::from(favoured)) * count);
        (selected.sum(), counts.iter().sum())
    }
}

/// A share that is a count among a count, by its name.
fn share(name: &str, confusion: Confusion, selected: (f64, f64)) -> Option<(f64, f64)> {
    Some(match name {
        "accuracy" => confusion.accuracy(),
        "precision" => confusion.precision(),
        "recall" => confusion.recall(),
        "share_flagged" => (confusion.true_positive + confusion.false_positive, confusion.total()),
        "selection_rate" => selected,
        _ => return None,
    })
}

impl Sample for Two {
    fn units(&self) -> usize {
        self.order.len()
    }

    fn metrics(&self, names: &[&str], counts: &[f64]) -> Vec<Option<f64>> {
        let cases = self.counted(counts);
        let (confusion, selected) = (Confusion::of(&cases), self.selected(counts));
        let metric = |name: &&str| {
            if let Some((part, whole)) = share(name, confusion, selected) {
                return (whole > 0.0).then(|| part / whole);
            }
            match *name {
                "roc_auc" => roc_auc(&cases),
                "average_precision" => average_precision(&cases),
                "precision_at_k" => precision_at_k(&cases),
                "f1" => confusion.f1(),
                "macro_f1" => confusion.macro_f1(),
                "log_loss" => log_loss(&cases),
                "brier" => brier(&cases),
                "expected_calibration_error" => expected_calibration_error(&cases),
                _ => None,
            }
        };
        names.iter().map(metric).collect()
    }

    fn closed(&self, name: &str, counts: &[f64]) -> Closed {
        if !matches!(name, "roc_auc" | "accuracy" | "precision" | "recall" | "share_flagged" | "selection_rate") {
            return None;
        }
        let cases = self.counted(counts);
        if name == "roc_auc" {
            return Some(delong(&cases));
        }
        let (part, whole) = share(name, Confusion::of(&cases), self.selected(counts))?;
        Some(wilson(part, whole, LEVEL))
    }

    fn losses(&self) -> Vec<f64> {
        self.losses.clone()
    }
}
