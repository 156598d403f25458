//! The findings of block 5: the split, the costs, the slices, and gates that no model could be judged by.

use super::check::{Report, check_by};
use super::metrics::{LATENCY_METRIC, is_fairness_metric, offline_metrics};
use super::{Canvas, Gate, PredictionTask, SplitKind, TaskKind};

/// What a gate on the size of a model might be called.
const SIZES: [&str; 4] = ["bundle_kb", "bundle_bytes", "max_bundle_kb", "parameters"];

pub(super) fn check_evaluation(canvas: &Canvas, report: &mut Report) {
    let evaluation = &canvas.offline_evaluation;
    let split = &evaluation.split;
    if !(split.test > 0.0 && split.test < 1.0) {
        let message = format!("{} is no share of the rows to hold out", split.test);
        report.add("offline_evaluation.split.test", message, "write a number between 0 and 1, for example 0.2");
    }
    if split.kind != SplitKind::Random && split.column.as_deref().is_none_or(str::is_empty) {
        let message = "a split by time or by group needs to know the column it goes by";
        report.add("offline_evaluation.split.column", message, "add column = \"…\", or use kind = \"random\"");
    }
    if let Some(cost) = evaluation.error_cost {
        report.not_negative("offline_evaluation.error_cost.false_positive", cost.false_positive);
        report.not_negative("offline_evaluation.error_cost.false_negative", cost.false_negative);
    }
    for (index, gate) in evaluation.gates.iter().enumerate() {
        check_gate(canvas, &format!("offline_evaluation.gates[{index}]"), gate, report);
    }
    for (index, slice) in evaluation.slices.iter().enumerate() {
        report.name(format!("offline_evaluation.slices[{index}]"), "feature", slice, columns(canvas));
    }
}

/// The features that rows can be told apart by: those that are columns, and not derived from others.
fn columns(canvas: &Canvas) -> impl Iterator<Item = &str> {
    canvas.features.iter().filter(|feature| feature.derived().is_none()).map(|feature| feature.name.as_str())
}

fn check_gate(canvas: &Canvas, path: &str, gate: &Gate, report: &mut Report) {
    let metric = gate.metric.as_str();
    let metrics = offline_metrics(&canvas.prediction_task);
    if SIZES.contains(&metric) {
        let message = "how large a model is, is known when it is packed, and not when it is judged";
        let help = "use prediction_task.complexity: max_bundle_kb, or max_parameters";
        report.add(format!("{path}.metric"), message, help);
    } else if metrics.contains(&metric) {
        check_by(canvas, path, metric, gate.by.as_deref(), report);
    } else if is_known(metric) {
        let message = format!("a {} does not have the metric \"{metric}\"", canvas.prediction_task.kind.name());
        report.add(format!("{path}.metric"), message, format!("accepted: {}", metrics.join(", ")));
    } else {
        report.name(format!("{path}.metric"), "metric for a gate", metric, metrics);
    }
    match (gate.min, gate.max, gate.better_than) {
        (None, None, None) => report.add(path, "the gate has no limit", "add min = … or max = …"),
        (Some(min), Some(max), _) if min > max => {
            let message = format!("min {min} is above max {max}: nothing passes");
            report.add(format!("{path}.min"), message, "swap the two limits");
        }
        _ => {}
    }
    let alone = is_fairness_metric(metric) || metric == LATENCY_METRIC;
    if let Some(slice) = &gate.slice {
        report.name(format!("{path}.slice"), "feature", slice, columns(canvas));
        if alone {
            report.add(format!("{path}.slice"), format!("{metric} is measured over all rows"), "leave `slice` out");
        }
    }
    if gate.bound && metric == LATENCY_METRIC {
        report.add(format!("{path}.bound"), format!("{metric} has no interval"), "leave `bound` out");
    }
    check_other(path, gate, alone, report);
}

/// A comparison stands alone: it has its own interval, and is over all rows.
fn check_other(path: &str, gate: &Gate, alone: bool, report: &mut Report) {
    let Some(other) = gate.better_than else {
        if gate.margin.is_some() {
            let message = "a margin is how much worse than another model is allowed";
            report.add(format!("{path}.margin"), message, "add better_than = \"champion\" or \"baseline\"");
        }
        return;
    };
    report.not_negative(&format!("{path}.margin"), gate.margin.unwrap_or(0.0));
    let name = other.name();
    if gate.min.is_some() || gate.max.is_some() || gate.slice.is_some() {
        let message = format!("one gate either has limits of its own, or compares with the {name}");
        report.add(format!("{path}.better_than"), message, "write two gates");
    }
    if alone {
        let message = format!("{} cannot be compared row by row", gate.metric);
        report.add(format!("{path}.better_than"), message, "name a metric over all rows, or leave it out");
    }
    if gate.metric == "share_flagged" || gate.metric == "selection_rate" {
        let message = format!("more of {} is neither better nor worse", gate.metric);
        report.add(format!("{path}.better_than"), message, "name another metric");
    }
}

/// Whether any task has this metric.
fn is_known(metric: &str) -> bool {
    let kinds = [TaskKind::Classification, TaskKind::Regression, TaskKind::Ranking, TaskKind::AnomalyDetection];
    kinds.into_iter().any(|kind| {
        offline_metrics(&PredictionTask { kind, target: "y".into(), ..PredictionTask::default() }).contains(&metric)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::{Feature, Other, check};

    /// What is said about a canvas of this task with this gate.
    fn said(kind: TaskKind, gate: &Gate) -> String {
        let mut canvas = Canvas { name: "a".into(), ..Canvas::default() };
        canvas.prediction_task.kind = kind;
        match kind {
            TaskKind::Ranking => canvas.prediction_task.group = Some("g".into()),
            TaskKind::Classification => canvas.prediction_task.positive = Some("yes".into()),
            TaskKind::Regression | TaskKind::AnomalyDetection => {}
        }
        if kind != TaskKind::AnomalyDetection {
            canvas.prediction_task.target = "y".into();
        }
        let feature: Feature = serde_json::from_value(serde_json::json!({ "name": "x", "type": "number" })).unwrap();
        canvas.features = vec![feature];
        canvas.offline_evaluation.gates = vec![gate.clone()];
        let findings = check(&canvas).into_iter().map(|finding| format!("{}; {}", finding.message, finding.help));
        findings.collect::<Vec<_>>().join("\n")
    }

    fn gate(metric: &str) -> Gate {
        Gate { metric: metric.into(), ..Gate::default() }
    }

    fn at_least(metric: &str, min: f64) -> Gate {
        Gate { min: Some(min), ..gate(metric) }
    }

    use TaskKind::{AnomalyDetection, Classification, Ranking, Regression};

    #[test]
    fn a_gate_can_name_what_the_task_has() {
        let champion = Gate { better_than: Some(Other::Champion), margin: Some(0.01), ..gate("log_loss") };
        let sound = [
            (Classification, Gate { bound: true, ..at_least("roc_auc", 0.7) }),
            (Classification, Gate { slice: Some("x".into()), ..at_least("accuracy", 0.7) }),
            (Classification, champion),
            (Regression, Gate { better_than: Some(Other::Baseline), ..gate("r2") }),
            (Regression, Gate { max: Some(5.0), ..gate(LATENCY_METRIC) }),
            (Ranking, at_least("ndcg_at_5", 0.5)),
            (AnomalyDetection, Gate { max: Some(0.1), ..gate("share_flagged") }),
        ];
        for (kind, gate) in sound {
            assert_eq!(said(kind, &gate), "", "{gate:?}");
        }
    }

    #[test]
    fn what_it_cannot_be_judged_by_is_a_finding() {
        let champion = Gate { better_than: Some(Other::Champion), ..gate("roc_auc") };
        let cases = [
            (Regression, at_least("roc_auc", 0.7), "a regression does not have the metric \"roc_auc\""),
            (Regression, at_least("roc_auc", 0.7), "accepted: root_mean_squared_error, mean_absolute_error"),
            (Regression, at_least("r3", 0.7), "there is no metric for a gate \"r3\""),
            (AnomalyDetection, at_least("roc_auc", 0.7), "accepted: share_flagged"),
            (Classification, at_least("bundle_kb", 100.0), "use prediction_task.complexity: max_bundle_kb"),
            (Classification, gate("roc_auc"), "the gate has no limit"),
            (Classification, Gate { margin: Some(1.0), ..at_least("roc_auc", 0.7) }, "add better_than"),
            (Classification, Gate { min: Some(0.7), ..champion.clone() }, "write two gates"),
            (Classification, Gate { margin: Some(-1.0), ..champion }, "-1 is below 0"),
            (Classification, Gate { bound: true, max: Some(5.0), ..gate(LATENCY_METRIC) }, "has no interval"),
            (
                Classification,
                Gate { slice: Some("z".into()), ..at_least("accuracy", 0.7) },
                "there is no feature \"z\"",
            ),
        ];
        for (kind, gate, wanted) in cases {
            let text = said(kind, &gate);
            assert!(text.contains(wanted), "{gate:?}: {text}");
        }
    }
}
