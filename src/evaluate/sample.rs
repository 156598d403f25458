//! Predictions with what came true, in units that can be drawn anew; metrics with intervals over them.

use super::interval::{draws, percentiles};
use super::report::Measured;
use crate::canvas::metric_range;
use crate::stats::Interval;

/// A closed form for the interval of a metric, where there is one; the inner value is nothing where these units do not
/// define it.
pub(super) type Closed = Option<Option<Interval>>;

/// The predictions of one model for the held-out rows, with what came true. What is drawn anew are units: rows, or the
/// groups of a ranking, whose rows say nothing alone.
pub(super) trait Sample {
    /// How many units there are.
    fn units(&self) -> usize;

    /// Metrics by name, where unit `i` counts `counts[i]` times. Nothing where the units do not define one, or there is
    /// none of that name.
    fn metrics(&self, names: &[&str], counts: &[f64]) -> Vec<Option<f64>>;

    /// The interval of a metric where a formula gives it. Otherwise it is resampled.
    fn closed(&self, name: &str, counts: &[f64]) -> Closed;

    /// What each unit loses: the mean of it over all units is what a worse slice stands out by.
    fn losses(&self) -> Vec<f64>;
}

/// Metrics with their intervals over the units at these places.
pub(super) fn measure(sample: &dyn Sample, names: &[&str], places: &[usize], seed: u64) -> Vec<Measured> {
    let mut counts = vec![0.0; sample.units()];
    places.iter().for_each(|&place| counts[place] = 1.0);
    let values = sample.metrics(names, &counts);
    let closed: Vec<Closed> = names.iter().map(|name| sample.closed(name, &counts)).collect();
    let open: Vec<&str> = names
        .iter()
        .zip(&closed)
        .zip(&values)
        .filter(|((_, c), v)| c.is_none() && v.is_some())
        .map(|((n, _), _)| *n)
        .collect();
    let mut found: Vec<Vec<f64>> = vec![Vec::new(); open.len()];
    if !open.is_empty() {
        draws(places, sample.units(), seed, &mut |counts| {
            for (found, value) in found.iter_mut().zip(sample.metrics(&open, counts)) {
                found.extend(value);
            }
        });
    }
    let mut found = open.iter().zip(found);
    let one = |((name, value), closed): ((&&str, Option<f64>), Closed)| {
        let interval = match (closed, value) {
            (Some(interval), _) => interval,
            (None, Some(value)) => {
                let resampled = found.next().and_then(|(_, found)| percentiles(found, value));
                let (lowest, highest) = metric_range(name);
                resampled.map(|Interval { low, high }| Interval { low: low.max(lowest), high: high.min(highest) })
            }
            (None, None) => None,
        };
        Measured::new(name, value, interval)
    };
    names.iter().zip(values).zip(closed).map(one).collect()
}
