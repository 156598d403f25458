//! How long each stage took, against its budget.

use super::evidence::{LEVEL, MINIMUM_COUNT};
use super::report::Counts;
use crate::bundle::Manifest;
use crate::profile::{Layout, Stage, upper_edge};
use crate::stats::{of_histogram, ranks};
use serde::{Deserialize, Serialize};

/// The times of one stage, in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageLatency {
    /// The stage, as [`Stage::name`] gives it.
    pub stage: String,
    /// How often it was timed.
    pub count: u64,
    /// The median.
    pub p50: f64,
    /// The 75th percentile.
    pub p75: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The lower end of the interval of the 95th percentile, free of any distribution.
    pub p95_low: f64,
    /// The upper end of it.
    pub p95_high: f64,
    /// The budget: `latency_p95_ms` of an answer, `first_prediction_ms` of the first one; nothing for other stages.
    pub budget_ms: Option<f64>,
    /// The share over the budget.
    pub over_budget_share: Option<f64>,
    /// What the 95th percentile comes to against its budget; nothing without one.
    pub state: Option<BudgetState>,
}

/// What a 95th percentile comes to against its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetState {
    /// Its whole interval is within the budget.
    Within,
    /// Its whole interval is over the budget.
    Over,
    /// The budget lies in the interval, or fewer than 30 times were counted.
    NotEnoughEvidence,
}

pub(super) fn stages(manifest: &Manifest, layout: &Layout, counts: Counts<'_>, effect: f64) -> Vec<StageLatency> {
    Stage::ALL.iter().filter_map(|&stage| times(manifest, layout, counts, effect, stage)).collect()
}

fn times(manifest: &Manifest, layout: &Layout, counts: Counts<'_>, effect: f64, stage: Stage) -> Option<StageLatency> {
    let buckets = counts.all(layout.stage(stage));
    let count: u64 = buckets.iter().sum();
    let quantile = |q| of_histogram(buckets, upper_edge, q);
    let budget_ms = match stage {
        Stage::First => Some(manifest.budgets.first_prediction_ms),
        Stage::Answer => manifest.budgets.latency_p95_ms,
        _ => None,
    };
    // Predictions of one session share a machine; the other stages happen once a session.
    let effective = count as f64 / if matches!(stage, Stage::Answer | Stage::Run) { effect } else { 1.0 };
    let (low, high) = ranks(0.95, effective, LEVEL);
    let (p95_low, p95_high) = (quantile(low)?, quantile(high)?);
    Some(StageLatency {
        stage: stage.name().to_owned(),
        count,
        p50: quantile(0.5)?,
        p75: quantile(0.75)?,
        p95: quantile(0.95)?,
        p99: quantile(0.99)?,
        p95_low,
        p95_high,
        budget_ms,
        over_budget_share: budget_ms.map(|budget| {
            let over = match stage {
                Stage::Answer => counts.at(layout.over_latency()).min(count),
                _ => over(buckets, budget),
            };
            over as f64 / count as f64
        }),
        state: budget_ms.map(|budget| judge(count, [p95_low, p95_high], budget)),
    })
}

fn judge(count: u64, [low, high]: [f64; 2], budget: f64) -> BudgetState {
    if count >= MINIMUM_COUNT && low > budget {
        BudgetState::Over
    } else if count >= MINIMUM_COUNT && high <= budget {
        BudgetState::Within
    } else {
        BudgetState::NotEnoughEvidence
    }
}

/// How many times lie in buckets that end above the budget.
fn over(buckets: &[u64], budget: f64) -> u64 {
    // A bucket that ends at the budget is within it, whatever the last digit of its edge.
    buckets.iter().enumerate().filter(|(bucket, _)| upper_edge(*bucket) > budget * (1.0 + 1e-9)).map(|(_, n)| n).sum()
}
