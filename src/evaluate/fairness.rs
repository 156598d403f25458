//! Fairness by group: demographic parity, equal opportunity and equalized odds, as Fairlearn defines them.

use super::decision::{Answer, DecisionRule};
use super::held_out::Partition;
use super::report::LEVEL;
use super::words::{count, percent};
use crate::stats::{Interval, katz, newcombe, wilson};
use serde::{Deserialize, Serialize};

/// How many cases each group needs before groups are compared.
const FEWEST_CASES: usize = 30;
/// How many cases each group needs of the label whose rates are compared, and how many decisions must be favourable.
const FEWEST_OF_LABEL: usize = 10;

/// One fairness metric by one sensitive feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupFairness {
    /// The sensitive feature.
    pub group: String,
    /// `demographic_parity`, `equal_opportunity` or `equalized_odds`, each with `_ratio` or `_difference`.
    pub metric: String,
    /// The lowest rate divided by the highest, or the highest minus the lowest. Nothing where that is not defined.
    pub value: Option<f64>,
    /// The lower end of the interval of these two groups' comparison.
    pub low: Option<f64>,
    /// The upper end of it; nothing where there is no limit.
    pub high: Option<f64>,
    /// What is missing for a comparison that can be relied on. Nothing: there is enough.
    pub too_little: Option<String>,
    /// What was compared, in words.
    pub words: String,
}

/// The decisions about one group.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GroupRates {
    /// The sensitive feature.
    pub group: String,
    /// Its value.
    pub value: String,
    /// How many cases.
    pub count: usize,
    /// How many were decided favourably.
    pub selected: usize,
    /// How many hoped for it rightly: their label is the one that a favourable decision is for.
    pub deserving: usize,
    /// How many of those were decided favourably.
    pub selected_deserving: usize,
    /// The share of favourable decisions.
    pub rate: Option<f64>,
    /// The lower end of its Wilson interval.
    pub low: Option<f64>,
    /// The upper end of it.
    pub high: Option<f64>,
}

/// Which rate of a group is compared: the favourable ones, and among how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rate {
    /// Among all.
    Selection,
    /// Among those who deserve it.
    TruePositive,
    /// Among those who do not.
    FalsePositive,
}

impl GroupRates {
    fn of(&self, rate: Rate) -> (usize, usize) {
        match rate {
            Rate::Selection => (self.selected, self.count),
            Rate::TruePositive => (self.selected_deserving, self.deserving),
            Rate::FalsePositive => (self.selected - self.selected_deserving, self.count - self.deserving),
        }
    }
}

/// The decisions by the value of one sensitive feature. Cases whose value is missing belong to no group.
pub(super) fn rates(
    partition: &Partition,
    rule: &DecisionRule,
    answers: &[Answer],
    labels: &[bool],
) -> Vec<GroupRates> {
    let named =
        |value: &String| GroupRates { group: partition.name.clone(), value: value.clone(), ..GroupRates::default() };
    let mut groups: Vec<GroupRates> = partition.values.iter().map(named).collect();
    for ((&place, answer), &label) in partition.of.iter().zip(answers).zip(labels) {
        let Some(group) = place.and_then(|place| groups.get_mut(place)) else { continue };
        let (selected, deserving) = (rule.favours(answer), label == rule.positive_is_favourable());
        group.count += 1;
        group.selected += usize::from(selected);
        group.deserving += usize::from(deserving);
        group.selected_deserving += usize::from(selected && deserving);
    }
    for group in &mut groups {
        if let Some(interval) = wilson(group.selected as f64, group.count as f64, LEVEL) {
            group.rate = Some(group.selected as f64 / group.count as f64);
            (group.low, group.high) = (Some(interval.low), Some(interval.high));
        }
    }
    groups
}

/// All fairness metrics of one sensitive feature.
pub(super) fn fairness(groups: &[GroupRates]) -> Vec<GroupFairness> {
    let metrics: [(&str, &[Rate]); 3] = [
        ("demographic_parity", &[Rate::Selection]),
        ("equal_opportunity", &[Rate::TruePositive]),
        ("equalized_odds", &[Rate::TruePositive, Rate::FalsePositive]),
    ];
    let both = |&(name, rates): &(&str, &[Rate])| [true, false].map(|ratio| measure(groups, name, rates, ratio));
    metrics.iter().flat_map(both).collect()
}

/// The lowest against the highest rate of one kind.
struct Comparison<'a> {
    lowest: &'a GroupRates,
    highest: &'a GroupRates,
    rate: Rate,
    value: f64,
}

fn compare(groups: &[GroupRates], rate: Rate, ratio: bool) -> Option<Comparison<'_>> {
    let share = |group: &GroupRates| {
        let (selected, count) = group.of(rate);
        selected as f64 / count as f64
    };
    let known = || groups.iter().filter(|group| group.of(rate).1 > 0);
    let lowest = known().min_by(|a, b| share(a).total_cmp(&share(b)))?;
    let highest = known().max_by(|a, b| share(a).total_cmp(&share(b)))?;
    let value = if ratio { share(lowest) / share(highest) } else { share(highest) - share(lowest) };
    (value.is_finite() && known().count() > 1).then_some(Comparison { lowest, highest, rate, value })
}

fn measure(groups: &[GroupRates], name: &str, rates: &[Rate], ratio: bool) -> GroupFairness {
    let metric = format!("{name}_{}", if ratio { "ratio" } else { "difference" });
    let all: Vec<Comparison<'_>> = rates.iter().filter_map(|&rate| compare(groups, rate, ratio)).collect();
    let worse = |a: &Comparison<'_>, b: &Comparison<'_>| {
        let order = a.value.total_cmp(&b.value);
        if ratio { order.reverse() } else { order }
    };
    // Of several rates the worst counts, and only where each is defined.
    let worst = all.iter().max_by(|a, b| worse(a, b)).filter(|_| all.len() == rates.len());
    let interval = worst.and_then(|worst| worst.interval(ratio));
    let finite = |end: Option<f64>| end.filter(|end| end.is_finite());
    GroupFairness {
        group: groups.first().map(|group| group.group.clone()).unwrap_or_default(),
        metric,
        value: worst.map(|worst| worst.value),
        low: finite(interval.map(|interval| interval.low)),
        high: finite(interval.map(|interval| interval.high)),
        too_little: too_little(groups, rates),
        words: worst.map_or_else(|| "the rates of two groups cannot be compared".into(), Comparison::words),
    }
}

impl Comparison<'_> {
    fn interval(&self, ratio: bool) -> Option<Interval> {
        let counted = |group: &GroupRates| {
            let (selected, count) = group.of(self.rate);
            (selected as f64, count as f64)
        };
        let (lowest, highest) = (counted(self.lowest), counted(self.highest));
        if ratio { katz(lowest, highest, LEVEL) } else { newcombe(highest, lowest, LEVEL) }
    }

    fn words(&self) -> String {
        let among = match self.rate {
            Rate::Selection => "",
            Rate::TruePositive => " among those with the label it is for",
            Rate::FalsePositive => " among those with the other label",
        };
        let part = |group: &GroupRates| {
            let (selected, count) = group.of(self.rate);
            format!("{} of {count} {} ({})", selected, group.value, percent(selected as f64 / count as f64))
        };
        format!("favourable{among}: {} against {}", part(self.lowest), part(self.highest))
    }
}

fn too_little(groups: &[GroupRates], rates: &[Rate]) -> Option<String> {
    if groups.len() < 2 {
        return Some("there is only one group".into());
    }
    for group in groups {
        if group.count < FEWEST_CASES {
            return Some(format!("{} has {}, and {FEWEST_CASES} are needed", group.value, count(group.count, "case")));
        }
        for &rate in rates.iter().filter(|&&rate| rate != Rate::Selection) {
            let (_, cases) = group.of(rate);
            if cases < FEWEST_OF_LABEL {
                let which = if rate == Rate::TruePositive { "deserving" } else { "other" };
                let has = format!("{} has {}", group.value, count(cases, &format!("{which} case")));
                return Some(format!("{has}, and {FEWEST_OF_LABEL} are needed"));
            }
        }
    }
    let selected: usize = groups.iter().map(|group| group.selected).sum();
    (selected < FEWEST_OF_LABEL)
        .then(|| format!("{} in all groups, and {FEWEST_OF_LABEL} are needed", count(selected, "favourable decision")))
}

#[cfg(test)]
#[path = "fairness_tests.rs"]
mod tests;
