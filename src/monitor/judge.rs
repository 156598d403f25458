//! One rule of the canvas, judged on a report: it fires only with effect and evidence.

use super::Report;
use super::drift::{ALARM, DriftState, WARN};
use super::evidence::{Estimate, MINIMUM_COUNT, design_effect};
use super::fairness::{Comparison, FairnessReport, FairnessState, GroupRate, Measure};
use super::verdict::drift_words;
use super::words::{count, number, spaced, title};
use crate::canvas::Rule;
use serde::{Deserialize, Serialize};

/// What a rule comes to for one feature, one sensitive feature, or as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// The metric of the rule.
    pub metric: String,
    /// For drift: the feature.
    pub feature: Option<String>,
    /// For a metric by group: the sensitive feature.
    pub by: Option<String>,
    /// For `selection_rate` by group: the value of the sensitive feature.
    pub group: Option<String>,
    /// The live value.
    pub value: Option<f64>,
    /// The lower end of its interval.
    pub low: Option<f64>,
    /// The upper end of it.
    pub high: Option<f64>,
    /// What it comes to.
    pub state: RuleState,
    /// The same in words.
    pub words: String,
}

/// What a rule comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleState {
    /// Neither limit is crossed.
    Ok,
    /// The limit `warn` is crossed, with evidence.
    Warn,
    /// The limit `alert` or `alert_below` is crossed, with evidence.
    Firing,
    /// The window holds too little to say.
    NotEnoughEvidence,
}

/// Judges one rule; `feature = "*"` gives one entry per feature. A metric that this report does not know, or a feature
/// that it does not have, gives none.
///
/// Metrics: `population_stability_index`; `demographic_parity_ratio`, `demographic_parity_difference` and the same of
/// `equal_opportunity` and `equalized_odds`; `latency_p95` of an answer in milliseconds; `share_within_budget`;
/// `share_outside`; `share_refused`; `selection_rate`; and every labelled metric of [`super::Performance`].
pub fn metric(report: &Report, rule: &Rule) -> Vec<Judged> {
    let effect = design_effect(report.predictions, report.sessions);
    let single = |measured: Option<Measured>| vec![judge(rule, measured.unwrap_or_default())];
    match rule.metric.as_str() {
        "population_stability_index" => drift(report, rule),
        "latency_p95" => single(latency(report)),
        "share_within_budget" => single(report.loads.share.map(Measured::from)),
        "share_outside" => {
            single(Estimate::share(report.boundary.outside, report.predictions, effect).map(Measured::from))
        }
        "share_refused" => {
            let records = report.predictions.saturating_add(report.refused);
            single(Estimate::share(report.refused, records, effect).map(Measured::from))
        }
        "selection_rate" => selection_rates(report, rule, effect),
        name => match fairness_metric(name) {
            Some((kind, measure)) => fairness(report, rule, kind, measure, effect),
            None if LABELLED.contains(&name) => single(labelled(report, name)),
            None => Vec::new(),
        },
    }
}

const LABELLED: [&str; 9] = [
    "accuracy",
    "precision",
    "recall",
    "f1",
    "roc_auc",
    "average_precision",
    "brier",
    "log_loss",
    "expected_calibration_error",
];

/// The number that a rule is about.
#[derive(Default)]
struct Measured {
    value: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    count: u64,
}

impl From<Estimate> for Measured {
    fn from(estimate: Estimate) -> Self {
        let Estimate { value, low, high, count } = estimate;
        Self { value: Some(value), low: Some(low), high: Some(high), count }
    }
}

fn latency(report: &Report) -> Option<Measured> {
    let stage = report.latency.iter().find(|stage| stage.stage == "answer")?;
    let (low, high) = (Some(stage.p95_low), Some(stage.p95_high));
    Some(Measured { value: Some(stage.p95), low, high, count: stage.count })
}

fn labelled(report: &Report, name: &str) -> Option<Measured> {
    let metric = report.performance.metrics.iter().find(|metric| metric.metric == name)?;
    Some(Measured { value: Some(metric.value), low: metric.low, high: metric.high, count: metric.count })
}

fn empty(rule: &Rule) -> Judged {
    Judged {
        metric: rule.metric.clone(),
        feature: None,
        by: None,
        group: None,
        value: None,
        low: None,
        high: None,
        state: RuleState::NotEnoughEvidence,
        words: String::new(),
    }
}

/// A number with an interval: the end that is nearer to the limit must be beyond it. A metric without a standard
/// interval stands for itself.
fn judge(rule: &Rule, measured: Measured) -> Judged {
    let Measured { value, low, high, count: cases } = measured;
    let minimum = rule.min_count.unwrap_or(MINIMUM_COUNT);
    let (lowest, highest) = (low.or(value), high.or(value));
    let above = |limit: Option<f64>| matches!((lowest, limit), (Some(low), Some(limit)) if low > limit);
    let below = |limit: Option<f64>| matches!((highest, limit), (Some(high), Some(limit)) if high < limit);
    let warned = if rule.alert_below.is_some() { below(rule.warn) } else { above(rule.warn) };
    let state = if value.is_none() || cases < minimum {
        RuleState::NotEnoughEvidence
    } else if above(rule.alert) || below(rule.alert_below) {
        RuleState::Firing
    } else if warned {
        RuleState::Warn
    } else if value > rule.alert.or(value) || value < rule.alert_below.or(value) {
        // Beyond the limit, but chance explains it.
        RuleState::NotEnoughEvidence
    } else {
        RuleState::Ok
    };
    let mut words = title(&rule.metric);
    match value {
        None => words.push_str(" is not known yet"),
        Some(value) => {
            words.push_str(&[" is ", &number(value)].concat());
            if let (Some(low), Some(high)) = (low, high) {
                words.push_str(&[" (", &number(low), " to ", &number(high), ")"].concat());
            }
        }
    }
    if cases < minimum {
        words.push_str(&[", ", &count(cases), " of ", &count(minimum), " cases that it needs"].concat());
    }
    for (what, limit) in [("; at most ", rule.alert), ("; at least ", rule.alert_below)] {
        if let Some(limit) = limit {
            words.push_str(&[what, &number(limit), " is asked"].concat());
        }
    }
    words.push('.');
    Judged { value, low, high, state, words, ..empty(rule) }
}

fn drift(report: &Report, rule: &Rule) -> Vec<Judged> {
    let wanted = rule.feature.as_deref().unwrap_or("*");
    let minimum = rule.min_count.unwrap_or(MINIMUM_COUNT);
    let entries = report.drift.iter().filter(|entry| wanted == "*" || entry.feature == wanted);
    entries
        .map(|entry| {
            // A rule without one of the limits does not use it; one without any gets the usual ones.
            let unstated = rule.warn.is_none() && rule.alert.is_none();
            let alarm = rule.alert.unwrap_or(if unstated { ALARM } else { f64::INFINITY });
            let warn = rule.warn.unwrap_or(if unstated { WARN } else { alarm });
            let mut entry = entry.clone();
            entry.state = entry.judge(warn, alarm, minimum);
            entry.threshold = entry.evidence().max(warn);
            entry.needed = entry.needed.map(|needed| needed.max(minimum));
            let state = match entry.state {
                DriftState::Ok => RuleState::Ok,
                DriftState::Warn => RuleState::Warn,
                DriftState::Alarm => RuleState::Firing,
                DriftState::NotEnoughEvidence => RuleState::NotEnoughEvidence,
            };
            let words = drift_words(&entry);
            Judged { feature: Some(entry.feature), value: entry.psi, state, words, ..empty(rule) }
        })
        .collect()
}

fn fairness_metric(name: &str) -> Option<(&'static str, Measure)> {
    let kinds = ["demographic_parity", "equal_opportunity", "equalized_odds"];
    let kind = kinds.into_iter().find(|kind| name.starts_with(kind))?;
    let measure = [Measure::Ratio, Measure::Difference].into_iter();
    let measure = measure.into_iter().find(|measure| &name[kind.len()..] == measure.suffix())?;
    Some((kind, measure))
}

fn fairness(report: &Report, rule: &Rule, kind: &str, measure: Measure, effect: f64) -> Vec<Judged> {
    let mut judged = Vec::new();
    let wanted = |entry: &&FairnessReport| rule.by.as_ref().is_none_or(|by| &entry.group == by);
    let mut groups: Vec<&str> = Vec::new();
    for entry in report.fairness.iter().filter(wanted) {
        if !groups.contains(&entry.group.as_str()) {
            groups.push(&entry.group);
        }
    }
    for group in groups {
        let rates = |metric: &str| -> &[GroupRate] {
            let entry = report.fairness.iter().find(|entry| entry.group == group && entry.metric == metric);
            entry.map_or(&[], |entry| &entry.by)
        };
        let deserving = rates("equal_opportunity_ratio");
        let (tables, effect): (&[&[GroupRate]], f64) = match kind {
            "demographic_parity" => (&[rates("demographic_parity_ratio")], effect),
            "equal_opportunity" => (&[deserving], 1.0),
            _ => (&[deserving, rates("equalized_odds_ratio")], 1.0),
        };
        let stated = match measure {
            Measure::Ratio => rule.alert_below,
            Measure::Difference => rule.alert,
        };
        let minimum = rule.min_count.unwrap_or(MINIMUM_COUNT);
        let limit = stated.or(rule.warn).unwrap_or(measure.default_limit());
        let comparison = Comparison { measure, limit, minimum, effect, tables };
        let compared = comparison.compare();
        let warned = || match rule.warn {
            Some(warn) => Comparison { limit: warn, ..comparison }.compare().state == FairnessState::Fail,
            None => false,
        };
        let state = match compared.state {
            // A rule that states `warn` alone never fires.
            FairnessState::Fail if stated.is_some() || rule.warn.is_none() => RuleState::Firing,
            _ if warned() => RuleState::Warn,
            FairnessState::Pass => RuleState::Ok,
            _ => RuleState::NotEnoughEvidence,
        };
        judged.push(Judged {
            by: Some(group.to_owned()),
            value: compared.value,
            low: compared.interval.map(|interval| interval.low),
            high: compared.interval.map(|interval| interval.high),
            state,
            words: comparison.words(group, kind, &compared),
            ..empty(rule)
        });
    }
    judged
}

fn selection_rates(report: &Report, rule: &Rule, effect: f64) -> Vec<Judged> {
    let Some(by) = &rule.by else {
        let decided: u64 = report.actions.iter().map(|action| action.count).sum();
        let selected = report.actions.iter().filter(|action| action.favourable).map(|action| action.count).sum();
        return vec![judge(rule, Estimate::share(selected, decided, effect).map(Measured::from).unwrap_or_default())];
    };
    let parity = |entry: &&FairnessReport| &entry.group == by && entry.metric == "demographic_parity_ratio";
    let rates = report.fairness.iter().find(parity).map_or(&[][..], |entry| &entry.by);
    rates
        .iter()
        .map(|rate| {
            let measured = Measured { value: rate.rate, low: rate.low, high: rate.high, count: rate.count };
            let mut judged = judge(rule, measured);
            judged.words = [&title(by), " ", &spaced(&rate.value), ": ", &judged.words].concat();
            Judged { by: Some(by.clone()), group: Some(rate.value.clone()), ..judged }
        })
        .collect()
}
