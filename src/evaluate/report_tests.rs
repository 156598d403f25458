use super::super::held_out::Partition;
use super::super::reference::answers;
use super::super::{Naive, Predicted, card, card_json, reference, text};
use super::*;
use crate::ErrorKind;
use crate::canvas::parse_canvas;
use crate::train::Labels;

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
    let held_out = HeldOut { groups: vec![partition.clone()], slices: vec![partition], ..reference::held_out(&labels) };
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
    let measured = crate::canvas::offline_metrics(&canvas.prediction_task);
    for name in measured.into_iter().filter(|name| *name != crate::canvas::LATENCY_METRIC) {
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

/// A canvas of a task with these gates, and held-out rows of its target with a feature of three values.
fn of_task(task: &str, target: Target, gates: &str) -> (Canvas, HeldOut) {
    let text = format!(
        r#"
        name = "any"
        prediction_task = {{ {task} }}
        features = [{{ name = "colour", type = "category", values = ["red", "green", "blue"] }}]
        offline_evaluation = {{ gates = [{gates}] }}
        building_models = {{ seed = 1 }}
        "#
    );
    let mut rows = reference::held_out_of(target);
    let values = ["red", "green", "blue"].map(String::from).to_vec();
    let of = (0..rows.rows.len()).map(|row| Some(row / 7 % 3)).collect();
    let partition = Partition { name: "colour".into(), values, of };
    (rows.slices, rows.features) = (vec![partition.clone()], vec![partition]);
    (parse_canvas(&text, "canvas.toml").unwrap(), rows)
}

fn says(predicted: Predicted) -> Answer {
    Answer { predicted, inside: true, action: None }
}

fn values(predicted: &[f64]) -> Vec<Answer> {
    predicted.iter().map(|&value| says(Predicted::Value(value))).collect()
}

/// Every metric of the list is in the report, and its value within its interval; the report survives JSON.
fn whole(canvas: &Canvas, report: &EvaluationReport) {
    for name in report.metrics.iter().map(|metric| metric.metric.as_str()) {
        assert!(crate::canvas::offline_metrics(&canvas.prediction_task).contains(&name), "a gate cannot name {name}");
    }
    let main = report.main().unwrap();
    assert!(main.low < main.value && main.value < main.high, "{main:?}");
    let json = serde_json::to_string(report).unwrap();
    assert_eq!(&serde_json::from_str::<EvaluationReport>(&json).unwrap(), report);
    assert!(card(canvas, report, "plain").contains(&main.metric.replace('_', "\\_")));
}

#[test]
fn several_classes_have_a_report_of_their_own() {
    let (probabilities, of) = reference::three_classes();
    let labels = Labels { classes: ["a", "b", "c"].map(String::from).to_vec(), positive: None, of };
    let gates = r#"{ metric = "accuracy", min = 0.5 }, { metric = "log_loss", better_than = "baseline" }"#;
    let (canvas, mut rows) = of_task(r#"kind = "classification", target = "y""#, Target::Classes(labels), gates);
    let naive = vec![Predicted::classes(vec![0.35, 0.32, 0.33]); 60];
    rows.naive = Some(Naive { words: "the shares of the classes".into(), predicted: naive });
    let answers: Vec<Answer> = probabilities.into_iter().map(Predicted::classes).map(says).collect();
    let report = evaluate(&canvas, &answers, &rows).unwrap();
    whole(&canvas, &report);
    assert_eq!((report.matrix[0].clone(), report.main_metric.as_deref()), (vec![6, 5, 10], Some("log_loss")));
    assert_eq!(report.conformal.iter().map(|one| one.method.name()).collect::<Vec<_>>(), ["lac", "aps"]);
    assert!(report.gates[0].words.starts_with("accuracy is 0.4000") && !report.gates[0].passed);
    assert_eq!(report.gates[1].value, report.compared[0].difference);
    assert!(
        card(&canvas, &report, "plain").contains("A softmax regression that gives the probability of each class of y")
    );
    assert!(text(&report).contains("a                 6  5  10"), "{}", text(&report));
    let error = evaluate(&canvas, &values(&[0.5; 60]), &rows).unwrap_err().to_string();
    assert!(error.starts_with("row 1: the model predicts something else than the target holds"), "{error}");
}

#[test]
fn a_regression_is_judged_by_its_errors() {
    let (actual, predicted) = reference::numbers();
    let gates = r#"{ metric = "r2", min = 0.92, bound = true }, { metric = "r2", min = 0.92 },
        { metric = "mean_absolute_error", better_than = "baseline" },
        { metric = "mean_absolute_error", max = 2, slice = "colour" }"#;
    let (canvas, mut rows) = of_task(r#"kind = "regression", target = "y""#, Target::Numbers(actual), gates);
    rows.naive = Some(Naive { words: "the mean".into(), predicted: vec![Predicted::Value(6.0); 40] });
    let report = evaluate(&canvas, &values(&predicted), &rows).unwrap();
    whole(&canvas, &report);
    assert!(report.conformal[0].quantile > 1.0 && report.loss == "its absolute error");
    let passed: Vec<bool> = report.gates.iter().map(|gate| gate.passed).collect();
    assert_eq!(passed, [false, true, true, false], "{}", text(&report));
    assert!(report.gates[0].words.contains("its lower end is below the limit of 0.92"), "{}", report.gates[0].words);
    assert!(report.gates[2].words.starts_with("better than the baseline (the mean)"), "{}", report.gates[2].words);
    assert!(report.gates[3].words.ends_with("no value has 30 rows"), "{}", report.gates[3].words);
    let worst = &report.costliest[0];
    assert_eq!(
        (report.costliest.len(), worst.cost),
        (20, report.costliest.iter().map(|row| row.cost).fold(0.0, f64::max))
    );
    let place = worst.row - 1;
    assert_eq!(worst.predicted, super::super::words::number(predicted[place]));
    let error = evaluate(&canvas, &values(&[f64::NAN; 40]), &rows).unwrap_err().to_string();
    assert!(error.starts_with("row 1: the model predicts NaN, which is no finite number"), "{error}");
}

#[test]
fn a_ranking_is_judged_by_its_groups() {
    let (predicted, relevance, group) = reference::ranking();
    let ranks = crate::train::Ranks { relevance, group };
    let task = r#"kind = "ranking", target = "grade", group = "query""#;
    let gates = r#"{ metric = "ndcg_at_5", min = 0.7 }"#;
    let (canvas, rows) = of_task(task, Target::Ranks(ranks), gates);
    let report = evaluate(&canvas, &values(&predicted), &rows).unwrap();
    whole(&canvas, &report);
    assert_eq!((report.ranked_groups, report.passed), (Some(6), true));
    assert_eq!(report.slices.iter().map(|slice| slice.rows).collect::<Vec<_>>(), [2, 2, 2], "groups, not rows");
    assert!(
        report.costliest.iter().all(|row| (row.row - 1) % 7 == 0 && row.label == "7 rows"),
        "{:?}",
        report.costliest
    );
    assert!(text(&report).contains("in 6 groups that are ranked"), "{}", text(&report));
}

#[test]
fn anomalies_are_judged_where_they_are_known() {
    let (scores, labels, _) = reference::rows();
    let known = Labels {
        classes: vec!["fraud".into(), "usual".into()],
        positive: Some(0),
        of: labels.iter().map(|&label| usize::from(!label)).collect(),
    };
    let task = r#"kind = "anomaly_detection", target = "kind", positive = "fraud""#;
    let gates = r#"{ metric = "precision_at_k", min = 0.7 }, { metric = "share_flagged", max = 0.6 }"#;
    let (canvas, rows) = of_task(task, Target::Anomalies(Some(known)), gates);
    let answers: Vec<Answer> = scores.iter().map(|&score| says(Predicted::Score(score))).collect();
    let report = evaluate(&canvas, &answers, &rows).unwrap();
    whole(&canvas, &report);
    assert!(report.passed && report.calibration.is_empty() && report.isotonic.is_none());
    assert!((report.metric("precision_at_k").unwrap().value.unwrap() - 0.751082251082251).abs() < 1e-12);

    let gates = r#"{ metric = "share_flagged", max = 0.1 }"#;
    let (canvas, mut rows) = of_task(r#"kind = "anomaly_detection""#, Target::Anomalies(None), gates);
    (rows.rows, rows.slices, rows.features) = ((0..300).collect(), vec![], vec![]);
    let report = evaluate(&canvas, &answers, &rows).unwrap();
    assert_eq!((report.main(), report.metrics.len(), report.passed), (None, 1, false));
    assert_eq!((report.quantiles[0], report.worst_slices.len(), report.costliest.len()), ([0.0, 0.01], 0, 0));
    assert!(card(&canvas, &report, "plain").contains("No outcome is known"));
}

#[test]
fn each_value_of_a_slice_must_pass() {
    let (scores, mut rows) = held_out();
    rows.features.clone_from(&rows.slices);
    let gates = r#"{ metric = "accuracy", min = 0.5, slice = "group" }, { metric = "accuracy", min = 0.78, slice = "group" },
        { metric = "accuracy", min = 0.72, slice = "group", bound = true }"#;
    let canvas = canvas(gates);
    let report = evaluate(&canvas, &answers(&canvas, &scores), &rows).unwrap();
    let accuracies: Vec<f64> = report.slices.iter().filter_map(|slice| slice.metrics[1].value).collect();
    let worst = accuracies.iter().copied().fold(1.0, f64::min);
    assert_eq!(report.gates.iter().map(|gate| gate.passed).collect::<Vec<_>>(), [true, worst >= 0.78, false]);
    assert_eq!(report.gates[0].value, Some(worst));
    assert_eq!(report.gates[0].words, "accuracy by group keeps to the limit for each of 3 values");
    assert!(report.gates[2].words.contains("its lower end is below the limit of 0.72"), "{}", report.gates[2].words);
}

#[test]
fn a_report_of_an_older_version_can_be_read() {
    let (scores, rows) = held_out();
    let report = evaluate(&canvas(""), &answers(&canvas(""), &scores), &rows).unwrap();
    let mut json = serde_json::to_value(&report).unwrap();
    let new = ["task", "main_metric", "roc", "isotonic", "conformal", "loss", "worst_slices", "costliest", "compared"];
    let fields = json.as_object_mut().unwrap();
    new.iter().for_each(|name| drop(fields.remove(*name)));
    let old: EvaluationReport = serde_json::from_value(json).unwrap();
    assert_eq!((old.main(), old.task), (report.metric("roc_auc"), TaskKind::Classification));
    let facts = card_json(&canvas(""), &report, "plain");
    assert_eq!(facts["metrics"][0]["value"], serde_json::json!(report.main().unwrap().value));
    assert_eq!((facts["inputs"][0]["name"].as_str(), facts["sensitive"][0].as_str()), (Some("income"), Some("group")));
}
