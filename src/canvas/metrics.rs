//! The names of the metrics that a canvas can name, and which way each of them is good.

use super::{PredictionTask, TaskKind};

/// The metrics of a classification that compare the values of a sensitive feature.
const FAIRNESS: [&str; 6] = [
    "demographic_parity_ratio",
    "demographic_parity_difference",
    "equal_opportunity_difference",
    "equal_opportunity_ratio",
    "equalized_odds_difference",
    "equalized_odds_ratio",
];

/// A classification into two.
const TWO_CLASSES: [&str; 11] = [
    "roc_auc",
    "average_precision",
    "accuracy",
    "precision",
    "recall",
    "f1",
    "macro_f1",
    "log_loss",
    "brier",
    "expected_calibration_error",
    "selection_rate",
];

const REGRESSION: [&str; 5] =
    ["root_mean_squared_error", "mean_absolute_error", "median_absolute_error", "mean_absolute_percentage_error", "r2"];

const RANKING: [&str; 4] = ["ndcg_at_10", "ndcg_at_5", "mean_average_precision", "mean_reciprocal_rank"];

const ANOMALIES: [&str; 4] = ["roc_auc", "average_precision", "precision_at_k", "share_flagged"];

/// The time of one prediction, in milliseconds: the median over the held-out rows, on the machine that evaluates.
pub const LATENCY_METRIC: &str = "median_latency_ms";

/// The metrics of gates and of the fairness setting: what `evaluate` computes on held-out rows for this task, the time of a
/// prediction among them. A classification without a positive class may be one into two or into more, which only the rows
/// say: it can name the metrics of both, and one into more has `accuracy`, `macro_f1`, `log_loss`,
/// `expected_calibration_error` and `roc_auc`. Without a target an anomaly detector has `share_flagged` alone.
///
/// ```
/// use nearside::canvas::{PredictionTask, TaskKind, offline_metrics};
/// let task = PredictionTask { kind: TaskKind::Ranking, ..PredictionTask::default() };
/// assert_eq!(offline_metrics(&task)[0], "ndcg_at_10");
/// ```
pub fn offline_metrics(task: &PredictionTask) -> Vec<&'static str> {
    let mut names = match task.kind {
        TaskKind::Classification => [&TWO_CLASSES[..], &FAIRNESS].concat(),
        TaskKind::Regression => REGRESSION.to_vec(),
        TaskKind::Ranking => RANKING.to_vec(),
        TaskKind::AnomalyDetection if task.target.is_empty() => [&ANOMALIES[3..], &FAIRNESS[..2]].concat(),
        TaskKind::AnomalyDetection => [&ANOMALIES[..], &FAIRNESS].concat(),
    };
    names.push(LATENCY_METRIC);
    names
}

/// Whether a metric is the better the lower it is.
pub fn lower_is_better(name: &str) -> bool {
    let endings = ["_loss", "_error", "_difference", "_ms"];
    name == "brier" || endings.iter().any(|ending| name.ends_with(ending))
}

/// From where to where a metric can lie.
pub fn metric_range(name: &str) -> (f64, f64) {
    match name {
        "r2" => (f64::NEG_INFINITY, 1.0),
        "log_loss" | LATENCY_METRIC => (0.0, f64::INFINITY),
        _ if REGRESSION.contains(&name) => (0.0, f64::INFINITY),
        _ => (0.0, 1.0),
    }
}

/// The metrics of rules and correlations: what `monitor` computes on closed windows.
pub const LIVE_METRICS: [&str; 10] = [
    "population_stability_index",
    "demographic_parity_ratio",
    "demographic_parity_difference",
    "latency_p95",
    "share_within_budget",
    "share_outside",
    "selection_rate",
    "precision",
    "recall",
    "roc_auc",
];

/// Whether a metric compares the values of a sensitive feature, and so needs `by`.
pub fn is_fairness_metric(name: &str) -> bool {
    ["demographic_parity_", "equal_opportunity_", "equalized_odds_"].iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(kind: TaskKind, target: &str) -> Vec<&'static str> {
        offline_metrics(&PredictionTask { kind, target: target.into(), ..PredictionTask::default() })
    }

    #[test]
    fn each_task_has_its_own_metrics() {
        assert!(metrics(TaskKind::Classification, "y").contains(&"equalized_odds_ratio"));
        assert!(!metrics(TaskKind::Regression, "y").contains(&"roc_auc"));
        assert!(!metrics(TaskKind::AnomalyDetection, "").contains(&"roc_auc"));
        assert!(metrics(TaskKind::AnomalyDetection, "y").contains(&"precision_at_k"));
        for name in metrics(TaskKind::Ranking, "y").iter().filter(|name| **name != LATENCY_METRIC) {
            assert!(!lower_is_better(name) && metric_range(name) == (0.0, 1.0), "{name}");
        }
    }

    #[test]
    fn losses_and_errors_are_good_when_they_are_low() {
        let low = ["log_loss", "brier", "expected_calibration_error", "root_mean_squared_error", LATENCY_METRIC];
        assert!(low.into_iter().all(lower_is_better));
        assert!(!["roc_auc", "r2", "demographic_parity_ratio", "macro_f1"].into_iter().any(lower_is_better));
    }
}
