//! The verdict: one state and a few plain sentences.

use super::drift::{DriftState, FeatureDrift};
use super::evidence::Estimate;
use super::fairness::FairnessState;
use super::words::{count, duration, number, percent, title};
use super::{BudgetState, Report, StageLatency};
use crate::stats::order;
use serde::{Deserialize, Serialize};

/// The share of page loads that should be answered within the budget.
pub(super) const WITHIN_BUDGET_GOAL: f64 = 0.9;

/// The share of records out of bounds that is usual.
pub(super) const OUTSIDE_LIMIT: f64 = 0.05;

/// What a report comes to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The worst of what is known.
    pub state: VerdictState,
    /// Sentences, the worst first.
    pub words: Vec<String>,
}

/// The worst of what is known, or that nothing is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictState {
    /// Nothing was counted.
    #[default]
    Unknown,
    /// Nothing stands out.
    Good,
    /// Something should be looked at.
    Warn,
    /// Something must be done.
    Bad,
}

pub(super) fn verdict(report: &Report) -> Verdict {
    if report.predictions == 0 && report.loads.total == 0 && report.refused == 0 {
        return Verdict { state: VerdictState::Unknown, words: vec!["Nothing has been counted yet.".to_owned()] };
    }
    let mut found: Vec<(VerdictState, String)> = Vec::new();
    fairness(report, &mut found);
    drift(report, &mut found);
    times(report, &mut found);
    boundaries(report, &mut found);
    for metric in report.business.iter().filter(|metric| metric.misses_goal()) {
        let (mean, goal) = (number(metric.mean), metric.goal.map(number).unwrap_or_default());
        found.push((
            VerdictState::Warn,
            [&title(&metric.name), " is ", &mean, " where ", &goal, " is aimed at."].concat(),
        ));
    }
    // What is equally bad stays in the order above.
    order(&mut found, |a, b| a.0 > b.0);
    let state = found.first().map_or(VerdictState::Good, |(state, _)| *state);
    let mut words: Vec<String> = found.into_iter().map(|(_, words)| words).collect();
    if state == VerdictState::Good {
        let all = ["Nothing stands out in ", &count(report.predictions), " predictions."].concat();
        words.insert(0, all);
    }
    Verdict { state, words }
}

fn fairness(report: &Report, found: &mut Vec<(VerdictState, String)>) {
    let fails = report.fairness.iter().filter(|entry| entry.state == FairnessState::Fail);
    found.extend(fails.map(|entry| (VerdictState::Bad, entry.words.clone())));
    // Two measures of one thing need one remark that it is open.
    let open = |entry: &&super::FairnessReport| {
        entry.state == FairnessState::NotEnoughEvidence && entry.metric == "demographic_parity_ratio"
    };
    found.extend(report.fairness.iter().filter(open).map(|entry| (VerdictState::Good, entry.words.clone())));
}

fn drift(report: &Report, found: &mut Vec<(VerdictState, String)>) {
    for entry in &report.drift {
        let state = match entry.state {
            DriftState::Alarm => VerdictState::Bad,
            DriftState::Warn => VerdictState::Warn,
            _ => continue,
        };
        found.push((state, drift_words(entry)));
    }
    let open: Vec<&FeatureDrift> =
        report.drift.iter().filter(|entry| entry.state == DriftState::NotEnoughEvidence).collect();
    let needed = open.iter().filter_map(|entry| entry.needed).max();
    if let (Some(needed), true) = (needed, report.predictions > 0) {
        let (open, all) = (count(open.len() as u64), count(report.drift.len() as u64));
        let features = ["Drift cannot be judged yet for ", &open, " of ", &all, " features: "].concat();
        let words = [&features, "about ", &count(needed), " values of each are needed."].concat();
        found.push((VerdictState::Good, words));
    }
}

/// "Income has drifted: PSI 0.31 where 0.12 is noise."
pub(super) fn drift_words(entry: &FeatureDrift) -> String {
    let name = title(&entry.feature);
    let (Some(psi), Some(_)) = (entry.psi, entry.p_value) else {
        return [&name, ": drift cannot be judged without a baseline and live values."].concat();
    };
    let (psi, threshold) = (number(psi), number(entry.threshold));
    match entry.state {
        DriftState::Alarm => [&name, " has drifted: PSI ", &psi, " where ", &threshold, " is noise."].concat(),
        DriftState::Warn => [&name, " may be drifting: PSI ", &psi, " where ", &threshold, " is noise."].concat(),
        DriftState::Ok => [&name, " is as it was: PSI ", &psi, " where ", &threshold, " is noise."].concat(),
        DriftState::NotEnoughEvidence => {
            let needed = entry.needed.map_or("more reference rows".to_owned(), count);
            [&name, ": drift needs more evidence, ", &count(entry.count), " values of ", &needed, "."].concat()
        }
    }
}

fn times(report: &Report, found: &mut Vec<(VerdictState, String)>) {
    if let Some(share) = report.loads.share.filter(|share| share.high < WITHIN_BUDGET_GOAL) {
        let (part, budget) = (percent(share.value), duration(report.loads.budget_ms));
        let words = ["Only ", &part, " of page loads are answered within ", &budget, "."].concat();
        found.push((VerdictState::Warn, words));
    }
    for stage in report.latency.iter().filter(|stage| stage.is_over_budget() && stage.stage == "answer") {
        let (p95, budget) = (duration(stage.p95), stage.budget_ms.map(duration).unwrap_or_default());
        let words = ["The 95th percentile of an answer is ", &p95, ", over its budget of ", &budget, "."].concat();
        found.push((VerdictState::Warn, words));
    }
}

impl StageLatency {
    /// Whether the whole interval of the 95th percentile is over the budget, and enough times were counted.
    pub fn is_over_budget(&self) -> bool {
        self.state == Some(BudgetState::Over)
    }
}

fn boundaries(report: &Report, found: &mut Vec<(VerdictState, String)>) {
    let effect = super::design_effect(report.predictions, report.sessions);
    let outside = Estimate::share(report.boundary.outside, report.predictions, effect);
    if let Some(outside) = outside.filter(|outside| outside.low > OUTSIDE_LIMIT) {
        let mut words = [&percent(outside.value), " of predictions are for records out of bounds"].concat();
        if let Some(rule) = report.boundary.rules.first() {
            words.push_str(&[", most often ", &rule.feature, " (", &rule.rule, ")"].concat());
        }
        words.push('.');
        found.push((VerdictState::Warn, words));
    }
    let records = report.predictions.saturating_add(report.refused);
    let refused = Estimate::share(report.refused, records, effect);
    if let Some(refused) = refused.filter(|refused| refused.low > OUTSIDE_LIMIT) {
        let words = [&percent(refused.value), " of records are refused: they cannot be predicted at all."].concat();
        found.push((VerdictState::Warn, words));
    }
}
