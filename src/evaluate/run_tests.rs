use super::*;
use crate::canvas::Gate;
use crate::evaluate::reference::{self, answers};

fn canvas() -> Canvas {
    let mut canvas = Canvas::default();
    let champion = Gate { metric: "roc_auc".into(), better_than: Some(Other::Champion), ..Gate::default() };
    let latency = Gate { metric: LATENCY_METRIC.into(), max: Some(2.0), ..Gate::default() };
    canvas.offline_evaluation.gates = vec![champion, latency];
    canvas
}

/// The reference cases, with their scores moved towards chance.
fn scores(noise: f64) -> (Vec<f64>, Vec<bool>) {
    let (scores, labels, _) = reference::rows();
    let moved = |(row, score): (usize, f64)| score * (1.0 - noise) + noise * ((row * 7 % 11) as f64 / 11.0);
    (scores.into_iter().enumerate().map(moved).collect(), labels)
}

fn judged(candidate: f64, champion: Option<f64>, margin: f64, latency_ms: f64) -> RunReport {
    let mut canvas = canvas();
    canvas.offline_evaluation.gates[0].margin = Some(margin);
    let rows = reference::held_out(&scores(0.0).1);
    let of = |noise: f64| answers(&canvas, &scores(noise).0);
    let its = champion.map(of);
    let champion = its.as_ref().map_or(Champion::None, |its| Champion::Answers("0a1b", its));
    judge_run(&canvas, &of(candidate), &rows, champion, Some(latency_ms)).unwrap()
}

#[test]
fn a_candidate_must_not_be_worse_than_the_champion() {
    let better = judged(0.0, Some(0.6), 0.0, 1.0);
    assert!(better.passed && better.words.starts_with("better than the champion 0a1b"), "{}", better.words);
    assert_eq!(better.champion.as_deref(), Some("0a1b"));
    let worse = judged(0.6, Some(0.0), 0.0, 1.0);
    assert!(!worse.passed && worse.words.starts_with("worse than the champion"), "{}", worse.words);
    assert!(worse.gates[0].words.ends_with("with no margin, so it may be worse"), "{}", worse.gates[0].words);
    assert!(judged(0.6, Some(0.0), 0.5, 1.0).passed, "a wide margin allows it");
    assert!(judged(0.3, Some(0.3), 0.0, 1.0).passed, "the same model is not worse");
}

#[test]
fn the_first_version_has_no_champion_and_one_that_cannot_answer_is_said() {
    let first = judged(0.6, None, 0.0, 1.0);
    assert!(first.passed && first.words == "there is no champion yet");
    let rows = reference::held_out(&scores(0.0).1);
    let its = answers(&canvas(), &scores(0.0).0);
    let champion = Champion::Unknown("0a1b", "there is no column \"age\"");
    let unknown = judge_run(&canvas(), &its, &rows, champion, None).unwrap();
    assert!(!unknown.passed && unknown.gates[0].words.contains("there is no column"), "{:?}", unknown.gates);
    assert!(!unknown.gates[1].passed, "a time that was not taken passes nothing");
    let other = Champion::Answers("0a1b", &its[..9]);
    assert!(judge_run(&canvas(), &its, &rows, other, None).unwrap().words.contains("cannot answer these rows"));
}

#[test]
fn a_slow_candidate_is_told_its_time_and_a_quick_one_is_not() {
    let (slow, quick) = (judged(0.0, None, 0.0, 3.5), judged(0.0, None, 0.0, 0.25));
    assert!(slow.gates[1].words.contains("median_latency_ms is 3.5000, above the limit of 2"), "{:?}", slow.gates[1]);
    assert_eq!(quick.gates[1].words, "median_latency_ms is not above the limit of 2");
    assert_eq!((slow.passed, quick.passed, quick.latency_ms), (false, true, Some(0.25)));
}
