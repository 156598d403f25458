//! The boundaries that records crossed.

use super::evidence::share;
use super::report::Counts;
use crate::bundle::Manifest;
use crate::guard::ViolationRule;
use crate::profile::Layout;
use crate::stats::order;
use serde::{Deserialize, Serialize};

/// How many predictions were made for records out of bounds, and which boundaries were crossed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BoundaryReport {
    /// Predictions for records inside all boundaries.
    pub inside: u64,
    /// Predictions for records that crossed one.
    pub outside: u64,
    /// The boundaries that were crossed, by refused records too; the most frequent first.
    pub rules: Vec<RuleCount>,
}

/// One boundary that was crossed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleCount {
    /// The feature; `*` stands for names that no feature has.
    pub feature: String,
    /// The boundary, as [`ViolationRule::name`] gives it.
    pub rule: String,
    /// How often.
    pub count: u64,
    /// Per record that came, answered or refused. Small frames tell of some features only, so records count for a
    /// feature as often as the feature was told.
    pub share: f64,
}

pub(super) fn boundary(manifest: &Manifest, layout: &Layout, counts: Counts<'_>) -> BoundaryReport {
    let predictions = counts.at(layout.predictions());
    let records = predictions.saturating_add(counts.at(layout.refused()));
    let mut rules = Vec::new();
    let mut crossed = |feature: &str, rule: ViolationRule, place: usize, told: f64| {
        let count = counts.at(place);
        if count > 0 {
            let share = (count as f64 / (records as f64 * told)).min(1.0);
            rules.push(RuleCount { feature: feature.to_owned(), rule: rule.name().to_owned(), count, share });
        }
    };
    for (index, feature) in manifest.features.iter().enumerate() {
        let observed = counts.all(layout.feature(index)).iter().sum::<u64>();
        let told = share(observed.min(predictions), predictions).filter(|&told| told > 0.0).unwrap_or(1.0);
        for rule in ViolationRule::OF_FEATURE {
            crossed(&feature.name, rule, layout.violation(index, rule), told);
        }
    }
    crossed("*", ViolationRule::Unknown, layout.unknown_feature(), 1.0);
    order(&mut rules, |a, b| a.count > b.count);
    let outside = counts.at(layout.outside()).min(predictions);
    BoundaryReport { inside: predictions - outside, outside, rules }
}
