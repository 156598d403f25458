//! Isotonic calibration: the rising table that turns a score into the share of positives.

use super::calibration::expected_calibration_error;
use super::cases::Cases;
use serde::{Deserialize, Serialize};

/// The most knots that a table has.
const MOST_KNOTS: usize = 256;

/// Below this many rows the halves are too small to say whether the table helps.
const FEWEST_ROWS: usize = 100;

/// The table, and whether it helps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Isotonic {
    /// Score and calibrated score, both rising; between two knots it is a straight line, outside of them it is level. Fitted
    /// to all held-out rows.
    pub knots: Vec<[f64; 2]>,
    /// The expected calibration error of the scores as they are, on the half of the rows that is not fitted to.
    pub error_before: Option<f64>,
    /// The same of scores that went through a table fitted to the other half.
    pub error_after: Option<f64>,
}

/// The isotonic regression of `(x, y, weight)`, by pooling adjacent violators (Ayer et al., 1955); points with the same `x`
/// are one point. Of each level part the two ends are knots, and of more than 256 of these every so-many-th, the ends among
/// them. Points without weight are left out.
///
/// ```
/// # #[cfg(feature = "cli")] {
/// let knots = nearside::evaluate::isotonic(&[(1.0, 0.0, 1.0), (2.0, 1.0, 1.0), (3.0, 0.5, 1.0)]);
/// assert_eq!(knots, [[1.0, 0.0], [2.0, 0.75], [3.0, 0.75]]);
/// # }
/// ```
pub fn isotonic(points: &[(f64, f64, f64)]) -> Vec<[f64; 2]> {
    let mut points: Vec<(f64, f64, f64)> = points.iter().copied().filter(|point| point.2 > 0.0).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Level parts: the first and last x, the weighted sum, the weight.
    let mut parts: Vec<(f64, f64, f64, f64)> = Vec::new();
    for same in points.chunk_by(|a, b| a.0 == b.0) {
        let weight: f64 = same.iter().map(|point| point.2).sum();
        let sum: f64 = same.iter().map(|point| point.1 * point.2).sum();
        let mut part = (same[0].0, same[0].0, sum, weight);
        while let Some(before) = parts.pop_if(|before| before.2 / before.3 >= part.2 / part.3) {
            part = (before.0, part.1, before.2 + part.2, before.3 + part.3);
        }
        parts.push(part);
    }
    let knots = parts.iter().flat_map(|&(first, last, sum, weight)| {
        let both = if first == last { vec![first] } else { vec![first, last] };
        both.into_iter().map(move |x| [x, sum / weight])
    });
    let knots: Vec<[f64; 2]> = knots.collect();
    if knots.len() <= MOST_KNOTS {
        return knots;
    }
    let last = knots.len() - 1;
    (0..MOST_KNOTS).map(|place| knots[place * last / (MOST_KNOTS - 1)]).collect()
}

/// The calibrated score by a table.
///
/// ```
/// # #[cfg(feature = "cli")] {
/// let knots = [[0.25, 0.125], [0.75, 0.625]];
/// let calibrated = [0.0, 0.5, 0.9].map(|score| nearside::evaluate::calibrated(&knots, score));
/// assert_eq!(calibrated, [0.125, 0.375, 0.625]);
/// # }
/// ```
pub fn calibrated(knots: &[[f64; 2]], score: f64) -> f64 {
    let above = knots.partition_point(|knot| knot[0] <= score);
    match (above.checked_sub(1).and_then(|below| knots.get(below)), knots.get(above)) {
        (Some(low), Some(high)) => low[1] + (high[1] - low[1]) * (score - low[0]) / (high[0] - low[0]),
        (Some(only), None) | (None, Some(only)) => only[1],
        (None, None) => score,
    }
}

/// The table of these cases, and what it does for half of them when it is fitted to the other half. `order` are all places,
/// shuffled.
pub(super) fn table(scores: &[f64], labels: &[bool], order: &[usize]) -> Option<Isotonic> {
    let knots = |rows: &[usize]| {
        let points: Vec<_> = rows.iter().map(|&row| (scores[row], f64::from(u8::from(labels[row])), 1.0)).collect();
        isotonic(&points)
    };
    if order.len() < FEWEST_ROWS {
        return None;
    }
    let (fitted, other) = order.split_at(order.len() / 2);
    let half = knots(fitted);
    let error = |score: &dyn Fn(f64) -> f64| {
        let cases = other.iter().map(|&row| (score(scores[row]).clamp(0.0, 1.0), labels[row], false));
        expected_calibration_error(&Cases::new(cases))
    };
    Some(Isotonic {
        knots: knots(order),
        error_before: error(&|score| score),
        error_after: error(&|score| calibrated(&half, score)),
    })
}

#[cfg(test)]
#[path = "isotonic_tests.rs"]
mod tests;
