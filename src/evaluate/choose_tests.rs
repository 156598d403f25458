use super::*;
use crate::canvas::{Canvas, Gate};
use crate::evaluate::held_out::Partition;
use crate::evaluate::{HeldOut, evaluate, reference};

/// The reference cases, with their scores moved away from 0.5 towards chance, and a gate on the ROC AUC.
fn report(noise: f64, limit: f64) -> EvaluationReport {
    let (scores, labels, groups) = reference::rows();
    let scores: Vec<f64> = scores
        .iter()
        .enumerate()
        .map(|(row, score)| score * (1.0 - noise) + noise * ((row * 7 % 11) as f64 / 11.0))
        .collect();
    let mut canvas = Canvas::default();
    canvas.offline_evaluation.gates = vec![Gate { metric: "roc_auc".into(), by: None, min: Some(limit), max: None }];
    let of = groups.into_iter().map(Some).collect();
    let groups = vec![Partition { name: "group".into(), values: vec!["a".into(), "b".into(), "c".into()], of }];
    let rows =
        HeldOut { rows: (0..300).collect(), training_rows: 0, labels, positive: "1".into(), groups, slices: vec![] };
    evaluate(&canvas, &reference::answers(&canvas, &scores), &rows).unwrap()
}

#[test]
fn the_best_ranking_of_those_that_pass_is_chosen() {
    let (best, worse) = (report(0.0, 0.7), report(0.5, 0.7));
    let choice = choose(&[("plain", &worse), ("reweighing", &best)]);
    assert_eq!(choice.chosen, Some(1));
    assert!(choice.words.starts_with("reweighing is chosen: it passes every gate, with a roc_auc of 0.8328"));
    assert_eq!(choose(&[("plain", &best), ("reweighing", &best)]).chosen, Some(0), "of equal ones the first");
}

#[test]
fn one_that_fails_a_gate_is_not_chosen_however_well_it_ranks() {
    let (fails, passes) = (report(0.0, 0.99), report(0.5, 0.6));
    let choice = choose(&[("plain", &fails), ("reweighing", &passes)]);
    assert_eq!(choice.chosen, Some(1));
    assert!(choice.words.contains("Not passed: plain: roc_auc is 0.8328"), "{}", choice.words);
}

#[test]
fn where_none_passes_it_is_said_that_retraining_does_not_help() {
    let fails = report(0.0, 0.99);
    let choice = choose(&[("plain", &fails), ("reweighing", &fails)]);
    assert_eq!(choice.chosen, None);
    for wanted in ["retraining cannot fix this", "plain: roc_auc is", "reweighing: roc_auc is"] {
        assert!(choice.words.contains(wanted), "{}", choice.words);
    }
    assert_eq!(choose(&[]).chosen, None);
}
