//! Cases for the tests: 300, with ties, in three groups, from a linear congruential generator (Knuth's constants), so
//! that Python makes the same ones.

use super::cases::Cases;
use super::decision::{Answer, DecisionRule};
use crate::canvas::Canvas;

/// Score, label and group of every case.
pub(super) fn rows() -> (Vec<f64>, Vec<bool>, Vec<usize>) {
    let mut state: u64 = 5;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
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
