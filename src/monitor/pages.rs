//! Page loads: how many there were, how far they came, and how many were answered within the budget.

use super::evidence::Estimate;
use super::report::Counts;
use crate::bundle::Manifest;
use crate::profile::{Layout, PageStage};
use serde::{Deserialize, Serialize};

/// The page loads of a window. A page that was left before its answer is one of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Loads {
    /// All of them.
    pub total: u64,
    /// Those that came to a prediction.
    pub answered: u64,
    /// Those whose first prediction came within the budget.
    pub within_budget: u64,
    /// The budget from the click to the first prediction, in milliseconds.
    pub budget_ms: f64,
    /// The share within the budget among all of them, with its Wilson interval.
    pub share: Option<Estimate>,
    /// How far they came, in the order of the stages.
    pub by_stage: Vec<StageCount>,
}

/// How many page loads settled at a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageCount {
    /// The stage, as [`PageStage::name`] gives it.
    pub stage: String,
    /// How many.
    pub count: u64,
}

pub(super) fn loads(manifest: &Manifest, layout: &Layout, counts: Counts<'_>) -> Loads {
    let settled = |&stage: &PageStage| (stage, counts.at(layout.page(stage)));
    let by_stage: Vec<(PageStage, u64)> = PageStage::ALL.iter().map(settled).collect();
    let total = by_stage.iter().map(|(_, count)| count).sum();
    let within_budget = counts.at(layout.within_budget()).min(total);
    Loads {
        total,
        answered: counts.at(layout.page(PageStage::Predicted)),
        within_budget,
        budget_ms: manifest.budgets.first_prediction_ms,
        // Every page load is a session of its own: no design effect.
        share: Estimate::share(within_budget, total, 1.0),
        by_stage: by_stage
            .into_iter()
            .map(|(stage, count)| StageCount { stage: stage.name().to_owned(), count })
            .collect(),
    }
}
