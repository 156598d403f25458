//! The gates of the canvas: each passes or fails, and says why.

use super::compare::Compared;
use super::errors::FEWEST;
use super::fairness::GroupFairness;
use super::held_out::Partition;
use super::report::Measured;
use super::sample::{Sample, measure};
use super::words::{count, estimate, number};
use crate::canvas::{Gate, LATENCY_METRIC, Other, is_fairness_metric};
use serde::{Deserialize, Serialize};

/// What one gate comes to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    /// The metric.
    pub metric: String,
    /// For a fairness metric: the sensitive feature.
    pub by: Option<String>,
    /// The lowest value that passes; for a comparison, minus the margin.
    pub min: Option<f64>,
    /// The highest value that passes.
    pub max: Option<f64>,
    /// What was measured: of slices the worst, of a comparison the difference.
    pub value: Option<f64>,
    /// The lower end of its interval.
    pub low: Option<f64>,
    /// The upper end of it.
    pub high: Option<f64>,
    /// Whether the value keeps to the limit; with `bound`, whether the worse end of the interval does.
    pub passed: bool,
    /// Why, in words.
    pub words: String,
    /// Whether the interval decides.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bound: bool,
    /// The feature whose values are judged one by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<String>,
    /// The model that is compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub better_than: Option<Other>,
}

/// Whether a gate is about this run and not about the model alone: the champion of the moment, or the time that this
/// machine takes. It is judged by [`judge_run`](super::judge_run), and no part of the report that ships.
pub(super) fn is_of_run(gate: &Gate) -> bool {
    gate.metric == LATENCY_METRIC || gate.better_than == Some(Other::Champion)
}

/// What gates are judged by.
pub(super) struct Known<'a> {
    /// The metrics over all rows.
    pub(super) metrics: &'a [Measured],
    /// The fairness metrics.
    pub(super) fairness: &'a [GroupFairness],
    /// The comparisons with other models.
    pub(super) compared: &'a [Compared],
    /// The predictions, for slices.
    pub(super) sample: &'a dyn Sample,
    /// The features that slices are by, in units of the sample.
    pub(super) partitions: &'a [Partition],
    /// For resampling.
    pub(super) seed: u64,
}

fn named(gate: &Gate) -> GateReport {
    GateReport {
        metric: gate.metric.clone(),
        by: gate.by.clone(),
        min: gate.min,
        max: gate.max,
        bound: gate.bound,
        slice: gate.slice.clone(),
        better_than: gate.better_than,
        ..GateReport::default()
    }
}

/// A gate passes when its metric is known, there is enough data for it, and it keeps to the limits.
pub(super) fn judge(gate: &Gate, known: &Known<'_>) -> GateReport {
    match (gate.better_than, &gate.slice) {
        (Some(other), _) => {
            let found = known.compared.iter().find(|one| one.against == other && one.metric == gate.metric);
            judge_other(gate, found)
        }
        (None, Some(slice)) => judge_slices(gate, slice, known),
        (None, None) => judge_all(gate, known.metrics, known.fairness),
    }
}

/// Not worse than another model: the lower end of the paired difference is not below minus the margin.
pub(super) fn judge_other(gate: &Gate, compared: Option<&Compared>) -> GateReport {
    let mut report = named(gate);
    let margin = gate.margin.unwrap_or(0.0);
    report.min = Some(-margin);
    let other = gate.better_than.map_or("other model", Other::name);
    let Some(compared) = compared else {
        report.words = format!("{} cannot be compared with the {other}: there is none for these rows", gate.metric);
        return report;
    };
    (report.value, report.low, report.high) = (compared.difference, compared.low, compared.high);
    report.passed = compared.low.is_some_and(|low| low >= -margin);
    let allowed = if margin > 0.0 { format!("a margin of {}", number(margin)) } else { "no margin".to_owned() };
    let said = if report.passed { "so it is not worse" } else { "so it may be worse" };
    report.words = format!("{}; with {allowed}, {said}", compared.words);
    report
}

/// Every value with enough rows keeps to the limits.
fn judge_slices(gate: &Gate, slice: &str, known: &Known<'_>) -> GateReport {
    let mut report = named(gate);
    let name = format!("{} by {slice}", gate.metric);
    let Some(partition) = known.partitions.iter().find(|partition| partition.name == slice) else {
        report.words = format!("{name} is not known: the rows cannot be told apart by {slice}");
        return report;
    };
    let (mut judged, mut few) = (Vec::new(), 0);
    for (place, value) in partition.values.iter().enumerate() {
        let places: Vec<usize> = (0..partition.of.len()).filter(|&unit| partition.of[unit] == Some(place)).collect();
        if places.len() < FEWEST {
            few += usize::from(!places.is_empty());
            continue;
        }
        let measured = measure(known.sample, &[gate.metric.as_str()], &places, known.seed);
        judged.push((value, judge_all(&Gate { slice: None, ..gate.clone() }, &measured, &[])));
    }
    if judged.is_empty() {
        report.words = format!("{name} is not known: no value has {FEWEST} rows");
        return report;
    }
    report.passed = judged.iter().all(|(_, one)| one.passed);
    let worse = |one: &GateReport| {
        let value = one.value.unwrap_or(f64::NEG_INFINITY);
        // How far within the limits: the less, the worse.
        let (low, high) =
            if gate.bound { (one.low.unwrap_or(value), one.high.unwrap_or(value)) } else { (value, value) };
        let room = [gate.min.map(|min| low - min), gate.max.map(|max| max - high)];
        room.into_iter().flatten().fold(f64::INFINITY, f64::min)
    };
    if let Some((_, worst)) = judged.iter().min_by(|a, b| worse(&a.1).total_cmp(&worse(&b.1))) {
        (report.value, report.low, report.high) = (worst.value, worst.low, worst.high);
    }
    let failed: Vec<String> =
        judged.iter().filter(|(_, one)| !one.passed).map(|(value, one)| format!("{value}: {}", one.words)).collect();
    report.words = match failed.is_empty() {
        true => format!("{name} keeps to the limit for each of {}", count(judged.len(), "value")),
        false => format!("{name} does not keep to the limit for {}", failed.join("; ")),
    };
    if few > 0 {
        report.words.push_str(&format!(" ({} with fewer than {FEWEST} rows not judged)", count(few, "value")));
    }
    report
}

/// The time of one prediction. What it was exactly is another number in every run, so that a gate that passes does not say
/// it, and the same rows and canvas give the same words.
pub(super) fn judge_latency(gate: &Gate, latency_ms: Option<f64>) -> GateReport {
    let measured = Measured::new(LATENCY_METRIC, latency_ms, None);
    let mut report = judge_all(gate, &[measured], &[]);
    if report.passed {
        let limit = gate.max.or(gate.min).map_or_else(String::new, number);
        let within = if gate.max.is_some() { "not above" } else { "not below" };
        report.words = format!("{LATENCY_METRIC} is {within} the limit of {limit}");
    }
    report
}

/// A limit over all rows.
fn judge_all(gate: &Gate, metrics: &[Measured], fairness: &[GroupFairness]) -> GateReport {
    let mut report = named(gate);
    let name = match &gate.by {
        Some(group) => format!("{} by {group}", gate.metric),
        None => gate.metric.clone(),
    };
    let mut details = None;
    let mut too_little = None;
    if is_fairness_metric(&gate.metric) {
        let found = fairness.iter().find(|fair| fair.metric == gate.metric && Some(&fair.group) == gate.by.as_ref());
        let Some(found) = found else {
            report.words = match &gate.by {
                Some(group) => format!("{name} is not known: {group} is not a sensitive feature"),
                None => format!("{name} is not known: the gate does not say by which sensitive feature"),
            };
            return report;
        };
        (report.value, report.low, report.high) = (found.value, found.low, found.high);
        details = Some(found.words.as_str());
        too_little = found.too_little.as_deref();
    } else {
        let found = metrics.iter().find(|found| found.metric == gate.metric).filter(|_| gate.by.is_none());
        let Some(found) = found else {
            report.words = format!("{name} is not known: it is not measured");
            return report;
        };
        (report.value, report.low, report.high) = (found.value, found.low, found.high);
    }
    let Some(value) = report.value else {
        let why = too_little.or(details).unwrap_or("the held-out rows do not define it");
        report.words = format!("{name} is not known: {why}");
        return report;
    };
    let measured = format!("{name} is {}", estimate(report.value, report.low, report.high));
    let keeps = |value: f64| gate.min.is_none_or(|min| value >= min) && gate.max.is_none_or(|max| value <= max);
    let limit = match (gate.min, gate.max) {
        (Some(min), _) if value < min => format!("below the limit of {}", number(min)),
        (_, Some(max)) if value > max => format!("above the limit of {}", number(max)),
        (Some(min), None) => format!("not below the limit of {}", number(min)),
        (None, Some(max)) => format!("not above the limit of {}", number(max)),
        (Some(min), Some(max)) => format!("within {} and {}", number(min), number(max)),
        (None, None) => "and the gate states no limit".into(),
    };
    if let Some(too_little) = too_little {
        report.words = format!("{measured}, but there is too little data to rely on it: {too_little}");
        return report;
    }
    if gate.bound {
        judge_bound(gate, &mut report, &measured);
        return report;
    }
    report.passed = keeps(value) && (gate.min.is_some() || gate.max.is_some());
    report.words = format!("{measured}, {limit}");
    // An interval with an open end reaches beyond every limit on that side.
    let sure = keeps(report.low.unwrap_or(f64::NEG_INFINITY)) && keeps(report.high.unwrap_or(f64::INFINITY));
    if report.passed && !sure {
        report.words.push_str("; its interval reaches beyond the limit, so other rows could say otherwise");
    }
    if let Some(details) = details.filter(|_| !report.passed) {
        report.words.push_str(&format!(" ({details})"));
    }
    report
}

/// The worse end of the interval keeps to the limits.
fn judge_bound(gate: &Gate, report: &mut GateReport, measured: &str) {
    let low = gate.min.map(|min| (report.low, min, report.low.is_some_and(|low| low >= min), "lower", "below"));
    let high = gate.max.map(|max| (report.high, max, report.high.is_some_and(|high| high <= max), "upper", "above"));
    let ends: Vec<_> = [low, high].into_iter().flatten().collect();
    report.passed = !ends.is_empty() && ends.iter().all(|end| end.2);
    let words = ends.iter().map(|&(end, limit, passed, which, side)| match end {
        None => format!("its interval has no {which} end"),
        Some(_) => {
            let side = if passed { format!("not {side}") } else { side.to_owned() };
            format!("its {which} end is {side} the limit of {}", number(limit))
        }
    });
    report.words = format!("{measured}, {}", words.collect::<Vec<_>>().join(", and "));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Interval;

    fn gate(metric: &str, by: Option<&str>, min: Option<f64>, max: Option<f64>) -> Gate {
        Gate { metric: metric.into(), by: by.map(Into::into), min, max, ..Gate::default() }
    }

    fn measured() -> Vec<Measured> {
        let interval = |low, high| Some(Interval { low, high });
        vec![Measured::new("roc_auc", Some(0.73), interval(0.7, 0.76)), Measured::new("precision", None, None)]
    }

    fn fair(too_little: Option<&str>) -> GroupFairness {
        GroupFairness {
            group: "sex".into(),
            metric: "demographic_parity_ratio".into(),
            value: Some(0.6),
            low: Some(0.5),
            high: Some(0.72),
            too_little: too_little.map(Into::into),
            words: "favourable: 30 of 100 female (30.0 %) against 50 of 100 male (50.0 %)".into(),
        }
    }

    #[test]
    fn the_value_decides_and_the_interval_is_said() {
        let judged = |min, max| judge_all(&gate("roc_auc", None, min, max), &measured(), &[]);
        let sure = judged(Some(0.7), None);
        assert!(sure.passed);
        assert_eq!(sure.words, "roc_auc is 0.7300 (0.7000 to 0.7600), not below the limit of 0.7");
        let unsure = judged(Some(0.72), None);
        assert!(unsure.passed && unsure.words.contains("reaches beyond the limit"), "{}", unsure.words);
        let failed = judged(Some(0.8), None);
        assert!(!failed.passed && failed.words.ends_with("below the limit of 0.8"), "{}", failed.words);
        assert!(!judged(None, Some(0.5)).passed && !judged(None, None).passed);
        assert!(judged(Some(0.7), Some(0.76)).passed);
    }

    #[test]
    fn what_is_not_known_fails() {
        let cases = [
            (gate("precision", None, Some(0.1), None), "precision is not known: the held-out rows do not define it"),
            (gate("rmse", None, None, Some(1.0)), "rmse is not known: it is not measured"),
            (gate("demographic_parity_ratio", None, Some(0.8), None), "does not say by which"),
            (gate("demographic_parity_ratio", Some("age"), Some(0.8), None), "age is not a sensitive feature"),
        ];
        for (gate, wanted) in cases {
            let report = judge_all(&gate, &measured(), &[fair(None)]);
            assert!(!report.passed && report.words.contains(wanted), "{}", report.words);
        }
    }

    #[test]
    fn fairness_needs_enough_data() {
        let gate = gate("demographic_parity_ratio", Some("sex"), Some(0.5), None);
        assert!(judge_all(&gate, &[], &[fair(None)]).passed);
        let report = judge_all(&gate, &[], &[fair(Some("female has 8 cases, and 30 are needed"))]);
        assert!(!report.passed && report.words.contains("too little data to rely on it: female has 8"));
        assert_eq!(report.value, Some(0.6));
        let failed = judge_all(&Gate { min: Some(0.8), ..gate }, &[], &[fair(None)]);
        assert!(failed.words.ends_with("(favourable: 30 of 100 female (30.0 %) against 50 of 100 male (50.0 %))"));
    }
}
