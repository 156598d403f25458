//! A candidate against another model on the same rows: what the one loses and the other wins, row by row.

use super::interval::{draws, percentiles};
use super::sample::Sample;
use super::words::number;
use crate::canvas::{Other, lower_is_better};
use serde::{Deserialize, Serialize};

/// Which of two models is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The whole interval of the difference is above 0.
    Better,
    /// The whole interval is below 0.
    Worse,
    /// The interval holds 0, or the rows do not define a difference.
    NotToldApart,
}

/// One metric of the candidate against that of another model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// The champion, or the baseline.
    pub against: Other,
    /// The version of the champion, or how the baseline predicts.
    pub name: String,
    /// The metric.
    pub metric: String,
    /// The metric of the other model.
    pub other: Option<f64>,
    /// By how much the candidate is better, in the unit of the metric: below 0 where it is worse, whichever way the metric
    /// is good.
    pub difference: Option<f64>,
    /// The lower end of its 95 % interval, by resampling both models' rows together.
    pub low: Option<f64>,
    /// The upper end of it.
    pub high: Option<f64>,
    /// What that says.
    pub verdict: Verdict,
    /// The same in words.
    pub words: String,
}

/// Compares two models that were asked about the same units. Each draw counts a unit as often for the one as for the other,
/// so what makes units easy or hard for both cancels out.
pub(super) fn compare(
    (candidate, other): (&dyn Sample, &dyn Sample),
    (against, name): (Other, &str),
    metric: &str,
    seed: u64,
) -> Compared {
    let sign = if lower_is_better(metric) { -1.0 } else { 1.0 };
    let of = |sample: &dyn Sample, counts: &[f64]| sample.metrics(&[metric], counts).first().copied().flatten();
    let difference = |counts: &[f64]| Some(sign * (of(candidate, counts)? - of(other, counts)?));
    let places: Vec<usize> = (0..candidate.units()).collect();
    let all = vec![1.0; places.len()];
    let value = difference(&all);
    let mut found = Vec::new();
    if value.is_some() {
        draws(&places, places.len(), seed, &mut |counts| found.extend(difference(counts)));
    }
    let interval = value.and_then(|value| percentiles(found, value));
    let verdict = match interval {
        Some(interval) if interval.low > 0.0 => Verdict::Better,
        Some(interval) if interval.high < 0.0 => Verdict::Worse,
        _ => Verdict::NotToldApart,
    };
    let (low, high) = (interval.map(|interval| interval.low), interval.map(|interval| interval.high));
    let who = match against {
        Other::Champion => format!("the champion {name}"),
        Other::Baseline => format!("the baseline ({name})"),
    };
    let words = match (value, low, high) {
        (Some(value), Some(low), Some(high)) => {
            let by = format!("{metric} is {} ({} to {})", by_how_much(value), signed(low), signed(high));
            match verdict {
                Verdict::Better => format!("better than {who}: {by}"),
                Verdict::Worse => format!("worse than {who}: {by}"),
                Verdict::NotToldApart => format!("not told apart from {who}: {by}"),
            }
        }
        _ => format!("not told apart from {who}: the held-out rows do not define a difference in {metric}"),
    };
    Compared {
        against,
        name: name.to_owned(),
        metric: metric.to_owned(),
        other: of(other, &all),
        difference: value,
        low,
        high,
        verdict,
        words,
    }
}

fn by_how_much(value: f64) -> String {
    match number(value.abs()).as_str() {
        "0" => "the same to four decimals".to_owned(),
        size if value < 0.0 => format!("worse by {size}"),
        size => format!("better by {size}"),
    }
}

fn signed(value: f64) -> String {
    let text = number(value);
    if value > 0.0 && text != "0" { format!("+{text}") } else { text }
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
