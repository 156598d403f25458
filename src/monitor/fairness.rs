//! Fairness by group: the worst rate against the best one, with an interval and three states.
//!
//! Metrics as Fairlearn defines them (Weerts et al., 2023). `pass` and `fail` need the whole interval on one side of
//! the limit and the minimum count in each group; everything else is "not enough evidence".

use super::evidence::{Estimate, LEVEL, MINIMUM_COUNT};
use super::report::Counts;
use super::words::{count, join, number, spaced, title};
use crate::bundle::Manifest;
use crate::features::GroupSchema;
use crate::guard::positive_is_favourable;
use crate::profile::Layout;
use crate::stats::{Interval, katz, newcombe};
use serde::{Deserialize, Serialize};

/// The four-fifths rule for ratios, and its counterpart for differences.
const LOWEST_RATIO: f64 = 0.8;
const HIGHEST_DIFFERENCE: f64 = 0.1;

/// How many favourable decisions the two groups must have together before their rates are compared.
const MINIMUM_POSITIVES: u64 = 10;

/// One fairness metric by one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FairnessReport {
    /// The sensitive feature.
    pub group: String,
    /// `demographic_parity`, `equal_opportunity` or `equalized_odds`, each with `_ratio` or `_difference`.
    pub metric: String,
    /// What it comes to.
    pub state: FairnessState,
    /// The lowest rate divided by the highest one, or the highest minus the lowest.
    pub value: Option<f64>,
    /// The lower end of its interval.
    pub low: Option<f64>,
    /// The upper end of it.
    pub high: Option<f64>,
    /// A ratio must not be below it, a difference not above it.
    pub limit: f64,
    /// The same in words.
    pub words: String,
    /// The rates: of favourable decisions; for equal opportunity among those with the label that a favourable decision
    /// is for; for equalized odds among those with the other label (the first stand at equal opportunity).
    pub by: Vec<GroupRate>,
}

/// The rate of favourable decisions in one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupRate {
    /// The value of the sensitive feature.
    pub value: String,
    /// How many cases: fewer than there were predictions, since small frames tell of groups or of features.
    pub count: u64,
    /// How many of them were decided favourably.
    pub selected: u64,
    /// Their share; nothing when there are no cases.
    pub rate: Option<f64>,
    /// The lower end of its Wilson interval.
    pub low: Option<f64>,
    /// The upper end of it.
    pub high: Option<f64>,
}

/// What a fairness metric comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FairnessState {
    /// The whole interval keeps to the limit, and each group has the minimum count.
    Pass,
    /// The whole interval is beyond the limit.
    Fail,
    /// Neither can be said.
    NotEnoughEvidence,
}

/// How two rates are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    Ratio,
    Difference,
}

/// What makes a comparison: the rates by group, how much evidence a case is, and what is asked of them.
#[derive(Clone, Copy)]
pub(super) struct Comparison<'a> {
    pub(super) measure: Measure,
    pub(super) limit: f64,
    pub(super) minimum: u64,
    pub(super) effect: f64,
    /// One table of rates, or two for equalized odds, where the worse one counts.
    pub(super) tables: &'a [&'a [GroupRate]],
}

/// What a comparison gives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compared<'a> {
    pub(super) state: FairnessState,
    pub(super) value: Option<f64>,
    pub(super) interval: Option<Interval>,
    worst: Option<&'a GroupRate>,
    best: Option<&'a GroupRate>,
}

pub(super) fn groups(manifest: &Manifest, layout: &Layout, counts: Counts<'_>, effect: f64) -> Vec<FairnessReport> {
    let mut reports = Vec::new();
    for (index, group) in manifest.groups.iter().enumerate() {
        let decided = rates(group, effect, |value| {
            let of = |favourable| counts.at(layout.group(index, Some(value), favourable));
            (of(true), of(true).saturating_add(of(false)))
        });
        // An outcome belongs to one case of one person, so labels need no design effect.
        let labelled = |positive: bool| {
            rates(group, 1.0, |value| {
                let of = |favourable| counts.at(layout.group_outcome(index, Some(value), positive, favourable));
                (of(true), of(true).saturating_add(of(false)))
            })
        };
        // A favourable decision is right for one of the labels: no fraud where the highest band is an unfavourable one.
        let right = positive_is_favourable(manifest);
        let (deserving, others) = (labelled(right), labelled(!right));
        let mut add = |name: &str, effect: f64, tables: &[&[GroupRate]]| {
            for measure in [Measure::Ratio, Measure::Difference] {
                let limit = measure.default_limit();
                let comparison = Comparison { measure, limit, minimum: MINIMUM_COUNT, effect, tables };
                reports.push(comparison.report(&group.name, name));
            }
        };
        add("demographic_parity", effect, &[&decided]);
        if deserving.iter().chain(&others).any(|rate| rate.count > 0) {
            add("equal_opportunity", 1.0, &[&deserving]);
            add("equalized_odds", 1.0, &[&deserving, &others]);
        }
    }
    reports
}

fn rates(group: &GroupSchema, effect: f64, counted: impl Fn(usize) -> (u64, u64)) -> Vec<GroupRate> {
    let rate = |(index, value): (usize, &String)| {
        let (selected, count) = counted(index);
        let estimate = Estimate::share(selected, count, effect);
        GroupRate {
            value: value.clone(),
            count,
            selected,
            rate: estimate.map(|estimate| estimate.value),
            low: estimate.map(|estimate| estimate.low),
            high: estimate.map(|estimate| estimate.high),
        }
    };
    group.values.iter().enumerate().map(rate).collect()
}

impl Measure {
    /// The ending of a metric's name.
    pub(super) const fn suffix(self) -> &'static str {
        match self {
            Self::Ratio => "_ratio",
            Self::Difference => "_difference",
        }
    }

    pub(super) const fn default_limit(self) -> f64 {
        match self {
            Self::Ratio => LOWEST_RATIO,
            Self::Difference => HIGHEST_DIFFERENCE,
        }
    }

    /// How bad a value is, so that more is worse for both measures.
    fn badness(self, value: f64) -> f64 {
        match self {
            Self::Ratio => -value,
            Self::Difference => value,
        }
    }
}

impl<'a> Comparison<'a> {
    fn report(&self, group: &str, name: &str) -> FairnessReport {
        let compared = self.compare();
        FairnessReport {
            group: group.to_owned(),
            metric: [name, self.measure.suffix()].concat(),
            state: compared.state,
            value: compared.value,
            low: compared.interval.map(|interval| interval.low),
            high: compared.interval.map(|interval| interval.high),
            limit: self.limit,
            words: self.words(group, name, &compared),
            by: self.tables.last().map(|table| table.to_vec()).unwrap_or_default(),
        }
    }

    /// The worst of its tables: it fails when one fails, and passes when all pass.
    pub(super) fn compare(&self) -> Compared<'a> {
        let nothing =
            Compared { state: FairnessState::NotEnoughEvidence, value: None, interval: None, worst: None, best: None };
        let all: Vec<Compared<'a>> = self.tables.iter().map(|table| self.extremes(table).unwrap_or(nothing)).collect();
        let any = |state| all.iter().any(|compared| compared.state == state);
        let state = if any(FairnessState::Fail) {
            FairnessState::Fail
        } else if any(FairnessState::NotEnoughEvidence) || all.is_empty() {
            FairnessState::NotEnoughEvidence
        } else {
            FairnessState::Pass
        };
        // The value is the worst one among those that share the state, so that words and state tell the same story.
        let badness = |compared: &Compared<'_>| compared.value.map_or(f64::NEG_INFINITY, |v| self.measure.badness(v));
        let worst = all.into_iter().filter(|compared| compared.state == state);
        let worst = worst.max_by(|a, b| badness(a).total_cmp(&badness(b))).unwrap_or(nothing);
        Compared { state, ..worst }
    }

    /// The group with the lowest rate against the one with the highest. Groups below the minimum count are left out
    /// while two others remain.
    fn extremes(&self, table: &'a [GroupRate]) -> Option<Compared<'a>> {
        let enough = |rate: &&GroupRate| rate.count >= self.minimum;
        let eligible = table.iter().filter(enough).count();
        let least = if eligible >= 2 { self.minimum } else { 1 };
        let known = || table.iter().filter(move |rate| rate.count >= least && rate.rate.is_some());
        let order = |a: &&GroupRate, b: &&GroupRate| a.rate.unwrap_or(0.0).total_cmp(&b.rate.unwrap_or(0.0));
        let worst = known().min_by(order)?;
        let best = known().filter(|rate| !std::ptr::eq(*rate, worst)).max_by(order)?;
        let (low, high) = (worst.rate?, best.rate?);
        // Which groups are the extremes was looked up in the same data, so the level is shared among all pairs
        // (Bonferroni), and among the tables.
        let groups = known().count() as f64;
        let level = 1.0 - (1.0 - LEVEL) / (groups * (groups - 1.0) / 2.0 * self.tables.len() as f64);
        let evidence = |rate: &GroupRate| (rate.selected as f64 / self.effect, rate.count as f64 / self.effect);
        let (value, interval) = match self.measure {
            Measure::Ratio => ((high > 0.0).then(|| low / high), katz(evidence(worst), evidence(best), level)),
            Measure::Difference => (Some(high - low), newcombe(evidence(best), evidence(worst), level)),
        };
        let comparable = eligible >= 2 && worst.selected.saturating_add(best.selected) >= MINIMUM_POSITIVES;
        let beyond = |end: f64| self.measure.badness(end) > self.measure.badness(self.limit);
        let (near, far) = match (self.measure, interval) {
            (_, None) => (None, None),
            (Measure::Ratio, Some(Interval { low, high })) => (Some(high), Some(low)),
            (Measure::Difference, Some(Interval { low, high })) => (Some(low), Some(high)),
        };
        let state = match (near, far) {
            (Some(near), _) if comparable && beyond(near) => FairnessState::Fail,
            (_, Some(far)) if comparable && eligible == table.len() && !beyond(far) => FairnessState::Pass,
            _ => FairnessState::NotEnoughEvidence,
        };
        Some(Compared { state, value, interval, worst: Some(worst), best: Some(best) })
    }

    pub(super) fn words(&self, group: &str, name: &str, compared: &Compared<'_>) -> String {
        let limit = number(self.limit);
        let subject = [&title(group), ": ", &spaced(name)].concat();
        let (Some(value), Some(worst), Some(best)) = (compared.value, compared.worst, compared.best) else {
            return [&subject, " cannot be judged before at least two groups have favourable decisions."].concat();
        };
        let few = self.tables.iter().flat_map(|table| table.iter()).min_by_key(|rate| rate.count);
        if compared.state == FairnessState::NotEnoughEvidence
            && let Some(few) = few.filter(|few| few.count < self.minimum)
        {
            let (has, wants) = (count(few.count), count(self.minimum));
            return [&subject, " has too little evidence: ", &few.value, " has ", &has, " of ", &wants, " cases."]
                .concat();
        }
        let range = compared.interval.map(|Interval { low, high }| [number(low), number(high)]);
        let range = range.map(|[low, high]| [" (", &low, " to ", &high, ")"].concat()).unwrap_or_default();
        let rates = match self.measure {
            Measure::Ratio => [" of ", &worst.value, " is ", &number(value), " times that of ", &best.value],
            Measure::Difference => [" of ", &best.value, " is ", &number(value), " above that of ", &worst.value],
        };
        let end = match (compared.state, self.measure) {
            (FairnessState::NotEnoughEvidence, _) => ["; the limit ", &limit, " is not decided yet."],
            (_, Measure::Ratio) => ["; at least ", &limit, " is asked."],
            (_, Measure::Difference) => ["; at most ", &limit, " is asked."],
        };
        join(&[&subject, &rates.concat(), &range, &end.concat()])
    }
}
