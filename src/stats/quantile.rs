//! Quantiles of sorted numbers and of histograms.

use super::held;

/// The linear quantile of an ascending slice, as `numpy.quantile` gives it. Nothing when it is empty.
///
/// ```
/// assert_eq!(nearside::stats::of_sorted(&[1.0, 2.0, 3.0, 10.0], 0.5), Some(2.5));
/// ```
pub fn of_sorted(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = held(q, 0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    Some(low + (high - low) * (place - below as f64))
}

/// The quantile of a histogram whose bucket `i` ends at `upper_edge(i)` and begins where the one before ends, the first
/// at 0. Within a bucket the numbers are taken as evenly spread, so the answer is never further off than its bucket
/// is wide.
pub fn of_histogram(counts: &[u64], upper_edge: impl Fn(usize) -> f64, q: f64) -> Option<f64> {
    let total: u64 = counts.iter().sum();
    if total == 0 {
        return None;
    }
    let rank = held(held(q, 0.0, 1.0) * total as f64, 0.5, total as f64 - 0.5);
    let mut before = 0.0;
    for (bucket, &count) in counts.iter().enumerate() {
        let count = count as f64;
        if count > 0.0 && rank <= before + count {
            let low = if bucket == 0 { 0.0 } else { upper_edge(bucket - 1) };
            return Some(low + (upper_edge(bucket) - low) * (rank - before) / count);
        }
        before += count;
    }
    None
}

/// Between which two quantiles the true quantile `q` lies at this level, whatever the distribution: the normal
/// approximation of the order-statistic interval (Conover, Practical Nonparametric Statistics, section 3.2).
pub fn ranks(q: f64, count: f64, level: f64) -> (f64, f64) {
    let half = super::normal_quantile(0.5 + level / 2.0) * (q * (1.0 - q) / count.max(1.0)).sqrt();
    ((q - half).max(0.0), (q + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{BUCKETS, bucket_of, upper_edge};

    #[test]
    fn a_sorted_slice_has_the_quantiles_of_numpy() {
        // numpy 2.4.6
        let sorted = [-2.0, 0.5, 1.25, 3.5, 4.0, 7.75, 9.0];
        for (q, wanted) in [(0.0, -2.0), (0.1, -0.5), (0.25, 0.875), (0.5, 3.5), (0.9, 8.25), (1.0, 9.0)] {
            assert!((of_sorted(&sorted, q).unwrap() - wanted).abs() < 1e-12, "{q}");
        }
        assert_eq!(of_sorted(&[], 0.5), None);
        assert_eq!(of_sorted(&[4.0], 0.3), Some(4.0));
    }

    #[test]
    fn a_histogram_of_times_is_right_within_its_bucket() {
        let mut times: Vec<f64> = (0..5_000u32).map(|i| 0.2 * 1.002f64.powi(i as i32 % 4_999)).collect();
        let mut counts = vec![0; BUCKETS];
        for &ms in &times {
            counts[bucket_of(ms)] += 1;
        }
        times.sort_by(f64::total_cmp);
        for q in [0.01, 0.5, 0.75, 0.95, 0.99] {
            let (exact, binned) = (of_sorted(&times, q).unwrap(), of_histogram(&counts, upper_edge, q).unwrap());
            assert!((exact - binned).abs() <= 0.1 * exact + 0.01, "{q}: {binned}, exactly {exact}");
        }
        assert_eq!(of_histogram(&[0, 0], upper_edge, 0.5), None);
        let one = of_histogram(&[0, 1], upper_edge, 0.99).unwrap();
        assert!(one > 0.01 && one < 0.02, "{one}");
    }

    #[test]
    fn the_ranks_of_a_quantile_close_in_with_the_count() {
        let (low, high) = ranks(0.95, 100.0, 0.95);
        assert!((low - 0.9072835).abs() < 1e-6 && (high - 0.9927165).abs() < 1e-6, "{low} {high}");
        assert_eq!(ranks(0.95, 4.0, 0.95).1, 1.0);
    }
}
