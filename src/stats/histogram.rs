//! What two histograms of scores, one per label, say about a classifier.
//!
//! Scores lie in equal bins of 0…1 and stand for the middle of their bin, so with 256 bins a score is off by at most
//! 0.002, and two scores of one bin count as equal.

use super::{Interval, mean_interval, normal_quantile};

/// Scores by label, in equal bins of 0…1; both slices have the same length.
#[derive(Debug, Clone, Copy)]
pub struct ByLabel<'a> {
    /// The scores of cases whose label was not the positive class.
    pub negative: &'a [u64],
    /// The scores of cases whose label was the positive class.
    pub positive: &'a [u64],
}

/// Cases by label and by whether the score reached a threshold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Confusion {
    /// Positive, and above the threshold.
    pub true_positive: u64,
    /// Negative, but above the threshold.
    pub false_positive: u64,
    /// Negative, and below the threshold.
    pub true_negative: u64,
    /// Positive, but below the threshold.
    pub false_negative: u64,
}

impl ByLabel<'_> {
    /// How many cases there are.
    pub fn count(&self) -> u64 {
        self.negative.iter().chain(self.positive).sum()
    }

    /// The confusion at a threshold; a bin is above it when its lower edge is.
    pub fn confusion(&self, threshold: f64) -> Confusion {
        let cut = ((threshold * self.negative.len() as f64).ceil() as usize).min(self.negative.len());
        let sum = |counts: &[u64]| counts.iter().sum();
        Confusion {
            true_positive: sum(&self.positive[cut..]),
            false_positive: sum(&self.negative[cut..]),
            true_negative: sum(&self.negative[..cut]),
            false_negative: sum(&self.positive[..cut]),
        }
    }

    /// The area under the ROC curve, ties counting half. Nothing without both labels.
    pub fn roc_auc(&self) -> Option<f64> {
        let (mut below, mut area) = (0.0, 0.0);
        for (&negative, &positive) in self.negative.iter().zip(self.positive) {
            area += positive as f64 * (below + negative as f64 / 2.0);
            below += negative as f64;
        }
        let pairs = below * self.positive.iter().sum::<u64>() as f64;
        (pairs > 0.0).then(|| area / pairs)
    }

    /// The interval of [`ByLabel::roc_auc`] by the standard error of Hanley and McNeil (1982).
    pub fn roc_auc_interval(&self, level: f64) -> Option<Interval> {
        let area = self.roc_auc()?;
        let (m, n) = (self.negative.iter().sum::<u64>() as f64, self.positive.iter().sum::<u64>() as f64);
        let (q1, q2) = (area / (2.0 - area), 2.0 * area * area / (1.0 + area));
        let square = area * area;
        let variance = (area * (1.0 - area) + (n - 1.0) * (q1 - square) + (m - 1.0) * (q2 - square)) / (m * n);
        let half = normal_quantile(0.5 + level / 2.0) * variance.max(0.0).sqrt();
        Some(Interval { low: (area - half).max(0.0), high: (area + half).min(1.0) })
    }

    /// The average precision, `Σ (Rₖ − Rₖ₋₁)·Pₖ` from the highest score down. Nothing without a positive case.
    pub fn average_precision(&self) -> Option<f64> {
        let all: u64 = self.positive.iter().sum();
        let (mut hits, mut taken, mut sum) = (0.0, 0.0, 0.0);
        for (&negative, &positive) in self.negative.iter().zip(self.positive).rev() {
            hits += positive as f64;
            taken += (negative + positive) as f64;
            if positive > 0 {
                sum += positive as f64 * hits / taken;
            }
        }
        (all > 0).then(|| sum / all as f64)
    }

    /// The Brier score, the mean of `(score − label)²`, and its normal interval from two cases on.
    pub fn brier(&self, level: f64) -> Option<(f64, Option<Interval>)> {
        let (value, squares) = self.mean_of(|score, label| {
            let loss = (score - label) * (score - label);
            (loss, loss * loss)
        })?;
        let deviation = (squares - value * value).max(0.0).sqrt();
        Some((value, mean_interval(value, deviation, self.count() as f64, level)))
    }

    /// The log loss with the natural logarithm.
    pub fn log_loss(&self) -> Option<f64> {
        let (value, _) = self.mean_of(|score, label| (-(if label > 0.0 { score } else { 1.0 - score }).ln(), 0.0))?;
        Some(value)
    }

    /// The expected calibration error over `bins` bins of equal width: the mean distance between score and share of
    /// positive cases, each bin weighing what it holds (Guo et al., 2017).
    pub fn expected_calibration_error(&self, bins: usize) -> Option<f64> {
        let count = self.count();
        let mut sums = vec![0.0; bins];
        for (index, (&negative, &positive)) in self.negative.iter().zip(self.positive).enumerate() {
            let score = self.score(index);
            let bin = ((score * bins as f64) as usize).min(bins - 1);
            sums[bin] += (negative + positive) as f64 * score - positive as f64;
        }
        (count > 0).then(|| sums.iter().map(|sum: &f64| sum.abs()).sum::<f64>() / count as f64)
    }

    /// The middle of a bin.
    fn score(&self, bin: usize) -> f64 {
        (bin as f64 + 0.5) / self.negative.len() as f64
    }

    /// The means of two functions of score and label over all cases.
    fn mean_of(&self, of: impl Fn(f64, f64) -> (f64, f64)) -> Option<(f64, f64)> {
        let count = self.count();
        let (mut first, mut second) = (0.0, 0.0);
        for (label, counts) in [(0.0, self.negative), (1.0, self.positive)] {
            for (bin, &cases) in counts.iter().enumerate().filter(|(_, cases)| **cases > 0) {
                let (a, b) = of(self.score(bin), label);
                first += cases as f64 * a;
                second += cases as f64 * b;
            }
        }
        (count > 0).then(|| (first / count as f64, second / count as f64))
    }
}

impl Confusion {
    /// The share of right answers, as `(right, all)`.
    pub fn accuracy(&self) -> (u64, u64) {
        let Self { true_positive, false_positive, true_negative, false_negative } = *self;
        (true_positive + true_negative, true_positive + false_positive + true_negative + false_negative)
    }

    /// The share of positive cases among those above the threshold, as `(positive, above)`.
    pub fn precision(&self) -> (u64, u64) {
        (self.true_positive, self.true_positive + self.false_positive)
    }

    /// The share above the threshold among positive cases, as `(above, positive)`.
    pub fn recall(&self) -> (u64, u64) {
        (self.true_positive, self.true_positive + self.false_negative)
    }

    /// The harmonic mean of precision and recall; nothing without a positive case or answer.
    pub fn f1(&self) -> Option<f64> {
        let twice = 2 * self.true_positive;
        let all = twice + self.false_positive + self.false_negative;
        (all > 0).then(|| twice as f64 / all as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEGATIVE: [u64; 16] = [9, 7, 8, 5, 6, 4, 4, 3, 2, 2, 1, 0, 1, 0, 0, 0];
    const POSITIVE: [u64; 16] = [0, 1, 0, 2, 1, 2, 3, 3, 4, 5, 4, 6, 5, 7, 6, 8];
    const SCORES: ByLabel<'_> = ByLabel { negative: &NEGATIVE, positive: &POSITIVE };

    fn close(value: Option<f64>, wanted: f64) {
        let value = value.unwrap();
        assert!((value - wanted).abs() < 1e-12, "{value}, not {wanted}");
    }

    #[test]
    fn the_metrics_are_those_of_scikit_learn() {
        // scikit-learn 1.9.1 on the middles of the bins; the calibration error by numpy
        close(SCORES.roc_auc(), 0.9171727395411605);
        close(SCORES.average_precision(), 0.9218122136115795);
        close(SCORES.log_loss(), 0.39430705194622784);
        close(SCORES.expected_calibration_error(10), 0.07769495412844037);
        let confusion = SCORES.confusion(0.5);
        assert_eq!(
            confusion,
            Confusion { true_negative: 46, false_positive: 6, false_negative: 12, true_positive: 45 }
        );
        assert_eq!((confusion.accuracy(), confusion.precision(), confusion.recall()), ((91, 109), (45, 51), (45, 57)));
        close(confusion.f1(), 0.8333333333333334);
    }

    #[test]
    fn the_intervals_are_those_of_their_formulas() {
        let (brier, interval) = SCORES.brier(0.95).unwrap();
        close(Some(brier), 0.12411303038990826);
        close(interval.map(|interval| interval.low), 0.09424683711875487);
        close(interval.map(|interval| interval.high), 0.15397922366106165);
        close(SCORES.roc_auc_interval(0.95).map(|interval| interval.low), 0.8631138928841526);
    }

    #[test]
    fn one_label_alone_has_no_curve() {
        let none = [0; 16];
        let one = ByLabel { negative: &NEGATIVE, positive: &none };
        assert_eq!((one.roc_auc(), one.average_precision(), one.roc_auc_interval(0.95)), (None, None, None));
        assert!(one.log_loss().is_some());
        let empty = ByLabel { negative: &none, positive: &none };
        assert_eq!((empty.log_loss(), empty.expected_calibration_error(10), empty.brier(0.95)), (None, None, None));
        assert_eq!(empty.confusion(0.5).f1(), None);
        assert_eq!(ByLabel { negative: &[], positive: &[] }.roc_auc(), None);
    }
}
