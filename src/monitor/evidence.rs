//! How much a count is worth as evidence.

use crate::stats::{Interval, held, wilson};
use serde::{Deserialize, Serialize};

/// The level of every interval in a report.
pub const LEVEL: f64 = 0.95;

/// How alike the predictions of one page session are taken to be: 0 is not at all, 1 is copies of each other.
const INTRA_SESSION_CORRELATION: f64 = 0.3;

/// A mean of more predictions per session than this is no visitor but a host that asks for many people (a worker, a
/// server, a batch), so it counts no further against the evidence.
const PREDICTIONS_PER_VISITOR: f64 = 10.0;

/// The smallest count that anything is judged on when the canvas names none.
pub(super) const MINIMUM_COUNT: u64 = 30;

/// By how much fewer cases predictions are worth because a visitor makes several, at least 1 and at most 3.7: the
/// design effect of cluster samples, `1 + (m − 1)·ρ` (Kish, 1965), where `m` is the mean number of predictions per
/// session, cut at 10, and ρ = 0.3. A count divided by it is an effective count.
///
/// ```
/// use nearside::monitor::design_effect;
/// assert_eq!(design_effect(500, 500), 1.0);
/// assert_eq!(design_effect(500, 100), 2.2);
/// assert!((design_effect(500, 1) - 3.7).abs() < 1e-12);
/// ```
pub fn design_effect(predictions: u64, sessions: u64) -> f64 {
    let mean = held(predictions as f64 / sessions.max(1) as f64, 1.0, PREDICTIONS_PER_VISITOR);
    1.0 + (mean - 1.0) * INTRA_SESSION_CORRELATION
}

/// A number with its interval at [`LEVEL`] and the count behind it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// How many cases it was counted over.
    pub count: u64,
}

impl Estimate {
    /// A share with its Wilson interval, each case worth `1 / effect`. Nothing when nothing was counted.
    pub(super) fn share(selected: u64, count: u64, effect: f64) -> Option<Self> {
        let Interval { low, high } = wilson(selected as f64 / effect, count as f64 / effect, LEVEL)?;
        Some(Self { value: selected as f64 / count as f64, low, high, count })
    }
}

/// `part / all`, or nothing when there is nothing to divide by.
pub(super) fn share(part: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| part as f64 / all as f64)
}
