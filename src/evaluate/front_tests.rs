use super::super::reference::{self, answers};
use super::super::{HeldOut, Partition, choose, evaluate};
use super::*;
use crate::canvas::Fairness;

#[test]
fn every_candidate_is_on_the_front_with_both_intervals() {
    let (scores, labels, groups) = reference::rows();
    let mut canvas = Canvas::default();
    let values = ["a", "b", "c"].map(String::from).to_vec();
    let partition = Partition { name: "group".into(), values, of: groups.into_iter().map(Some).collect() };
    let rows = HeldOut { groups: vec![partition], ..reference::held_out(&labels) };
    let plain = evaluate(&canvas, &answers(&canvas, &scores), &rows).unwrap();
    let flat: Vec<f64> = scores.iter().map(|score| 0.5 + (score - 0.5) * 0.1).collect();
    let fairer = evaluate(&canvas, &answers(&canvas, &flat), &rows).unwrap();
    let candidates = [("plain", &plain), ("reweighing", &fairer)];
    let contenders = candidates.map(|(name, report)| Contender { name, report, run: None });
    assert!(front(&canvas, &contenders, None).is_empty(), "the canvas states no fairness metric");

    let metric = "demographic_parity_ratio".to_owned();
    canvas.building_models.fairness = Some(Fairness { group: "group".into(), metric, mitigate: vec![] });
    let points = front(&canvas, &contenders, choose(&candidates).chosen);
    assert_eq!(points.iter().map(|point| point.chosen).collect::<Vec<_>>(), [true, false]);
    for point in &points {
        assert_eq!((point.metric.as_str(), point.by.as_str()), ("roc_auc", "group"));
        assert!(point.low < point.value && point.value < point.high, "{point:?}");
        assert!(point.fairness_low < point.fairness_value && point.passed, "{point:?}");
    }
}
