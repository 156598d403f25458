//! Intervals for metrics that are not a share: DeLong for the ROC AUC, a seeded bootstrap for the others.

use super::cases::Cases;
use super::metrics::roc_auc;
use super::report::LEVEL;
use crate::stats::{Interval, normal_quantile, of_sorted, wilson};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// How often the cases are drawn anew.
pub const RESAMPLES: usize = 300;

/// The interval of DeLong, DeLong and Clarke-Pearson (1988) for the ROC AUC, with ties. Nothing with fewer than two
/// cases of a class. Where no pair is in the wrong order (or in the right one) the variance is 0 and tells nothing:
/// there it is the Wilson interval over the smaller class.
pub fn delong(cases: &Cases) -> Option<Interval> {
    let auc = roc_auc(cases)?;
    let (positives, negatives) = cases.classes();
    if positives < 2.0 || negatives < 2.0 {
        return None;
    }
    if auc == 0.0 || auc == 1.0 {
        let smaller = positives.min(negatives);
        return wilson(auc * smaller, smaller, LEVEL);
    }
    // The share of the other class that each case is on the right side of: its structural component.
    let (mut below_positive, mut below_negative) = (0.0, 0.0);
    let (mut spread_positive, mut spread_negative) = (0.0, 0.0);
    for (_, positive, negative) in cases.ties() {
        let of_positive = (below_negative + negative / 2.0) / negatives;
        let of_negative = 1.0 - (below_positive + positive / 2.0) / positives;
        spread_positive += positive * (of_positive - auc).powi(2);
        spread_negative += negative * (of_negative - auc).powi(2);
        below_positive += positive;
        below_negative += negative;
    }
    let variance = spread_positive / (positives - 1.0) / positives + spread_negative / (negatives - 1.0) / negatives;
    let half = normal_quantile(0.5 + LEVEL / 2.0) * variance.sqrt();
    Some(Interval { low: (auc - half).max(0.0), high: (auc + half).min(1.0) })
}

/// What is computed of each resample.
pub(super) type Statistic<'a> = &'a dyn Fn(&Cases) -> Option<f64>;

/// Draws as many of these places as there are, with replacement, [`RESAMPLES`] times, and tells how often each of
/// `units` places was drawn. Not once where there are fewer than two places.
pub(super) fn draws(places: &[usize], units: usize, seed: u64, each: &mut dyn FnMut(&[f64])) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut counts = vec![0.0; units];
    for _ in 0..if places.len() < 2 { 0 } else { RESAMPLES } {
        counts.fill(0.0);
        for _ in 0..places.len() {
            let place = (u128::from(rng.next_u64()) * places.len() as u128) >> 64;
            counts[places[place as usize]] += 1.0;
        }
        each(&counts);
    }
}

/// The percentile interval of what a statistic with this value gave of the draws (Efron and Tibshirani, "An Introduction
/// to the Bootstrap", chapter 13), moved by the distance between the value and the mean of the draws: so one that is biased
/// upwards, as a calibration error is, lies within its interval. Nothing where less than every second draw defines it.
pub(super) fn percentiles(mut found: Vec<f64>, value: f64) -> Option<Interval> {
    if found.len() < RESAMPLES / 2 {
        return None;
    }
    found.sort_by(f64::total_cmp);
    let shift = value - found.iter().sum::<f64>() / found.len() as f64;
    let end = |q: f64| of_sorted(&found, q).map(|end| end + shift);
    Some(Interval { low: end(0.5 - LEVEL / 2.0)?, high: end(0.5 + LEVEL / 2.0)? })
}

/// Percentile intervals of several statistics over the same [`RESAMPLES`] draws of the cases, each moved so that it lies
/// about its statistic. None goes below 0. Draws where a statistic is not defined are left out of it; nothing where that is
/// every second one.
pub fn bootstrap(cases: &Cases, seed: u64, statistics: &[Statistic<'_>]) -> Vec<Option<Interval>> {
    let places: Vec<usize> = (0..cases.len()).collect();
    let mut drawn = cases.clone();
    let mut found: Vec<Vec<f64>> = vec![Vec::with_capacity(RESAMPLES); statistics.len()];
    draws(&places, cases.len(), seed, &mut |counts| {
        drawn.counts.copy_from_slice(counts);
        for (statistic, found) in statistics.iter().zip(&mut found) {
            found.extend(statistic(&drawn));
        }
    });
    let interval = |(statistic, found): (&Statistic<'_>, Vec<f64>)| {
        let Interval { low, high } = percentiles(found, statistic(cases)?)?;
        Some(Interval { low: low.max(0.0), high: high.max(0.0) })
    };
    statistics.iter().zip(found).map(interval).collect()
}

#[cfg(test)]
#[path = "interval_tests.rs"]
mod tests;
