//! A log-linear histogram of times with two significant digits.
//!
//! Times are cut to units of 10 µs. The first 100 buckets are one unit wide; after that each decade has 90 buckets, up to
//! 100 s, which the last bucket stands for together with everything above.

/// How many buckets there are.
pub const BUCKETS: usize = 100 + 90 * 5;

/// The bucket of a time in milliseconds. NaN and times below 0 count as 0.
pub fn bucket_of(ms: f64) -> usize {
    let units = (ms.max(0.0) * 100.0) as u64;
    let (mut decade, mut digits) = (0, units);
    while digits >= 100 {
        digits /= 10;
        decade += 1;
    }
    let bucket = if decade == 0 { digits as usize } else { 100 + 90 * (decade - 1) + (digits as usize - 10) };
    bucket.min(BUCKETS - 1)
}

/// The highest time of a bucket in milliseconds (exclusive).
pub fn upper_edge(bucket: usize) -> f64 {
    if bucket < 100 {
        return (bucket + 1) as f64 / 100.0;
    }
    let (decade, digits) = ((bucket - 100) / 90 + 1, (bucket - 100) % 90 + 10);
    (digits + 1) as f64 * 10f64.powi(decade as i32) / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_lies_in_its_bucket_within_two_digits() {
        for ms in [0.0, 0.004, 0.5, 0.999, 1.0, 1.04, 9.99, 12.3, 99.9, 100.0, 2_999.0, 45_000.0] {
            let bucket = bucket_of(ms);
            let high = upper_edge(bucket);
            let low = if bucket == 0 { 0.0 } else { upper_edge(bucket - 1) };
            assert!(low <= ms + 1e-9 && ms < high + 1e-9, "{ms}: {low}..{high}");
            assert!(high - low <= (0.1 * ms).max(0.01) + 1e-9, "{ms}: {low}..{high}");
        }
        assert_eq!(bucket_of(f64::NAN), 0);
        assert_eq!(bucket_of(-3.0), 0);
        assert_eq!(bucket_of(1e12), BUCKETS - 1);
    }

    #[test]
    fn the_edges_ascend() {
        assert!((1..BUCKETS).all(|bucket| upper_edge(bucket) > upper_edge(bucket - 1)));
    }
}
