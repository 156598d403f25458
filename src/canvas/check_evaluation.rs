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
        let names = canvas.features.iter().map(|feature| feature.name.as_str());
        report.name(format!("offline_evaluation.slices[{index}]"), "feature", slice, names);
    }
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
        let names = canvas.features.iter().map(|feature| feature.name.as_str());
        report.name(format!("{path}.slice"), "feature", slice, names);
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

#[cfg(all(test, feature = "cli"))]
mod tests {
    use crate::canvas::parse_canvas;

    /// What is said about a canvas of this task with this gate.
    fn said(task: &str, gate: &str) -> String {
        let text = format!(
            "name = \"a\"\nprediction_task = {{ {task} }}\nfeatures = [{{ name = \"x\", type = \"number\" }}]\n\
             offline_evaluation = {{ gates = [{{ {gate} }}] }}\n"
        );
        parse_canvas(&text, "canvas.toml").map_or_else(|error| error.to_string(), |_| "sound".to_owned())
    }

    const REGRESSION: &str = r#"kind = "regression", target = "y""#;
    const TWO: &str = r#"kind = "classification", target = "y", positive = "yes""#;

    #[test]
    fn a_gate_can_name_what_the_task_has() {
        let sound = [
            (TWO, r#"metric = "roc_auc", min = 0.7, bound = true"#),
            (TWO, r#"metric = "accuracy", min = 0.7, slice = "x""#),
            (TWO, r#"metric = "log_loss", better_than = "champion", margin = 0.01"#),
            (REGRESSION, r#"metric = "r2", better_than = "baseline""#),
            (REGRESSION, r#"metric = "median_latency_ms", max = 5"#),
            (r#"kind = "ranking", target = "y", group = "g""#, r#"metric = "ndcg_at_5", min = 0.5"#),
            (r#"kind = "anomaly_detection""#, r#"metric = "share_flagged", max = 0.1"#),
        ];
        for (task, gate) in sound {
            assert_eq!(said(task, gate), "sound", "{task} {gate}");
        }
    }

    #[test]
    fn what_it_cannot_be_judged_by_is_a_finding() {
        let cases = [
            (REGRESSION, r#"metric = "roc_auc", min = 0.7"#, "a regression does not have the metric \"roc_auc\""),
            (REGRESSION, r#"metric = "roc_auc", min = 0.7"#, "accepted: root_mean_squared_error, mean_absolute_error"),
            (REGRESSION, r#"metric = "r3", min = 0.7"#, "there is no metric for a gate \"r3\""),
            (r#"kind = "anomaly_detection""#, r#"metric = "roc_auc", min = 0.7"#, "accepted: share_flagged"),
            (TWO, r#"metric = "bundle_kb", max = 100"#, "use prediction_task.complexity: max_bundle_kb"),
            (TWO, r#"metric = "roc_auc""#, "the gate has no limit"),
            (TWO, r#"metric = "roc_auc", min = 0.7, margin = 1"#, "add better_than"),
            (TWO, r#"metric = "roc_auc", min = 0.7, better_than = "champion""#, "write two gates"),
            (TWO, r#"metric = "roc_auc", better_than = "champion", margin = -1"#, "-1 is below 0"),
            (TWO, r#"metric = "median_latency_ms", max = 5, bound = true"#, "has no interval"),
            (TWO, r#"metric = "accuracy", min = 0.7, slice = "z""#, "there is no feature \"z\""),
        ];
        for (task, gate, wanted) in cases {
            let text = said(task, gate);
            assert!(text.contains(wanted), "{gate}: {text}");
        }
    }
}
