//! The metrics of a classification into two, exact over all cases and with ties, as scikit-learn computes them.
//!
//! Each is nothing where it is not defined: no case, one class only, or a division by zero.

use super::cases::Cases;
use serde::{Deserialize, Serialize};

/// The area under the ROC curve: the share of pairs of a positive and a negative case in which the positive one scores
/// higher, a tie counting half.
pub fn roc_auc(cases: &Cases) -> Option<f64> {
    let (positives, negatives) = cases.classes();
    let (mut below, mut won) = (0.0, 0.0);
    for (_, positive, negative) in cases.ties() {
        won += positive * (below + negative / 2.0);
        below += negative;
    }
    (positives > 0.0 && negatives > 0.0).then(|| won / (positives * negatives))
}

/// The average precision: `Σ (recallₙ − recallₙ₋₁) · precisionₙ` over the distinct scores, from the highest down.
pub fn average_precision(cases: &Cases) -> Option<f64> {
    let (positives, _) = cases.classes();
    let (mut true_positives, mut selected, mut sum) = (0.0, 0.0, 0.0);
    for (_, positive, negative) in cases.ties().into_iter().rev() {
        true_positives += positive;
        selected += positive + negative;
        if positive > 0.0 {
            sum += positive * true_positives / selected;
        }
    }
    (positives > 0.0).then(|| sum / positives)
}

/// The share of known anomalies among the `k` highest scores, where `k` is how many anomalies are known. Of cases with the
/// same score at the limit the expected share counts.
pub fn precision_at_k(cases: &Cases) -> Option<f64> {
    let (k, _) = cases.classes();
    let (mut taken, mut found) = (0.0, 0.0);
    for (_, positive, negative) in cases.ties().into_iter().rev() {
        let here = (k - taken).min(positive + negative);
        if here <= 0.0 {
            break;
        }
        taken += here;
        found += here * positive / (positive + negative);
    }
    (k > 0.0).then(|| found / k)
}

/// The mean logarithmic loss. Scores are kept away from 0 and 1 by the precision of float64.
pub fn log_loss(cases: &Cases) -> Option<f64> {
    mean(cases, |score, label| {
        let score = score.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
        -(if label { score } else { 1.0 - score }).ln()
    })
}

/// The Brier score: the mean squared difference of score and label.
pub fn brier(cases: &Cases) -> Option<f64> {
    mean(cases, |score, label| (score - f64::from(u8::from(label))).powi(2))
}

fn mean(cases: &Cases, loss: impl Fn(f64, bool) -> f64) -> Option<f64> {
    let (sum, total) = cases
        .iter()
        .fold((0.0, 0.0), |(sum, total), (score, label, count)| (sum + count * loss(score, label), total + count));
    (total > 0.0).then(|| sum / total)
}

/// How the decisions compare with the labels, in counted cases.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Confusion {
    /// Positive cases that were treated as positive.
    pub true_positive: f64,
    /// Negative cases that were treated as positive.
    pub false_positive: f64,
    /// Positive cases that were treated as negative.
    pub false_negative: f64,
    /// Negative cases that were treated as negative.
    pub true_negative: f64,
}

impl Confusion {
    /// Counts the cases.
    pub fn of(cases: &Cases) -> Self {
        let mut confusion = Self::default();
        for ((_, label, count), &decided) in cases.iter().zip(&cases.decided) {
            let cell = match (label, decided) {
                (true, true) => &mut confusion.true_positive,
                (false, true) => &mut confusion.false_positive,
                (true, false) => &mut confusion.false_negative,
                (false, false) => &mut confusion.true_negative,
            };
            *cell += count;
        }
        confusion
    }

    /// The number of cases.
    pub fn total(self) -> f64 {
        self.true_positive + self.false_positive + self.false_negative + self.true_negative
    }

    /// Both together.
    pub fn plus(self, more: Self) -> Self {
        Self {
            true_positive: self.true_positive + more.true_positive,
            false_positive: self.false_positive + more.false_positive,
            false_negative: self.false_negative + more.false_negative,
            true_negative: self.true_negative + more.true_negative,
        }
    }

    /// Those treated rightly, and all.
    pub fn accuracy(self) -> (f64, f64) {
        (self.true_positive + self.true_negative, self.total())
    }

    /// The positive ones among those that were treated as positive.
    pub fn precision(self) -> (f64, f64) {
        (self.true_positive, self.true_positive + self.false_positive)
    }

    /// Those treated as positive among the positive ones.
    pub fn recall(self) -> (f64, f64) {
        (self.true_positive, self.true_positive + self.false_negative)
    }

    /// The mean of the F1 of both classes, as if each were the positive one.
    pub fn macro_f1(self) -> Option<f64> {
        let turned = Self {
            true_positive: self.true_negative,
            false_positive: self.false_negative,
            false_negative: self.false_positive,
            true_negative: self.true_positive,
        };
        match (self.f1(), turned.f1()) {
            (Some(positive), Some(negative)) => Some((positive + negative) / 2.0),
            (one, other) => one.or(other),
        }
    }

    /// The harmonic mean of precision and recall.
    pub fn f1(self) -> Option<f64> {
        let total = 2.0 * self.true_positive + self.false_positive + self.false_negative;
        (total > 0.0).then(|| 2.0 * self.true_positive / total)
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
