//! The names of the metrics that a canvas can name.

/// The metrics of gates and of the fairness setting: what `evaluate` computes on held-out rows.
pub const OFFLINE_METRICS: [&str; 16] = [
    "roc_auc",
    "average_precision",
    "accuracy",
    "precision",
    "recall",
    "f1",
    "log_loss",
    "brier",
    "expected_calibration_error",
    "selection_rate",
    "demographic_parity_ratio",
    "demographic_parity_difference",
    "equal_opportunity_difference",
    "equal_opportunity_ratio",
    "equalized_odds_difference",
    "equalized_odds_ratio",
];

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
