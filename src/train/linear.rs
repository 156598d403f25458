//! Weighted linear and logistic regression with an L2 penalty, by Newton's method.

use crate::error::{Error, ErrorKind, Result};

/// Newton's method needs about ten steps; this many mean that it will not arrive.
const MOST_STEPS: usize = 100;
/// The squared Newton decrement, as a part of the objective where that is above 1, at which one last full step is taken: that step squares the distance to the optimum.
const ARRIVED: f64 = 1e-14;
/// A margin (in log-odds) that no fit to overlapping classes reaches, but one to separable classes grows beyond.
const SEPARATED: f64 = 25.0;

/// What a margin is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The logarithmic loss of a class, 0 or 1.
    Logistic,
    /// Half the squared distance from a number.
    Squared,
}

/// What a linear model is fitted to.
///
/// It minimises `Σ sᵢ·loss(yᵢ, xᵢ·w + b) / Σ sᵢ + l2/2·‖w‖² + Σ (d·w)²/2`. The intercept `b` is not penalised. With the
/// logistic loss and no `apart` this is scikit-learn's `LogisticRegression(C = 1 / (l2 · Σ sᵢ))`, with the squared one
/// its `Ridge(alpha = l2 · Σ sᵢ)`.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a> {
    /// The design matrix, row by row: `targets.len()` times `names.len()` numbers.
    pub columns: &'a [f64],
    /// What each column is called in errors.
    pub names: &'a [String],
    /// What is compared with the margins.
    pub loss: Loss,
    /// What each row should give: 1 for the positive class and 0 for the other, or a number.
    pub targets: &'a [f64],
    /// The weight `s` of each row, above 0.
    pub weights: &'a [f64],
    /// The strength of the penalty, per row; 0 or more.
    pub l2: f64,
    /// The sign that the weight of each column keeps to: 1 for not below 0, −1 for not above it, 0 for any.
    pub signs: &'a [i8],
    /// Directions `d` in which the margins should not differ, one number per column: how far the mean columns of a group
    /// are from those of all, times the root of how strongly that is held together.
    pub apart: &'a [Vec<f64>],
}

/// The optimum of a [`Problem`].
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// One weight per column.
    pub weights: Vec<f64>,
    /// The margin where every column is 0.
    pub intercept: f64,
    /// How many steps of Newton's method it took.
    pub steps: usize,
    /// The penalised mean loss at the optimum.
    pub objective: f64,
}

/// The logistic function, without overflow on either side.
pub fn sigmoid(margin: f64) -> f64 {
    if margin >= 0.0 {
        1.0 / (1.0 + (-margin).exp())
    } else {
        let exp = margin.exp();
        exp / (1.0 + exp)
    }
}

/// `ln(1 + e^x)`, without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// Fits by Newton's method with step halving; the same problem gives the same bits. Signs are kept by an active set
/// (Lawson and Hanson, "Solving Least Squares Problems", chapter 23, with Newton's method for the inner problem).
/// `progress` hears the number of the step and the objective.
///
/// # Errors
/// `invalid-data` that names the cause: the classes are separable, or columns depend on each other, and there is no
/// penalty that would keep the weights finite.
pub fn fit(problem: &Problem<'_>, progress: &mut dyn FnMut(usize, f64)) -> Result<Solution> {
    let width = problem.names.len();
    // The weights, and the intercept behind them.
    let mut point = vec![0.0; width + 1];
    let mut free = vec![true; width + 1];
    let mut steps = 0;
    loop {
        let target = newton(problem, &point, &free, &mut steps, progress)?;
        let violates = |place: usize| f64::from(problem.signs[place]) * target[place] < 0.0;
        let reach = |place: usize| point[place] / (point[place] - target[place]);
        let blocked: Vec<(usize, f64)> =
            (0..width).filter(|&place| violates(place)).map(|place| (place, reach(place))).collect();
        if let Some(share) = blocked.iter().map(|&(_, share)| share).reduce(f64::min) {
            // On the way to the optimum a weight would change its sign: stop there, and hold it at 0.
            for (from, to) in point.iter_mut().zip(&target) {
                *from += share * (to - *from);
            }
            for &(place, _) in blocked.iter().filter(|(_, reach)| *reach <= share) {
                (point[place], free[place]) = (0.0, false);
            }
            continue;
        }
        point = target;
        let state = State::at(problem, &point);
        let pull = |place: usize| f64::from(problem.signs[place]) * state.gradient[place];
        let wrong = (0..width).filter(|&place| !free[place] && pull(place) < -1e-9);
        match wrong.min_by(|&a, &b| pull(a).total_cmp(&pull(b))) {
            Some(place) => free[place] = true,
            None => {
                let intercept = point.pop().unwrap_or(0.0);
                return Ok(Solution { weights: point, intercept, steps, objective: state.objective });
            }
        }
    }
}

/// The objective and what its next step needs, at one point.
struct State {
    objective: f64,
    gradient: Vec<f64>,
    /// The second derivative of the loss by the margin, per row.
    curvatures: Vec<f64>,
    largest_margin: f64,
}

fn margin(row: &[f64], point: &[f64]) -> f64 {
    row.iter().zip(point).fold(point[row.len()], |sum, (column, weight)| sum + column * weight)
}

/// The product of two vectors, as long as the shorter.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl Loss {
    /// What a margin predicts.
    fn mean(self, margin: f64) -> f64 {
        match self {
            Self::Logistic => sigmoid(margin),
            Self::Squared => margin,
        }
    }

    fn at(self, margin: f64, target: f64) -> f64 {
        match self {
            // −y·ln p − (1 − y)·ln(1 − p), without overflow.
            Self::Logistic => softplus(margin) - target * margin,
            Self::Squared => (margin - target).powi(2) / 2.0,
        }
    }

    fn curvature(self, mean: f64) -> f64 {
        match self {
            Self::Logistic => mean * (1.0 - mean),
            Self::Squared => 1.0,
        }
    }
}

fn rows<'a>(problem: &Problem<'a>) -> impl Iterator<Item = &'a [f64]> {
    let (columns, width) = (problem.columns, problem.names.len());
    (0..problem.targets.len()).map(move |row| &columns[row * width..(row + 1) * width])
}

impl State {
    fn at(problem: &Problem<'_>, point: &[f64]) -> Self {
        let width = problem.names.len();
        let total: f64 = problem.weights.iter().sum();
        let mut state = Self {
            objective: 0.0,
            gradient: vec![0.0; width + 1],
            curvatures: Vec::with_capacity(problem.targets.len()),
            largest_margin: 0.0,
        };
        for ((row, &target), &weight) in rows(problem).zip(problem.targets).zip(problem.weights) {
            let margin = margin(row, point);
            let mean = problem.loss.mean(margin);
            state.objective += weight * problem.loss.at(margin, target);
            let slope = weight * (mean - target);
            for (sum, column) in state.gradient.iter_mut().zip(row) {
                *sum += slope * column;
            }
            state.gradient[width] += slope;
            state.curvatures.push(problem.loss.curvature(mean));
            state.largest_margin = state.largest_margin.max(margin.abs());
        }
        state.objective = state.objective / total + penalty(problem, point);
        for (place, sum) in state.gradient.iter_mut().enumerate() {
            *sum = *sum / total + if place < width { problem.l2 * point[place] } else { 0.0 };
        }
        for direction in problem.apart {
            let distance = dot(direction, point);
            state.gradient.iter_mut().zip(direction).for_each(|(sum, along)| *sum += distance * along);
        }
        state
    }
}

fn penalty(problem: &Problem<'_>, point: &[f64]) -> f64 {
    let squares: f64 = point[..problem.names.len()].iter().map(|weight| weight * weight).sum();
    let apart: f64 = problem.apart.iter().map(|direction| dot(direction, point).powi(2)).sum();
    problem.l2 / 2.0 * squares + apart / 2.0
}

fn objective(problem: &Problem<'_>, point: &[f64]) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for ((row, &target), &weight) in rows(problem).zip(problem.targets).zip(problem.weights) {
        let margin = margin(row, point);
        sum += weight * problem.loss.at(margin, target);
        total += weight;
    }
    sum / total + penalty(problem, point)
}

/// The optimum over the free places, the others staying where they are.
fn newton(
    problem: &Problem<'_>,
    start: &[f64],
    free: &[bool],
    steps: &mut usize,
    progress: &mut dyn FnMut(usize, f64),
) -> Result<Vec<f64>> {
    let places: Vec<usize> = (0..free.len()).filter(|&place| free[place]).collect();
    let mut point = start.to_vec();
    for _ in 0..MOST_STEPS {
        let state = State::at(problem, &point);
        progress(*steps, state.objective);
        *steps += 1;
        if problem.loss == Loss::Logistic && problem.l2 == 0.0 && state.largest_margin > SEPARATED {
            return Err(separable(problem, &point));
        }
        let mut curvature = hessian(problem, &state, &places);
        let gradient: Vec<f64> = places.iter().map(|&place| state.gradient[place]).collect();
        if let Err(dependent) = cholesky(&mut curvature, places.len()) {
            return Err(singular(problem, &point, places[dependent]));
        }
        let step = solve(&curvature, &gradient);
        let decrement: f64 = step.iter().zip(&gradient).map(|(step, slope)| step * slope).sum();
        let moved = |share: f64| {
            let mut moved = point.clone();
            for (&place, step) in places.iter().zip(&step) {
                moved[place] -= share * step;
            }
            moved
        };
        if decrement <= ARRIVED * state.objective.max(1.0) {
            return Ok(moved(1.0));
        }
        let shares = (0..40).map(|halvings| 0.5_f64.powi(halvings));
        // Armijo's condition; the last term lets a step pass that only rounding keeps from being one down.
        let lower = |share: &f64| {
            let allowed = state.objective - 1e-4 * share * decrement + 4.0 * f64::EPSILON * state.objective;
            objective(problem, &moved(*share)) <= allowed
        };
        match { shares }.find(lower) {
            Some(share) => point = moved(share),
            None => break,
        }
    }
    let error = Error::new(ErrorKind::InvalidData, format!("the fit did not settle in {MOST_STEPS} steps"));
    Err(error.help("give numbers the transform \"standardize\", or raise building_models.trainer.l2"))
}

/// The second derivatives of the objective over `places`, row by row; only the lower triangle is filled.
fn hessian(problem: &Problem<'_>, state: &State, places: &[usize]) -> Vec<f64> {
    let (size, width) = (places.len(), problem.names.len());
    let total: f64 = problem.weights.iter().sum();
    let mut sums = vec![0.0; size * size];
    let mut picked = vec![0.0; size];
    for ((row, &curvature), &weight) in rows(problem).zip(&state.curvatures).zip(problem.weights) {
        let curvature = weight * curvature / total;
        for (value, &place) in picked.iter_mut().zip(places) {
            *value = row.get(place).copied().unwrap_or(1.0);
        }
        for i in 0..size {
            let scaled = curvature * picked[i];
            // One-hot rows are mostly zeros.
            if scaled != 0.0 {
                for (sum, value) in sums[i * size..=i * size + i].iter_mut().zip(&picked) {
                    *sum += scaled * value;
                }
            }
        }
    }
    for (i, &place) in places.iter().enumerate() {
        if place < width {
            sums[i * size + i] += problem.l2;
        }
    }
    for direction in problem.apart {
        let along = |i: usize| direction.get(places[i]).copied().unwrap_or(0.0);
        for i in 0..size {
            for j in 0..=i {
                sums[i * size + j] += along(i) * along(j);
            }
        }
    }
    sums
}

/// Replaces the lower triangle of a symmetric matrix by its Cholesky factor. Gives the first row that depends on those
/// before it, where the matrix is not positive definite.
fn cholesky(matrix: &mut [f64], size: usize) -> Result<(), usize> {
    for i in 0..size {
        let before = matrix[i * size + i];
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| matrix[i * size + k] * matrix[j * size + k]).sum();
            let rest = matrix[i * size + j] - dot;
            if i == j {
                // What is left of the diagonal is rounding when it is this small beside what was there.
                if !(rest > 1e-13 * before && rest > 0.0) {
                    return Err(i);
                }
                matrix[i * size + i] = rest.sqrt();
            } else {
                matrix[i * size + j] = rest / matrix[j * size + j];
            }
        }
    }
    Ok(())
}

/// Solves `L Lᵀ x = b`.
fn solve(factor: &[f64], b: &[f64]) -> Vec<f64> {
    let size = b.len();
    let mut x = b.to_vec();
    for i in 0..size {
        let dot: f64 = (0..i).map(|k| factor[i * size + k] * x[k]).sum();
        x[i] = (x[i] - dot) / factor[i * size + i];
    }
    for i in (0..size).rev() {
        let dot: f64 = (i + 1..size).map(|k| factor[k * size + i] * x[k]).sum();
        x[i] = (x[i] - dot) / factor[i * size + i];
    }
    x
}

/// The column that moves the margins most at this point.
fn leading<'a>(problem: &Problem<'a>, point: &[f64]) -> Option<&'a String> {
    let mut reach = vec![(f64::INFINITY, f64::NEG_INFINITY); problem.names.len()];
    for row in rows(problem) {
        for (reach, &value) in reach.iter_mut().zip(row) {
            *reach = (reach.0.min(value), reach.1.max(value));
        }
    }
    let effect = |place: &usize| point[*place].abs() * (reach[*place].1 - reach[*place].0);
    let place = (0..problem.names.len()).max_by(|a, b| effect(a).total_cmp(&effect(b)))?;
    problem.names.get(place)
}

fn separable(problem: &Problem<'_>, point: &[f64]) -> Error {
    let message = "the columns tell some rows' classes apart without a single error, so the weights grow without end";
    let error = Error::new(ErrorKind::InvalidData, message);
    let error = leading(problem, point).into_iter().fold(error, Error::item);
    error.help("set building_models.trainer.l2 above 0, and check that the feature is known before the outcome is")
}

fn singular(problem: &Problem<'_>, point: &[f64], place: usize) -> Error {
    let undetermined = match problem.names.get(place) {
        _ if problem.l2 > 0.0 => "the penalty is too weak beside the size of the columns to determine the weights",
        Some(_) => "the column is constant or can be computed from the others, so its weight is not determined",
        None => {
            "some columns always sum to the same number, as those of the categories of a feature do, so the intercept is not determined"
        }
    };
    let error = Error::new(ErrorKind::InvalidData, undetermined);
    let error = problem.names.get(place).or_else(|| leading(problem, point)).into_iter().fold(error, Error::item);
    error.help("raise building_models.trainer.l2 (0.0001 is usual), or remove the feature")
}

#[cfg(test)]
#[path = "linear_tests.rs"]
mod tests;
