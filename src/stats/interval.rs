//! Intervals for a share, a difference of shares, a ratio of shares, and a mean.
//!
//! Counts are f64, so that a count can be divided by its design effect before it becomes evidence.

use super::normal_quantile;
use serde::{Deserialize, Serialize};

/// From where to where a number may lie.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The number of standard errors on either side at a level such as 0.95.
fn z(level: f64) -> f64 {
    normal_quantile(0.5 + level / 2.0)
}

/// The interval of Wilson (1927) for the share `selected / count`, or nothing when nothing was counted.
///
/// ```
/// let interval = nearside::stats::wilson(8.0, 10.0, 0.95).unwrap();
/// assert!((interval.low - 0.4902).abs() < 1e-4 && (interval.high - 0.9433).abs() < 1e-4);
/// ```
pub fn wilson(selected: f64, count: f64, level: f64) -> Option<Interval> {
    if count <= 0.0 {
        return None;
    }
    let z = z(level);
    let (share, z2) = (selected / count, z * z);
    let centre = (share + z2 / (2.0 * count)) / (1.0 + z2 / count);
    let half = z / (1.0 + z2 / count) * (share * (1.0 - share) / count + z2 / (4.0 * count * count)).max(0.0).sqrt();
    Some(Interval { low: (centre - half).max(0.0), high: (centre + half).min(1.0) })
}

/// The interval of Newcombe (1998, method 10) for the difference of the first share minus the second. Each part is
/// `(selected, count)`.
pub fn newcombe(first: (f64, f64), second: (f64, f64), level: f64) -> Option<Interval> {
    let (a, b) = (wilson(first.0, first.1, level)?, wilson(second.0, second.1, level)?);
    let (p, q) = (first.0 / first.1, second.0 / second.1);
    let below = ((p - a.low).powi(2) + (b.high - q).powi(2)).sqrt();
    let above = ((a.high - p).powi(2) + (q - b.low).powi(2)).sqrt();
    Some(Interval { low: p - q - below, high: p - q + above })
}

/// The log interval of Katz et al. (1978) for the ratio of the first share to the second. Each part is
/// `(selected, count)`. Nothing when neither part has a selected one.
///
/// Where one share is 0, half a case is added to each of the four cells, and the end that the zero stands at is 0 or
/// infinite.
pub fn katz(first: (f64, f64), second: (f64, f64), level: f64) -> Option<Interval> {
    let (mut a, mut n, mut b, mut m) = (first.0, first.1, second.0, second.1);
    if n <= 0.0 || m <= 0.0 || (a <= 0.0 && b <= 0.0) {
        return None;
    }
    let (no_first, no_second) = (a <= 0.0, b <= 0.0);
    if no_first || no_second {
        (a, n, b, m) = (a + 0.5, n + 1.0, b + 0.5, m + 1.0);
    }
    let ratio = (a / n) / (b / m);
    let spread = (z(level) * (1.0 / a - 1.0 / n + 1.0 / b - 1.0 / m).max(0.0).sqrt()).exp();
    let low = if no_first { 0.0 } else { ratio / spread };
    let high = if no_second { f64::INFINITY } else { ratio * spread };
    Some(Interval { low, high })
}

/// The normal interval for a mean: `mean ± z·sd/√n`. Nothing below two numbers.
pub fn mean(mean: f64, standard_deviation: f64, count: f64, level: f64) -> Option<Interval> {
    if count < 2.0 {
        return None;
    }
    let half = z(level) * standard_deviation / count.sqrt();
    Some(Interval { low: mean - half, high: mean + half })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(interval: Option<Interval>, low: f64, high: f64) {
        let interval = interval.unwrap();
        assert!((interval.low - low).abs() < 1e-12 && (interval.high - high).abs() < 1e-12, "{interval:?}");
    }

    // The numbers are those of statsmodels 0.15.0: proportion_confint(method="wilson") and
    // confint_proportions_2indep(method="newcomb" and method="log").

    #[test]
    fn wilson_is_that_of_statsmodels() {
        close(wilson(0.0, 10.0, LEVEL), 0.0, 0.27753279986288926);
        close(wilson(8.0, 10.0, LEVEL), 0.49016247153664183, 0.9433178485456247);
        close(wilson(10.0, 10.0, LEVEL), 0.7224672001371106, 1.0);
        close(wilson(455.0, 500.0, LEVEL), 0.8816905887106665, 0.9320574521108607);
        assert_eq!(wilson(0.0, 0.0, LEVEL), None);
    }

    #[test]
    fn newcombe_is_that_of_statsmodels() {
        close(newcombe((56.0, 70.0), (48.0, 80.0), LEVEL), 0.05243147240236498, 0.33387265403690614);
        close(newcombe((9.0, 10.0), (3.0, 10.0), 0.99), 0.04302696661534433, 0.8374050678947363);
        assert_eq!(newcombe((1.0, 2.0), (0.0, 0.0), LEVEL), None);
    }

    #[test]
    fn katz_is_that_of_statsmodels_and_knows_zero() {
        close(katz((56.0, 70.0), (48.0, 80.0), LEVEL), 1.0766264227631928, 1.6512485112663873);
        // scipy 1.17.1, relative_risk(120, 400, 300, 600)
        close(katz((120.0, 400.0), (300.0, 600.0), 0.99), 0.4800336924043277, 0.7499473593132199);
        assert_eq!(katz((0.0, 10.0), (0.0, 10.0), LEVEL), None);
        let none = katz((0.0, 100.0), (50.0, 100.0), LEVEL).unwrap();
        assert!(none.low == 0.0 && none.high < 0.2, "{none:?}");
        assert_eq!(katz((50.0, 100.0), (0.0, 100.0), LEVEL).unwrap().high, f64::INFINITY);
    }

    #[test]
    fn fewer_cases_make_wider_intervals() {
        let width = |effect: f64| {
            let interval = wilson(300.0 / effect, 400.0 / effect, LEVEL).unwrap();
            interval.high - interval.low
        };
        assert!(width(3.7) > 1.8 * width(1.0));
        assert_eq!(mean(5.0, 1.0, 1.0, LEVEL), None);
        close(mean(5.0, 2.0, 100.0, LEVEL), 5.0 - 0.391992796908011, 5.0 + 0.391992796908011);
    }

    const LEVEL: f64 = 0.95;
}
