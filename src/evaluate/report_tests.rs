use super::super::held_out::Partition;
use super::super::reference::answers;
use super::super::{card, reference, text};
use super::*;
use crate::canvas::parse_canvas;

fn canvas(gates: &str) -> Canvas {
    let text = format!(
        r#"
        name = "loans"
        prediction_task = {{ kind = "classification", target = "repaid", positive = "yes" }}
        features = [{{ name = "income", type = "number", unit = "EUR/year", range = [0, 100000], note = "a|b" }},
            {{ name = "group", type = "category", values = ["a", "b", "c"], sensitive = true }}]
        making_predictions = {{ fallback = "decline" }}
        decisions = {{ bands = [{{ at_least = 0.6, action = "accept" }}, {{ at_least = 0.0, action = "decline" }}] }}
        offline_evaluation = {{ error_cost = {{ false_positive = 9.0, false_negative = 1.0 }}, gates = [{gates}] }}
        building_models = {{ currency = "EUR", seed = 1 }}
        "#
    );
    parse_canvas(&text, "canvas.toml").unwrap()
}

fn held_out() -> (Vec<f64>, HeldOut) {
    let (scores, labels, groups) = reference::rows();
    let of = groups.into_iter().map(Some).collect();
    let partition = Partition { name: "group".into(), values: ["a", "b", "c"].map(String::from).to_vec(), of };
    let held_out = HeldOut {
        rows: (0..300).collect(),
        training_rows: 1200,
        labels,
        positive: "yes".into(),
        groups: vec![partition.clone()],
        slices: vec![partition],
    };
    (scores, held_out)
}

#[test]
fn the_report_has_every_metric_that_a_gate_can_name() {
    let gates =
        r#"{ metric = "roc_auc", min = 0.8 }, { metric = "demographic_parity_ratio", by = "group", min = 0.8 }"#;
    let (scores, rows) = held_out();
    let canvas = canvas(gates);
    let answers = answers(&canvas, &scores);
    let report = evaluate(&canvas, &answers, &rows).unwrap();
    for name in crate::canvas::OFFLINE_METRICS {
        let ordinary = report.metric(name).map(|found| (found.value, found.low, found.high));
        let fair = report.fairness(name, "group").map(|found| (found.value, found.low, found.high));
        let (value, low, high) = ordinary.or(fair).unwrap_or_else(|| panic!("{name}"));
        let (value, low, high) = (value.unwrap(), low.unwrap(), high.unwrap());
        assert!(low <= value && value <= high, "{name}: {value} in {low} to {high}");
    }
    assert_eq!((report.rows, report.slices.len(), report.groups.len()), (300, 3, 3));
    assert_eq!([&report.gates[0], &report.gates[1]].map(|gate| gate.passed), [true, false]);
    assert!(!report.passed && report.gates[1].words.contains("below the limit of 0.8"), "{}", report.gates[1].words);
    assert_eq!(report, evaluate(&canvas, &answers, &rows).unwrap());
    let money = report.money.unwrap();
    assert!(money.best_threshold.unwrap() > 0.6 && money.best_per_thousand < money.lost_per_thousand);
}

#[test]
fn the_report_survives_json() {
    let (scores, rows) = held_out();
    let report = evaluate(&canvas(""), &answers(&canvas(""), &scores), &rows).unwrap();
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<EvaluationReport>(&json).unwrap(), report);
    assert!(report.passed, "no gates, nothing to fail");
}

#[test]
fn the_text_and_the_card_show_the_measured_numbers() {
    let gates = r#"{ metric = "roc_auc", min = 0.9 }"#;
    let (scores, rows) = held_out();
    let canvas = canvas(gates);
    let report = evaluate(&canvas, &answers(&canvas, &scores), &rows).unwrap();
    let text = text(&report);
    for wanted in [
        "loans: 300 rows held out by chance, 20.0 % of the rows",
        "roc_auc                     0.8328  0.7859  0.8797",
        "FAIL  roc_auc is 0.8328 (0.7859 to 0.8797), below the limit of 0.9",
        "Not every gate is passed.",
    ] {
        assert!(text.contains(wanted), "{wanted}\n{text}");
    }
    let card = card(&canvas, &report, "plain");
    for wanted in [
        "# loans",
        "| roc\\_auc | 0.8328 | 0.7859 | 0.8797 |",
        "| income | number | EUR/year | 0 to 100000 | refused | a\\|b |",
        "- **failed**: roc\\_auc is 0.8328",
        "Learned from 1,200 rows; 300 rows held out by chance",
        "Never an input, only declared to measure fairness: group.",
    ] {
        assert!(card.contains(wanted), "{wanted}\n{card}");
    }
}

#[test]
fn scores_that_cannot_be_judged_are_refused() {
    let (mut scores, rows) = held_out();
    scores[7] = f64::NAN;
    let answers = answers(&canvas(""), &scores);
    let error = evaluate(&canvas(""), &answers, &rows).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::EngineFailed);
    assert!(error.to_string().starts_with("row 8: the model scores NaN"), "{error}");
    assert_eq!(evaluate(&canvas(""), &answers[..9], &rows).unwrap_err().kind(), ErrorKind::Internal);
}

/// Ninety cases of group a are out of bounds: in the page they get the fallback, however high they score.
#[test]
fn out_of_bounds_rows_are_judged_by_the_fallback_that_they_get() {
    let gates = r#"{ metric = "demographic_parity_ratio", by = "group", min = 0.7 }"#;
    let canvas = canvas(gates);
    let (scores, rows) = held_out();
    let inside = evaluate(&canvas, &answers(&canvas, &scores), &rows).unwrap();
    assert!(inside.passed && inside.outside == 0, "{}", text(&inside));

    let outside: Vec<usize> = (0..300).filter(|&row| rows.groups[0].of[row] == Some(0)).take(90).collect();
    let rule = DecisionRule::of(&canvas);
    let judged = scores.iter().enumerate().map(|(row, &score)| rule.answer(score, !outside.contains(&row)));
    let report = evaluate(&canvas, &judged.collect::<Vec<_>>(), &rows).unwrap();
    assert_eq!(report.outside, 90);
    let lost = outside.iter().filter(|&&row| scores[row] >= 0.6).count();
    let selected = |report: &EvaluationReport| report.groups.iter().map(|group| group.selected).collect::<Vec<_>>();
    let (before, after) = (selected(&inside), selected(&report));
    assert_eq!([before[0] - lost, before[1], before[2]], after[..], "only their own decisions change");
    assert!(!report.passed, "{}", text(&report));
    assert_eq!(report.metric("roc_auc"), inside.metric("roc_auc"), "scores rank as before");
    let slice = report.slices[0].metrics.iter().find(|metric| metric.metric == "selection_rate").unwrap();
    assert_eq!(slice.value, report.groups[0].rate);
    assert!(text(&report).contains("out of bounds: 90 rows"));
    assert!(card(&canvas, &report, "plain").contains("out of bounds is decline"));
}
