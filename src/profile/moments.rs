//! Count, mean, variance, lowest and highest value in one pass.

use serde::{Deserialize, Serialize};

/// The moments of a stream of numbers, by Welford's update (1962); merged by the formula of Chan, Golub and LeVeque.
///
/// ```
/// let mut moments = nearside::profile::Moments::default();
/// for value in [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0] {
///     moments.push(value);
/// }
/// assert_eq!((moments.mean, moments.standard_deviation()), (5.0, Some(2.0)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// How many numbers.
    pub count: u64,
    /// Their mean; 0 when there are none.
    pub mean: f64,
    /// The sum of squared differences from the mean.
    pub m2: f64,
    /// The lowest, or a bound below it; infinity when there are none.
    pub min: f64,
    /// The highest, or a bound above it; minus infinity when there are none.
    pub max: f64,
}

impl Default for Moments {
    fn default() -> Self {
        Self { count: 0, mean: 0.0, m2: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY }
    }
}

impl Moments {
    /// Moments whose ends are not known: no number is further than √m2 from the mean of its stream.
    pub fn bounded(count: u64, mean: f64, m2: f64) -> Self {
        let reach = m2.max(0.0).sqrt();
        Self { count, mean, m2, min: mean - reach, max: mean + reach }
    }

    /// Adds a finite number.
    pub fn push(&mut self, value: f64) {
        self.count += 1;
        let delta = value - self.mean;
        self.mean += delta / self.count as f64;
        self.m2 += delta * (value - self.mean);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// Adds the numbers that another one has seen.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *other;
            return;
        }
        let (mine, theirs) = (self.count as f64, other.count as f64);
        let (total, delta) = (mine + theirs, other.mean - self.mean);
        self.mean += delta * theirs / total;
        self.m2 += other.m2 + delta * delta * mine * theirs / total;
        self.count += other.count;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// The standard deviation of the numbers themselves (divisor n), or nothing when there are none.
    pub fn standard_deviation(&self) -> Option<f64> {
        (self.count > 0).then(|| (self.m2 / self.count as f64).sqrt())
    }
}
