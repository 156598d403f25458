//! Cases for the tests: 300, with ties, in three groups, from a linear congruential generator (Knuth's constants), so
//! that Python makes the same ones.

use super::cases::Cases;
use super::decision::{Answer, DecisionRule};
use super::held_out::HeldOut;
use crate::canvas::Canvas;
use crate::train::{Labels, Target};

/// Evenly spread numbers in 0…1.
pub(super) fn evenly(mut state: u64) -> impl FnMut() -> f64 {
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Score, label and group of every case.
pub(super) fn rows() -> (Vec<f64>, Vec<bool>, Vec<usize>) {
    let mut next = evenly(5);
    let (mut scores, mut labels, mut groups) = (vec![], vec![], vec![]);
    for _ in 0..300 {
        let (a, b, c) = (next(), next(), next());
        let (score, group) = ((a * 50.0).trunc() / 50.0 + 0.01, (c * 3.0) as usize);
        scores.push(score);
        labels.push(b < score * 0.9 + 0.05 - 0.05 * group as f64);
        groups.push(group);
    }
    (scores, labels, groups)
}

/// The answers to records with these scores, all inside their boundaries.
pub(super) fn answers(canvas: &Canvas, scores: &[f64]) -> Vec<Answer> {
    let rule = DecisionRule::of(canvas);
    scores.iter().map(|&score| rule.answer(score, true)).collect()
}

/// The same, treated as positive from 0.6 on.
pub(super) fn cases() -> Cases {
    let (scores, labels, _) = rows();
    Cases::new(scores.into_iter().zip(labels).map(|(score, label)| (score, label, score >= 0.6)))
}

/// Rows with these labels, held out from 1,200 others.
pub(super) fn held_out(labels: &[bool]) -> HeldOut {
    let of = labels.iter().map(|&label| usize::from(label)).collect();
    let labels = Labels { classes: vec!["no".into(), "yes".into()], positive: Some(1), of };
    held_out_of(Target::Classes(labels))
}

/// Rows with this target, in their order, held out from 1,200 others.
pub(super) fn held_out_of(target: Target) -> HeldOut {
    let rows = match &target {
        Target::Classes(labels) => labels.of.len(),
        Target::Numbers(numbers) => numbers.len(),
        Target::Ranks(ranks) => ranks.relevance.len(),
        Target::Anomalies(labels) => labels.as_ref().map_or(0, |labels| labels.of.len()),
    };
    HeldOut {
        rows: (0..rows).collect(),
        training_rows: 1200,
        target,
        groups: vec![],
        slices: vec![],
        features: vec![],
        naive: None,
    }
}

/// Probabilities of three classes and the true class of 60 rows.
pub(super) fn three_classes() -> (Vec<Vec<f64>>, Vec<usize>) {
    let mut next = evenly(9);
    let cents = |number: f64| (number * 100.0).round_ties_even() / 100.0;
    let row = |_| {
        let [a, b, c, d] = std::array::from_fn(|_| next());
        let weights = [0.2 + a, 0.2 + b * b, 0.1 + c * 1.5];
        let all: f64 = weights.iter().sum();
        let (first, second) = (cents(weights[0] / all), cents(weights[1] / all));
        let third = cents(1.0 - first - second);
        let (below, middle) = (0.6 * first + 0.4 / 3.0, 0.6 * second + 0.4 / 3.0);
        (vec![first, second, third], usize::from(d >= below) + usize::from(d >= below + middle))
    };
    (0..60).map(row).unzip()
}

/// The true and the predicted value of 40 rows.
pub(super) fn numbers() -> (Vec<f64>, Vec<f64>) {
    let mut next = evenly(21);
    let tenths = |number: f64| (number * 10.0).round_ties_even() / 10.0;
    let row = |_| {
        let (a, b) = (next(), next());
        (tenths(a * 20.0 - 4.0), tenths(a * 18.0 - 3.0 + (b - 0.5) * 6.0))
    };
    (0..40).map(row).unzip()
}

/// Prediction, grade and group of 42 rows in six groups, with ties; in the last nothing is relevant.
pub(super) fn ranking() -> (Vec<f64>, Vec<f64>, Vec<usize>) {
    let mut next = evenly(33);
    let (mut predicted, mut grades, mut groups) = (vec![], vec![], vec![]);
    for group in 0..6 {
        for _ in 0..7 {
            let (a, b) = (next(), next());
            predicted.push((a * 4.0).round_ties_even() / 4.0);
            grades.push(if group == 5 { 0.0 } else { (b * 4.0 * (0.5 + a / 2.0)).trunc() });
            groups.push(group);
        }
    }
    (predicted, grades, groups)
}
