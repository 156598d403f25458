//! Softmax regression with an L2 penalty, by the limited-memory method of Broyden, Fletcher, Goldfarb and Shanno.

use super::linear::dot;
use crate::error::{Error, ErrorKind, Result};
use std::collections::VecDeque;

/// How many of the last steps tell the curvature.
const MEMORY: usize = 20;
/// Problems of a few thousand weights settle in some tens to hundreds of steps.
const MOST_STEPS: usize = 3000;
/// The largest slope at which the optimum is reached, to rounding.
const ARRIVED: f64 = 1e-10;
/// A slope that is good enough where rounding lets no further step go down.
const SETTLED: f64 = 1e-5;

/// What a softmax regression is fitted to.
///
/// It minimises `−Σ sᵢ·ln p(yᵢ | xᵢ) / Σ sᵢ + l2/2·‖W‖²` with `p` the softmax of `W·x + b`; the intercepts `b` are not
/// penalised. This is scikit-learn's multinomial `LogisticRegression(C = 1 / (l2 · Σ sᵢ))`.
#[derive(Debug, Clone, Copy)]
pub struct SoftmaxProblem<'a> {
    /// The design matrix, row by row: one row per label, `width` numbers each.
    pub columns: &'a [f64],
    /// The number of columns.
    pub width: usize,
    /// The class of each row, below `classes`.
    pub labels: &'a [usize],
    /// The number of classes.
    pub classes: usize,
    /// The weight `s` of each row, above 0.
    pub weights: &'a [f64],
    /// The strength of the penalty, per row; 0 or more.
    pub l2: f64,
}

/// Fits from zero; the same problem gives the same bits. Gives the weights, class by class, each with its intercept
/// behind it: `classes × (width + 1)` numbers. `progress` hears the number of the step.
///
/// # Errors
/// `invalid-data` when the fit does not settle: the classes can be told apart without error and there is no penalty, or
/// the columns are of very different size.
pub fn fit_softmax(problem: &SoftmaxProblem<'_>, progress: &mut dyn FnMut(usize)) -> Result<Vec<f64>> {
    let size = problem.classes * (problem.width + 1);
    let mut point = vec![0.0; size];
    let (mut value, mut slope) = at(problem, &point);
    let mut memory: VecDeque<(Vec<f64>, Vec<f64>, f64)> = VecDeque::new();
    for step in 0..MOST_STEPS {
        progress(step);
        if largest(&slope) <= ARRIVED {
            return Ok(point);
        }
        let direction = downhill(&slope, &memory);
        let descent = dot(&direction, &slope);
        // Armijo's condition; the last term lets a step pass that only rounding keeps from being one down.
        let next = (0..40).map(|halvings| 0.5_f64.powi(halvings)).find_map(|share| {
            let moved: Vec<f64> = point.iter().zip(&direction).map(|(x, d)| x + share * d).collect();
            let (lower, at_moved) = at(problem, &moved);
            let allowed = value + 1e-4 * share * descent + 4.0 * f64::EPSILON * value.abs();
            (lower <= allowed).then_some((moved, lower, at_moved))
        });
        let Some((moved, lower, at_moved)) = next else { break };
        let moves: Vec<f64> = moved.iter().zip(&point).map(|(new, old)| new - old).collect();
        let bends: Vec<f64> = at_moved.iter().zip(&slope).map(|(new, old)| new - old).collect();
        let curvature = dot(&moves, &bends);
        let stuck = lower >= value;
        (point, value, slope) = (moved, lower, at_moved);
        if curvature > 0.0 {
            memory.push_back((moves, bends, curvature));
            if memory.len() > MEMORY {
                memory.pop_front();
            }
        }
        if stuck && largest(&slope) <= SETTLED {
            break;
        }
    }
    if largest(&slope) <= SETTLED {
        return Ok(point);
    }
    let error = Error::new(ErrorKind::InvalidData, "the fit did not settle");
    Err(error.help("give numbers the transform \"standardize\", or raise building_models.trainer.l2"))
}

/// The objective and its slope.
fn at(problem: &SoftmaxProblem<'_>, point: &[f64]) -> (f64, Vec<f64>) {
    let (width, stride) = (problem.width, problem.width + 1);
    let total: f64 = problem.weights.iter().sum();
    let (mut value, mut slope) = (0.0, vec![0.0; point.len()]);
    let mut margins = vec![0.0; problem.classes];
    let rows = problem.columns.chunks_exact(width.max(1));
    for ((row, &label), &weight) in rows.zip(problem.labels).zip(problem.weights) {
        for (margin, weights) in margins.iter_mut().zip(point.chunks_exact(stride)) {
            *margin = dot(row, weights) + weights[width];
        }
        let own = margins[label];
        let (highest, sum) = softmax(&mut margins);
        value -= weight * (own - highest - sum.ln());
        for (class, (&probability, slopes)) in margins.iter().zip(slope.chunks_exact_mut(stride)).enumerate() {
            let pull = weight * (probability - f64::from(u8::from(class == label)));
            slopes.iter_mut().zip(row).for_each(|(sum, column)| *sum += pull * column);
            slopes[width] += pull;
        }
    }
    value /= total;
    for (weights, slopes) in point.chunks_exact(stride).zip(slope.chunks_exact_mut(stride)) {
        for (place, (weight, slope)) in weights.iter().zip(slopes).enumerate() {
            *slope /= total;
            if place < width {
                value += problem.l2 / 2.0 * weight * weight;
                *slope += problem.l2 * weight;
            }
        }
    }
    (value, slope)
}

/// Replaces margins by probabilities. Gives the highest margin, and the sum that was divided by.
pub(super) fn softmax(margins: &mut [f64]) -> (f64, f64) {
    let highest = margins.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for margin in &mut *margins {
        *margin = (*margin - highest).exp();
        sum += *margin;
    }
    margins.iter_mut().for_each(|margin| *margin /= sum);
    (highest, sum)
}

/// The quasi-Newton direction: Nocedal and Wright, "Numerical Optimization", algorithm 7.4.
fn downhill(slope: &[f64], memory: &VecDeque<(Vec<f64>, Vec<f64>, f64)>) -> Vec<f64> {
    let mut direction: Vec<f64> = slope.iter().map(|slope| -slope).collect();
    let mut shares = Vec::with_capacity(memory.len());
    for (moves, bends, curvature) in memory.iter().rev() {
        let share = dot(moves, &direction) / curvature;
        direction.iter_mut().zip(bends).for_each(|(d, bend)| *d -= share * bend);
        shares.push(share);
    }
    if let Some((_, bends, curvature)) = memory.back() {
        let scale = curvature / dot(bends, bends);
        direction.iter_mut().for_each(|d| *d *= scale);
    }
    for ((moves, bends, curvature), share) in memory.iter().zip(shares.into_iter().rev()) {
        let rest = share - dot(bends, &direction) / curvature;
        direction.iter_mut().zip(moves).for_each(|(d, by)| *d += rest * by);
    }
    direction
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, value| most.max(value.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_classes_give_the_logistic_regression() {
        // Softmax with two classes holds w/2 and −w/2: a penalty of l2 on both is one of l2/2 on w.
        let columns: Vec<f64> = (0..60).flat_map(|row| [f64::from(row % 7), f64::from(row % 5) / 2.0]).collect();
        let labels: Vec<usize> =
            (0..60).map(|row| usize::from((row * 31 % 11) as f64 > 3.0 + columns[2 * row])).collect();
        let problem =
            SoftmaxProblem { columns: &columns, width: 2, labels: &labels, classes: 2, weights: &[1.0; 60], l2: 0.02 };
        let both = fit_softmax(&problem, &mut |_| {}).unwrap();
        let targets: Vec<f64> = labels.iter().map(|&label| label as f64).collect();
        let one = crate::train::fit(
            &crate::train::Problem {
                columns: &columns,
                names: &["a".into(), "b".into()],
                loss: crate::train::Loss::Logistic,
                targets: &targets,
                weights: &[1.0; 60],
                l2: 0.01,
                signs: &[0; 2],
                apart: &[],
            },
            &mut |_, _| {},
        );
        let one = one.unwrap();
        for place in 0..2 {
            assert!((both[3 + place] - both[place] - one.weights[place]).abs() < 1e-8, "{both:?} {one:?}");
        }
        assert!((both[5] - both[2] - one.intercept).abs() < 1e-8, "{both:?} {one:?}");
    }

    #[test]
    fn classes_that_no_penalty_holds_end_in_finite_weights() {
        let columns: Vec<f64> = (0..20).map(f64::from).collect();
        let labels: Vec<usize> = (0..20).map(|row| row / 10).collect();
        let problem =
            SoftmaxProblem { columns: &columns, width: 1, labels: &labels, classes: 2, weights: &[1.0; 20], l2: 0.0 };
        let outcome = fit_softmax(&problem, &mut |_| {});
        // Without a penalty the weights grow until every probability is 1 to within rounding: that is flat, too.
        assert!(outcome.is_ok_and(|weights| weights.iter().all(|weight| weight.is_finite())));
    }
}
